"""CSV files, of commas, semicolons or tabs: columns of whole numbers, real numbers or texts.

A text file cannot be read from the middle, so it is parsed once, when it is opened, and its columns are kept in a
temporary file that has no name (it is gone with the process, however that ends) as 8 bytes a cell. From there blocks
come as fast as from any array, in each epoch; parsing anew would cost some 30 MB of text a second each time. Python's
own parser is used, so that a CSV file needs no further package and means the same everywhere.
"""

from __future__ import annotations

import csv
import re
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, TYPE_CHECKING

from kspec.diagnostics import FileError, Problem
from kspec.training.data.base import OneFile
from kspec.training.data.source import Block, Even, Field, Piece, broken
from kspec.training.data.stamp import stamp

if TYPE_CHECKING:
    import numpy as np

_CELLS = 1 << 17
"""Cells that are parsed, kept and read together: 1 MB."""
_MISSING = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"})
"""Cells without a number, in a column of numbers; in one of texts only the empty cell has none."""
_THOUSANDS = re.compile(r"\s*[-+]?[1-9][0-9]{0,2}(,[0-9]{3})+\s*")
"""A whole number in groups, or one with three places behind a decimal comma: nobody can tell."""
_MOST = 1 << 20
"""Different texts of a column; with more it is a free text, which no model takes as a class."""
_FREE = "free text"
_DTYPES = {"int": "int64", "float": "float64", "text": "str", _FREE: _FREE}


@dataclass(frozen=True, repr=False)
class Csv(OneFile):
    """A parsed CSV file; its cells lie in a temporary file, block by block, and in it column by column."""

    path: str
    fields: Mapping[str, Field]
    _blocks: Even
    _kinds: Sequence[Sequence[str]]
    """How each column of each block is kept."""
    _texts: Mapping[str, Sequence[str | None]]
    _kept: _Kept

    def blocks(self, names: Sequence[str]) -> Sequence[Block]:
        """Blocks of equal rows."""
        return self._blocks

    def pieces(self, names: Sequence[str], index: int) -> Iterator[Piece]:
        """A block."""
        yield Piece(self._blocks[index].start, {name: self._column(name, index) for name in names})

    def _column(self, name: str, index: int) -> np.ndarray:
        import numpy as np

        columns, (start, stop) = list(self.fields), self._blocks[index]
        column = columns.index(name)
        size = (stop - start) * 8
        place = start * 8 * len(columns) + column * size
        content = self._kept.read(place, size)
        kept = np.frombuffer(content, "float64" if self._kinds[index][column] == "float" else "int64")
        if self.fields[name].is_text:
            found: np.ndarray = np.array(self._texts[name], object)[kept]
            return found
        return kept.astype(self.fields[name].dtype)


