"""A model of Keras's -> a Sketch: the same of a spec and of what was saved of it, since Keras is asked both times."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kspec.comparison.sketch import Key, Numbers, Output, Sketch, Step, Weight, Wire
from kspec.model.configuration import arguments_of, kind_of, policy_name
from kspec.model.interface import unique_names
from kspec.model.levels import held_model
from kspec.model.plan import Call, Plan
from kspec.model.planning import plan_model
from kspec.model.private import call_arguments, calls, graph_of, made_by
from kspec.model.variables import variable_names
from kspec.spec.graph import Graph, Layer, Saved
from kspec.spec.objects import Object

_MASKS = ("mask", "query_mask", "value_mask", "key_mask")
"""Arguments of calls that Keras fills in itself where a layer before makes a mask."""


class Origin(NamedTuple):
    """What a spec knows beyond the model that Keras made of it."""

    plan: Plan
    graph: Graph
    sections: Mapping[str, Any]
    base: Path
    """The folder from which files are named."""


def sketch(
    model: Any,
    *,
    label: str,
    name: str,
    origin: Origin | None = None,
) -> Sketch:
    """The model as data."""
    own = plan_model(model)
    level = _Spec(origin.graph, origin.plan.calls, origin.base) if origin is not None else None
    steps = _steps(model, own.calls, level)
    count = sum(row.operation != "Input" for row in own.calls)
    frozen = sum(row.frozen for row in own.calls)
    other = own.params - own.trainable - frozen
    numbers = Numbers(own.params, own.trainable, frozen, other, own.weight_bytes, count, own.depth)
    sections = origin.sections if origin is not None else None
    return Sketch(label, name, steps, tuple(_outputs(model, own)), numbers, sections)


class _Spec:
    """The spec's calls and layers at one level, by the keys that Keras has for them."""

    def __init__(self, graph: Graph, rows: tuple[Call, ...], base: Path) -> None:
        self.graph, self.base = graph, base
        self.rows = {row.key: row for row in rows}

    def layer(self, key: Key) -> Layer | None:
        row = self.rows.get(key)
        return self.graph.layers.get(row.layer) if row is not None else None

    def inside(self, key: Key) -> _Spec | None:
        """The level of a model that is a step; of a saved one its spec knows nothing."""
        layer = self.layer(key)
        if layer is None or not isinstance(layer.operation, Graph):
            return None
        return _Spec(layer.operation, self.rows[key].inner, self.base)


def _steps(model: Any, rows: tuple[Call, ...], spec: _Spec | None) -> tuple[Step, ...]:
    """The steps of a model, in the spec's order where there is one."""
    if getattr(model, "inputs", None) is None:
        return tuple(_layer_alone(layer, row) for layer, row in zip(model.layers, rows, strict=True))
    fed = len(model.inputs)
    made = [_input(tensor, row) for tensor, row in zip(model.inputs, rows[:fed], strict=True)]
    for (operation, index, _, _), row in zip(calls(model), rows[fed:], strict=True):
        made.append(_step(operation, index, row, spec))
    steps = _without_masks(made, {made_by(tensor)[:2] for tensor in _ends(model)})
    if spec is None:
        return steps
    places = {key: place for place, key in enumerate(spec.rows)}
    after, ordered = 0, []
    for step in steps:  # what only Keras knows of stays behind the step before it
        after = places.get(step.key, after)
        ordered.append((after, step))
    return tuple(step for _, step in sorted(ordered, key=lambda pair: pair[0]))


def _input(tensor: Any, row: Call) -> Step:
    arguments = {"shape": list(tensor.shape[1:]), "batch_size": tensor.shape[0], "dtype": str(tensor.dtype)}
    return Step(row.key, row.name, "Input", "Input", arguments, {}, (), row.outputs, "", True, 0, ())


def _layer_alone(layer: Any, row: Call) -> Step:
    step = _layer((layer.name, 0), layer, row)
    return step._replace(inner=_steps(layer, row.inner, None) if row.inner else ())


def _layer(key: Key, operation: Any, row: Call) -> Step:
    weights = tuple(_weights(operation)) if key[1] == 0 else ()  # of a layer that is called again, its first call's
    inner_weights = () if row.inner else weights  # those of a model are its steps'
    step = Step(
        key,
        row.name,
        row.operation,
        kind_of(operation),
        {} if row.inner else arguments_of(operation),
        {},
        (),
        row.outputs,
        "" if row.inner else policy_name(operation),
        bool(getattr(operation, "trainable", True)),
        row.params,
        inner_weights,
    )
    held = held_model(operation)
    if held is None:
        return step
    arguments = {name: value for name, value in step.arguments.items() if name != "layer"}
    inner = _steps(held, plan_model(held).calls, None) if key[1] == 0 else ()
    return step._replace(arguments=arguments, weights=(), inner=inner)


