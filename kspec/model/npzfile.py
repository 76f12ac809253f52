"""The arrays of a stranger's ``.npz`` file, by their headers; one at a time is read."""

from __future__ import annotations

import math
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

from kspec.model.npyheader import START, parsed
from kspec.model.weightsfile import MOST, Array, is_swollen, refused


def npz_arrays(path: Path) -> list[Array]:
    """What a ``.npz`` file holds, none of it read.

    Raises FileError where it is damaged, or holds more than numbers.
    """
    found = []
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > MOST:
                raise refused(path, f"it holds more than {MOST:,} arrays")
            if len({member.filename for member in members}) < len(members):
                raise refused(path, "a member stands twice in the archive")
            if is_swollen(sum(member.file_size for member in members), path.stat().st_size):
                raise refused(path, "its arrays are far larger than what they are packed in")
            for member in members:
                if not member.filename.endswith(".npy"):
                    raise refused(path, f"`{member.filename[:100]}` in it is no array")
                with archive.open(member) as file:
                    found.append(_array(file, member, path))
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise refused(path, f"it cannot be read: {error}") from None
    return found


def npz_read(path: Path, name: str) -> Any:
    """The array called `name`, of a file that `npz_arrays` has looked through."""
    from numpy.lib import format

    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
            return format.read_array(file, allow_pickle=False)
    except MemoryError:
        raise
    except Exception as error:  # NumPy's and zipfile's, of bytes that anybody may have written
        raise refused(path, f"`{name[:100]}` cannot be read: {error}") from None


def _array(file: IO[bytes], member: zipfile.ZipInfo, path: Path) -> Array:
    """By its header."""
    name = member.filename.removesuffix(".npy")
    try:
        shape, _, dtype, _ = parsed(file.read(START))
    except ValueError as error:
        raise refused(path, f"`{name[:100]}` in it cannot be read: {error}") from None
    size = math.prod(shape) * dtype.itemsize
    if dtype.hasobject or dtype.kind not in "fiubc":
        raise refused(path, f"`{name[:100]}` holds {dtype}, and no numbers")
    if size > member.file_size:
        raise refused(path, f"`{name[:100]}` declares {size:,} bytes and holds {member.file_size:,}")
    return Array(name, shape, str(dtype), size)
