"""Weights that lie in a file, looked at one array at a time: a stranger's file is admitted first.

A ``.weights.h5`` file numbers the variables of a layer and does not name them: `digit/0`. Where the model is known,
that of a ``.keras`` file or one that somebody names, they have their names, `digit/kernel`.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from kspec.diagnostics import FileError, Problem, shortened
from kspec.model import tensorfile
from kspec.model.admission import read_archive
from kspec.model.archive import make_model
from kspec.model.backend import deeply, load_keras
from kspec.model.npzfile import npz_arrays, npz_read
from kspec.model.objects import search_also
from kspec.model.private import abstract_variables, kept_at
from kspec.model.signatures import remembered
from kspec.model.transferred import Entry
from kspec.model.variables import by_path
from kspec.model.weightsfile import Array, arrays, opened, refused

ENDINGS = (".keras", ".weights.h5", ".h5", ".safetensors", ".npz")
_NAME = 1000
"""Bytes that a text beside a layer or an array may take in a file."""


class Stored(NamedTuple):
    """A file that is open."""

    label: str
    entries: tuple[Entry, ...]
    read: Callable[[Entry], Any]
    """The numbers of an array, as NumPy has them."""

    @property
    def weights(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.is_weight)


class Kept(NamedTuple):
    """A variable of a model, with the ways in which files tell it."""

    path: str
    label: str
    """`digit/0`."""
    place: str
    """`layers/dense/vars/0`; empty where Keras keeps it in a way of its own."""
    variable: Any


def kept(model: Any) -> list[Kept]:
    """Every weight of a model, in its order.

    Raises UsageError where two have one path.
    """
    written, names = kept_at(model)
    places = {id(variable): place for place, variable in written}
    told = [(path, places.get(id(variable), ""), variable) for path, variable in by_path(model).items()]
    labels = _labels([place for _, place, _ in told], names)
    return [Kept(path, label, place, variable) for (path, place, variable), label in zip(told, labels, strict=True)]


@contextmanager
def stored(path: Path, trust: Sequence[str] = (), modules: Sequence[str] = (), label: str = "") -> Iterator[Stored]:
    """The weights in a ``.keras``, ``.weights.h5``, ``.safetensors`` or ``.npz`` file; of a ``.keras`` file by the
    names that its model gives them, with its other variables behind.

    Raises FileError where there is no such file, it is damaged, or holds anything but what kspec admits.
    """
    if not path.is_file():
        raise FileError(Problem("file-missing", f"there is no file `{path}`", file=str(path)))
    if not path.name.endswith(ENDINGS):
        help = "a `.keras`, `.weights.h5`, `.safetensors` or `.npz` file, or the folder of a run"
        raise FileError(Problem("file-format", f"`{path.name}` is no file of weights", help=help, file=str(path)))
    label = label or str(path)
    try:
        if path.suffix == ".safetensors":
            yield _tensors(path, label)
        elif path.suffix == ".npz":
            found = npz_arrays(path)
            entries = tuple(Entry(*array, array.path) for array in found)
            yield Stored(label, _in_order(entries), lambda entry: npz_read(path, entry.place))
        else:
            yield from _numbered(path, label, trust, modules)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise refused(path, f"it is damaged: {error}") from None


def _tensors(path: Path, label: str) -> Stored:
    held = tensorfile.declared(path)
    entries = tuple(Entry(name, each.shape, each.dtype, each.bytes, name) for name, each in held.items())

    def read(entry: Entry) -> Any:
        return next(array for _, array in tensorfile.read(path, {entry.place: held[entry.place]}))

    return Stored(label, _in_order(entries), read)


def _numbered(path: Path, label: str, trust: Sequence[str], modules: Sequence[str]) -> Iterator[Stored]:
    """HDF5, alone or in an archive."""
    import h5py

    is_model = path.suffix == ".keras"
    if is_model:
        config, found = read_archive(path, trust)
        named = _named(config, path, trust, modules)
    else:
        found, named = arrays(path), {}
    with opened(path, is_whole=True) as source, h5py.File(source, "r") as file:
        names = _names(file, found)

        def read(entry: Entry) -> Any:
            try:
                return _numbers(file[entry.place])
            except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
                raise refused(path, f"`{entry.place}` cannot be read: {error}") from None

        labels = _labels([array.path for array in found], names)
        entries = [_entry(array, label, file, named) for array, label in zip(found, labels, strict=True)]
        if is_model:  # what else is there is no weight of the model
            entries = [entry._replace(is_weight=entry.place in named) for entry in entries]
        order = {name: place for place, name in enumerate(named.values())}
        first = [entry for entry in entries if entry.path in order]
        rest = _in_order([entry for entry in entries if entry.path not in order])
        yield Stored(label, (*sorted(first, key=lambda entry: order[entry.path]), *rest), read)


def _named(config: dict[str, Any], path: Path, trust: Sequence[str], modules: Sequence[str]) -> dict[str, str]:
    """The path of each weight of a .keras file's model by its place in the file; the model is made without numbers."""

    def work() -> dict[str, str]:
        if trust:
            search_also((Path.cwd(), path.resolve().parent))
        with abstract_variables(), remembered():
            return {each.place: each.path for each in kept(make_model(config, path, trust, modules)) if each.place}

    load_keras()
    return deeply(work)


