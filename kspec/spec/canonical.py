"""The one canonical spec of a graph: every short form spelled out, every step named, defaults left out.

Two specs that build the same model have the same canonical spec, and the canonical spec is its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kspec import catalog
from kspec.spec import adapting
from kspec.spec.datasection import PARTS
from kspec.spec.graph import Graph, Held, Layer, Node, Ref, Saved, with_held
from kspec.spec.objects import Object
from kspec.spec.schema import Bound, Data, ExpectedOutput, Spec
from kspec.spec.stepform import BESIDE, OF_FORMS, WORDS

_SECTIONS = ("compile", "fit", "data", "expect")


def canonical(spec: Spec, graph: Graph, folder: Path, above: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The canonical spec as plain data, in the order in which people read; its paths are relative to `folder`.

    `above` are words at the top that the layers do not say each.
    """
    return _Writer(folder).spec(spec, graph, above or {})


class _Writer:
    """Writes one spec for one folder; nested models become its blocks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.blocks: dict[str, Any] = {}
        self.held_blocks: dict[tuple[str, str], str] = {}

    def path(self, path: str) -> str:
        return os.path.relpath(path, self.folder).replace("$", "$$")

    def spec(self, spec: Spec, graph: Graph, above: Mapping[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = {"kspec": 1}
        for key, name in (("name", "name"), ("seed", "seed"), ("dtype_policy", "dtype_policy"), ("class", "class_")):
            if (value := getattr(spec, name)) is not None:
                result[key] = plain(value)
        result |= above
        if spec.custom:
            result["custom"] = list(spec.custom)
        if spec.weights is not None:
            result["weights"] = self.path(spec.weights)
        result["inputs"] = {given.name: plain(dict(given.arguments)) for given in graph.inputs}
        layers = self.steps(graph, "")
        if self.blocks:
            result["blocks"] = self.blocks
        result["layers"] = layers
        outputs = outputs_data(graph)
        if outputs is not None:
            result["outputs"] = outputs
        for section in _SECTIONS:
            if (value := getattr(spec, section)) is not None:
                result[section] = self.data(value) if section == "data" else _section(self.relative(value))
        return result

    def relative(self, section: Any) -> Any:
        """A section with the paths of its callbacks relative."""
        if not (callbacks := getattr(section, "callbacks", ())):
            return section
        return section.model_copy(update={"callbacks": tuple(map(self.callback, callbacks))})

    def callback(self, made: Any) -> Any:
        parameter = catalog.PATHS.get(made.name) if isinstance(made, Object) else None
        if parameter is None or parameter not in made.args:
            return made
        return made._replace(args={**made.args, parameter: os.path.relpath(made.args[parameter], self.folder)})

    def data(self, data: Data) -> dict[str, Any]:
        """Parts with their paths relative; a part that is a path alone is that path."""
        result = _section(data)
        for name in PARTS:
            file = getattr(data, name)
            if file is not None:
                given = _section(file) | ({"path": self.path(file.path)} if file.path is not None else {})
                result[name] = given["path"] if set(given) == {"path"} else given
        return result

    def steps(self, graph: Graph, prefix: str) -> list[Any]:
        called: set[str] = set()
        previous = Ref(graph.inputs[0].name) if len(graph.inputs) == 1 else None
        steps = []
        names = graph.model_outputs()
        for node in graph.nodes:
            wires = _from(node, names) if _is_wired(node, previous) else None
            steps.append(self.step(node, graph.layers[node.layer], wires, node.layer in called, prefix))
            called.add(node.layer)
            previous = Ref(node.name)
        return steps

    def step(self, node: Node, layer: Layer, wires: Any, again: bool, prefix: str) -> dict[str, Any]:
        step: dict[str, Any] = {"reuse": node.layer} if again else self.operation(layer, prefix)
        step["name"] = node.name
        if wires is not None:
            step["from"] = wires
        if node.call:
            step["call"] = plain(dict(node.call))
        if not again and not is_function(layer):  # one in a block that is frozen, or has a dtype
            for word in ("trainable", "dtype"):
                if (value := getattr(layer, word)) is not None:
                    step[word] = plain(value)
            if layer.weights is not None:
                step["weights"] = self.path(layer.weights)
            for word in adapting.READERS:
                if (value := getattr(layer, word)) is not None:
                    step[word] = adapting.written(value)
        return step

    def block_name(self, name: str) -> str:
        """A name for a nested model's block: the layer's, unless that means something else as an operation."""
        plain, count = name.replace("ops.", "ops_", 1) if name.startswith("ops.") else name, 0
        name = plain
        while is_word(name) or name in self.blocks:
            count += 1
            name = f"{plain}_block" if count == 1 else f"{plain}_block_{count}"
        return name

    def operation(self, layer: Layer, prefix: str) -> dict[str, Any]:
        operation = layer.operation
        if isinstance(operation, Object):
            return {operation.name: arguments(with_held(operation, lambda _, held: self.held(held, prefix)))}
        if isinstance(operation, Saved):
            cut = {"output": operation.output} if operation.output is not None else {}
            return {"model": self.path(operation.path), **cut}
        return {self.block(operation, layer.name, prefix): {}}

    def held(self, held: Held[Graph], prefix: str) -> Any:
        """A model that a layer is around: its block, with what the model itself is told."""
        name = self.once(self.block(held.model, held.name, prefix), held.name)
        words = held_words(held, name)
        return {name: words} if words else name

    def block(self, operation: Graph, name: str, prefix: str) -> str:
        """The name of the block that is written for a model inside."""
        name = self.block_name(f"{prefix}{name}")
        block: dict[str, Any] = {"nested": True}
        inputs = block_inputs(operation, lambda arguments: plain(dict(arguments)))
        if inputs is not None:
            block["inputs"] = inputs
        block["layers"] = self.steps(operation, f"{name}.")
        outputs = outputs_data(operation)
        if outputs is not None:
            block["outputs"] = outputs
        self.blocks[name] = block
        return name

    def once(self, name: str, plain: str) -> str:
        """A block that is held like another one of that name is written once."""
        same = self.held_blocks.setdefault((plain, repr(self.blocks[name])), name)
        if same != name:
            del self.blocks[name]
        return same


def _section(value: Any) -> dict[str, Any]:
    """A section's values that differ from the defaults."""
    given = {name: getattr(value, name) for name in type(value).model_fields}
    defaults = {name: field.default for name, field in type(value).model_fields.items()}
    kept = {name: item for name, item in given.items() if item != defaults[name] and item not in ((), {})}
    if "optimizer" in kept:
        kept["optimizer"] = _spelled("optimizers", kept["optimizer"])
    return {name: _data(item) for name, item in kept.items()}


