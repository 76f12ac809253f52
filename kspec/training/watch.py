"""What watches a training from inside `keras.Model.fit`, without slowing it.

Keras hands a step's logs to callbacks on worker threads, and waits for the device there, as long as every callback
says that it is ``async_safe``. So the logs are noted on those threads and told on the main one, between steps: no
step waits for a display, and the display is never called from two threads.
"""

from __future__ import annotations

import io
import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from kspec.diagnostics import Problem, TrainingError
from kspec.model.backend import load_keras
from kspec.training.interrupts import Interrupts

Row = dict[str, Any]
"""A row of the history: `epoch`, counted from 1, and Keras's own keys."""

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
        self._interrupts = interrupts
        self._progress, self._on_row, self._clock = progress, on_row, clock
        self._lock = threading.Lock()
        self._epoch, self._begun, self._due = 0, 0.0, 0.0
        self._seen: tuple[int, Mapping[str, float]] = (0, {})
        self._told = 0
        self._bad: tuple[int, float] | None = None
        self._main = threading.get_ident()

    def callbacks(self) -> tuple[Any, Any]:
        """Keras's callbacks: one to stand before all others, so that none saves what is lost, and one after them."""
        make = load_keras().callbacks.LambdaCallback
        guard = make(
            on_epoch_begin=lambda epoch, logs: self._begin(epoch + 1),
            on_train_batch_begin=lambda batch, logs: self._between(),
            on_train_batch_end=self._note,
            on_epoch_end=lambda epoch, logs: self._verify(logs),
        )
        recorder = make(on_epoch_end=lambda epoch, logs: self._record(logs))
        guard.async_safe = recorder.async_safe = True
        return guard, recorder

    def _begin(self, epoch: int) -> None:
        self._main = threading.get_ident()
        self._epoch, self._begun, self._told, self._seen = epoch, self._clock(), 0, (0, {})
        self._progress.epoch_start(epoch)

    def _note(self, batch: int, logs: Mapping[str, float]) -> None:
        """A step is done. Called on any thread, and out of order."""
        step, loss = batch + 1, logs.get("loss", 0.0)
        with self._lock:
            if step > self._seen[0]:
                self._seen = (step, dict(logs))
            # The loss is the epoch's mean, so every later step is as bad: the least one is the first.
            if not math.isfinite(loss) and (self._bad is None or step < self._bad[0]):
                self._bad = (step, loss)
        if threading.get_ident() == self._main:
            self._stop_if_bad()

    def _between(self) -> None:
        """Before a step, on the main thread."""
        self._interrupts.raise_again()
        if self._bad is not None:
            self._stop_if_bad()
        if self._seen[0] != self._told and self._clock() >= self._due:
            self._tell()

    def _tell(self) -> None:
        self._due = self._clock() + _EVERY
        self._told, logs = self._seen
        self._progress.step(self._told, logs)

    def _verify(self, logs: Mapping[str, float]) -> None:
        """All steps of the epoch are done and noted; the other callbacks have not seen its end yet."""
        self._stop_if_bad()
        for key in ("loss", "val_loss"):
            if not math.isfinite(logs.get(key, 0.0)):
                raise _not_a_number(key, logs[key], f"epoch {self._epoch}")

    def _record(self, logs: Mapping[str, Any]) -> None:
        if self._seen[0] != self._told:
            self._tell()
        row = {"epoch": self._epoch, **{key: _plain(value) for key, value in logs.items()}}
        self.rows.append(row)
        self._on_row(row)
        shown = {key: value for key, value in row.items() if key != "epoch" and isinstance(value, float)}
        self._progress.epoch_end(self._epoch, shown, self._clock() - self._begun)

    def _stop_if_bad(self) -> None:
        with self._lock:
            bad = self._bad
        if bad is not None:
            raise _not_a_number("loss", bad[1], f"epoch {self._epoch}, step {bad[0]}")


def _not_a_number(key: str, value: float, where: str) -> TrainingError:
    what = "not a number (NaN)" if math.isnan(value) else "infinite"
    message = f"`{key}` became {what} in {where}"
    help = "lower the learning rate, clip the gradients (`clipnorm: 1.0` in the optimizer), or look at the data's scale"
    return TrainingError(Problem("training-nan", message, help=help))


def _plain(value: Any) -> Any:
    """A number as Python's own; a metric may also be an array, one number a class."""
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
