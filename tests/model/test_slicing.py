"""A slice is that part of the model: with the same weights it gives the numbers that Keras finds inside the whole."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from kspec import api
from kspec.model.build import Abstract, abstract
from kspec.model.slicing import Slice, sliced
from kspec.spec.graph import Graph, Node, Ref
from tests.conftest import SPECS
from tests.model.twins import keras, loaded, random_inputs

TRUST = ("custom_layers",)


class Whole(NamedTuple):
    """A whole model, built abstractly and with weights."""

    loaded: api.Loaded
    built: Abstract
    model: Any

    @property
    def graph(self) -> Graph:
        return self.loaded.compiled.graph

    def slice(self, start: tuple[str, ...], end: tuple[str, ...]) -> Slice:
        """As `Loaded.slice`, without building the whole again."""
        path = self.loaded.compiled.source.file.path
        return sliced(self.loaded.compiled, self.built, start, end, path.parent if path is not None else Path.cwd())

    def tensor(self, ref: Ref) -> Any:
        """A tensor inside the model, found by Keras's own history of calls."""
        if ref.name in {given.name for given in self.graph.inputs}:
            return next(tensor for tensor in self.model.inputs if tensor.name == ref.name)
        calls = [node.name for node in self.graph.nodes if node.layer == self.node(ref.name).layer]
        operations = {operation.name: operation for operation in self.model.operations}
        name = self.node(ref.name).layer
        operation = operations[name if f"{name}_compute" not in operations else f"{name}_compute"]
        made = keras.tree.flatten(operation._inbound_nodes[calls.index(ref.name)].output_tensors)
        return made[ref.output if isinstance(ref.output, int) else 0]

    def node(self, name: str) -> Node:
        return next(node for node in self.graph.nodes if node.name == name)


def whole(made: api.Loaded) -> Whole:
    model = made.build(compile=False)
    generator = np.random.default_rng(1)
    for weight in model.weights:  # what Keras begins with is all zeros and ones in places
        if "float" in str(weight.dtype):
            weight.assign(weight + generator.uniform(0, 0.1, weight.shape))
    return Whole(made, abstract(made.compiled.graph, made.compiled.spec), model)


@pytest.fixture(scope="module")
def gallery() -> dict[str, Whole]:
    return {}


def of_gallery(name: str, gallery: dict[str, Whole]) -> Whole:
    if name not in gallery:
        gallery[name] = whole(api.load(SPECS / f"{name}.yaml", trust=TRUST))
    return gallery[name]


def label(ref: Ref, given: Whole) -> Ref:
    """A tensor by the place of its output, whatever a list in `name` calls it."""
    for node in given.graph.nodes:
        if ref.name in node.names:
            return Ref(node.name, node.names.index(ref.name))
    names = {node.name for node in given.graph.nodes} | {each.name for each in given.graph.inputs}
    if ref.name in names:
        return ref
    head, _, tail = ref.name.rpartition(".")
    if tail.isdigit():
        return Ref(head, int(tail))
    return Ref(head, given.graph.model_outputs()[head].index(tail))


def assert_is_part(given: Whole, start: tuple[str, ...] = (), end: tuple[str, ...] = ()) -> Slice:
    """The slice is right, and with the whole's weights gives what the whole has at its ends, bit for bit."""
    made = given.slice(start, end)
    folder = given.loaded.compiled.source.file.path
    part = api.loads(made.text, folder=folder.parent if folder is not None else None, trust=TRUST)
    assert part.warnings == (), made.text
    assert part.show() == made.text, "a slice is canonical"
    model = part.build(compile=False)
    graph = part.compiled.graph
    for name in graph.layers:
        if any(layer.name == name for layer in model.layers):
            own, other = model.get_layer(name), given.model.get_layer(given.node(name).layer)
            assert _config(own) == _config(other)
            for variable, twin in zip(own.variables, other.variables, strict=True):
                variable.assign(twin.value)
    edges = [given.tensor(label(Ref(each.name), given)) for each in graph.inputs]
    wanted = [given.tensor(label(ref, given)) for ref in graph.output_refs()]
    values = keras.Model(given.model.inputs, [*edges, *wanted])(random_inputs(given.model))
    got = model(values[0] if len(edges) == 1 else values[: len(edges)])
    ordered = [got[name] for name in graph.output_names()] if isinstance(got, dict) else keras.tree.flatten(got)
    for value, twin, ref in zip(ordered, values[len(edges) :], graph.output_refs(), strict=True):
        if isinstance(graph.layers[given_layer(graph, ref)].operation, Graph) or not _is_layer(graph, ref):
            twin = keras.ops.cast(twin, value.dtype)  # cast where the slice ends, which changes no number
        assert value.dtype == twin.dtype
        np.testing.assert_array_equal(np.asarray(value), np.asarray(twin))
    return made


def given_layer(graph: Graph, ref: Ref) -> str:
    return next(node.layer for node in graph.nodes if node.name == ref.name)


def _is_layer(graph: Graph, ref: Ref) -> bool:
    return getattr(graph.layers[given_layer(graph, ref)].operation, "kind", "") != "ops"


def _config(layer: Any) -> Any:
    """A layer's configuration without its name, which is that of its first caller."""
    config = {key: value for key, value in layer.get_config().items() if key != "name"}
    return repr(config) if not isinstance(layer, keras.Model) else [_config(each) for each in layer.layers]


EVERY = (
    *("digits_cnn", "digits_mlp", "lstm_states", "siamese_twin", "two_headed_mlp", "vae", "mixed_precision"),
    *("autoencoder", "wide_and_deep", "multi_file", "attention_ops", "siamese_distance", "transfer", "custom_layer"),
)
LARGE = ("inception", "unet", "decoder", "resnet50")


@pytest.mark.parametrize("name", EVERY)
def test_every_step_of_a_spec(name: str, gallery: dict[str, Whole]) -> None:
    """One step alone, all up to it, and all from it on."""
    given = of_gallery(name, gallery)
    for node in given.graph.nodes:
        assert_is_part(given, (node.name,), (node.name,))
        assert_is_part(given, (), (node.name,))
        assert_is_part(given, (node.name,))
