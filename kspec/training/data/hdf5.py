"""HDF5 files read as a stranger's: arrays of numbers inside the file itself, and nothing else.

A link to another file, a virtual data set or one with external storage would read files that nobody named
(CVE-2026-1669 is of that kind in Keras); they are refused by their name. Data sets in groups are called by their path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from kspec.diagnostics import FileError, first_line
from kspec.training.data.base import OneFile
from kspec.training.data.npz import texts
from kspec.training.data.source import VARIABLE_TEXT, Block, Field, Piece, broken, even, refuse_dtype
from kspec.training.data.stamp import Stamp, stamp

if TYPE_CHECKING:
    import numpy as np

_MAGIC = b"\x89HDF\r\n\x1a\n"
_TOGETHER = 1 << 20
_MOST = 10_000
"""Objects in a file."""
_BROKEN = (OSError, RuntimeError, ValueError, KeyError, TypeError)
"""What h5py raises for a damaged file."""


@dataclass(frozen=True, repr=False)
class Hdf5(OneFile):
    """An opened HDF5 file; data sets are read when they are asked for."""

    path: str
    fields: Mapping[str, Field]
    _chunks: Mapping[str, int]
    """Rows that are compressed together, by field; 1 where rows stand on their own."""
    _stamp: Stamp

    def read(self, name: str) -> np.ndarray:
        """The data set `name`; `FileError` where it holds no numbers or cannot be read."""
        refuse_dtype(self.path, name, self.fields[name])
        if not self.fields[name].shape:
            found: np.ndarray = next(self._rows([name], ()))[name]
            return found
        return self.gather([name])[name]

    def blocks(self, names: Sequence[str]) -> Sequence[Block]:
        """Blocks of some MB, of whole chunks: what is compressed together is read together."""
        rows = self.fields[names[0]].shape[0]
        found = even(rows, sum(self.fields[name].row_bytes for name in names), _TOGETHER)
        chunk = max(self._chunks[name] for name in names)
        return type(found)(rows, max(-(-found.step // chunk) * chunk, 1))

    def pieces(self, names: Sequence[str], index: int) -> Iterator[Piece]:
        """A block."""
        start, stop = self.blocks(names)[index]
        for arrays in self._rows(names, slice(start, stop)):
            yield Piece(start, arrays)

    def _rows(self, names: Sequence[str], rows: Any) -> Iterator[dict[str, Any]]:
        import h5py

        self._stamp.check()
        for name in names:
            if not self.fields[name].is_text:
                refuse_dtype(self.path, name, self.fields[name])
        try:
            with h5py.File(self.path, "r", locking=False) as file:
                found = {name: file[name][rows] for name in names}
        except _BROKEN as error:
            self._stamp.check()
            raise _damaged(self.path, error) from error
        yield {name: self._plain(name, array) for name, array in found.items()}

    def _plain(self, name: str, array: Any) -> Any:
        if self.fields[name].is_text:
            return texts(array)
        return array.astype(self.fields[name].dtype, copy=False)


def open_hdf5(path: str) -> Hdf5:
    """Open an HDF5 file by what it says of its data sets.

    Raises `FileError`: ``file-missing``; ``data-format`` for damaged files, for links, and for data outside the file.
    """
    import h5py

    found = stamp(path)
    with open(path, "rb") as raw:
        start = raw.read(8)
    if start != _MAGIC:
        raise broken(path, "is empty" if not start else "is not an HDF5 file", "save arrays with h5py")
    fields: dict[str, Field] = {}
    chunks: dict[str, int] = {}
    try:
        with h5py.File(path, "r", locking=False) as file:
            for name, data in _data_sets(path, file):
                fields[name] = _field(data)
                chunks[name] = data.chunks[0] if data.chunks else 1
    except _BROKEN as error:
        raise _damaged(path, error) from error
    if not fields:
        raise broken(path, "holds no arrays", "save some with h5py")
    return Hdf5(path, MappingProxyType(fields), chunks, found)


def _data_sets(path: str, file: Any) -> Iterator[tuple[str, Any]]:
    """All data sets by their path. Groups may hold each other in a circle, so each is entered once."""
    import h5py

    groups: list[tuple[str, Any]] = [("", file)]
    seen = {h5py.h5o.get_info(file.id).addr}
    count = 0
    while groups:
        prefix, group = groups.pop(0)
        for key in group:
            name = f"{prefix}{key}"
            count += 1
            link = group.get(key, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise broken(path, f"holds {_shown(name)}, a link to somewhere else", "copy the data into the file")
            if count > _MOST:
                raise broken(path, f"holds more than {_MOST:,} objects", "keep large data in few arrays")
            if not key.isprintable():
                raise broken(path, f"holds {_shown(name)}, which no text can show", "rename it")
            item = group[key]
            address = h5py.h5o.get_info(item.id).addr
            if isinstance(item, h5py.Group):
                if address not in seen:
                    seen.add(address)
                    groups.append((f"{name}/", item))
            elif isinstance(item, h5py.Dataset):
                if item.is_virtual or item.external:
                    raise broken(path, f"holds {_shown(name)}, whose data are in other files", "copy them into it")
                yield name, item


def _field(data: Any) -> Field:
    import h5py

    shape = tuple(int(size) for size in data.shape or ())
    kind = data.dtype
    # Objects of variable length and references are not read: h5py would make Python objects of them.
    if kind.hasobject or data.shape is None:
        return Field(shape, VARIABLE_TEXT if h5py.check_string_dtype(kind) else "object")
    if kind.kind in "SU":
        return Field(shape, str(kind.str))
    return Field(shape, str(kind.name) if kind.kind in "biuf" else str(kind.str))


def _shown(name: str) -> str:
    return f"`{name.encode('unicode_escape').decode()}`"


def _damaged(path: str, error: Exception) -> FileError:
    said = first_line(error).lower()
    return broken(path, f"is damaged or cut short ({said})", "copy or write it again")
