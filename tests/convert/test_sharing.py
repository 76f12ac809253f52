"""Layers and weights that are shared across models, and across layers, are never copied unseen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kspec as library
from kspec.convert.inlined import NOTE
from kspec.convert.sameness import difference
from kspec.importing import import_model
from kspec.model.backend import load_keras
from kspec.model.private import layers_in
from kspec.model.quiet import without_keras_warnings
from tests.conftest import run_kspec

keras = load_keras()
layers = keras.layers


def model_of(steps: Any, name: str) -> Any:
    inputs = keras.Input((4,))
    return keras.Model(inputs, steps(inputs), name=name)


def autoencoder(*, shared: bool) -> Any:
    encoder = model_of(layers.Dense(2), "enc")
    other = encoder if shared else model_of(layers.Dense(2), "enc")
    whole = model_of(lambda x: layers.Dense(4)(encoder(x)), "ae")
    return model_of(lambda x: [other(x), whole(x)], "both")


def inside_and_outside() -> Any:
    layer = layers.Dense(4, name="d")
    inner = model_of(layer, "inner")
    return model_of(lambda x: layer(inner(x)), "outer")


def wrapped_and_plain() -> Any:
    layer = layers.Dense(5, name="d")
    inputs = keras.Input((4, 5))
    return keras.Model(inputs, layer(layers.TimeDistributed(layer, name="each")(inputs)))


def test_a_copy_of_a_shared_layer_is_a_difference() -> None:
    assert difference(autoencoder(shared=True), autoencoder(shared=True)) == ""
    assert difference(autoencoder(shared=True), autoencoder(shared=False))
    assert difference(autoencoder(shared=False), autoencoder(shared=True))


def test_a_copy_of_a_shared_weight_is_a_difference() -> None:

    inputs = keras.Input((4, 5))
    apart = keras.Model(inputs, layers.Dense(5)(layers.TimeDistributed(layers.Dense(5))(inputs)))
    assert difference(wrapped_and_plain(), wrapped_and_plain()) == ""
    assert difference(wrapped_and_plain(), apart)


def deep() -> Any:
    """A layer shared three models deep, one of which is called twice, and namesakes."""
    layer = layers.Dense(4, name="d")
    inner = model_of(lambda x: layers.Dense(4, name="e")(layer(x)), "inner")
    middle = model_of(lambda x: layers.Dense(4, name="e")(inner(x)), "middle")
    return model_of(lambda x: {"one": layer(middle(x)), "two": middle(layers.Dense(4, name="e")(x))}, "outer")


def sequential() -> Any:
    layer = layers.Dense(4, name="d")
    return keras.Sequential([keras.Input((4,)), layer, model_of(layer, "inner")])


def frozen() -> Any:
    model = autoencoder(shared=True)
    model.get_layer("ae").trainable = False
    return model


@pytest.mark.parametrize("make", [lambda: autoencoder(shared=True), inside_and_outside, deep, sequential, frozen])
def test_models_inside_that_share_layers_are_taken_apart(make: Any, in_tmp: Path) -> None:
    model, told = make(), list[str]()
    before = {layer.name: len(layer._inbound_nodes) for layer in layers_in(model)}
    values = np.arange(8.0).reshape(2, 4)
    import_model(model, output="flat.yaml", weights="flat.weights.h5", tell=told.append)
    again = library.load("flat.yaml").build()
    assert NOTE in told
    assert again.count_params() == model.count_params()
    assert len(again.trainable_variables) == len(model.trainable_variables)
    assert {layer.name: len(layer._inbound_nodes) for layer in layers_in(model)} == before
    one, other = (keras.tree.flatten(each.predict(values, verbose=0)) for each in (model, again))
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6)


def test_losses_find_their_outputs_where_a_model_was_taken_apart() -> None:
    model = autoencoder(shared=True)
    model.compile("sgd", {"enc": "mse", "ae": "mae"})
    text = import_model(model)
    assert "    name: ae\noutputs: [enc, ae]\n" in text
    assert "loss: {enc: mse, ae: mae}" in text


def training_inside() -> Any:
    layer = layers.Dense(4, name="d")
    inner = model_of(layer, "inner")
    return model_of(lambda x: layer(inner(x, training=True)), "outer")


def converted() -> Any:
    layer = layers.Dense(4, name="d", dtype="float16")
    inner = model_of(layer, "inner")
    return model_of(lambda x: layer(inner(layer(x))), "outer")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (training_inside, "`d` is in the models `inner` and `outer`"),
        (converted, "`d` is in the models `outer` and `inner`"),
        (wrapped_and_plain, "`d` has the weight `kernel` of `each` too"),
    ],
)
def test_sharing_that_no_spec_can_say(make: Any, says: str) -> None:
    with pytest.raises(library.FileError) as error:
        import_model(make())
    (problem,) = error.value.problems
    assert says in problem.message
    assert problem.help


@pytest.mark.parametrize("make", [lambda: autoencoder(shared=True), inside_and_outside, wrapped_and_plain])
def test_an_archive_in_which_keras_loses_what_is_shared(make: Any, in_tmp: Path) -> None:
    with without_keras_warnings():
        make().save("shared.keras")
    outcome = run_kspec("import", "shared.keras")
    assert outcome.status == 3
    assert "is shared across models or layers, which Keras loses" in outcome.err


def test_an_archive_in_which_keras_loses_nothing(in_tmp: Path) -> None:
    tower, first = model_of(layers.Dense(4), "tower"), keras.initializers.HeNormal(seed=1)
    steps = [layers.Dense(4, kernel_initializer=first), layers.Dense(4, kernel_initializer=first), tower, tower]
    inputs = tensor = keras.Input((4,))
    for step in steps:
        tensor = step(tensor)
    with without_keras_warnings():
        keras.Model(inputs, tensor).save("plain.keras")
    assert run_kspec("import", "plain.keras").status == 0


def test_a_configuration_does_not_say_what_is_shared(in_tmp: Path) -> None:
    Path("shared.json").write_text(inside_and_outside().to_json())
    outcome = run_kspec("import", "shared.json")
    assert outcome.status == 0
    assert "`d` of `outer` and `d` of `inner` are two layers" in outcome.err
    Path("plain.json").write_text(model_of(model_of(layers.Dense(4), "inner"), "outer").to_json())
    assert "two layers" not in run_kspec("import", "plain.json").err
