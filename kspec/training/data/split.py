"""Which rows are trained on, validated on and tested on, where they stand in one file.

Every choice is exact and a function of the seed and the data alone, whatever the machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kspec.diagnostics import FileError, Problem, listing, suggestion
from kspec.training.data.codes import codes
from kspec.training.data.part import Part
from kspec.training.data.source import Source

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kspec.spec.schema import Data, DataFile

    Rows = NDArray[np.bool_]

PARTS = ("train", "validation", "test")
TAUGHT = "taught"
"""The rows whose texts are the classes: a rare one may have gone to another part than training."""
_ROWS = 1 << 20
"""Rows that are chosen from together."""


def split(source: Source, data: Data, seed: int | None) -> dict[str, Source]:
    """The parts of the training data: ``train``, and ``validation`` and ``test`` where they are carved out of it;
    `TAUGHT` are the rows that fractions were taken of.

    Rows `where` a column says so come first, then fractions of what is left. Raises `FileError`: ``data-match`` for
    columns that are not there, ``data-steps`` for parts without rows.
    """
    asked = {part: file for part in PARTS if (file := getattr(data, part)) is not None}
    carved = {part: file for part, file in asked.items() if part != "train" and file.path is None}
    train: DataFile | None = asked.get("train")
    if not carved and (train is None or not train.where):
        return {"train": source}
    rows = _row_count(source)
    found: dict[str, Rows] = {}
    left = np.ones(rows, bool)
    for part, file in carved.items():
        if file.where:
            found[part] = left & _where(source, part, file.where, rows)
            left &= ~found[part]
    if train is not None and train.where:
        left &= _where(source, "train", train.where, rows)
    base = left.copy()
    for part in ("test", "validation"):  # the same rows are tested on, whatever is validated on
        file = carved.get(part)
        if file is not None and file.fraction is not None:
            number = file.seed if file.seed is not None else seed if seed is not None else 0
            found[part] = _fraction(source, part, file, base, left, number)
            left &= ~found[part]
    if not left.any():
        raise FileError(_empty(source, "training", "give more rows, or carve less out of them"))
    made: dict[str, Source] = {"train": Part(source, left), TAUGHT: Part(source, base)}
    return made | {part: Part(source, chosen) for part, chosen in found.items()}


def _row_count(source: Source) -> int:
    """The rows of the longest array: parts are carved out of the arrays with so many."""
    counts = [field.shape[0] for field in source.fields.values() if field.shape]
    return max(counts, default=0)


def _where(source: Source, part: str, wanted: Mapping[str, Any], rows: int) -> Rows:
    """The rows in which every column has the value, or one of the values, that is wanted."""
    chosen = np.ones(rows, bool)
    for name, value in wanted.items():
        values = value if isinstance(value, list) else [value]
        numbers, known = _column(source, name, rows)
        shown = [each for each in known if each is not None]
        for each in values:
            if not any(_same(each, other) for other in known):
                message = f"`{name}` is never `{each}`, which `{part}` asks for"
                help = suggestion(each, map(str, shown), f"it has {listing(sorted(map(str, shown)))}")
                raise FileError(Problem("data-match", message, help=help, file=source.path))
        hits = np.array([any(_same(each, other) for each in values) for other in known], bool)
        chosen &= hits[numbers]
    if not chosen.any():
        raise FileError(_empty(source, part, "no row has all of those values"))
    return chosen


def _same(wanted: Any, value: Any) -> bool:
    """Whether a value of the spec is one of the data: `1` is 1, and the text `1` too."""
    if isinstance(value, str) and not isinstance(wanted, str):
        return str(wanted) == value
    if isinstance(value, bool) != isinstance(wanted, bool):
        return False
    return bool(wanted == value)


def _column(source: Source, name: str, rows: int) -> tuple[NDArray[np.int32], list[Any]]:
    if name not in source.fields:
        message = f"`{Path(source.path).name}` has no column `{name}`"
        help = suggestion(name, source.fields, f"it has {listing(source.fields)}")
        raise FileError(Problem("data-match", message, help=help, file=source.path))
    numbers, known = codes(source, name)
    if len(numbers) != rows:
        message = f"`{name}` has {len(numbers):,} rows, and the data have {rows:,}"
        raise FileError(Problem("data-match", message, help="name a column of theirs", file=source.path))
    return numbers, known


def _fraction(source: Source, part: str, file: DataFile, base: Rows, left: Rows, seed: int) -> Rows:
    """A fraction of the rows of `base`, chosen among those that are `left`."""
    random = np.random.Generator(np.random.PCG64([seed, PARTS.index(part)]))
    assert file.fraction is not None
    total = int(np.count_nonzero(base))
    if file.group is not None:
        chosen = _groups(*_column(source, file.group, len(left)), left, round(total * file.fraction), random)
    elif file.stratify is not None:
        numbers, known = _column(source, file.stratify, len(left))
        chosen = np.zeros(len(left), bool)
        for number in range(len(known)):
            among = numbers == number
            count = round(int(np.count_nonzero(base & among)) * file.fraction)
            chosen |= _some(left & among, count, random)
    else:
        chosen = _some(left, round(total * file.fraction), random)
    if not chosen.any():
        rows = "1 row" if total == 1 else f"{total:,} rows"
        message = f"`{part}: {{fraction: {file.fraction:g}}}` of {rows} leaves none for {part}"
        raise FileError(Problem("data-steps", message, ("data", part), "give more rows, or another fraction"))
    return chosen


def _some(among: Rows, count: int, random: np.random.Generator) -> Rows:
    """Exactly `count` of the rows `among`, each set of so many as likely as any other; block by block.

    How many of a block are chosen has the hypergeometric distribution, which is what choosing from all at once gives.
    """
    chosen = np.zeros(len(among), bool)
    rest = int(np.count_nonzero(among))
    count = min(count, rest)
    for start in range(0, len(among), _ROWS):
        places = np.flatnonzero(among[start : start + _ROWS])
        here = int(random.hypergeometric(len(places), rest - len(places), count)) if count else 0
        chosen[start + random.permutation(places)[:here]] = True
        count, rest = count - here, rest - len(places)
    return chosen


def _groups(numbers: NDArray[np.int32], known: list[Any], left: Rows, count: int, random: np.random.Generator) -> Rows:
    """Whole groups of about `count` rows together: a group is never in two parts."""
    sizes = np.bincount(numbers[left], minlength=len(known))
    order = random.permutation(np.flatnonzero(sizes))
    total = np.cumsum(sizes[order])
    # The last group is taken where that comes closer to the rows wanted; one group is left for training.
    taken = int(np.searchsorted(total - sizes[order] / 2, count))
    hits = np.zeros(len(known), bool)
    hits[order[: min(max(taken, 1), max(len(order) - 1, 0))]] = True
    found: Rows = left & hits[numbers]
    return found


def _empty(source: Source, part: str, help: str) -> Problem:
    return Problem("data-steps", f"there are no rows for {part}", help=help, file=source.path)