def _step(operation: Any, index: int, row: Call, spec: _Spec | None) -> Step:
    key = (operation.name, index)
    wires, constants = _taken(operation, index)
    step = _layer(key, operation, row)._replace(call=constants, wires=wires)
    if row.inner:
        step = step._replace(inner=_steps(operation, row.inner, spec.inside(key) if spec is not None else None))
    if spec is None or key not in spec.rows:
        return step
    known = spec.rows[key]
    layer = spec.layer(key)
    given = layer.operation.args if layer is not None and isinstance(layer.operation, Object) else {}
    return step._replace(
        name=known.name if index else step.name,
        operation=known.operation,
        given=frozenset(given),
        beside=_beside(layer, spec.base),
        route=known.route,
        uses=known.uses,
    )


def _beside(layer: Layer | None, base: Path) -> dict[str, Any]:
    """The files that a step names."""
    found: dict[str, Any] = {}
    if layer is not None and isinstance(layer.operation, Saved):
        found["model"] = os.path.relpath(layer.operation.path, base)
        if layer.operation.output is not None:
            found["output of the model"] = layer.operation.output
    if layer is not None and layer.weights is not None:
        found["weights"] = os.path.relpath(layer.weights, base)
    return found


def _weights(layer: Any) -> Iterator[Weight]:
    variables = getattr(layer, "weights", ())
    for name, variable in zip(variable_names(layer), variables, strict=True):
        yield Weight(name, tuple(variable.shape), str(variable.dtype))


def _taken(operation: Any, index: int) -> tuple[tuple[Wire, ...], dict[str, Any]]:
    """The tensors and the constants of a call, each by the name of its argument."""
    args, kwargs = call_arguments(operation, index)
    try:
        bound = inspect.signature(operation.call).bind_partial(*args, **kwargs).arguments
    except (TypeError, ValueError):  # a class of one's own may have a call that says nothing
        bound = {str(place): value for place, value in enumerate(args)} | kwargs
    wires: list[Wire] = []
    constants: dict[str, Any] = {}
    for name, value in bound.items():
        nested = value if isinstance(value, Mapping) and name == "kwargs" else {name: value}
        for key, item in nested.items():
            found = list(_wires(item, str(key)))
            wires += found
            if not found and item is not None and not (key == "training" and item is False):
                constants[str(key)] = _plain(item)
    return tuple(wires), constants


def _wires(value: Any, path: str) -> Iterator[Wire]:
    if hasattr(value, "_keras_history"):
        operation, index, output = made_by(value)
        yield Wire(path, (operation.name, index), output)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _wires(item, f"{path}.{key}")
    elif isinstance(value, (list, tuple)):
        for place, item in enumerate(value):
            yield from _wires(item, f"{path}.{place}")


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _without_masks(steps: list[Step], ends: set[Key]) -> tuple[Step, ...]:
    """The steps without what Keras puts in to work out masks: under names that it counts up in every process."""
    takers: dict[Key, list[tuple[Key, bool]]] = {}
    for step in steps:
        for wire in step.wires:
            takers.setdefault(wire.source, []).append((step.key, wire.argument.partition(".")[0] in _MASKS))
    dropped: set[Key] = set()
    for step in reversed(steps):
        uses = takers.get(step.key, [])
        is_function = step.operation.startswith("ops.") and step.key not in ends
        if is_function and uses and all(is_mask or taker in dropped for taker, is_mask in uses):
            dropped.add(step.key)
    return tuple(
        step._replace(wires=tuple(wire for wire in step.wires if wire.source not in dropped))
        for step in steps
        if step.key not in dropped
    )


def _ends(model: Any) -> list[Any]:
    return list(getattr(model, "outputs", None) or [])


def _outputs(model: Any, own: Plan) -> Iterator[Output]:
    """The outputs, with the steps that they come from."""
    made = getattr(graph_of(model), "output", None) if _ends(model) else None
    tensors = list(made.values()) if isinstance(made, dict) else _ends(model)
    names = unique_names(name for name, _, _ in own.outputs)
    for name, (_, shape, dtype), tensor in zip(names, own.outputs, tensors, strict=True):
        operation, index, place = made_by(tensor)
        yield Output(name, (shape, dtype), (operation.name, index), place)
