"""Axes for pictures: a range that holds the values, and round numbers along it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Axis", "epoch_axis", "linear_axis", "log_axis"]


class Axis(NamedTuple):
    """A range of values (of their decimal logarithms on a logarithmic axis) and the ticks to label."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    log: bool = False

    def at(self, value: float) -> float:
        """Where `value` stands: 0 at the low end, 1 at the high end."""
        return ((math.log10(value) if self.log else value) - self.low) / (self.high - self.low)


def linear_axis(values: Sequence[float], wanted: int = 5) -> Axis:
    """An axis a little longer than the finite `values` (at least one), with `wanted` ticks or a few more."""
    low, high = min(values), max(values)
    # Differences near the smallest double are none: a step between ticks would have no digits left.
    if high - low <= max(1e-9 * max(abs(low), abs(high)), 1e-290):
        half = abs(low) * 0.05 if abs(low) > 1e-280 else 0.0
        low, high = (low - half, high + half) if half else (0.0, 1.0)
    else:
        pad = (high - low) * 0.06
        # No pad below zero for what is never negative: an axis that starts at -0.02 puzzles.
        low, high = (max(low - pad, 0.0) if low >= 0 else low - pad), high + pad
    step = _round_step((high - low) / wanted * 0.75)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    marks = [index * step for index in range(first, last + 1)]
    return Axis(low, high, tuple((mark, _label(mark, step, max(abs(low), abs(high)))) for mark in marks))


def log_axis(values: Sequence[float]) -> Axis:
    """A logarithmic axis for the positive `values` (at least one): decades, and 2 and 5 between them where few."""
    low, high = math.log10(min(values)), math.log10(max(values))
    pad = (high - low) * 0.05
    low, high = low - pad, high + pad
    # A double has no powers of ten beyond these.
    first, last = max(math.floor(low), -307), min(math.ceil(high), 308)
    every = max(1, math.ceil((last - first) / 6))
    digits = (1, 2, 5) if last - first <= 3 else (1,)
    marks = [float(f"{digit}e{power}") for power in range(first, last + 1) if power % every == 0 for digit in digits]
    ticks = tuple((mark, f"{mark:g}") for mark in marks if math.isfinite(mark) and low <= math.log10(mark) <= high)
    return Axis(low, high, ticks, log=True)


def epoch_axis(first: int, last: int, wanted: int = 6) -> Axis:
    """An axis of whole epochs from `first` to `last`; the first epoch has a tick of its own where there is room."""
    step = max(1, round(_round_step((last - first) / wanted))) if last > first else 1
    marks = [mark for mark in range(first, last + 1) if mark % step == 0]
    if not marks or marks[0] - first > 0.6 * step:
        marks.insert(0, first)
    margin = 0.5 if last == first else 0.0
    return Axis(first - margin, last + margin, tuple((float(mark), f"{mark:,}") for mark in marks))


def _round_step(rough: float) -> float:
    """The round number (1, 2, 2.5 or 5 times a power of ten) that is at least `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(digit * power for digit in (1, 2, 2.5, 5, 10) if digit * power >= rough * (1 - 1e-9))


def _label(value: float, step: float, largest: float) -> str:
    if largest >= 1e6 or step < 1e-6:
        return f"{value:.6g}"
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    if not math.isclose(step * 10**digits, round(step * 10**digits)):
        digits += 1  # steps of 2.5
    text = f"{value:,.{digits}f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text
