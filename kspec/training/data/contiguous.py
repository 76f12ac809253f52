"""Rows of an array that lies in a file as it would in memory, read by their position.

Read, not mapped: where a mapped file is cut short, the next access ends the process by SIGBUS, while a short read is an
error that can be told. Copying from the page cache costs a fraction of what computing on the rows does.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kspec.diagnostics import FileError, Problem
from kspec.training.data.source import Even, even
from kspec.training.data.stamp import Stamp

if TYPE_CHECKING:
    import numpy as np

_MOST = 1 << 30
"""Bytes that one read may ask for: Linux gives at most 2 GiB."""
_TOGETHER = 1 << 20
"""Bytes of a block: far more than a disk's seek is worth, few enough that a segment holds rows of many places."""


@dataclass(frozen=True, slots=True)
class Contiguous:
    """Where an array's rows begin in a file, their whole shape, and their dtype with its byte order."""

    stamp: Stamp
    start: int
    shape: tuple[int, ...]
    dtype: Any

    @property
    def row_bytes(self) -> int:
        """The bytes of one row in the file."""
        import numpy as np

        return math.prod(self.shape[1:]) * int(np.dtype(self.dtype).itemsize)

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Rows `start` to `stop`, in the machine's byte order.

        Raises `FileError`: ``data-changed`` where the file is not the one that was opened, ``too-large``.
        """
        import numpy as np

        dtype = np.dtype(self.dtype)
        try:
            flat = np.empty((stop - start) * math.prod(self.shape[1:]), dtype)
        except MemoryError as error:
            problem = Problem("too-large", "the rows are larger than the memory", file=self.stamp.path)
            raise FileError(problem) from error
        if flat.size:
            self._fill(flat.view(np.uint8).data, self.start + start * self.row_bytes)
        array = flat.reshape(stop - start, *self.shape[1:])
        return array if dtype.isnative else array.astype(dtype.newbyteorder("="))

    def _fill(self, target: memoryview, place: int) -> None:
        path = self.stamp.path
        try:
            with open(path, "rb", buffering=0) as file:
                self.stamp.check(os.fstat(file.fileno()))
                file.seek(place)
                while target:
                    count = file.readinto(target[:_MOST])
                    if not count:
                        self.stamp.check()
                        problem = Problem("data-format", f"`{path}` ends early", help="save it again", file=path)
                        raise FileError(problem)
                    target = target[count:]
        except OSError as error:
            self.stamp.check()
            message = f"`{path}` cannot be read: {(error.strerror or str(error)).lower()}"
            raise FileError(Problem("file-missing", message, file=path)) from error


def together(arrays: list[Contiguous]) -> Even:
    """Blocks of rows that contiguous arrays of equal rows are read in."""
    return even(arrays[0].shape[0], sum(array.row_bytes for array in arrays), _TOGETHER)
