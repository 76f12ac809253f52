"""Abstract model -> Plan."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from kspec.diagnostics import Route
from kspec.model.build import Abstract
from kspec.model.ends import ends, source
from kspec.model.plan import Call, Plan, Tensor, bytes_of
from kspec.model.private import calls, graph_of, made_by, trained_by_nature
from kspec.spec.graph import Graph, Held, Layer, Node, Ref, Saved, refs
from kspec.spec.objects import Object

_Maker = Callable[[Any], tuple[Any, int, int]]
"""The operation that made a tensor, which of its calls did, and which of that call's outputs it is."""


def plan(built: Abstract, graph: Graph) -> Plan:
    """The plan of a model that was built abstractly from `graph`; where something is wrong, of what is right of it."""
    model = built.model
    if model is None:
        made = {name: made_by(flat(tensors)[0])[0] for name, tensors in built.tensors.items() if flat(tensors)}
        layers = {node.layer: made[node.name] for node in graph.nodes if node.name in made}
        rows = tuple(row for row in _of_graph(graph, built.tensors, layers) if row.outputs)
        params, trainable = sum(row.params for row in rows), sum(row.trainable for row in rows)
        return Plan(str(graph.name), rows, params, trainable, sum(row.weight_bytes for row in rows), ())
    rows = _of_graph(graph, built.tensors, {layer.name: layer for layer in model.layers})
    made = model.output  # a mapping's tensors by name: Keras's flat list has them in the order of their names
    ordered = [made[name] for name in graph.output_names()] if isinstance(made, dict) else flat(made)
    return _whole(model, rows, zip(graph.output_names(), ordered, strict=True), source)


def plan_model(model: Any) -> Plan:
    """The plan of any model of Keras's; one without a graph is a list of layers."""
    made = getattr(model, "outputs", None) or []
    if made and isinstance(getattr(graph_of(model), "output", None), dict):
        outputs = list(graph_of(model).output.items())
    else:
        outputs = [(made_by(tensor)[0].name, tensor) for tensor in made]
    return _whole(model, _of_model(model), outputs)


def _whole(model: Any, rows: tuple[Call, ...], outputs: Iterable[tuple[str, Any]], maker: _Maker = made_by) -> Plan:
    outputs = list(outputs)
    named = tuple((name, tuple(tensor.shape), str(tensor.dtype)) for name, tensor in outputs)
    size = weight_bytes(model.weights)
    return Plan(
        model.name,
        rows,
        count(model.weights),
        count(model.trainable_weights),
        size,
        named,
        max(_depths(rows), default=0),
        _ends(rows, (tensor for _, tensor in outputs), maker),
    )


def _ends(rows: Iterable[Call], outputs: Iterable[Any], maker: _Maker = made_by) -> tuple[tuple[str, int], ...]:
    """Which of the rows made each of a model's outputs, and as which of its own: for rows of a spec's graph that is
    counted in the spec's order (`source`), and for Keras's own calls in Keras's."""
    names = {row.key: row.name for row in rows}
    made = [maker(tensor) for tensor in outputs if rows]
    return tuple((names.get((operation.name, at), operation.name), place) for operation, at, place in made)


def _of_graph(graph: Graph, tensors: Mapping[str, Any], layers: Mapping[str, Any]) -> tuple[Call, ...]:
    """The calls of a spec's graph, in its order."""
    places = _Places(tensors)
    seen: set[str] = set()
    rows = [_input(given.name, tensors.get(given.name), given.route) for given in graph.inputs]
    for node in graph.nodes:
        operation = graph.layers[node.layer].operation
        layer = layers.get(node.layer)
        inner = _inner(layer, operation if isinstance(operation, Graph) else None, node.uses)
        rows.append(
            _call(node.name, _operation(operation), layer, tensors.get(node.name), node.layer in seen)._replace(
                sources=tuple(dict.fromkeys(ref.name for ref in refs(node))),
                wires=tuple((ref.name, _place(ref, tensors.get(ref.name))) for ref in refs(node)),
                route=node.route,
                uses=node.uses,
                layer=node.layer,
                key=places.key(node.name),
                arguments=_arguments(graph.layers[node.layer], node),
                inner=inner,
                ends=_ends(inner, ends(layer) if inner else []),
            )
        )
        seen.add(node.layer)
    return tuple(rows)


def _place(ref: Ref, made: Any) -> int:
    """Which of a step's outputs a tensor is; of a saved model it may be known by its name."""
    if isinstance(ref.output, str):
        return list(made).index(ref.output) if isinstance(made, dict) and ref.output in made else 0
    return ref.output or 0


def _arguments(layer: Layer, node: Node) -> str:
    operation = layer.operation
    own = _plain(operation.args) if isinstance(operation, Object) else id(operation)
    more = tuple(each and each._replace(route=()) for each in (layer.lora, layer.quantize))
    return repr((own, layer.trainable, layer.dtype, node.call, more))


def _plain(args: Mapping[str, Any]) -> dict[str, Any]:
    """A layer's arguments; of a model that it is around, what is the same for every copy of it."""
    return {key: _calls(item.model) if isinstance(item, Held) else item for key, item in args.items()}


def _calls(graph: Graph) -> list[Any]:
    return [(_arguments(graph.layers[node.layer], node), node.positional, node.named) for node in graph.nodes]


