"""A layer around a model (`TimeDistributed` of a Sequential one, say): built, imported, trained, written as code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kspec as library
from kspec.convert.code import trial
from kspec.convert.sameness import difference
from kspec.diagnostics import FileError, UsageError
from kspec.importing import import_model
from kspec.model.backend import load_keras
from kspec.model.quiet import without_keras_warnings
from kspec.model.save import save
from kspec.model.variables import by_path, variable_names
from kspec.training.loop.blame import blame
from tests.conftest import run_kspec
from tests.convert.code.twins import twins as pairs
from tests.convert.same import assert_same, assert_survives, text_of
from tests.model import twins

keras = load_keras()
layers = keras.layers

SPEC = """
kspec: 1
seed: 3
inputs: {frames: [5, 8, 8, 1]}
blocks:
  frame:
    vars: {filters: 4}
    layers: [{Conv2D: {filters: $filters, kernel_size: 3, activation: relu}}, Flatten, {Dense: 6}]
layers: [{TimeDistributed: frame}, {TimeDistributed: {Dense: 4}}, {LSTM: 3}, {Dense: 1}]
"""


def chain(**more: Any) -> Any:
    steps = [keras.Input((8, 8, 1)), layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(6)]
    return keras.Sequential(steps, **more)


def classifier(inner: Any) -> Any:
    inputs = keras.Input((5, 8, 8, 1), name="frames")
    y = layers.TimeDistributed(inner)(inputs)
    y = layers.TimeDistributed(layers.Dense(4))(y)
    y = layers.LSTM(3)(y)
    return keras.Model(inputs, layers.Dense(1)(y))


def frozen() -> Any:
    inner = chain(name="base")
    inner.trainable = False
    return classifier(inner)


def frozen_around() -> Any:
    model = classifier(chain(name="base"))
    model.layers[1].trainable = False
    return model


def graph_inside() -> Any:
    """A model that branches, with a model and one more layer around one inside."""
    start = keras.Input((3, 4))
    deep = keras.Sequential([keras.Input((4,)), layers.Dense(2, name="a"), layers.BatchNormalization()], name="deep")
    y = layers.TimeDistributed(deep, name="each")(start)
    y = keras.Sequential([keras.Input((3, 2)), layers.Dense(2)], name="nested")(y)
    inner = keras.Model(start, layers.Concatenate()([y, layers.Dense(2)(start)]), name="inner")
    inputs = keras.Input((2, 3, 4))
    return keras.Model(inputs, layers.TimeDistributed(inner)(inputs))


def called_twice() -> Any:
    left, right = keras.Input((5, 4)), keras.Input((7, 4))
    shared = layers.TimeDistributed(keras.Sequential([keras.Input((4,)), layers.Dense(3)], name="tower"))
    pooled = [layers.GlobalAveragePooling1D()(shared(each)) for each in (left, right)]
    return keras.Model([left, right], layers.Subtract()(pooled))


def open_in_time() -> Any:
    inputs = keras.Input((None, 4))
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="tanh")])
    return keras.Model(inputs, layers.TimeDistributed(inner)(inputs))


def in_sixteen_bits() -> Any:
    policy = {"dtype": "mixed_bfloat16"}
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3, **policy), layers.Dense(3, dtype="float32")])
    inputs = keras.Input((5, 4))
    y = layers.TimeDistributed(inner, **policy)(layers.Dense(4, **policy)(inputs))
    return keras.Model(inputs, layers.Dense(2, dtype="float32")(layers.Dense(2, **policy)(y)))


def differing_in_numbers() -> Any:
    inputs = keras.Input((5, 4))
    y = inputs
    for units in (3, 4, 5):
        steps = [layers.LayerNormalization(), layers.Dense(units, activation="relu"), layers.Dense(4)]
        y = layers.TimeDistributed(keras.Sequential([keras.Input((4,)), *steps], name=f"step_{units}"))(y)
    return keras.Model(inputs, y)


def regularized() -> Any:
    inputs = keras.Input((5, 4))
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3)], name="inner")
    return keras.Model(inputs, layers.TimeDistributed(inner, activity_regularizer="l2")(inputs))


def with_lora() -> Any:
    model = open_in_time()
    model.layers[1].layer.layers[0].enable_lora(2)
    return model


MODELS = (
    *(frozen, frozen_around, graph_inside, called_twice, open_in_time),
    *(in_sixteen_bits, differing_in_numbers, regularized, with_lora),
)


@pytest.mark.parametrize("names", ["needed", "all"])
@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_survives(make: Any, names: Any) -> None:
    assert_survives(make(), names=names)


def test_is_read_from_files(tmp_path: Path) -> None:
    start = keras.Input((8, 8, 1))
    y = layers.Dense(6)(layers.Flatten()(layers.Conv2D(4, 3, activation="relu")(start)))
    model = classifier(keras.Model(start, y, name="base"))
    model.layers[1].layer.trainable = False  # of a Sequential one Keras loses it in files
    with without_keras_warnings():
        model.save(tmp_path / "m.keras")
    names = ("-o", tmp_path / "m.yaml", "--weights", tmp_path / "m.weights.h5")
    run = run_kspec("import", tmp_path / "m.keras", *names)
    assert run.status == 0, run.err
    text = (tmp_path / "m.yaml").read_text("utf-8")
    assert "  - TimeDistributed: {base: {trainable: false}}\n" in text
    assert "  - TimeDistributed: {layer: {Dense: {units: 4}}}\n" in text
    again = library.load(tmp_path / "m.yaml").build()
    twins.assert_same_outputs(keras.saving.load_model(tmp_path / "m.keras"), again)


def test_blocks_that_differ_in_numbers_are_one() -> None:
    text = import_model(differing_in_numbers())
    assert "  - TimeDistributed: {step: {units: 3}}\n  - TimeDistributed: {step: {units: 4}}\n" in text


def test_builds_what_keras_builds() -> None:
    built = library.loads(SPEC).build()
    twin = twins.in_fresh_keras(lambda: classifier(chain(name="frame")), 3)
    for weight, theirs in zip(built.weights, twin.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(weight.value), np.asarray(theirs.value))
    twins.assert_same_outputs(built, twin)
    assert built.layers[1].layer.name == "frame"


def test_trains(tmp_path: Path) -> None:
    spec = library.loads(SPEC + "compile: {optimizer: sgd, loss: mse}\nfit: {epochs: 2, batch_size: 8}\n")
    random = np.random.default_rng(0)
    x, y = random.normal(size=(32, 5, 8, 8, 1)).astype("float32"), random.normal(size=(32, 1)).astype("float32")
    np.savez(tmp_path / "data.npz", frames=x, dense=y)
    result = spec.fit(data=tmp_path / "data.npz")
    twin = twins.in_fresh_keras(lambda: classifier(chain(name="frame")), 3)
    twin.compile("sgd", "mse")
    assert result.history[-1]["loss"] < twin.evaluate(x, y, verbose=0)


def test_a_model_that_is_wrapped_and_called_too_is_refused() -> None:
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(4)], name="shared")
    inputs = keras.Input((5, 4))
    y = layers.GlobalAveragePooling1D()(layers.TimeDistributed(inner, name="each")(inputs))
    model = keras.Model(inputs, inner(y))
    with pytest.raises(FileError, match="`shared` is in the models"):
        import_model(model)


def test_what_is_frozen_inside_is_a_difference() -> None:
    assert difference(frozen(), frozen()) == ""
    assert "what is trained differs" in difference(frozen(), classifier(chain()))
    assert "what is trained differs" in difference(frozen(), frozen_around())


STYLES = ("functional", "sequential")


@pytest.mark.parametrize("style", STYLES)
def test_as_code(style: Any, tmp_path: Path) -> None:
    built = library.loads(SPEC).build()
    notes: list[str] = []
    text = library.code(library.loads(SPEC), style=style, tell=notes.append)
    assert not notes
    assert "layers.TimeDistributed(frame_model)" in text
    made = trial.run(text, tmp_path, frozenset())["build_model"]()
    for layer, twin in pairs(built, made):
        for weight, theirs in zip(twin.weights, layer.weights, strict=True):
            weight.assign(theirs.value)
    twins.assert_same_outputs(built, made)


LOOP = """
inputs: {x: [5, 4]}
vars: {depth: 3}
blocks:
  step: {vars: {units: null}, layers: [{Dense: $units}, {Dense: 4}]}
