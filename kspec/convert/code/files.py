"""Weights files that a spec names: those that plain Keras loads."""

from __future__ import annotations

from kspec.convert.code.refusal import refuse
from kspec.diagnostics import Route
from kspec.spec.compiled import Compiled
from kspec.spec.graph import Graph
from kspec.spec.objects import Object


def check_weights(compiled: Compiled) -> None:
    """Raise UsageError where weights are named that plain Keras has no call for."""
    if compiled.spec.weights is not None:
        _check(compiled.spec.weights, ("weights",))
    _check_layers(compiled.graph)


def _check_layers(graph: Graph) -> None:
    for layer in graph.layers.values():
        route = (*layer.route[:-1], "weights")
        if layer.weights is not None and isinstance(layer.operation, Object):
            help = "give the whole model's weights: `weights: model.weights.h5` at the top"
            refuse(f"Keras loads weights into models, and `{layer.name}` is a layer", route, help)
        if layer.weights is not None:
            _check(layer.weights, route)
    for inner in graph.levels():
        if inner.source is None:
            _check_layers(inner)


def _check(path: str, route: Route) -> None:
    if not path.endswith((".weights.h5", ".keras")):
        help = "write them as Keras has them, `kspec build SPEC -o model.weights.h5`, and name that file instead: "
        help += "`weights: model.weights.h5`"
        refuse("Keras reads no such file of weights", route, help)
