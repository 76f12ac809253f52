"""`unused`: steps and inputs that lead to no output, blocks and variables that nothing uses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kspec.diagnostics import Problem
from kspec.spec.graph import Graph, refs
from kspec.spec.lint.subject import Subject, texts, variables_in, warning


def unused(subject: Subject) -> Iterator[Problem]:
    """A warning for each step that ends a chain without being an output, for each input that no step takes, and for
    each block and variable of this file that nothing in it names.

    What a block computes and its use leaves aside is not told: a block may offer more than one use needs.
    """
    if not subject.spec.is_part:
        yield from _dangling(subject.graph)
        yield from _definitions(subject)


def _dangling(graph: Graph) -> Iterator[Problem]:
    taken = {ref.name for ref in graph.output_refs()}
    for node in graph.nodes:
        taken.update(ref.name for ref in refs(node))
    help = "name it in `outputs`, or remove it"
    for node in graph.nodes:
        if node.name not in taken and node.route[0] == "layers":
            yield warning("unused", f"`{node.name}` leads to no output", node.route, help, "key", node.uses)
    for given in graph.inputs:
        if given.name not in taken:
            yield warning("unused", f"no step takes the input `{given.name}`", given.route, "remove it", "key")


def _definitions(subject: Subject) -> Iterator[Problem]:
    """Those of this very file: a base or an import may define more than one spec needs."""
    source, data = subject.source, subject.source.data
    blocks = data.get("blocks")
    steps = [data.get("layers"), *(_layers(body) for body in (blocks or {}).values())]
    called = set(texts(steps)) if blocks else set()  # every word that may be an operation
    for name in blocks or ():
        if name not in called and source.file_of(("blocks", name)) is source.file:
            yield warning("unused", f"no step uses the block `{name}`", ("blocks", name), "use it, or remove it", "key")
    for route, variables, body in _scopes(data):
        used = variables_in(body)
        for name, value in variables.items():
            used |= variables_in(value) - {name}
        for name in variables:
            place = (*route, "vars", name)
            if name not in used and source.file_of(place) is source.file:
                yield warning("unused", f"nothing uses the variable `{name}`", place, "use it, or remove it", "key")


def _scopes(data: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], dict[str, Any], Any]]:
    """Each mapping of variables, and where they may be used."""
    if isinstance(data.get("vars"), dict):
        yield (), data["vars"], {key: value for key, value in data.items() if key != "vars"}
    for name, body in (data.get("blocks") or {}).items():
        if isinstance(body, dict) and isinstance(body.get("vars"), dict):
            yield ("blocks", name), body["vars"], {key: value for key, value in body.items() if key != "vars"}


def _layers(body: Any) -> Any:
    return body.get("layers") if isinstance(body, dict) else None
