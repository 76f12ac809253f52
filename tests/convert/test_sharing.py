"""Layers and weights that are shared across models, and across layers, are never copied unseen."""

from __future__ import annotations

from typing import Any

import pytest

import kspec as library
from kspec.convert.sameness import difference
from kspec.importing import import_model
from kspec.model.backend import load_keras

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
