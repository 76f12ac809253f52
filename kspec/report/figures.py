"""Numbers of a training run as short text: losses, durations, rates."""

from __future__ import annotations

import math
from collections.abc import Mapping

__all__ = ["arranged_logs", "clock", "duration", "figure", "rate"]


def figure(value: float) -> str:
    """A loss or metric in about six characters: ``0.1234``, ``12.346``, ``1234.6``, ``1.235e-05``, ``nan``."""
    if not math.isfinite(value):
        return str(value)
    size = abs(value)
    if size >= 99_999.5 or 0 < size < 0.00095:
        return f"{value:.3e}"
    digits = 4 if size < 9.99995 else 3 if size < 99.9995 else 2 if size < 999.995 else 1 if size < 9999.95 else 0
    return f"{value:.{digits}f}"


def duration(seconds: float) -> str:
    """``0.42 s``, ``42.1 s``, ``3:12``, ``1:02:03``."""
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    return f"{seconds:.1f} s" if seconds < 59.95 else clock(seconds)


def clock(seconds: float) -> str:
    """``0:07``, ``3:12``, ``1:02:03``, and days in front beyond a day."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days} d {hour}:{minute:02}:{second:02}"
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def rate(steps_per_second: float) -> str:
    """``812 steps/s``, ``1.4 steps/s``, and below one ``3.2 s/step``."""
    if steps_per_second >= 1:
        return f"{steps_per_second:,.{0 if steps_per_second >= 9.95 else 1}f} steps/s"
    seconds = 1 / steps_per_second
    return f"{seconds:.1f} s/step" if seconds < 600 else f"{clock(seconds)} /step"


def arranged_logs(logs: Mapping[str, float]) -> dict[str, float]:
    """The logs of an epoch in the order one reads them: loss first, validation after training, learning rate last."""

    def rank(name: str) -> tuple[bool, bool, bool]:
        bare = name.removeprefix("val_")
        return bare == "learning_rate", name != bare, bare != "loss"

    return {name: float(logs[name]) for name in sorted(logs, key=rank)}
