"""What a process engineer declares for a station: scan rules, operations, measurements and andon calls.

The station's own words, validated when the station file is read.  Knows nothing of files; a device is a name.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from agent.station.alarms.declared import Alarm, AlarmSettings
from agent.station.andon.declared import AndonCall, AndonRules, CallMode, Escalation
from agent.station.policy import Authority, DefectCode, Line, Policies, Shift
from agent.station.tables import Declared, Name, Pattern, first_repeated
from agent.station.work import Characteristic, Operation, PartNeed, Step

if TYPE_CHECKING:
    from agent.station.vocabulary import Vocabulary

__all__ = [
    "Alarm",
    "AlarmSettings",
    "AndonCall",
    "AndonRules",
    "CallMode",
    "Characteristic",
    "Escalation",
    "MachineSignal",
    "Operation",
    "PartNeed",
    "Request",
    "Rules",
    "ScanRule",
    "Step",
]

MEANING_GROUPS = ("operator", "unit", "lot", "command")
"""Named groups that give a scan its meaning; a scan rule has exactly one of them."""

COMPANION_GROUPS = {"lot": ("part", "serial", "expiry"), "serial": ("part", "expiry")}
"""Groups that may stand beside the one that gives the meaning."""

COMMANDS = ("sign-off", "abort", "shift-change", "rework", "scrap", "hold", "use-as-is")
"""Command cards that a station understands.

