"""Data larger than memory: read, mixed and checked in segments, on a thread that stays ahead of training."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kspec.training.data.ahead import ahead
from kspec.training.data.matched import Classes, Linked, Matched
from kspec.training.data.mixing import GROUP, mixed, segment_rows
from kspec.training.data.source import Piece, Source
from kspec.training.data.wrapped import Wrapped

AHEAD = 2
"""Segments that wait for the training, beside the one that is made and the one that is trained on."""


@dataclass(frozen=True)
class Segment:
    """Rows to train on, in their order; `epoch` counts as `Streamed.segments` was told; `last` says that the epoch ends
    with this segment."""

    rows: Matched
    epoch: int
    last: bool


@dataclass(frozen=True)
class Streamed(Linked):
    """Data that are read anew in each epoch; like `Matched` without the arrays.

    `inputs` are the shapes that inputs take, where they differ from those of the arrays.
    """

    source: Source = field(repr=False)
    inputs: Mapping[str, tuple[int, ...]] = field(repr=False)
    family: str = ""
    labels: Classes = field(default_factory=dict, repr=False)
    look: Callable[[Matched], None] | None = field(default=None, repr=False, compare=False)
    """Called with the rows of each block the first time that they are read; raises what is wrong with them."""
    _passed: set[int] = field(default_factory=set, repr=False, compare=False)
    """Holds 0 once all blocks were looked at."""

    @property
    def files(self) -> tuple[str, ...]:
        """Every file that is read."""
        return self.source.files

    @property
    def names(self) -> list[str]:
        """The arrays that are read."""
        return list(dict.fromkeys(link.array for link in self.links))

    @property
    def row_bytes(self) -> int:
        """The bytes of one row of all arrays."""
        return sum(self.source.fields[name].row_bytes for name in self.names)

    def looked_at(self, look: Callable[[Matched], None]) -> Streamed:
        """The same data, each block looked at when it is first read."""
        return replace(self, look=look, _passed=set())

    def segments(
        self,
        epoch: int,
        *,
        batch_size: int,
        shuffle: bool,
        seed: int,
        loops: int = 1,
        move: Callable[[Segment], Any] | None = None,
    ) -> Generator[Any, None, None]:
        """The rows of `loops` epochs from `epoch` on, as segments of equal rows, each epoch's last one of what is left.

        A segment's rows are a multiple of `batch_size`, about 32 MB. With `shuffle` the order is a function of
        (`seed`, `epoch`) alone; without it rows come as they stand. Segments are made on a thread that stays a few
        ahead, into the next of the `loops` too; closing the generator ends it. `move` is called on that thread with
        each segment, to put it on a device, say; what it gives comes in the segment's place.

        Raises `FileError` for what cannot be read, has changed, or does not pass `look`.
        """
        made = self._segments(epoch, batch_size, shuffle, seed, loops)
        return ahead(made if move is None else map(move, made), AHEAD)

    def _segments(self, epoch: int, batch_size: int, shuffle: bool, seed: int, loops: int) -> Iterator[Segment]:
        import numpy as np

        rows = segment_rows(self.row_bytes, batch_size)
        for each in range(epoch, epoch + loops):
            random = np.random.Generator(np.random.PCG64([seed, each])) if shuffle else None
            # The first pass looks at blocks in the order of reading, before any of their rows is trained on.
            source: Source = self.source if self.look is None or self._passed else _Looking(self)
            for start, arrays in mixed(source, self.names, rows, random):
                count = len(next(iter(arrays.values())))
                matched, last = self._matched(Piece(start, arrays)), start + count == self.rows
                if last:  # all blocks were read; noted before whoever takes the last segment may end the thread
                    self._passed.add(0)
                yield Segment(matched, each, last)

    def head(self, rows: int) -> Matched:
        """The first `rows` rows, or all where there are fewer; looked at as any."""
        return self._some(list(range(len(self.source.blocks(self.names)))), rows)

    def sample(self, seed: int, rows: int | None = None) -> Matched:
        """Rows of random blocks, a function of `seed`: at most `rows`, and 128 MB of them."""
        import numpy as np

        most = max(GROUP // max(self.row_bytes, 1), 1)
        blocks = np.random.Generator(np.random.PCG64(seed)).permutation(len(self.source.blocks(self.names)))
        return self._some(blocks.tolist(), min(most, rows or most))

    def _some(self, blocks: list[int], rows: int) -> Matched:
        import numpy as np

        found: list[Piece] = []
        count = 0
        source: Source = _Looking(self) if self.look is not None and not self._passed else self.source
        for index in blocks:
            for piece in source.pieces(self.names, index):
                found.append(piece)
                count += piece.rows
                if count >= rows:
                    break
            if count >= rows:
                break
        arrays = {name: np.concatenate([piece.arrays[name] for piece in found])[:rows] for name in self.names}
        return self._matched(Piece(found[0].start, arrays))

    def _matched(self, piece: Piece, origin: Callable[[int], tuple[str, int]] | None = None) -> Matched:
        """Rows as the model takes them; only those of a block as it was read have an origin."""
        by_role: dict[str, dict[str, Any]] = {"input": {}, "target": {}, "weight": {}}
        for link in self.links:
            array = piece.arrays[link.array]
            if link.role == "input" and link.port in self.inputs:
                array = array.reshape(len(array), *self.inputs[link.port])
            by_role[link.role][link.port] = array
        x, y, weights = by_role["input"], by_role["target"], by_role["weight"]
        kept = (self.family, piece.start, self.labels, origin, self.files, self.rows)
        return Matched(self.path, self.links, piece.rows, x, y, weights, *kept)


class _Looking(Wrapped):
    """A stream's source, each of whose pieces is looked at on its way."""

    def __init__(self, stream: Streamed) -> None:
        super().__init__(stream.source, stream.source.fields)
        self.stream = stream

    def pieces(self, names: Sequence[str], index: int) -> Iterator[Piece]:
        for piece in self.inner.pieces(names, index):
            assert self.stream.look is not None
            self.stream.look(self.stream._matched(piece, self.inner.origin))
            yield piece
