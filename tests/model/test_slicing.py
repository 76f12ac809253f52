"""A slice is that part of the model: with the same weights it gives the numbers that Keras finds inside the whole."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from kspec import api
from kspec.diagnostics import UsageError
from kspec.model.build import Abstract, abstract
from kspec.model.slicing import Slice, sliced
from kspec.spec.graph import Graph, Node, Ref
from tests.conftest import SPECS
from tests.model.twins import keras, layer_config, loaded, random_inputs
from tests.specs.test_cases import VALID, arguments

TRUST = ("custom_layers", "parts")


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
        node = self.node(ref.name)
        operations = {operation.name: operation for operation in self.model.operations}
        place = ref.output if isinstance(ref.output, int) else 0
        if is_function(self.graph, ref):  # each call is an operation; a cast at the end takes its name
            name = f"{ref.name}_compute"
            operation = operations[name if name in operations else ref.name]
            return operation._inbound_nodes[0].output_tensors[place]
        operation = operations[node.layer]
        calls = [each.name for each in self.graph.nodes if each.layer == node.layer]
        outputs = getattr(operation, "_outputs_struct", None)
        if isinstance(outputs, dict):  # flat they are in the order of their names
            place = sorted(outputs).index(list(outputs)[place])
        return operation._inbound_nodes[calls.index(ref.name)].output_tensors[place]

    def is_there(self, node: Node) -> bool:
        """Whether a step leads to an output: Keras leaves others out."""
        names = {operation.name for operation in self.model.operations}
        return {node.layer, node.name, f"{node.name}_compute"} & names != set()

    def node(self, name: str) -> Node:
        return next(node for node in self.graph.nodes if node.name == name)


def whole(made: api.Loaded) -> Whole:
    model = made.build(compile=False)
    generator = np.random.default_rng(1)
    for weight in model.weights:  # what Keras begins with is all zeros and ones in places
        if "float" in str(weight.dtype):
            weight.assign(weight + generator.uniform(0, 0.1, weight.shape))
    return Whole(made, abstract(made.compiled.graph, made.compiled.spec), model)


def of_gallery(name: str) -> Whole:
    return whole(api.load(SPECS / f"{name}.yaml", trust=TRUST))


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
    # what a call says of training is the whole spec's own affair
    assert {each.code for each in part.warnings} <= {"overridden-training"}, made.text
    assert part.show() == made.text, "a slice is canonical"
    model = part.build(compile=False)
    graph = part.compiled.graph
    for name in graph.layers:
        if any(layer.name == name for layer in model.layers):
            own, other = model.get_layer(name), given.model.get_layer(given.node(name).layer)
            assert layer_config(own) == layer_config(other)
            for variable, twin in zip(own.variables, other.variables, strict=True):
                variable.assign(twin.value)
    edges = [given.tensor(label(Ref(each.name), given)) for each in graph.inputs]
    wanted = [given.tensor(label(ref, given)) for ref in graph.output_refs()]
    if any("mask" in note for note in made.notes):
        return made  # other numbers, as was said
    values = keras.Model(given.model.inputs, [*edges, *wanted])(random_inputs(given.model))
    values = [keras.ops.convert_to_tensor(np.asarray(value)) for value in values]  # as they are fed, without masks
    got = model(values[0] if len(edges) == 1 else values[: len(edges)])
    ordered = [got[name] for name in graph.output_names()] if isinstance(got, dict) else keras.tree.flatten(got)
    for value, twin, ref in zip(ordered, values[len(edges) :], graph.output_refs(), strict=True):
        if f"`{ref}` is " in "".join(made.notes):
            twin = keras.ops.cast(twin, "float32")  # where the slice ends, which changes no number
        assert value.dtype == twin.dtype
        np.testing.assert_array_equal(np.asarray(value), np.asarray(twin))
    return made


def is_function(graph: Graph, ref: Ref) -> bool:
    layer = next(node.layer for node in graph.nodes if node.name == ref.name)
    return getattr(graph.layers[layer].operation, "kind", "") == "ops"


def assert_parts(given: Whole, every: int) -> None:
    """Each step alone; and at one step of `every`, by turns all up to it and all from it on."""
    for index, node in enumerate(filter(given.is_there, given.graph.nodes)):
        assert_is_part(given, (node.name,), (node.name,))
        if index % every == 0:
            assert_is_part(given, (), (node.name,))
        elif index % every == every // 2:
            assert_is_part(given, (node.name,))


EVERY = (
    *("digits_cnn", "lstm_states", "siamese_twin", "two_headed_mlp", "vae", "mixed_precision", "autoencoder"),
    "siamese_distance",
)
LARGE = ("inception", "unet", "wide_and_deep", "decoder", "multi_file", "attention_ops", "transfer", "custom_layer")


@pytest.mark.parametrize("name", EVERY)
def test_every_step_of_a_spec(name: str) -> None:
    assert_parts(of_gallery(name), 6)


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_every_step_of_a_large_spec(name: str) -> None:
    assert_parts(of_gallery(name), 2)


@pytest.mark.parametrize("name", ["inception", "two_headed_mlp", "siamese_twin", "lstm_states"])
def test_random_ends(name: str) -> None:
    """One or two steps to begin with, one or two to end with: a slice, or a word about why there is none."""
    given, chance = of_gallery(name), random.Random(3)
    names = [node.name for node in given.graph.nodes]
    made = 0
    while made < 4:
        start, end = (tuple(chance.sample(names, chance.randint(1, 2))) for _ in range(2))
        try:
            given.slice(start, end)
        except UsageError as error:
            refused = error.problems
        else:
            refused, made = (), made + 1
            assert_is_part(given, start, end)
        assert all(problem.help for problem in refused)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("start", "end"),
    [
        ((), ("stack.add",)),
        (("stack_1.bottleneck",), ("stack_1.re_lu_1",)),
        (("stack_3.bottleneck_2",), ()),
    ],
)
def test_resnet50(start: tuple[str, ...], end: tuple[str, ...]) -> None:
    assert_is_part(of_gallery("resnet50"), start, end)


@pytest.mark.slow
@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_every_step_of_every_case(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole language: each step of the specs that the tests of the language have."""
    monkeypatch.chdir(path.parent)
    words = arguments(path)
    sets = [after for before, after in itertools.pairwise(words) if before == "--set"]
    made = api.load(path.resolve(), sets=sets, trust=TRUST)
    if made.compiled.spec.is_part:
        return
    assert_parts(whole(made), 2)


