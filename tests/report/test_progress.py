"""Training progress: what each display writes, with a clock of the test's own."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from typing import Any

import pytest

from kspec.report.display import make_progress
from kspec.report.figures import clock, duration, figure, rate
from kspec.report.meter import Meter
from kspec.report.progress import JsonLines, Plain, Quiet

from .golden import same

LOGS = {"accuracy": 0.5, "loss": 1.25, "val_accuracy": 0.25, "val_loss": 3.0}


class Clock:
    """Time that passes when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


class Counted(Mapping[str, float]):
    """Logs that count how often they are looked at: reading one may wait for a device."""

    def __init__(self, values: Mapping[str, float]) -> None:
        self.values_, self.looks = values, 0

    def __getitem__(self, key: str) -> float:
        self.looks += 1
        return self.values_[key]

    def __iter__(self) -> Any:
        self.looks += 1
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)


def run(display: Any, clock: Clock, *, steps: int | None = 400, epochs: int = 3, slow: int = 2) -> None:
    """Three epochs of 400 steps; the second takes 100 seconds, the others two."""
    display.start(epochs, steps, 1)
    for epoch in range(1, epochs + 1):
        display.epoch_start(epoch)
        begun = clock.now
        for step in range(1, 401):
            clock.wait(0.25 if epoch == slow else 0.005)
            display.step(step, {"accuracy": step / 400, "loss": 4 / step})
        display.epoch_end(epoch, LOGS | {"loss": math.nan if epoch == 3 else 1.25}, clock.now - begun)
    display.message("stopped early:\nval_loss did not improve")
    display.stop()
    display.stop()


def test_plain_lines() -> None:
    stream, clock = io.StringIO(), Clock()
    run(Plain(stream, clock), clock)
    same("plain.txt", stream.getvalue())


def test_plain_lines_with_an_unknown_number_of_steps() -> None:
    stream, clock = io.StringIO(), Clock()
    run(Plain(stream, clock), clock, steps=None, slow=1)
    assert "step 120" in stream.getvalue().splitlines()[0]
    assert "left" not in stream.getvalue().splitlines()[0]
    stream, clock = io.StringIO(), Clock()
    run(Plain(stream, clock), clock, steps=None, slow=2)
    assert "step 120/400  30%" in stream.getvalue()  # the first epoch told the number


def test_json_lines() -> None:
    stream, clock = io.StringIO(), Clock()
    run(JsonLines(stream, clock), clock)
    same("events.jsonl", stream.getvalue())

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    events = [json.loads(line, parse_constant=refuse) for line in stream.getvalue().splitlines()]
    assert [event["epoch"] for event in events if event["event"] == "epoch"] == [1, 2, 3]
    assert math.isnan(float(events[-2]["logs"]["loss"]))


def test_quiet_and_the_choice_of_display() -> None:
    stream = io.StringIO()
    run(make_progress("quiet", stream), Clock())
    assert stream.getvalue() == ""
    assert isinstance(make_progress("json", stream), JsonLines)
    assert isinstance(make_progress("plain", stream), Plain)
    assert isinstance(make_progress("auto", stream), Plain)  # not a terminal
    assert type(make_progress("quiet", stream)) is Quiet


@pytest.mark.parametrize("display", [Plain, JsonLines])
def test_between_reports_logs_are_not_looked_at(display: Any) -> None:
    clock, logs = Clock(), Counted({"loss": 1.0})
    shown = display(io.StringIO(), clock)
    shown.start(1, 100_000, 1)
    shown.epoch_start(1)
    for step in range(1, 1001):
        clock.wait(1e-4)
        shown.step(step, logs)
    assert logs.looks == 0


class Broken(io.StringIO):
    """A pipe whose reader leaves after the first line."""

    def write(self, text: str) -> int:
        if self.getvalue().count("\n") >= 1:
            raise BrokenPipeError
        return super().write(text)


@pytest.mark.parametrize("display", [Plain, JsonLines])
def test_a_reader_that_leaves_does_not_end_the_training(display: Any) -> None:
    stream, clock = Broken(), Clock()
    run(display(stream, clock), clock)
    assert stream.getvalue().count("\n") == 1
    closed = io.StringIO()
    closed.close()
    run(display(closed, Clock()), Clock())


def test_characters_that_the_stream_cannot_write() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    shown = Plain(stream)
    shown.start(1, None, 1)
    shown.epoch_end(1, {"größe\x1b[2J": 1.0}, 1.0)
    assert raw.getvalue() == b"epoch 1/1  1.00 s  gr\\xf6\\xdfe\\x1b[2J 1.0000\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0000"),
        (0.12345, "0.1235"),
        (-0.5, "-0.5000"),
        (0.001, "0.0010"),
        (0.0009, "9.000e-04"),
        (9.99996, "10.000"),
        (12.3456, "12.346"),
        (999.999, "1000.0"),
        (1234.56, "1234.6"),
        (99999.4, "99999"),
        (123456.0, "1.235e+05"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
    ],
)
def test_figures(value: float, text: str) -> None:
    assert figure(value) == text


def test_times_and_rates() -> None:
    assert [duration(s) for s in (0.0, 0.423, 9.99, 9.996, 59.94, 59.96, 3723)] == [
        *("0.00 s", "0.42 s", "9.99 s", "10.0 s", "59.9 s", "1:00", "1:02:03"),
    ]
    assert [clock(s) for s in (0.4, 7, 59.6, 3599.6, 90061)] == ["0:00", "0:07", "1:00", "1:00:00", "1 d 1:01:01"]
    assert [rate(r) for r in (12345.6, 9.96, 9.94, 1.0, 0.4, 1e-4)] == [
        *("12,346 steps/s", "10 steps/s", "9.9 steps/s", "1.0 steps/s", "2.5 s/step", "2:46:40 /step"),
    ]


def test_the_rate_leaves_compiling_out() -> None:
    clock = Clock()
    meter = Meter(clock)
    meter.start(1, 100)
    meter.epoch_start(1)
    assert (meter.rate, meter.left, meter.done) == (None, None, 0.0)
    clock.wait(60)  # compiling
    meter.at(1)
    assert (meter.rate, meter.left) == (None, None)
    clock.wait(1)
    meter.at(11)
    assert meter.rate == 10
    assert meter.left == pytest.approx(8.9)
    clock.wait(2)
    assert meter.left == pytest.approx(6.9)
    assert meter.elapsed == 63
