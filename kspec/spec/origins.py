"""For every value of a canonical spec: the file, line, block use or ``--set`` that it came from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from kspec.diagnostics import Route, Span
from kspec.spec.canonical import arguments
from kspec.spec.compiled import Compiled
from kspec.spec.expressions import variables_of
from kspec.spec.graph import Graph, held_in
from kspec.spec.objects import Checker, Object
from kspec.spec.places import Source, used
from kspec.spec.traces import value_at
from kspec.spec.variables import put_in


class Origin(NamedTuple):
    """One value: where it stands in the canonical spec, what it is, and where it was written."""

    path: str
    value: Any
    span: Span
    via: tuple[str, ...]
    """The variables, block uses and repeats on the way, outermost last."""


def origins(compiled: Compiled) -> tuple[Origin, ...]:
    """Every value of the spec with its origin, in the order of the canonical spec."""
    found = [*_sections(compiled, ("kspec", "name", "seed", "dtype_policy", "inputs"))]
    found += _layers(compiled.source, compiled.graph, "layers")
    found += _sections(compiled, ("outputs", "weights", "class", "custom", "compile", "fit", "data", "expect"))
    return tuple(found)


def _sections(compiled: Compiled, names: tuple[str, ...]) -> Iterator[Origin]:
    for name in names:
        if name in compiled.source.data:
            yield from _leaves(compiled, compiled.source.data[name], (name,))


def _leaves(compiled: Compiled, value: Any, route: Route) -> Iterator[Origin]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(compiled, item, (*route, key))
    elif isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value):
        for index, item in enumerate(value):
            yield from _leaves(compiled, item, (*route, index))
    else:
        source = compiled.source
        filled = put_in(value, route, compiled.variables, Checker(compiled.registry, []))
        yield Origin(".".join(map(str, route)), filled, source.span(route), _variables(source, value))


def _layers(source: Source, graph: Graph, path: str) -> Iterator[Origin]:
    source = graph.source if graph.source is not None else source
    for node in graph.nodes:
        layer = graph.layers[node.layer]
        uses = tuple(_use(source, use) for use in reversed(node.uses))
        base = f"{path}.{node.name}"
        if node.layer != node.name:
            yield Origin(f"{base}.reuse", node.layer, source.span(node.route, "key"), uses)
        elif isinstance(layer.operation, Graph):
            yield Origin(base, "nested", source.span(node.route, "key"), uses)
            yield from _layers(source, layer.operation, base)
        elif isinstance(layer.operation, Object):
            yield Origin(base, layer.operation.name, source.span(node.route, "key"), uses)
            for key, value in arguments(layer.operation).items():
                route = (*layer.operation.route, key)
                yield Origin(
                    f"{base}.{key}", value, source.span(route), (*_variables_at(source, route, node.uses), *uses)
                )
            for held in held_in(layer.operation):
                yield from _layers(source, held.model, f"{base}.{held.name}")
        else:
            yield Origin(base, layer.operation.path, source.span(node.route), uses)


def _use(source: Source, use: Route) -> str:
    *head, last = use
    if isinstance(last, int) and head[-1] == "repeat":
        span = source.span(tuple(head), "key")
        return f"copy {last + 1} of the repeat at {span.file}:{span.line}"
    span = source.span(use, "key")
    return f"the use of `{used(source, use)}` at {span.file}:{span.line}"


def _variables_at(source: Source, route: Route, uses: tuple[Route, ...]) -> tuple[str, ...]:
    """Variables in the text that stands at a route (or in the scalar above it)."""
    return _variables(source, value_at(source.data, route), uses)


def _variables(source: Source, value: Any, uses: tuple[Route, ...] = (), deep: int = 8) -> tuple[str, ...]:
    """The variables in a text that stands inside block uses and repeats, and those that give them their values."""
    texts = value if isinstance(value, list) else [value]
    names = dict.fromkeys(
        name for text in texts if isinstance(text, str) and "$" in text for name in variables_of(text)
    )
    found: list[str] = []
    for name in names if deep else ():
        route, around = _definition(source, name, uses)
        if route is None:
            found.append(f"${name}")
        elif route[0] == "vars":
            span = source.span(route)
            found.append(f"${name} from {f'--set {span.text}' if span.file == '--set' else f'{span.file}:{span.line}'}")
        else:
            found += [f"${name}", *_variables(source, value_at(source.data, route), around, deep - 1)]
    return tuple(dict.fromkeys(found))


def _definition(source: Source, name: str, uses: tuple[Route, ...]) -> tuple[Route | None, tuple[Route, ...]]:
    """Where the value of a variable is written that is seen inside `uses`, and the uses around that place."""
    while uses:
        *uses_around, use = uses
        around, (*head, last) = tuple(uses_around), use
        if last == "reuse":
            return None, ()
        is_copy = isinstance(last, int) and head[-1] == "repeat"
        given = value_at(source.data, tuple(head) if is_copy else use)
        if isinstance(given, dict) and name in given:
            return (*(tuple(head) if is_copy else use), name), around
        if not is_copy:
            block = used(source, use)
            own = value_at(source.data, ("blocks", block, "vars"))
            if isinstance(own, dict) and name in own:
                first = next(iter(own)) == name and block == last and not isinstance(given, (dict, type(None)))
                return (use, around) if first else (("blocks", block, "vars", name), uses)
        uses = around
    variables = source.data.get("vars") if isinstance(source.data, dict) else None
    return (("vars", name), ()) if isinstance(variables, dict) and name in variables else (None, ())
