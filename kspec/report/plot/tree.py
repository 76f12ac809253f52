"""A model as a tree of what is drawn: calls, and groups of calls; every copy of a repeat is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

__all__ = ["Group", "Leaf", "Part", "Tensor", "Tree", "leaves"]

Tensor = tuple[tuple[int | None, ...], str]
"""A shape, with the batch axis first, as None; and a dtype."""


class Leaf(NamedTuple):
    """A call of a layer, an input or an output."""

    number: int
    """Its number in the tree, from 0; those of a group follow each other."""
    name: str
    operation: str
    """The class of the layer, ``Dense``; a function, ``ops.matmul``; ``Input``; ``Output``."""
    outputs: tuple[Tensor, ...] = ()
    takes: tuple[tuple[int, int], ...] = ()
    """Every tensor that it takes: a leaf's number, and which of that one's outputs."""
    params: int = 0
    frozen: bool = False
    """Whether it has weights that would be trained, and are not."""
    twin: int = -1
    """The leaf whose weights these are, where the layer was called before."""
    flops: int | None = None
    lines: tuple[str, ...] = ()
    """Its place in the spec, and those of the blocks and repeats that asked for it."""


class Group(NamedTuple):
    """Calls that belong together."""

    kind: Literal["block", "model", "run", "copy", "part", "unit"]
    """A block of the spec; a model that is a step; equal copies one after another, which are its parts; one of these;
    branches that are no block, found by their wiring; a layer and what follows it alone."""
    name: str
    of: str
    """What the spec calls the block; a model's file, or `model`."""
    parts: tuple[Part, ...]
    lines: tuple[str, ...] = ()


Part = Leaf | Group


class Tree(NamedTuple):
    """A whole model."""

    name: str
    parts: tuple[Part, ...]
    params: int
    facts: str = ""
    """A line about all of it."""

    def leaves(self) -> list[Leaf]:
        """All calls, by their numbers."""
        return sorted(leaves(self.parts))


def leaves(parts: Iterable[Part]) -> Iterator[Leaf]:
    """The calls in them, in order."""
    for part in parts:
        if isinstance(part, Leaf):
            yield part
        else:
            yield from leaves(part.parts)
