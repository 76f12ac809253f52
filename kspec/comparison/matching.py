"""Which step of one model is which step of another: by name, through renames, wherever it stands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from kspec.comparison.notation import freeze
from kspec.comparison.sketch import Key, Step
from kspec.spec.walk import snake_case

MOST_CELLS = 250_000
"""How large a table of all pairs of steps may be: about a second."""

Pairs = dict[int, int]
"""The place of a step in the second model by its place in the first."""


class _Sign(NamedTuple):
    """What a step is known by."""

    key: Key
    kind: str
    whole: object
    """Its arguments and the shapes of its weights."""
    arguments: object
    is_explicit: bool
    """Whether a person gave it its name: such a name is the step's, wherever it stands."""


def match(before: Sequence[Step], after: Sequence[Step]) -> Pairs:
    """The steps that are the same ones, changed or not."""
    known = {step.key: place for place, step in enumerate(after)}
    if len(known) == len(before) == len(after):
        by_name = {place: known[step.key] for place, step in enumerate(before) if step.key in known}
        if len(by_name) == len(before) and all(before[i].kind == after[j].kind for i, j in by_name.items()):
            return by_name
    a, b = [_sign(step) for step in before], [_sign(step) for step in after]
    own = {sign.key for sign in a if sign.is_explicit} | {sign.key for sign in b if sign.is_explicit}
    common = own & {sign.key for sign in a} & {sign.key for sign in b}
    table = _Table(a, b, common)
    pairs = table.align(0, len(a), 0, len(b))
    _leftovers(a, b, pairs, common)
    _neighbours(before, after, pairs, common)
    return pairs


def _sign(step: Step) -> _Sign:
    arguments = (step.kind, freeze(step.arguments), bool(step.inner), step.key[1] > 0)
    shapes = tuple(weight.shape for weight in step.weights)
    inner = tuple((each.kind, each.key) for each in step.inner)
    return _Sign(step.key, step.kind, (arguments, shapes, inner), arguments, _is_explicit(step))


def _is_explicit(step: Step) -> bool:
    """Whether a name is more than Keras's count of such layers; a name in a block's use has the use's count."""
    name = step.key[0]
    counted = snake_case(step.operation.rpartition(".")[2])
    return step.key[1] == 0 and "." not in name and re.fullmatch(rf"{re.escape(counted)}(_\d+)?", name) is None


class _Table:
    """Scores of pairs, and the best way through both models in order.

    Needleman and Wunsch's alignment (https://doi.org/10.1016/0022-2836(70)90057-4), without costs for gaps.
    """

    def __init__(self, a: list[_Sign], b: list[_Sign], common: set[Key]) -> None:
        self.a, self.b, self.common = a, b, common

    def score(self, one: _Sign, other: _Sign) -> int:
        """How much speaks for a pair; 0 where nothing does."""
        named = one.key == other.key
        if not named and (one.key in self.common or other.key in self.common):
            return 0
        if one.kind != other.kind:
            return 4 if named and one.is_explicit else 0
        bonus = (3 if one.is_explicit else 1) if named else 0
        if one.whole == other.whole:
            return 8 + bonus
        if one.arguments == other.arguments:
            return 6 + bonus
        return 3 + bonus if named else 0

    def align(self, low: int, high: int, left: int, right: int) -> Pairs:
        """The pairs among `a[low:high]` and `b[left:right]`."""
        pairs: Pairs = {}
        while low < high and left < right and self._equal(low, left):
            pairs[low], low, left = left, low + 1, left + 1
        while low < high and left < right and self._equal(high - 1, right - 1):
            high, right = high - 1, right - 1
            pairs[high] = right
        if (high - low) * (right - left) <= MOST_CELLS:
            return pairs | self._best(low, high, left, right)
        return pairs | self._pieces(low, high, left, right)

    def _equal(self, i: int, j: int) -> bool:
        return self.a[i].key == self.b[j].key and self.a[i].whole == self.b[j].whole

    def _pieces(self, low: int, high: int, left: int, right: int) -> Pairs:
        """Of long models: equal runs first, then what is between them."""
        pairs: Pairs = {}
        one = [hash(sign.whole) for sign in self.a[low:high]]
        other = [hash(sign.whole) for sign in self.b[left:right]]
        start, begin = low, left
        for run in SequenceMatcher(None, one, other, autojunk=len(one) > 2000).get_matching_blocks():
            first, second = low + run.a, left + run.b
            if (first - start) * (second - begin) <= MOST_CELLS:
                pairs |= self._best(start, first, begin, second)
            for offset in range(run.size):
                if self.score(self.a[first + offset], self.b[second + offset]):
                    pairs[first + offset] = second + offset
            start, begin = first + run.size, second + run.size
        return pairs

    def _best(self, low: int, high: int, left: int, right: int) -> Pairs:
        a, b = self.a[low:high], self.b[left:right]
        totals = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
        for i in range(len(a) - 1, -1, -1):
            row, below = totals[i], totals[i + 1]
            for j in range(len(b) - 1, -1, -1):
                score = self.score(a[i], b[j])
                row[j] = max(below[j], row[j + 1], below[j + 1] + score if score else 0)
        pairs: Pairs = {}
        i = j = 0
        while i < len(a) and j < len(b):
            score = self.score(a[i], b[j])
            if score and totals[i][j] == totals[i + 1][j + 1] + score:
                pairs[low + i] = left + j
                i, j = i + 1, j + 1
            elif totals[i][j] == totals[i + 1][j]:
                i += 1
            else:
                j += 1
        return pairs


def _leftovers(a: list[_Sign], b: list[_Sign], pairs: Pairs, common: set[Key]) -> None:
    """Steps at another place: by name, else by all that they are."""
    taken = set(pairs.values())
    for same in (
        lambda sign: (sign.key, sign.kind),
        lambda sign: sign.key if sign.is_explicit else None,
        lambda sign: sign.whole if sign.key not in common else None,
        lambda sign: sign.arguments if sign.key not in common and sign.kind != "Input" else None,
    ):
        free: dict[object, list[int]] = {}
        for j, sign in enumerate(b):
            if j not in taken and (what := same(sign)) is not None:
                free.setdefault(what, []).append(j)
        for i, sign in enumerate(a):
            if i not in pairs and (what := same(sign)) is not None and free.get(what):
                pairs[i] = free[what].pop(0)
                taken.add(pairs[i])


def _neighbours(before: Sequence[Step], after: Sequence[Step], pairs: Pairs, common: set[Key]) -> None:
    """Steps under another name and with other arguments: as many of the same operation between the same steps."""
    image = {before[i].key: after[j].key for i, j in pairs.items()}
    old = _between(before, image, common)
    new = _between(after, {key: key for key in image.values()}, common)
    for place, steps in old.items():
        others = new.get(place, [])
        if len(steps) == len(others):
            pairs |= dict(zip(steps, others, strict=True))


def _between(steps: Sequence[Step], image: dict[Key, Key], common: set[Key]) -> dict[object, list[int]]:
    """Steps without a pair, by their operation and the steps with one that they come from, seen through others."""
    seen: dict[Key, frozenset[Key]] = {}
    found: dict[object, list[int]] = {}
    for place, step in enumerate(steps):
        if step.key in image:
            seen[step.key] = frozenset({image[step.key]})
            continue
        seen[step.key] = frozenset().union(*(seen.get(wire.source, frozenset()) for wire in step.wires))
        if step.key not in common and step.wires:
            found.setdefault((step.kind, seen[step.key]), []).append(place)
    return found
