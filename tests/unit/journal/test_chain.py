"""The chain: each event carries the hash of the one before it, and whatever is changed in the file is named."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pytest

from agent.events import LANES, Kind, Lane, digest
from agent.journal import verify
from agent.journal.errors import JournalCorruptError, JournalVersionError
from agent.journal.journal import JournalSettings
from agent.journal.quarantine import Refusal
from tests.journals import Now, events_of, fact, facts, kept, opened, tidied

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.journal.proof import Broken, Proof

DAY_S = 86_400.0
SECOND_VERSION = Path(__file__).parents[2] / "data" / "journal" / "v2.db"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def filled(path: Path, count: int = 100) -> dict[int, str]:
    """A closed journal with so many work events; their bodies."""
    journal = opened(path)
    journal.append(facts(count), {})
    journal.close()
    return kept(path, Lane.WORK)


def change(path: Path, *statements: tuple[str, tuple[Any, ...]]) -> None:
    """What somebody with a plain SQLite does to the file."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement, values in statements:
            connection.execute(statement, values)


def rewritten(path: Path, seq: int, body: str) -> None:
    """Change a body, and its checksum with it."""
    change(path, ("UPDATE event_work SET body = ?, crc = ? WHERE seq = ?", (body, crc32(body.encode()), seq)))


def proof_of(path: Path, lane: Lane = Lane.WORK, epoch: str = "") -> Proof:
    return next(one for one in verify.journal(path) if one.lane is lane and (not epoch or one.epoch == epoch))


def broken(path: Path, lane: Lane = Lane.WORK) -> Broken:
    found = proof_of(path, lane).broken
    assert found is not None
    return found


def must_be_good(path: Path) -> None:
    assert [proof for proof in verify.journal(path) if proof.broken] == []


# --- what is written


def test_each_event_carries_the_hash_of_the_one_before_it(path: Path) -> None:
    """Of its very bytes; the first event of all carries none.  Across transactions and restarts."""
    for text in ("a", "µ\xff", "c"):
        journal = opened(path)
        journal.append([fact(text=text), fact(text=text * 2)], {})
        journal.close()
    bodies = kept(path, Lane.WORK)
    carried = [json.loads(body).get("prevhash", "") for body in bodies.values()]
    assert carried == ["", *(digest(bodies[seq].encode()) for seq in range(1, len(bodies)))]
    must_be_good(path)


def test_lanes_are_chained_each_by_itself(path: Path) -> None:
    journal = opened(path)
    journal.append([fact(lane) for _ in range(3) for lane in LANES], {})
    journal.close()
    proofs = verify.journal(path)
    assert [(proof.lane, proof.events, proof.chained) for proof in proofs] == [(lane, 3, 1) for lane in LANES]
    assert len({proof.head for proof in proofs}) == len(LANES)
    must_be_good(path)


def test_a_transaction_that_fails_leaves_the_chain_whole(path: Path) -> None:
    journal = opened(path)
    journal.append([fact()], {})
    with pytest.raises(TypeError):
        journal.append([fact()], {"last": {"n": object()}})
    journal.append([fact()], {})
    journal.close()
    must_be_good(path)


def test_a_journal_is_proved_while_it_is_written(path: Path) -> None:
    journal = opened(path)
    journal.append(facts(10), {})
    must_be_good(path)
    journal.append(facts(10), {})
    assert proof_of(path).last == 20
    journal.close()


# --- what is found


def test_a_changed_body_is_found_though_its_checksum_was_made_to_fit(path: Path) -> None:
    bodies = filled(path)
    rewritten(path, 40, bodies[40].replace('"text":"39-', '"text":"93-'))
    found = broken(path)
    assert (found.sequence, found.time) == (40, json.loads(bodies[40])["time"])
    assert "event 41 was not written behind it" in found.reason


def test_a_changed_body_without_its_checksum_is_found(path: Path) -> None:
    bodies = filled(path)
    change(path, ("UPDATE event_work SET body = ? WHERE seq = 40", (bodies[40].replace("39-", "93-"),)))
    assert (broken(path).sequence, "checksum" in broken(path).reason) == (40, True)


def test_a_changed_column_beside_the_body_is_found(path: Path) -> None:
    """Retention and the command line look at it."""
    filled(path)
    change(path, ("UPDATE event_work SET time = '2020' WHERE seq = 7", ()))
    assert (broken(path).sequence, "beside the event" in broken(path).reason) == (7, True)


