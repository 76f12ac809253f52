"""What the rules look at, and what several of them ask of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from kspec import catalog
from kspec.diagnostics import Problem, Route
from kspec.spec.expressions import variables_of
from kspec.spec.graph import Graph, Layer, Node, Ref
from kspec.spec.objects import Object
from kspec.spec.places import Source
from kspec.spec.schema import Spec


class Subject(NamedTuple):
    """A spec without problems: as it was written, as values, and its graph."""

    source: Source
    spec: Spec
    graph: Graph


class Head(NamedTuple):
    """An output: its name, the step that makes it, and that step's layer."""

    name: str
    node: Node
    layer: Layer


def heads(graph: Graph) -> list[Head]:
    """The outputs that steps make; an input may be an output too, and is none of them."""
    by_name = {node.name: node for node in graph.nodes}
    pairs = zip(graph.output_names(), graph.output_refs(), strict=True)
    return [
        Head(name, by_name[ref.name], graph.layers[by_name[ref.name].layer])
        for name, ref in pairs
        if ref.name in by_name and isinstance(ref, Ref)
    ]


class Loss(NamedTuple):
    """One loss of an output: Keras's class of that name, what it was given, and where it stands."""

    name: str
    args: Mapping[str, Any]
    route: Route


def losses(spec: Spec, names: tuple[str, ...]) -> dict[str, Loss | None]:
    """The loss of each output, None where it has none; without outputs whose losses are not Keras's own."""
    given = spec.compile.loss if spec.compile is not None else None
    base: Route = ("compile", "loss")
    if given is None:
        return {}
    found: dict[str, tuple[Any, Route]]
    if isinstance(given, dict):
        found = {name: (given.get(name), (*base, name)) for name in names}
    elif isinstance(given, list):
        found = {name: (item, (*base, index)) for index, (name, item) in enumerate(zip(names, given, strict=False))}
    else:
        found = dict.fromkeys(names, (given, base))
    result: dict[str, Loss | None] = {}
    for name, (value, route) in found.items():
        if value is None:
            result[name] = None
        elif (loss := _loss(value, route)) is not None:
            result[name] = loss
    return result


def _loss(value: Any, route: Route) -> Loss | None:
    args = value.args if isinstance(value, Object) else {}
    name = value.name if isinstance(value, Object) else value
    entry = catalog.find("losses", name) if isinstance(name, str) else None
    return Loss(entry.name, args, route) if entry is not None else None


def activation(operation: Any) -> str | None:
    """The activation that a step ends with, by Keras's name: `linear` where it has none; None where it is not known."""
    if not isinstance(operation, Object):
        return None
    name = operation.name
    if operation.kind == "ops":
        return name.rpartition(".")[2] if name.rpartition(".")[2] in ("softmax", "sigmoid", "relu") else None
    if name in ("Softmax", "ReLU"):
        return name.lower()
    entry = catalog.find("layers", name)
    if entry is None or entry.parameter("activation") is None or entry.parameter("recurrent_activation") is not None:
        return None
    default = next(parameter.default for parameter in entry.parameters if parameter.name == "activation")
    given = operation.args.get("activation", default)
    given = given.name if isinstance(given, Object) else given
    return "linear" if given is None else str(given).lower()


def texts(value: Any) -> Iterator[str]:
    """Every text in a value, keys too, in no order."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        kind = item.__class__
        if kind is str:
            yield item
        elif kind is dict:
            waiting.extend(item)
            waiting.extend(item.values())
        elif kind is list:
            waiting.extend(item)


def variables_in(value: Any) -> set[str]:
    """The variables that the texts in a value use."""
    return {name for text in texts(value) if "$" in text for name in variables_of(text)}


def warning(
    code: str, message: str, route: Route, help: str, at: Any = "value", uses: tuple[Route, ...] = ()
) -> Problem:
    """A problem that is a warning."""
    return Problem(code, message, route, help, at, (), uses, "warning")
