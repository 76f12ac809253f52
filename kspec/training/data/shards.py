"""Several files of the same fields as one source, one after the other."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from kspec.diagnostics import FileError, Note, Problem
from kspec.training.data.base import Base
from kspec.training.data.source import Block, Field, Piece, Source, gathered

if TYPE_CHECKING:
    import numpy as np


class Shards(Base):
    """The rows of several sources in their order; `starts` are the numbers of their first rows."""

    def __init__(self, path: str, sources: Sequence[Source], fields: Mapping[str, Field]) -> None:
        self.path, self.sources, self.fields = path, tuple(sources), fields
        self.starts = [0, *accumulate(_rows(source) for source in sources)]
        self._blocks: dict[tuple[str, ...], tuple[list[Block], list[int]]] = {}

    def __repr__(self) -> str:
        return f"Shards({self.path!r}, {len(self.sources)} files, {dict(self.fields)})"

    @property
    def files(self) -> tuple[str, ...]:
        """All files."""
        return tuple(file for source in self.sources for file in source.files)

    def origin(self, row: int) -> tuple[str, int]:
        """The file that the row is in, and its number there."""
        index = min(bisect_right(self.starts, row) - 1, len(self.sources) - 1)
        return self.sources[index].origin(row - self.starts[index])

    def gather(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Whole fields, texts too."""
        import numpy as np

        try:
            self.blocks(names)
        except FileError:  # one of them can only be read whole
            parts = [source.gather(names) for source in self.sources]
            return {name: np.concatenate([part[name] for part in parts]) for name in names}
        return gathered(self, names)

    def blocks(self, names: Sequence[str]) -> Sequence[Block]:
        """The blocks of all sources."""
        return self._of(names)[0]

    def pieces(self, names: Sequence[str], index: int) -> Iterator[Piece]:
        """A block of one of the sources."""
        _, firsts = self._of(names)
        number = bisect_right(firsts, index) - 1
        for piece in self.sources[number].pieces(names, index - firsts[number]):
            yield Piece(self.starts[number] + piece.start, self._same(piece.arrays))

    def _of(self, names: Sequence[str]) -> tuple[list[Block], list[int]]:
        """All blocks, and the number of each source's first one."""
        key = tuple(names)
        if key not in self._blocks:
            blocks: list[Block] = []
            firsts = []
            for source, start in zip(self.sources, self.starts, strict=False):
                firsts.append(len(blocks))
                blocks += [Block(start + block.start, start + block.stop) for block in source.blocks(names)]
            self._blocks[key] = blocks, firsts
        return self._blocks[key]

    def _same(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Arrays of the dtypes that all shards have in common."""
        kinds = {name: self.fields[name].dtype for name in arrays}
        return {name: a if a.dtype == object else a.astype(kinds[name], copy=False) for name, a in arrays.items()}


def joined(path: str, sources: Sequence[Source]) -> Shards:
    """Several sources as one. Whole and real numbers go together; everything else must agree.

    Raises `FileError` (``data-format``) for fields that are not in all files, or of another shape or kind.
    """
    first = sources[0]
    fields = dict(first.fields)
    for source in sources[1:]:
        lost = [name for name in first.fields if name not in source.fields]
        more = [name for name in source.fields if name not in first.fields]
        if lost or more:
            name = (lost or more)[0]
            has = f"`{Path(source.path).name}` has {'no' if lost else 'a'} field `{name}`"
            raise FileError(
                _mixed(path, f"{has}, and `{Path(first.path).name}` has {'one' if lost else 'none'}", sources)
            )
        for name, field in source.fields.items():
            made = _common(fields[name], field)
            if made is None:
                message = f"`{name}` is {field} in `{Path(source.path).name}`"
                raise FileError(_mixed(path, f"{message}, and {first.fields[name]} before", sources))
            fields[name] = made
    rows = sum(_rows(source) for source in sources)
    whole = {name: Field((rows, *field.shape[1:]), field.dtype) for name, field in fields.items()}
    return Shards(path, sources, MappingProxyType(whole))


def _rows(source: Source) -> int:
    counts = {field.shape[0] if field.shape else 0 for field in source.fields.values()}
    if len(counts) > 1:
        message = f"the arrays of `{Path(source.path).name}` differ in rows, so that files cannot be joined"
        raise FileError(Problem("data-format", message, help="give each array as many rows", file=source.path))
    return counts.pop()


def _common(one: Field, other: Field) -> Field | None:
    """What both can be read as; None where there is nothing."""
    import numpy as np

    if one.shape[1:] != other.shape[1:]:
        return None
    if one.is_text and other.is_text:
        return Field(one.shape, "str")
    if one.dtype == other.dtype:
        return one
    if not (one.is_plain and other.is_plain) or "bool" in (one.dtype, other.dtype):
        return None
    return Field(one.shape, str(np.result_type(np.dtype(one.dtype), np.dtype(other.dtype))))


def _mixed(path: str, message: str, sources: Sequence[Source]) -> Problem:
    notes = (Note(f"{len(sources)} files match `{Path(path).name}`"),)
    return Problem("data-format", message, help="files of a pattern need the same fields", notes=notes, file=path)
