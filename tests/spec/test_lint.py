"""The rules of warnings: their outputs are in tests/specs/warned; here what no dropped file shows."""

from __future__ import annotations

import numpy as np
import pytest

import kspec
from kspec import catalog


def test_tens_of_thousands_of_unused_names_on_one_line_are_told() -> None:
    """Each is looked at once; a look at all the others for each, or at the line for each, would take minutes."""
    variables = ", ".join(f"v{index}: {index}" for index in range(20_000))
    inputs = ", ".join(f"i{index}: 1" for index in range(5_000))
    text = f"kspec: 1\nvars: {{{variables}}}\ninputs: {{{inputs}}}\nlayers: [{{Dense: 1, from: i0}}]\n"
    assert len(kspec.loads(text).warnings) == 24_999


def test_a_variable_that_only_its_own_circle_would_use_is_unused() -> None:
    text = "kspec: 1\nvars: {a: 2, b: $a, c: $b}\ninputs: {x: 8}\nlayers: [{Dense: $b}]\n"
    assert [problem.message for problem in kspec.loads(text).warnings] == ["nothing uses the variable `c`"]


TOLD = """
kspec: 1
inputs: {x: 4}
layers:
  - GaussianNoise: 1.0
    call: {training: false}
"""


def test_training_is_overridden_as_the_warning_says() -> None:
    """Where this fails, the installed Keras heeds what a call is told of training: see `kspec.spec.lint.modes`."""
    spec = kspec.loads(TOLD)
    ones = np.ones((1, 4), "float32")
    trained = np.asarray(spec.build()(ones, training=True))
    assert [problem.code for problem in spec.warnings] == ["overridden-training"]
    assert not np.array_equal(trained, ones)


@pytest.mark.parametrize(("version", "warned"), [("3.15.9", 1), ("3.16.0", 0), ("3.16.0.dev2", 0), ("4.0", 0)])
def test_a_later_keras_heeds_what_a_call_is_told(version: str, warned: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "keras_version", lambda: version)
    assert len(kspec.loads(TOLD).warnings) == warned


@pytest.mark.parametrize("monitor", ["val_AUC", "val_weighted_AUC", "auc", "auc_1", "val_weighted_accuracy"])
def test_metrics_by_the_names_that_keras_gives_them(monitor: str) -> None:
    text = f"""
kspec: 1
inputs: {{x: 4}}
layers: [{{Dense: {{units: 1, activation: sigmoid}}}}]
compile:
  loss: binary_crossentropy
  metrics: [AUC, {{AUC: {{}}}}, {{AUC: {{curve: PR}}}}, accuracy]
  weighted_metrics: [AUC, accuracy]
fit: {{validation_split: 0.2, callbacks: [{{EarlyStopping: {monitor}}}]}}
"""
    assert kspec.loads(text).warnings == ()
    assert [each.code for each in kspec.loads(text.replace(monitor, "auc_2")).warnings] == ["unknown-monitor"]


@pytest.mark.parametrize("layer", ["GaussianNoise: 0.0", "Dropout: 0", "LSTM: 4", "Dense: 4"])
def test_training_of_what_computes_the_same(layer: str) -> None:
    text = f"kspec: 1\ninputs: {{x: [3, 4]}}\nlayers:\n  - {layer}\n    call: {{training: false}}\n"
    assert kspec.loads(text).warnings == ()
