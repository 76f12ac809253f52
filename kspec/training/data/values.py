"""Looking through arrays of any size block by block: the extremes, and the first element that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_BLOCK = 1 << 21
"""Elements looked at together: a few megabytes, so that they stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Extent:
    """The least and the greatest element; NaN where there is one."""

    low: float
    high: float

    @property
    def finite(self) -> bool:
        """Whether there is neither NaN nor infinity."""
        return abs(self.low) < float("inf") and abs(self.high) < float("inf")


@dataclass(frozen=True, slots=True)
class Place:
    """An element: its index (the row first, counted from 0) and its value; shown as NumPy has it, ``[3, 0]``."""

    index: tuple[int, ...]
    value: Any

    def __str__(self) -> str:
        return str(list(self.index))


def extent(array: np.ndarray) -> Extent:
    """The extremes of an array that has elements."""
    import numpy as np

    with np.errstate(invalid="ignore"):  # NaN is what is looked for
        pairs = [(block.min(), block.max()) for _, block in _blocks(array)]
        return Extent(float(np.min([low for low, _ in pairs])), float(np.max([high for _, high in pairs])))


def is_whole(array: np.ndarray) -> bool:
    """Whether every element is a whole number."""
    import numpy as np

    return array.dtype.kind in "biu" or all(bool((np.floor(block) == block).all()) for _, block in _blocks(array))


def first(array: np.ndarray, wrong: Callable[[np.ndarray], np.ndarray]) -> Place | None:
    """The first element, row by row, for which `wrong` is true."""
    import numpy as np

    for start, block in _blocks(array):
        bad = wrong(block)
        if bad.any():
            row, *rest = np.unravel_index(int(np.argmax(bad)), block.shape)
            value = block[(row, *rest)]
            return Place((start + int(row), *map(int, rest)), value.item())
    return None


def _blocks(array: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Slices of whole rows with the number of their first row."""
    rows = max(_BLOCK // max(array[:1].size, 1), 1)
    for start in range(0, len(array), rows):
        if array.size:
            yield start, array[start : start + rows]
