"""A graph -> the data of a readable spec."""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Mapping
from graphlib import TopologicalSorter
from typing import Any

from kspec.convert.alike import merge_alike
from kspec.convert.chains import FIXED, Chains, Step, operation_data
from kspec.convert.fold import TASTES, Block, Way, fold
from kspec.convert.hoist import hoist, unmarked
from kspec.convert.notation import frozen_text
from kspec.convert.polish import polished, without_marks
from kspec.convert.shapes import operation_of, operations
from kspec.spec.canonical import arguments, block_inputs, is_word, outputs_data
from kspec.spec.graph import Graph, Held, Layer, Ref, refs, with_held
from kspec.spec.objects import Object
from kspec.spec.stepform import BESIDE, WORDS
from kspec.spec.walk import snake_case
from kspec.spec.writing import dump

WIDTH = 120
"""Columns of a line: a layer with its arguments stands in one, which is how copies are seen."""
_FIRST = ("name", "dtype_policy", "lora", "quantize", "class", "custom", "vars")


def spelled(graph: Graph, sections: Mapping[str, Any]) -> dict[str, Any]:
    """The spec of a graph: `sections` are what else it has, as written. Of several ways to fold it the shortest."""
    speller = _Speller()
    layers = speller.steps(graph)
    merge_alike(speller.nested, layers)
    variables = hoist([layers, *(body["layers"] for body in speller.nested.values())])
    sections = {**sections, "vars": variables} if variables else sections
    _forget_last_name(layers, graph, sections)
    varied: list[tuple[str, ...]] = [(), ("padding",)] if _pads_variously(graph) else [()]
    ways = [Way(*way) for way in itertools.product(TASTES, (False, True), varied)]
    found = [_folded(graph, sections, speller, layers, way) for way in ways]
    return min(found, key=lambda data: len(dump(data, WIDTH).splitlines()))


def _pads_variously(graph: Graph) -> bool:
    """Whether layers of one kind are padded both ways, which may be all that differs between copies of a block."""
    found: dict[str, set[Any]] = {}
    if any(map(_pads_variously, graph.levels())):
        return True
    for layer in graph.layers.values():
        if isinstance(layer.operation, Object):
            found.setdefault(layer.operation.name, set()).add(frozen_text(arguments(layer.operation).get("padding")))
    return any(len(paddings) > 1 for paddings in found.values())


def _forget_last_name(layers: list[Step], graph: Graph, sections: Mapping[str, Any], *, inside: bool = False) -> None:
    """No name for the only output where nothing refers to it, and it is one that Keras counted, or that of a model
    `inside` another, whose output has the other's name for it."""
    last = layers[-1] if layers else {}
    name = str(last.get("name", ""))
    kind = snake_case(operation_of(last).rpartition(".")[2]) if last else ""
    mine = isinstance(graph.outputs, Ref) and graph.outputs.name == name
    is_counted = re.fullmatch(rf"(.*\.)?{re.escape(kind)}(_[0-9]+)?", name) is not None  # dots: in a block of kspec's
    taken = any(ref.name == name for node in graph.nodes for ref in refs(node))
    shared = sum(node.layer == name for node in graph.nodes) > 1
    if mine and (is_counted or inside) and not taken and not shared and name not in frozen_text(dict(sections)):
        del last["name"], last[FIXED]


