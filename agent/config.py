"""Read a station file, and tell every mistake in it at once.

Knows the file's tables; `naming` knows how they refer to each other.  Opens no device, no broker and no journal.
"""

from __future__ import annotations

import tomllib
from pathlib import Path  # noqa: TC003  pydantic reads annotations at run time
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from agent.mistakes import Mistake, nearest, section, unknown_key
from agent.naming import wrong_names
from agent.station.alarms.declared import Alarm, AlarmSettings  # noqa: TC001  pydantic reads annotations at run time
from agent.station.consistency import contradictions
from agent.station.policy import Authority, DefectCode, Line, Policies, Shift  # noqa: TC001  pydantic reads annotations at run time
from agent.station.rules import AndonCall, AndonRules, MachineSignal, Operation, Request, Rules, ScanRule
from agent.station.tables import Declared
from drivers import catalog
from drivers.contract import DeviceSettings  # noqa: TC001  pydantic reads annotations at run time

if TYPE_CHECKING:
    from collections.abc import Mapping

LEVEL_PATTERN = r"^[A-Za-z0-9._-]+$"
"""One level of a station path: no blanks, slashes, or MQTT wildcards."""


class StationPath(Declared):
    """Where the station stands; becomes the MQTT topic and the source of every event."""

    enterprise: str = Field(pattern=LEVEL_PATTERN, description="Company.")
    site: str = Field(pattern=LEVEL_PATTERN, description="Plant.")
    area: str = Field(pattern=LEVEL_PATTERN, description="Area or shop.")
    line: str = Field(pattern=LEVEL_PATTERN, description="Line.")
    station: str = Field(pattern=LEVEL_PATTERN, description="Station.")
    rules_revision: str = Field(default="", description="Revision of the rules in this file, in the plant's words.")

    @property
    def levels(self) -> tuple[str, ...]:
        """The five names, widest first."""
        return (self.enterprise, self.site, self.area, self.line, self.station)


class Tls(Declared):
    """TLS to the broker."""

    ca_file: Path | None = Field(default=None, description="CA certificates, PEM; default: the system's.")
    cert_file: Path | None = Field(default=None, description="This station's certificate, PEM.")
    key_file: Path | None = Field(default=None, description="This station's private key, PEM.")


class Broker(Declared):
    """The MQTT broker and how facts are sent to it."""

    host: str = Field(min_length=1, description="Host name or address.")
    port: int = Field(default=1883, ge=1, le=65535, description="TCP port; 8883 is usual with TLS.")
    protocol: Literal["5", "3.1.1"] = Field(default="5", description="MQTT version.")
    client_id: str = Field(default="", description="MQTT client identifier; empty: made from the station path.")
    username: str = Field(default="", description="User name; empty: none.")
    password_file: Path | None = Field(default=None, description="File whose first line is the password.")
    tls: Tls | None = Field(default=None, description="TLS; without this table the connection is plain.")
    keepalive_s: int = Field(default=15, ge=5, le=3600, description="MQTT keep-alive, seconds.")
    connect_timeout_s: float = Field(default=5.0, gt=0, le=30, description="Longest wait for a connection, seconds.")
    confirm: Literal["central", "broker"] = Field(
        default="central", description="Who must have an event before it counts as delivered."
    )
    resend_after_s: float = Field(
        default=30.0, gt=0, description="Send again what the central has not confirmed for this long, seconds; doubles."
    )
    ack_timeout_s: float = Field(
        default=20.0, gt=0, description="Redial if the broker acknowledges nothing for this long, seconds."
    )
    window: int = Field(default=64, ge=4, le=1000, description="Messages sent and not yet acknowledged, at most.")
    window_bytes: int = Field(
        default=524_288, ge=1000, description="Bytes sent and not yet acknowledged, at most; andon and alarms always."
    )
    andon_slots: int = Field(default=4, ge=1, description="Of the window, slots kept free for andon calls.")
    batch_events: int = Field(default=200, ge=1, le=5000, description="Events in one message, at most.")
    batch_bytes: int = Field(default=60_000, ge=1000, description="Bytes in one message of several events, at most.")
    drain_events_per_s: float = Field(
        default=0.0,
        ge=0,
        description="Backlog goes no faster than this, events a second; andon and alarms always. 0: no bound.",
    )
    drain_bytes_per_s: float = Field(default=0.0, ge=0, description="The same in bytes a second.  0: no bound.")
    retry_max_s: float = Field(default=60.0, gt=0, description="Longest wait between two dials, seconds.")
    refused_retry_s: float = Field(
        default=60.0, gt=0, description="Wait before dialling again after the broker refused us, seconds."
    )


