"""Which variable of one model takes the numbers of which variable of another, by paths, by shapes, by a mapping."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kspec.comparison.difference import Carried
from kspec.comparison.sketch import Weight


class Left(NamedTuple):
    """A variable that nothing is copied from, or to, and why."""

    path: str
    shape: tuple[int, ...]
    dtype: str
    size: int
    why: str


class Pairing(NamedTuple):
    """What is copied, by the paths on both sides, and what is left on each."""

    copied: tuple[Carried, ...]
    left: tuple[Left, ...]
    """Of the first side."""
    unset: tuple[Left, ...]
    """Of the second."""

    @property
    def params(self) -> int:
        """How many numbers are copied."""
        return sum(each.size for each in self.copied)

    @property
    def wanted(self) -> int:
        """How many the second side has."""
        return self.params + sum(each.size for each in self.unset)

    @property
    def renamed(self) -> tuple[Carried, ...]:
        return tuple(each for each in self.copied if each.before != each.after)


class Rule(NamedTuple):
    """Paths `before` go to the paths `after`; a `*` is any text, the same one on both sides."""

    before: str
    after: str

    def applied(self, path: str) -> str | None:
        """Where a path goes; None where the rule is not for it."""
        found = self._stars(path)
        if found is None:
            return None
        texts = iter(found)
        return "".join(next(texts) if part == "*" else part for part in re.split(r"(\*)", self.after))

    def _stars(self, path: str) -> list[str] | None:
        """The text of each star: the first takes as much as it can, then the second. A regular expression would try
        all ways to part the path, whose number is exponential in that of the stars."""
        first, *middle = self.before.split("*")
        if not middle:
            return [] if path == first else None
        last = middle.pop()
        start, end = len(first), len(path) - len(last)
        if start > end or not (path.startswith(first) and path.endswith(last)):
            return None
        texts: list[str] = []
        for part in reversed(middle):  # each as far right as what is behind it leaves room
            place = path.rfind(part, start, end)
            if place < 0:
                return None
            texts.append(path[place + len(part) : end])
            end = place
        return [path[start:end], *reversed(texts)]


def pairing(before: Sequence[Weight], after: Sequence[Weight], partners: Mapping[str, str]) -> Pairing:
    """What is copied where `partners` says which path of the first side goes to which of the second."""
    wanted = {weight.name: weight for weight in after}
    taken: dict[str, Weight] = {}
    copied: list[Carried] = []
    left: list[Left] = []
    refused: dict[str, str] = {}
    for weight in before:
        name = partners.get(weight.name)
        if name is None or name not in wanted:
            left.append(_left(weight, "no such path" if name is None else f"no path `{name}`"))
            continue
        other = wanted[name]
        why = f"`{taken[name].name}` goes there" if name in taken else _misfit(weight, other)
        if why:
            left.append(_left(weight, why))
            refused.setdefault(name, _misfit(other, weight))
            continue
        taken[name] = weight
        copied.append(Carried(weight.name, name, other.shape, other.size))
    unset = [_left(weight, refused.get(weight.name) or "no such path") for weight in after if weight.name not in taken]
    return Pairing(tuple(copied), tuple(left), tuple(unset))


def alike(before: Sequence[Weight], after: Sequence[Weight]) -> tuple[dict[str, str], dict[str, str]]:
    """Partners by shape, in order, where both sides have as many of it; and for the others of both, why not."""
    sides: list[dict[tuple[tuple[int, ...], str], list[str]]] = []
    for side in (before, after):
        found: dict[tuple[tuple[int, ...], str], list[str]] = defaultdict(list)
        for weight in side:
            found[weight.shape, _family(weight.dtype)].append(weight.name)
        sides.append(found)
    partners: dict[str, str] = {}
    why: dict[str, str] = {}
    for key in dict.fromkeys((*sides[0], *sides[1])):
        one, other = sides[0].get(key, []), sides[1].get(key, [])
        if len(one) == len(other):
            partners |= zip(one, other, strict=True)
        else:
            text = f"of shape {key[0]} there are {len(one):,} and {len(other):,}" if one and other else "no such shape"
            why |= dict.fromkeys((*one, *other), text)
    return partners, why


def because(found: Pairing, why: Mapping[str, str]) -> Pairing:
    """The pairing with other reasons where no path was asked for."""

    def told(lefts: tuple[Left, ...]) -> tuple[Left, ...]:
        return tuple(each._replace(why=why.get(each.path, each.why)) for each in lefts)

    return found._replace(left=told(found.left), unset=told(found.unset))


def completed(first: Pairing, again: Pairing) -> Pairing:
    """A pairing with a model, and then one of what it left with the same model when it had been quantized or given
    LoRA.

    Variables that only the second model has are made from those of the first, and are told only where something was
    copied beside them.
    """
    arrived = {each.after for each in again.copied}
    known = {each.after for each in first.copied} | {each.path for each in first.unset}
    owners = {path.rpartition("/")[0] for path in arrived}
    left = {each.path for each in again.left}
    unset = [each for each in first.unset if each.path not in arrived]
    unset += [each for each in again.unset if each.path not in known and each.path.rpartition("/")[0] in owners]
    return Pairing(first.copied + again.copied, tuple(each for each in first.left if each.path in left), tuple(unset))


def _left(weight: Weight, why: str) -> Left:
    return Left(weight.name, weight.shape, weight.dtype, weight.size, why)


def _misfit(weight: Weight, other: Weight) -> str:
    """Why a variable's numbers are none for another; empty where they are."""
    if weight.shape != other.shape:
        return f"{other.shape} there"
    return "" if _family(weight.dtype) == _family(other.dtype) else f"{other.dtype} there"


def _family(dtype: str) -> str:
    """Numbers with a point fit each other; whole ones may be packed, or mean something else."""
    return "float" if dtype.startswith(("float", "bfloat")) else dtype
