"""Random inputs are such as the model can take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from kspec.convert.export.forward import forward
from kspec.convert.export.samples import sample, tokens
from kspec.convert.export.tracing import Sizes
from kspec.diagnostics import FileError
from kspec.exporting import export
from tests.convert.export.models import gallery


def bounds(model: Any) -> dict[str, int]:
    names = {id(tensor): tensor.name for tensor in model.inputs}
    return {names[key]: size for key, size in tokens(forward(model)).items()}


def test_tokens_stay_within_the_table_that_looks_them_up() -> None:
    inner = keras.Input((4,), name="inner")
    nested = keras.Model(inner, keras.layers.Embedding(7, 2)(keras.layers.Reshape((2, 2))(inner)))
    small, large, number = keras.Input((4,), name="small"), keras.Input((3,), name="large"), keras.Input((2,), name="n")
    layers = [
        *(keras.layers.Flatten()(each) for each in (nested(small), keras.layers.Embedding(900, 2)(large))),
        keras.layers.Embedding(50, 2)(keras.layers.Dense(1)(number)),  # weights have changed these
    ]
    layers[2] = keras.layers.Flatten()(layers[2])
    model = keras.Model([small, large, number], keras.layers.Concatenate()(layers))
    assert bounds(model) == {"small": 7, "large": 900}
    given = sample(forward(model), 200, 8, Sizes())
    assert [each.dtype for each in given] == [np.float32] * 3  # tokens come as the input's dtype
    assert (given[0].min(), given[0].max()) == (0, 6)
    assert given[1].max() > 800
    assert given[2].min() < 0


def test_samples_repeat_themselves_and_have_the_sizes_that_are_asked_for() -> None:
    model = gallery("decoder")
    made = forward(model)
    first, second = (sample(made, 3, 8, Sizes()) for _ in range(2))
    assert [np.array_equal(*pair) for pair in zip(first, second, strict=True)] == [True]
    assert first[0].shape[0] == 3
    (size,) = tokens(made).values()
    assert 0 <= first[0].min() <= first[0].max() < size
    open_axis = keras.Sequential([keras.Input((None, 3)), keras.layers.GRU(2)])
    assert sample(forward(open_axis), 3, 8, Sizes())[0].shape == (3, 8, 3)
    assert sample(forward(open_axis), 3, 8, Sizes(2, 5))[0].shape == (2, 5, 3)


@pytest.mark.parametrize(
    ("shape", "layer", "limit", "said"),
    [
        ((400_000, 400_000, 1), keras.layers.GlobalAveragePooling2D(), 2**36, "1 random example of `x` takes 1.2 TiB"),
        ((None,) * 30, keras.layers.Activation("relu"), 2**36, "1 random example of `x` takes "),
        (
            (4,),
            keras.layers.RepeatVector(10**12, name="wide"),
            2**36,
            "what `wide` makes of 1 random example takes 14.6 TiB",
        ),
        ((50,), keras.layers.Activation("relu"), 1000, "3 random examples of `x` take 1.2 KiB"),
    ],
)
def test_what_does_not_fit_into_memory_is_not_made(
    shape: tuple[int | None, ...], layer: Any, limit: int, said: str, tmp_path: Path
) -> None:
    given = keras.Input(shape, name="x")
    inner = keras.Input(shape)
    whole = keras.Model(given, keras.Model(inner, layer(inner))(given))
    with pytest.raises(FileError) as caught:
        export(whole, tmp_path / "model.stablehlo", max_memory=limit)
    (problem,) = caught.value.problems
    assert problem.code == "too-large"
    assert problem.message.startswith(said)
    assert not list(tmp_path.iterdir())