class Budget(Declared):
    """How much of each lane is kept, megabytes; over it, the oldest go, told in a gap record.  0: no bound."""

    andon: int = Field(default=100, ge=0, description="Andon calls.")
    alarm: int = Field(default=100, ge=0, description="Alarms and gap records.")
    work: int = Field(default=2000, ge=0, description="Operations, scans, parts and defects.")
    measurement: int = Field(default=4000, ge=0, description="Measured values; thinned to summaries first.")
    health: int = Field(default=100, ge=0, description="The agent and its devices.")


class JournalFile(Declared):
    """Where facts are kept."""

    path: Path = Field(description="The SQLite file; its folder must be writable.  One journal a station.")
    keep_days: float = Field(default=30.0, ge=0, description="Confirmed events are kept this long, days.")
    reserve_mb: int = Field(
        default=4, ge=1, le=1000, description="Disk space kept back for calls and alarms on a full disk, megabytes."
    )
    budget_mb: Budget = Field(default=Budget(), description="Space for each lane.")


class Panel(Declared):
    """The operator's page."""

    host: str = Field(default="127.0.0.1", description="Address to listen on; 127.0.0.1 keeps it on this machine.")
    port: int = Field(default=8040, ge=1, le=65535, description="TCP port.")


class Recording(Declared):
    """How signals are taken in."""

    queue_size: int = Field(default=10_000, ge=100, description="Signals waiting to be recorded, at most.")
    linger_s: float = Field(
        default=0.05, ge=0, le=1, description="Gauge values that no step waits for are gathered this long, seconds."
    )
    group_size: int = Field(default=500, ge=1, description="Signals recorded in one transaction, at most.")
    series_s: float = Field(
        default=1.0,
        ge=0,
        le=60,
        description=(
            "Values of a stream that no step waits for become one fact, written this often, seconds; a power cut costs "
            "so many seconds of them at most.  0: each is a fact of its own."
        ),
    )
    series_values: int = Field(default=200, ge=2, le=2000, description="Values in one such fact, at most.")


class Andon(AndonRules):
    """Andon calls of the station, and what holds for all of them."""

    call: tuple[AndonCall, ...] = Field(default=(), description="One table a call.")


class Cards(Declared):
    """The sheet of command codes that `lineside cards` prints."""

    title: str = Field(default="", description="What stands above the cards; empty: the station path.")
    language: str = Field(
        default="", description="Language of the labels, such as zh-CN; tells which form of a sign is printed."
    )
    code: str = Field(
        default="", description="Text of a code, with {command} for the command; empty: found from the scan rule."
    )
    labels: dict[str, str] = Field(default={}, description='Command = what people read, such as abort = "中止".')


class StationFile(Declared):
    """One station: where it is, its broker, journal, devices and rules."""

    station: StationPath
    broker: Broker
    journal: JournalFile
    recording: Recording = Recording()
    panel: Panel | None = None
    device: tuple[DeviceSettings, ...] = ()
    scan: tuple[ScanRule, ...] = ()
    operation: tuple[Operation, ...] = ()
    andon: Andon = Andon()
    request: tuple[Request, ...] = ()
    machine: tuple[MachineSignal, ...] = ()
    interlock: Policies | None = None
    authority: tuple[Authority, ...] = ()
    defect: tuple[DefectCode, ...] = ()
    shift: tuple[Shift, ...] = ()
    line: Line | None = None
    alarms: AlarmSettings | None = None
    alarm: tuple[Alarm, ...] = ()
    cards: Cards = Cards()

    @property
    def rules(self) -> Rules:
        """What the station decides by."""
        return Rules(
            revision=self.station.rules_revision,
            scan=self.scan,
            operation=self.operation,
            call=self.andon.call,
            andon=AndonRules.model_construct(**{name: getattr(self.andon, name) for name in AndonRules.model_fields}),
            request=self.request,
            machine=self.machine,
            interlock=self.interlock,
            authority=self.authority,
            defect=self.defect,
            shift=self.shift,
            line=self.line,
            alarms=self.alarms,
            alarm=self.alarm,
        )


