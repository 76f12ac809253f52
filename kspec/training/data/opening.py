"""Data files of every format, opened."""

from __future__ import annotations

from pathlib import Path

from kspec.diagnostics import FileError, Problem
from kspec.training.data.npz import open_npz
from kspec.training.data.source import Source, missing

ENDINGS = (".npz",)


def open_source(path: str) -> Source:
    """The source of a data file, chosen by its ending; only headers are read.

    Raises `FileError`: ``file-missing``, ``data-format``, ``too-large``.
    """
    ending = Path(path).suffix.lower()
    if ending == ".npz":
        return open_npz(path)
    if not Path(path).exists():
        raise FileError(missing(path))
    if Path(path).is_dir():
        raise FileError(Problem("data-format", f"`{path}` is a folder, not a data file", help=_supported(), file=path))
    message = f"kspec reads no data from `{ending}` files" if ending else "a data file needs an ending, like `.npz`"
    raise FileError(Problem("data-format", message, help=_supported(), file=path))


def _supported() -> str:
    return 'supported: `.npz`, made by `numpy.savez("data.npz", x=x, y=y)`'
