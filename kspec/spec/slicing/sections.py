"""Which of a spec's sections hold for a slice of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from kspec import catalog
from kspec.diagnostics import listing
from kspec.spec.graph import Graph
from kspec.spec.objects import Object, objects_in
from kspec.spec.schema import Expect, Spec


class Kept(NamedTuple):
    """The slice's sections, and what is said of those left out."""

    spec: Spec
    notes: tuple[str, ...]


def kept(spec: Spec, whole: Graph, graph: Graph) -> Kept:
    """What of `spec` holds for the slice `graph` of `whole`.

    What is learnt depends on the outputs, what is fed on the inputs, too; a class of one's own, weights and counts
    belong to the whole model.
    """
    same_outputs = graph.outputs is whole.outputs
    is_whole = same_outputs and {each.name for each in graph.inputs} == {each.name for each in whole.inputs}
    update: dict[str, Any] = {}
    if not is_whole:
        update = dict.fromkeys(("class_", "weights", "data", "expect"))
        update["name"] = f"{spec.name}_slice"[:200] if spec.name is not None else None
        if same_outputs and spec.expect is not None and spec.expect.outputs:
            update["expect"] = Expect(outputs=spec.expect.outputs)
    if not same_outputs:
        update |= {"compile": None, "fit": None}
    lost = [name for name in update if name != "name" and getattr(spec, name) is not None and update[name] is None]
    order = ("class_", "weights", "compile", "fit", "data", "expect")
    names = [name.rstrip("_") for name in order if name in lost]
    are = "are" if len(names) > 1 else "is"
    notes = (f"{listing(names)} {are} left out: made for the whole model",) if names else ()
    made = spec.model_copy(update=update)
    if made.custom and not _needs_code(made, graph):
        made = made.model_copy(update={"custom": []})
    return Kept(made, notes)


def _needs_code(spec: Spec, graph: Graph) -> bool:
    """Whether anything in a spec is a class of one's own."""
    sections = [getattr(part, name) for part in (spec.compile, spec.fit) if part for name in type(part).model_fields]
    found = [*_operations(graph), *objects_in(sections), *objects_in(spec.dtype_policy)]
    return any(catalog.find(each.kind, each.name) is None for each in found)


def _operations(graph: Graph) -> Iterator[Object]:
    """Every Object that a graph's layers are made of."""
    for layer in graph.layers.values():
        if isinstance(layer.operation, Graph):
            yield from _operations(layer.operation)
        else:
            yield from objects_in([layer.operation, layer.dtype])
