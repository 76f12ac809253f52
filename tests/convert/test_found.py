"""Models as people write them, which an import, the code or the weights of once were wrong for."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kspec as library
from kspec.convert.code import trial
from kspec.convert.sameness import keeps_order
from kspec.importing import import_model
from kspec.model.quiet import without_keras_warnings
from tests.conftest import run_kspec
from tests.convert.same import assert_same_numbers, keras

layers, ops = keras.layers, keras.ops


def tower(name: str) -> Any:
    start = keras.Input((8,))
    return keras.Model(start, layers.Dense(3)(start), name=name)


def towers() -> Any:
    x = keras.Input((8,), name="x")
    return keras.Model(x, [tower("teacher")(x), tower("student")(x)])


def of_functions() -> Any:
    x = keras.Input((8,), name="x")
    one, other = layers.Dense(3)(x), layers.Dense(3)(x)
    return keras.Model(x, [ops.tanh(other), ops.relu(one)])


@pytest.mark.parametrize("make", [towers, of_functions])
def test_code_reads_weights_into_the_layers_that_they_are_of(make: Any, in_tmp: Path) -> None:
    """Outputs in a list are one in the code: Keras would order those of a mapping, and the layers with them."""
    model = make()
    with without_keras_warnings():
        model.save("m.keras")
    assert run_kspec("import", "m.keras", "-o", "m.yaml", "--weights", "m.weights.h5").status == 0
    namespace: dict[str, Any] = {"__name__": "generated", "__file__": str(in_tmp / "generated.py")}
    notes: list[str] = []
    exec(library.code("m.yaml", tell=notes.append), namespace)
    made = namespace["build_model"]()
    assert not notes
    row = np.ones((1, 8), "float32")
    for mine, theirs in zip(made(row), model(row), strict=True):
        np.testing.assert_array_equal(np.asarray(mine), np.asarray(theirs))


def test_another_order_of_layers_is_seen() -> None:
    x = keras.Input((8,))
    one, other = tower("one"), tower("other")
    model = keras.Model(x, [other(x), one(x)])
    same, turned = (keras.Model(x, {f"{word}1": other(x), f"{word}2": one(x)}) for word in ("a", "b"))
    assert keeps_order(model, same)
    assert keeps_order(model, turned)
    turned = keras.Model(x, {"z": other(x), "a": one(x)})
    listed = keras.Model(x, [turned.output["z"], turned.output["a"]])
    assert not keeps_order(model, turned, (model, listed))


def test_import_tells_of_another_order_of_layers() -> None:
    x = keras.Input((8,), name="x")
    notes: list[str] = []
    import_model(keras.Model(x, [tower("zeta")(x), tower("alpha")(x), x]), tell=notes.append)
    assert any("layers in another order" in note for note in notes)
    notes.clear()
    import_model(towers(), tell=notes.append)
    assert not notes


def masked() -> Any:
    """Keras computes the masks of Concatenate by functions in the same graph, and counts names for them."""
    source, target = keras.Input((None,), dtype="int64", name="src"), keras.Input((None,), dtype="int64", name="tgt")
    seen = layers.Embedding(50, 16, mask_zero=True)(source)
    both = layers.Bidirectional(layers.LSTM(8, return_sequences=True, return_state=True))
    states, *ends = both(seen)
    h, c = layers.Concatenate()(ends[::2]), layers.Concatenate()(ends[1::2])
    y = layers.LSTM(16, return_sequences=True)(layers.Embedding(60, 16, mask_zero=True)(target), initial_state=[h, c])
    y = layers.Concatenate()([y, layers.AdditiveAttention()([y, states])])
    return keras.Model([source, target], layers.TimeDistributed(layers.Dense(60, activation="softmax"))(y))


@pytest.mark.parametrize("names", ["needed", "all"])
def test_names_of_masks(names: Any) -> None:
    text = import_model(masked(), names=names)
    assert library.loads(text).build().count_params() == masked().count_params()
    notes: list[str] = []
    code = library.code(library.loads(text), tell=notes.append)
    assert not any("every step" in note for note in notes)
    assert trial.run(code, Path(), frozenset())["build_model"]().count_params() == masked().count_params()


def test_code_is_tried_as_in_a_new_process() -> None:
    """A name that Keras may count is given to no layer in code: another one has it, there or in a new process."""
    layers.Dense(1), layers.Dense(1)
    text = "kspec: 1\ninputs: {x: 4}\nlayers: [{Dense: 4}, {Dense: 3, name: dense_7}, {Dense: 2, from: dense_7}]\n"
    made = library.code(library.loads(text))
    assert "dense_7" not in made.replace("dense_7 = ", "").replace("(dense_7)", "")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        assert library.code(library.loads(text)) == made
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy(before)


def test_a_function_of_a_table() -> None:
    ids = keras.Input((3,), dtype="int32")
    model = keras.Model(ids, ops.take(np.arange(10, dtype="float32") / 2, ids))
    text = import_model(model)
    again = library.loads(text).build()
    assert import_model(again) == text
    assert_same_numbers(model, again)


def test_weights_of_float8(in_tmp: Path) -> None:
    model = keras.Sequential([keras.Input((32,)), layers.Dense(32, activation="relu"), layers.Dense(8)])
    for layer in model.layers:
        layer.quantize("float8")
    with without_keras_warnings():
        model.save("m.keras")
    done = run_kspec("import", "m.keras", "-o", "m.yaml", "--weights", "m.weights.h5")
    assert done.status == 0, done.err
    again, row = library.load("m.yaml").build(), np.random.default_rng(0).random((2, 32), "float32")
    np.testing.assert_array_equal(np.asarray(again(row)), np.asarray(model(row)))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (7, "its `compile_config` is not what Keras writes"),
        ({"optimizer": "adam", "steps_per_execution": "x"}, "`steps_per_execution` in its `compile_config`"),
        ({"optimizer": 7}, "expected an optimizer, not 7"),
    ],
)
def test_a_compile_section_that_is_none(given: Any, message: str, in_tmp: Path) -> None:
    with without_keras_warnings():
        tower("m").save("m.keras")
    with zipfile.ZipFile("m.keras") as good, zipfile.ZipFile("bad.keras", "w") as bad:
        for name in good.namelist():
            content = good.read(name)
            if name == "config.json":
                content = json.dumps({**json.loads(content), "compile_config": given}).encode()
            bad.writestr(name, content)
    done = run_kspec("import", "bad.keras")
    assert done.status == 3
    assert message in " ".join(done.err.split())


def test_a_class_of_a_script_is_not_of_an_older_keras(in_tmp: Path) -> None:
    class Own(keras.Model):  # type: ignore[misc, name-defined]
        def __init__(self, **more: Any) -> None:
            super().__init__(**more)
            self.inner = layers.Dense(2)

        def call(self, inputs: Any) -> Any:
            return self.inner(inputs)

    Own.__module__ = "builtins"  # as Keras writes a class of `__main__`: without a module
    model = Own()
    model(np.ones((1, 4)))
    with without_keras_warnings():
        model.save("m.keras")
    done = run_kspec("import", "m.keras")
    assert done.status == 3
    assert "rebuild it with Keras 3" not in done.err
    assert "`--trust PACKAGE`" in done.err


def test_two_models_without_names_in_a_third() -> None:
    text = "kspec: 1\ninputs: {x: 4}\nlayers: [{Dense: 4}]\n"
    one, other = library.loads(text).build(), library.loads(text).build()
    x = keras.Input((4,))
    assert keras.Model(x, [one(x), other(x)]).count_params() == 40


def test_a_model_that_is_gone_on_with() -> None:
    text = "kspec: 1\ninputs: {x: {shape: [6], dtype: int32}}\n"
    text += "layers: [{Embedding: {input_dim: 9, output_dim: 4, mask_zero: true}}, {LSTM: 2}]\n"
    made = library.loads(text).build()
    y = layers.Embedding(9, 4, mask_zero=True)(made.inputs[0])
    assert len(keras.Model(made.inputs, [made.output, layers.LSTM(2)(y)]).outputs) == 2
