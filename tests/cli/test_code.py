"""`kspec code` as a person uses it: what is printed, what is written, the exit status, and scripts that train."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import pytest

import kspec
from kspec.convert.code.loading import Column, Part, loader
from tests.conftest import SPECS, run_kspec

SPEC = """\
kspec: 1
name: small
seed: 3
inputs: {features: 3}
layers:
  - Normalization
  - Dense: {units: 4, activation: relu}
  - Dense: {units: 2, activation: softmax}
    name: kind
compile: {optimizer: {Adam: 1e-2}, loss: sparse_categorical_crossentropy, metrics: [accuracy]}
fit: {epochs: 1, batch_size: 16, class_weight: {0: 1.0, 1: 2.0}, callbacks: [{CSVLogger: log.csv}]}
data:
  train: train.npz
"""
RNG = np.random.default_rng(2)
X = RNG.normal(size=(48, 3)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("int64")


@pytest.fixture
def project(in_tmp: Path) -> Path:
    (in_tmp / "small.yaml").write_text(SPEC, encoding="utf-8")
    np.savez(in_tmp / "train.npz", x=X, y=Y)
    return in_tmp


def table(path: Path) -> None:
    """The same data as columns, with words for the classes."""
    lines = ["a,b,c,word", *(f"{a},{b},{c},{'no' if y else 'yes'}" for (a, b, c), y in zip(X, Y, strict=True))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_the_spec_stays(project: Path) -> None:
    Path("small.py").symlink_to("small.yaml")
    done = run_kspec("code", "small.yaml", "-o", "small.py")
    assert done.status == 2
    assert "`small.py` is what is read: it would be written over" in done.err
    assert Path("small.yaml").read_text(encoding="utf-8") == SPEC


def test_the_code_is_printed_or_written(project: Path) -> None:
    printed = run_kspec("code", "small.yaml", "--style", "sequential")
    assert printed.status == 0
    assert printed.err == ""
    compile(printed.out, "small.py", "exec")
    made = run_kspec("code", "small.yaml", "--style", "sequential", "-o", "small.py")
    assert (made.status, made.out) == (0, "small → small.py\n")
    assert Path("small.py").read_text(encoding="utf-8") == printed.out
    assert kspec.code("small.yaml", style="sequential") == printed.out
    assert "Dense(9, " in run_kspec("code", "small.yaml", "--set", "layers.kind.units=9").out


def test_wrong_use(project: Path) -> None:
    for status, message, *words in (
        (2, "does not say that Python code is in it", "-o", "small.txt"),
        (2, "`.` does not say that Python code is in it", "-o", "."),
        (2, "data are for a script that trains", "--data", "train.npz"),
        (2, "code that loads `data.arrow` is not written", "--train", "--set", "data.train=data.arrow"),
        (2, "`fraction` of data is kspec's own", "--train", "--set", "data.validation={fraction: 0.2}"),
        (2, "Keras has nothing like `on_nan`", "--train", "--set", "fit.on_nan=skip"),
        (3, "there is no file", "--train", "--data", "other.npz"),
        (3, "does not exist", "-o", "nowhere/small.py"),
        (2, "Invalid value for '--style'", "--style", "fluent"),
    ):
        found = run_kspec("code", "small.yaml", *words)
        assert (found.status, found.out) == (status, ""), found.text
        assert message in found.err
        assert sorted(path.name for path in project.iterdir()) == ["small.yaml", "train.npz"]
    Path("small.yaml").write_text(SPEC.replace("  - Dense: {units: 4", "  - Dense: {unit: 4"))
    assert run_kspec("code", "small.yaml").status == 1
    assert run_kspec("code", "none.yaml").status == 2


def run(script: Path, folder: Path) -> str:
    """The script in a process of its own, which finds no kspec."""
    (folder / "kspec.py").write_text("raise ImportError('kspec is not needed')")
    environment = {**os.environ, "PYTHONPATH": str(folder), "KERAS_BACKEND": "jax"}
    found = subprocess.run(
        [sys.executable, str(script)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


@pytest.mark.parametrize("style", ["functional", pytest.param("subclass", marks=pytest.mark.slow)])
def test_a_script_trains(project: Path, tmp_path_factory: pytest.TempPathFactory, style: str) -> None:
    """In a fresh process, from another folder: the model, its history and its file are there."""
    assert run_kspec("code", "small.yaml", "--train", "--style", style, "-o", "train.py").status == 0
    out = run(project / "train.py", tmp_path_factory.mktemp("elsewhere"))
    assert "accuracy" in out
    assert (project / ("small.keras" if style == "functional" else "small.weights.h5")).is_file()
    assert len((project / "log.csv").read_text().splitlines()) == 2


def test_what_a_script_saves_of_a_class_is_told(project: Path) -> None:
    for style, note in {"functional": "", "subclass": "note: the script saves weights alone"}.items():
        outcome = run_kspec("code", "small.yaml", "--train", "--style", style)
        assert (outcome.status, outcome.err.partition(":")[0]) == (0, note.partition(":")[0]), outcome.err
        assert note in outcome.err


def test_tables(project: Path) -> None:
    """Columns of a CSV file side by side, and words as classes: the arrays are those of the `.npz`."""
    table(project / "train.csv")
    fields = "fields: {features: [a, b, c], kind: word}\n  labels: {kind: ['yes', 'no']}"
    text = SPEC.replace("train: train.npz", f"train: train.csv\n  {fields}")
    Path("small.yaml").write_text(text, encoding="utf-8")
    made = run_kspec("code", "small.yaml", "--train", "-o", "train.py")
    assert made.status == 0, made.err
    namespace = loaded(project / "train.py")
    x, y = namespace["load_data"](project / "train.csv")  # type: ignore[operator]
    np.testing.assert_allclose(x, X, rtol=1e-6)
    np.testing.assert_array_equal(y, Y)


@pytest.mark.parametrize("name", ["reason for leaving", "classes.index of it", '"]'])
@pytest.mark.parametrize("kind", ["csv", "h5"])
def test_columns_of_words_are_called_anything(name: str, kind: Literal["csv", "h5"], tmp_path: Path) -> None:
    """What a column is called stands in the code as a text, whatever of the code's own it holds."""
    path = tmp_path / f"data.{kind}"
    if kind == "csv":
        quoted = name.replace('"', '""')
        path.write_text(f'a,"{quoted}"\n1,no\n2,classes.index\n', encoding="utf-8")
    else:
        with h5py.File(path, "w") as file:
            file["a"], file[name] = [1.0, 2.0], ["no", "classes.index"]
    columns = (
        Column("input", "x", ("a",), "float32"),
        Column("target", "y", (name,), "int32", ("classes.index", "no")),
    )
    namespace: dict[str, Any] = {"np": np, "csv": csv, "h5py": h5py, "Path": Path}
    exec("\n".join(loader("load_data", Part(str(path), kind, columns, True, True))), namespace)
    x, y = namespace["load_data"](path)
    assert (x.tolist(), y.tolist()) == ([1, 2], [1, 0])


