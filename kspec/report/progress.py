"""What a person, or a program, sees while a model trains.

Training calls these methods and knows nothing of the display: ``start``, ``epoch_start``, ``step`` (as often as it
likes), ``epoch_end``, ``message`` and ``stop`` (always, in a ``finally``). Epochs and steps count from 1.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from typing import TextIO

from kspec.report.cells import escaped
from kspec.report.figures import arranged_logs, clock, duration, figure, rate
from kspec.report.meter import Meter
from kspec.report.stream import ForgivingStream

__all__ = ["JsonLines", "Plain", "Quiet"]


class Quiet:
    """Says nothing."""

    def waiting(self, what: str) -> None:
        """The next seconds go into `what`, until anything else is told; only a live display shows it."""

    def start(self, epochs: int, steps: int | None, first_epoch: int) -> None:
        """Epochs `first_epoch` to `epochs` begin, of `steps` steps each (None: not known)."""

    def epoch_start(self, epoch: int) -> None:
        """Epoch `epoch` begins."""

    def step(self, step: int, logs: Mapping[str, float]) -> None:
        """`step` steps of the epoch are done; `logs` are the losses and metrics so far."""

    def epoch_end(self, epoch: int, logs: Mapping[str, float], seconds: float) -> None:
        """Epoch `epoch` is done in `seconds`, with validation; `logs` are its row of the history."""

    def message(self, text: str) -> None:
        """Something worth a line: early stopping, a checkpoint."""

    def stop(self) -> None:
        """The run is over or broken off; may be called again."""


class JsonLines(Quiet):
    """One JSON object a line: events ``start``, ``step`` (every ten seconds at most), ``epoch``, ``message``.

    JSON has no NaN and no infinity: they are the strings ``"nan"``, ``"inf"`` and ``"-inf"``.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic, every: float = 10.0) -> None:
        self._stream = ForgivingStream(stream)
        self._clock = clock
        self._every = every
        self._due = clock() + every
        self._epoch = 0
        self._steps: int | None = None

    def start(self, epochs: int, steps: int | None, first_epoch: int) -> None:
        self._steps = steps
        self._write({"event": "start", "epochs": epochs, "steps": steps, "first_epoch": first_epoch})

    def epoch_start(self, epoch: int) -> None:
        self._epoch = epoch
        self._due = self._clock() + self._every

    def step(self, step: int, logs: Mapping[str, float]) -> None:
        now = self._clock()
        if now < self._due:
            return
        self._due = now + self._every
        event = {"event": "step", "epoch": self._epoch, "step": step, "steps": self._steps, "logs": _plain(logs)}
        self._write(event)

    def epoch_end(self, epoch: int, logs: Mapping[str, float], seconds: float) -> None:
        self._write({"event": "epoch", "epoch": epoch, "logs": _plain(logs), "seconds": round(seconds, 6)})

    def message(self, text: str) -> None:
        self._write({"event": "message", "text": text})

    def _write(self, event: Mapping[str, object]) -> None:
        self._stream.write(json.dumps(event, ensure_ascii=True) + "\n")
        self._stream.flush()


class Plain(Quiet):
    """A line an epoch, for pipes, logs and simple terminals; in a long epoch also one every half minute."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic, every: float = 30.0) -> None:
        self._stream = ForgivingStream(stream)
        self._meter = Meter(clock)
        self._every = every
        self._due = clock() + every
        self._next = 0.0

    def start(self, epochs: int, steps: int | None, first_epoch: int) -> None:
        self._meter.start(epochs, steps)

    def epoch_start(self, epoch: int) -> None:
        self._meter.epoch_start(epoch)
        self._due = self._meter.clock() + self._every

    def step(self, step: int, logs: Mapping[str, float]) -> None:
        now = self._meter.clock()
        if now < self._next:
            return
        self._next = now + 0.1
        self._meter.at(step)
        if now >= self._due:
            self._due = now + self._every
            self._line(running_line(self._meter, logs))

    def epoch_end(self, epoch: int, logs: Mapping[str, float], seconds: float) -> None:
        self._line("  ".join(epoch_line(epoch, self._meter.epochs, logs, seconds)))
        self._meter.epoch_end()

    def message(self, text: str) -> None:
        for line in text.splitlines():
            self._line(line)

    def _line(self, text: str) -> None:
        self._stream.write(escaped(text) + "\n")
        self._stream.flush()


def epoch_line(epoch: int, epochs: int, logs: Mapping[str, float], seconds: float) -> list[str]:
    """The parts of a finished epoch's line: ``epoch  3/20``, ``0.42 s``, ``loss 0.1234``, …"""
    parts = [f"{name} {figure(value)}" for name, value in arranged_logs(logs).items()]
    return [heading(epoch, epochs), f"{duration(seconds):>6}", *parts]


def running_line(meter: Meter, logs: Mapping[str, float]) -> str:
    """A line from the middle of an epoch: steps, part done, rate, time left, losses and metrics."""
    parts = [heading(meter.epoch, meter.epochs)]
    parts.append(f"step {meter.step}/{meter.steps}" if meter.steps else f"step {meter.step}")
    if meter.done is not None:
        parts.append(f"{meter.done:.0%}")
    if meter.rate is not None:
        parts.append(rate(meter.rate))
    if meter.left is not None:
        parts.append(f"{clock(meter.left)} left")
    parts += [f"{name} {figure(value)}" for name, value in arranged_logs(logs).items()]
    return "  ".join(parts)


def heading(epoch: int, epochs: int) -> str:
    """``epoch  3/20``, as wide for every epoch."""
    return f"epoch {epoch:>{len(str(epochs))}}/{epochs}"


def _plain(logs: Mapping[str, float]) -> dict[str, float | str]:
    return {name: number if math.isfinite(number := float(value)) else str(number) for name, value in logs.items()}
