"""``.npz`` files read as a stranger's: nothing is unpickled, and nothing is allocated before its header is believed.

An ``.npz`` is a zip archive of ``.npy`` members (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
A header is checked against the member's real size and against memory before an array is made. A member that is stored
as it is, as `numpy.savez` does it, is read in parts by its place in the file; a compressed one only whole.
"""

from __future__ import annotations

import math
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Any

from kspec.diagnostics import FileError, Problem
from kspec.model.memory import memory_bound, size_text
from kspec.model.npyheader import START, parsed
from kspec.training.data.base import OneFile
from kspec.training.data.contiguous import Contiguous, together
from kspec.training.data.source import Block, Field, Piece, missing, refuse_dtype
from kspec.training.data.stamp import Stamp, stamp

if TYPE_CHECKING:
    import numpy as np

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # all that NumPy writes
_BLOCK = 1 << 24
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)
"""What zipfile raises for an archive that is cut short, altered or encrypted."""

_KINDS = {
    b"\x93NUMPY": ("a single array (`.npy`) under another name", 'save it with `numpy.savez("data.npz", x=array)`'),
    b"\x89HDF": ("an HDF5 file under another name", 'save the arrays with `numpy.savez("data.npz", x=x, y=y)`'),
    b"PAR1": ("a Parquet file under another name", 'save the columns with `numpy.savez("data.npz", x=x, y=y)`'),
    b"\x1f\x8b": ("a gzip file", "unpack it first"),
    b"\x80": ("a Python pickle, which is code and never read", 'save arrays with `numpy.savez("data.npz", x=x, y=y)`'),
}


@dataclass(frozen=True, slots=True)
class _Member:
    """Where an array lies: its zip member, where that begins in the file, where the array's bytes begin in it, and
    their layout."""

    info: zipfile.ZipInfo
    place: int
    start: int
    columns_first: bool


