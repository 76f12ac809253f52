"""Files that nobody need fear: none is refused, and each gives what it gave."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import KerasTensor, layers, ops

from kspec import api
from kspec.model import archive
from kspec.model.archive import load_model, load_shapes
from kspec.model.quiet import without_keras_warnings
from kspec.model.weights import load_into
from kspec.model.weightsfile import arrays
from tests.conftest import SPECS, run_kspec


def functional(call: Callable[..., Any], *shapes: tuple[int, ...], dtype: str = "float32") -> Any:
    inputs = [keras.Input(shape, dtype=dtype, name=f"in{number}") for number, shape in enumerate(shapes)]
    return keras.Model(inputs, call(*inputs))


def sequential(*steps: Any, shape: tuple[int, ...] = (8,)) -> Any:
    return keras.Sequential([keras.Input(shape), *steps])


def shared(x: KerasTensor, y: KerasTensor) -> Any:
    layer = layers.Dense(3)
    return layers.Subtract()([layer(x), layer(y)])


def nested(x: KerasTensor) -> Any:
    inner = functional(lambda t: layers.Dense(8)(t) + t, (8,))
    return inner(sequential(layers.Dense(8, "relu"))(inner(x)))


def by_name() -> Any:
    inputs = {"a": keras.Input((3,), name="a"), "b": keras.Input((3,), name="b")}
    return keras.Model(inputs, {"sum": layers.Add()([inputs["a"], inputs["b"]])})


def adapted() -> Any:
    layer = layers.Normalization()
    layer.adapt(np.arange(80, dtype="float32").reshape(10, 8))
    return sequential(layer, layers.Dense(2))


def compiled(optimizer: Any = "adam", loss: Any = "mse", metrics: Any = ("mae",)) -> Any:
    model = sequential(layers.Dense(3), layers.Dense(1))
    model.compile(optimizer, loss, metrics=list(metrics))
    model.train_on_batch(np.ones((4, 8), "float32"), np.ones((4, 1), "float32"))
    return model


def quantized() -> Any:
    model = sequential(layers.Dense(4))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.quantize("int8")
    return model


def with_lora() -> Any:
    model = sequential(layers.Dense(4))
    model.layers[0].enable_lora(2)
    return model


def worded(**words: Any) -> Any:
    of = keras.initializers
    return layers.Dense(
        4,
        activation=keras.activations.gelu,
        kernel_initializer=of.HeNormal(seed=1),
        kernel_regularizer=keras.regularizers.L1L2(0.1, 0.1),
        kernel_constraint=keras.constraints.UnitNorm(),
        **words,
    )


def drawn(seed: int) -> Any:
    return keras.initializers.HeNormal(keras.random.SeedGenerator(seed))


DECAY = keras.optimizers.schedules.CosineDecay(0.1, 10, warmup_steps=2, warmup_target=0.2)
MODELS: dict[str, Callable[[], Any]] = {
    "sequential": lambda: sequential(layers.Dense(600), layers.BatchNormalization(), layers.Dropout(0.5)),
    "images": lambda: sequential(
        layers.Conv2D(4, 3), layers.MaxPooling2D(), layers.GlobalAveragePooling2D(), shape=(8, 8, 3)
    ),
    "functional": lambda: functional(lambda x, y: layers.Concatenate()([layers.Dense(3)(x), y]), (8,), (2,)),
    "shared": lambda: functional(shared, (8,), (8,)),
    "nested": lambda: functional(nested, (8,)),
    "by name": by_name,
    "several outputs": lambda: functional(lambda x: [layers.Dense(1, name="a")(x), x * 2], (8,)),
    "attention": lambda: functional(lambda x: layers.MultiHeadAttention(2, 3)(x, x), (5, 4)),
    "recurrent": lambda: functional(lambda x: layers.Bidirectional(layers.GRU(3))(x), (5, 2)),
    "cells": lambda: functional(lambda x: layers.RNN([layers.LSTMCell(3), layers.GRUCell(4)])(x), (5, 2)),
    "each time": lambda: functional(lambda x: layers.TimeDistributed(layers.Dense(3))(x), (5, 2)),
    "embedded": lambda: functional(lambda x: layers.Embedding(10, 3)(x), (5,), dtype="int32"),
    "words of a layer": lambda: sequential(worded()),
    "a generator of seeds": lambda: sequential(layers.Dense(3, kernel_initializer=drawn(3))),
    "an operation as an activation": lambda: sequential(layers.Dense(3, activation=ops.sigmoid)),
    "a part": lambda: functional(lambda x: x[:, 1:3], (8,)),
    "a part of many axes": lambda: functional(lambda x: x[..., None, 0], (8, 4)),
    "operations": lambda: functional(lambda x, y: ops.concatenate([ops.relu(x) + y * 2, ops.abs(y)], -1), (8,), (8,)),
    "einsum": lambda: functional(lambda x, y: ops.einsum("bi,bi->b", x, y), (8,), (8,)),
    "a constant": lambda: functional(lambda x: x + np.arange(8, dtype="float32"), (8,)),
    "a scaled input": lambda: sequential(layers.Rescaling([1.0, 2.0], offset=[0.0, 1.0]), shape=(2,)),
    "mixed precision": lambda: sequential(layers.Dense(3, dtype=keras.DTypePolicy("mixed_bfloat16"))),
    "half precision": lambda: sequential(layers.Dense(3, dtype="bfloat16")),
    "quantized": quantized,
    "lora": with_lora,
    "adapted": adapted,
    "trained": compiled,
    "trained with a schedule": lambda: compiled(keras.optimizers.AdamW(DECAY, clipnorm=1.0)),
    "trained with objects": lambda: compiled(
        keras.optimizers.SGD(0.1, momentum=0.9), keras.losses.Huber(), [keras.metrics.RootMeanSquaredError()]
    ),
    "trained with functions": lambda: compiled(
        "rmsprop", keras.losses.mean_squared_error, [keras.metrics.MeanMetricWrapper(keras.losses.mean_absolute_error)]
    ),
    "trained with scaled losses": lambda: compiled(keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())),
}


def inputs_of(model: Any) -> Any:
    def one(tensor: Any) -> Any:
        shape = tuple(3 if axis is None else axis for axis in tensor.shape)
        return np.random.default_rng(1).integers(0, 3, shape).astype(tensor.dtype)

    given = model.input if hasattr(model, "input") and not isinstance(model, keras.Sequential) else model.inputs[0]
    return keras.tree.map_structure(one, given)


def same(one: Any, other: Any) -> bool:
    pairs = zip(keras.tree.flatten(one), keras.tree.flatten(other), strict=True)
    return all(np.array_equal(np.asarray(a, "float32"), np.asarray(b, "float32")) for a, b in pairs)


def saved(model: Any, path: Path, save: str = "save") -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        getattr(model, save)(path)
    return path


SLOW = {"cells", "recurrent", "attention", "images", "trained", "each time", "words of a layer"}
SLOW |= {"trained with functions", "trained with objects", "nested", "lora", "by name"}
SLOW |= {"quantized", "trained with a schedule", "trained with scaled losses", "several outputs", "adapted"}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in MODELS])
def test_what_keras_saves_is_admitted_and_the_same(name: str, tmp_path: Path) -> None:
    model = MODELS[name]()
    path = saved(model, tmp_path / "good.keras")
    found = api.audit(path)
    assert found["admitted"], found["refusals"]
    given = inputs_of(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = load_model(path)
        assert same(model(given), loaded(given))
    weights = saved(model, tmp_path / "good.weights.h5", "save_weights")
    assert api.audit(weights)["admitted"]
    assert len(arrays(weights)) == len(arrays(path))


@pytest.mark.parametrize("load", [load_model, load_shapes])
def test_layers_of_one_name_keep_their_own_alpha_of_lora(load: Callable[..., Any], tmp_path: Path) -> None:
    """Keras reads it, and then forgets it."""

    def inner(name: str, alpha: float) -> Any:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(4, name="same")], name=name)
        model.get_layer("same").enable_lora(2, lora_alpha=alpha)
        return model

    model = sequential(inner("a", 5), layers.Reshape((1, 4)), layers.TimeDistributed(inner("b", 6.5)), shape=(4,))
    found = load(saved(model, tmp_path / "good.keras"))
    assert found.layers[0].get_layer("same").lora_alpha == 5
    assert found.layers[2].layer.get_layer("same").lora_alpha == 6.5


def test_the_largest_optimizer_need_not_be_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five variables for each of the model's, none of them saved; a first value beside them cannot wait."""
    model = sequential(layers.Dense(40, kernel_initializer="random_normal"), shape=(40,))
    model.compile(keras.optimizers.Adam(amsgrad=True, use_ema=True, gradient_accumulation_steps=2), "mse")
    path = saved(model, tmp_path / "good.keras")
    monkeypatch.setattr(archive, "FREE", 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras tells that they are not there
        assert len(load_model(path).optimizer.variables) > 10


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("level", [1, 9])
def test_archives_packed_anew_are_admitted(method: int, level: int, tmp_path: Path) -> None:
    model = MODELS["sequential"]()
    path = saved(model, tmp_path / "good.keras")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "new.keras", "w", method, compresslevel=level) as new:
        for member in reversed(old.namelist()):
            new.writestr(member, old.read(member))
    assert api.audit(tmp_path / "new.keras")["admitted"]
    given = inputs_of(model)
    assert same(model(given), load_model(tmp_path / "new.keras")(given))