def test_the_dtypes_of_the_whole() -> None:
    """Heads are float32 where the whole has its outputs, and nowhere else; functions are cast, which is said."""
    given = whole(
        loaded(
            """
            dtype_policy: mixed_bfloat16
            inputs: {x: 4}
            blocks: {part: {nested: true, layers: [{Dense: 4}, {Dense: {units: 3, name: last}}]}}
            layers:
              - Dense: {units: 4, name: head}
              - Dense: {units: 4, name: inside}
              - part:
              - ops.relu: {}
              - Dense: {units: 2, name: end}
            outputs: [head, end]
            """
        )
    )
    dtypes = {layer.name: layer.compute_dtype for layer in given.model.layers}
    assert (dtypes["head"], dtypes["inside"]) == ("float32", "bfloat16")
    assert "name: inside\n    dtype: mixed_bfloat16\n" in assert_is_part(given, ("inside",), ("inside",)).text
    assert "name: head\n    dtype: float32\n" in assert_is_part(given, (), ("inside",)).text
    assert "dtype" not in assert_is_part(given, ("end",), ("end",)).text.split("layers:")[1]
    nested = assert_is_part(given, ("part",), ("part",))
    assert "name: last\n        dtype: mixed_bfloat16\n" in nested.text
    assert not any("float32" in note for note in nested.notes)
    note = "`relu` is bfloat16 inside, and float32 where the slice ends: the same numbers"
    assert note in assert_is_part(given, (), ("relu",)).notes


def test_a_mask_from_outside_is_told_of() -> None:
    given = of_gallery("bidirectional_lstm")
    assert any(note.startswith("`masking` carries a mask") for note in given.slice(("bidirectional",), ()).notes)
    assert not any("mask" in note for note in given.slice(("masking",), ()).notes)
    assert_is_part(given, ("masking",))


def test_layers_of_steps_outside() -> None:
    """A layer that is made outside has the name of its first caller, and is shared as before."""
    given = whole(
        loaded(
            """
            inputs: {a: 4, b: 4, c: 4}
            layers:
              - Dense: {units: 4, name: one}
                from: a
              - {reuse: one, name: two, from: b}
              - {reuse: one, name: three, from: c}
              - Add:
                from: [one, two, three]
            """
        )
    )
    made = assert_is_part(given, ("two", "three"))
    assert "- reuse: two\n    name: three\n    from: c\n" in made.text
    assert made.notes == (
        "`add` needs `one` too, which comes from outside: an input of its own",
        "these layers have the names of their first callers here: `one` as `two`",
    )


def test_what_is_fed_keeps_its_form() -> None:
    """Batch axes, dtypes and inputs of the whole; what no input can be is refused."""
    given = whole(
        loaded(
            """
            inputs: {x: {batch_shape: [2, 6], dtype: int32}, y: {shape: [6], dtype: uint8}}
            layers:
              - Embedding: {input_dim: 3, output_dim: 5, name: rows}
                from: x
              - ops.argmax: {axis: -1}
              - ops.sum:
                from: rows
                name: total
              - ops.add:
                from: [total, y]
                name: end
            outputs: [end, argmax]
            """
        )
    )
    assert "  x: {batch_shape: [2, 6], dtype: int32}\n" in given.slice((), ("rows",)).text
    assert "  rows: {batch_shape: [2, 6, 5]}\n" in given.slice(("argmax",), ("argmax",)).text
    with pytest.raises(UsageError, match="`total` is a single number for the whole batch"):
        given.slice(("end",), ())