def open_csv(path: str) -> Csv:
    """Parse a CSV file, whose first line names the columns.

    Raises `FileError`: ``file-missing``; ``data-format`` for lines of another number of cells, for bytes that are no
    UTF-8, and without names of columns; ``file-write`` where there is no room for the temporary file.
    """
    found = stamp(path)
    names, separator = _names(path)
    rows = max(_CELLS // len(names), 1)
    reading = _Reading(path, names, separator, rows)
    if reading.parse():  # a number turned out to be a text, after cells were kept as numbers
        reading.parse()
    found.check()
    if not reading.count:
        raise broken(path, "holds no rows", "give at least one below the names of the columns")
    fields = {name: Field((reading.count,), _DTYPES[kind]) for name, kind in zip(names, reading.kinds, strict=True)}
    texts = {name: list(table) for name, table in zip(names, reading.tables, strict=True)}
    kept, kinds = reading.kept, reading.kept_kinds
    return Csv(path, MappingProxyType(fields), Even(reading.count, rows), kinds, texts, kept)


class _Kept:
    """A temporary file without a name, gone with the source that it belongs to."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="kspec-")  # noqa: SIM115 - closed by __del__
        self._lock = threading.Lock()

    def __del__(self) -> None:
        self._file.close()

    def write(self, columns: Sequence[np.ndarray]) -> None:
        for column in columns:
            self._file.write(column.tobytes())
        self._file.flush()

    def read(self, place: int, size: int) -> bytes:
        with self._lock:  # a stream's thread reads it too, and the file has one position
            self._file.seek(place)
            return self._file.read(size)


class _Reading:
    """One file while it is parsed."""

    def __init__(self, path: str, names: Sequence[str], separator: str, rows: int) -> None:
        self.path, self.names, self.separator, self.rows = path, names, separator, rows
        self.kinds = ["int"] * len(names)

    def parse(self) -> bool:
        """Keep all cells; whether they must be kept anew, because a column is of texts that began with numbers."""
        self.kept = _Kept()
        self.kept_kinds: list[tuple[str, ...]] = []
        self.tables: list[dict[str | None, int]] = [{} for _ in self.names]
        self.count = 0
        again = False
        for rows in _rows(self.path, len(self.names), self.separator, self.rows):
            columns = [self._column(index, cells) for index, cells in enumerate(zip(*rows, strict=True))]
            begun = bool(self.kept_kinds)
            self.kept_kinds.append(tuple(kind for kind, _ in columns))
            again = again or (begun and self._mixed())
            self._keep([array for _, array in columns])
            self.count += len(rows)
        return again

    def _mixed(self) -> bool:
        """Whether a column of texts has cells that were kept as numbers."""
        now, before = self.kept_kinds[-1], self.kept_kinds[-2]
        return any(n in ("text", _FREE) and b not in ("text", _FREE) for n, b in zip(now, before, strict=True))

    def _column(self, index: int, cells: tuple[str, ...]) -> tuple[str, np.ndarray]:
        """The cells of a column of one block, and how they are kept: as the narrowest kind that holds all so far."""
        import numpy as np

        kind = self.kinds[index]
        if kind in ("int", "float"):
            array = _numbers(cells, kind, comma=self.separator == ";")
            if array is not None:
                self.kinds[index] = "float" if array.dtype == np.float64 else kind
                return ("float" if array.dtype == np.float64 else "int"), array
            self.kinds[index] = "text"
        table = self.tables[index]
        if self.kinds[index] == "text":
            for cell in dict.fromkeys(cells):
                table.setdefault(cell or None, len(table))
            if len(table) <= _MOST:
                return "text", np.fromiter((table[cell or None] for cell in cells), np.int64, len(cells))
            table.clear()
            self.kinds[index] = _FREE
        return _FREE, np.zeros(len(cells), np.int64)

    def _keep(self, columns: Sequence[np.ndarray]) -> None:
        try:
            self.kept.write(columns)
        except OSError as error:
            folder = tempfile.gettempdir()
            message = f"cannot keep `{Path(self.path).name}` in `{folder}`: {(error.strerror or str(error)).lower()}"
            help = "make room there, or name another folder by `TMPDIR`; Parquet files are read where they are"
            raise FileError(Problem("file-write", message, help=help, file=self.path)) from error


def _numbers(cells: Sequence[str], kind: str, *, comma: bool) -> np.ndarray | None:
    """Cells as whole numbers, or as real numbers with NaN where there is none; None where one is a text. With
    `comma` numbers may have one in place of the point."""
    import numpy as np

    together = "\n".join(cells)
    if "_" in together:  # `1_000` is a number to Python, and `1_11` somebody's name for a thing
        return None
    if comma and "," in together:
        if all(_THOUSANDS.fullmatch(cell) for cell in cells if "," in cell):
            return None
        cells = [cell.replace(",", ".") for cell in cells]
    texts = np.array(cells)
    if kind == "int":
        try:
            return texts.astype(np.int64)
        except (ValueError, OverflowError):
            pass
    try:
        return texts.astype(np.float64)
    except ValueError:
        pass
    try:
        return np.array(["nan" if cell.strip() in _MISSING else cell for cell in cells]).astype(np.float64)
    except ValueError:
        return None


def _lines(path: str) -> IO[str]:
    return open(path, encoding="utf-8-sig", newline="")


def dialect(path: str) -> tuple[str, list[str]]:
    """What separates cells, and the names of the columns as they stand in the first line."""
    with _lines(path) as file:
        first = file.readline(1 << 20)
    separator = _separator(path, first)
    return separator, next(csv.reader([first], delimiter=separator))


def _separator(path: str, first: str) -> str:
    counts = {sign: first.count(sign) for sign in ",;\t|"}
    return "\t" if path.lower().endswith(".tsv") else max(counts, key=lambda sign: counts[sign])


def _names(path: str) -> tuple[list[str], str]:
    """The names of the columns, and what separates them."""
    try:
        with _lines(path) as file:
            first = file.readline(1 << 20)
        if not first.strip():
            raise broken(path, "is empty" if not first else "begins with an empty line", "name the columns there")
        separator = _separator(path, first)
        given = [name.strip() for name in next(csv.reader([first], delimiter=separator))]
        names = [name or f"Unnamed: {place}" for place, name in enumerate(given)]  # as pandas calls its index
    except (UnicodeDecodeError, csv.Error) as error:
        raise _unreadable(path, 1, error) from error
    if all(map(_is_number, filter(None, given))):
        raise broken(path, "has no names of columns: its first line holds numbers", "add a line of names above it")
    for number, name in enumerate(names, 1):
        if not name.isprintable():
            raise broken(path, f"has no name for column {number}", "name every column in the first line")
        if names.index(name) != number - 1:
            raise broken(path, f"has two columns called `{name}`", "give each a name of its own")
    return names, separator


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _rows(path: str, width: int, separator: str, most: int) -> Iterator[list[list[str]]]:
    """Up to `most` rows of cells at a time."""
    rows: list[list[str]] = []
    with _lines(path) as file:
        reader = csv.reader(file, delimiter=separator)
        try:
            next(reader)
            for row in reader:
                if len(row) != width:
                    if not row or (len(row) == 1 and not row[0].strip()):  # an empty line
                        continue
                    cells = "1 cell" if len(row) == 1 else f"{len(row)} cells"
                    message = f"has {cells} in line {reader.line_num}, and {width} columns"
                    raise broken(path, message, "put texts with separators in them in quotes")
                rows.append(row)
                if len(rows) == most:
                    yield rows
                    rows = []
        except (UnicodeDecodeError, csv.Error) as error:
            raise _unreadable(path, max(reader.line_num, 1), error) from error
    if rows:
        yield rows


def _unreadable(path: str, line: int, error: Exception) -> FileError:
    if isinstance(error, UnicodeDecodeError):
        return broken(path, f"is no UTF-8 text near line {line}", "save it as UTF-8")
    return broken(path, f"cannot be read near line {line}: {str(error).lower()}", "is it a CSV file?")
