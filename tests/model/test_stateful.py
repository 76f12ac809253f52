"""Recurrent layers that keep their states from call to call: built, saved and imported as in Keras, never exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kspec import api
from kspec.diagnostics import FileError
from kspec.exporting import export
from kspec.importing import import_model
from kspec.model.quiet import without_keras_warnings
from tests.model import twins
from tests.model.twins import keras

layers = keras.layers


def text(layer: str) -> str:
    return f"kspec: 1\ninputs:\n  x: {{batch_shape: [3, 6, 3]}}\nlayers:\n  - {layer}\n"


LAYERS = {
    "LSTM: {units: 5, stateful: true}": lambda: layers.LSTM(5, stateful=True),
    "Bidirectional: {GRU: {units: 2, stateful: true}}": lambda: layers.Bidirectional(layers.GRU(2, stateful=True)),
    "RNN: {cell: {LSTMCell: 2}, stateful: true}": lambda: layers.RNN(layers.LSTMCell(2), stateful=True),
}


LSTM = text("LSTM: {units: 5, stateful: true}")


@pytest.mark.parametrize("layer", LAYERS)
def test_a_stateful_layer_is_planned_and_built(layer: str) -> None:
    loaded = api.loads(text(layer))
    twin = LAYERS[layer]()
    twin(keras.Input(batch_shape=(3, 6, 3)))
    assert loaded.plan().params == loaded.build().count_params() == twin.count_params()


def test_a_stateful_layer_keeps_its_state_as_in_keras() -> None:
    model = api.loads(LSTM).build()
    x = keras.Input(batch_shape=(3, 6, 3))
    twin = keras.Model(x, layers.LSTM(5, stateful=True)(x))
    for mine, theirs in zip(twin.weights, model.weights, strict=True):
        mine.assign(theirs.value)
    [batch] = twins.random_inputs(model)
    calls = [np.asarray(model(batch)) for _ in range(2)]
    assert not np.array_equal(*calls)
    np.testing.assert_array_equal(calls, [np.asarray(twin(batch)) for _ in range(2)])


def test_a_stateful_layer_is_imported(in_tmp: Path) -> None:
    model: Any = api.loads(LSTM).build()
    with without_keras_warnings():
        model.save("s.keras")
    Path("s.json").write_text(model.to_json(), encoding="utf-8")
    for source in (model, "s.keras", "s.json"):
        assert import_model(source) == LSTM


@pytest.mark.parametrize("layer", LAYERS)
def test_a_stateful_layer_is_not_exported(layer: str, tmp_path: Path) -> None:
    model = api.loads(text(layer)).build()
    for output in ("m.onnx", "m.stablehlo", "m.xml"):
        with pytest.raises(FileError) as caught:
            export(model, tmp_path / output)
        [problem] = caught.value.problems
        assert problem.code == "export-model"
        assert f"`{model.layers[-1].name}` cannot be exported" in problem.message
        assert "it is `stateful`" in problem.message
    assert list(tmp_path.iterdir()) == []
    assert export(model, tmp_path / "m.npz").files == (tmp_path / "m.npz",)
