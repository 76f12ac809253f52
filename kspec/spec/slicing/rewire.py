"""A cut as a graph of its own: what comes from outside is an input, and every layer has its first caller's name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from kspec.diagnostics import listing
from kspec.spec.canonical import is_function
from kspec.spec.graph import Graph, Input, Layer, Node, Ref
from kspec.spec.slicing.cut import Cut
from kspec.spec.slicing.ends import wrong
from kspec.spec.slicing.labels import Labels


class Tensor(NamedTuple):
    """What Keras says of a tensor without computing it; the shape has the batch axis first."""

    shape: tuple[int | None, ...]
    dtype: str
    sparse: bool = False
    masked: bool = False
    """Whether it carries a mask, which says what of it is padding."""


Facts = Callable[[Ref], tuple[Tensor, ...]]
"""The tensors that a Ref stands for: several for a whole step that gives several."""


class Rewired(NamedTuple):
    """A slice's graph, the layers of the whole that its layers are, and what a person should know of it."""

    graph: Graph
    layers: Mapping[str, str]
    """The names of its layers, each with the one in the whole graph."""
    notes: tuple[str, ...]


def rewire(graph: Graph, cut: Cut, facts: Facts) -> Rewired:
    """The graph of a cut. Raises UsageError where something at its edge cannot be an input."""
    edge = _Edge(graph, cut, facts)
    inputs = edge.inputs()
    renamed: dict[str, str] = {}
    for node in cut.nodes:
        renamed.setdefault(node.layer, node.name)
    layers = {new: graph.layers[old]._replace(name=new) for old, new in renamed.items()}
    nodes = tuple(edge.node(node)._replace(layer=renamed[node.layer]) for node in cut.nodes)
    notes = [*edge.notes, *_renamings(graph, renamed)]
    made = Graph(graph.name, inputs, _in_order(layers, nodes), nodes, cut.outputs)
    return Rewired(made, {new: old for old, new in renamed.items()}, tuple(notes))


def _in_order(layers: Mapping[str, Layer], nodes: Iterable[Node]) -> dict[str, Layer]:
    return {node.layer: layers[node.layer] for node in nodes}


def _renamings(graph: Graph, renamed: Mapping[str, str]) -> list[str]:
    """What is said of layers that other steps have made and named."""
    pairs = [f"{old}` as `{new}" for old, new in renamed.items() if old != new and not is_function(graph.layers[old])]
    if not pairs:
        return []
    return [f"these layers have the names of their first callers here: {listing(pairs, 4)}"]


class _Edge:
    """The tensors that a cut takes from outside, as inputs."""

    def __init__(self, graph: Graph, cut: Cut, facts: Facts) -> None:
        self.graph, self.cut, self.facts = graph, cut, facts
        self.own = {given.name: given for given in graph.inputs}
        self.label = Labels(graph)
        self.taken = {node.name for node in cut.nodes} | self.own.keys()
        self.wires: dict[Ref, Any] = {}
        """What stands for each tensor from outside: an input, or several."""
        self.notes: list[str] = []

    def inputs(self) -> tuple[Input, ...]:
        """The inputs: those of the whole that are needed, then the others in the order in which they are made."""
        kept = [given for name, given in self.own.items() if any(ref.name == name for ref in self.cut.outside)]
        place = {node.name: index for index, node in enumerate(self.graph.nodes)}
        made: dict[str, Input] = {}
        for ref in sorted((ref for ref in self.cut.outside if ref.name in place), key=lambda ref: place[ref.name]):
            found = self.facts(ref)
            each = [ref] if len(found) == 1 else [Ref(ref.name, index) for index in range(len(found))]
            names = [self._name(one, made) for one in each]
            for name, tensor in zip(names, found, strict=True):
                made.setdefault(name, Input(name, _arguments(name, tensor), ("inputs", name)))
                self._tell(name, tensor, ref)
            self.wires[ref] = Ref(names[0]) if len(found) == 1 else [Ref(name) for name in names]
        self.notes = list(dict.fromkeys(self.notes))
        return (*kept, *made.values())

    def _name(self, ref: Ref, made: Mapping[str, Input]) -> str:
        """The name of an input for a tensor, one for each however it is written."""
        if ref.output is not None and len(self.facts(Ref(ref.name))) == 1:
            ref = Ref(ref.name)  # the only output
        if isinstance(ref.output, str):
            ref = Ref(f"{ref.name}.{ref.output}")
        name = self.label(ref)
        while name in self.taken:
            name += "_input"
        return name

    def _tell(self, name: str, tensor: Tensor, ref: Ref) -> None:
        taker = self.cut.outside[ref]
        if taker not in self.cut.first:
            self.notes.append(f"`{taker}` needs `{name}` too, which comes from outside: an input of its own")
        if tensor.masked:
            help = f"begin with the step that makes the mask, or feed no padding into `{name}`"
            self.notes.append(f"`{name}` carries a mask, which the slice does not get: {help}")

    def node(self, node: Node) -> Node:
        """A step that takes the inputs where it took tensors from outside."""
        return node._replace(
            positional=tuple(self._wired(item) for item in node.positional),
            named={key: self._wired(item) for key, item in node.named.items()},
        )

    def _wired(self, item: Any) -> Any:
        if isinstance(item, Ref):
            return self.wires.get(item, item)
        return [self._wired(each) for each in item] if isinstance(item, list) else item


def _arguments(name: str, tensor: Tensor) -> dict[str, Any]:
    """keras.Input's arguments for a tensor like this one."""
    shape = list(tensor.shape)
    if not shape:
        raise wrong(f"`{name}` is a single number for the whole batch, which no input can be", "begin before it")
    if 0 in shape:
        raise wrong(f"`{name}` has an empty axis, which no input can have: {tensor.shape}", "begin before it")
    found: dict[str, Any] = {"batch_shape": shape} if shape[0] is not None else {"shape": shape[1:]}
    if tensor.dtype != "float32":  # keras.Input's own, whatever the policy
        found["dtype"] = tensor.dtype
    if tensor.sparse:
        found["sparse"] = True
    return found
