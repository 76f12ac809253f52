"""The shapes of what of a model can be built, beside what cannot: an error elsewhere hides none of them."""

from __future__ import annotations

import math
from typing import Any

from kspec.diagnostics import KspecError
from kspec.model.build import Abstract, abstract
from kspec.model.plan import Call, Plan, plan
from kspec.model.private import operation_of
from kspec.spec.compiled import Compiled
from kspec.spec.graph import refs


def partial_plan(compiled: Compiled) -> Plan | None:
    """The plan as far as it goes; None where nothing can be built. Of a model that is whole, the whole plan."""
    try:
        built = abstract(compiled.graph, compiled.spec)
        return plan(built, compiled.graph) if built.model is not None else _of_tensors(compiled, built)
    except KspecError:
        return None


def _of_tensors(compiled: Compiled, built: Abstract) -> Plan:
    graph, seen = compiled.graph, set[str]()
    inputs = ((given.name, _shapes(built.tensors.get(given.name, ()))) for given in graph.inputs)
    calls = [Call(name, "Input", shapes, 0, 0, (), False) for name, shapes in inputs]
    for node in graph.nodes:
        made = built.tensors.get(node.name)
        if made is None:
            continue
        layer = _layer(made)
        shared = node.layer in seen
        seen.add(node.layer)
        own = () if shared else getattr(layer, "weights", ())
        trainable = () if shared else getattr(layer, "trainable_weights", ())
        name = str(getattr(graph.layers[node.layer].operation, "name", "model"))
        sources = tuple(dict.fromkeys(ref.name for ref in refs(node)))
        sizes = (_count(own), _count(trainable))
        calls.append(Call(node.name, name, _shapes(made), *sizes, sources, shared, node.route, node.uses))
    params, trained = sum(call.params for call in calls), sum(call.trainable for call in calls)
    return Plan(str(graph.name), tuple(calls), params, trained, 0, ())


def _flat(made: Any) -> list[Any]:
    if isinstance(made, dict):
        return [each for item in made.values() for each in _flat(item)]
    return [each for item in made for each in _flat(item)] if isinstance(made, (list, tuple)) else [made]


def _shapes(made: Any) -> tuple[tuple[tuple[int | None, ...], str], ...]:
    return tuple((tuple(each.shape), str(each.dtype)) for each in _flat(made))


def _layer(made: Any) -> Any:
    """The layer that made a symbolic tensor."""
    first = next(iter(_flat(made)), None)
    return operation_of(first) if first is not None else None


def _count(weights: Any) -> int:
    return sum(math.prod(each.shape) for each in weights)