layers:
  - repeat: {i: $depth}
    layers: [{TimeDistributed: {step: {units: $(i + 2), trainable: false}}}]
  - TimeDistributed: {layer: {step: 7}}
    name: again
  - reuse: again
"""


def test_code_of_layers_around_models_in_loops() -> None:
    notes: list[str] = []
    text = library.code(library.loads("kspec: 1\n" + LOOP), tell=notes.append)
    assert not notes
    assert text.count("def make_step(") == 1
    assert "        step_model = make_step(x[:, 0], units=i + 2)\n        step_model.trainable = False\n" in text


def test_code_as_a_subclass_is_refused() -> None:
    with pytest.raises(UsageError, match="has to be a functional one") as caught:
        library.code(library.loads(SPEC), style="subclass")
    assert "--style functional" in caught.value.problems[0].help


def test_weights_and_adapted_layers_inside(tmp_path: Path) -> None:
    inside = "{layers: [{Dense: 2, weights: d.npz, name: d}]}"
    (tmp_path / "kspec.yaml").write_text(
        f"kspec: 1\ninputs: {{x: [3, 2]}}\nblocks: {{b: {inside}}}\nlayers: [{{TimeDistributed: b}}]\n"
    )
    np.savez(tmp_path / "d.npz", kernel=np.eye(2, dtype="float32"), bias=np.ones(2, "float32"))
    built = library.load(tmp_path / "kspec.yaml").build()
    x = np.arange(6, dtype="float32").reshape(1, 3, 2)
    np.testing.assert_array_equal(np.asarray(built(x)), x + 1)


def test_statistics_inside_are_asked_for(tmp_path: Path) -> None:
    spec = library.loads(
        "kspec: 1\ninputs: {x: [3, 2]}\nblocks: {b: {layers: [Normalization]}}\nlayers: [{TimeDistributed: b}]\n"
        "outputs: {y: time_distributed}\ncompile: {loss: mse}\nfit: {epochs: 1}\n"
    )
    np.savez(tmp_path / "data.npz", x=np.zeros((4, 3, 2), "float32"), y=np.zeros((4, 3, 2), "float32"))
    with pytest.raises(library.SpecError) as caught:
        spec.fit(data=tmp_path / "data.npz")
    assert caught.value.problems[0].code == "cannot-adapt"


def backbone(**more: Any) -> Any:
    start = keras.Input((None, None, 3))
    y = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(start))
    return keras.Model(start, y, **more)


def on_a_backbone_of_any_size() -> Any:
    inputs = keras.Input((32, 24, 3))
    return keras.Model(inputs, layers.Dense(2)(backbone(name="backbone")(inputs)))


def on_frames_of_any_size() -> Any:
    inputs = keras.Input((5, 32, 24, 3))
    return keras.Model(inputs, layers.LSTM(2)(layers.TimeDistributed(backbone())(inputs)))


def with_other_dtypes() -> Any:
    a, b = keras.Input((4,), name="a"), keras.Input((None, 2), dtype="int32", batch_size=3, name="b")
    inner = keras.Model([a, b], layers.Concatenate()([a, layers.GlobalMaxPooling1D()(b)]), name="inner")
    inputs = [keras.Input((4,), dtype="int32", batch_size=3), keras.Input((6, 2), batch_size=3)]
    return keras.Model(inputs, layers.Dense(2)(inner(inputs)))


@pytest.mark.parametrize("names", ["needed", "all"])
@pytest.mark.parametrize("make", [on_a_backbone_of_any_size, on_frames_of_any_size, with_other_dtypes])
def test_inputs_of_models_inside_that_are_not_like_what_reaches_them(make: Any, names: Any) -> None:
    text = assert_survives(make(), names=names)
    assert "[null, null, 3]" in text or "b: {batch_shape: [3, null, 2], dtype: int32}" in text
    assert "def make_" in library.code(library.loads(text))


@pytest.mark.slow
def test_transfer_learning_on_an_application() -> None:
    base = keras.applications.MobileNetV2(include_top=False, weights=None, alpha=0.35)
    base.trainable = False
    inputs = keras.Input((64, 64, 3))
    y = layers.GlobalAveragePooling2D()(base(layers.Rescaling(1 / 127.5, -1)(inputs), training=False))
    model = keras.Model(inputs, layers.Dense(2)(y))
    text = text_of(model)
    assert "    inputs: {input: [null, null, 3]}\n" in text
    again = library.loads(text).build()
    assert_same(model, again)
    assert_survives(again)


SIZED = """
inputs: {image: [16, 16, 3]}
blocks:
  backbone:
    nested: true
    vars: {size: 8, channels: 3}
    inputs: {x: {shape: [$size, $size, $channels], dtype: float32}}
    layers: [{Conv2D: {filters: $(channels + 1), kernel_size: 3}}, GlobalAveragePooling2D]
