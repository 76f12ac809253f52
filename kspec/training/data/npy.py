"""``.npy`` files, and folders of them: each file is one array, named after it.

A file of records (``dtype=[("x", "f4", (784,)), ("y", "i4")]``) holds one array for each of its names.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from kspec.diagnostics import FileError, Problem
from kspec.model.memory import size_text
from kspec.model.npyheader import START, parsed
from kspec.training.data.base import Base
from kspec.training.data.contiguous import Contiguous, together
from kspec.training.data.npz import dtype_text, texts
from kspec.training.data.source import Block, Field, Piece, broken, gathered, refuse_dtype
from kspec.training.data.stamp import Stamp, stamp

if TYPE_CHECKING:
    import numpy as np

_MAGIC = b"\x93NUMPY"


@dataclass(frozen=True, slots=True)
class _Array:
    """An array in a file: where it lies, in which order, and the name of the record's part that it is."""

    file: Contiguous
    columns_first: bool = False
    part: str = ""


@dataclass(frozen=True, repr=False)
class Npy(Base):
    """Arrays of one ``.npy`` file, or of all in a folder."""

    path: str
    fields: Mapping[str, Field]
    files: tuple[str, ...]
    _arrays: Mapping[str, _Array]

    def gather(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Whole arrays, texts too."""
        found = {}
        for name in names:
            array, shape = self._arrays[name], self.fields[name].shape
            if array.columns_first:
                found[name] = self._flat(array).reshape(shape[::-1]).transpose()
            elif not shape:
                found[name] = self._flat(array).reshape(())
            elif array.part:
                found |= gathered(self, [name])
            else:
                found[name] = self._plain(name, array.file.rows(0, shape[0]))
        return found

    def blocks(self, names: Sequence[str]) -> Sequence[Block]:
        """Blocks of some MB; `FileError` (``too-large``) for an array that is stored column by column."""
        for name in names:
            if self._arrays[name].columns_first:
                message = f"`{name}` {self.fields[name]} is stored column by column, and is too large to be read whole"
                help = "save it row by row: `numpy.ascontiguousarray(array)`"
                raise FileError(Problem("too-large", message, help=help, file=self.path))
        return together(list({self._arrays[name].file: None for name in names}))

    def pieces(self, names: Sequence[str], index: int) -> Iterator[Piece]:
        """One block, by its place in the files."""
        start, stop = self.blocks(names)[index]
        read = {file: file.rows(start, stop) for file in {self._arrays[name].file: None for name in names}}
        arrays = {}
        for name in names:
            array = read[self._arrays[name].file]
            part = self._arrays[name].part
            arrays[name] = self._plain(name, array[part] if part else array)
        yield Piece(start, arrays)

    def _plain(self, name: str, array: np.ndarray) -> np.ndarray:
        import numpy as np

        if self.fields[name].is_text:
            return texts(array)
        refuse_dtype(self.path, name, self.fields[name])
        return np.ascontiguousarray(array, array.dtype.newbyteorder("="))

    def _flat(self, array: _Array) -> np.ndarray:
        size = math.prod(array.file.shape)
        return Contiguous(array.file.stamp, array.file.start, (size,), array.file.dtype).rows(0, size)


def open_npy(path: str) -> Npy:
    """Open an ``.npy`` file by its header alone.

    Raises `FileError`: ``file-missing``, ``data-format``.
    """
    fields, arrays = _open(path)
    return Npy(path, MappingProxyType(fields), (path,), MappingProxyType(arrays))


def open_npy_folder(path: str, files: Sequence[Path]) -> Npy:
    """A folder of ``.npy`` files, as one source with an array for each.

    Raises `FileError`: ``data-format``, also for two arrays of a name.
    """
    fields: dict[str, Field] = {}
    arrays: dict[str, _Array] = {}
    for file in files:
        found, places = _open(str(file))
        for name in found:
            if name in fields:
                raise broken(path, f"holds two arrays called `{name}`", "give each file a name of its own")
        fields |= found
        arrays |= places
    return Npy(path, MappingProxyType(fields), tuple(map(str, files)), MappingProxyType(arrays))


def _open(path: str) -> tuple[dict[str, Field], dict[str, _Array]]:
    found = stamp(path)
    with open(path, "rb") as file:
        head = file.read(START)
    if not head:
        raise broken(path, "is empty", 'save an array with `numpy.save("x.npy", x)`')
    if not head.startswith(_MAGIC):
        what = "is an `.npz` archive under another name" if head.startswith(b"PK") else "is not an `.npy` file"
        raise broken(path, what, 'save an array with `numpy.save("x.npy", x)`')
    try:
        shape, columns_first, dtype, start = parsed(head)
    except ValueError as error:
        raise broken(path, "has a header that makes no sense", "save it again with `numpy.save`") from error
    name = Path(path).stem
    if dtype.hasobject:
        return {name: Field(shape, "object")}, {name: _Array(Contiguous(found, 0, shape, "u1"))}
    _refuse_size(path, found, start, shape, dtype)
    if dtype.names is None:
        file_dtype = dtype.str if dtype.kind in "biufUSc" else f"V{dtype.itemsize}"
        place = Contiguous(found, start, shape, file_dtype)
        flipped = columns_first and len(shape) > 1
        return {name: Field(shape, dtype_text(dtype))}, {name: _Array(place, flipped)}
    return _records(found, start, shape, dtype)


def _records(
    found: Stamp, start: int, shape: tuple[int, ...], dtype: np.dtype
) -> tuple[dict[str, Field], dict[str, _Array]]:
    """A field for each part of the records."""
    place = Contiguous(found, start, shape, dtype)
    fields = {}
    for name in dtype.names or ():
        part = dtype[name]
        base, inner = part.subdtype if part.subdtype is not None else (part, ())
        fields[name] = Field((*shape, *inner), dtype_text(base))
    return fields, {name: _Array(place, part=name) for name in fields}


def _refuse_size(path: str, found: Stamp, start: int, shape: tuple[int, ...], dtype: np.dtype) -> None:
    promised, there = math.prod(shape) * dtype.itemsize, found.size - start
    if promised != there:
        message = (
            f"has a header that promises {Field(shape, dtype_text(dtype))} ({size_text(promised)}) "
            f"where there are {size_text(max(there, 0))}"
        )
        raise broken(path, message, "the file is damaged or was altered: save it again")
