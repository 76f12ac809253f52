"""Data of every format, opened: a file by its ending, several files by a pattern, a folder by what lies in it."""

from __future__ import annotations

import glob
from collections.abc import Callable
from pathlib import Path

from kspec.diagnostics import FileError, Problem, listing, nearest
from kspec.training.data.arrow import open_arrow
from kspec.training.data.hdf5 import open_hdf5
from kspec.training.data.images import open_images
from kspec.training.data.npy import open_npy, open_npy_folder
from kspec.training.data.npz import open_npz
from kspec.training.data.parquet import open_parquet
from kspec.training.data.separated import open_csv
from kspec.training.data.source import Source, missing

_OPENERS: dict[str, Callable[[str], Source]] = {
    ".npz": open_npz,
    ".npy": open_npy,
    ".h5": open_hdf5,
    ".hdf5": open_hdf5,
    ".csv": open_csv,
    ".tsv": open_csv,
    ".parquet": open_parquet,
    ".pq": open_parquet,
    ".arrow": open_arrow,
    ".feather": open_arrow,
}
ENDINGS = tuple(_OPENERS)


def open_source(path: str) -> Source:
    """The source of a data file, of several by a pattern, or of a folder; only headers are read.

    Raises `FileError`: ``file-missing``, ``data-format``, ``too-large``; `UsageError` (``missing-extra``).
    """
    if set(path) & set("*?") and not _exists(path):
        return _several(path)
    ending = Path(path).suffix.lower()
    if ending in _OPENERS:
        return _OPENERS[ending](path)
    if not _exists(path):
        raise FileError(missing(path))
    if Path(path).is_dir():
        return _folder(path)
    message = f"kspec reads no data from `{ending}` files" if ending else "a data file needs an ending, like `.npz`"
    raise FileError(Problem("data-format", message, help=_supported(), file=path))


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # a name that is too long, or has a NUL in it
        return False


def _several(pattern: str) -> Source:
    """The files of a pattern, in the order of their names, as one source."""
    paths = sorted(glob.glob(pattern, recursive=True))
    if not paths:
        raise FileError(_no_files(pattern))
    if len(paths) == 1:
        return open_source(paths[0])
    from kspec.training.data.shards import joined

    return joined(pattern, [open_source(path) for path in paths])


def _folder(path: str) -> Source:
    """A folder of arrays, one a file, or of images, in a folder for each class."""
    arrays = sorted(file for file in Path(path).iterdir() if file.suffix.lower() == ".npy")
    if arrays:
        return open_npy_folder(path, arrays)
    images = open_images(path)
    if images is not None:
        return images
    files = sorted(file.name for file in Path(path).iterdir() if file.suffix.lower() in _OPENERS)
    if files:
        ending = Path(files[0]).suffix
        message = f"`{path}` is a folder, and only arrays and images are read from a folder as a whole"
        help = f"name its files by a pattern: `{path.rstrip('/')}/*{ending}`"
        raise FileError(Problem("data-format", message, help=help, file=path))
    raise FileError(Problem("data-format", f"`{path}` is a folder, and holds no data", help=_supported(), file=path))


def _no_files(pattern: str) -> Problem:
    """No file is called so: those that nearly are, and the folder that is missing, are named."""
    folder = Path(pattern).parent
    while set(str(folder)) & set("*?"):
        folder = folder.parent
    if not folder.is_dir():
        help = f"the folder `{folder}` does not exist"
    else:
        there = sorted(file.name for file in folder.iterdir() if not file.name.startswith("."))
        close = nearest(Path(pattern).name, there)
        names = ([close] if close else []) + [name for name in there if name != close]
        help = f"there are {listing(names, 5)}" if names else f"the folder `{folder}` is empty"
    return Problem("file-missing", f"no file matches `{pattern}`", help=help, file=pattern)


def _supported() -> str:
    return f"supported: {listing(ENDINGS, 20)}, and folders of arrays or of images"
