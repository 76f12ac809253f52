"""Configurations of Keras 1 and 2, in the form that those wrote: the same models, and what has no counterpart."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

import kspec as library
from kspec.convert.sameness import difference
from kspec.importing import import_model
from tests.conftest import run_kspec
from tests.convert.same import keras

layers = keras.layers
Config = dict[str, Any]


def named(name: str, config: Config | None = None) -> Config:
    return {"class_name": name, "config": config or {}}


UNIFORM = named("VarianceScaling", {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None})


def layer(kind: str, name: str, **arguments: Any) -> Config:
    return named(kind, {"name": name, "trainable": True, "dtype": "float32", **arguments})


def conv(name: str) -> Config:
    none = dict.fromkeys(
        ("kernel_regularizer", "bias_regularizer", "activity_regularizer", "kernel_constraint", "bias_constraint")
    )
    given = {"filters": 8, "kernel_size": [3, 3], "strides": [1, 1], "padding": "same", "activation": "relu"}
    more = {"data_format": "channels_last", "dilation_rate": [1, 1], "groups": 1, "use_bias": True}
    return layer("Conv2D", name, **given, **more, kernel_initializer=UNIFORM, bias_initializer=named("Zeros"), **none)


def after(made: Config, *sources: str) -> Config:
    """A layer with its wiring: node by node, a list of [layer, node, tensor, arguments]."""
    return {**made, "name": made["config"]["name"], "inbound_nodes": [[[each, 0, 0, {}] for each in sources]]}


def functional(kind: str, version: str) -> Config:
    given = {"batch_input_shape": [None, 8, 8, 1], "dtype": "float32", "sparse": False, "ragged": False, "name": "x"}
    dense = layer(
        "Dense",
        "out",
        units=3,
        activation="softmax",
        use_bias=True,
        kernel_regularizer=named("L1L2", {"l1": 0.0, "l2": 1e-3}),
    )
    made = [
        {**named("InputLayer", given), "name": "x", "inbound_nodes": []},
        after(conv("a"), "x"),
        after(layer("BatchNormalization", "b", axis=[3], momentum=0.99, epsilon=1e-3, fused=True), "a"),
        after(layer("LeakyReLU", "c", alpha=0.25), "b"),
        after(layer("Add", "d"), "c", "a"),
        after(layer("Flatten", "e", data_format="channels_last"), "d"),
        after(dense, "e"),
    ]
    config = {"name": "model_1", "layers": made, "input_layers": [["x", 0, 0]], "output_layers": [["out", 0, 0]]}
    return {"class_name": kind, "config": config, "keras_version": version, "backend": "tensorflow"}


def functional_by_hand() -> Any:
    x = keras.Input((8, 8, 1), name="x")
    a = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    c = layers.LeakyReLU(0.25)(layers.BatchNormalization(axis=3)(a))
    y = layers.Flatten()(layers.Add()([c, a]))
    return keras.Model(
        x, layers.Dense(3, "softmax", kernel_regularizer=keras.regularizers.L1L2(0.0, 1e-3), name="out")(y)
    )


def sequential() -> Config:
    lstm = layer("LSTM", "lstm", units=4, time_major=False, return_sequences=True, implementation=2)
    embedding = layer("Embedding", "emb", batch_input_shape=[None, 10], input_dim=50, output_dim=6, input_length=10)
    made = [
        embedding,
        layer("Bidirectional", "both", layer=lstm, merge_mode="concat"),
        layer("GRU", "gru", units=4, return_sequences=True),
        layer("CuDNNLSTM", "fast", units=4, kernel_initializer=UNIFORM),
        layer("ThresholdedReLU", "cut", theta=0.5),
        layer("Dense", "out", units=2, activation="linear"),
    ]
    return {"class_name": "Sequential", "config": {"name": "seq", "layers": made}, "keras_version": "2.4.0"}


def sequential_by_hand() -> Any:
    return keras.Sequential(
        [
            keras.Input((10,), dtype="int32"),
            layers.Embedding(50, 6),
            layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
            layers.GRU(4, return_sequences=True, reset_after=False),
            layers.LSTM(4),
            layers.ReLU(threshold=0.5),
            layers.Dense(2),
        ]
    )


def first() -> Config:
    """Of Keras 1.2, whose layers had other arguments."""
    where = {"name": "conv", "batch_input_shape": [None, 9, 9, 2], "input_dtype": "float32", "trainable": True}
    what = {"nb_filter": 4, "nb_row": 3, "nb_col": 5, "init": "glorot_uniform", "activation": "relu", "bias": True}
    how = {"border_mode": "valid", "subsample": [2, 1], "dim_ordering": "tf", "W_regularizer": None}
    none = dict.fromkeys(("b_regularizer", "activity_regularizer", "W_constraint", "b_constraint"))
    convolution = {**where, **what, **how, **none}
    dense = {
        "name": "dense",
        "output_dim": 3,
        "init": "glorot_uniform",
        "input_dim": None,
        "bias": False,
        "activation": "tanh",
    }
    made = [
        named("Convolution2D", convolution),
        named("Flatten", {"name": "flat"}),
        named("Dropout", {"p": 0.5, "name": "drop"}),
    ]
    return {"class_name": "Sequential", "config": [*made, named("Dense", dense)], "keras_version": "1.2.2"}


def first_by_hand() -> Any:
    made = [layers.Conv2D(4, (3, 5), (2, 1), activation="relu"), layers.Flatten(), layers.Dropout(0.5)]
    return keras.Sequential([keras.Input((9, 9, 2)), *made, layers.Dense(3, "tanh", use_bias=False)])


@pytest.mark.parametrize(
    ("config", "by_hand"),
    [
        (functional("Model", "2.3.1"), functional_by_hand),
        (functional("Functional", "2.9.0"), functional_by_hand),
        (sequential(), sequential_by_hand),
        (first(), first_by_hand),
    ],
    ids=["Model", "Functional", "Sequential", "Keras 1"],
)
def test_the_same_model(in_tmp: Path, config: Config, by_hand: Any) -> None:
    Path("old.json").write_text(json.dumps(config), encoding="utf-8")
    built = library.loads(import_model("old.json")).abstract()[0].model
    assert not difference(by_hand(), built)


def test_modules_of_keras_2_13_and_later(in_tmp: Path) -> None:
    """There every object has a module, of Keras 2's own; an archive has the form as well."""
    config = functional("Functional", "2.15.0")
    config["module"], config["registered_name"] = "keras.src.engine.functional", "Functional"
    for each in config["config"]["layers"]:
        each |= {"module": "keras.layers", "registered_name": None, "build_config": {"input_shape": [None, 8]}}
    Path("old.json").write_text(json.dumps(config), encoding="utf-8")
    built = library.loads(import_model("old.json")).abstract()[0].model
    assert not difference(functional_by_hand(), built)
    with zipfile.ZipFile("old.keras", "w") as archive:
        archive.writestr("config.json", json.dumps({**config, "compile_config": {"optimizer": "adam"}}))
        archive.writestr("metadata.json", json.dumps({"keras_version": "2.15.0"}))
        archive.writestr("model.weights.h5", b"")
    outcome = run_kspec("import", "old.keras", "-o", "new.yaml")
    assert outcome.status == 0, outcome.text
    assert outcome.err == "note: what it was compiled with is left out\n"
    outcome = run_kspec("import", "old.keras", "-o", "new.yaml", "--weights", "w.weights.h5")
    assert outcome.status == 3
    assert "the weights of an archive of Keras 2 are not taken along" in outcome.err


