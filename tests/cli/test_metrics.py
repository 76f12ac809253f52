"""Metrics by Keras's own names, and metrics that are a number for each class."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import kspec
from kspec.importing import import_model
from tests.conftest import run_kspec

SPEC = """kspec: 1
seed: 1
inputs: {f: 2}
layers:
  - Dense: {units: 3, activation: softmax}
    name: k
compile: {optimizer: sgd, loss: categorical_crossentropy, metrics: METRICS}
fit: {epochs: 2, batch_size: 8, validation_split: 0.2}
data: {train: one_hot.npz}
"""


@pytest.fixture
def spec(in_tmp: Path) -> Path:
    random = np.random.default_rng(0)
    np.savez(in_tmp / "one_hot.npz", f=random.random((60, 2)), k=np.eye(3)[random.integers(0, 3, 60)])
    return in_tmp / "s.yaml"


def history(run: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in Path(run, "history.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("again", [False, True])
def test_metrics_have_the_names_of_a_new_process(again: bool, spec: Path) -> None:
    """Whatever was made before, and the same from the spec that the run keeps."""
    spec.write_text(SPEC.replace("METRICS", "[AUC, {AUC: {}}, {Recall: {}}, {AUC: {}}]"))
    names = {f"{part}{name}" for part in ("", "val_") for name in ("loss", "AUC", "auc", "auc_1", "recall")}
    assert run_kspec("fit", str(spec), "-o", "run").status == 0
    if again:
        assert run_kspec("fit", "--resume", "run", "--epochs", "3").status == 0
    assert [row.keys() - {"epoch"} for row in history("run")] == [names] * (3 if again else 2)
    written = "\n    - ".join(["", "AUC", "{AUC: {}}", "{Recall: {}}", "{AUC: {}}"])
    assert f"  metrics:{written}\n" in Path("run/spec.yaml").read_text()
    assert run_kspec("check", str(spec), "--strict", "--set", "fit.callbacks=[{EarlyStopping: val_auc}]").status == 0


def test_a_metric_that_was_given_as_an_object_is_imported_as_one() -> None:
    text = import_model(kspec.loads(SPEC.replace("METRICS", "[{AUC: {}}, acc]")).build())
    assert "AUC: {name: auc}" in text


def test_a_number_for_each_class(spec: Path) -> None:
    spec.write_text(SPEC.replace("METRICS", "[accuracy, {F1Score: {}}]"))
    result = run_kspec("fit", str(spec), "-o", "run")
    assert result.status == 0
    found = history("run")[1]["val_f1_score"]
    assert isinstance(found, list)
    assert len(found) == 3
    assert "f1_score" not in Path("run/curve.svg").read_text()
    assert "accuracy" in Path("run/curve.svg").read_text()
    told = json.loads(run_kspec("evaluate", "run", "--json").out)
    shown = run_kspec("evaluate", "run").out
    assert "f1_score  " + " ".join(f"{value:.4f}" for value in told["f1_score"]) in shown
    assert run_kspec("fit", "--resume", "run", "--epochs", "3").status == 0


def test_a_run_is_evaluated_by_what_it_was_trained_with(in_tmp: Path) -> None:
    """Keras saves Huber without its `delta`."""
    random = np.random.default_rng(0)
    x, y = random.random((40, 2)).astype("float32"), 5 * random.random((40, 1)).astype("float32")
    np.savez("d.npz", x=x, y=y)
    Path("s.yaml").write_text(
        "kspec: 1\ninputs: {x: 2}\nlayers: [{Dense: 1, name: y}]\n"
        "compile: {optimizer: sgd, loss: {Huber: {delta: 0.25}}}\nfit: {epochs: 1}\ndata: {train: d.npz}\n"
    )
    assert run_kspec("fit", "s.yaml", "-o", "run").status == 0
    assert run_kspec("predict", "run", "-o", "p.npz").status == 0
    error = np.abs(np.load("p.npz")["y"] - y)
    loss = np.where(error <= 0.25, error**2 / 2, 0.25 * (error - 0.125)).mean()
    told = json.loads(run_kspec("evaluate", "run", "--json").out)
    assert told["loss"] == pytest.approx(loss, rel=1e-5)
