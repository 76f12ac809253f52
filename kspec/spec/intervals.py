"""How often a checkpoint is written: by steps, by epochs or by time."""

from __future__ import annotations

import math
import re
from typing import Literal, NamedTuple

Unit = Literal["steps", "epochs", "seconds"]

DEFAULT = "5 minutes"
EXAMPLES = "`40 steps`, `2 epochs`, `10 minutes` or `never`"

_WRITTEN = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*([a-z]+)\Z", re.ASCII)
_SECONDS = {"second": 1, "s": 1, "minute": 60, "min": 60, "hour": 3600, "h": 3600}


class Every(NamedTuple):
    """So many steps, epochs or seconds."""

    number: float
    unit: Unit


def every(text: str) -> Every | None:
    """``40 steps``, ``2 epochs``, ``30 seconds``, ``10 minutes``, ``1 hour``, ``never``; None for anything else."""
    if text.strip() == "never":
        return Every(math.inf, "seconds")
    found = _WRITTEN.match(text.strip().lower())
    if found is None or float(found[1]) == 0:
        return None
    number, word = float(found[1]), found[2]
    word = word.removesuffix("s") or "s"
    if word in _SECONDS:
        return Every(number * _SECONDS[word], "seconds")
    if word in ("step", "epoch") and number.is_integer():
        return Every(number, "steps" if word == "step" else "epochs")
    return None
