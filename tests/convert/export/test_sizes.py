"""What asks for a size that is open is told with the option that fixes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest

from kspec.convert.export import onnx
from kspec.convert.export.forward import forward
from kspec.convert.export.problems import Unexportable, converted
from kspec.convert.export.tracing import Sizes, to_fix
from kspec.diagnostics import FileError
from kspec.exporting import export

LENGTH = "say how long the axes are that are open beside the batch: `--length 64`, for one"
BATCH = "fix the batch: `--batch-size 1`"
OTHER = "StableHLO has every operation that JAX has: `-o model.stablehlo`"


def test_axes_beside_the_batch_come_before_the_batch() -> None:
    made = forward(keras.Sequential([keras.Input((None, 3)), keras.layers.Dense(2)]))
    assert to_fix(made, Sizes()) == LENGTH
    assert to_fix(made, Sizes(batch=2)) == LENGTH
    assert to_fix(made, Sizes(length=9)) == BATCH
    assert to_fix(made, Sizes(2, 9)) == ""
    assert to_fix(forward(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])), Sizes()) == BATCH


@pytest.mark.parametrize(
    ("said", "is_of_size"),
    [("it requires static num_heads/query/key dimensions", True), ("Cannot divide _DimExpr", True), ("no", False)],
)
def test_what_is_of_a_size(said: str, is_of_size: bool) -> None:
    found = converted(ValueError(said))
    assert isinstance(found, Unexportable)
    assert found.is_of_size is is_of_size


def test_the_option_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(*given: Any) -> bytes:
        raise converted(ValueError("it requires static query dimensions"), "attends")

    monkeypatch.setattr(onnx, "_converted", refusing)
    model = keras.Sequential([keras.Input((None, 3)), keras.layers.Dense(2)])
    for fixed, help in (({}, LENGTH), ({"length": 9}, BATCH), ({"length": 9, "batch_size": 2}, OTHER)):
        with pytest.raises(FileError) as caught:
            export(model, tmp_path / "model.onnx", **fixed)
        (problem,) = caught.value.problems
        assert problem.message == "`attends` cannot be exported to ONNX: it requires static query dimensions"
        assert problem.help == help


@pytest.mark.slow
def test_attention_over_any_length_is_told_with_the_option(tmp_path: Path) -> None:
    x = keras.Input((None, 4))
    attention = keras.layers.MultiHeadAttention(1, 2, name="attends")(x, x, use_causal_mask=True)
    with pytest.raises(FileError) as caught:
        export(keras.Model(x, attention), tmp_path / "model.onnx")
    (problem,) = caught.value.problems
    assert problem.message.startswith("`attends` cannot be exported to ONNX (jax.nn.dot_product_attention): ")
    assert problem.help == LENGTH


def test_complex_numbers_are_told(tmp_path: Path) -> None:
    x = keras.Input((64,))
    spectrum = keras.layers.MelSpectrogram(fft_length=16, sequence_stride=8, num_mel_bins=2, name="heard")(x)
    with pytest.raises(FileError) as caught:
        export(keras.Model(x, spectrum), tmp_path / "model.onnx")
    (problem,) = caught.value.problems
    said = "ONNX Runtime does not know its complex numbers"
    assert problem.message == f"`heard` cannot be exported to ONNX (mul): {said}"
    assert problem.help == OTHER