def test_the_last_event_is_held_to_what_was_written(path: Path) -> None:
    """Nothing follows it, so the book of lanes vouches for it."""
    bodies = filled(path)
    rewritten(path, 100, bodies[100].replace("99-", "98-"))
    assert (broken(path).sequence, broken(path).reason) == (100, "it is not the event that was written last")


@pytest.mark.parametrize(
    ("gone", "first", "told"), [("seq = 50", 50, "event 50 is missing"), ("seq BETWEEN 50 AND 60", 50, "50 to 60")]
)
def test_a_removed_event_is_found(path: Path, gone: str, first: int, told: str) -> None:
    filled(path)
    change(path, (f"DELETE FROM event_work WHERE {gone}", ()))
    assert (broken(path).sequence, told in broken(path).reason) == (first, True)


def test_a_removed_beginning_is_found(path: Path) -> None:
    """Also if the book is made to say that it was forgotten: the hash of the last forgotten event is not there."""
    filled(path)
    change(path, ("DELETE FROM event_work WHERE seq <= 10", ()))
    assert broken(path).sequence == 1
    change(path, ("UPDATE lane SET first_seq = 11 WHERE name = 'work'", ()))
    assert (broken(path).sequence, "was not kept" in broken(path).reason) == (11, True)


def test_swapped_events_are_found(path: Path) -> None:
    """Each says its own number; and if that is changed too, its hash is another."""
    bodies = filled(path)
    rewritten(path, 20, bodies[30])
    rewritten(path, 30, bodies[20])
    assert (broken(path).sequence, "another's place" in broken(path).reason) == (20, True)
    for seq, other in ((20, 30), (30, 20)):
        body = bodies[other].replace(f'"sequence":"{other}"', f'"sequence":"{seq}"')
        rewritten(path, seq, body.replace(f".work.{other}", f".work.{seq}"))
    assert broken(path).sequence == 19


def test_an_event_slipped_in_is_found(path: Path) -> None:
    """Behind the last one, with the book brought up to it."""
    bodies = filled(path)
    body = bodies[100].replace('"sequence":"100"', '"sequence":"101"').replace(".work.100", ".work.101")
    insert = "INSERT INTO event_work SELECT 101, type, time, subject, ?, ? FROM event_work WHERE seq = 100"
    change(
        path,
        (insert, (body, crc32(body.encode()))),
        ("UPDATE lane SET last_seq = 101, last_hash = ? WHERE name = 'work'", (digest(body.encode()),)),
    )
    assert broken(path).sequence == 100


@pytest.mark.parametrize("book", [False, True], ids=["events", "events and book"])
def test_a_cut_end_is_found(path: Path, *, book: bool) -> None:
    """The book knows how many there were, and the note beside the file knows it too."""
    bodies = filled(path)
    change(path, ("DELETE FROM event_work WHERE seq > 90", ()))
    if book:
        head = digest(bodies[90].encode())
        change(path, ("UPDATE lane SET last_seq = 90, last_hash = ? WHERE name = 'work'", (head,)))
    assert (broken(path).sequence, "100 events were written" in broken(path).reason) == (91, True)


def test_a_witness_finds_what_was_written_anew_as_a_whole(path: Path) -> None:
    """Whoever can change everything can chain everything again; a hash that was noted elsewhere tells."""
    bodies = filled(path)
    witness = {(Lane.WORK, 50): digest(bodies[50].encode())}
    assert next(one for one in verify.journal(path, witness) if one.lane is Lane.WORK).broken is None
    path.unlink()
    path.with_name(path.name + ".lock").unlink()
    journal = opened(path)
    journal.append([fact(text="another story") for _ in range(100)], {})
    journal.close()
    must_be_good(path)
    found = next(one for one in verify.journal(path, witness) if one.lane is Lane.WORK).broken
    assert found is not None
    assert (found.sequence, "the witness has" in found.reason) == (50, True)
    later = {(Lane.WORK, 101): "0" * 32}
    found = next(one for one in verify.journal(path, later) if one.lane is Lane.WORK).broken
    assert found is not None
    assert "the witness knows event 101" in found.reason


