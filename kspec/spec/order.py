"""Nodes in an order in which every tensor is made before it is used; a circle is a problem."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping

from kspec.diagnostics import Note, Problem
from kspec.spec.graph import Node, refs
from kspec.spec.objects import Checker


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
        checker.problems.append(_circle(left, {name: nodes[index] for name, index in position.items()}))
    return tuple(result)


def _circle(waits: Mapping[str, set[str]], by_name: Mapping[str, Node]) -> Problem:
    """The problem of nodes that wait for each other; every node left over waits for one of its like."""
    name = next(iter(waits))
    path: dict[str, None] = {}
    while name not in path:
        path[name] = None
        name = min(other for other in waits[name] if other in waits)
    steps = list(path)
    circle = steps[steps.index(name) :]
    first = by_name[circle[0]]
    if len(circle) == 1:
        message = f"`{circle[0]}` takes its own output"
    else:
        shown = circle[::-1] if len(circle) <= 6 else [*circle[:-6:-1], "…"]
        message = f"these steps wait for each other: {' → '.join((circle[0], *shown))}"
    notes = tuple(Note(f"`{name}` is made here", by_name[name].route) for name in circle[1:5])
    help = "a model has no circles: take the tensor from an earlier step"
    return Problem("cycle", message, first.route, help, "key", notes, first.uses)