class _Places:
    """Which call of which layer made the tensors of each step."""

    def __init__(self, tensors: Mapping[str, Any]) -> None:
        self.tensors = tensors

    def key(self, name: str) -> tuple[str, int]:
        made = flat(self.tensors.get(name, []))
        if not made:
            return "", 0
        operation, index, _ = made_by(made[0])
        return operation.name, index


def _inner(layer: Any, graph: Graph | None = None, around: tuple[Route, ...] = ()) -> tuple[Call, ...]:
    """The calls inside of a step that is a model; those of a spec's block know their places in it."""
    if layer is None or not _is_model(layer):
        return ()
    rows = _of_model(layer)
    if graph is None:
        return rows
    nodes: dict[str, Node] = {}
    for node in graph.nodes:
        nodes.setdefault(node.layer, node)
    return tuple(_placed(row, nodes[row.layer], around) if row.layer in nodes else row for row in rows)


def _placed(row: Call, node: Node, around: tuple[Route, ...]) -> Call:
    """A row with its place, and the uses inside of the model that it stands in."""
    uses = node.uses[len(around) + 1 :] if around == node.uses[: len(around)] and node.uses else node.uses
    return row._replace(route=node.route, uses=uses)


def _is_model(layer: Any) -> bool:
    from kspec.model.backend import load_keras

    return isinstance(layer, load_keras().Model)


def _of_model(model: Any) -> tuple[Call, ...]:
    """The calls of a model as Keras runs them."""
    if getattr(model, "inputs", None) is None:
        return tuple(
            _call(layer.name, type(layer).__name__, layer, None, False)._replace(layer=layer.name)
            for layer in model.layers
        )
    names: dict[tuple[int, int], str] = {}
    rows = []
    for tensor in model.inputs:
        operation, index, _ = made_by(tensor)
        names[id(operation), index] = operation.name
        rows.append(_input(operation.name, tensor, ()))
    seen: dict[int, int] = {}
    for operation, index, taken, given in calls(model):
        before = seen.setdefault(id(operation), 0)
        name = f"{operation.name} ({before + 1})" if before else operation.name
        names[id(operation), index] = name
        wires = tuple((names.get((id(made), at), made.name), place) for made, at, place in map(made_by, taken))
        title, inner = operation_name(operation), _inner(operation)
        rows.append(
            _call(name, title, operation, given, before > 0)._replace(
                sources=tuple(dict.fromkeys(source for source, _ in wires)),
                wires=wires,
                layer=operation.name,
                key=(operation.name, index),
                inner=inner,
                ends=_ends(inner, flat(getattr(operation, "outputs", None) or [])),
            )
        )
        seen[id(operation)] += 1
    return tuple(rows)


def _input(name: str, tensor: Any, route: Route) -> Call:
    return Call(name, "Input", tensors_of(tensor), 0, 0, (), False, route, layer=name, key=(name, 0))


def _call(name: str, operation: str, layer: Any, made: Any, shared: bool) -> Call:
    weights = getattr(layer, "weights", ()) if not shared else ()
    trainable = getattr(layer, "trainable_weights", ()) if not shared else ()
    frozen = count(trained_by_nature(layer)) - count(trainable) if weights else 0
    return Call(
        name, operation, tensors_of(made), count(weights), count(trainable), (), shared,
        frozen=frozen, weight_bytes=weight_bytes(weights),
    )  # fmt: skip


def operation_name(operation: Any) -> str:
    """What a spec calls an operation of Keras's: `Dense`, `ops.matmul`, `model`."""
    from kspec.model.backend import load_keras

    keras = load_keras()
    if isinstance(operation, keras.Model):
        return "model"
    if isinstance(operation, keras.layers.Layer):
        return type(operation).__name__
    name = type(operation).__name__
    return f"ops.{''.join('_' + char.lower() if char.isupper() else char for char in name).lstrip('_')}"


def tensors_of(made: Any) -> tuple[Tensor, ...]:
    """The shapes and dtypes of what a call gives."""
    return tuple((tuple(tensor.shape), str(tensor.dtype)) for tensor in flat(made)) if made is not None else ()


def flat(tensors: Any) -> list[Any]:
    """The tensors of nested lists and mappings."""
    if isinstance(tensors, dict):
        return [tensor for item in tensors.values() for tensor in flat(item)]
    if isinstance(tensors, (list, tuple)):
        return [tensor for item in tensors for tensor in flat(item)]
    return [tensors]


def _operation(operation: Any) -> str:
    if isinstance(operation, Object):
        return operation.name
    if isinstance(operation, Saved):
        return operation.path.rsplit("/", 1)[-1]
    return "model"


def _depths(rows: Iterable[Call]) -> Iterator[int]:
    """For each call how many there are on the longest way to it, itself counted; a model counts as what is in it."""
    depths: dict[str, int] = {}
    for row in rows:
        own = max(_depths(row.inner), default=0) if row.inner else int(row.operation != "Input")
        depths[row.name] = own + max((depths.get(source, 0) for source in row.sources), default=0)
        yield depths[row.name]


def count(weights: Any) -> int:
    """How many numbers they have."""
    return sum(math.prod(weight.shape) for weight in weights)


def weight_bytes(weights: Any) -> int:
    """How many bytes they take."""
    return sum(math.prod(weight.shape) * bytes_of(str(weight.dtype)) for weight in weights)
