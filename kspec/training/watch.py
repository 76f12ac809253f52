"""What watches a training: progress, history, and a loss that is no number."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from kspec.diagnostics import NotANumber, Problem
from kspec.training.interrupts import Interrupts

if TYPE_CHECKING:
    import numpy as np

Row = dict[str, Any]
"""A row of the history: `epoch`, counted from 1, and Keras's own keys."""


def best(rows: Sequence[Row]) -> Row:
    """The row with the least validation loss, or the least loss without validation; empty without any."""
    key = "val_loss" if any("val_loss" in row for row in rows) else "loss"
    known = [row for row in rows if isinstance(row.get(key), float)]
    return dict(min(known, key=lambda row: float(row[key]))) if known else {}


_EVERY = 0.05
"""Seconds between reports of steps: as often as a person can see."""


class Progress(Protocol):
    """What is told as a model trains; epochs and steps count from 1."""

    def waiting(self, what: str) -> None:
        """The next seconds go into `what`, until anything else is told."""

    def start(self, epochs: int, steps: int | None, first_epoch: int) -> None:
        """Epochs `first_epoch` to `epochs` begin, of `steps` steps each (None: not known)."""

    def epoch_start(self, epoch: int) -> None:
        """An epoch begins."""

    def step(self, step: int, logs: Mapping[str, float]) -> None:
        """`step` steps of the epoch are done; losses and metrics so far."""

    def epoch_end(self, epoch: int, logs: Mapping[str, float], seconds: float) -> None:
        """An epoch is over, validation included."""

    def message(self, text: str) -> None:
        """Something worth a line."""

    def stop(self) -> None:
        """The training is over or broken off; may be called again."""


class Silent:
    """A `Progress` that says nothing."""

    def waiting(self, what: str) -> None: ...
    def start(self, epochs: int, steps: int | None, first_epoch: int) -> None: ...
    def epoch_start(self, epoch: int) -> None: ...
    def step(self, step: int, logs: Mapping[str, float]) -> None: ...
    def epoch_end(self, epoch: int, logs: Mapping[str, float], seconds: float) -> None: ...
    def message(self, text: str) -> None: ...
    def stop(self) -> None: ...


class Watch:
    """Follows one training: tells the progress, collects the history, and stops at a loss that is no number."""

    def __init__(
        self, progress: Progress, on_row: Callable[[Row], None], clock: Callable[[], float], interrupts: Interrupts
    ) -> None:
        self.rows: list[Row] = []
        """The history; what a training that is gone on with has of it is put there first."""
        self.leaves_out = False
        """Whether a step whose loss is no number is left out, and nothing wrong."""
        self._interrupts = interrupts
        self._progress, self._on_row, self._clock = progress, on_row, clock
        self._epoch, self._begun, self._due = 0, 0.0, 0.0
        self._untold: tuple[int, Callable[[], Mapping[str, float]]] | None = None

    def silent(self, rows: int) -> Watch:
        """Watches the same training from so many rows of the history on, and tells nobody."""
        other = Watch(Silent(), lambda row: None, self._clock, self._interrupts)
        other.rows += self.rows[:rows]
        other.leaves_out = self.leaves_out
        return other

    def tell(self, text: str) -> None:
        """Something worth a line."""
        self._progress.message(text)

    def begin(self, epoch: int) -> None:
        """An epoch begins."""
        self._epoch, self._begun, self._untold = epoch, self._clock(), None
        self._progress.epoch_start(epoch)

    @property
    def asked(self) -> int | None:
        """The signal that asked for an end."""
        return self._interrupts.asked

    def put_off(self, on: bool = True) -> AbstractContextManager[None]:
        """In here a signal is noted only, and a second one ends the training at once; with `on` False the first one
        does."""
        return self._interrupts.put_off(on)

    def between(self) -> AbstractContextManager[None]:
        """Between two starts of steps: here a Ctrl-C ends the training, and none in what the context surrounds."""
        return self._interrupts.between()

    def steps(self, step: int, losses: np.ndarray, logs: Callable[[], Mapping[str, float]]) -> None:
        """`step` steps of the epoch are done; of the last ones, the epoch's mean loss up to each. `logs` are asked for
        where they are shown."""
        import numpy as np

        bad = np.flatnonzero(~np.isfinite(losses))
        if len(bad) and self.leaves_out:
            told = ", ".join(str(step - len(losses) + int(place) + 1) for place in bad)
            self.tell(f"epoch {self._epoch}: left out, with a loss that is not a number: step {told}")
        elif len(bad):
            # The loss is the epoch's mean, so every later step is as bad: this one is the first.
            raise _not_a_number("loss", float(losses[bad[0]]), self._epoch, step - len(losses) + int(bad[0]) + 1)
        self._untold = (step, logs)
        if self._clock() >= self._due:
            self._tell()

    def _tell(self) -> None:
        if self._untold is not None:
            step, logs = self._untold
            self._due, self._untold = self._clock() + _EVERY, None
            self._progress.step(step, logs())

    def verify(self, logs: Mapping[str, float]) -> None:
        """All steps of the epoch are done; callbacks have not seen its end yet."""
        for key in ("loss", "val_loss"):
            if not math.isfinite(logs.get(key, 0.0)):
                raise _not_a_number(key, logs[key], self._epoch, None)

    def record(self, logs: Mapping[str, Any]) -> None:
        """An epoch is over, and callbacks have seen its logs and added theirs."""
        self._tell()
        row = {"epoch": self._epoch, **{key: plainly(value) for key, value in logs.items()}}
        self.rows.append(row)
        self._on_row(row)
        shown = {key: value for key, value in row.items() if key != "epoch" and isinstance(value, float)}
        self._progress.epoch_end(self._epoch, shown, self._clock() - self._begun)


def _not_a_number(key: str, value: float, epoch: int, step: int | None) -> NotANumber:
    what = "not a number (NaN)" if math.isnan(value) else "infinite"
    where = f"epoch {epoch}" + (f", step {step}" if step is not None else "")
    message = f"`{key}` became {what} in {where}"
    help = "lower the learning rate, clip the gradients (`clipnorm: 1.0` in the optimizer), or look at the data's scale"
    return NotANumber(Problem("training-nan", message, help=help), epoch, step)


def plainly(value: Any) -> Any:
    """A number as Python's own; a metric may also be an array, one number a class, which is a list then."""
    return value.tolist() if hasattr(value, "tolist") else value


class Told(io.TextIOBase):
    """A text stream whose lines go to a progress: Keras's callbacks print what they do."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._line = progress, ""

    def write(self, text: str) -> int:
        """Take text; every whole line that is not empty is told."""
        *lines, self._line = (self._line + text.replace("\r", "\n")).split("\n")
        for line in filter(str.strip, lines):
            self._progress.message(line.strip())
        return len(text)


monotonic = time.monotonic
