"""The header of a stranger's ``.npy`` array, which NumPy parses as a Python literal."""

from __future__ import annotations

import io
import math
import warnings
from typing import Any, NamedTuple

START = 1 << 16
"""Bytes of an array that its header is looked for in: NumPy would read as many as it says it has, up to 4 GiB."""
_AXES = 64
"""NumPy has no arrays of more."""


class Header(NamedTuple):
    """What an array's header says; `size` is how many bytes it takes itself."""

    shape: tuple[int, ...]
    columns_first: bool
    dtype: Any
    size: int


def parsed(start: bytes) -> Header:
    """The header of an array that begins with these bytes. Raises ValueError where it makes no sense."""
    from numpy.lib import format

    file = io.BytesIO(start)
    try:
        with warnings.catch_warnings(action="ignore"):  # about headers of Python 2, and about odd literals
            version = format.read_magic(file)
            read = {(1, 0): format.read_array_header_1_0, (2, 0): format.read_array_header_2_0}.get(version)
            if read is None:  # later versions are for structured dtypes, which no model takes
                raise ValueError(f"version {version[0]}.{version[1]} of the format")
            shape, columns_first, dtype = read(file)
    except Exception as error:  # Python's parser raises MemoryError, too, for what is nested too deeply
        raise ValueError("its header makes no sense") from error
    wrong = len(shape) > _AXES or any(isinstance(size, bool) or size < 0 for size in shape)
    if wrong or math.prod(max(1, size) for size in shape) * max(1, dtype.itemsize) >= 2**63:
        raise ValueError("its header makes no sense: there is no array of such a shape")
    return Header(shape, bool(columns_first), dtype, file.tell())
