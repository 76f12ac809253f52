"""A picture as a value: boxes, frames around them, and edges. Where they stand is for whoever draws."""

from __future__ import annotations

from typing import Literal, NamedTuple

from kspec.report.plot.families import Family

__all__ = ["Box", "Edge", "Frame", "Item", "Picture"]


class Box(NamedTuple):
    """A call, or a group that is folded."""

    id: str
    title: str
    name: str
    """Complete; empty where the title says it."""
    facts: tuple[str, ...]
    """Parameters, FLOPs."""
    family: Family
    folded: bool = False
    hint: str = ""
    """What is shown where a pointer rests on it."""


class Frame(NamedTuple):
    """A group that is unfolded."""

    id: str
    title: str
    name: str
    items: tuple[Item, ...]
    copies: int = 1
    """How many equal ones stand one after another, of which one is shown."""


Item = Box | Frame


class Edge(NamedTuple):
    """A way of tensors from one box to another; or that two of them use the same weights."""

    source: str
    target: str
    labels: tuple[str, ...]
    kind: Literal["tensor", "weights"] = "tensor"


class Picture(NamedTuple):
    """What is to be drawn."""

    name: str
    items: tuple[Item, ...]
    edges: tuple[Edge, ...]
    caption: str = ""
    direction: Literal["TB", "LR", "BT", "RL"] = "TB"
