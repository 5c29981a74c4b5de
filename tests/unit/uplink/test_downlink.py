"""What the central sends is read with care: sense is taken, nonsense is not, and nothing raises."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.events import LANES, Lane
from agent.uplink import downlink
from agent.uplink.downlink import Wanted

EPOCH = "7f3a9c21d4e8b605"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def confirmed(**fields: object) -> dict[Lane, int]:
    epoch, sequences = downlink.confirmations(orjson.dumps({"epoch": EPOCH, **fields}))
    assert epoch == fields.get("epoch", EPOCH) or not sequences
    return sequences


def test_each_lane_named_is_confirmed() -> None:
    """Lanes that are not named stay as they are; other keys are for others."""
    assert confirmed(andon=12, work=0, later="x", time=7) == {Lane.ANDON: 12, Lane.WORK: 0}


@pytest.mark.parametrize("value", ["12", 12.0, None, True, -1, [12], {"to": 12}, 1e300])
def test_a_lane_with_nonsense_is_left_out(value: object) -> None:
    """The others count all the same."""
    assert confirmed(andon=value, work=3) == {Lane.WORK: 3}


def test_the_journal_is_named() -> None:
    """Whose numbers they are: the present journal's, or those of one that events were saved from."""
    assert downlink.confirmations(b'{"epoch": "another", "work": 3}') == ("another", {Lane.WORK: 3})


@pytest.mark.parametrize("epoch", [None, 7, [EPOCH]])
def test_numbers_of_no_journal_confirm_nothing(epoch: object) -> None:
    assert confirmed(epoch=epoch, work=3) == {}


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"[]", b"null", b"7", b'"x"', b"\xff\xfe", b'{"epoch":', b"[" * 5000, b"1" * 400]
)
def test_a_confirmation_that_makes_no_sense_confirms_nothing(payload: bytes) -> None:
    """Half a document, another kind of document, no document."""
    assert downlink.confirmations(payload) == ("", {})


@given(st.binary())
def test_any_bytes_are_read(payload: bytes) -> None:
    """Whatever comes on the topics, reading it never raises."""
    assert downlink.confirmations(payload) == ("", {})
    assert isinstance(downlink.command(payload), dict)


@given(st.dictionaries(st.sampled_from([*(lane.value for lane in LANES), "x"]), JSON))
def test_only_whole_numbers_are_confirmed(fields: dict[str, object]) -> None:
    """Any JSON document: what comes out are lanes with numbers."""
    for lane, sequence in confirmed(**fields).items():
        assert sequence == fields[lane.value]
        assert type(sequence) is int
        assert sequence >= 0


@given(st.dictionaries(st.text(), JSON))
def test_a_command_is_its_document(document: dict[str, object]) -> None:
    """An object comes as it is, the empty one too."""
    assert downlink.command(orjson.dumps(document)) == orjson.loads(orjson.dumps(document))


@pytest.mark.parametrize(
    ("order", "wanted"),
    [
        ({"lane": "work", "from": 3, "to": 9}, Wanted(Lane.WORK, 3, 9)),
        ({"lane": "andon", "from": 0, "to": 9, "epoch": EPOCH}, Wanted(Lane.ANDON, 1, 9, EPOCH)),
        ({"lane": "work", "from": 9, "to": 3}, Wanted(Lane.WORK, 9, 3)),
        ({}, None),
        ({"lane": "moon", "from": 3, "to": 9}, None),
        ({"lane": ["work"], "from": 3, "to": 9}, None),
        ({"lane": "work", "from": "3", "to": 9}, None),
        ({"lane": "work", "from": 3}, None),
        ({"lane": "work", "from": True, "to": 9}, None),
        ({"lane": "work", "from": -3, "to": 9}, None),
        ({"lane": "work", "from": 3, "to": 9, "epoch": 7}, None),
    ],
)
def test_a_replay_says_lane_and_numbers(order: dict[str, object], wanted: Wanted | None) -> None:
    """Anything less is answered with what is lacking, never guessed at."""
    assert downlink.replay(order) == wanted


@given(st.dictionaries(st.sampled_from(["lane", "from", "to", "epoch"]), JSON))
def test_any_replay_is_read(order: dict[str, object]) -> None:
    wanted = downlink.replay(order)
    assert wanted is None or wanted.first >= 1


def test_a_command_without_a_document_is_empty() -> None:
    """Some orders need no words."""
    assert downlink.command(b"") == {}


@pytest.mark.parametrize("payload", [b"{", b"[1]", b"7", b"null", b"\xff"])
def test_a_command_that_cannot_be_read_is_kept(payload: bytes) -> None:
    """Byte for byte, so that the refusal on record shows what came."""
    assert downlink.command(payload)["unreadable"].encode("latin-1") == payload
