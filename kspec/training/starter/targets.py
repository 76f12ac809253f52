"""What a target asks for, told by its shape and its numbers: which head, which loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kspec.training.starter.look import number

if TYPE_CHECKING:
    import numpy as np

    from kspec.training.starter.look import Seen

TargetKind = Literal["binary", "classes", "one-hot", "flags", "signs", "real"]
"""No or yes · the number of a class · classes as one-hot rows · several times no or yes · -1 or 1 · any numbers."""

_FEW, _MANY = 20, 1000


@dataclass(frozen=True, slots=True)
class Target:
    """A target: its name, the shape of a row (a last axis of 1 left out), what it is, and what its head must know."""

    name: str
    shape: tuple[int, ...]
    kind: TargetKind
    classes: int
    mean: float
    variance: float
    placed: bool
    """Whether it has a value for each of the input's pixels or steps."""
    ordered: bool
    """Whether the rows are sorted by it."""
    comment: str


def target_of(seen: Seen, positions: tuple[int, ...] = ()) -> Target:
    """The target that an array makes; `positions` is an input's height and width, or its steps, if it has them."""
    shape = seen.shape[:-1] if seen.shape[-1:] == (1,) else seen.shape
    kind, placed = _kind(seen, shape, positions)
    classes = int(seen.high) + 1 if kind == "classes" else shape[-1] if kind in ("one-hot", "flags") else 0
    mean, variance = 0.0, 0.0
    if kind == "real":
        mean, variance = float(seen.array.mean(dtype="float64")), float(seen.array.var(dtype="float64"))
    row = seen.array.argmax(axis=-1) if kind == "one-hot" else seen.array.reshape(len(seen.array), -1)[:, 0]
    ordered = shape[: kind == "one-hot"] == shape and _is_ordered(row)
    return Target(seen.name, shape, kind, classes, mean, variance, placed, ordered, _comment(seen, kind, classes))


def _kind(seen: Seen, shape: tuple[int, ...], positions: tuple[int, ...]) -> tuple[TargetKind, bool]:
    """What it is, and whether it is so at each position."""
    placed = bool(positions) and shape[: len(positions)] == positions
    each = shape == () or (placed and shape == positions)
    if seen.whole and seen.low >= 0 and seen.high <= 1:
        one_hot = shape[-1:] > (1,) and _is_one_hot(seen.array)
        if one_hot and len(shape) == 1:
            return "one-hot", False  # as many classes as there are steps, by chance
        return ("binary" if each else "one-hot" if one_hot else "flags"), placed
    if each and seen.whole and seen.low >= 0 and _are_classes(seen):
        return "classes", placed
    if each and seen.whole and (seen.low, seen.high) == (-1, 1) and not (seen.array == 0).any():
        return "signs", placed
    return "real", placed


def _is_one_hot(array: np.ndarray) -> bool:
    """Whether one number is 1 along the last axis, the others 0."""
    return bool((array.sum(axis=-1, dtype="int64") == 1).all())


def _are_classes(seen: Seen) -> bool:
    """Few whole numbers; or more of them, every one from 0 up met and met again. Reals must be of the first sort."""
    import numpy as np

    if seen.high >= _MANY:
        return False
    counts = np.bincount(seen.array.reshape(-1).astype("int64"))
    if seen.array.dtype.kind not in "biu":
        return seen.high < _FEW and bool(counts.all())
    return seen.high < _FEW or (bool(counts.all()) and seen.array.size >= 5 * len(counts))


def _is_ordered(line: np.ndarray) -> bool:
    """Whether the numbers never fall, or never rise, and differ."""
    import numpy as np

    steps = np.diff(line.astype("float64"))
    return bool(steps.any()) and bool((steps >= 0).all() or (steps <= 0).all())


def _comment(seen: Seen, kind: TargetKind, classes: int) -> str:
    match kind:
        case "binary":
            return "0 or 1"
        case "classes":
            unused = f"; {_below(int(seen.low))} never met" if seen.low > 0 else ""
            return f"classes 0 to {classes - 1}{unused}"
        case "one-hot":
            return f"one-hot rows of {classes} classes"
        case "flags":
            return f"{classes} times 0 or 1"
        case "signs":
            return "-1 or 1"
        case "real":
            few = seen.whole and seen.low < 0 and seen.high - seen.low < _FEW
            return f"{number(seen.low)} to {number(seen.high)}" + ("; classes would count from 0" if few else "")


def _below(low: int) -> str:
    return "0 is" if low == 1 else f"0 to {low - 1} are"
