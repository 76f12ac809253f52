"""Parquet files: columns are fields, row groups are blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kspec.diagnostics import FileError, Problem, first_line
from kspec.training.data.base import OneFile
from kspec.training.data.columns import arrow, field_of, lengths_of, to_numpy
from kspec.training.data.source import PIECE, Block, Field, Piece, broken
from kspec.training.data.stamp import Stamp, stamp


@dataclass(frozen=True, repr=False)
class Parquet(OneFile):
    """An opened Parquet file; row groups are read when they are asked for."""

    path: str
    fields: Mapping[str, Field]
    _blocks: tuple[Block, ...]
    _metadata: Any
    _stamp: Stamp

    def blocks(self, names: Sequence[str]) -> Sequence[Block]:
        """The row groups."""
        return self._blocks

    def pieces(self, names: Sequence[str], index: int) -> Iterator[Piece]:
        """A row group; a large one in several pieces, so that it need not fit in memory."""
        parquet = arrow("pyarrow.parquet", "Parquet")
        start, stop = self._blocks[index]
        self._stamp.check()
        row_bytes = sum(self.fields[name].row_bytes for name in names)
        try:
            with parquet.ParquetFile(self.path, metadata=self._metadata, pre_buffer=False) as file:
                if (stop - start) * row_bytes <= 2 * PIECE:
                    tables: Any = [file.read_row_group(index, columns=list(names), use_threads=False)]
                else:
                    step = max(PIECE // row_bytes, 1)
                    tables = file.iter_batches(step, [index], columns=list(names), use_threads=False)
                for table in tables:
                    yield Piece(start, self._arrays(table, names, start))
                    start += table.num_rows
        except failures() as error:
            self._stamp.check()
            raise damaged(self.path, error) from error
        if start != stop:
            raise broken(self.path, f"has fewer rows than it says in row group {index}", "write it again")

    def _arrays(self, table: Any, names: Sequence[str], start: int) -> dict[str, Any]:
        # By name: a table's columns come in the file's order.
        return {name: to_numpy(table[name], name, self.fields[name], self.path, start) for name in names}


def open_parquet(path: str) -> Parquet:
    """Open a Parquet file by its metadata; of columns of lists the first row is read.

    Raises `FileError`: ``file-missing``, ``data-format``; `UsageError` (``missing-extra``).
    """
    parquet = arrow("pyarrow.parquet", "Parquet")
    found = stamp(path)
    try:
        with parquet.ParquetFile(path) as file:
            metadata, schema = file.metadata, file.schema_arrow
            names = [field.name for field in schema]
            if len(set(names)) != len(names):
                raise broken(path, "has two columns of one name", "give each a name of its own")
            lists = [field.name for field in schema if _is_list(field.type)]
            lengths = {}
            if lists and metadata.num_rows:
                batch = next(file.iter_batches(1, columns=lists, use_threads=False))
                lengths = {name: lengths_of(batch[name]) for name in lists}
    except failures() as error:
        raise damaged(path, error) from error
    counts = [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]
    ends = list(accumulate(counts))
    blocks = tuple(Block(end - count, end) for end, count in zip(ends, counts, strict=True))
    rows = ends[-1] if ends else 0
    fields = {field.name: field_of(field.type, rows, lengths.get(field.name, ())) for field in schema}
    # Whole numbers with gaps are real numbers with NaN, as pandas has them; the statistics tell of gaps.
    whole = {name for name, field in fields.items() if field.is_plain and field.dtype[:1] in ("i", "u", "b")}
    fields |= {name: Field(fields[name].shape, "float64") for name in _with_missing(metadata, whole)}
    if not fields:
        raise broken(path, "has no columns", "write some")
    return Parquet(path, MappingProxyType(fields), blocks, metadata, found)


def _is_list(kind: Any) -> bool:
    return str(kind).startswith(("list<", "large_list<", "fixed_size_list<"))


def _with_missing(metadata: Any, names: set[str]) -> set[str]:
    """Those of the columns whose statistics tell of missing values."""
    found: set[str] = set()
    for index in range(metadata.num_columns if names else 0):
        if metadata.schema.column(index).path not in names:
            continue
        for group in range(metadata.num_row_groups):
            column = metadata.row_group(group).column(index)
            statistics = column.statistics
            if statistics is not None and statistics.has_null_count and statistics.null_count:
                found.add(column.path_in_schema)
                break
    return found


def failures() -> tuple[type[Exception], ...]:
    """What pyarrow raises for a damaged file."""
    library = arrow("pyarrow", "Parquet")
    return (library.ArrowException, OSError, ValueError, KeyError, TypeError, StopIteration)


def damaged(path: str, error: Exception) -> FileError:
    """A file that pyarrow cannot read, or for which there is no memory."""
    if isinstance(error, MemoryError) or "bad_alloc" in str(error):
        message, help = (
            f"`{Path(path).name}` cannot be read: out of memory",
            "write it in smaller row groups, or batches",
        )
        return FileError(Problem("too-large", message, help=help, file=path))
    said = first_line(error)
    return broken(path, f"is damaged, or is something else ({said})", "write it again")
