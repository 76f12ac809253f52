"""The steps of a slice: those on a way from where it begins to where it ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from kspec.diagnostics import listing
from kspec.spec.graph import Graph, Node, Ref, refs
from kspec.spec.slicing.ends import End, Start, wrong


class Cut(NamedTuple):
    """A part of a graph. Every tensor that its steps take from outside becomes an input."""

    nodes: tuple[Node, ...]
    outside: dict[Ref, str]
    """Tensors of steps and inputs outside, each with the first step that takes it."""
    outputs: Any
    """As a Graph has them; the graph's own, the same object, where they are all of them."""
    first: frozenset[str]
    """The steps that it was told to begin with."""
    unreached: tuple[str, ...] = ()
    """Outputs of the model that it does not reach, and was not told to."""


def cut(graph: Graph, starts: Sequence[Start], ends: Sequence[End]) -> Cut:
    """The part of `graph` from `starts` (else the inputs) to `ends` (else the outputs).

    Raises UsageError where no way leads from a start to an end, or from any start to one of the ends.
    """
    after = _after(graph, starts)
    own = list(zip(graph.output_names(), graph.output_refs(), strict=True))
    wanted = list(dict.fromkeys(tensor for end in ends for tensor in end.tensors)) or own
    if ends:
        _check_reached(graph, starts, ends, after)
    reached = [(name, ref) for name, ref in wanted if ref.name in after]
    needed = _before(graph, [ref.name for _, ref in reached])
    for start in starts:
        if not (start.name in needed if start.is_input else start.steps & needed):
            raise _leads_nowhere(graph, start, ends)
    nodes, outside = _between(graph, after, [ref.name for _, ref in reached])
    return Cut(
        nodes,
        outside,
        _outputs(graph, reached),
        frozenset[str]().union(*(start.steps for start in starts)),
        tuple(name for name, ref in wanted if ref.name not in after),
    )


def _after(graph: Graph, starts: Sequence[Start]) -> set[str]:
    """The steps that a slice may have: its first ones, and all that take something of theirs."""
    if not starts:
        return {node.name for node in graph.nodes}
    first = frozenset[str]().union(*(start.steps for start in starts))
    inputs = {start.name for start in starts if start.is_input}
    found: set[str] = set()
    for node in graph.nodes:
        if node.name in first or any(ref.name in found or ref.name in inputs for ref in refs(node)):
            found.add(node.name)
    return found


def _before(graph: Graph, names: Iterable[str]) -> set[str]:
    """Steps and inputs that these steps need, and they themselves."""
    needed = set(names)
    for node in reversed(graph.nodes):
        if node.name in needed:
            needed.update(ref.name for ref in refs(node))
    return needed


def _between(graph: Graph, after: set[str], ends: Iterable[str]) -> tuple[tuple[Node, ...], dict[Ref, str]]:
    """The steps on the way to `ends`, and what they take from elsewhere. A step that takes nothing is no tensor's
    guest: it comes along."""
    needed, taken = set(ends), list[Node]()
    for node in reversed(graph.nodes):
        if node.name in needed and (node.name in after or not refs(node)):
            taken.append(node)
            needed.update(ref.name for ref in refs(node))
    taken.reverse()
    inside = {node.name for node in taken}
    outside: dict[Ref, str] = {}
    for node in taken:
        for ref in refs(node):
            if ref.name not in inside:
                outside.setdefault(ref, node.name)
    return tuple(taken), outside


def _outputs(graph: Graph, reached: list[tuple[str, Ref]]) -> Any:
    """The outputs as a Graph has them: a list where Keras's names for them are those wanted, else a mapping."""
    if {ref for _, ref in reached} == set(graph.output_refs()):
        return graph.outputs
    layer_of = {node.name: node.layer for node in graph.nodes}
    plain = all(layer_of[ref.name] == name and ref.output is None for name, ref in reached)
    if len(reached) == 1 and (plain or reached[0][0] == str(reached[0][1])):
        return reached[0][1]
    return reached if plain else dict(reached)


def _check_reached(graph: Graph, starts: Sequence[Start], ends: Sequence[End], after: set[str]) -> None:
    """Every end comes after a start."""
    for end in ends:
        if all(ref.name in after for _, ref in end.tensors):
            continue
        for start in starts:
            if any(ref.name in _before(graph, start.steps) for _, ref in end.tensors):
                step = end.name if len(end.tensors) > 1 else end.tensors[0][1].name
                help = f"the other way round it is a slice: from `{step}` to `{start.name}`"
                raise wrong(f"`{end.name}` comes before `{start.name}`, with which the slice begins", help)
        led = [node.name for node in graph.nodes if node.name in after]
        names = listing(start.name for start in starts)
        leads = "leads" if len(starts) == 1 else "lead"
        raise wrong(f"no way leads from {names} to `{end.name}`", f"{names} {leads} to {listing(led[::-1], 8)}")


def _leads_nowhere(graph: Graph, start: Start, ends: Sequence[End]) -> Exception:
    """A start that the slice does not need."""
    led = [node.name for node in graph.nodes if node.name in _after(graph, [start]) - start.steps]
    help = f"it leads to {listing(led[::-1], 8)}" if led else "no step takes its output"
    if ends:
        return wrong(f"`{start.name}` does not lead to {listing(end.name for end in ends)}", help)
    return wrong(f"`{start.name}` leads to no output of the model", f"{help}; say where to end")