class StationFileError(Exception):
    """The station file cannot be used: correct every mistake it names, then try again."""

    def __init__(self, path: Path, mistakes: list[Mistake]) -> None:
        super().__init__(f"{path}: {len(mistakes)} mistake(s)")
        self.path = path
        self.mistakes = mistakes


def read(path: Path) -> StationFile:
    """Return the station file at `path`.  Raises StationFileError with every mistake found."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StationFileError(path, [Mistake("", "no such file")]) from None
    except OSError as error:
        raise StationFileError(path, [Mistake("", f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise StationFileError(
            path, [Mistake("", f"is not UTF-8: byte {error.start} is {error.object[error.start]:#04x}")]
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise StationFileError(path, [Mistake("", f"is not TOML: {error}")]) from error
    return parse(tables, path)


def parse(tables: Mapping[str, Any], path: Path) -> StationFile:
    """Return the station file with these TOML tables.  Raises StationFileError with every mistake found."""
    mistakes: list[Mistake] = []
    valid: dict[str, Any] = {}
    fields = StationFile.model_fields
    mistakes += [Mistake(key, unknown_key(key, list(fields))) for key in tables if key not in fields]
    for key, field in fields.items():
        if key not in tables:
            if field.is_required():
                mistakes.append(Mistake(key, f"table [{key}] is missing"))
            else:
                valid[key] = field.default
        elif key == "device":
            valid[key] = _devices(tables[key], mistakes)
        else:
            section(key, field.annotation, tables[key], valid, mistakes)
    mistakes += wrong_names(tables)
    if not mistakes:
        mistakes += [Mistake(where, what) for where, what in contradictions(StationFile.model_construct(**valid).rules)]
    if mistakes:
        raise StationFileError(path, mistakes)
    return StationFile.model_construct(**valid)


def schema() -> dict[str, Any]:
    """Return the JSON schema of a station file, with a variant of `[[device]]` for each built-in driver."""
    document = StationFile.model_json_schema()
    variants = []
    for name in sorted(catalog.BUILTIN):
        driver = catalog.load(name)
        if isinstance(driver, catalog.NotUsable):
            continue
        variant = driver.Settings.model_json_schema()
        variant["properties"]["driver"] = {"const": name}
        document["$defs"].update(variant.pop("$defs", {}))
        variants.append(variant)
    document["properties"]["device"]["items"] = {"oneOf": variants}
    document["$defs"].pop("DeviceSettings", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **document}


def _devices(tables: Any, mistakes: list[Mistake]) -> tuple[DeviceSettings, ...]:
    """Validate each device by its own driver's settings."""
    if not isinstance(tables, list):
        mistakes.append(Mistake("device", "must be an array of tables: write [[device]], not [device]"))
        return ()
    devices: list[DeviceSettings] = []
    for index, table in enumerate(tables):
        where = f"device[{index}]"
        name = table.get("driver") if isinstance(table, dict) else None
        if not isinstance(name, str):
            mistakes.append(Mistake(f"{where}.driver", f"name a driver: one of {', '.join(catalog.names())}"))
            continue
        try:
            driver = catalog.load(name)
        except KeyError:
            mistakes.append(Mistake(f"{where}.driver", f"no driver {name!r}{nearest(name, catalog.names())}"))
            continue
        if isinstance(driver, catalog.NotUsable):
            mistakes.append(Mistake(f"{where}.driver", f"driver {name!r} is not usable here: {driver.reason}"))
            continue
        valid: dict[str, Any] = {}
        section(where, driver.Settings, table, valid, mistakes)
        devices += valid.values()
    return tuple(devices)
