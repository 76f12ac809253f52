"""The rows of one epoch in segments of equal size, mixed from many blocks, in bounded memory.

Blocks are read in a random order into groups of some 128 MB. A group's rows are cut into chunks of consecutive rows,
the chunks are put in a random order, and segments are filled with them one after the other, each row at its place in a
random order of the segment's rows: a row is copied once. A segment so holds rows of some 64 places.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from kspec.training.data.source import Piece, Source

if TYPE_CHECKING:
    import numpy as np

Arrays = dict[str, Any]

SEGMENT = 34 << 20
"""Bytes of a segment. Above 32 MiB glibc maps an array of its own and gives it back when it is freed; what is smaller
it keeps for later, and a stream then holds hundreds of MB more than it uses (mallopt(3), M_MMAP_THRESHOLD)."""
GROUP = 128 << 20
"""Bytes that are mixed together."""
_ROWS = 1 << 18
"""Rows of a segment at most: of small rows, more would take long to put in an order."""
_CHUNKS = 64
"""Places that a segment has rows of."""
_LINE = 64
_OPEN = 4
"""Large blocks that are read side by side."""


def segment_rows(row_bytes: int, batch_size: int) -> int:
    """The rows of a segment: whole batches of about `SEGMENT` bytes, one batch at least."""
    wanted = min(SEGMENT // max(row_bytes, 1), _ROWS)
    return max(wanted // batch_size, 1) * batch_size


def mixed(source: Source, names: Sequence[str], rows: int, random: Any | None) -> Iterator[tuple[int, Arrays]]:
    """Segments of `rows` rows, the last one of what is left, each with the number of the first row if that means one;
    arrays begin at multiples of 64 bytes.

    Every row comes once. `random` is a `numpy.random.Generator`, which alone decides the order; without one rows come
    in the source's order. Raises what reading raises.
    """
    row_bytes = sum(source.fields[name].row_bytes for name in names)
    size = max(GROUP // max(row_bytes, 1), 1)
    start = 0
    kept: list[Piece] = []
    for group in _groups(_reading(source, names, random), size if random is not None else rows):
        kept = _cut([*kept, *group], rows, random)
        del group  # or it would stay in memory while the next one is read
        while sum(piece.rows for piece in kept) >= rows:
            segment, kept = _filled(kept, rows, random)
            yield start, segment
            start += rows
        # What is left is copied: a view of a few rows would keep its whole block in memory.
        kept = [Piece(piece.start, {name: a.copy() for name, a in piece.arrays.items()}) for piece in kept]
    if left := sum(piece.rows for piece in kept):
        yield start, _filled(kept, left, random)[0]


def _reading(source: Source, names: Sequence[str], random: Any | None) -> Iterator[Piece]:
    """All pieces: block by block, or the pieces of several large blocks in turn."""
    count = len(source.blocks(names))
    if random is None:
        for index in range(count):
            yield from source.pieces(names, index)
        return
    waiting = iter(random.permutation(count).tolist())
    # Side by side, the pages that are read ahead of each column add up: of wide tables one block is read at a time.
    most = _OPEN if len(names) <= 32 else 1
    readers: list[Iterator[Piece]] = []
    while True:
        while len(readers) < most and (number := next(waiting, None)) is not None:
            readers.append(source.pieces(names, number))
        if not readers:
            return
        reader = readers.pop(0)
        piece = next(reader, None)
        if piece is not None:
            yield piece
            readers.append(reader)


def _groups(pieces: Iterator[Piece], rows: int) -> Iterator[list[Piece]]:
    group: list[Piece] = []
    count = 0
    for piece in pieces:
        group.append(piece)
        count += piece.rows
        if count >= rows:
            yield group
            group, count = [], 0
    if group:
        yield group


def _cut(pieces: list[Piece], rows: int, random: Any | None) -> list[Piece]:
    """Pieces cut into chunks, in a random order."""
    if random is None:
        return pieces
    step = max(rows // _CHUNKS, 1)
    chunks = [
        Piece(piece.start + at, {name: array[at : at + step] for name, array in piece.arrays.items()})
        for piece in pieces
        for at in range(0, piece.rows, step)
    ]
    return [chunks[index] for index in random.permutation(len(chunks)).tolist()]


def aligned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An empty array that begins at a multiple of 64 bytes: `jax.device_put` takes such a one on the CPU as it is."""
    import numpy as np

    size = math.prod(shape) * dtype.itemsize
    room = np.empty(size + _LINE, "uint8")
    start = -room.ctypes.data % _LINE
    return room[start : start + size].view(dtype).reshape(shape)


def _filled(pieces: Sequence[Piece], rows: int, random: Any | None) -> tuple[Arrays, list[Piece]]:
    """A segment of so many rows, in arrays of its own, and the pieces that are left."""
    first = pieces[0].arrays
    segment = {name: aligned((rows, *a.shape[1:]), a.dtype) for name, a in first.items()}
    order = random.permutation(rows) if random is not None else None
    place = 0
    for index, piece in enumerate(pieces):
        count = min(piece.rows, rows - place)
        there = slice(place, place + count) if order is None else order[place : place + count]
        for name, array in piece.arrays.items():
            _put(segment[name], there, array[:count])
        place += count
        if place == rows:
            rest = {name: array[count:] for name, array in piece.arrays.items()}
            left = [Piece(piece.start + count, rest)] if count < piece.rows else []
            return dict(segment), [*left, *pieces[index + 1 :]]
    return dict(segment), []


def _put(segment: np.ndarray, there: Any, rows: np.ndarray) -> None:
    """Rows at their places. Rows of several numbers are moved as one thing each, twice as fast as number by number."""
    import numpy as np

    size = math.prod(segment.shape[1:]) * segment.itemsize
    if isinstance(there, slice) or segment.ndim == 1 or segment.dtype.hasobject or not size:
        segment[there] = rows
    else:
        as_one = np.dtype(f"V{size}")
        segment.reshape(-1).view(as_one)[there] = np.ascontiguousarray(rows).reshape(-1).view(as_one)
