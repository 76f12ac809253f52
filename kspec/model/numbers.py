"""What an array holds, and how far two are apart; a piece at a time, so that nothing large is made of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from kspec.model.transferred import Apart, Numbers

_PIECE = 2**20


def numbers_of(array: Any) -> Numbers:
    """Of a NumPy array of any shape; complex numbers by their size."""
    import numpy as np

    low, high, mean, spread, count = math.inf, -math.inf, 0.0, 0.0, 0
    zeros = nan = inf = 0
    for (piece,) in _pieces(array):
        zeros += int(np.count_nonzero(piece == 0))
        nan += int(np.count_nonzero(np.isnan(piece)))
        inf += int(np.count_nonzero(np.isinf(piece)))
        finite = piece[np.isfinite(piece)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
            # Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979
            own, total = float(finite.mean()), count + finite.size
            between = own - mean
            spread += float(((finite - own) ** 2).sum()) + between**2 * count * finite.size / total
            mean, count = mean + between * finite.size / total, total
    part = zeros / array.size if array.size else 0.0
    if not count:
        return Numbers(None, None, None, None, part, nan, inf)
    return Numbers(low, high, mean, math.sqrt(spread / count), part, nan, inf)


def apart(one: Any, other: Any) -> Apart:
    """Two NumPy arrays of one shape."""
    import numpy as np

    if one.dtype == other.dtype and all(
        first.tobytes() == second.tobytes() for first, second in _pieces(one, other, plain=False)
    ):
        return Apart(True, 0.0 if one.size else None, 0.0 if one.size else None, 0)
    largest, size, unlike, seen = 0.0, 0.0, 0, False
    for first, second in _pieces(one, other):
        with np.errstate(invalid="ignore"):
            both = np.isfinite(first) & np.isfinite(second)
            same = (first == second) | (np.isnan(first) & np.isnan(second))
        unlike += int(np.count_nonzero(~both & ~same))
        if both.any():
            seen = True
            largest = max(largest, float(np.abs(first[both] - second[both]).max()))
        known = first[np.isfinite(first)]
        size = max(size, float(np.abs(known).max()) if known.size else 0.0)
    if not seen:
        return Apart(False, None, None, unlike)
    return Apart(False, largest, largest / size if size else (0.0 if largest == 0 else None), unlike)


def _pieces(*arrays: Any, plain: bool = True) -> Iterator[tuple[Any, ...]]:
    """The same places of arrays of one shape; as float64 where they are `plain`."""
    import numpy as np

    flat = [array.reshape(-1) for array in arrays]
    for start in range(0, flat[0].size, _PIECE):
        pieces = [array[start : start + _PIECE] for array in flat]
        if plain:
            pieces = [np.abs(piece) if piece.dtype.kind == "c" else piece.astype(np.float64) for piece in pieces]
        yield tuple(pieces)
