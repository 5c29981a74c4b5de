"""Decide what follows from one input: (memory, input) -> decision.

Knows the station's rules.  Knows nothing of disks, networks, threads or the time of day: time comes with the input.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from agent.events import Kind, raw_text
from agent.signals import (
    AgentStarted,
    AgentStopped,
    CallsDelivered,
    ClockStepped,
    ClockTrusted,
    Command,
    DeviceLost,
    DeviceOpened,
    JournalDamaged,
    LineProgress,
    RecordingBack,
    RecordingLost,
    ReferenceLost,
    ReferenceOffered,
    SpaceChanged,
    TimeUp,
    UplinkChanged,
)
from agent.station import devices, standing
from agent.station.alarms.alarms import Alarms
from agent.station.andon import calls
from agent.station.andon.andon import Andon
from agent.station.codes import NO_RULE, CodeReader
from agent.station.decision import Decision, Draft
from agent.station.interlock import Interlock, scan_data
from agent.station.machines import Machines
from agent.station.openwork import OPERATION
from agent.station.people import People
from agent.station.reference import NOTHING
from agent.station.rules import CallMode
from agent.station.sets import telling
from drivers.contract import Condition, Contact, Held, Lamp, Lamps, Noise, Reading, Scan, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.signals import Input, OwnSignal
    from agent.station.codes import Meaning
    from agent.station.decision import Document
    from agent.station.reference import Reference
    from agent.station.rules import Rules

    Other = Noise | Held | Condition | DeviceOpened | DeviceLost | OwnSignal | Command | LineProgress | ReferenceOffered


LAMP_OF: dict[str, Lamp] = {CallMode.CALL: Lamp.YELLOW, CallMode.HELP: Lamp.BLUE, CallMode.STOP: Lamp.RED}
"""Lamp that tells of an open call, by its mode."""

NO_CALLS: frozenset[tuple[Lamp, bool, bool]] = frozenset()


class Station:
    """One station and its rules.  Holds no state: the memory comes in, and the changes to it go out."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._digest = rules.digest
        self._codes = CodeReader(rules.scan)
        self._interlock = Interlock(rules)
        self._andon = Andon(rules, People(rules))
        self._machines = Machines(rules)
        self._alarms = Alarms(rules)

    def handle(self, memory: Mapping[str, Document], happened: Input, reference: Reference = NOTHING) -> Decision:
        """Return what follows from `happened`, by the reference data there is."""
        draft = Draft(memory, happened.moment, self._digest, reference)
        source = happened.source
        match happened.what:
            case Scan() as scan:
                self._interlock.turn(draft)
                self._scanned(draft, source, scan)
            case Reading() as reading:
                self._interlock.turn(draft)
                self._interlock.work.measured(draft, source, reading)
                self._alarms.measured(draft, source, reading)
            case Contact() as contact:
                self._interlock.turn(draft)
                self._contact(draft, source, contact)
            case other:
                self._other(draft, source, other)
        self._andon.watch(draft)
        self._tell(draft)
        return draft.finish(_lamps(draft))

    def _other(self, draft: Draft, source: str, what: Other) -> None:
        """Act on what is neither a scan nor a value nor a contact."""
        match what:
            case Noise(raw, reason):
                draft.record(Kind.DEVICE_NOISE, source, {"device": source, "raw": raw_text(raw), "reason": reason})
                draft.refuse(f"{source}: {reason}")
            case Held(raw, text, count):
                told = {"device": source, "text": text, "raw": raw_text(raw), "count": count}
                draft.record(Kind.SCAN_HELD, "", told)
            case Condition() as condition:
                devices.tells(draft, self._alarms, source, condition)
            case DeviceOpened():
                devices.opened(draft, self._alarms, source)
            case DeviceLost(reason):
                devices.went(draft, self._alarms, source, reason)
            case Command(name, data):
                self._ordered(draft, name, data)
            case LineProgress() as progress:
                self._interlock.heard(draft, progress)
            case ReferenceOffered():
                pass  # taken into use by who hands `reference` in
            case own:
                self._own(draft, own)

    def _tell(self, draft: Draft) -> None:
        """Publish what stands, where it may have changed: most decisions are about the work alone."""
        if draft.beside_work or draft.is_changed(calls.COUNTER):
            self._alarms.tell(draft)
            standing.tell(draft)

    def waits_for_value(self, memory: Mapping[str, Document]) -> bool:
        """Whether somebody waits at the station for what a gauge says."""
        return OPERATION in memory

    def _scanned(self, draft: Draft, device: str, scan: Scan) -> None:
        meanings = self._codes.meanings(scan.text, scan.symbology)
        if not meanings:
            reason = self._codes.why_not(scan.text, scan.symbology)
            draft.record(Kind.SCAN_UNRECOGNISED, "", {**scan_data(device, scan, None), "reason": reason})
            draft.refuse(f"code not recognised: {scan.text if reason == NO_RULE else reason}")
        elif len(meanings) > 1:
            both = f"{meanings[0].rule} and {meanings[1].rule}"
            data = {**scan_data(device, scan, None), "reason": f"code fits two scan rules: {both}"}
            draft.record(Kind.SCAN_REJECTED, "", data)
            draft.refuse(data["reason"])
        elif meanings[0].what == "command":
            self._card(draft, device, scan, meanings[0])
        elif self._answers_call(draft, device, scan, meanings[0]):
            pass
        else:
            self._interlock.scanned(draft, device, scan, meanings[0])

    def _contact(self, draft: Draft, device: str, contact: Contact) -> None:
        """A contact may be a button that calls, a foot switch, and a machine's signal, all at once."""
        self._andon.contact(draft, device, contact)
        self._interlock.work.pressed(draft, device, contact)
        if changed := self._machines.contact(draft, device, contact):
            self._interlock.work.signalled(draft, changed, contact)
            self._andon.signalled(draft, changed, device, contact)
        self._andon.runs(draft, device, contact)
        self._alarms.contact(draft, device, contact)
        for request in self._rules.request:
            if contact.active and (request.device, request.input) == (device, contact.input):
                if reason := devices.lost(draft, request.gauge):
                    draft.refuse(f"{request.gauge} does not work: {reason}")
                else:
                    draft.ask(request.gauge)

    def _card(self, draft: Draft, device: str, scan: Scan, meaning: Meaning) -> None:
        command = meaning.groups["command"]
        data = {**scan_data(device, scan, meaning), "command": command}
        word, _, name = command.partition(":")
        if self._interlock.card(draft, word, name, data):
            return
        if not self._andon.card(draft, word, name, data):
            reason = f"no command {command!r}"
            draft.record(Kind.COMMAND_REJECTED, "", {**data, "reason": reason})
            draft.refuse(reason)

    def _answers_call(self, draft: Draft, device: str, scan: Scan, meaning: Meaning) -> bool:
        """Whether a badge answers an open call, and nothing else: a question of the interlock comes first."""
        badge = meaning.groups.get("operator", "") if meaning.what == "operator" else ""
        if not badge or self._interlock.awaits(draft, badge):
            return False
        return self._andon.badge(draft, scan_data(device, scan, meaning), badge)

    def _own(self, draft: Draft, own: OwnSignal) -> None:
        """Tell what happened to the agent itself, its disk and its clock."""
        match own:
            case AgentStarted(version):
                self._andon.take_stock(draft)
                told = {"version": version, "declared": self._rules.model_dump(mode="json")}
                draft.record(Kind.AGENT_STARTED, "", told)
                devices.begin(draft, self._alarms)
                self._alarms.started(draft)
            case AgentStopped(reason):
                draft.record(Kind.AGENT_STOPPED, "", {"reason": reason})
            case JournalDamaged(reason, aside, old_epoch, new_epoch):
                told = {"reason": reason, "aside": aside, "old_epoch": old_epoch, "new_epoch": new_epoch}
                draft.record(Kind.JOURNAL_DAMAGED, old_epoch, told)
                self._alarms.happened(draft, "journal-damaged", "journal", {"reason": reason})
            case RecordingBack():
                self._alarms.itself(draft, "cannot-record", "journal", active=False)
                draft.refuse("recording works again: do again what was refused")
            case ClockStepped(offset_s):
                draft.record(Kind.CLOCK_STEPPED, "", {"offset_s": offset_s})
            case CallsDelivered():
                calls.delivered(draft)
            case TimeUp() as ended:
                self._andon.ended(draft, ended)
                self._alarms.ended(draft, ended)
            case noticed:
                self._noticed(draft, noticed)

    def _noticed(self, draft: Draft, noticed: OwnSignal) -> None:
        """Raise and clear the alarms of the agent itself."""
        match noticed:
            case RecordingLost(reason):
                self._alarms.itself(draft, "cannot-record", "journal", reason, active=True)
            case SpaceChanged(low, reason):
                self._alarms.itself(draft, "disk-low", "journal", reason, active=low)
            case UplinkChanged(up, reason):
                self._alarms.itself(draft, "uplink-down", "broker", reason, active=not up)
            case ClockTrusted(synced, reason):
                self._alarms.itself(draft, "clock-unsynced", "clock", reason, active=not synced)
            case ReferenceLost(which):
                draft.forget(telling.PREFIX + which)
                self._alarms.happened(draft, "reference-lost", which, {"set": which})

    def _ordered(self, draft: Draft, name: str, data: Mapping[str, object]) -> None:
        if name.startswith("alarm/"):
            self._alarms.ordered(draft, name, data)
        elif not self._andon.order(draft, name, data):
            draft.record(Kind.COMMAND_REJECTED, "", {"command": name, "data": data, "reason": f"no command {name!r}"})


