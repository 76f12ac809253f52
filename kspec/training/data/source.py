"""A file with named arrays, whatever its format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from kspec.diagnostics import Problem, suggestion

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Field:
    """One array as its header tells it: its shape with the rows first, and NumPy's name of its dtype."""

    shape: tuple[int, ...]
    dtype: str

    def __str__(self) -> str:
        kind = "text" if self.is_text else "Python objects" if self.is_object else self.dtype
        return f"{self.shape} {kind}"

    @property
    def is_text(self) -> bool:
        """Whether the array holds strings of characters or bytes."""
        return self.dtype.lstrip("<>|=")[:1] in ("U", "S")

    @property
    def is_object(self) -> bool:
        """Whether the array holds pickled Python objects, which are never read."""
        return self.dtype == "object"


class Source(Protocol):
    """A file whose arrays are known by name, shape and dtype, and read when asked for."""

    @property
    def path(self) -> str:
        """The file, as it was named."""

    @property
    def fields(self) -> Mapping[str, Field]:
        """The arrays by name, in the file's order."""

    def read(self, name: str) -> np.ndarray:
        """The whole array of that name; `FileError` where it cannot be read."""


def missing(path: str) -> Problem:
    """There is no such file: the nearest one beside it is named."""
    folder = Path(path).parent
    try:
        near = [item.name for item in folder.iterdir()] if folder.is_dir() else []
    except OSError:
        near = []
    help = suggestion(Path(path).name, near) if folder.is_dir() else f"the folder `{folder}` does not exist"
    return Problem("file-missing", f"there is no file `{path}`", help=help, file=path)
