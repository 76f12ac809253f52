"""A stranger's HDF5 file of weights, looked through before Keras reads it: what is in it, and that it is only numbers.

HDF5 can name other files, whose content then is read as if it were in this one, load plug-ins for filters, declare
arrays of any size without holding them, and have groups inside themselves.
"""

from __future__ import annotations

import io
import math
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from kspec.diagnostics import FileError, Problem, first_line

_FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32", 4: "szip", 5: "nbit", 6: "scaleoffset", 32000: "lzf"}
"""Those that are built into the library; https://docs.hdfgroup.org/hdf5/develop/_f_i_l_t_e_r.html."""
_DEPTH = 64
MOST = 12_000
"""Groups and arrays of a file, unless its model is known to have more."""
_PACKED = 20
"""Weights are packed to a half, seldom to a tenth; deflate can pack 1,032 to one."""
FREE = 64 * 2**20
"""Bytes that may be packed as tightly as one likes."""
_PLAIN = 2**20
"""Bytes that an array may declare without a look at what it holds."""


def is_swollen(size: int, packed: int) -> bool:
    """Whether so few bytes would become so many that it was made to fill the memory."""
    return size > max(FREE, _PACKED * packed)


class Array(NamedTuple):
    """An array of a file: its path, shape and dtype."""

    path: str
    shape: tuple[int, ...]
    dtype: str
    bytes: int


def arrays(path: Path, most: int = MOST) -> list[Array]:
    """The arrays of a ``.weights.h5`` file, or of the weights in a ``.keras`` file, none of them read; there may be
    `most` arrays and groups.

    Raises `FileError` (``model-file``) where the file is damaged, or holds anything but groups and numbers.
    """
    import h5py

    try:
        with opened(path) as source, h5py.File(source, "r") as file:
            if "model_config" in file.attrs:
                help = "load it with Keras and save it as `.keras`: `keras.saving.load_model(…).save('model.keras')`"
                raise refused(path, "it is a whole model in Keras's old format, which can hold code", help)
            found = list(_walked(file, path, most))
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise refused(path, f"its weights cannot be read: {first_line(error)}") from None
    size, packed = sum(array.bytes for array in found), path.stat().st_size
    if is_swollen(size, packed):
        raise refused(path, f"its arrays declare {size:,} bytes, of {packed:,}")
    return found


def _count(file: Any, path: Path, most: int) -> None:
    """Objects are counted before any is looked at, which takes a hundred times as long."""
    import h5py

    count = 0

    def seen(_: bytes) -> bool | None:
        nonlocal count
        count += 1
        return True if count > most else None

    if h5py.h5o.visit(file.id, seen):
        raise refused(path, f"it holds more than {most:,} arrays and groups")


def _walked(file: Any, path: Path, most: int) -> Iterator[Array]:
    """By HDF5's own functions: h5py's objects take five times as long, and a model has thousands."""
    from h5py import h5d, h5g, h5l, h5o

    _count(file, path, most)
    seen: set[Any] = {h5o.get_info(file.id).addr}
    stack: list[tuple[str, Any, int]] = [("", h5g.open(file.id, b"/"), 0)]
    while stack:
        name, group, depth = stack.pop()
        for child in group:
            route = f"{name}/{_text(child)}" if name else _text(child)
            if not _is_text(child):
                raise refused(path, f"`{route}` has a name that is no text")
            kind = group.links.get_info(child).type
            if kind != h5l.TYPE_HARD:
                where = f" to `{_text(group.links.get_val(child)[0])}`" if kind == h5l.TYPE_EXTERNAL else ""
                raise refused(path, f"`{route}` is a link{where}, and no array")
            item = h5o.open(group, child)
            key = h5o.get_info(item).addr
            if isinstance(item, h5g.GroupID):
                if key in seen or depth >= _DEPTH:
                    raise refused(path, f"the group `{route}` is inside itself, or inside far too many")
                stack.append((route, item, depth + 1))
            elif isinstance(item, h5d.DatasetID):
                if key in seen:
                    raise refused(path, f"`{route}` is an array that has another name, too")
                yield _array(item, route, path)
            else:
                raise refused(path, f"`{route}` is neither a group nor an array")
            seen.add(key)


def _array(item: Any, route: str, path: Path) -> Array:
    """An array is numbers that the file itself holds. Bytes may be numbers of which HDF5 knows nothing."""
    from h5py import h5d

    plan = item.get_create_plist()
    if plan.get_external_count() or plan.get_layout() == h5d.VIRTUAL:
        other = plan.get_external(0)[0] if plan.get_external_count() else plan.get_virtual_filename(0)
        raise refused(path, f"`{route}` takes its numbers from another file, `{_text(other)}`")
    shape, dtype = item.shape, item.dtype
    if shape is None:
        raise refused(path, f"`{route}` holds nothing")
    if dtype.hasobject or dtype.kind not in "fiubcV" or dtype.fields or dtype.subdtype:
        raise refused(path, f"`{route}` holds {dtype}, and no numbers")
    unknown = [code for code, *_ in map(plan.get_filter, range(plan.get_nfilters())) if code not in _FILTERS]
    if unknown:
        raise refused(path, f"`{route}` is packed by the filter {unknown[0]}, which would load a plug-in")
    size, held = math.prod(shape) * dtype.itemsize, item.get_storage_size()
    if size > _PLAIN and (is_swollen(size, held) if plan.get_nfilters() else size > held):
        raise refused(path, f"`{route}` declares {size:,} bytes and holds {held:,}")
    return Array(route, shape, str(dtype), size)


def _is_text(name: bytes) -> bool:
    try:
        return bool(name.decode("utf-8"))
    except UnicodeDecodeError:
        return False


def _text(name: Any) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


@contextmanager
def opened(path: Path, *, is_whole: bool = False) -> Iterator[IO[bytes] | str]:
    """The HDF5 file: itself, or in an archive, all of whose bytes have their checksum; one that `is_whole` was looked
    through before."""
    if path.suffix != ".keras":
        yield str(path)
        return
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo("model.weights.h5")
        if is_swollen(member.file_size, member.compress_size):
            raise refused(path, f"its weights are said to be {member.file_size:,} bytes, of {member.compress_size:,}")
        if not is_whole and (broken := archive.testzip()):
            raise refused(path, f"`{broken}` in it is damaged: its checksum is another")
        if member.compress_type == zipfile.ZIP_STORED:
            with open(path, "rb", buffering=0) as file:
                yield io.BufferedReader(_Part(file, _start(file, member), member.file_size))
        else:
            with tempfile.TemporaryFile() as whole, archive.open(member) as packed:
                while piece := packed.read(2**20):
                    whole.write(piece)
                yield whole


def _start(file: IO[bytes], member: zipfile.ZipInfo) -> int:
    """Where a member's bytes begin: after its local header, with a name and extra of their own lengths there."""
    file.seek(member.header_offset)
    header = file.read(30)
    return member.header_offset + 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")


class _Part(io.RawIOBase):
    """A part of a file as a file."""

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        self._file, self._start, self._size, self._place = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = 0 if whence == os.SEEK_SET else self._place if whence == os.SEEK_CUR else self._size
        self._place = max(0, base + offset)
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any) -> int:
        size = max(0, min(len(buffer), self._size - self._place))
        self._file.seek(self._start + self._place)
        count: int = self._file.readinto(memoryview(buffer)[:size])  # type: ignore[attr-defined]
        self._place += count
        return count


def refused(path: Path, message: str, help: str = "") -> FileError:
    return FileError(Problem("model-file", f"`{path.name}` is refused: {message}", help=help, file=str(path)))
