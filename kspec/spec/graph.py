"""The Graph of a model: inputs, layers, calls in an order that can be computed, outputs.

A node is a *call* of a layer, so sharing a layer makes no cycle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from kspec.diagnostics import Route
from kspec.spec.objects import Object
from kspec.spec.places import Source


class Ref(NamedTuple):
    """A tensor: an output of a step or an input, by complete name; `output` picks one of several.

    By its place, or of a model used as a step by the name that it has there.
    """

    name: str
    output: int | str | None = None

    def __str__(self) -> str:
        """As a spec writes it: `lstm`, `lstm.1`."""
        return self.name if self.output is None else f"{self.name}.{self.output}"


class Saved(NamedTuple):
    """A saved model or another spec as one layer, cut at `output`."""

    path: str
    output: str | None


M = TypeVar("M")


class Held(NamedTuple, Generic[M]):
    """A model that a layer is around, as TimeDistributed can be: a block's flat steps, and once linked its Graph."""

    name: str
    model: M
    trainable: bool | None
    route: Route
    uses: tuple[Route, ...]


class Input(NamedTuple):
    """A tensor fed from outside; `shape` is without the batch axis."""

    name: str
    arguments: Mapping[str, Any]
    route: Route


class Lora(NamedTuple):
    """Keras's `enable_lora`; `route` is where the spec says so."""

    rank: int
    lora_alpha: float | None
    route: Route


class Quantize(NamedTuple):
    """Keras's `quantize`; `route` is where the spec says so."""

    mode: str
    route: Route


class Layer(NamedTuple):
    """What a node calls; made once, however often it is called. `operation` is an Object, a saved model or a Graph.

    An argument of an Object may be a model that it is around: a Held.
    """

    name: str
    operation: Object | Saved | Graph
    trainable: bool | None
    dtype: Any
    weights: str | None
    route: Route
    uses: tuple[Route, ...]
    lora: Lora | None = None
    quantize: Quantize | None = None


class Node(NamedTuple):
    """One call: tensors as Refs, by position and by the call's argument names; `call` has its constants."""

    name: str
    layer: str
    positional: tuple[Any, ...]
    named: Mapping[str, Any]
    call: Mapping[str, Any]
    route: Route
    uses: tuple[Route, ...]
    names: tuple[str, ...] = ()
    """The complete names that a list in `name` gives to its outputs."""


class Graph(NamedTuple):
    """A model: inputs, layers by name, nodes in an order that can be computed, and outputs.

    `outputs` is one Ref, a list of (name, Ref), or a mapping of name to Ref, as the model will give them.
    """

    name: str | None
    inputs: tuple[Input, ...]
    layers: Mapping[str, Layer]
    nodes: tuple[Node, ...]
    outputs: Any
    source: Source | None = None
    """The document that routes lead into, where it is another than the surrounding graph's."""
    complete: bool = True
    """Whether every step, input and output is there: what is wrong is left out, and the rest is built abstractly to
    find what else is wrong."""

    def levels(self) -> Iterator[Graph]:
        """The graphs inside this one: models that are steps, and models that layers are around."""
        for layer in self.layers.values():
            if isinstance(layer.operation, Graph):
                yield layer.operation
            yield from (held.model for held in held_in(layer.operation))

    def cut(self, output: str) -> Graph | None:
        """The graph up to one step's output; None where there is no such step."""
        by_name = {node.name: node for node in self.nodes}
        named = {name: Ref(node.name, index) for node in self.nodes for index, name in enumerate(node.names)}
        head, index = indexed(output)
        ref = Ref(output) if output in by_name else Ref(head, index) if head in by_name else named.get(output)
        if ref is None:
            return None
        needed = {ref.name}
        for node in reversed(self.nodes):
            if node.name in needed:
                needed.update(each.name for each in refs(node))
        nodes = tuple(node for node in self.nodes if node.name in needed)
        used = {node.layer for node in nodes}
        layers = {name: layer for name, layer in self.layers.items() if name in used}
        inputs = tuple(given for given in self.inputs if given.name in needed)
        return self._replace(inputs=inputs, layers=layers, nodes=nodes, outputs=ref)

    def output_names(self) -> tuple[str, ...]:
        """The outputs' names, in order; none where it is not complete and they are not known."""
        if self.outputs is None:
            return ()
        if isinstance(self.outputs, Ref):
            return (self.outputs.name,)
        if isinstance(self.outputs, dict):
            return tuple(self.outputs)
        return tuple(name for name, _ in self.outputs)

    def output_refs(self) -> tuple[Ref, ...]:
        """The outputs' tensors, in order; none where it is not complete and they are not known."""
        if self.outputs is None:
            return ()
        if isinstance(self.outputs, Ref):
            return (self.outputs,)
        if isinstance(self.outputs, dict):
            return tuple(self.outputs.values())
        return tuple(ref for _, ref in self.outputs)

    def model_outputs(self) -> dict[str, tuple[str, ...]]:
        """What each step that is a model calls its outputs, where it has several."""
        operations = {node.name: self.layers[node.layer].operation for node in self.nodes}
        found = {name: each.output_names() for name, each in operations.items() if isinstance(each, Graph)}
        return {name: names for name, names in found.items() if len(names) > 1}


def held_in(operation: Any) -> tuple[Held[Any], ...]:
    """The models that a layer is around."""
    args = operation.args.values() if isinstance(operation, Object) else ()
    return tuple(value for value in args if isinstance(value, Held))


def with_held(operation: Any, change: Callable[[str, Held[Any]], Any]) -> Any:
    """An operation with something else for each model that it is around; `change` has the argument's name, too."""
    if not held_in(operation):
        return operation
    args = operation.args.items()
    return operation._replace(args={key: change(key, item) if isinstance(item, Held) else item for key, item in args})


def with_models(operation: Any, change: Callable[[Any], Any]) -> Any:
    """An operation with each model that it is around changed."""
    return with_held(operation, lambda _, held: held._replace(model=change(held.model)))


def indexed(name: str) -> tuple[str, int]:
    """`lstm.1` as a step's name and the place of its output; an empty name for anything else."""
    head, dot, tail = name.rpartition(".")
    if dot and tail.isascii() and tail.isdigit() and len(tail) < 5:
        return head, int(tail)
    return "", 0


def refs(node: Node) -> list[Ref]:
    """Every tensor that a node takes."""
    if len(node.positional) == 1 and not node.named and node.positional[0].__class__ is Ref:
        return [node.positional[0]]
    return list(_refs_in([*node.positional, *node.named.values()]))


def _refs_in(items: list[Any]) -> Iterator[Ref]:
    for item in items:
        if isinstance(item, Ref):
            yield item
        elif isinstance(item, list):
            yield from _refs_in(item)
