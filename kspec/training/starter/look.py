"""The arrays of a port looked through: every part, once, and never more than one array in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kspec.diagnostics import FileError, Problem
from kspec.training.data.values import extent, first, is_whole

if TYPE_CHECKING:
    import numpy as np

    from kspec.training.data.source import Source
    from kspec.training.starter.roles import Port


@dataclass(frozen=True)
class Seen:
    """A port's training array, and what holds of all its parts: the least and greatest number, and whether all are
    whole."""

    name: str
    array: np.ndarray
    low: float
    high: float
    whole: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one row."""
        return tuple(self.array.shape[1:])

    @property
    def range(self) -> str:
        """``0 to 16``, ``-1.69 to 1.98``."""
        return f"{number(self.low)} to {number(self.high)}"


def look(source: Source, port: Port) -> Seen:
    """Read a port's arrays.

    Raises `FileError`: ``data-nan``, and what reading raises.
    """
    low, high, whole = [], [], True
    for name in (port.test, port.validation, port.train):  # the last one is kept
        if name:
            array = source.read(name)
            found = extent(array)
            if not found.finite:
                raise FileError(_not_finite(source.path, name, array))
            low.append(found.low)
            high.append(found.high)
            whole = whole and is_whole(array)
    return Seen(port.name, array, min(low), max(high), whole)


def number(value: float) -> str:
    """A number for a person, with at most four digits that matter: ``5140``, ``0.0312``."""
    return str(int(value)) if value == int(value) and abs(value) < 1e9 else f"{value:.4g}"


def _not_finite(path: str, name: str, array: np.ndarray) -> Problem:
    import numpy as np

    place = first(array, lambda block: ~np.isfinite(block))
    message = f"`{name}` holds NaN or infinity: the first is `{name}{place}`"
    return Problem("data-nan", message, help="fill or drop those rows first", file=path)
