"""Arrays as a model takes them, by the names of its inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kspec.training.data.values import Place

if TYPE_CHECKING:
    import numpy as np

Classes = Mapping[str, tuple[str, ...]]
"""The texts that an input's or an output's whole numbers stand for, by its name, from 0 on."""


@dataclass(frozen=True, slots=True)
class Link:
    """One array and what it is for: an input, the targets of an output, or the sample weights of one."""

    array: str
    port: str
    role: Literal["input", "target", "weight"]

    def __str__(self) -> str:
        return f"{self.array} → {'sample weights of ' if self.role == 'weight' else ''}{self.port}"


@dataclass(frozen=True)
class Linked:
    """What is known of data without their values: the file, what is for what, and the number of rows."""

    path: str
    links: tuple[Link, ...]
    rows: int

    def describe(self) -> str:
        """``x_train → pixels, y_train → digit``."""
        return ", ".join(str(link) for link in self.links)

    def told(self) -> str:
        """What was matched in which file: ``digits.npz: x → pixels, y → digit (1,797 rows)``."""
        return f"{Path(self.path).name}: {self.describe()} ({self.rows:,} rows)"

    def array_of(self, role: str, port: str) -> str:
        """The name in the file of what is for `port`."""
        return next((link.array for link in self.links if (link.role, link.port) == (role, port)), port)


@dataclass(frozen=True)
class Matched(Linked):
    """Arrays of one file as a model takes them, by the names of inputs and outputs, all of `rows` rows.

    `start` is the number of the first row in the data; `origin` gives a row's file and its number there where the data
    are of several files, or a part of their rows; `files` are all that were read, where they are known,
    and `whole` the rows of all the data where these are a block of them.
    """

    x: Mapping[str, np.ndarray] = field(repr=False)
    y: Mapping[str, np.ndarray] = field(repr=False)
    weights: Mapping[str, np.ndarray] = field(repr=False)
    family: str = ""
    start: int = 0
    labels: Classes = field(default_factory=dict, repr=False)
    origin: Callable[[int], tuple[str, int]] | None = field(default=None, repr=False, compare=False)
    files: tuple[str, ...] | None = field(default=None, repr=False)
    whole: int | None = field(default=None, repr=False)

    def slice(self, start: int, stop: int) -> Matched:
        """Rows `start` to `stop`, without copying."""
        x, y, weights = ({name: a[start:stop] for name, a in part.items()} for part in (self.x, self.y, self.weights))
        return replace(self, rows=stop - start, x=x, y=y, weights=weights, start=self.start + start)

    def shape(self, array: np.ndarray) -> tuple[int, ...]:
        """The shape of one of the arrays with all rows of the data."""
        return (self.whole if self.whole is not None else len(array), *array.shape[1:])

    def where(self, place: Place) -> tuple[str, Place]:
        """The file of an element and its place there, the row counted in the file."""
        row, *rest = place.index
        file, row = self.origin(self.start + row) if self.origin is not None else (self.path, self.start + row)
        return file, Place((row, *rest), place.value)
