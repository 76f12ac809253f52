"""A part of a model as a spec of its own, with the shapes and dtypes that Keras finds at its edges."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kspec.diagnostics import listing
from kspec.model.build import Abstract
from kspec.model.policies import cast_ends, kept_policies
from kspec.model.private import mask_of, operation_of
from kspec.spec.canonical import canonical
from kspec.spec.compiled import Compiled
from kspec.spec.graph import Ref
from kspec.spec.slicing.cut import cut
from kspec.spec.slicing.ends import Ends
from kspec.spec.slicing.rewire import Tensor, rewire
from kspec.spec.slicing.sections import kept
from kspec.spec.writing import dump


class Slice(NamedTuple):
    """A slice's spec as text, and what a person should know of it, a line each."""

    text: str
    notes: tuple[str, ...]


def sliced(compiled: Compiled, built: Abstract, start: Sequence[str], end: Sequence[str], folder: Path) -> Slice:
    """The part of a model from the steps or inputs `start` to the steps `end`, its paths relative to `folder`.

    `built` is the whole model, built abstractly. Raises UsageError where there is no such part.
    """
    whole, spec = compiled.graph, compiled.spec
    if not start and not end:
        return Slice(dump(canonical(spec, whole, folder)), ())
    facts = _Facts(built)
    ends = Ends(compiled, lambda ref: len(facts(ref)))
    found = cut(whole, [ends.start(name) for name in start], [ends.end(name) for name in end])
    graph, layers, notes = rewire(whole, found, facts)
    sections = kept(spec, whole, graph)
    if spec.dtype_policy is not None:
        graph = kept_policies(whole, graph, layers, spec.dtype_policy)
        for ref in cast_ends(whole, graph):
            if (short := facts(ref)[0].dtype) in ("float16", "bfloat16"):
                notes += (f"`{ref}` is {short} inside, and float32 where the slice ends: the same numbers",)
    if found.unreached:
        what, are = ("output", "is") if len(found.unreached) == 1 else ("outputs", "are")
        notes += (f"the {what} {listing(found.unreached)} {are} not reached from there",)
    return Slice(dump(canonical(sections.spec, graph, folder)), (*notes, *sections.notes))


class _Facts:
    """What Keras says of the tensors of a model that was built abstractly."""

    def __init__(self, built: Abstract) -> None:
        self.tensors = built.tensors

    def __call__(self, ref: Ref) -> tuple[Tensor, ...]:
        made = self.tensors[ref.name]
        items = _flat(made)
        if isinstance(ref.output, str):
            # an output of a saved model, by the name that it has there
            names = list(made) if isinstance(made, dict) else list(operation_of(items[0]).output_names)
            items = [item for name, item in zip(names, items, strict=True) if name == ref.output]
        return tuple(map(_tensor, items[ref.output : ref.output + 1] if isinstance(ref.output, int) else items))


def _flat(made: Any) -> list[Any]:
    if isinstance(made, dict):
        return list(made.values())
    return list(made) if isinstance(made, (list, tuple)) else [made]


def _tensor(made: Any) -> Tensor:
    return Tensor(tuple(made.shape), str(made.dtype), made.sparse, mask_of(made) is not None)
