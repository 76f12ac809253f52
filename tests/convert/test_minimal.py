"""Layers inside others (what is wrapped, cells) say no more than those that stand alone."""

from __future__ import annotations

from typing import Any

import pytest

from kspec.importing import import_model
from tests.convert.same import keras

layers = keras.layers

WRAPPED = {
    "TimeDistributed: {layer: {Dense: {units: 3}}}": lambda: layers.TimeDistributed(layers.Dense(3)),
    "TimeDistributed: {layer: {Dense: {units: 3, activation: relu, kernel_initializer: HeNormal}}}": lambda: (
        layers.TimeDistributed(layers.Dense(3, "relu", kernel_initializer="he_normal"))
    ),
    "TimeDistributed: {layer: {Conv1D: {filters: 3, kernel_size: 2}}}": lambda: layers.TimeDistributed(
        layers.Conv1D(3, 2)
    ),
    "Bidirectional: {layer: {GRU: {units: 5, return_sequences: true}}}": lambda: layers.Bidirectional(
        layers.GRU(5, return_sequences=True)
    ),
    "RNN: {cell: {StackedRNNCells: {cells: [{LSTMCell: {units: 3}}, {GRUCell: {units: 2, dropout: 0.5}}]}}}": lambda: (
        layers.RNN([layers.LSTMCell(3), layers.GRUCell(2, dropout=0.5)])
    ),
    "TimeDistributed: {layer: {SpectralNormalization: {layer: {Dense: {units: 3}}}}}": lambda: layers.TimeDistributed(
        layers.SpectralNormalization(layers.Dense(3))
    ),
}


@pytest.mark.parametrize("text", WRAPPED)
def test_defaults_of_layers_inside(text: str) -> None:
    layer: Any = WRAPPED[text]()
    inputs = keras.Input((6, 5, 4) if "Conv1D" in text else (6, 4))
    assert import_model(keras.Model(inputs, layer(inputs))).partition("layers:\n  - ")[2] == f"{text}\n"