def _entry(array: Array, label: str, file: Any, named: Mapping[str, str]) -> Entry:
    dtype = _dtype(file[array.path]) if array.dtype.startswith("|V") else array.dtype
    path = named.get(array.path, label)
    return Entry(path, array.shape, dtype, array.bytes, array.path, not _is_state(array.path))


def _is_state(place: str) -> bool:
    return place.startswith("optimizer/") or "seed_generator/vars" in place


def _names(file: Any, found: Sequence[Array]) -> dict[str, str]:
    """What the file says that the owners of its arrays are called, by the place of their group."""
    groups: dict[str, str] = {}
    for array in found:
        parts = array.path.split("/")
        for length in range(1, len(parts)):
            group = "/".join(parts[:length])
            if group not in groups:
                groups[group] = _said(file.get(f"{group}/vars"), "name")
    return {group: name for group, name in groups.items() if name}


def _said(item: Any, name: str) -> str:
    """A stranger's attribute: taken where it is a short text."""
    try:
        kind = item.attrs.get_id(name)
        if kind.shape != () or kind.get_storage_size() > _NAME:
            return ""
        text = item.attrs[name]
    except (AttributeError, KeyError, OSError, RuntimeError, ValueError, TypeError):
        return ""
    return shortened(text) if isinstance(text, str) else ""


def _labels(places: Sequence[str], names: Mapping[str, str]) -> list[str]:
    """What to call arrays that nothing names, each differently."""
    found = [_label(place, names) for place in places]
    twice = {label for label, count in Counter(found).items() if count > 1}
    return [place if label in twice else label for place, label in zip(places, found, strict=True)]


def _label(place: str, names: Mapping[str, str]) -> str:
    """`layers/functional/layers/dense/vars/0` as `trunk/digit/0`: each group by the name of what it is of.

    Names inside a layer lose Keras's counters, which differ between two processes.
    """
    parts = place.split("/")
    if _is_state(place) or len(parts) < 3 or parts[-2] != "vars":
        return place
    shown, is_layer, found = list[str](), True, False
    for count, part in enumerate(parts[:-2], 1):
        group = "/".join(parts[:count])
        if is_layer and part == "layers" and group not in names:
            continue
        is_layer = is_layer and count > 1 and parts[count - 2] == "layers"
        name = names.get(group, part)
        shown.append(name if is_layer else re.sub(r"_\d+$", "", name))
        found = found or group in names
    return "/".join((*shown, parts[-1])) if found else place


def _dtype(item: Any) -> str:
    """Keras says beside an array of bfloat16 what it is; HDF5 knows of its bytes alone."""
    is_bfloat = item.dtype.kind == "V" and item.dtype.itemsize == 2 and _said(item, "dtype") == "bfloat16"
    return "bfloat16" if is_bfloat else str(item.dtype)


def _numbers(item: Any) -> Any:
    import ml_dtypes
    import numpy as np

    found = np.asarray(item[()])
    return found.view(ml_dtypes.bfloat16) if _dtype(item) == "bfloat16" else found


def _in_order(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """By their places, numbers as numbers, however many digits they have: `dense_10` stands behind `dense_2`."""

    def key(entry: Entry) -> list[tuple[int, str]]:
        parts = enumerate(re.split(r"0*(\d+)", entry.place))
        return [(len(part) if place % 2 else -1, part) for place, part in parts]

    return tuple(sorted(entries, key=key))
