"""What an array holds, and how far two are apart; a piece at a time, so that nothing large is made of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from kspec.model.transferred import Apart, Numbers

_PIECE = 2**20
_WHOLE = "iub"


def numbers_of(array: Any) -> Numbers:
    """Of a NumPy array of any shape; complex numbers by their size."""
    import numpy as np

    low, high, mean, spread, count = math.inf, -math.inf, 0.0, 0.0, 0
    zeros = nan = inf = 0
    with np.errstate(invalid="ignore", over="ignore"):
        for (held,) in _pieces(array):
            piece = np.abs(_wide(held)) if held.dtype.kind == "c" else _wide(held)
            zeros += int(np.count_nonzero(piece == 0))
            nan += int(np.count_nonzero(np.isnan(piece)))
            inf += int(np.count_nonzero(np.isinf(piece)))
            finite = piece[np.isfinite(piece)]
            if finite.size:
                low, high = min(low, float(finite.min())), max(high, float(finite.max()))
                # Chan, Golub and LeVeque,
                # "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979
                own, total = float(finite.mean()), count + finite.size
                between = own - mean
                spread += float(((finite - own) ** 2).sum()) + between * between * count * finite.size / total
                mean, count = mean + between * finite.size / total, total
    part = zeros / array.size if array.size else 0.0
    if not count:
        return Numbers(None, None, None, None, part, nan, inf)
    return Numbers(low, high, _held(mean), _held(math.sqrt(spread / count)), part, nan, inf)


def apart(one: Any, other: Any) -> Apart:
    """Two NumPy arrays of one shape."""
    import numpy as np

    if one.dtype == other.dtype and all(first.tobytes() == second.tobytes() for first, second in _pieces(one, other)):
        return Apart(True, 0.0 if one.size else None, 0.0 if one.size else None, 0)
    largest, size, unlike, seen = 0.0, 0.0, 0, False
    with np.errstate(invalid="ignore", over="ignore"):
        for mine, its in _pieces(one, other):
            first, second = _wide(mine), _wide(its)
            both = np.isfinite(first) & np.isfinite(second)
            same = (first == second) | (np.isnan(first) & np.isnan(second))
            unlike += int(np.count_nonzero(~both & ~same))
            if both.any():
                seen = True
                is_whole = mine.dtype.kind in _WHOLE and its.dtype.kind in _WHOLE
                between = _between(mine, its) if is_whole else _between(first[both], second[both])
                largest = max(largest, float(between.max()))
            known = first[np.isfinite(first)]
            size = max(size, float(np.abs(known).max()) if known.size else 0.0)
    if not seen:
        return Apart(False, None, None, unlike)
    relative = largest / size if size else (0.0 if largest == 0 else math.inf)
    return Apart(False, _held(largest), _held(relative), unlike)


def _held(number: float) -> float | None:
    """A number that float64 can hold."""
    return number if math.isfinite(number) else None


def _wide(piece: Any) -> Any:
    """With the most digits that NumPy has everywhere."""
    import numpy as np

    return piece.astype(np.complex128 if piece.dtype.kind == "c" else np.float64)


def _between(one: Any, other: Any) -> Any:
    """How far numbers are apart; whole ones exactly."""
    import numpy as np

    common = np.result_type(one, other)
    if one.dtype.kind in _WHOLE and common.kind == "f":  # no type has both int64's numbers and uint64's
        return np.abs(one.astype(object) - other.astype(object))
    if common.kind in _WHOLE:  # what lies between two of int64 may be too large for it, and is right modulo 2^64
        return np.maximum(one, other).astype(np.uint64) - np.minimum(one, other).astype(np.uint64)
    return np.abs(one - other)


def _pieces(*arrays: Any) -> Iterator[tuple[Any, ...]]:
    """The same places of arrays of one shape."""
    flat = [array.reshape(-1) for array in arrays]
    for start in range(0, flat[0].size, _PIECE):
        yield tuple(array[start : start + _PIECE] for array in flat)
