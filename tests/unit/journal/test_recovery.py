"""After damage: what was saved and what is missing is told exactly, the old file stays, and numbers begin anew."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from agent.events import LANES, Kind, Lane
from agent.journal.errors import JournalCorruptError, JournalVersionError, JournalWriteError
from agent.journal.journal import JournalSettings
from agent.journal.quarantine import Refusal
from tests.journals import ask, events_of, fact, facts, kept, opened, read_all, salvaged, spans, tidied

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agent.journal.journal import Journal

PAGE = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def filled(path: Path, count: int = 200) -> dict[int, str]:
    """A closed journal with so many work events, the first ten confirmed."""
    journal = opened(path)
    journal.append(facts(count), {"operation": {"unit": "SN1"}})
    journal.confirmed(Lane.WORK, 10)
    journal.close()
    return kept(path, Lane.WORK)


def page_of(path: Path, body: str) -> int:
    return path.read_bytes().index(body.encode()) // PAGE


def spoil(path: Path, page: int, spoiled: bytes = b"\xa5" * PAGE) -> None:
    with path.open("r+b") as file:
        file.seek(page * PAGE)
        file.write(spoiled)


def told_of(journal: Journal, path: Path) -> dict[str, object]:
    tidied(journal)
    (told,) = events_of(path, Kind.JOURNAL_RECOVERED)
    return told


def test_a_page_that_is_lost_is_told_number_by_number(path: Path) -> None:
    """The central can ask for exactly what is missing, and everything else arrives unchanged."""
    before = filled(path)
    page = page_of(path, before[100])
    lost = {seq for seq, body in before.items() if path.read_bytes().rindex(body.encode()) // PAGE == page and seq > 10}
    spoil(path, page)
    journal = opened(path)
    old = journal.epoch
    with pytest.raises(JournalCorruptError):
        read_all(journal, Lane.WORK)
    journal.start_anew("a reader found it")
    told = told_of(journal, path)
    found = salvaged(journal)[old][Lane.WORK]
    assert found.items() <= before.items()
    assert set(found) | set(spans(told["missing"]["work"])) == set(range(11, 201))  # type: ignore[index]
    assert set(spans(told["missing"]["work"])) <= lost  # type: ignore[index]
    assert told["saved"] == {lane.value: len(found) if lane is Lane.WORK else 0 for lane in LANES}
    assert (told["old_epoch"], told["new_epoch"], told["reason"]) == (old, journal.epoch, "a reader found it")
    assert journal.documents() == {"operation": {"unit": "SN1"}}
    journal.close()


def test_two_pages_that_are_lost_leave_what_is_between_them(path: Path) -> None:
    before = filled(path, 2000)
    for seq in (300, 1500):
        spoil(path, page_of(path, before[seq]))
    journal = opened(path)
    old = journal.epoch
    journal.start_anew("a reader found it")
    told = told_of(journal, path)
    found = salvaged(journal)[old][Lane.WORK]
    assert set(found) | set(spans(told["missing"]["work"])) == set(range(11, 2001))  # type: ignore[index]
    assert len(found) > 1960
    assert len(told["missing"]["work"]) == 2  # type: ignore[index]
    journal.close()


def test_events_longer_than_a_page_are_saved_by_sql_around_the_damage(path: Path) -> None:
    """They cannot be found by searching, since their bytes do not lie together."""
    journal = opened(path)
    journal.append(facts(300, length=6000), {})
    journal.close()
    before = kept(path, Lane.WORK)
    middle = path.read_bytes().index(b'"sequence":"150"') // PAGE
    spoil(path, middle)
    journal = opened(path)
    old = journal.epoch
    journal.start_anew("a reader found it")
    tidied(journal)
    found = salvaged(journal)[old][Lane.WORK]
    assert found.items() <= before.items()
    assert len(found) >= 290
    journal.close()


def test_a_checksum_that_is_wrong_is_damage_and_never_delivered(path: Path) -> None:
    """One flipped bit in a text that is still good JSON."""
    before = filled(path)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"text":"99-', b'"text":"98-'))
    journal = opened(path)
    old = journal.epoch
    with pytest.raises(JournalCorruptError, match="checksum of event 100"):
        read_all(journal, Lane.WORK)
    journal.suspect("checksum")
    journal.start_anew(journal.suspicion)
    told = told_of(journal, path)
    assert told["missing"] == {"work": [[100, 100]]}
    assert salvaged(journal)[old][Lane.WORK] == {seq: body for seq, body in before.items() if seq > 10 and seq != 100}
    assert journal.suspicion == ""
    journal.close()


def test_what_was_saved_goes_when_it_is_confirmed(path: Path) -> None:
    filled(path)
    journal = opened(path)
    old = journal.epoch
    journal.start_anew("test")
    tidied(journal)
    journal.salvaged(old, Lane.WORK, 150)
    journal.settle()
    assert list(salvaged(journal)[old][Lane.WORK]) == list(range(151, 201))
    journal.salvaged(old, Lane.WORK, 200)
    journal.settle()
    assert salvaged(journal) == {}
    journal.close()


def test_damage_upon_damage_keeps_what_was_saved_before(path: Path) -> None:
    """Undelivered events of two epochs ago, and what was in quarantine, go along; so does a half-done saving."""
    before = filled(path, 3000)
    journal = opened(path)
    first = journal.epoch
    journal.quarantine.put(Refusal(Lane.WORK, 20, 0x99, "payload format invalid"))
    journal.settle()
    journal.start_anew("first")
    for _ in range(3):
        journal.tidy()
    assert salvaged(journal) == {}, "the saving is done already: the test shows nothing"
    journal.append(facts(5), {})
    second = journal.epoch
    journal.start_anew("second")
    journal.append(facts(3), {})
    tidied(journal)
    found = salvaged(journal)
    assert found[first][Lane.WORK] == {seq: body for seq, body in before.items() if seq > 10}
    assert set(found[second][Lane.WORK]) == set(range(1, 6))
    assert [told["old_epoch"] for told in events_of(path, Kind.JOURNAL_RECOVERED)] == [second, first]
    assert [(row[0], row[1]) for row in ask(path, "SELECT lane, seq FROM quarantine")] == [("work", 20)]
    assert list(kept(path, Lane.WORK)) == [1, 2, 3]
    journal.close()


def test_damage_is_told_until_an_event_tells_of_it(path: Path) -> None:
    """A kill between the new beginning and its first event costs no word."""
    filled(path)
    journal = opened(path)
    old = journal.epoch
    journal.start_anew("test")
    new = journal.epoch
    journal.close()
    journal = opened(path)
    assert journal.damage is not None
    assert (journal.damage.reason, journal.damage.old_epoch, journal.damage.new_epoch) == ("test", old, new)
    assert (path.parent / journal.damage.aside).exists()
    journal.close()


# --- what the note beside the file shows


def cut_log(path: Path) -> None:
    path.with_name(path.name + "-wal").unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("harm", [empty, remove], ids=["empty", "gone"])
def test_a_file_that_is_empty_or_gone_is_told_with_every_number(path: Path, harm: Callable[[Path], None]) -> None:
    """The note beside it knows what was in it, and how much of that was confirmed."""
    filled(path)
    harm(path)
    journal = opened(path)
    assert journal.damage is not None
    assert harm.__name__[:4] in journal.damage.reason or "gone" in journal.damage.reason
    told = told_of(journal, path)
    assert told["missing"] == {"work": [[11, 200]]}
    assert told["saved"] == dict.fromkeys(map(str, LANES), 0)
    journal.close()


def test_an_old_copy_put_back_is_found_out(path: Path, tmp_path: Path) -> None:
    """Its numbers would be given a second time; what it holds is saved, what came after it is named."""
    before = filled(path)
    shutil.copy(path, tmp_path / "copy")
    journal = opened(path)
    old = journal.epoch
    journal.append(facts(50), {})
    journal.close()
    shutil.copy(tmp_path / "copy", path)
    journal = opened(path)
    assert journal.damage is not None
    assert "old copy was put back" in journal.damage.reason
    told = told_of(journal, path)
    assert told["missing"] == {"work": [[201, 250]]}
    assert salvaged(journal)[old][Lane.WORK] == {seq: body for seq, body in before.items() if seq > 10}
    assert journal.epoch != old
    journal.close()


def test_a_copy_from_before_the_last_damage_is_found_out(path: Path, tmp_path: Path) -> None:
    """It has an epoch of its own: both are saved or named."""
    before = filled(path)
    shutil.copy(path, tmp_path / "copy")
    journal = opened(path)
    first = journal.epoch
    journal.start_anew("test")
    journal.append(facts(7), {})
    second = journal.epoch
    journal.close()
    shutil.copy(tmp_path / "copy", path)
    journal = opened(path)
    assert journal.epoch not in {first, second}
    tidied(journal)
    told = {one["old_epoch"]: one for one in events_of(path, Kind.JOURNAL_RECOVERED)}
    assert told[second]["missing"] == {"work": [[1, 7]]}
    assert told[first]["missing"] == {}
    assert salvaged(journal)[first][Lane.WORK] == {seq: body for seq, body in before.items() if seq > 10}
    journal.close()


def test_a_new_journal_put_in_the_place_of_a_used_one_is_found_out(path: Path) -> None:
    """It holds nothing, and nothing tells that it was begun after the other."""
    filled(path)
    opened(path.with_name("other.db")).close()
    shutil.copy(path.with_name("other.db"), path)
    journal = opened(path)
    assert journal.damage is not None
    told = told_of(journal, path)
    assert told["missing"] == {"work": [[11, 200]]}
    journal.close()


def test_a_whole_file_is_not_suspected(path: Path) -> None:
    """Whatever the note beside it lacks: it may be behind, empty or gone."""
    filled(path)
    lock = path.with_name(path.name + ".lock")
    for note in (None, b"", b"12\n{", b"\xff" * 512):
        if note is None:
            lock.unlink()
        else:
            lock.write_bytes(note)
        journal = opened(path)
        assert journal.damage is None
        journal.append([fact()], {})
        journal.close()


def test_a_file_that_was_never_ours_is_left_alone(path: Path) -> None:
    """Not renamed, not changed, by neither name nor content."""
    path.write_bytes(b"my diary\n" * 1000)
    with pytest.raises(JournalVersionError, match=r"set journal\.path"):
        opened(path)
    assert path.read_bytes() == b"my diary\n" * 1000
    assert [file.name for file in path.parent.iterdir() if "damaged" in file.name] == []


@pytest.mark.parametrize("how", ["deleted", "moved", "replaced"])
def test_a_file_that_goes_while_it_is_in_use_is_noticed(path: Path, how: str) -> None:
    """What is written to it then would be gone with the process, and shown green."""
    filled(path)
    journal = opened(path)
    old = journal.epoch
    if how == "deleted":
        path.unlink()
    elif how == "moved":
        path.rename(path.with_name("elsewhere"))
    else:
        shutil.copy(path, path.with_name("copy"))
        path.with_name("copy").replace(path)
    with pytest.raises(JournalCorruptError, match="while in use"):
        journal.tidy()
    journal.start_anew("gone")
    journal.append([fact()], {})
    told = told_of(journal, path)
    missing = set(spans(told["missing"].get("work", [])))  # type: ignore[attr-defined]
    assert missing | set(salvaged(journal).get(old, {}).get(Lane.WORK, ())) == set(range(11, 201))
    journal.close()


# --- when beginning anew fails


def test_a_new_beginning_that_fails_can_be_tried_again(path: Path) -> None:
    """The journal stays suspect and closed; nothing of the old one is lost by the first try."""
    before = filled(path)
    journal = opened(path)
    old = journal.epoch
    blocked = path.with_name(path.name + ".new")
    blocked.mkdir()
    (blocked / "in the way").touch()
    with pytest.raises(JournalWriteError):
        journal.start_anew("test")
    assert journal.suspicion == "test"
    with pytest.raises(JournalWriteError, match="closed"):
        journal.append([fact()], {})
    (blocked / "in the way").unlink()
    blocked.rmdir()
    journal.start_anew(journal.suspicion)
    told = told_of(journal, path)
    assert told["missing"] == {}
    assert salvaged(journal)[old][Lane.WORK] == {seq: body for seq, body in before.items() if seq > 10}
    journal.append([fact()], {})
    journal.close()


def test_marks_for_the_old_epoch_say_nothing_of_the_new_one(path: Path) -> None:
    """The forwarder may still be busy with what it had read."""
    filled(path)
    journal = opened(path, JournalSettings(keep_days=0.0))
    old = journal.epoch
    journal.confirmed(Lane.WORK, 150, old)
    journal.start_anew("test")
    journal.confirmed(Lane.WORK, 150, old)
    journal.sent(Lane.WORK, 150, old)
    journal.append(facts(5), {})
    tidied(journal)
    with journal.reader() as reader:
        assert (reader.lanes()[Lane.WORK].sent, reader.lanes()[Lane.WORK].confirmed) == (0, 0)
    assert list(kept(path, Lane.WORK)) == [1, 2, 3, 4, 5]
    journal.close()
