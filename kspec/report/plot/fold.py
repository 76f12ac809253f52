"""Tree -> Picture: blocks deeper than wanted become one box, of equal copies the first is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from kspec.report.plot.families import FAMILIES, family
from kspec.report.plot.picture import Box, Edge, Frame, Item, Picture
from kspec.report.plot.tree import Group, Leaf, Part, Tree, leaves
from kspec.report.plot.words import label, numbers

__all__ = ["READABLE", "folded", "readable_depth"]

READABLE = 40
"""How many boxes a picture may have that one takes in at a look."""


def folded(
    tree: Tree,
    *,
    depth: int | None = None,
    unfold: bool = False,
    direction: Literal["TB", "LR", "BT", "RL"] = "TB",
) -> Picture:
    """The picture of a model with `depth` levels of blocks unfolded; by default as many as stay readable.

    With `unfold` every copy of a repeat is shown, and without a `depth` every block unfolded.
    """
    if depth is None:
        depth = _ALL if unfold else readable_depth(tree)
    folding = _Folding(depth, unfold)
    items = tuple(folding.items(tree.parts, 0))
    every = tree.leaves()
    edges = [*_edges(every, folding), *_same_weights(every, folding.place)]
    return Picture(tree.name, items, tuple(edges), tree.facts, direction)


_ALL = 1_000


def readable_depth(tree: Tree) -> int:
    """The deepest level of blocks at which the picture still has few boxes; 0 where none has."""
    before = 0
    for depth in range(_ALL):
        boxes = _boxes(tree.parts, depth)
        if boxes > READABLE or (depth and boxes == before):
            return max(depth - 1, 0)
        before = boxes
    return 0


def _boxes(parts: Iterable[Part], depth: int) -> int:
    """How many boxes there are with so many levels unfolded."""
    count = 0
    for part in parts:
        if isinstance(part, Leaf) or (part.kind != "run" and depth <= 0):
            count += 1
        elif part.kind == "run":
            count += _boxes(part.parts[:1], depth + 1)  # its copies are no level of their own
        else:
            count += _boxes(part.parts, depth - 1)
    return count


class _Folding:
    """Where each call is drawn, filled in on the way through the tree."""

    def __init__(self, depth: int, unfold: bool) -> None:
        self.depth, self.unfold = depth, unfold
        self.place: dict[int, str] = {}
        self.behind: dict[int, range] = {}
        """For calls in copies that are not shown: the calls of all those copies."""
        self.groups = 0
        self.around = ""
        """What the names inside of a frame begin with, and need not say again."""

    def items(self, parts: Iterable[Part], level: int) -> Iterator[Item]:
        for part in parts:
            if isinstance(part, Leaf):
                self.place[part.number] = f"n{part.number}"
                yield _box(part, self.around)
            elif part.kind == "run":
                yield from self.run(part, level)
            elif level < self.depth:
                yield self.open(part, level)
            else:
                yield self.closed(part)

    def open(self, group: Group, level: int) -> Frame:
        before, name = self.around, self.new()
        if group.kind in ("block", "model"):
            self.around = "" if group.kind == "model" else f"{group.name}."
        frame = Frame(name, group.of, group.name.removeprefix(before), tuple(self.items(group.parts, level + 1)))
        self.around = before
        return frame

    def run(self, run: Group, level: int) -> Iterator[Item]:
        first, *others = run.parts
        assert isinstance(first, Group)
        if self.unfold:
            for copy in (first, *others):
                assert isinstance(copy, Group)
                yield from self.items(copy.parts, level)
            return
        name = self.new()
        items = tuple(self.items(first.parts, level))
        shown, every = list(leaves([first])), list(leaves(run.parts))
        everywhere = [leaf.number for leaf in every]
        behind = range(min(everywhere), max(everywhere) + 1)
        for number, leaf in enumerate(every[len(shown) :]):
            self.place[leaf.number] = self.place[shown[number % len(shown)].number]
            self.behind[leaf.number] = behind
        yield Frame(name, "", "", items, len(run.parts))

    def closed(self, group: Group) -> Box:
        name, inside = self.new("b"), list(leaves(group.parts))
        for leaf in inside:
            self.place[leaf.number] = name
        shared = any(leaf.twin >= 0 for leaf in inside) and not any(leaf.params for leaf in inside)
        calls = sum(leaf.operation not in ("Input", "Output") for leaf in inside)
        facts = (f"{calls} layer{'s' * (calls != 1)}", *numbers(inside, shared=shared))
        kind = FAMILIES["block"] if group.kind != "unit" else family(group.of)
        short = group.name.removeprefix(self.around)
        return Box(name, group.of, short if short != group.of else "", facts, kind, True, "\n".join(group.lines))

    def new(self, kind: str = "g") -> str:
        self.groups += 1
        return f"{kind}{self.groups}"


def _box(leaf: Leaf, around: str) -> Box:
    facts = tuple(numbers([leaf], shared=leaf.twin >= 0))
    hint = [leaf.name, leaf.operation, *(f"{shape} {dtype}" for shape, dtype in leaf.outputs), *facts, *leaf.lines]
    if leaf.operation in ("Input", "Output"):
        facts, title, name = (leaf.operation.lower(),), leaf.name, ""
    else:
        title, name = leaf.operation, leaf.name.removeprefix(around)
    return Box(f"n{leaf.number}", title, name, facts, family(leaf.operation), False, "\n".join(hint))


def _edges(every: list[Leaf], folding: _Folding) -> Iterator[Edge]:
    """One edge for all tensors that go from one box to another."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for leaf in every:
        for source, output in leaf.takes:
            begin, end = folding.place[source], folding.place[leaf.number]
            # what one copy hands to the next would be an edge back to the copy that is shown
            if begin == end or source in folding.behind.get(leaf.number, ()):
                continue
            made = every[source].outputs
            words = label(made[output], output if len(made) > 1 else None) if output < len(made) else ""
            found.setdefault((begin, end), {})[words] = None
    for (begin, end), labels in found.items():
        yield Edge(begin, end, tuple(filter(None, labels)))


def _same_weights(every: list[Leaf], place: dict[int, str]) -> Iterator[Edge]:
    found = dict.fromkeys((place[leaf.twin], place[leaf.number]) for leaf in every if leaf.twin >= 0)
    yield from (Edge(first, again, (), "weights") for first, again in found if first != again)
