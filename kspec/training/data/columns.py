"""Columns of Arrow as NumPy arrays: what Parquet and Arrow files have in common."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from kspec.diagnostics import FileError, Problem, UsageError
from kspec.model.memory import is_limited
from kspec.training.data.source import Field

if TYPE_CHECKING:
    import numpy as np


def arrow(module: str, what: str) -> Any:
    """A module of pyarrow; `UsageError` (``missing-extra``) where it is not installed."""
    _allocate_plainly()
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        problem = Problem("missing-extra", f"{what} needs pyarrow", help="pip install 'kspec[parquet]'")
        raise UsageError(problem) from error
    return found


def _allocate_plainly() -> None:
    """Where this process's memory is limited (``ulimit -d``), let Arrow take it as everything else does.

    Its own allocator, which is a quarter faster, reserves a GiB at once, and that counts; it does when pyarrow is
    imported, so another one must be named before.
    """
    if is_limited():
        os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


def field_of(kind: Any, rows: int, lengths: tuple[int, ...] = ()) -> Field:
    """The field of a column by Arrow's type: lists of one length are rows of numbers.

    `lengths` are those of the lists whose type does not tell them, from the outermost in.
    """
    types = arrow("pyarrow.types", "this file")
    shape: list[int] = [rows]
    left = list(lengths)
    while types.is_fixed_size_list(kind) or types.is_list(kind) or types.is_large_list(kind):
        if types.is_fixed_size_list(kind):
            shape.append(kind.list_size)
        elif left:
            shape.append(left.pop(0))
        else:
            return Field((rows,), str(kind))
        kind = kind.value_type
    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return Field(tuple(shape), "str" if len(shape) == 1 else str(kind))
    if types.is_boolean(kind):
        return Field(tuple(shape), "bool")
    if types.is_integer(kind) or types.is_floating(kind):
        return Field(tuple(shape), "float16" if types.is_float16(kind) else str(kind.to_pandas_dtype().__name__))
    return Field(tuple(shape), str(kind))


def lengths_of(column: Any) -> tuple[int, ...]:
    """The lengths of the lists in a column's first row; empty where it holds none, or no first row."""
    types = arrow("pyarrow.types", "this file")
    found = []
    while len(column) and (types.is_fixed_size_list(column.type) or _is_list(types, column.type)):
        first = column[0].values
        if first is None:
            return ()
        if _is_list(types, column.type):
            found.append(len(first))
        column = first
    return tuple(found)


def _is_list(types: Any, kind: Any) -> bool:
    return bool(types.is_list(kind) or types.is_large_list(kind))


def to_numpy(column: Any, name: str, field: Field, path: str, start: int) -> np.ndarray:
    """A column of a table, or of a batch, as `field` says.

    Missing numbers are NaN where the field is of real numbers. Raises `FileError`: ``data-nan`` for missing whole
    numbers, ``data-shape`` for lists of another length; `start` is the row that the column begins with.
    """
    import numpy as np

    chunks = column.chunks if hasattr(column, "chunks") else [column]
    parts = []
    for chunk in chunks:
        parts.append(_chunk(chunk, name, field, path, start))
        start += len(chunk)
    if len(parts) == 1:
        return parts[0]
    empty = np.empty((0, *field.shape[1:]), object if field.is_text else field.dtype)
    return np.concatenate(parts) if parts else empty


def _chunk(chunk: Any, name: str, field: Field, path: str, start: int) -> np.ndarray:
    import numpy as np

    types = arrow("pyarrow.types", "this file")
    rows = len(chunk)
    if types.is_dictionary(chunk.type):
        chunk = chunk.dictionary_decode()
    for length in field.shape[1:]:
        chunk = _inner(chunk, length, name, path, start)
    if field.is_text:
        found: np.ndarray = np.array(chunk.to_pylist(), object)
        return found
    if chunk.null_count:
        if np.dtype(field.dtype).kind != "f":
            row = int(np.flatnonzero(chunk.is_null().to_numpy(zero_copy_only=False))[0]) // max(len(chunk) // rows, 1)
            message = f"`{name}[{start + row}]` is missing (null), and the column holds whole numbers"
            help = "fill or drop those rows, or store the column as real numbers"
            raise FileError(Problem("data-nan", message, help=help, file=path))
        chunk = chunk.cast(str(np.dtype(field.dtype))).fill_null(float("nan"))
    flat: np.ndarray = chunk.to_numpy(zero_copy_only=False).astype(field.dtype, copy=False)
    return flat.reshape(rows, *field.shape[1:])


def _inner(chunk: Any, length: int, name: str, path: str, start: int) -> Any:
    """The values of lists that must all be of one length."""
    import numpy as np

    types = arrow("pyarrow.types", "this file")
    inner = chunk.flatten()  # without the values of what is missing
    if chunk.null_count == 0 and len(inner) == len(chunk) * length:
        if types.is_fixed_size_list(chunk.type):
            return inner
        if (chunk.value_lengths().to_numpy(zero_copy_only=False) == length).all():
            return inner
    if chunk.null_count:
        row = int(np.flatnonzero(chunk.is_null().to_numpy(zero_copy_only=False))[0])
        message = f"`{name}[{start + row}]` is missing (null)"
        raise FileError(Problem("data-nan", message, help="fill or drop those rows", file=path))
    sizes = chunk.value_lengths().to_numpy(zero_copy_only=False)
    row = int(np.flatnonzero(sizes != length)[0])
    message = f"`{name}[{start + row}]` is a list of {sizes[row]}, and the first row is one of {length}"
    raise FileError(Problem("data-shape", message, help="pad the rows to one length", file=path))