layers: [{backbone: {size: 16}}, {Dense: 2}]
"""


def test_code_of_inputs_with_shapes() -> None:
    notes: list[str] = []
    text = library.code(library.loads("kspec: 1\n" + SIZED), tell=notes.append)
    assert not notes
    assert "def make_backbone(size: int = 8, channels: int = 3) -> keras.Model:" in text
    assert '    x_1 = keras.Input(shape=(size, size, channels), dtype="float32", name="x")\n' in text
    assert "make_backbone(size=16)" in text


def test_names_of_weights_are_those_of_the_layers_inside(tmp_path: Path) -> None:
    """Two layers of one shape: weights go to the layer of their name, in whatever order the two stand."""
    spec = "kspec: 1\ninputs: {x: [3, 4]}\nblocks: {f: {layers: [%s, %s]}}\nlayers: [{TimeDistributed: f, name: td}]\n"
    steps = ["{Dense: 4, name: enc_1}", "{Dense: 4, name: enc_2}"]
    first = library.loads(spec % tuple(steps)).build()
    assert list(by_path(first)) == ["td/enc_1/kernel", "td/enc_1/bias", "td/enc_2/kernel", "td/enc_2/bias"]
    assert variable_names(first.layers[1]) == ["enc_1/kernel", "enc_1/bias", "enc_2/kernel", "enc_2/bias"]
    save(first, tmp_path / "first.safetensors")
    text = spec.replace("inputs", "weights: first.safetensors\ninputs") % tuple(reversed(steps))
    second = library.loads(text, folder=tmp_path).build()
    for name, variable in by_path(second).items():
        np.testing.assert_array_equal(np.asarray(variable.value), np.asarray(by_path(first)[name].value))


def test_what_is_not_a_block_keeps_its_name() -> None:
    """A model may be called as a regularizer is."""
    inputs = keras.Input((8,))
    y = inputs
    for name in ("L2", "L2_1"):
        y = keras.Sequential([keras.Input((8,)), layers.Dense(8 if name == "L2" else 4), layers.Dense(8)], name=name)(y)
    y = layers.BatchNormalization(beta_regularizer=keras.regularizers.L2(0.3))(y)
    model = keras.Model(inputs, layers.Dense(8, kernel_regularizer=keras.regularizers.L2(0.3))(y))
    assert_same(model, library.loads(text_of(model)).build())


@pytest.mark.parametrize("name", ["my model", "input", "a/b"])
def test_names_that_no_spec_has(name: str) -> None:
    inputs = keras.Input((5, 4))
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    inner.name = name
    assert_survives(keras.Model(inputs, layers.TimeDistributed(inner)(inputs)))


def test_an_input_that_may_be_missing_is_said() -> None:
    start = keras.Input((4,), optional=True, name="a")
    inner = keras.Model(start, layers.Dense(2)(start), name="inner")
    inputs = keras.Input((4,))
    assert "inputs: {a: {shape: [4], optional: true}}" in import_model(keras.Model(inputs, inner(inputs)))


def test_a_slice_keeps_what_is_computed_in_sixteen_bits() -> None:
    whole = library.loads(
        "kspec: 1\ndtype_policy: mixed_bfloat16\ninputs: {x: [4, 8]}\n"
        "blocks: {f: {layers: [{Dense: 6}, {Dense: 3}]}}\n"
        "layers: [{TimeDistributed: f, name: td}, Flatten, {Dense: 3, name: d}]\noutputs: [td, d]\n"
    )
    for to in ("td", "d"):
        part = library.loads(whole.slice(end=to)).build(compile=False)
        policies = [layer.dtype_policy.name for layer in part.get_layer("td").layer.layers[1:]]
        assert policies == ["mixed_bfloat16", "float32"]


def test_many_uses_are_one_block_in_the_canonical_spec() -> None:
    text = library.loads(
        "kspec: 1\ninputs: {x: [4, 8]}\nblocks: {f: {vars: {u: 8}, layers: [{Dense: $u}, {Dense: 8}]}}\n"
        "layers: [{repeat: 50, layers: [{TimeDistributed: f}]}, {TimeDistributed: {f: 3}}, {TimeDistributed: {f: 4}}]\n"
    ).show()
    assert text.count("nested: true") == 3
    assert "f_block_2" in text
    assert "f_block_block" not in text


def test_the_tensor_among_named_ones() -> None:
    text = (
        "kspec: 1\ninputs: {m: {shape: [4], dtype: bool}, x: [4, 8]}\nblocks: {f: {layers: [{Dense: 3}]}}\n"
        "layers: [{TimeDistributed: f, from: {mask: m, inputs: x}}]\n"
    )
    assert library.loads(text).build().output_shape == (None, 4, 3)
    assert "(x_1, mask=m)" in library.code(library.loads(text))


def test_help_for_what_is_not_written_as_code_reaches_the_layer() -> None:
    block = "{layers: [{Dense: 3, lora: 2}]}"
    text = f"kspec: 1\ninputs: {{x: [4, 8]}}\nblocks: {{f: {block}}}\nlayers: [{{TimeDistributed: f}}]\n"
    with pytest.raises(UsageError) as caught:
        library.code(library.loads(text))
    call = caught.value.problems[0].help.split("`")[-2]
    model = library.loads(text.replace(", lora: 2", "")).build()
    exec(call, {"model": model})
    assert model.layers[1].layer.layers[1].lora_enabled


def test_tokens_beyond_the_table_of_a_model_inside(tmp_path: Path) -> None:
    text = (
        "kspec: 1\ninputs: {x: {shape: [4, 5], dtype: int32}}\n"
        "blocks: {f: {layers: [{Embedding: {input_dim: 10, output_dim: 3}}, Flatten]}}\n"
        "layers: [{%s}, Flatten, {Dense: 1, name: y}]\ncompile: {loss: mse}\nfit: {epochs: 1}\n"
    )
    np.savez(tmp_path / "d.npz", x=np.full((8, 4, 5), 99, "int32"), y=np.zeros((8, 1), "float32"))
    for step in ("TimeDistributed: f", "TimeDistributed: {Embedding: {input_dim: 10, output_dim: 3}}"):
        with pytest.raises(FileError) as caught:
            library.loads(text % step).fit(data=tmp_path / "d.npz")
        assert caught.value.problems[0].code == "data-token"
        assert "has the tokens 0 to 9" in caught.value.problems[0].message


@pytest.mark.parametrize("time", [3, None])
def test_a_number_that_is_none_inside_is_found(time: int | None, tmp_path: Path) -> None:
    start = keras.Input((time, 2))
    inner = keras.Sequential([keras.Input((2,)), layers.Dense(2, name="inside"), layers.ReLU()])
    model = keras.Model(start, layers.Dense(1)(layers.TimeDistributed(inner, name="each")(start)))
    model.compile("sgd", "mse")
    inner.layers[0].bias.assign([np.inf, 0.0])
    inner.layers[0].kernel.assign(np.full((2, 2), -np.inf))
    state = model._get_jax_state(trainable_variables=True, non_trainable_variables=True, optimizer_variables=True)
    batch = (np.ones((2, 3, 2), "float32"), np.ones((2, 3, 1), "float32"), None)
    found = blame(model, (*state, []), batch)
    assert "\x1b" not in found
    assert found
