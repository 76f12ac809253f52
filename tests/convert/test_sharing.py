"""Layers and weights that are shared across models, and across layers, are never copied unseen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import kspec as library
from kspec.convert.sameness import difference
from kspec.importing import import_model
from kspec.model.backend import load_keras
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


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: autoencoder(shared=True), "`enc` is in the models `both` and `ae`"),
        (inside_and_outside, "`d` is in the models `inner` and `outer`"),
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
