"""Models inside models, as people name them, call them and freeze them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kspec as library
from kspec.convert.code import trial
from kspec.convert.sameness import difference, paired
from kspec.importing import import_model
from kspec.model.backend import load_keras
from tests.convert.code.twins import listed
from tests.convert.same import assert_same, assert_same_numbers, assert_survives, text_of
from tests.model import twins

keras = load_keras()
layers = keras.layers


def chain(name: str, *steps: Any) -> Any:
    start = tensor = keras.Input((4,))
    for step in steps:
        tensor = step(tensor)
    return keras.Model(start, tensor, name=name)


def small(units: int, name: str) -> Any:
    return chain(name, layers.Dense(units))


def two_named(first: str, second: str) -> Any:
    inputs = keras.Input((4,))
    return keras.Model(inputs, [small(3, first)(inputs), small(5, second)(inputs)])


@pytest.mark.parametrize(
    ("first", "second", "block"),
    [
        ("model_0", "model_1", "model_0"),
        ("Dense_1", "Dense_2", "Dense_1"),
        ("repeat_1", "repeat_2", "repeat_1"),
        ("layers_1", "layers_2", "layers_1"),
        ("block.1", "block.2", "block"),
        ("tower_1", "tower_2", "tower"),
        ("expert", "expert_1", "expert"),
        ("ops.add", "ops.sub", "ops_add"),
    ],
)
def test_names_of_models_that_differ_in_numbers(first: str, second: str, block: str) -> None:
    model = two_named(first, second)
    text = text_of(model)
    assert f"\n  {block}:\n" in text
    again = library.loads(text).build()
    assert_same(model, again)
    library.code(library.loads(text))


@pytest.mark.parametrize(("first", "second"), [("encoder", "decoder"), ("decoder", "depth"), ("part_a", "part_b")])
def test_models_with_names_of_their_own_remain_apart(first: str, second: str) -> None:
    text = assert_survives(two_named(first, second))
    assert f"\n  {first}:\n" in text
    assert f"\n  {second}:\n" in text


@pytest.mark.parametrize("name", ["layers", "model", "ops.add", "Dense", "merge", "output", "from"])
def test_names_that_mean_something_in_a_spec(name: str) -> None:
    inputs = keras.Input((4,))
    y = chain(name, layers.Dense(3), layers.Dense(2))(inputs)
    model = keras.Model(inputs, layers.ReLU()(y))
    assert_same(model, library.loads(text_of(model)).build())
    assert_same(model, library.loads(text_of(model, names="all")).build())


def test_a_block_of_such_a_name_is_refused() -> None:
    with pytest.raises(library.SpecError, match="`layers` is a word of kspec"):
        library.loads("kspec: 1\ninputs: {x: 4}\nblocks: {layers: {layers: [ReLU]}}\nlayers: [layers]\n").build()


def test_names_do_not_grow() -> None:
    inner = small(3, "x")
    for name in ("y", "z"):
        inner = chain(name, inner)
    inputs = keras.Input((4,))
    text = assert_survives(keras.Model(inputs, inner(inputs)))
    assert all(f"\n  {name}:\n" in text for name in "xyz")


def test_a_mapping_for_a_model_that_takes_a_list() -> None:
    z, a = keras.Input((3,), name="z"), keras.Input((3,), name="a")
    inner = keras.Model([z, a], z - 2 * a, name="inner")
    p, q = keras.Input((3,), name="p"), keras.Input((3,), name="q")
    model = keras.Model([p, q], inner({"z": p, "a": q}))
    assert_same_numbers(model, library.loads(import_model(model)).build())
    swapped = keras.Model([p, q], inner({"z": q, "a": p}))
    assert difference(model, swapped) == "`inner`: what it is called with differs"


def test_a_mapping_of_more_than_a_model_takes() -> None:
    a, z = keras.Input((3,), name="a"), keras.Input((2,), name="z")
    inner = keras.Model({"a": a, "z": z}, layers.Concatenate()([z, a]), name="inner")
    p, q = keras.Input((3,)), keras.Input((2,))
    model = keras.Model([p, q], inner({"z": q, "a": p, "more": q}))
    again = library.loads(import_model(model)).build()
    with pytest.warns(UserWarning, match="structure of `inputs`"):
        assert_same_numbers(model, again)


def test_one_tensor_in_a_list_or_mapping() -> None:
    start = keras.Input((4,), name="f")
    inner = keras.Model([start], layers.Dense(3)(start), name="inner")
    mapped = keras.Model({"f": start}, layers.Dense(3)(start), name="mapped")
    inputs = keras.Input((4,))
    text = import_model(keras.Model(inputs, [inner([inputs]), mapped({"f": inputs})]))
    assert "  - inner\n" in text or "  - inner:" in text


def test_a_base_of_which_the_last_layers_are_trained() -> None:
    base = chain("base", layers.Dense(4), small(4, "deep"), layers.Dense(4))
    base.trainable = False
    base.layers[-1].trainable = True
    base.layers[2].layers[-1].trainable = True
    inputs = keras.Input((4,))
    model = keras.Model(inputs, base(inputs))
    text = assert_survives(model)
    again = library.loads(text).build()
    assert len(again.trainable_variables) == len(model.trainable_variables) == 4


def some_outputs_of_a_layer() -> Any:
    start = keras.Input((6, 4))
    encoder = keras.Model(start, layers.LSTM(3, return_state=True)(start)[1:], name="encoder")
    inputs = keras.Input((6, 4))
    return keras.Model(inputs, layers.Concatenate()(encoder(inputs)))


def sequences_to_sequences() -> Any:
    start = keras.Input((6, 4))
    encoder = keras.Model(start, layers.LSTM(3, return_state=True, return_sequences=True)(start), name="encoder")
    ends = [keras.Input((5, 4)), keras.Input((3,)), keras.Input((3,))]
    made, h, c = layers.LSTM(3, return_state=True, return_sequences=True)(ends[0], initial_state=ends[1:])
    decoder = keras.Model(ends, [layers.Dense(2)(made), h, c], name="decoder")
    source, target = keras.Input((6, 4)), keras.Input((5, 4))
    seen, h, c = encoder(source)
    y, _, _ = decoder([target, h, c])
    return keras.Model([source, target], [y, layers.GlobalMaxPooling1D()(seen)])


def parts_inside() -> Any:
    start = keras.Input((4,))
    first, second = keras.ops.split(start, 2, axis=-1)
    inner = keras.Model(start, layers.Concatenate()([second, first, layers.Dense(2)(first)]), name="inner")
    inputs = keras.Input((4,))
    return keras.Model(inputs, inner(inputs))


@pytest.mark.parametrize("make", [some_outputs_of_a_layer, sequences_to_sequences, parts_inside])
def test_code_of_models_inside_in_which_a_layer_gives_several_tensors(make: Any, tmp_path: Path) -> None:
    built = library.loads(assert_survives(make())).build()
    text = library.code(library.loads(text_of(built)))
    made = trial.run(text, tmp_path, frozenset())["build_model"]()
    for one, twin in paired(listed(built), listed(made, built)):
        for variable, value in zip(twin.weights, one.weights, strict=True):
            variable.assign(value.value)
    inputs = twins.random_inputs(built)
    for left, right in zip(twins.outputs(built, inputs), twins.outputs(made, inputs), strict=True):
        np.testing.assert_array_equal(left, right)
