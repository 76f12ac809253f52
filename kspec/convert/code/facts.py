"""What is known of a spec's steps once it is flat and built abstractly: by the place where each was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from kspec.diagnostics import Route
from kspec.model.build import Abstract
from kspec.model.heads import float32_heads
from kspec.model.levels import levels
from kspec.model.private import calls
from kspec.spec.graph import Graph, Node, Ref, held_in
from kspec.spec.steps import Expanded, Nested, Step


class Facts(NamedTuple):
    """`copies` are the flat steps of each place; `heads` says of each whether it makes outputs that stay float32;
    `tensors` is what each step of the top gives, and `cast` are the outputs that are cast. `several` are the places of
    steps that give several tensors, in models inside too, and `several_nodes` the same as the `id` of nodes of the
    graphs: models of other specs have places of their own."""

    copies: Mapping[Route, tuple[Step, ...]]
    heads: Mapping[Route, frozenset[bool]]
    tensors: Mapping[str, Any]
    cast: frozenset[Ref]
    short: bool
    several: frozenset[Route] = frozenset()
    several_nodes: frozenset[int] = frozenset()

    def output(self, ref: Ref, tensor: str) -> str:
        """The expression of an output, which `tensor` is before it is cast."""
        return f'ops.cast({tensor}, "float32")' if ref in self.cast else tensor


def facts(expanded: Expanded, graph: Graph, built: Abstract, short: bool) -> Facts:
    """The facts of a spec, which was `built` abstractly; `short` says whether its layers compute in sixteen bits."""
    tensors = built.tensors
    copies: dict[Route, list[Step]] = {}
    for step in _steps(expanded.steps):
        copies.setdefault(step.route, []).append(step)
    heads: dict[Route, set[bool]] = {}
    names = float32_heads(graph) if short else frozenset[str]()
    for route, is_head in _heads(graph, names):
        heads.setdefault(route, set()).add(is_head)
    cast = frozenset(ref for ref in graph.output_refs() if ref.name in names and _is_short(tensors.get(ref.name), ref))
    return Facts(
        {route: tuple(found) for route, found in copies.items()},
        {route: frozenset(found) for route, found in heads.items()},
        tensors,
        cast,
        short,
        frozenset(node.route for node, own in _several(built.model, graph) if own),
        frozenset(id(node) for node, _ in _several(built.model, graph)),
    )


def gives_several(tensor: Any) -> bool:
    """Whether a call gives several tensors in a list."""
    return isinstance(tensor, (list, tuple))


def _several(model: Any, graph: Graph, own: bool = True) -> Iterator[tuple[Node, bool]]:
    """The nodes that give several tensors, in models inside too, and whether they are the spec's own."""
    many = {operation.name for operation, _, _, given in calls(model) if len(given) > 1}
    yield from ((node, own) for node in graph.nodes if node.layer in many or node.name in many)
    for made, inner in levels(model, graph):
        yield from _several(made, inner, own and inner.source is None)


def _steps(steps: tuple[Step, ...]) -> Iterator[Step]:
    for step in steps:
        yield step
        inner = [step.operation, *(held.model for held in held_in(step.operation))]
        for nested in inner:
            if isinstance(nested, Nested):
                yield from _steps(nested.steps)


def _heads(graph: Graph, names: frozenset[str]) -> Iterator[tuple[Route, bool]]:
    """The place of each layer, and whether its outputs stay float32."""
    for layer in graph.layers.values():
        operation = layer.operation
        is_head = layer.name in names
        yield layer.route, is_head
        for inner in [operation, *(held.model for held in held_in(operation))]:
            if isinstance(inner, Graph) and inner.source is None:
                yield from _heads(inner, float32_heads(inner) if is_head else frozenset())


def _is_short(tensor: Any, ref: Ref) -> bool:
    if isinstance(tensor, dict):
        tensor = list(tensor.values())
    if isinstance(tensor, (list, tuple)):
        tensor = tensor[ref.output if isinstance(ref.output, int) else 0]
    return str(getattr(tensor, "dtype", "")) in ("float16", "bfloat16")
