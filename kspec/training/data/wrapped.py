"""A source over another one, with everything as there but what is overridden."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from kspec.training.data.base import Base
from kspec.training.data.source import Block, Field, Piece, Source

if TYPE_CHECKING:
    import numpy as np


class Wrapped(Base):
    """The source `inner`; see `Source` for what the methods do."""

    def __init__(self, inner: Source, fields: Mapping[str, Field]) -> None:
        self.inner = inner
        self.path = inner.path
        self.fields = fields

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.inner!r})"

    @property
    def files(self) -> tuple[str, ...]:
        return self.inner.files

    def gather(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        return self.inner.gather(names)

    def blocks(self, names: Sequence[str]) -> Sequence[Block]:
        return self.inner.blocks(names)

    def pieces(self, names: Sequence[str], index: int) -> Iterator[Piece]:
        return self.inner.pieces(names, index)

    def origin(self, row: int) -> tuple[str, int]:
        return self.inner.origin(row)