@dataclass(frozen=True, repr=False)
class Npz(OneFile):
    """An opened ``.npz``: its arrays by name, read one by one."""

    path: str
    fields: Mapping[str, Field]
    _members: Mapping[str, _Member]
    _stamp: Stamp

    def gather(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Whole arrays, texts too; raises as `read` does."""
        return {name: self._whole(name) for name in names}

    def blocks(self, names: Sequence[str]) -> Sequence[Block]:
        """Blocks of some MB; `FileError` (``too-large``) for arrays that are compressed or stored column by column."""
        return together([self._contiguous(name) for name in names])

    def pieces(self, names: Sequence[str], index: int) -> Iterator[Piece]:
        """One block, by its place in the file: its checksum, which is of the whole array, is not compared."""
        start, stop = self.blocks(names)[index]
        arrays = {name: self._contiguous(name).rows(start, stop) for name in names}
        yield Piece(start, {name: texts(a) if self.fields[name].is_text else a for name, a in arrays.items()})

    def _contiguous(self, name: str) -> Contiguous:
        field, member = self.fields[name], self._members[name]
        if not field.is_text:
            refuse_dtype(self.path, name, field)
        if member.info.compress_type != zipfile.ZIP_STORED or member.columns_first or not field.shape:
            what = "column by column" if member.columns_first else "compressed"
            message = f"`{name}` {field} is stored {what}, so that it can only be read whole, and is too large for that"
            help = "save it with `numpy.savez`, which compresses nothing"
            if member.columns_first:
                help = "save it row by row: `numpy.savez(file, name=numpy.ascontiguousarray(array))`"
            raise FileError(Problem("too-large", message, help=help, file=self.path))
        return Contiguous(self._stamp, member.place + member.start, field.shape, field.dtype)

    def read(self, name: str) -> np.ndarray:
        """The array `name`, in the machine's byte order.

        Raises `FileError`: ``data-dtype`` for objects, text and other things that are no numbers, ``data-format`` for a
        damaged member, ``too-large`` where memory does not suffice.
        """
        refuse_dtype(self.path, name, self.fields[name])
        return self._whole(name)

    def _whole(self, name: str) -> np.ndarray:
        import numpy as np

        field, member = self.fields[name], self._members[name]
        if not field.is_text:
            refuse_dtype(self.path, name, field)
        self._stamp.check()
        dtype = np.dtype(field.dtype)
        try:
            flat = np.empty(math.prod(field.shape), dtype)
        except MemoryError as error:
            raise FileError(_too_large(self.path, name, field, memory_bound())) from error
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(member.info) as stream:
                _skip(stream, member.start)
                _fill(stream, flat.view(np.uint8).data if flat.size else memoryview(bytearray()))
        except _BROKEN as error:
            raise FileError(_damaged(self.path, name, error)) from error
        array = flat.reshape(field.shape[::-1]).transpose() if member.columns_first else flat.reshape(field.shape)
        if field.is_text:
            return texts(array)
        return array if dtype.isnative else array.astype(dtype.newbyteorder("="))


def texts(array: np.ndarray) -> np.ndarray:
    """NumPy's fixed-width strings, or bytes of UTF-8, as an array of `str` objects."""
    import numpy as np

    return (np.char.decode(array, "utf-8", "replace") if array.dtype.kind == "S" else array).astype(object)


def open_npz(path: str, limit: int | None = None) -> Npz:
    """Open an ``.npz`` by its headers alone; `limit` bounds one array in bytes (the machine's memory).

    Raises `FileError`: ``file-missing``, ``data-format``, ``too-large``.
    """
    _refuse_other_files(path)
    found = stamp(path)
    bound = memory_bound() if limit is None else limit
    fields: dict[str, Field] = {}
    members: dict[str, _Member] = {}
    name = ""
    try:
        with zipfile.ZipFile(path) as archive, open(path, "rb") as file:
            for info in archive.infolist():
                name = _array_name(path, info, fields)
                with archive.open(info) as stream:
                    fields[name], members[name] = _header(path, name, info, stream, _begin(file, info))
    except _BROKEN as error:
        raise FileError(_damaged(path, name, error)) from error
    if not fields:
        raise FileError(_format(path, "holds no arrays", 'save some with `numpy.savez("data.npz", x=x, y=y)`'))
    packed = {n: f for n, f in fields.items() if members[n].info.compress_type != zipfile.ZIP_STORED}
    large = [_too_large(path, n, f, bound) for n, f in packed.items() if not f.is_object and _size(f) > bound]
    if large:
        raise FileError(large)
    return Npz(path, MappingProxyType(fields), MappingProxyType(members), found)


def _refuse_other_files(path: str) -> None:
    """What is not a zip archive is named for what it is."""
    try:
        if Path(path).is_dir():
            raise FileError(_format(path, "is a folder", "name a `.npz` file"))
        if os.path.lexists(path) and not Path(path).is_file():
            raise FileError(_format(path, "is no regular file", "name a `.npz` file"))
        with open(path, "rb") as file:
            start = file.read(512)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileError(missing(path)) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise FileError(Problem("file-missing", f"`{path}` cannot be read: {reason}", file=path)) from error
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return
    if not start:
        raise FileError(_format(path, "is empty", 'save arrays with `numpy.savez("data.npz", x=x, y=y)`'))
    for magic, (kind, help) in _KINDS.items():
        if start.startswith(magic):
            raise FileError(_format(path, f"is {kind}, not an `.npz` archive", help))
    if b"\0" not in start:
        help = 'load it with `numpy.loadtxt` or pandas, and save it with `numpy.savez("data.npz", x=x, y=y)`'
        raise FileError(_format(path, "is text (a CSV file?), not an `.npz` archive", help))
    raise FileError(_format(path, "is not an `.npz` archive", 'make one with `numpy.savez("data.npz", x=x, y=y)`'))


def _array_name(path: str, info: zipfile.ZipInfo, seen: Mapping[str, Field]) -> str:
    """The array's name of a zip member, once the member is one that NumPy could have written."""
    name = info.filename.removesuffix(".npy")
    if name == info.filename or not name.isprintable() or not name:
        help = "an `.npz` file holds `.npy` members only"
        if info.filename in ("config.json", "metadata.json", "model.weights.h5"):
            help = "this looks like a `.keras` model"
        raise FileError(_format(path, f"holds {_quoted(info.filename)}, which is no array", help))
    if name in seen:
        raise FileError(_format(path, f"holds two arrays called `{name}`", "save it again with one of each name"))
    if info.flag_bits & 0x1:
        raise FileError(_format(path, f"is encrypted (`{name}`)", "save it without a password"))
    if info.compress_type not in _METHODS:
        raise FileError(_format(path, f"packs `{name}` in a way that NumPy does not", "save it with `numpy.savez`"))
    return name


def _begin(file: IO[bytes], info: zipfile.ZipInfo) -> int:
    """Where a member's bytes begin: behind a header whose length is known from itself alone (APPNOTE.TXT, 4.3.7)."""
    file.seek(info.header_offset + 26)
    name, extra = (int.from_bytes(file.read(2), "little") for _ in range(2))
    return info.header_offset + 30 + name + extra


def _header(path: str, name: str, info: zipfile.ZipInfo, stream: IO[bytes], place: int) -> tuple[Field, _Member]:
    """Shape, dtype and layout by the member's header, held against the member's size."""
    head = stream.read(START)
    try:
        shape, columns_first, dtype, start = parsed(head)
    except ValueError as error:
        help = "save the file again with `numpy.savez`"
        raise FileError(_format(path, f"holds `{name}`, whose header makes no sense", help)) from error
    field = Field(shape, "object" if dtype.hasobject else dtype_text(dtype))
    if not dtype.hasobject and start + _size(field) != info.file_size:
        message = (
            f"holds `{name}`, whose header promises {field} ({size_text(_size(field))}) "
            f"where there are {size_text(max(info.file_size - start, 0))}"
        )
        raise FileError(_format(path, message, "the file is damaged or was altered: save it again"))
    return field, _Member(info, place, start, columns_first)


def dtype_text(dtype: Any) -> str:
    """``float32`` rather than ``<f4``; what has no name of its own keeps NumPy's code."""
    return str(dtype.name) if dtype.isnative and dtype.kind in "biuf" else str(dtype.str)


def _size(field: Field) -> int:
    import numpy as np

    return math.prod(field.shape) * np.dtype(field.dtype).itemsize


def _skip(stream: IO[bytes], count: int) -> None:
    while count > 0 and (block := stream.read(min(count, _BLOCK))):
        count -= len(block)


def _fill(stream: IO[bytes], target: memoryview) -> None:
    """Read exactly as many bytes as `target` has room for, and then the end, where zipfile compares the checksum."""
    place = 0
    while place < len(target):
        block = stream.read(min(_BLOCK, len(target) - place))
        if not block:
            raise EOFError("the data end early")
        target[place : place + len(block)] = block
        place += len(block)
    if stream.read(1):
        raise EOFError("there are more data than the header says")


def _format(path: str, message: str, help: str) -> Problem:
    return Problem("data-format", f"`{Path(path).name}` {message}", help=help, file=path)


def _damaged(path: str, name: str, error: BaseException) -> Problem:
    what = f"is damaged or cut short: `{name}` cannot be read" if name else "is damaged or cut short"
    return _format(path, f"{what} ({str(error).lower() or type(error).__name__})", "copy or save it again")


def _too_large(path: str, name: str, field: Field, bound: int) -> Problem:
    message = f"`{name}` {field} would take {size_text(_size(field))}, and there are {size_text(bound)} of memory"
    return Problem("too-large", message, help="train on a part of it, or on a machine with more memory", file=path)


def _quoted(text: str) -> str:
    return f"`{text.encode('unicode_escape').decode()}`"
