"""Training progress drawn over itself on a terminal: one bar an epoch, with the current losses and metrics."""

from __future__ import annotations

import atexit
import contextlib
import math
import sys
import time
from collections.abc import Callable, Mapping
from typing import TextIO, cast

from rich.console import Console
from rich.live import Live
from rich.status import Status
from rich.text import Text

from kspec.report.cells import escaped, wide
from kspec.report.figures import arranged_logs, clock, duration, figure, rate
from kspec.report.meter import Meter
from kspec.report.progress import Quiet, heading
from kspec.report.stream import ForgivingStream

__all__ = ["Bars", "finished", "running"]

_PER_SECOND = 10
_LONGEST_BAR = 40
_SHORTEST_BAR = 8
_MOST_LINES = 6


class Bars(Quiet):
    """A live bar for the running epoch; finished epochs leave a line each. What others print appears above the bar.

    A thread draws; ``step`` only leaves the newest numbers, ten times a second at most. The cursor comes back in
    ``stop``, and at the end of the process where nobody called that.
    """

    def __init__(
        self, stream: TextIO, *, width: int | None = None, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = Console(
            file=cast(TextIO, ForgivingStream(stream)),
            width=width,
            highlight=False,
            markup=False,
            emoji=False,
            soft_wrap=False,
        )
        self._meter = Meter(timer)
        self._logs: dict[str, float] = {}
        self._next = 0.0
        self._live: Live | None = None
        self._status: Status | None = None
        self._inside = False

    def waiting(self, what: str) -> None:
        self._arrive()
        self._status = self._console.status(Text(escaped(what)), spinner="dots")
        atexit.register(self.stop)
        self._status.start()

    def _arrive(self) -> None:
        """The wait is over: its line goes."""
        status, self._status = self._status, None
        if status is not None:
            with contextlib.suppress(RuntimeError):  # as in `stop`
                status.stop()

    def start(self, epochs: int, steps: int | None, first_epoch: int) -> None:
        self._arrive()
        self._meter.start(epochs, steps)
        self._meter.epoch = first_epoch
        self._live = Live(
            get_renderable=self._draw,
            console=self._console,
            refresh_per_second=_PER_SECOND,
            transient=True,
            # Only what would land on the same screen may be moved above the bar; a redirected stdout is data.
            redirect_stdout=_is_screen(sys.stdout),
            redirect_stderr=_is_screen(sys.stderr),
        )
        atexit.register(self.stop)
        self._live.start()

    def epoch_start(self, epoch: int) -> None:
        self._logs = {}
        self._meter.epoch_start(epoch)
        self._next = 0.0
        self._inside = True

    def step(self, step: int, logs: Mapping[str, float]) -> None:
        now = self._meter.clock()
        if now < self._next and step != self._meter.steps:
            return
        self._next = now + 1 / _PER_SECOND
        self._logs = arranged_logs(logs)
        self._meter.at(step)

    def epoch_end(self, epoch: int, logs: Mapping[str, float], seconds: float) -> None:
        self._inside = False
        self._print(finished(epoch, self._meter.epochs, logs, seconds, self._console.width))
        self._meter.epoch_end()

    def message(self, text: str) -> None:
        self._arrive()
        self._print(Text("\n".join(escaped(line) for line in text.splitlines())))

    def stop(self) -> None:
        self._arrive()
        live, self._live = self._live, None
        if live is None:
            return
        unfinished = self._inside and self._meter.step > 0
        self._inside = False
        with contextlib.suppress(RuntimeError):  # the drawing thread cannot be joined while the interpreter ends
            live.stop()
        atexit.unregister(self.stop)
        if unfinished:
            self._print(_broken_off(self._meter, self._logs, self._console.width))

    def _draw(self) -> Text:
        return running(self._meter, self._logs, self._console.width) if self._inside else Text("", end="")

    def _print(self, text: Text) -> None:
        self._console.print(text, no_wrap=True, overflow="ignore", crop=False)


def running(meter: Meter, logs: Mapping[str, float], width: int) -> Text:
    """The live display of an epoch in `width` columns: a bar with its numbers, metrics beside or below it."""
    head = heading(meter.epoch, meter.epochs)
    numbers = _numbers(meter)
    metrics = [_metric(name, value) for name, value in logs.items()]
    room = width - 1  # a full last column makes some terminals wrap
    fixed = wide(head) + sum(len(text) + 2 for text in numbers)
    beside = sum(part.cell_len + 2 for part in metrics)
    while len(numbers) > 1 and room - fixed - 2 < _SHORTEST_BAR:
        fixed -= len(numbers.pop(1 if len(numbers) > 2 else -1)) + 2
    together = room - fixed - beside - 2 >= 2 * _SHORTEST_BAR
    bar = min(room - fixed - 2 - (beside if together else 0), _LONGEST_BAR)
    first = [Text(head), *([_bar(meter.done, bar, meter.elapsed)] if bar >= 4 else [])]
    first += [Text(text, "cyan" if index == 1 else "") for index, text in enumerate(numbers)]
    if together:
        return Text("  ").join([*first, *metrics])
    below = _rows(metrics, room - 2)
    if len(below) > _MOST_LINES:
        kept = below[: _MOST_LINES - 1]
        below = [*kept, [Text(f"and {len(metrics) - sum(map(len, kept))} more", "dim")]]
    lines = [Text("  ").join(first), *(Text("  ") + Text("  ").join(row) for row in below)]
    for line in lines:
        line.truncate(room, overflow="crop")
    return Text("\n").join(lines)


def finished(epoch: int, epochs: int, logs: Mapping[str, float], seconds: float, width: int) -> Text:
    """The line a finished epoch leaves; metrics that do not fit in `width` go on under the first one."""
    lead = [Text(heading(epoch, epochs)), Text(f"{duration(seconds):>6}", "cyan")]
    return _wrapped(lead, logs, width)


def _broken_off(meter: Meter, logs: Mapping[str, float], width: int) -> Text:
    steps = f"stopped at step {meter.step:,}" + (f" of {meter.steps:,}" if meter.steps else "")
    return _wrapped([Text(heading(meter.epoch, meter.epochs)), Text(steps, "yellow")], logs, width)


def _wrapped(lead: list[Text], logs: Mapping[str, float], width: int) -> Text:
    """`lead` and the metrics in Keras's words on one line where they fit, else as pairs (``loss 0.51 val 0.53``)."""
    ordered = arranged_logs(logs)
    start = Text("  ").join(lead)
    whole = Text("  ").join([*lead, *(_metric(name, value) for name, value in ordered.items())])
    if whole.cell_len < width:
        return whole
    pairs = _pairs(ordered)
    whole = Text("  ").join([*lead, *pairs])
    if whole.cell_len < width:
        return whole
    indent = start.cell_len + 2 if width >= 100 else 2
    rows = _rows(pairs, width - 1 - indent)
    lines = [Text(" " * indent) + Text("  ").join(row) for row in rows]
    if indent == 2:
        return Text("\n").join([start, *lines])
    lines[0] = start + Text("  ") + Text("  ").join(rows[0])
    return Text("\n").join(lines)


def _pairs(logs: Mapping[str, float]) -> list[Text]:
    """Each metric with its validation value right behind it."""
    parts = []
    for name, value in logs.items():
        if f"val_{name}" in logs:
            parts.append(_metric(name, value) + Text(" ") + _metric("val", logs[f"val_{name}"]))
        elif name.removeprefix("val_") not in logs or not name.startswith("val_"):
            parts.append(_metric(name, value))
    return parts


def _numbers(meter: Meter) -> list[str]:
    """Steps, rate and time, each padded so that the bar does not change its length from one drawing to the next."""
    if meter.steps:
        total = f"{meter.steps:,}"
        counted = f"{meter.step:>{len(total)},}/{total}"
    else:
        counted = f"step {meter.step:,}"
    speed = meter.rate
    left = meter.left
    time_text = f"{clock(left)} left" if left is not None and meter.done != 1.0 else clock(meter.elapsed)
    return [counted, f"{rate(speed) if speed else '':>12}", f"{time_text:>10}"]


def _metric(name: str, value: float) -> Text:
    style = "" if math.isfinite(value) else "bold red"
    return Text.assemble((f"{escaped(name)} ", "dim"), (figure(value), style))


def _rows(parts: list[Text], room: int) -> list[list[Text]]:
    rows: list[list[Text]] = []
    used = 0
    for part in parts:
        if not rows or used + 2 + part.cell_len > room:
            rows.append([part])
            used = part.cell_len
        else:
            rows[-1].append(part)
            used += 2 + part.cell_len
    return rows


def _bar(done: float | None, length: int, elapsed: float) -> Text:
    """A bar of `length` columns, heavy where done and thin ahead; without a known end a heavy piece wanders."""
    if done is None:
        piece = max(length // 5, 2)
        turn = 2 * (length - piece) or 1
        at = int(elapsed * 8) % turn
        at = min(at, turn - at)
        return Text.assemble(("─" * at, "dim"), ("━" * piece, "green"), ("─" * (length - piece - at), "dim"))
    halves = int(done * length * 2)
    full = "━" * (halves // 2) + ("╸" if halves % 2 else "")
    return Text.assemble((full, "green"), ("─" * (length - len(full)), "dim"))


def _is_screen(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False
