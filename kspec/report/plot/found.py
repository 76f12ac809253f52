"""Parts of a model that has no blocks, found by its wiring: a saved network is read by its modules, not its layers.

Where every way goes through one call, the model can be cut. Between two such cuts that are no neighbours stand
branches: they and the call that joins them are a part. A convolution or a dense layer with the normalization, the
activation and the dropout that follow it alone are a unit. Equal neighbours are folded as copies of a repeat are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate, pairwise

from kspec.report.plot.families import family
from kspec.report.plot.tree import Group, Leaf, Part, Tree, leaves

__all__ = ["LARGE", "parted"]

LARGE = 40
"""Calls side by side beyond which parts are looked for."""

_HEADS = {"convolution", "dense"}
_FOLLOWERS = {"normalization", "activation", "regularization"}
_LONGEST = 8
"""Items in a pattern that repeats."""


def parted(tree: Tree) -> Tree:
    """The tree with parts where many calls stand in no block; else as it is."""
    return tree._replace(parts=_parted(tree.parts))


def _parted(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    calls = [part for part in parts if isinstance(part, Leaf)]
    if len(calls) == len(parts) and len(calls) > LARGE:
        ends = [leaf for leaf in calls if leaf.operation == "Output"]
        return (*_runs(_regions(calls[: len(calls) - len(ends)])), *ends)
    return tuple(part if isinstance(part, Leaf) else part._replace(parts=_parted(part.parts)) for part in parts)


def _regions(calls: Sequence[Leaf]) -> list[Part]:
    """The calls between the places where the model can be cut."""
    used = Counter(source for leaf in calls for source, _ in dict.fromkeys(leaf.takes))
    cuts = _cuts(calls)
    found: list[Part] = []
    straight: list[Leaf] = [calls[0]]
    for before, cut in pairwise([0, *(cut for cut in cuts if cut)]):
        between = calls[before + 1 : cut + 1]
        if len(between) == 1:
            straight += between
            continue
        found += _units(straight, used)
        straight = []
        join = between[-1]
        found.append(Group("part", "", join.name, tuple(_units(between, used))))
    return found + _units(straight, used)


def _cuts(calls: Sequence[Leaf]) -> list[int]:
    """The positions over which no tensor passes: all that follows takes only what stands there, or after."""
    first = calls[0].number
    steps = [0] * (len(calls) + 1)
    for leaf in calls:
        for source, _ in leaf.takes:
            if first <= source < leaf.number - 1:
                steps[source - first + 1] += 1
                steps[leaf.number - first] -= 1
    passing = list(accumulate(steps))
    fed = [place for place, leaf in enumerate(calls) if leaf.operation == "Input"]
    begin = max(fed, default=0)  # inputs stand beside each other, and none of them is where all ways meet
    return [place for place in range(len(calls)) if not passing[place] and (place > begin or len(fed) < 2)] or [0]


def _units(calls: Sequence[Leaf], used: Counter[int]) -> list[Part]:
    """Calls with what follows one of them alone put together."""
    takers: dict[int, list[Leaf]] = {}
    for leaf in calls:
        for source, _ in leaf.takes:
            takers.setdefault(source, []).append(leaf)
    taken: set[int] = set()
    found: list[Part] = []
    for leaf in calls:
        if leaf.number in taken:
            continue
        chain = [leaf]
        while family(leaf.operation).name in _HEADS:
            after = takers.get(chain[-1].number, [])
            if len(after) != 1 or used[chain[-1].number] != 1 or family(after[0].operation).name not in _FOLLOWERS:
                break
            chain += after
        taken |= {each.number for each in chain}
        followers = " + ".join(each.operation for each in chain[1:])
        found.append(leaf if len(chain) == 1 else Group("unit", f"+ {followers}", leaf.operation, tuple(chain)))
    return found


def _runs(items: Sequence[Part]) -> list[Part]:
    """Equal neighbours, one item long or several, folded."""
    signs = [_sign(item) for item in items]
    found: list[Part] = []
    place = 0
    while place < len(items):
        size, copies = max(((size, _copies(signs, place, size)) for size in range(1, _LONGEST + 1)), key=_covered)
        if copies > 1 and isinstance(items[place], Group):  # an activation between parts belongs to the one before
            parts = [tuple(items[at : at + size]) for at in range(place, place + size * copies, size)]
            found.append(Group("run", "", "repeat", tuple(Group("copy", "", "", each) for each in parts)))
            place += size * copies
        else:
            found.append(items[place])
            place += 1
    return found


def _covered(pattern: tuple[int, int]) -> tuple[int, int]:
    size, copies = pattern
    return (size * copies if copies > 1 else 0, -size)


def _copies(signs: Sequence[object], place: int, size: int) -> int:
    pattern = signs[place : place + size]
    copies = 1
    while len(pattern) == size and signs[place + size * copies : place + size * (copies + 1)] == pattern:
        copies += 1
    return copies


def _sign(part: Part) -> object:
    """What two parts have in common that differ in nothing but their names."""
    if isinstance(part, Group):
        return tuple(_sign(leaf) for leaf in sorted(leaves([part])))
    ways = tuple((part.number - source, output) for source, output in part.takes)
    return (part.operation, part.outputs, part.params, part.frozen, part.twin >= 0, ways)
