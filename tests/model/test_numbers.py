"""The numbers that kspec promises, held against the same models written in Keras."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kspec import api
from kspec.model.quiet import without_keras_warnings
from tests.conftest import SPECS
from tests.model import twins
from tests.model.twins import keras

CHAIN = """
    name: mlp
    seed: 3
    inputs: {pixels: 784}
    layers:
      - Dense: {units: 256, activation: relu}
      - Dense: {units: 64, activation: relu}
      - Dense: {units: 10, activation: softmax}
"""


def chain() -> Any:
    pixels = keras.Input((784,), name="pixels")
    x = keras.layers.Dense(256, activation="relu")(pixels)
    x = keras.layers.Dense(64, activation="relu")(x)
    return keras.Model(pixels, keras.layers.Dense(10, activation="softmax")(x), name="mlp")


def test_chain_has_218058_parameters_and_keras_own_weights() -> None:
    spec = twins.loaded(CHAIN)
    model = spec.build()
    assert spec.plan().params == model.count_params() == 218_058
    twins.assert_same_model(model, twins.in_fresh_keras(chain, 3))


def test_a_seed_makes_the_same_weights_again_and_another_seed_others() -> None:
    spec = twins.loaded(CHAIN)
    one, again = spec.build(), spec.build()
    twins.assert_same_weights(one, again)
    other = twins.loaded(CHAIN, sets=["seed=4"]).build()
    assert twins.values(one)[0][1].tobytes() != twins.values(other)[0][1].tobytes()


def siamese() -> Any:
    left, right = keras.Input((784,), name="left"), keras.Input((784,), name="right")
    first, second = keras.layers.Dense(256, activation="relu"), keras.layers.Dense(64, activation="relu")
    both = keras.layers.Concatenate()([second(first(left)), second(first(right))])
    return keras.Model([left, right], keras.layers.Dense(1, activation="sigmoid")(both))


SIAMESE = """
    seed: 5
    inputs: {left: 784, right: 784}
    blocks:
      tower:
        layers:
          - Dense: {units: 256, activation: relu}
          - Dense: {units: 64, activation: relu}
    layers:
      - tower:
        from: left
      - reuse: tower
        from: right
        name: other
      - Concatenate:
        from: [tower, other]
      - Dense: {units: 1, activation: sigmoid}
"""


def test_siamese_twin_shares_its_kernels() -> None:
    model = twins.built(SIAMESE)
    assert model.count_params() == 217_537
    assert len(model.trainable_variables) == 6
    first = model.get_layer("tower.dense")
    assert len(first._inbound_nodes) == 2
    assert sum(variable is first.kernel for variable in model.variables) == 1
    twin = twins.in_fresh_keras(siamese, 5)
    for (_, one), (_, other) in zip(twins.values(model), twins.values(twin), strict=True):
        assert one.tobytes() == other.tobytes()
    twins.assert_same_outputs(model, twin)
    left, right = twins.random_inputs(model)
    assert not np.array_equal(*(twins.outputs(model, pair)[0] for pair in ([left, right], [right, left])))


def test_siamese_of_the_gallery() -> None:
    model = api.load(SPECS / "siamese_twin.yaml").build()
    assert (model.count_params(), len(model.trainable_variables)) == (217_537, 6)
    kernels = {id(variable) for variable in model.trainable_variables if variable.name == "kernel"}
    assert len(kernels) == 3


TRAINED = """
    name: small
    seed: 3
    inputs: {x: 12}
    layers:
      - Dense: {units: 16, activation: relu}
      - Dropout: 0.4
      - BatchNormalization
      - Dense: {units: 4, activation: softmax}
    fit: {epochs: 3, batch_size: 20, shuffle: false, validation_split: 0.25}
"""


def small() -> Any:
    x = keras.Input((12,), name="x")
    y = keras.layers.Dense(16, activation="relu")(x)
    y = keras.layers.BatchNormalization()(keras.layers.Dropout(0.4)(y))
    return keras.Model(x, keras.layers.Dense(4, activation="softmax")(y), name="small")


def write_data(path: Path) -> tuple[Any, Any]:
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(96, 12)).astype("float32"), generator.integers(0, 4, 96)
    np.savez(path, x=x, dense_1=y)
    return x, y


OPTIMIZERS: dict[str, tuple[str, Callable[[], Any]]] = {
    "adam": ("adam", lambda: "adam"),
    "SGD": (
        "{SGD: {learning_rate: {ExponentialDecay: {initial_learning_rate: 0.05, decay_steps: 3, decay_rate: 0.9}},"
        " momentum: 0.9, nesterov: true}}",
        lambda: keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.05, 3, 0.9), 0.9, nesterov=True),
    ),
    "AdamW": ("{AdamW: {learning_rate: 1e-2, clipnorm: 0.5}}", lambda: keras.optimizers.AdamW(1e-2, clipnorm=0.5)),
}


FURTHER = [pytest.param(name, marks=pytest.mark.slow) for name in ("SGD", "AdamW")]


@pytest.mark.parametrize("optimizer", ["adam", *FURTHER])
def test_three_epochs_without_shuffling_are_keras_own(tmp_path: Path, optimizer: str) -> None:
    written, make = OPTIMIZERS[optimizer]
    x, y = write_data(tmp_path / "data.npz")
    compiled = f"compile: {{optimizer: {written}, loss: sparse_categorical_crossentropy, metrics: [accuracy]}}"
    result = twins.loaded(TRAINED + f"    {compiled}\n", tmp_path).fit(tmp_path / "data.npz", output=tmp_path / "run")

    def script() -> Any:
        model = small()
        model.compile(make(), "sparse_categorical_crossentropy", metrics=["accuracy"])
        with without_keras_warnings():
            history = model.fit(x, y, epochs=3, batch_size=20, shuffle=False, validation_split=0.25, verbose=0)
        return model, history.history

    twin, history = twins.in_fresh_keras(script, 3)
    twins.assert_same_weights(result.model, twin)
    for key, column in history.items():
        assert [row[key] for row in result.history] == column, key


def test_the_run_folder_s_model_is_the_trained_one(tmp_path: Path) -> None:
    write_data(tmp_path / "data.npz")
    text = TRAINED + "    compile: {loss: sparse_categorical_crossentropy}\n"
    result = twins.loaded(text, tmp_path).fit(tmp_path / "data.npz", output=tmp_path / "run")
    # Keras leaves the states of random numbers out of a `.keras` file.
    twins.assert_same_weights(api.open_model(result.folder).model, result.model, seeds=False)


@pytest.mark.slow
def test_resnet50_equals_keras_applications() -> None:
    spec = api.load(SPECS / "resnet50.yaml")
    assert spec.plan().params == 25_636_712
    model = spec.build()
    twin = keras.applications.ResNet50(weights=None)
    assert model.count_params() == twin.count_params()
    assert len(model.trainable_variables) == len(twin.trainable_variables)
    shapes = [tuple(variable.shape) for variable in twin.weights]
    assert [tuple(variable.shape) for variable in model.weights] == shapes
    generator = np.random.default_rng(1)
    noise = [generator.uniform(0.9, 1.1, shape).astype("float32") for shape in shapes]
    weights = [np.asarray(variable.value) * part for variable, part in zip(twin.weights, noise, strict=True)]
    twin.set_weights(weights)
    model.set_weights(weights)
    one, other = (twins.outputs(each, twins.random_inputs(twin, batch=1))[0] for each in (model, twin))
    np.testing.assert_array_equal(one, other)
    assert 0 < np.ptp(one) < 1
