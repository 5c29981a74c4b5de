"""What a device may say, what may be shown on it, and what its driver must do.

This is the plug for drivers of our own and of third parties (entry-point group `lineside.drivers`).
Knows nothing of the agent: a driver says what the device said, and never what it means.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""Names of devices: also used as file names and in topics, so no blanks, slashes or wildcards."""


@dataclass(frozen=True, slots=True)
class Scan:
    """One code, as the reader sent it.

    `text` is the code without framing and symbology identifier; `symbology` is the ISO/IEC 15424 identifier
    (`]C1`, ...) where the reader sends one, else empty.
    """

    raw: bytes
    text: str
    symbology: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of a gauge: the number exactly as sent, the same as `Decimal`, and its unit as sent.

    `stable` is False while the gauge says that the value still moves.  `gauge` is name and serial number where the
    gauge tells them.  `judged` is the gauge's own verdict on its own limits, where it sends one: "inside", "below" or
    "above"; the station's limits decide, this is kept beside them.
    """

    raw: bytes
    text: str
    value: Decimal
    unit: str
    stable: bool = True
    gauge: str = ""
    judged: str = ""


@dataclass(frozen=True, slots=True)
class Contact:
    """A button or contact that is now active (pressed, closed as wired) or not."""

    raw: bytes
    input: str
    active: bool


@dataclass(frozen=True, slots=True)
class Noise:
    """Bytes that make no sense, kept with the reason; never guessed at."""

    raw: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Held:
    """Readings of one code that a re-read hold-off kept back: `count` more than the Scan that was passed on."""

    raw: bytes
    text: str
    count: int


@dataclass(frozen=True, slots=True)
class Condition:
    """Something the device tells about itself: `name` (`dark`, `out-of-focus`, `wire-break`, ...) holds or ended.

    `detail` is for people; `part` is the input it is about, empty for the whole device.  A condition is told
    once when it begins and once when it ends, whether the device was opened again in between or not.
    """

    raw: bytes
    name: str
    active: bool
    detail: str = ""
    part: str = ""


Signal = Scan | Reading | Contact | Noise | Held | Condition


class Verdict(StrEnum):
    """What the operator is told about the last thing done."""

    PASS = "pass"  # noqa: S105  the word on the lamp, no secret
    REFUSE = "refuse"


class Lamp(StrEnum):
    """Lamps of a stack light: red stop or refusal, yellow call, green go on, blue help."""

    RED = "red"
    YELLOW = "yellow"
    GREEN = "green"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdict on a signal, for the device that sent it (its own lamp or beeper)."""

    verdict: Verdict
    text: str


@dataclass(frozen=True, slots=True)
class Lamps:
    """The whole picture of the stack light: lit colours, which of them blink, the horn; all else is dark.

    `hurried` are those of the blinking lamps that blink twice as fast: a call that has not reached the plant's server
    yet.  `stop`: the line is to stop or stays stopped; without it the line may run.
    """

    lit: frozenset[Lamp] = frozenset()
    blinking: frozenset[Lamp] = frozenset()
    horn: bool = False
    hurried: frozenset[Lamp] = frozenset()
    stop: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """Take a value now: for a gauge that answers requests; the value comes as a Reading like any other."""


Indication = Answer | Lamps | Ask


class DeviceError(Exception):
    """Root of what a driver raises.  The message names the device, its port, and the remedy."""


class DeviceGoneError(DeviceError):
    """Port missing, unplugged or silent for good: close, wait, open again."""


class DeviceBusyError(DeviceError):
    """Another program holds the port: stop it (the message names it), then the driver opens by itself."""


class DriverUnusableError(DeviceError):
    """The driver cannot work on this machine (a library or a permission is missing): mend, then start again."""


class DeviceSettings(BaseModel):
    """Keys that every `[[device]]` table has; each driver adds its own in a subclass."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(pattern=NAME_PATTERN, description="Name of the device, unique in this station.")
    driver: str = Field(description="Name of the driver, as `lineside drivers` lists it.")


class Driver(ABC):
    """One device.

    The constructor only stores.  `open`, `read`, `show` and `close` are called by one thread, the device's own;
    `cancel` by any other.  After an error from any of them the caller closes and, later, opens again.
    """

    Settings: ClassVar[type[DeviceSettings]]

    has_lamps: ClassVar[bool] = True
    """False where `show` takes answers only: the device is not woken for lamps then."""

    @abstractmethod
    def __init__(self, settings: Any) -> None:
        """Store `settings`, an instance of this driver's `Settings`."""

    @abstractmethod
    def open(self) -> None:
        """Open the device exclusively.  Waits 5 s at most.

        Raises DeviceGoneError, DeviceBusyError or DriverUnusableError.
        """

    @abstractmethod
    def read(self, timeout_s: float) -> Sequence[Signal]:
        """Return what the device said since the last call, in order; empty after `timeout_s` or `cancel`.

        Nonsense is returned as Noise.  Raises DeviceGoneError.
        """

    @abstractmethod
    def cancel(self) -> None:
        """End a waiting `read` soon, or the next one at once.  Never blocks, never raises."""

    @abstractmethod
    def close(self) -> None:
        """Let the device go.  Called also after a failed `open`, and twice at worst.  Never raises."""

    def show(self, indication: Indication) -> None:  # noqa: B027  a device without lamp or beeper shows nothing
        """Show on the device; what it cannot show is left out.  Waits 0.5 s at most.  Raises DeviceGoneError."""
