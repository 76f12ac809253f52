"""What is known of a spec's steps once it is flat and built abstractly: by the place where each was written."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from kspec.diagnostics import Route
from kspec.model.build import Abstract
from kspec.model.heads import float32_heads
from kspec.model.levels import held_model, layers_of, levels
from kspec.model.private import calls
from kspec.spec.graph import Graph, Layer, Node, Ref, held_in
from kspec.spec.steps import Expanded, Nested, Step


class Facts(NamedTuple):
    """`copies` are the flat steps of each place; `heads` says of each whether it makes outputs that stay float32;
    `tensors` is what each step of the top gives, and `cast` are the outputs that are cast. `several` are the places of
    steps that give several tensors, in models inside too, and `several_nodes` the same as the `id` of nodes of the
    graphs: models of other specs have places of their own. `thawed` are the layers that are trained in models that are
    frozen, by the places of these, and `thawed_layers` the same by the `id` of their layers: as code reaches them."""

    copies: Mapping[Route, tuple[Step, ...]]
    heads: Mapping[Route, frozenset[bool]]
    tensors: Mapping[str, Any]
    cast: frozenset[Ref]
    short: bool
    several: frozenset[Route] = frozenset()
    several_nodes: frozenset[int] = frozenset()
    thawed: Mapping[Route, frozenset[tuple[str, ...]]] = MappingProxyType({})
    thawed_layers: Mapping[int, tuple[str, ...]] = MappingProxyType({})

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
    thawed: dict[Route, set[tuple[str, ...]]] = {}
    thawed_layers: dict[int, tuple[str, ...]] = {}
    for layer, paths, own in _frozen(built.model, graph):
        thawed_layers[id(layer)] = paths
        if own:
            thawed.setdefault(layer.route, set()).add(paths)
    cast = frozenset(ref for ref in graph.output_refs() if ref.name in names and _is_short(tensors.get(ref.name), ref))
    return Facts(
        {route: tuple(found) for route, found in copies.items()},
        {route: frozenset(found) for route, found in heads.items()},
        tensors,
        cast,
        short,
        frozenset(node.route for node, own in _several(built.model, graph) if own),
        frozenset(id(node) for node, _ in _several(built.model, graph)),
        {route: frozenset(found) for route, found in thawed.items()},
        thawed_layers,
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


def _frozen(model: Any, graph: Graph, own: bool = True) -> Iterator[tuple[Layer, tuple[str, ...], bool]]:
    """The layers that are models which the spec freezes, or are around such, what is trained in these, and whether they
    are the spec's own."""
    for made, layer in layers_of(model, graph):
        if isinstance(layer.operation, Graph) and layer.trainable is False:
            yield layer, tuple(_trained(made, layer.operation)), own
        for held in held_in(layer.operation):
            if held.trainable is False:
                yield layer, tuple(_trained(held_model(made), held.model)), own
    for made, inner in levels(model, graph):
        yield from _frozen(made, inner, own and inner.source is None)


def _trained(model: Any, graph: Graph) -> Iterator[str]:
    """What is trained in a model that is frozen, as code reaches it from the model: ``.layers[-2:]``. Counted from the
    end, as a sequential model has no layer for its input."""
    places = {id(made): place - len(model.layers) for place, made in enumerate(model.layers)}
    trained: list[int] = []
    for made, layer in layers_of(model, graph):
        place = places[id(made)]
        if layer.trainable is True:
            trained.append(place)
        elif layer.trainable is None and isinstance(layer.operation, Graph):
            yield from (f".layers[{place}]{path}" for path in _trained(made, layer.operation))
    for _, run in itertools.groupby(enumerate(sorted(trained)), lambda pair: pair[1] - pair[0]):
        run_places = [place for _, place in run]
        first, end = run_places[0], run_places[-1] + 1
        yield f".layers[{first}]" if end - first == 1 else f".layers[{first}:{end or ''}]"


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
