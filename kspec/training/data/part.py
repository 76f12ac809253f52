"""Some rows of a source as a source of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from kspec.diagnostics import FileError
from kspec.training.data.source import Block, Field, Piece, Source, gathered
from kspec.training.data.wrapped import Wrapped

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Part(Wrapped):
    """The rows of `inner` for which `chosen`, one truth for each row, is true; fields of other rows are left out."""

    def __init__(self, inner: Source, chosen: NDArray[np.bool_]) -> None:
        self.chosen, self.count = chosen, int(np.count_nonzero(chosen))
        fields = {
            name: Field((self.count, *field.shape[1:]), field.dtype)
            for name, field in inner.fields.items()
            if field.shape[:1] == (len(chosen),)
        }
        super().__init__(inner, MappingProxyType(fields))
        self._blocks: dict[tuple[str, ...], tuple[list[Block], list[int]]] = {}

    def gather(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        try:
            self.blocks(names)
        except FileError:  # it can only be read whole
            return {name: array[self.chosen] for name, array in self.inner.gather(names).items()}
        return gathered(self, names)

    def blocks(self, names: Sequence[str]) -> Sequence[Block]:
        return self._of(names)[0]

    def pieces(self, names: Sequence[str], index: int) -> Iterator[Piece]:
        blocks, inner = self._of(names)
        start = blocks[index].start
        for piece in self.inner.pieces(names, inner[index]):
            rows = self.chosen[piece.start : piece.start + piece.rows]
            count = int(np.count_nonzero(rows))
            if count == piece.rows:
                yield Piece(start, piece.arrays)
            elif count:
                places = np.flatnonzero(rows)
                yield Piece(start, {name: array[places] for name, array in piece.arrays.items()})
            start += count

    def origin(self, row: int) -> tuple[str, int]:
        return self.inner.origin(int(np.flatnonzero(self.chosen)[row]))

    def _of(self, names: Sequence[str]) -> tuple[list[Block], list[int]]:
        """The blocks with chosen rows, and their numbers in `inner`."""
        key = tuple(names)
        if key not in self._blocks:
            blocks: list[Block] = []
            numbers: list[int] = []
            start = 0
            for index, (first, stop) in enumerate(self.inner.blocks(names)):
                count = int(np.count_nonzero(self.chosen[first:stop]))
                if count:
                    blocks.append(Block(start, start + count))
                    numbers.append(index)
                start += count
            self._blocks[key] = blocks, numbers
        return self._blocks[key]