def test_an_archive_of_a_version_to_come(in_tmp: Path) -> None:
    with zipfile.ZipFile("new.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(functional("Functional", "2.15.0")))
        archive.writestr("metadata.json", json.dumps({"keras_version": "5.0"}))
        archive.writestr("model.weights.h5", b"")
    outcome = run_kspec("import", "new.keras")
    assert outcome.status == 3
    assert "it was saved by Keras `5.0`, which kspec does not know" in outcome.err


def one(*made: Config, **words: Any) -> Config:
    return {
        "class_name": "Sequential",
        "config": {"name": "s", "layers": list(made)},
        "keras_version": "2.9.0",
        **words,
    }


DENSE = layer("Dense", "first", units=2, batch_input_shape=[None, 4])


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            one(DENSE, layer("LocallyConnected1D", "loc")),
            "`loc` is a LocallyConnected1D, which has no counterpart since Keras 3.0",
        ),
        (one(DENSE, layer("TFOpLambda", "tf.add")), "`tf.add` is a TFOpLambda, which has no counterpart"),
        (one(DENSE, layer("Mine", "own")), "`own` is a Mine, which has no counterpart"),
        (one(DENSE, layer("Dense", "odd", units=2, colour="red")), "`odd` has the argument `colour`"),
        (one(DENSE, layer("LSTM", "swapped", units=2, time_major=True)), "`swapped` has the argument `time_major`"),
        (one(DENSE, layer("Merge", "joined")), "`joined` is a Merge of Keras 1"),
        (one(DENSE, layer("Lambda", "code")), "Lambda layer holds Python code"),
        (one(DENSE, {"config": {}}), "one of its layers has no class"),
        (one(DENSE, {"class_name": "Dense", "config": 3, "name": "n"}), "`n` has no configuration"),
        (one(DENSE, keras_version="5.0"), "it was saved by Keras `5.0`, which kspec does not know"),
        (one(DENSE, keras_version=[1]), "which kspec does not know"),
        ({"class_name": "Mine", "config": {}}, "`Mine` is no model of Keras's"),
    ],
)
def test_what_has_no_counterpart(in_tmp: Path, config: Config, said: str) -> None:
    Path("old.json").write_text(json.dumps(config), encoding="utf-8")
    outcome = run_kspec("import", "old.json", "-o", "new.yaml")
    assert outcome.status == 3, outcome.text
    assert said in outcome.err
    assert not Path("new.yaml").exists()