def test_arrays_packed_anew_are_admitted(tmp_path: Path) -> None:
    import h5py

    path = saved(MODELS["sequential"](), tmp_path / "good.weights.h5", "save_weights")
    with h5py.File(path) as old, h5py.File(tmp_path / "new.weights.h5", "w") as new:

        def copy(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                new.create_dataset(name, data=item[()], compression="gzip" if item.shape else None)

        old.visititems(copy)
    assert api.audit(tmp_path / "new.weights.h5")["admitted"]


@pytest.mark.slow
def test_a_model_of_many_layers_is_admitted(tmp_path: Path) -> None:
    model = sequential(*(layers.Dense(2) for _ in range(300)), shape=(2,))
    assert api.audit(saved(model, tmp_path / "deep.keras"))["admitted"]


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["digits_mlp", "mixed_precision", "siamese_distance", "switches", "two_headed_mlp"])
def test_what_the_gallery_builds_is_admitted(spec: str, tmp_path: Path) -> None:
    outcome = run_kspec("build", SPECS / f"{spec}.yaml", "-o", tmp_path / "built.keras")
    assert outcome.status == 0, outcome.text
    assert api.audit(tmp_path / "built.keras")["admitted"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an optimizer that has trained nothing has no variables in the file
        load_model(tmp_path / "built.keras")


def test_a_saved_sequential_is_a_step_of_a_spec(in_tmp: Path) -> None:
    model = saved(MODELS["sequential"](), Path("body.keras"))
    Path("pyproject.toml").touch()
    Path("spec.yaml").write_text("kspec: 1\ninputs: {x: 8}\nlayers: [{model: body.keras}, {Dense: 2}]\n")
    assert run_kspec("check", "spec.yaml").status == 0
    built = api.load("spec.yaml").build()
    given = np.ones((2, 8), "float32")
    assert same(load_model(model)(given), built.layers[1](given))


@pytest.mark.slow
def test_a_model_of_very_many_layers(tmp_path: Path) -> None:
    """More arrays than a stranger's file may have, and its configuration says why."""
    model = functional(lambda x: layers.Add()([layers.Dense(2)(x) for _ in range(1800)]), (2,))
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    weights = tmp_path / "deep.weights.h5"
    with without_keras_warnings():
        model.save(tmp_path / "deep.keras")
        model.save_weights(weights)
    assert api.audit(tmp_path / "deep.keras")["refusals"] == []
    load_into(model, weights, ())