def _folded(
    graph: Graph, sections: Mapping[str, Any], speller: _Speller, layers: list[Step], way: Way
) -> dict[str, Any]:
    """The spec with its steps folded one way."""
    layers, nested = copy.deepcopy((layers, speller.nested))
    chains = [layers, *(body["layers"] for body in nested.values())]
    blocks = fold(chains, {*nested, *BESIDE, *WORDS}, way)
    firsts = {name: tuple(block.variables) for name, block in blocks.items()}
    firsts |= {name: tuple(body.get("vars", ())) for name, body in nested.items()}
    for chain in (*chains, *(block.steps for block in blocks.values())):
        without_marks(chain)
    bodies = {name: _body(blocks[name], firsts) for name in _inner_first(blocks)}
    for name, body in nested.items():
        bodies[name] = {**body, "layers": polished(body["layers"], firsts, inside=False)}
    result: dict[str, Any] = {"kspec": 1}
    result |= {key: value for key, value in sections.items() if key in _FIRST}
    result["inputs"] = {given.name: _input(given.arguments) for given in graph.inputs}
    if bodies:
        result["blocks"] = unmarked(bodies)
    result["layers"] = unmarked(polished(layers, firsts, inside=False))
    if speller.outputs is not None:
        result["outputs"] = speller.outputs
    return result | {key: value for key, value in sections.items() if key not in result}


def _inner_first(blocks: dict[str, Block]) -> list[str]:
    """Blocks after those that they use."""
    uses = {name: sorted(blocks.keys() & set(operations(block.steps))) for name, block in reversed(blocks.items())}
    return list(TopologicalSorter(uses).static_order())


def _body(block: Block, firsts: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    variables = {"vars": dict(block.variables)} if block.variables else {}
    return {**variables, "layers": polished(block.steps, firsts, inside=True)}


def _input(arguments: Mapping[str, Any]) -> Any:
    """An input's arguments as they are written: a shape alone, or a number for one of one axis."""
    if set(arguments) != {"shape"}:
        return dict(arguments)
    shape = arguments["shape"]
    return shape[0] if len(shape) == 1 and shape[0] is not None else shape


class _Speller:
    """Writes steps; models that are steps become blocks."""

    def __init__(self) -> None:
        self.nested: dict[str, Any] = {}
        self._names: dict[str, str] = {}
        """Of the nested blocks by their text: equal ones are written once."""
        self.outputs: Any = None
        """Those of the graph whose steps were written last."""

    def steps(self, graph: Graph, prefix: str = "") -> list[Step]:
        chains = Chains(graph, lambda layer: self.operation(layer, prefix))
        steps = chains.steps()
        self.outputs = None
        if not chains.ends_with_output():
            self.outputs = outputs_data(graph) or str(graph.outputs)
        return steps

    def operation(self, layer: Layer, prefix: str) -> Step:
        operation = layer.operation
        if isinstance(operation, Object):
            return operation_data(with_held(operation, lambda _, held: self.held(held, prefix)))
        assert isinstance(operation, Graph)
        return {self.block(operation, layer.name, prefix): {}}

    def held(self, held: Held[Graph], prefix: str) -> dict[str, Any]:
        """A model that a layer is around, as a use of its block."""
        frozen = {} if held.trainable is None else {"trainable": held.trainable}
        return {self.block(held.model, held.name, prefix): frozen}

    def block(self, operation: Graph, name: str, prefix: str) -> str:
        """The name of the block that a model inside is."""
        name = self._name(name, prefix)
        body: dict[str, Any] = {"nested": True}
        inputs = block_inputs(operation, _input)
        if inputs is not None:
            body["inputs"] = inputs
        self.nested[name] = body
        body["layers"] = self.steps(operation, f"{name}.")
        _forget_last_name(body["layers"], operation, {}, inside=True)
        if self.outputs is not None:
            body["outputs"] = self.outputs
        same = self._names.setdefault(frozen_text(body), name)
        if same != name:
            del self.nested[name]
        return same

    def _name(self, name: str, prefix: str) -> str:
        """A name for a block: the model's own where it is free, else with those of the models around it."""
        name = name.replace("ops.", "ops_", 1) if name.startswith("ops.") else name
        plain, count = name if name not in self.nested else f"{prefix}{name}", 0
        name = plain
        while is_word(name) or name in self.nested:
            count += 1
            name = f"{plain}_block" if count == 1 else f"{plain}_block_{count}"
        return name