def test_a_book_that_makes_no_sense_is_told(path: Path) -> None:
    filled(path)
    change(path, ("UPDATE lane SET confirmed_seq = 1000 WHERE name = 'work'", ()))
    with pytest.raises(JournalCorruptError, match="out of order"):
        verify.journal(path)


# --- across retention


def aged(path: Path, lane: Lane = Lane.WORK) -> None:
    """Twenty events, ten of them confirmed, old and forgotten."""
    now = Now()
    journal = opened(path, JournalSettings(keep_days=1.0), now)
    for _ in range(20):
        journal.append([fact(lane, moment=now())], {})
        now.pass_(3600)
    journal.confirmed(lane, 10)
    now.pass_(30 * DAY_S)
    tidied(journal)
    journal.close()


def test_what_is_left_of_a_lane_is_proved_by_the_hash_of_the_last_forgotten(path: Path) -> None:
    aged(path)
    proof = proof_of(path)
    assert (proof.first, proof.last, proof.events, proof.broken) == (11, 20, 10, None)
    change(path, ("UPDATE anchor SET hash = ? WHERE lane = 'work'", ("0" * 32,)))
    assert (broken(path).sequence, "which is gone, had another hash" in broken(path).reason) == (11, True)


def test_an_empty_lane_goes_on_where_it_was(path: Path) -> None:
    """All its events are forgotten, and the next one still carries the hash of the last."""
    now = Now()
    journal = opened(path, JournalSettings(keep_days=0.0), now)
    journal.append([fact(moment=now())], {})
    before = digest(kept(path, Lane.WORK)[1].encode())
    journal.confirmed(Lane.WORK, 1)
    now.pass_(DAY_S)
    tidied(journal)
    assert kept(path, Lane.WORK) == {}
    journal.append([fact(moment=now())], {})
    journal.close()
    assert json.loads(kept(path, Lane.WORK)[2])["prevhash"] == before
    must_be_good(path)


def thinned(path: Path) -> None:
    """Every fifth of a hundred measurements is out of limits and stays."""
    journal = opened(path, JournalSettings({Lane.MEASUREMENT: 40_000}))
    journal.append(
        [
            fact(Lane.MEASUREMENT, "x" * 200, value=number / 10, verdict="fail" if number % 5 == 0 else "pass")
            for number in range(1, 101)
        ],
        {},
    )
    tidied(journal)
    journal.append([fact(Lane.MEASUREMENT)], {})
    journal.close()


def test_what_thinning_leaves_is_proved_event_by_event(path: Path) -> None:
    """Each that stays has its neighbours' hashes: a change of it is found, and so is the removal of one more."""
    thinned(path)
    proof = proof_of(path, Lane.MEASUREMENT)
    assert (proof.broken, proof.holes, proof.last) == (None, 80, 102)
    body = kept(path, Lane.MEASUREMENT)[50]
    changed = body.replace('"value":5.0', '"value":6.0')
    assert changed != body
    change(path, ("UPDATE event_measurement SET body = ?, crc = ? WHERE seq = 50", (changed, crc32(changed.encode()))))
    assert broken(path, Lane.MEASUREMENT).sequence == 50


@pytest.mark.parametrize("seq", [5, 50, 95])
def test_a_failed_measurement_removed_from_among_thinned_ones_is_found(path: Path, seq: int) -> None:
    thinned(path)
    change(path, ("DELETE FROM event_measurement WHERE seq = ?", (seq,)))
    assert broken(path, Lane.MEASUREMENT).sequence == seq


def test_gap_records_that_outlive_their_lane_are_proved(path: Path) -> None:
    """They stand alone among what was given up."""
    journal = opened(path, JournalSettings({Lane.WORK: 1_000, Lane.ALARM: 2_000}))
    for number in range(1100):
        journal.append([*facts(3), fact(Lane.ALARM, str(number))], {})
        while journal.crowded and journal.tidy():
            pass
    tidied(journal)
    journal.close()
    must_be_good(path)
    there = kept(path, Lane.ALARM)
    alone = next(seq for seq, body in there.items() if "journal.gap" in body and seq + 1 not in there)
    body = there[alone].replace('"count":', '"count":1')
    change(path, ("UPDATE event_alarm SET body = ?, crc = ? WHERE seq = ?", (body, crc32(body.encode()), alone)))
    assert broken(path, Lane.ALARM).sequence == alone


