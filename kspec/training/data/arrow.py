"""Arrow files (IPC, also called Feather): columns are fields, record batches are blocks.

https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from kspec.training.data.base import OneFile
from kspec.training.data.columns import arrow, field_of, lengths_of, to_numpy
from kspec.training.data.parquet import damaged, failures
from kspec.training.data.source import PIECE, Block, Field, Piece, broken, even
from kspec.training.data.stamp import Stamp, stamp

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, repr=False)
class Arrow(OneFile):
    """An opened Arrow file; record batches are read when they are asked for."""

    path: str
    fields: Mapping[str, Field]
    _blocks: tuple[Block, ...]
    _stamp: Stamp

    def blocks(self, names: Sequence[str]) -> Sequence[Block]:
        """The record batches."""
        return self._blocks

    def pieces(self, names: Sequence[str], index: int) -> Iterator[Piece]:
        """A record batch, a large one in several pieces: its arrays are views of what was read."""
        start, stop = self._blocks[index]
        self._stamp.check()
        try:
            # Read, not mapped: a mapped file that is cut short ends the process.
            with arrow("pyarrow", "Arrow").OSFile(self.path, "rb") as file, _reader(file, names) as reader:
                batch = reader.get_batch(index)
        except failures() as error:
            self._stamp.check()
            raise damaged(self.path, error) from error
        if batch.num_rows != stop - start:
            raise broken(self.path, f"has other rows than it says in batch {index}", "write it again")
        size = sum(self.fields[name].row_bytes for name in names)
        for first, last in even(batch.num_rows, size, PIECE):
            part = batch.slice(first, last - first)
            at = start + first
            arrays: dict[str, Any] = {
                name: to_numpy(part.column(name), name, self.fields[name], self.path, at) for name in names
            }
            yield Piece(at, arrays)


def open_arrow(path: str) -> Arrow:
    """Open an Arrow file; of its record batches only the headers are read.

    Raises `FileError`: ``file-missing``, ``data-format``; `UsageError` (``missing-extra``).
    """
    library = arrow("pyarrow", "Arrow")
    found = stamp(path)
    try:
        # Mapped, because only so the rows are told without reading the batches; what is touched are their headers.
        with library.memory_map(path) as file, _reader(file) as reader:
            counts = [reader.get_batch(index).num_rows for index in range(reader.num_record_batches)]
            schema = reader.schema
            first = next((reader.get_batch(i).slice(0, 1) for i, count in enumerate(counts) if count), None)
            lengths = {name: lengths_of(first[name]) if first is not None else () for name in schema.names}
    except failures() as error:
        raise damaged(path, error) from error
    if len(set(schema.names)) != len(schema.names):
        raise broken(path, "has two columns of one name", "give each a name of its own")
    if not schema.names:
        raise broken(path, "has no columns", "write some")
    ends = list(accumulate(counts))
    blocks = tuple(Block(end - count, end) for end, count in zip(ends, counts, strict=True))
    rows = ends[-1] if ends else 0
    fields = {field.name: field_of(field.type, rows, lengths[field.name]) for field in schema}
    return Arrow(path, MappingProxyType(fields), blocks, found)


def _reader(file: Any, names: Sequence[str] | None = None) -> Any:
    """A reader of a file, of some columns only: the others are then not read from the disk."""
    ipc = arrow("pyarrow.ipc", "Arrow")
    if names is None:
        return ipc.open_file(file)
    known = ipc.open_file(file).schema.names
    return ipc.open_file(file, options=ipc.IpcReadOptions(included_fields=sorted(known.index(name) for name in names)))
