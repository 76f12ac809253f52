"""LoRA and quantization of models that were made elsewhere: words of the spec, or refused by name."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kspec
from kspec.diagnostics import FileError
from kspec.importing import import_model
from kspec.model.quiet import without_keras_warnings
from tests.model import twins

keras = twins.keras


def made(*, wrapped: bool = False) -> Any:
    x = keras.Input((6, 4), name="x")
    y = keras.layers.TimeDistributed(keras.layers.Dense(4))(x) if wrapped else keras.layers.Dense(4, name="first")(x)
    inner = keras.Sequential([keras.Input((24,)), keras.layers.Dense(5)], name="inner")
    return keras.Model(x, keras.layers.Dense(3, name="last")(inner(keras.layers.Flatten()(y))), name="small")


def lora(model: Any, rank: int, **more: Any) -> Any:
    for layer in (model.get_layer("first"), model.get_layer("inner").layers[0], model.get_layer("last")):
        layer.enable_lora(rank, **more)
    return model


def quantized(model: Any, *args: Any, **kwargs: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of every layer that it passes by
        model.quantize(*args, **kwargs)
    return model


HEAD = "kspec: 1\nname: small\n"
BODY = """\
inputs:
  x: [6, 4]
blocks:
  inner: {nested: true, layers: [{Dense: 5}]}
layers:
  - Dense: 4
  - Flatten
  - inner
  - Dense: 3
    name: last
"""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda model: lora(model, 2), "lora: 2\n"),
        (lambda model: lora(model, 2, lora_alpha=5), "lora:\n  rank: 2\n  lora_alpha: 5\n"),
        (lambda model: quantized(model, "int8"), "quantize: int8\n"),
        pytest.param(lambda model: quantized(model, "int4"), "quantize: int4\n", marks=pytest.mark.slow),
        (lambda model: quantized(model, "float8"), "quantize: float8\n"),
        (lambda model: lora(quantized(model, "int8"), 1), "lora: 1\nquantize: int8\n"),
    ],
)
@pytest.mark.parametrize("saved", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_word_at_the_top(change: Any, said: str, saved: bool, in_tmp: Path) -> None:
    model = change(made())
    if saved:
        with without_keras_warnings():
            model.save("small.keras")
    text = import_model("small.keras" if saved else model)
    body = kspec.loads(HEAD + BODY).compiled.graph
    assert text.startswith(HEAD + said), text
    assert text.removeprefix(HEAD + said).split("layers:")[-1].count("Dense") == len(body.layers) - 2
    built = kspec.loads(text).build()
    told = [[(tuple(each.shape), each.dtype, each.trainable) for each in one.weights] for one in (model, built)]
    assert told[0] == told[1]


def test_a_word_beside_a_layer() -> None:
    model = made()
    model.get_layer("last").enable_lora(3)
    with without_keras_warnings():
        model.get_layer("first").quantize("int8")
    text = import_model(model)
    assert "  - Dense: 4\n    quantize: int8\n" in text
    assert "    name: last\n    lora: 3\n" in text or "    lora: 3\n    name: last\n" in text


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".weights.h5", ".safetensors"])
def test_with_its_weights(ending: str, in_tmp: Path) -> None:
    model = lora(quantized(made(), "int8"), 1)
    with without_keras_warnings():
        model.save("small.keras")
    import_model("small.keras", output="small.yaml", weights=f"small{ending}")
    x = np.random.default_rng(2).normal(size=(3, 6, 4)).astype("float32")
    # Keras merges what LoRA has learned, nothing here, and rounds the scale anew
    np.testing.assert_allclose(kspec.load("small.yaml").build()(x), model(x), rtol=1e-5)


@pytest.mark.parametrize("wrapped", [False, True])
def test_settings_of_their_own_are_refused_by_name(wrapped: bool) -> None:
    model = made(wrapped=wrapped)
    config = keras.quantizers.Int4QuantizationConfig(block_size=2)
    with without_keras_warnings():
        (model.layers[1].layer if wrapped else model.get_layer("first")).quantize(config=config)
    with pytest.raises(
        FileError, match="time_distributed" if wrapped else "`first` is quantized to int4 with settings"
    ):
        import_model(model)
