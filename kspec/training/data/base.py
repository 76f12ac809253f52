"""What sources have in common, whatever their format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from kspec.training.data.source import Field, Source, gathered, refuse_dtype

if TYPE_CHECKING:
    import numpy as np


class Base:
    """Whole arrays of a source that gives blocks; see `Source` for what the methods do."""

    path: str
    fields: Mapping[str, Field]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.path!r}, {dict(self.fields)})"

    def read(self: Source, name: str) -> np.ndarray:
        """The whole array of that name; `FileError` where it holds no numbers or cannot be read."""
        refuse_dtype(self.path, name, self.fields[name])
        return self.gather([name])[name]

    def gather(self: Source, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Whole arrays, texts too."""
        return gathered(self, names)

    def origin(self, row: int) -> tuple[str, int]:
        """The path, and the row's own number."""
        return self.path, row


class OneFile(Base):
    """A source that is one file."""

    @property
    def files(self) -> tuple[str, ...]:
        """The file."""
        return (self.path,)