def loaded(path: Path) -> dict[str, object]:
    """The names of a script, which is not run."""
    namespace: dict[str, object] = {"__name__": "script", "__file__": str(path)}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), namespace)
    return namespace


def test_several_outputs_and_weights(in_tmp: Path) -> None:
    """Weights of rows and of classes, by output: what a script loads is what the spec names."""
    made = run_kspec("code", SPECS / "weighted_heads.yaml", "--train", "-o", "heads.py")
    assert made.status == 0, made.err
    namespace = loaded(in_tmp / "heads.py")
    inputs, targets, weights = namespace["load_data"](SPECS / "data" / "mnist_two_headed.npz")  # type: ignore[operator]
    assert list(inputs) == ["pixels", "metadata"]
    assert list(targets) == list(weights) == ["digit", "is_hard"]
    with np.load(SPECS / "data" / "mnist_two_headed.npz") as data:
        np.testing.assert_array_equal(weights["digit"], data["digit_weight"])
        wanted = np.where(data["is_hard"] == 1, 4.0, 1.0).reshape(-1)
        wanted[1800:] = 1.0  # those are validated on, where class weights do not count
        np.testing.assert_array_equal(weights["is_hard"], wanted)


def test_weights_and_models_from_files(project: Path) -> None:
    """A file of weights, and another spec as a layer: the numbers are those of the spec's model."""
    inner = "kspec: 1\ninputs: {x: 3}\nlayers: [{Dense: 4}, ReLU, {Dense: 2}]\n"
    Path("inner.yaml").write_text(inner, encoding="utf-8")
    assert run_kspec("build", "inner.yaml", "-o", "w.weights.h5").status == 0
    assert run_kspec("build", "inner.yaml", "-o", "w.safetensors").status == 0
    outer = (
        "kspec: 1\ninputs: {x: 3}\nlayers: [{model: inner.yaml, weights: w.weights.h5, trainable: false}, ops.abs]\n"
    )
    Path("outer.yaml").write_text(outer, encoding="utf-8")
    Path("own.yaml").write_text(inner + "weights: w.weights.h5\n", encoding="utf-8")
    for name in ("outer", "own"):
        assert run_kspec("code", f"{name}.yaml", "-o", f"{name}.py").status == 0
        made = loaded(project / f"{name}.py")["build_model"]()  # type: ignore[operator]
        np.testing.assert_array_equal(made(X), kspec.load(f"{name}.yaml").build()(X))
    for text in (inner + "weights: w.safetensors\n", outer.replace(".weights.h5", ".safetensors")):
        Path("bad.yaml").write_text(text, encoding="utf-8")
        found = run_kspec("code", "bad.yaml")
        assert found.status == 2
        assert found.err.startswith("bad.yaml:")
        assert "Keras reads no such file of weights" in found.err
        assert "`kspec build SPEC -o model.weights.h5`, and name that file instead: `weights: model.weights.h5`" in (
            " ".join(found.err.split())
        )