On top come, for each andon call, `call:NAME`, `acknowledge:NAME`, `arrive:NAME`, `cancel:NAME`,
`resolve:NAME[:REASON[:COUNTERMEASURE]]` and `close:NAME:REASON[:COUNTERMEASURE]`; and `abort:REASON`, `tick:STEP`,
`defect:CODE[@LOCATION][*QUANTITY]` and `reason:TEXT`.
"""

HINTS = {
    "gs1": ": a GS1 number of 2 to 4 digits, such as 01, 10, 21 or 3103",
    "iso15434": ": up to three digits and a capital letter, such as P, 1P, S, Q or 1T",
}
"""Format of labels -> what its identifiers look like."""


def vocabulary(label_format: str) -> Vocabulary:
    """Return what is known of the identifiers of a label format, loaded only here."""
    if label_format == "gs1":
        from agent.station.gs1 import ApplicationIdentifiers  # noqa: PLC0415  its library costs 20 MB

        return ApplicationIdentifiers()
    from agent.station.iso15434 import DataIdentifiers  # noqa: PLC0415  beside the other

    return DataIdentifiers()


class ScanRule(Declared):
    """How a scanned code is read: as plain text by `pattern`, or as a label by its `elements`.

    The rule must match the whole code; one group tells the meaning.
    """

    name: Name = Field(description="Name of the rule, kept with every scan it reads.")
    format: Literal["text", "gs1", "iso15434"] = Field(
        default="text",
        description="text: plain text; gs1: application identifiers; iso15434: data identifiers; default text.",
    )
    pattern: Pattern = Field(
        default="",
        description="Of text: regular expression with exactly one of the groups operator, unit, command, lot (with "
        "part; serial and expiry may stand beside them; serial may stand for lot); no default.",
    )
    elements: dict[str, str] = Field(
        default={}, description='Of a label: group = identifier, such as { part = "01", lot = "10" }; default none.'
    )
    also: tuple[str, ...] = Field(
        default=(), description="Identifiers that the label always carries as well; default none."
    )
    maybe: tuple[str, ...] = Field(default=(), description="Identifiers that some of the labels carry; default none.")
    values: dict[str, Pattern] = Field(
        default={}, description="Identifier = regular expression that its whole value matches; default any value."
    )
    separator: str = Field(
        default="", max_length=4, description="What readers send in place of the separator GS; default empty: GS."
    )
    strict: bool = Field(
        default=False,
        description="Labels and readers lose no control character: read nothing else, and take a text without "
        "separators at its word; default false.",
    )

    @property
    def meaning(self) -> str:
        """The group that gives a scan its meaning."""
        return next(group for group in (*MEANING_GROUPS, "serial") if group in self.groups)

    @property
    def groups(self) -> set[str]:
        """The groups that it reads out of a code."""
        return set(self.elements) if self.elements else set(re.compile(self.pattern).groupindex)

    @model_validator(mode="after")
    def _has_one_meaning(self) -> Self:
        source, spelt = ("elements", "{} = ...") if self.format != "text" else ("pattern", "(?P<{}>...)")
        self._keeps_to_its_format()
        groups = self.groups
        meanings = [group for group in MEANING_GROUPS if group in groups] or [*groups & {"serial"}]
        if len(meanings) != 1:
            raise ValueError(
                f"{source} of scan rule {self.name!r} must have exactly one of the groups "
                f"{', '.join(spelt.format(group) for group in MEANING_GROUPS)}; it has {meanings or 'none'}"
            )
        known = {meanings[0], *COMPANION_GROUPS.get(meanings[0], ())}
        if unknown := groups - known:
            raise ValueError(f"{source} of scan rule {self.name!r} has the unknown group {min(unknown)!r}")
        if meanings[0] in COMPANION_GROUPS and "part" not in groups:
            part = spelt.format("part")
            raise ValueError(
                f"{source} of scan rule {self.name!r} reads a {meanings[0]} but no {part}: which part is it?"
            )
        return self

    def _keeps_to_its_format(self) -> None:
        """Raise ValueError for a key that says nothing in this format, and for identifiers that do not exist."""
        of_labels = {"elements", "also", "maybe", "values", "separator", "strict"}
        wrong = self.model_fields_set & (of_labels if self.format == "text" else {"pattern"})
        if wrong:
            remedy = 'set format to "gs1" or "iso15434"' if self.format == "text" else "name the groups in elements"
            raise ValueError(
                f"{min(wrong)} is no key of format {self.format!r}, which is scan rule {self.name!r}: {remedy}"
            )
        if self.format != "text":
            self._names_identifiers()

    def _names_identifiers(self) -> None:
        words = vocabulary(self.format)
        declared = [*self.elements.values(), *self.also, *self.maybe]
        for identifier in (*declared, *self.values):
            if not words.knows(identifier):
                raise ValueError(f"scan rule {self.name!r}: {identifier!r} is no {words.called}{HINTS[self.format]}")
        if twice := first_repeated(declared):
            raise ValueError(f"scan rule {self.name!r} names {words.called} {twice!r} twice")
        if loose := set(self.values) - set(declared):
            raise ValueError(f"scan rule {self.name!r} has values for {min(loose)!r}, which is in none of its elements")


class Request(Declared):
    """A foot switch or button that makes a gauge take a value."""

    device: Name = Field(description="Device that has the switch.")
    input: str = Field(min_length=1, description="Input of that device, as its driver names it.")
    gauge: Name = Field(description="Gauge to ask, by its device name.")


class MachineSignal(Declared):
    """A contact or register that tells a state of a machine; each change is a fact."""

    name: Name = Field(description="Name of the signal, such as running or door-open, unique in this station.")
    machine: str = Field(default="", description="Machine it tells about; default: the station.")
    device: Name = Field(description="Device that has the input.")
    input: str = Field(min_length=1, description="Input of that device, as its driver names it.")


class Rules(Declared):
    """All rules of one station."""

    revision: str = Field(default="", description="Revision of these rules in the plant's words; empty: none.")
    scan: tuple[ScanRule, ...] = ()
    operation: tuple[Operation, ...] = ()
    call: tuple[AndonCall, ...] = ()
    andon: AndonRules = AndonRules()
    request: tuple[Request, ...] = ()
    machine: tuple[MachineSignal, ...] = ()
    interlock: Policies | None = None
    authority: tuple[Authority, ...] = ()
    defect: tuple[DefectCode, ...] = ()
    shift: tuple[Shift, ...] = ()
    line: Line | None = None
    alarms: AlarmSettings | None = None
    alarm: tuple[Alarm, ...] = ()

    @property
    def policies(self) -> Policies:
        """What is done when data is missing or stale; each rule's default where the file says nothing."""
        return self.interlock or Policies()

    @property
    def digest(self) -> str:
        """Names these rules exactly: their revision, if any, and 12 hexadecimal digits of their SHA-256."""
        digest = sha256(self.model_dump_json(exclude={"revision"}).encode()).hexdigest()[:12]
        return f"{self.revision}+{digest}" if self.revision else digest