def _data(value: Any) -> Any:
    """A section's value as it is written."""
    if isinstance(value, Bound):
        return _bound(value)
    if isinstance(value, ExpectedOutput):
        return value.shape if value.dtype is None else value.model_dump(exclude_none=True)
    if isinstance(value, dict) and any(isinstance(item, ExpectedOutput) for item in value.values()):
        return {name: _data(item) for name, item in value.items()}
    return plain(value)


def _bound(bound: Bound) -> Any:
    fields = type(bound).model_fields
    given = {name: getattr(bound, name) for name in fields if getattr(bound, name) != fields[name].default}
    return bound.min if set(given) == {"min", "max"} and bound.min == bound.max else given


def plain(value: Any) -> Any:
    """A checked value as spec data: Objects in the notation, literal dollars doubled, models inside by their names."""
    if isinstance(value, Held):
        return value.name
    if isinstance(value, Object):
        args = arguments(value)
        # `AUC` is called `AUC` in the history, and `{AUC: {}}` is called `auc`
        is_metric = value.kind == "metrics" and catalog.find("metrics", value.name) is not None
        return {value.name: args} if args or is_metric else value.name
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def arguments(value: Object) -> dict[str, Any]:
    """An Object's arguments that differ from Keras's defaults, in Keras's order."""
    entry = catalog.find(value.kind, value.name)
    if entry is None:
        return {key: plain(item) for key, item in value.args.items()}
    result = {}
    for parameter in entry.parameters:
        if parameter.name in value.args:
            item = _spelled(parameter.object, value.args[parameter.name])
            default = _spelled(parameter.object, parameter.default)
            if parameter.required or entry.name in _WITH_VALUE or not _same(item, default):
                result[parameter.name] = plain(item)
    result.update((key, plain(item)) for key, item in value.args.items() if entry.parameter(key) is None)
    return result


