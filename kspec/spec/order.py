"""Nodes in an order in which every tensor is made before it is used; a circle is a problem."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping

from kspec.diagnostics import Note, Problem
from kspec.spec.graph import Node, refs
from kspec.spec.objects import Checker

MAX_CIRCLES = 20
"""Circles that are told of."""


def ordered(nodes: list[Node], inputs: Iterable[str], checker: Checker) -> tuple[Node, ...]:
    """The nodes, each after those whose tensors it takes; the spec's own order is kept where it can be."""
    made = set(inputs)
    for node in nodes:
        if not all(ref.name in made for ref in refs(node)):
            return _sorted(nodes, checker)
        made.add(node.name)
    return tuple(nodes)


def _sorted(nodes: list[Node], checker: Checker) -> tuple[Node, ...]:
    """Kahn's algorithm, the earliest ready node first: forward references cost no recursion."""
    position = {node.name: index for index, node in enumerate(nodes)}
    waits = {node.name: {ref.name for ref in refs(node) if ref.name in position} for node in nodes}
    users: dict[str, list[str]] = {name: [] for name in position}
    for name, needed in waits.items():
        for other in needed:
            users[other].append(name)
    ready = [position[name] for name, needed in waits.items() if not needed]
    heapq.heapify(ready)
    result: list[Node] = []
    while ready:
        node = nodes[heapq.heappop(ready)]
        result.append(node)
        for user in users[node.name]:
            waits[user].discard(node.name)
            if not waits[user]:
                heapq.heappush(ready, position[user])
    if len(result) < len(nodes):
        left = {name: needed for name, needed in waits.items() if needed}
        checker.problems += _circles(left, {name: nodes[index] for name, index in position.items()})
    return tuple(result)


def _circles(waits: Mapping[str, set[str]], by_name: Mapping[str, Node]) -> list[Problem]:
    """The problems of nodes that wait for each other; every node left over waits for one of its like.

    Each node is followed to one that it waits for: a circle is met where the way comes back to itself.
    """
    found: list[Problem] = []
    place = {name: index for index, name in enumerate(by_name)}
    seen: set[str] = set()
    for start in waits:
        path: dict[str, None] = {}
        name = start
        while name not in seen:
            seen.add(name)
            path[name] = None
            name = min(other for other in waits[name] if other in waits)
        if name in path:
            steps = list(path)
            circle = steps[steps.index(name) :]
            first = circle.index(min(circle, key=place.__getitem__))
            found.append(_circle([*circle[first::-1], *circle[:first:-1]], by_name))
    return found[:MAX_CIRCLES]


def _circle(way: list[str], by_name: Mapping[str, Node]) -> Problem:
    """The problem of one circle; each of its steps is taken by the next."""
    first = by_name[way[0]]
    message = f"`{way[0]}` takes its own output"
    if len(way) > 1:
        shown = [*way, way[0]] if len(way) <= 6 else [*way[:5], "…", way[0]]
        message = f"these steps wait for each other: {' → '.join(shown)}"
    notes = tuple(Note(f"`{name}` is made here", by_name[name].route) for name in way[1:5])
    help = "a model has no circles: take the tensor from an earlier step"
    return Problem("cycle", message, first.route, help, "key", notes, first.uses)
