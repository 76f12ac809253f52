"""What an input holds, told by its shape, its dtype and its numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kspec.training.starter.look import number

if TYPE_CHECKING:
    import numpy as np

    from kspec.training.starter.look import Seen

InputKind = Literal["vector", "category", "tokens", "image", "series", "block"]
"""A row is: numbers · a whole number that stands for something · such numbers in a row · pixels · steps of numbers ·
numbers in more axes."""

Scale = Literal["none", "rescale", "normalize", "batch"]
"""How numbers are brought near 1: not at all · by the greatest · by mean and variance · by those of each batch."""

_TOKENS = {"token", "tokens", "text", "texts", "word", "words", "sentence", "sentences", "ids", "sequence", "sequences"}
_IMAGES = {"image", "images", "img", "imgs", "pixel", "pixels", "photo", "photos", "picture", "pictures"}
_SERIES = {"frames", "series", "signal", "signals", "sequence", "sequences", "steps", "audio", "time"}


@dataclass(frozen=True, slots=True)
class Input:
    """An input: its name, a row's shape, what it is, and what its steps must know."""

    name: str
    shape: tuple[int, ...]
    kind: InputKind
    scale: Scale
    high: float
    padded: bool
    """Whether rows are filled up with zeros at an end."""
    comment: str

    @property
    def spatial(self) -> tuple[int, ...]:
        """The sizes of an image's height and width or of a sequence's steps; empty for other inputs."""
        if self.kind == "image":
            if len(self.shape) == 3:
                return self.shape[1:] if self.channels_first else self.shape[:2]
            return self.shape
        return self.shape[:1] if self.kind in ("tokens", "series") else ()

    @property
    def channels_first(self) -> bool:
        """Whether an image's channels stand before its height and width."""
        return self.kind == "image" and len(self.shape) == 3 and self.shape[0] in (1, 3) and self.shape[2] > 4


def input_of(seen: Seen) -> Input:
    """The input that an array makes."""
    kind = _kind(seen)
    scale = _scale(seen, kind)
    shape = seen.shape if seen.shape else (1,)
    padded = kind in ("tokens", "series") and _is_padded(seen.array)
    return Input(seen.name, shape, kind, scale, seen.high, padded, _comment(seen, kind))


def _kind(seen: Seen) -> InputKind:
    words = {word.lower() for word in re.findall(r"[A-Za-z][a-z]*", seen.name)}
    match len(seen.shape):
        case 0:
            return "category" if _is_category(seen) else "vector"
        case 1 if seen.shape == (1,):
            return "category" if _is_category(seen) else "vector"
        case 1:
            return "tokens" if _is_tokens(seen, words) else "vector"
        case 2:
            return "image" if _is_image(seen, words) else "series"
        case 3:
            return "image"
        case _:
            return "block"


def _is_category(seen: Seen) -> bool:
    """A whole number each of whose values from 0 up is met: 0, 1 and 2 for where a car was built."""
    if seen.array.dtype.kind not in "iu" or seen.low < 0 or not 2 <= seen.high < 10_000:
        return False
    return bool(_counts(seen.array).all())


def _is_tokens(seen: Seen, words: set[str]) -> bool:
    """Whole numbers of one range in every column: an embedding can read them, and order means something."""
    import numpy as np

    if seen.array.dtype.kind not in "iu" or seen.low < 0 or seen.shape[0] < 4 or seen.high >= 10_000_000:
        return False
    if words & _TOKENS:
        return True
    if seen.array.dtype == np.uint8 or seen.high < 20 or words & _IMAGES:
        return False  # bytes are mostly pixels, and small numbers mostly answers and counts
    reach = seen.array.max(axis=0) >= seen.high / 4
    return float(reach.mean()) >= 0.8


def _is_image(seen: Seen, words: set[str]) -> bool:
    height, width = seen.shape
    if words & _IMAGES or seen.array.dtype == "uint8":
        return True
    return height == width >= 8 and not words & _SERIES


def _scale(seen: Seen, kind: InputKind) -> Scale:
    import numpy as np

    if kind in ("tokens", "category"):
        return "none"
    array, size = seen.array, max(abs(seen.low), abs(seen.high))
    bound = 3.0 if kind == "series" else 1.0
    if 0.1 <= size <= bound or size == 0:
        return "none"
    even = array.dtype == np.uint8 or kind in ("image", "block") or int(np.prod(seen.shape)) >= 16
    if seen.whole and seen.low >= 0 and seen.high <= 255 and even:
        return "rescale"  # one range for all: pixels, ink, counts
    if kind == "vector" and array.ndim == 2:
        begin = array[: max(len(array) * 9 // 10, 1)]  # what remains without the rows for validation
        if not (begin.std(axis=0, dtype="float64") > 1e-6 * np.abs(begin).max(axis=0)).all():
            return "batch"
    return "normalize"


def _is_padded(array: np.ndarray) -> bool:
    """Whether one row in ten or more begins or ends with zeros."""
    ends = [(array[:, at].reshape(len(array), -1) == 0).all(axis=1).mean() for at in (0, -1)]
    return bool(max(ends) >= 0.1)


def _counts(array: np.ndarray) -> np.ndarray:
    import numpy as np

    found: np.ndarray = np.bincount(array.reshape(-1).astype("int64"))
    return found


def _comment(seen: Seen, kind: InputKind) -> str:
    shape = seen.shape
    what = "whole numbers" if seen.whole else "numbers"
    match kind:
        case "category":
            return f"one of {number(seen.high + 1)} categories, 0 to {number(seen.high)}"
        case "tokens":
            return f"{shape[0]} tokens a row, {seen.range}"
        case "image":
            return f"{what} from {seen.range}"
        case "series":
            return f"{shape[0]} steps of {_plural(shape[1])}, {seen.range}"
        case _:
            if int(seen.array[:1].size) == 1:
                what = what.removesuffix("s")
                return f"a {what}, {seen.range}"
            return f"{what}, {seen.range}"


def _plural(count: int) -> str:
    return "1 number" if count == 1 else f"{count} numbers"