_WITH_VALUE = ("Constant",)
"""What Keras does not make of its name alone, though its argument has a default."""

_ONE_SPELLING = frozenset({"optimizers", "initializers", "regularizers", "constraints"})
"""Kinds of which an identifier (`adam`) and the class without arguments (`Adam`) are the same thing."""


def _spelled(kind: str | None, value: Any) -> Any:
    """An identifier as its class's name, where the two are the same thing."""
    if kind in _ONE_SPELLING:
        name = value.name if isinstance(value, Object) and not value.args else value
        entry = catalog.find(kind, name) if isinstance(name, str) else None
        if entry is not None and not any(parameter.required for parameter in entry.parameters):
            return entry.name
    return value


def _same(value: Any, default: Any) -> bool:
    """Whether a value is the default, and of its type: 1 is not true."""
    return bool(value == default) and isinstance(value, bool) is isinstance(default, bool)


def is_word(name: str) -> bool:
    """Whether a name means something else than a block where a step is."""
    return name in WORDS or name in BESIDE or name in OF_FORMS or catalog.find("layers", name) is not None


def block_inputs(graph: Graph, written: Callable[[Mapping[str, Any]], Any]) -> Any:
    """The inputs of a block that is a model: their names, and `written` what is their own; None where that is nothing,
    and the only one is `input`."""
    if any(given.arguments for given in graph.inputs):
        return {given.name: written(given.arguments) if given.arguments else None for given in graph.inputs}
    names = [given.name for given in graph.inputs]
    return names if names != ["input"] else None


def held_words(held: Held[Graph], block: str) -> dict[str, Any]:
    """What stands in the use of a block that a layer is around, for the model to be called and frozen as it is."""
    named = {"name": held.name} if held.name != block else {}
    return named if held.trainable is None else {**named, "trainable": held.trainable}


def is_function(layer: Layer) -> bool:
    """Whether a layer is a function of keras.ops, beside which no word of layers stands."""
    return isinstance(layer.operation, Object) and layer.operation.kind == "ops"


def _is_wired(node: Node, previous: Ref | None) -> bool:
    """Whether a step takes something else than the one before it."""
    return bool(node.named) or node.positional != ((previous,) if previous is not None else ())


def _from(node: Node, names: Mapping[str, tuple[str, ...]]) -> Any:
    if node.named:
        return {key: _wire(item, names) for key, item in node.named.items()}
    if len(node.positional) == 1:
        return _wire(node.positional[0], names)
    return [_wire(item, names) for item in node.positional]


def _wire(value: Any, names: Mapping[str, tuple[str, ...]]) -> Any:
    """A tensor as it is written; one of several that a model gives by the name it has there (`names`)."""
    if isinstance(value, Ref):
        output = value.output
        if isinstance(output, int) and output < len(names.get(value.name, ())):
            output = names[value.name][output]
        return str(Ref(value.name, output))
    if isinstance(value, (list, tuple)):
        return [_wire(item, names) for item in value]
    return value


def outputs_data(graph: Graph) -> Any:
    """The outputs, left out where they are the last step."""
    names = graph.model_outputs()
    if isinstance(graph.outputs, Ref):
        if graph.nodes and graph.outputs == Ref(graph.nodes[-1].name):
            return None
        return _wire(graph.outputs, names)
    if isinstance(graph.outputs, dict):
        return {name: _wire(ref, names) for name, ref in graph.outputs.items()}
    return [_wire(ref, names) for _, ref in graph.outputs]
