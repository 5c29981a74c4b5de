"""Read one device: what it says goes to the queue with its moment, what is to be shown goes to it."""

from __future__ import annotations

from collections import deque
from queue import Full, SimpleQueue
from typing import TYPE_CHECKING

from agent.signals import DeviceLost, DeviceOpened, Input
from drivers.contract import Condition, DeviceError, Driver, Lamps, Noise

if TYPE_CHECKING:
    from agent.runtime.clock import Clock
    from agent.runtime.health import Health
    from agent.runtime.inbox import Inbox
    from drivers.contract import Indication, Signal

READ_S = 1.0
"""Longest wait for a device in one step."""


class DeviceReader:
    """The worker of one device.

    When the queue is full it reads no further, so that nothing is taken from the device that cannot be passed on.
    """

    retry_max_s = 5.0
    expected = (DeviceError,)

    def __init__(self, name: str, driver: Driver, inbox: Inbox, clock: Clock, health: Health) -> None:
        self.name = name
        self._driver = driver
        self._has_lamps = driver.has_lamps and type(driver).show is not Driver.show
        self._inbox = inbox
        self._clock = clock
        self._health = health
        self._owed: deque[Input] = deque()
        self._outbox: SimpleQueue[Indication] = SimpleQueue()
        self._lamps: Lamps | None = None
        self._lost = ""
        self._conditions: dict[str, str] = {}
        health.report("device", name, state="starting", reason="", signals=0, noise=0, conditions={})

    def show(self, indication: Indication) -> None:
        """Have `indication` shown on the device soon.  Called by the recorder; never blocks."""
        if isinstance(indication, Lamps) and not self._has_lamps:
            return
        self._outbox.put(indication)
        self._driver.cancel()

    def open(self) -> None:
        """Open the device, tell so, and light its lamps as they should be."""
        self._driver.open()
        self._lost = ""
        self._health.report("device", self.name, state="open", reason="")
        self._owe(DeviceOpened())
        self._catch_up()

    def step(self) -> None:
        """Show what is to be shown, and pass on what the device says."""
        self._show_all()
        if self._pay():
            for signal in self._driver.read(READ_S):
                self._owe(signal)
                if isinstance(signal, Condition):
                    self._note(signal)
            self._pay()
            self._show_all()  # a read that an answer has ended: the next step would be a turn later

    def cancel(self) -> None:
        """End a waiting read soon."""
        self._driver.cancel()

    def failed(self, error: Exception) -> float | None:
        """Tell once, and again when the reason changes, that the device does not work."""
        reason = str(error) or type(error).__name__
        if reason != self._lost:
            self._lost = reason
            self._health.report("device", self.name, state="lost", reason=reason)
            self._owe(DeviceLost(reason))
            self._pay()
        return None

    def close(self) -> None:
        """Let the device go."""
        self._driver.close()

    def _catch_up(self) -> None:
        """Drop answers from before the device was lost; show the newest lamps."""
        while not self._outbox.empty():
            if isinstance(indication := self._outbox.get(), Lamps):
                self._lamps = indication
        if self._lamps is not None:
            self._driver.show(self._lamps)

    def _show_all(self) -> None:
        while not self._outbox.empty():
            self._show(self._outbox.get())

    def _show(self, indication: Indication) -> None:
        if isinstance(indication, Lamps):
            self._lamps = indication
        self._driver.show(indication)

    def _note(self, condition: Condition) -> None:
        """Put what the device tells about itself on the board."""
        name = f"{condition.name} {condition.part}".rstrip()
        self._conditions.pop(name, None)
        if condition.active:
            self._conditions[name] = condition.detail
        self._health.report("device", self.name, conditions=dict(self._conditions))

    def _owe(self, what: Signal | DeviceOpened | DeviceLost) -> None:
        self._owed.append(Input(self.name, what, self._clock.now()))

    def _pay(self) -> bool:
        """Put what is owed on the queue; False if the queue stays full for a while."""
        while self._owed:
            try:
                self._inbox.put(self._owed[0], READ_S)
            except Full:
                return False
            paid = self._owed.popleft()
            if not isinstance(paid.what, DeviceOpened | DeviceLost):
                self._health.count("device", self.name, **{"noise" if isinstance(paid.what, Noise) else "signals": 1})
        return True
