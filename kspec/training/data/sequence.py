"""Python objects with rows: a Grain data source, or anything else with ``__len__`` and ``__getitem__``.

A row is a mapping of arrays by name, or a tuple of an input and its target, then called ``x`` and ``y``
(https://google-grain.readthedocs.io/en/latest/data_sources/protocol.html).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from kspec.diagnostics import FileError, KspecError, Problem
from kspec.training.data.base import Base
from kspec.training.data.source import Block, Field, Piece, even

if TYPE_CHECKING:
    import numpy as np

_TOGETHER = 1 << 20
"""Bytes of a block: rows are asked for one by one, so that more would bring nothing."""


@dataclass(frozen=True, repr=False)
class Rows(Base):
    """The rows of an object, read one by one when they are asked for."""

    path: str
    fields: Mapping[str, Field]
    _rows: Any

    @property
    def files(self) -> tuple[str, ...]:
        """None: what the object reads is its own."""
        return ()

    def blocks(self, names: Sequence[str]) -> Sequence[Block]:
        """Some rows each."""
        size = sum(self.fields[name].row_bytes for name in names)
        return even(self.fields[names[0]].shape[0], size, _TOGETHER)

    def pieces(self, names: Sequence[str], index: int) -> Iterator[Piece]:
        """The rows of a block; `FileError` (``data-format``) where a row is not like the first."""
        import numpy as np

        start, stop = self.blocks(names)[index]
        arrays = {name: np.empty((stop - start, *field.shape[1:]), _dtype(field)) for name, field in self._of(names)}
        for place in range(start, stop):
            row = _row(self.path, self._rows, place)
            for name, array in arrays.items():
                self._put(array, place - start, name, row, place)
        yield Piece(start, arrays)

    def _of(self, names: Sequence[str]) -> list[tuple[str, Field]]:
        return [(name, self.fields[name]) for name in names]

    def _put(self, array: np.ndarray, at: int, name: str, row: Mapping[str, Any], place: int) -> None:
        import numpy as np

        value = np.asarray(row[name]) if name in row else None
        field = self.fields[name]
        if value is None or value.shape != field.shape[1:] or (value.dtype.kind in "US") != field.is_text:
            has = "is missing" if value is None else f"is {value.shape} {value.dtype}"
            message = f"`{name}[{place}]` {has}, and in the first row it is {field.shape[1:]} {field.dtype}"
            raise FileError(Problem("data-format", message, help="every row needs the same fields", file=self.path))
        array[at] = str(value) if field.is_text else value


def open_object(name: str, made: Any) -> Rows:
    """The source of a Python object of that name, or of what it returns when it is called.

    Raises `FileError`: ``data-format`` for an object without rows, ``data-steps`` for one with none.
    """
    try:
        gives = callable(made) and (isinstance(made, type) or not hasattr(made, "__getitem__"))
        rows = made() if gives else made
    except KspecError:
        raise
    except Exception as error:  # a person's own code may raise anything
        raise FileError(_failed(name, f"stopped: {type(error).__name__}: {error}")) from error
    if not (hasattr(rows, "__len__") and hasattr(rows, "__getitem__")):
        message = f"`{name}` is {type(rows).__name__}, which has no rows"
        help = "rows come by `__len__` and `__getitem__`, as a Grain data source has them"
        raise FileError(Problem("data-format", message, help=help, file=name))
    count = len(rows)
    if not count:
        raise FileError(Problem("data-steps", f"`{name}` has no rows", help="give at least one", file=name))
    fields = {key: _field(name, key, count, value) for key, value in _row(name, rows, 0).items()}
    return Rows(name, MappingProxyType(fields), rows)


def _row(path: str, rows: Any, place: int) -> Mapping[str, Any]:
    try:
        row = rows[place]
    except Exception as error:  # a person's own code may raise anything
        raise FileError(_failed(path, f"has no row {place}: {type(error).__name__}: {error}")) from error
    if isinstance(row, Mapping):
        return row
    if isinstance(row, (tuple, list)) and len(row) in (2, 3):
        return dict(zip(("x", "y", "sample_weight"), row, strict=False))
    message = f"row {place} of `{path}` is {type(row).__name__}"
    help = "a row is a mapping of arrays by name, or a tuple of an input and its target"
    raise FileError(Problem("data-format", message, help=help, file=path))


def _field(path: str, key: Any, count: int, value: Any) -> Field:
    import numpy as np

    try:
        array = np.asarray(value)
    except ValueError:  # lists of different lengths
        array = np.asarray(None)
    if array.dtype.kind in "US":
        return Field((count, *array.shape), "str")
    return Field((count, *array.shape), str(array.dtype))


def _dtype(field: Field) -> Any:
    return object if field.is_text or not field.is_plain else field.dtype


def _failed(name: str, what: str) -> Problem:
    return Problem("data-format", f"`{name}` {what}", help="`--traceback` shows where", file=name)
