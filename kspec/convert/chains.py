"""A graph -> steps as a spec has them: chains without wiring, `parallel` where branches of one tensor meet again.

Steps here are plain data in one uniform form, `{operation: {arguments}, words…}`; `fold` finds what repeats in them,
and `polish` writes them as people do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from kspec import catalog
from kspec.spec.adapting import READERS, written
from kspec.spec.canonical import arguments, is_function, plain
from kspec.spec.graph import Graph, Layer, Node, Ref, refs
from kspec.spec.objects import Object

Step = dict[str, Any]
FIXED = "\0fixed"
"""Marks a step that stands where it stands: something else names it, or it names something else."""


class Segment:
    """Steps in a row, each taking what the one before gives; the first takes `source`, or says itself what it takes."""

    def __init__(self, source: Ref | None, first: int) -> None:
        self.source, self.first = source, first
        self.steps: list[Step] = []


class Chains:
    """The steps of one graph. `operation` writes what a layer is."""

    def __init__(self, graph: Graph, operation: Callable[[Layer], Step]) -> None:
        self.graph, self.operation = graph, operation
        self.uses = Counter(ref.name for node in graph.nodes for ref in set(refs(node)))
        self.pinned = {ref.name for ref in graph.output_refs()}
        self.called = Counter(node.layer for node in graph.nodes)
        self.ends: dict[str, Segment] = {}
        """Segments by the step that they end with."""
        self.segments: list[Segment] = []
        self.last = ""
        """The step that comes last."""

    def steps(self) -> list[Step]:
        """All steps, in an order in which they can be computed."""
        seen: set[str] = set()
        for place, node in enumerate(self.graph.nodes):
            step = self._step(node, node.layer in seen)
            seen.add(node.layer)
            if not self._joined(node, step):
                self._placed(node, step, place)
        return self._in_a_row()

    def ends_with_output(self) -> bool:
        """Whether the only output is what the last step gives, so that it need not be said."""
        refs = self.graph.outputs
        return isinstance(refs, Ref) and refs.output is None and refs.name == self.last

    # -- one step ----------------------------------------------------------------------------------------------

    def _step(self, node: Node, again: bool) -> Step:
        layer = self.graph.layers[node.layer]
        step: Step = {"reuse": node.layer} if again else self.operation(layer)
        if self.called[node.layer] > 1 or node.name in self.pinned:
            step["name"] = node.name
            step[FIXED] = True
        if node.call:
            step["call"] = plain(dict(node.call))
        if not again:
            step.update(_words(layer))
        return step

    def _placed(self, node: Node, step: Step, place: int) -> None:
        """Put a step behind what it takes, where nothing else takes that; else begin a segment."""
        taken = set(refs(node))
        source = next(iter(taken)) if len(taken) == 1 else None
        if source is None:
            step["from"], step[FIXED] = _wires(node), True
            self.pinned.update(ref.name for ref in taken)
            segment = self._begin(None, place)
        else:
            if node.named or node.positional != (source,):
                step["from"] = _wires(node, source)
            segment = self._behind(source, place)
        segment.steps.append(step)
        self.ends[node.name] = segment

    def _behind(self, source: Ref, place: int) -> Segment:
        """The segment that ends with `source`, if this is all that takes it; else a new one."""
        if source.output is None and self.uses[source.name] == 1 and source.name in self.ends:
            return self.ends.pop(source.name)
        return self._begin(source, place)

    def _begin(self, source: Ref | None, place: int) -> Segment:
        segment = Segment(source, place)
        self.segments.append(segment)
        return segment

    # -- branches that meet ------------------------------------------------------------------------------------

    def _joined(self, node: Node, step: Step) -> bool:
        """Whether a step joins branches of one tensor; they are then one step, `parallel`."""
        ends = _joined_refs(node, self.graph.layers[node.layer])
        if ends is None or len(step) > 1 or "reuse" in step:
            return False
        branches = [self._branch(ref) for ref in ends]
        sources = {branch.source for branch in branches if branch is not None}
        if len(sources) != 1:
            return False
        source = sources.pop()
        straight = [ref for ref, branch in zip(ends, branches, strict=True) if branch is None]
        if source is None or any(ref != source for ref in straight) or len(set(ends)) < len(ends):
            return False
        kept = [branch for branch in branches if branch is not None]
        self.segments = [segment for segment in self.segments if not any(segment is each for each in kept)]
        joined = {"parallel": [branch.steps if branch else [] for branch in branches], "merge": step}
        self.uses[source.name] -= len(kept) + len(straight) - 1
        first = min(branch.first for branch in kept)
        segment = self._behind(source, first)
        segment.steps.append(joined)
        for ref in ends:
            self.ends.pop(ref.name, None) if ref != source else None
        self.ends[node.name] = segment
        return True

    def _branch(self, ref: Ref) -> Segment | None:
        """The segment that ends with a tensor which is taken once."""
        if ref.output is not None or self.uses[ref.name] != 1 or ref.name in self.pinned:
            return None
        return self.ends.get(ref.name)

    # -- all in a row ------------------------------------------------------------------------------------------

    def _in_a_row(self) -> list[Step]:
        """The segments one behind the other; names and `from` where a segment does not take what stands before it."""
        inputs = self.graph.inputs
        previous: Ref | None = Ref(inputs[0].name) if len(inputs) == 1 else None
        last = {id(segment): name for name, segment in self.ends.items()}
        result: list[Step] = []
        for segment in sorted(self.segments, key=lambda segment: segment.first):
            first = segment.steps[0]
            if segment.source is not None and segment.source != previous:
                self.pinned.add(segment.source.name)
                first["from"] = _from(first.get("from"), str(segment.source))
                first[FIXED] = True
            result += segment.steps
            previous = Ref(last[id(segment)])
        self.last = previous.name if previous is not None else ""
        self._name(result)
        return result

    def _name(self, steps: list[Step]) -> None:
        """Names for the steps that something refers to."""
        for name, segment in self.ends.items():
            if name in self.pinned:
                segment.steps[-1]["name"] = name
                segment.steps[-1][FIXED] = True
        for step in steps:
            if step.get("from") is None:
                step.pop("from", None)


def _from(own: Any, source: str) -> Any:
    """What a step takes from `source`, where it has said it with `previous`."""
    if own is None:
        return source
    if isinstance(own, dict):
        return {key: _from(item, source) for key, item in own.items()}
    if isinstance(own, list):
        return [_from(item, source) for item in own]
    return source if own == "previous" else own


def _wires(node: Node, previous: Ref | None = None) -> Any:
    """`from`, the tensor `previous` by that word."""
    if node.named:
        return {key: _wire(item, previous) for key, item in node.named.items()}
    if len(node.positional) == 1:
        return _wire(node.positional[0], previous)
    return [_wire(item, previous) for item in node.positional]


def _wire(value: Any, previous: Ref | None) -> Any:
    if isinstance(value, Ref):
        return "previous" if value == previous else str(value)
    return [_wire(item, previous) for item in value] if isinstance(value, list) else value


def _joined_refs(node: Node, layer: Layer) -> list[Ref] | None:
    """The tensors that a step joins, where it takes a list of them and nothing else."""
    if node.named or node.call or not isinstance(layer.operation, Object):
        return None
    operation = layer.operation
    entry = catalog.find(operation.kind, operation.name)
    if entry is None or (not entry.call and not entry.variadic):
        return None
    if operation.kind != "ops" and entry.call[0].tensor != "list":
        return None
    only = node.positional[0] if len(node.positional) == 1 else list(node.positional)
    if not isinstance(only, list) or len(only) < 2 or not all(isinstance(item, Ref) for item in only):
        return None
    return only


def _words(layer: Layer) -> Mapping[str, Any]:
    if is_function(layer):
        return {}
    found = {word: plain(value) for word in ("trainable", "dtype") if (value := getattr(layer, word)) is not None}
    more = {word: written(value) for word in READERS if (value := getattr(layer, word)) is not None}
    return found | more


def operation_data(operation: Object) -> Step:
    """A layer or function with its arguments."""
    return {operation.name: arguments(operation)}
