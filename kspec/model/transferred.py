"""What is told of files of weights, as values: their arrays, how far they are apart, what was copied."""

from __future__ import annotations

from typing import Literal, NamedTuple

from kspec.comparison.pairing import Pairing


class Entry(NamedTuple):
    """An array in a file."""

    path: str
    """Layers inside of each other, then the variable's name: `trunk/conv2d/kernel`; or its number."""
    shape: tuple[int, ...]
    dtype: str
    bytes: int
    place: str
    """Where the file has it: `layers/conv2d/vars/0`."""
    is_weight: bool = True
    """Whether it is one of the model's weights, and not the optimizer's or a random state."""


class Numbers(NamedTuple):
    """An array's finite numbers in short; None where it has none, or what is told is too large for float64. `zeros` is
    the part of all, from 0 to 1."""

    min: float | None
    max: float | None
    mean: float | None
    std: float | None
    zeros: float
    nan: int
    inf: int


class Apart(NamedTuple):
    """How far two arrays of one shape are apart.

    `largest` is the largest absolute difference of their numbers, `relative` that over the largest absolute number of
    the first; None where there is none, the first is all zeros, or it is too large for float64. NaN differs from every
    number, and not from NaN; infinity likewise.
    """

    equal: bool
    """Whether dtypes and bits are the same."""
    largest: float | None
    relative: float | None
    unlike: int
    """How many places have NaN or infinity on one side alone."""


class Listing(NamedTuple):
    """What a file of weights holds, and with `stats` each array's numbers."""

    label: str
    entries: tuple[Entry, ...]
    numbers: tuple[Numbers | None, ...] = ()


class Compared(NamedTuple):
    """A variable on two sides; `before` or `after` is None where one has none. `apart` is of two of one shape."""

    path: str
    before: Entry | None
    after: Entry | None
    apart: Apart | None = None

    @property
    def kind(self) -> Literal["gone", "new", "shape", "dtype", "equal", "apart"]:
        if self.before is None or self.after is None:
            return "new" if self.before is None else "gone"
        if self.before.shape != self.after.shape:
            return "shape"
        if self.before.dtype != self.after.dtype:
            return "dtype"
        return "equal" if self.apart is not None and self.apart.equal else "apart"


class WeightsDifference(NamedTuple):
    """Two files of weights, variable by variable. True where anything differs."""

    a: str
    b: str
    variables: tuple[Compared, ...]

    def __bool__(self) -> bool:
        return any(each.kind != "equal" for each in self.variables)

    def of(self, kind: str) -> tuple[Compared, ...]:
        return tuple(each for each in self.variables if each.kind == kind)


class Copied(NamedTuple):
    """What was copied from one model to another, and what was left; `output` is the file that was written."""

    source: str
    target: str
    output: str
    pairing: Pairing