def _lamps(draft: Draft) -> Lamps:
    """The stack light that belongs to the memory: red stop or refusal, yellow call, blue help, green all is good.

    A call blinks until somebody has said that he comes, fast while it has not reached the central; a stop sounds the
    horn until then.
    """
    opened = calls.open_calls(draft)
    if not opened:
        return _picture(NO_CALLS, draft.verdict)
    told = [(_lamp_of(call), call["state"] == "raised", calls.is_delivered(draft, call)) for call in opened]
    return _picture(frozenset(told), draft.verdict)


def _lamp_of(call: Document) -> Lamp:
    return Lamp.RED if calls.stop_of(call) == calls.STOPPED else LAMP_OF[call["mode"]]


@lru_cache
def _picture(told: frozenset[tuple[Lamp, bool, bool]], verdict: str) -> Lamps:
    lit = {lamp for lamp, _, _ in told}
    stopped = Lamp.RED in lit
    if verdict == Verdict.REFUSE:
        lit.add(Lamp.RED)
    elif verdict == Verdict.PASS and Lamp.RED not in lit:
        lit.add(Lamp.GREEN)
    blinking = frozenset(lamp for lamp, unanswered, _ in told if unanswered)
    hurried = frozenset(lamp for lamp, unanswered, delivered in told if unanswered and not delivered)
    horn = any(lamp is Lamp.RED and unanswered for lamp, unanswered, _ in told)
    return Lamps(frozenset(lit), blinking, horn, hurried, stopped)
