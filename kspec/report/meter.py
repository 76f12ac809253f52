"""How far an epoch is, how fast it goes and how long it will take."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Meter"]


class Meter:
    """Counts the steps of one run, epoch by epoch. Epochs and steps count from 1.

    The rate is the epoch's mean since its first report, so that compiling, which the first step waits for, does not
    count. Where the number of steps is not known, the epoch before tells it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.epochs = 0
        self.steps: int | None = None
        self.epoch = 0
        self.step = 0
        self._begun = clock()
        self._first: tuple[float, int] | None = None
        self._last = 0.0

    def start(self, epochs: int, steps: int | None) -> None:
        """Begin a run up to epoch `epochs`, of `steps` steps each (None: not known)."""
        self.epochs, self.steps = epochs, steps

    def epoch_start(self, epoch: int) -> None:
        """Begin epoch `epoch`."""
        self.epoch, self.step, self._first = epoch, 0, None
        self._begun = self.clock()

    def at(self, step: int) -> None:
        """`step` steps of the epoch are done."""
        self.step, self._last = step, self.clock()
        if self._first is None:
            self._first = (self._last, step)

    def epoch_end(self) -> None:
        """The epoch is over: its steps are all an epoch has."""
        self.steps = self.steps or self.step or None

    @property
    def elapsed(self) -> float:
        """Seconds since the epoch began."""
        return max(self.clock() - self._begun, 0.0)

    @property
    def rate(self) -> float | None:
        """Steps a second, or None as long as that cannot be known."""
        if self._first is None or self.step <= self._first[1] or self._last <= self._first[0]:
            return None
        return (self.step - self._first[1]) / (self._last - self._first[0])

    @property
    def done(self) -> float | None:
        """The part of the epoch that is done, 0 to 1, or None where the number of steps is not known."""
        return min(self.step / self.steps, 1.0) if self.steps else None

    @property
    def left(self) -> float | None:
        """Seconds until the epoch's last step, or None as long as that cannot be known."""
        rate = self.rate
        if rate is None or not self.steps:
            return None
        # Counted down between reports too, so that the display is alive during long steps.
        return max((self.steps - self.step) / rate - (self.clock() - self._last), 0.0)
