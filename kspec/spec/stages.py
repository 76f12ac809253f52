"""A printer for every stage of a spec's way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kspec.diagnostics import Problem, UsageError, listing, suggestion
from kspec.spec.canonical import canonical, plain
from kspec.spec.compiled import Compiled
from kspec.spec.graph import Graph, Held, Ref, Saved, held_in
from kspec.spec.objects import Object
from kspec.spec.part import part
from kspec.spec.steps import Nested, Shared, Step
from kspec.spec.writing import dump

STAGES = ("canonical", "source", "spec", "steps", "graph", "plan")


def show(compiled: Compiled, stage: str, folder: Path | None = None) -> str:
    """The spec at `stage`, as text.

    Raises UsageError for an unknown stage.
    """
    own = compiled.source.file.path
    base = folder if folder is not None else own.parent if own is not None else compiled.project.root
    if stage == "canonical":
        if compiled.spec.is_part:
            return dump(part(compiled.source, base))
        return dump(canonical(compiled.spec, compiled.graph, base))
    if stage == "source":
        return dump(compiled.source.data)
    if stage == "spec":
        fields = {(f.alias or n): getattr(compiled.spec, n) for n, f in type(compiled.spec).model_fields.items()}
        given = {name: value for name, value in fields.items() if value not in (None, {}, [], ())}
        return dump({name: value if name in _RAW else _data(value) for name, value in given.items()})
    if stage == "steps":
        return "".join(_step(step, "") for step in compiled.expanded.steps)
    if stage == "graph":
        return _graph(compiled.graph, "")
    help = suggestion(stage, STAGES, f"stages: {listing(STAGES)}")
    raise UsageError(Problem("usage", f"there is no stage `{stage}`", help=help))


_RAW = ("layers", "blocks", "vars")
"""Sections that are still as they were written."""


def _data(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        given = {name: getattr(value, name) for name in sorted(value.model_fields_set)}
        fields = [name for name in type(value).model_fields if given.get(name) not in (None, (), {})]
        return {name: _data(given[name]) for name in fields}
    if isinstance(value, dict):
        return {key: _data(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)) and not isinstance(value, Object):
        return [_data(item) for item in value]
    return plain(value)


def _step(step: Step, indent: str) -> str:
    operation, inner = step.operation, ""
    if isinstance(operation, Nested):
        text = _nested(operation)
        inner = "".join(_step(each, indent + "  ") for each in operation.steps)
    else:
        text = _operation(operation)
        inner = "".join(_step(each, indent + "  ") for held in held_in(operation) for each in held.model.steps)
    uses = "".join(f"  < {'.'.join(map(str, use))}" for use in step.uses)
    route = ".".join(map(str, step.route))
    return f"{indent}{step.name} = {text} <- {_wires(step.wires)}   # {route}{uses}\n{inner}"


def _nested(operation: Nested) -> str:
    return f"nested {operation.block}({', '.join(operation.inputs)})"


def _operation(operation: Any) -> str:
    if isinstance(operation, Shared):
        return f"reuse {operation.name}"
    if isinstance(operation, Saved):
        return f"model {operation.path}" + (f" cut at {operation.output}" if operation.output else "")
    if isinstance(operation, Graph):
        return f"spec {operation.name}"
    return f"{operation.name}({', '.join(f'{key}={_value(value)}' for key, value in operation.args.items())})"


def _value(value: Any) -> str:
    if isinstance(value, Object):
        return _operation(value)
    if isinstance(value, Held):
        return _nested(value.model) if isinstance(value.model, Nested) else f"model {value.name}"
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    return repr(value)


def _wires(value: Any) -> str:
    if isinstance(value, Ref):
        return str(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_wires(item) for item in value)}]"
    if isinstance(value, dict):
        return ", ".join(f"{key}={_wires(item)}" for key, item in value.items())
    return str(value)


def _graph(graph: Graph, indent: str) -> str:
    lines = [f"{indent}input {given.name} {dict(given.arguments)}\n" for given in graph.inputs]
    for node in graph.nodes:
        given = [_wires(item) for item in node.positional]
        given += [f"{key}={_wires(item)}" for key, item in node.named.items()]
        given += [f"{key}={item!r}" for key, item in node.call.items()]
        shared = "" if node.name == node.layer else f" (layer {node.layer})"
        operation = graph.layers[node.layer].operation
        text = "model" if isinstance(operation, Graph) else _operation(operation)
        lines.append(f"{indent}{node.name}{shared} = {text} <- {', '.join(given)}\n")
        levels = [operation] if isinstance(operation, Graph) else [held.model for held in held_in(operation)]
        if node.name == node.layer:
            lines += [_graph(level, indent + "  ") for level in levels]
    lines.append(f"{indent}outputs {_wires(graph.outputs)}\n")
    return "".join(lines)
