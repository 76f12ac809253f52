"""A file with named arrays, whatever its format."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from kspec.diagnostics import FileError, Problem, suggestion

if TYPE_CHECKING:
    import numpy as np

PIECE = 1 << 24
"""Bytes that a large block is read in at a time."""


VARIABLE_TEXT = "text of variable length"
"""HDF5's, which would be read as Python objects."""


@dataclass(frozen=True, slots=True)
class Field:
    """One array as its header tells it: its shape with the rows first, and NumPy's name of its dtype.

    Texts have the dtype ``str``; what NumPy has no dtype for (a date of Parquet's) goes by the format's own name.
    """

    shape: tuple[int, ...]
    dtype: str

    def __str__(self) -> str:
        kind = "text" if self.is_text else "Python objects" if self.is_object else self.dtype
        return f"{self.shape} {kind}"

    @property
    def is_text(self) -> bool:
        """Whether the array holds strings of characters or bytes."""
        return self.dtype == "str" or self.dtype.lstrip("<>|=")[:1] in ("U", "S")

    @property
    def is_object(self) -> bool:
        """Whether the array holds pickled Python objects, which are never read."""
        return self.dtype == "object"

    @property
    def is_plain(self) -> bool:
        """Whether the array holds numbers that a model can take."""
        import numpy as np

        try:
            kind = np.dtype(self.dtype)
        except (TypeError, ValueError):  # Arrow's decimals, structs and maps
            return False
        return kind.names is None and kind.kind in "biuf" and kind.itemsize <= 8

    @property
    def row_bytes(self) -> int:
        """The bytes of one row in memory; a text is taken for a reference and a short string."""
        if self.is_text:
            return 64
        import numpy as np

        size = np.dtype(self.dtype).itemsize if self.is_plain else 8
        return math.prod(self.shape[1:]) * size


class Block(NamedTuple):
    """Rows that are read together: the first one, and the one behind the last."""

    start: int
    stop: int

    @property
    def rows(self) -> int:
        """How many they are."""
        return self.stop - self.start


class Piece(NamedTuple):
    """Consecutive rows of several arrays, by name; `start` is the number of the first row."""

    start: int
    arrays: dict[str, Any]

    @property
    def rows(self) -> int:
        """How many they are."""
        return len(next(iter(self.arrays.values())))


class Source(Protocol):
    """Data whose arrays are known by name, shape and dtype, and read when asked for.

    Texts are read as NumPy arrays of `str` objects, None where there is none.
    """

    @property
    def path(self) -> str:
        """The file, as it was named."""

    @property
    def fields(self) -> Mapping[str, Field]:
        """The arrays by name, in the file's order."""

    @property
    def files(self) -> tuple[str, ...]:
        """Every file that is read."""

    def read(self, name: str) -> np.ndarray:
        """The whole array of that name; `FileError` where it cannot be read, or holds no numbers."""

    def gather(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Whole arrays, texts among them; `FileError` where they cannot be read."""

    def blocks(self, names: Sequence[str]) -> Sequence[Block]:
        """All rows of some arrays as blocks, in order; `FileError` (``too-large``) where they are read only whole."""

    def pieces(self, names: Sequence[str], index: int) -> Iterator[Piece]:
        """The rows of one of those blocks, in order, in one or several pieces; `FileError` where reading fails."""

    def origin(self, row: int) -> tuple[str, int]:
        """The file that a row stands in, and its number there."""


def gathered(source: Source, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Whole arrays put together from their blocks; each block is read once."""
    import numpy as np

    fields = {name: source.fields[name] for name in names}
    blocks = source.blocks(names)
    try:
        whole = {
            name: np.empty(field.shape, object if field.is_text else np.dtype(field.dtype))
            for name, field in fields.items()
        }
    except MemoryError as error:
        problem = Problem("too-large", "the data are larger than the memory", help="stream them", file=source.path)
        raise FileError(problem) from error
    for index in range(len(blocks)):
        for piece in source.pieces(names, index):
            for name, array in piece.arrays.items():
                whole[name][piece.start : piece.start + len(array)] = array
    return whole


def refuse_dtype(path: str, name: str, field: Field) -> None:
    """Raise `FileError` (``data-dtype``) for an array that holds no numbers."""
    help = ""
    if field.is_object:
        message = f"`{name}` holds Python objects, which need pickle, that is code: it is never read"
        help = 'save it as numbers: `array.astype("float32")`; rows of different lengths must be padded'
    elif field.is_text:
        message = f"`{name}` holds text, and a model needs numbers"
        help = "encode it as whole numbers: `numpy.unique(labels, return_inverse=True)[1]`"
    elif field.is_plain:
        return
    else:
        message = f"`{name}` has the dtype {field.dtype}, which a model cannot take"
        help = 'save it as numbers: `array.astype("float32")`'
        if field.dtype == VARIABLE_TEXT:
            help = "save it as text of one width: `numpy.array(labels).astype('S')`"
    raise FileError(Problem("data-dtype", message, help=help, file=path))


def rows_of(source: Source, names: Sequence[str]) -> int:
    """The rows that arrays have in common."""
    return source.fields[names[0]].shape[0]


@dataclass(frozen=True, slots=True)
class Even(Sequence[Block]):
    """All of so many rows as blocks of `step` rows, the last one of what is left."""

    rows: int
    step: int

    def __len__(self) -> int:
        return -(-self.rows // self.step)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        return Block(index * self.step, min((index + 1) * self.step, self.rows))


def even(rows: int, row_bytes: int, size: int) -> Even:
    """Blocks of about `size` bytes, of one row at least."""
    return Even(rows, max(size // max(row_bytes, 1), 1))


def broken(path: str, message: str, help: str) -> FileError:
    """Something is wrong with the file itself (``data-format``)."""
    return FileError(Problem("data-format", f"`{Path(path).name}` {message}", help=help, file=path))


def missing(path: str) -> Problem:
    """There is no such file: the nearest one beside it is named."""
    folder = Path(path).parent
    try:
        near = [item.name for item in folder.iterdir()] if folder.is_dir() else []
    except OSError:
        near = []
    help = suggestion(Path(path).name, near) if folder.is_dir() else f"the folder `{folder}` does not exist"
    return Problem("file-missing", f"there is no file `{path}`", help=help, file=path)