# --- across epochs


def begun_anew(path: Path) -> tuple[str, str]:
    journal = opened(path)
    journal.append(facts(50), {})
    old = journal.epoch
    journal.start_anew("test")
    journal.append(facts(5), {})
    tidied(journal)
    journal.close()
    return old, journal.epoch


def test_a_new_epoch_goes_on_from_the_last_hash_of_the_old_one(path: Path) -> None:
    """And the record of the recovery tells that hash."""
    old, new = begun_anew(path)
    (told,) = events_of(path, Kind.JOURNAL_RECOVERED)
    first = json.loads(kept(path, Lane.WORK)[1])
    assert told["hashes"]["work"] == [50, first["prevhash"]]
    saved = proof_of(path, epoch=old)
    assert (saved.saved, saved.events, saved.head, saved.broken) == (True, 50, first["prevhash"], None)
    assert proof_of(path, epoch=new).broken is None
    must_be_good(path)


def test_it_is_known_also_when_the_damage_is_found_at_the_start(path: Path) -> None:
    """Then the damaged file itself tells it."""
    bodies = filled(path)
    change(path, ("UPDATE lane SET confirmed_seq = 1000 WHERE name = 'andon'", ()))
    journal = opened(path)
    assert journal.damage is not None
    journal.append([fact()], {})
    tidied(journal)
    journal.close()
    assert json.loads(kept(path, Lane.WORK)[1])["prevhash"] == digest(bodies[100].encode())
    must_be_good(path)


def test_where_it_is_not_known_the_first_event_carries_none(path: Path, tmp_path: Path) -> None:
    """An old copy was put back: its last event is not the last there was."""
    filled(path)
    shutil.copy(path, tmp_path / "copy")
    journal = opened(path)
    journal.append(facts(5), {})
    journal.close()
    shutil.copy(tmp_path / "copy", path)
    journal = opened(path)
    journal.append([fact()], {})
    tidied(journal)
    journal.close()
    assert "prevhash" not in json.loads(kept(path, Lane.WORK)[1])
    must_be_good(path)


def test_a_change_of_what_was_saved_is_found(path: Path) -> None:
    old, _ = begun_anew(path)
    with closing(sqlite3.connect(path)) as connection:
        body = connection.execute("SELECT body FROM salvage WHERE seq = 20").fetchone()[0]
    change(path, ("UPDATE salvage SET body = ? WHERE seq = 20", (body.replace("19-", "91-"),)))
    found = proof_of(path, epoch=old).broken
    assert found is not None
    assert found.sequence == 20


def test_a_damaged_file_that_was_put_aside_can_be_proved_too(path: Path) -> None:
    begun_anew(path)
    (told,) = events_of(path, Kind.JOURNAL_RECOVERED)
    aside = path.with_name(told["aside"])
    must_be_good(aside)


def test_quarantine_breaks_no_link(path: Path) -> None:
    journal = opened(path)
    journal.append(facts(5), {})
    journal.quarantine.put(Refusal(Lane.WORK, 3, 0x99, "payload format invalid"))
    journal.settle()
    journal.close()
    must_be_good(path)


def test_a_journal_of_an_older_version_says_so(path: Path) -> None:
    """Proving never writes: the agent brings the file up."""
    shutil.copy(SECOND_VERSION, path)
    with pytest.raises(JournalVersionError, match="schema version 2"):
        verify.journal(path)


CHANGES: list[Callable[[str], str]] = [
    lambda body: body.replace('"clock":"synced"', '"clock":"unsynced"'),
    lambda body: body.replace('"subject":"SN1"', '"subject":"SN2"'),
    lambda body: body.replace('"monotonicns":"4', '"monotonicns":"5'),
    lambda body: body.replace('"prevhash":"', '"prevhash":"0')[:-1] + "}",
    lambda body: body.replace("}}", " }}"),
]


@pytest.mark.parametrize("changed", CHANGES)
def test_any_change_of_any_part_of_an_event_is_found(path: Path, changed: Callable[[str], str]) -> None:
    """Also one that JSON does not care about."""
    bodies = filled(path, 20)
    assert changed(bodies[10]) != bodies[10]
    rewritten(path, 10, changed(bodies[10]))
    assert broken(path).sequence in {9, 10}