@pytest.mark.parametrize(
    ("scaling", "told"),
    [
        ({"scale": 1.0, "mode": "fan_avg", "distribution": "normal", "seed": None}, "GlorotNormal"),
        ({"scale": 2.0, "mode": "fan_in", "distribution": "truncated_normal", "seed": 3}, "{HeNormal: {seed: 3}}"),
        ({"scale": 2.0, "mode": "fan_out", "distribution": "uniform"}, "{VarianceScaling: {scale: 2.0, mode: fan_out"),
    ],
)
def test_scalings_have_the_names_that_people_know(in_tmp: Path, scaling: Config, told: str) -> None:
    made = one({**DENSE, "config": {**DENSE["config"], "kernel_initializer": named("VarianceScaling", scaling)}})
    Path("old.json").write_text(json.dumps(made), encoding="utf-8")
    assert f"kernel_initializer: {told}" in import_model("old.json")


def test_what_computes_otherwise_is_told(in_tmp: Path) -> None:
    made = one(layer("LSTM", "gates", units=2, recurrent_activation="hard_sigmoid", batch_input_shape=[None, 5, 2]))
    Path("old.json").write_text(json.dumps(made), encoding="utf-8")
    outcome = run_kspec("import", "old.json")
    assert outcome.status == 0, outcome.text
    assert outcome.err == "note: `gates`: hard_sigmoid is x / 6 + 0.5 since Keras 3, and was 0.2 x + 0.5\n"


def test_a_tower_of_wrappers_ends_in_a_message(in_tmp: Path) -> None:
    text = (
        '{"class_name": "TimeDistributed", "config": {"name": "t", "layer": ' * 3000 + json.dumps(DENSE) + "}}" * 3000
    )
    Path("old.json").write_text('{"class_name": "Sequential", "config": [' + text + "]}", encoding="utf-8")
    outcome = run_kspec("import", "old.json")
    assert outcome.status == 3, outcome.text[:500]
