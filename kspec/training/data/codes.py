"""The values of a column as numbers in the order in which they first come: for splits, labels and descriptions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from kspec.diagnostics import FileError, Problem
from kspec.training.data.source import Source

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST = 1 << 20
"""Different values that can be told apart: a column with more is a number or a free text."""


def column(source: Source, name: str) -> Iterator[tuple[int, Any]]:
    """The values of a field block by block, each with the number of its first row."""
    try:
        count = len(source.blocks([name]))
    except FileError:  # it can only be read whole
        yield 0, source.gather([name])[name]
        return
    for index in range(count):
        for piece in source.pieces([name], index):
            yield piece.start, piece.arrays[name]


def codes(source: Source, name: str) -> tuple[NDArray[np.int32], list[Any]]:
    """A number for each row, and the value that each number stands for; None and NaN are values too.

    Raises `FileError` (``data-match``) for fields that are no column, or have more than a million values.
    """
    field = source.fields[name]
    rows = field.shape[0] if field.shape else 0
    if len(field.shape) != 1 and field.shape[1:] != (1,):
        message = f"`{name}` {field} is no column of single values"
        raise FileError(Problem("data-match", message, help="name a column with one value a row", file=source.path))
    found = np.empty(rows, np.int32)
    table: dict[Any, int] = {}
    for start, values in column(source, name):
        flat = values.reshape(-1)
        if flat.dtype == object:
            for value in dict.fromkeys(flat.tolist()):
                table.setdefault(value, len(table))
            found[start : start + len(flat)] = np.fromiter(map(table.__getitem__, flat.tolist()), np.int32, len(flat))
        else:
            known, places = np.unique(flat, return_inverse=True)
            numbers = [table.setdefault(None if value != value else value, len(table)) for value in known.tolist()]
            found[start : start + len(flat)] = np.array(numbers, np.int32)[places.reshape(-1)]
        if len(table) > _MOST:
            message = f"`{name}` has more than {_MOST:,} different values"
            raise FileError(Problem("data-match", message, help="name a column of classes or groups", file=source.path))
    return found, list(table)
