"""Each code that data, files, runs or the machine can cause, as a command tells it; tests/specs has those of specs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from tests.cli.small import SPEC
from tests.conftest import check_golden, run_kspec

GOLDEN = Path(__file__).parent / "golden" / "codes"

FAILS = """\
import keras


class Fails(keras.layers.Layer):
    def call(self, x, training=False):
        if training:
            raise {error}
        return x
"""
RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(32, 4)).astype("float32"), np.arange(32) % 3


def data(**arrays: np.ndarray) -> None:
    np.savez("data.npz", **{"x": X, "kind": Y, **arrays})  # type: ignore[arg-type]


def spec(change: Mapping[str, str] | None = None) -> None:
    text = SPEC
    for old, new in (change or {}).items():
        assert old in text
        text = text.replace(old, new)
    Path("small.yaml").write_text(text, encoding="utf-8")


def fit(*more: str) -> list[str]:
    return ["fit", "small.yaml", "--data", "data.npz", "-o", "run", "--quiet", *more]


def cannot_adapt() -> list[str]:
    spec(
        {
            "inputs: {x: 4}": "inputs: {x: [2, 2]}",
            "  - Dense": "  - TimeDistributed: Normalization\n  - Flatten\n  - Dense",
        }
    )
    data(x=X.reshape(32, 2, 2))
    return fit()


def compile_missing() -> list[str]:
    Path("small.yaml").write_text(SPEC.partition("compile:")[0], encoding="utf-8")
    return fit()


def data_changed() -> list[str]:
    # The module runs when the model is built, after the data were opened and before they are read.
    Path("mine.py").write_text(FAILS.format(error="ValueError") + "\n\nimport os\n\nos.utime('data.npz')\n")
    spec({"inputs:": "custom: [mine]\ninputs:", "layers:\n": "layers:\n  - Fails\n"})
    return fit("--trust", "mine")


def data_dtype() -> list[str]:
    spec({"x: 4": "x: {shape: [4], dtype: int32}"})
    data()
    return fit()


def data_format() -> list[str]:
    Path("data.npz").write_bytes(Path("data.npz").read_bytes()[:-40])
    return fit()


def data_labels() -> list[str]:
    data(kind=Y + 1)
    return fit()


def data_match() -> list[str]:
    np.savez("data.npz", pictures=X, kind=Y)
    return fit()


def data_missing() -> list[str]:
    return ["fit", "small.yaml"]


def no_validation() -> list[str]:
    Path("small.yaml").write_text(SPEC.replace("epochs: 1", "epochs: 1, callbacks: [EarlyStopping]"), encoding="utf-8")
    return ["check", "small.yaml", "--set", "data={train: data.npz}"]


def data_nan() -> list[str]:
    data(x=np.where(X > 2, np.nan, X))
    return fit()


def data_shape() -> list[str]:
    data(x=X[:, :3])
    return fit()


def data_steps() -> list[str]:
    return fit("--set", "fit.batch_size=64")


def data_token() -> list[str]:
    spec(
        {
            "x: 4": "x: {shape: [4], dtype: int32}",
            "  - Dense": "  - Embedding: {input_dim: 5, output_dim: 2}\n  - Flatten\n  - Dense",
        }
    )
    data(x=(np.arange(128) % 7).reshape(32, 4))
    return fit()


def file_write() -> list[str]:
    return ["build", "small.yaml", "-o", "nowhere/model.keras"]


def missing_extra() -> list[str]:
    run_kspec(*fit())
    return ["predict", "run", "--data", "data.npz", "-o", "predictions.parquet"]


def no_example() -> list[str]:
    return ["init", "--example", "digits_mpl"]


def output_format() -> list[str]:
    run_kspec(*fit())
    return ["predict", "run", "--data", "data.npz", "-o", "predictions.xlsx"]


def run_exists() -> list[str]:
    run_kspec(*fit())
    return fit()


def run_format() -> list[str]:
    run_kspec(*fit())
    Path("run/run.json").write_text("{", encoding="utf-8")
    Path("run/model.keras").unlink()
    return ["evaluate", "run", "--data", "data.npz"]


def resume_differs() -> list[str]:
    run_kspec(*fit())
    return fit("--resume", "run", "--set", "compile.optimizer=sgd", "--set", "seed=4", "--epochs", "9")


def checkpoint_model() -> list[str]:
    run_kspec(*fit())
    spec({"  - Dense": "  - Dense: 5\n  - Dense"})
    return fit("--resume", "run", "--accept-changes", "--epochs", "2")


def checkpoint_damaged() -> list[str]:
    run_kspec(*fit())
    Path("run/checkpoints/000001/manifest.json").write_text("{}", encoding="utf-8")
    return fit("--resume", "run", "--epochs", "2")


def run_damaged() -> list[str]:
    run_kspec(*fit())
    with open("run/model.keras", "ab") as file:
        file.write(b"x")
    return ["evaluate", "run", "--data", "data.npz"]


LOCKS: list[FileLock] = []
"""Held by somebody else, for all that this process knows."""


def run_locked() -> list[str]:
    run_kspec(*fit())
    LOCKS.append(FileLock("run/.lock"))
    LOCKS[-1].acquire()
    return fit("--resume", "run", "--epochs", "2")


def failing(error: str) -> list[str]:
    Path("mine.py").write_text(FAILS.format(error=error), encoding="utf-8")
    spec({"inputs:": "custom: [mine]\ninputs:", "layers:\n": "layers:\n  - Fails\n"})
    return fit("--trust", "mine")


def training_nan() -> list[str]:
    spec({"layers:\n": "layers:\n  - ops.log\n"})
    return fit()


def revision() -> list[str]:
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main"], check=True)
    nobody = ["-c", "user.name=n", "-c", "user.email=n@n", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *nobody, "commit", "--quiet", "--allow-empty", "-m", "one"], check=True)
    return ["diff", "mian", "small.yaml"]


def usage() -> list[str]:
    return ["show", "small.yaml", "--stage", "grpah"]


def weights() -> list[str]:
    run_kspec("build", "small.yaml", "-o", "model.keras")
    spec({"units: 3": "units: 4", "kspec: 1": "kspec: 1\nweights: model.keras"})
    return ["build", "small.yaml", "-o", "other.keras"]


SUBCLASSED = """\
import keras


class Mine(keras.Model):
    def call(self, x):
        return x


model = Mine(name="mine")
"""


def import_model() -> list[str]:
    Path("own_model.py").write_text(SUBCLASSED, encoding="utf-8")
    return ["import", "own_model:model", "--trust", "own_model", "-o", "mine.yaml"]


def export_model() -> list[str]:
    shuffled = "  - RandomPosterization: {factor: 4, value_range: [0, 1]}\n  - Dense"
    spec({"inputs: {x: 4}": "inputs: {x: [3, 3, 3]}", "  - Dense": shuffled})
    return ["export", "small.yaml", "-o", "small.onnx", "--quiet"]


def export_differs() -> list[str]:
    spec({"  - Dense": "  - repeat: 9\n    layers: [{Dense: {units: 9, activation: tanh}}]\n  - Dense"})
    return ["export", "small.yaml", "-o", "small.onnx", "--tolerance", "1e-30", "--quiet"]


def yaml_size() -> list[str]:
    Path("small.yaml").write_text(SPEC + "# " + "x" * 2**24, encoding="utf-8")
    return ["check", "small.yaml"]


def code_style() -> list[str]:
    spec({"layers:\n": "layers:\n  - residual: [{Dense: 4}]\n"})
    return ["code", "small.yaml", "--style", "sequential"]


CASES: dict[str, Callable[[], list[str]]] = {
    "code-style": code_style,
    "cannot-adapt": cannot_adapt,
    "checkpoint-damaged": checkpoint_damaged,
    "checkpoint-model": checkpoint_model,
    "compile-missing": compile_missing,
    "data-changed": data_changed,
    "data-dtype": data_dtype,
    "data-format": data_format,
    "data-labels": data_labels,
    "data-match": data_match,
    "data-missing": data_missing,
    "data-nan": data_nan,
    "data-shape": data_shape,
    "data-steps": data_steps,
    "data-token": data_token,
    "export-differs": export_differs,
    "export-model": export_model,
    "file-write": file_write,
    "missing-extra": missing_extra,
    "no-validation": no_validation,
    "no-example": no_example,
    "output-format": output_format,
    "resume-differs": resume_differs,
    "revision": revision,
    "run-damaged": run_damaged,
    "run-exists": run_exists,
    "run-format": run_format,
    "run-locked": run_locked,
    "training-failed": lambda: failing("ValueError('no such weather')"),
    "training-memory": lambda: failing("MemoryError('1.0 TiB')"),
    "training-nan": training_nan,
    "usage": usage,
    "import-model": import_model,
    "weights": weights,
    "yaml-size": yaml_size,
}
ENVIRONMENT = "environment"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own with a spec and its data."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").touch()
    spec()
    data()
    return tmp_path


@pytest.mark.parametrize("code", CASES)
def test_code(code: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if code == "missing-extra":
        monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.setenv("COLUMNS", "1000")  # how long the folder's name is must not matter
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    outcome = run_kspec(*CASES[code]())
    text = re.sub(r"differ by \d\.\de-\d\d", "differ by NUMBER", outcome.text.replace(str(project), "FOLDER"))
    assert f"[{code}]" in text
    assert outcome.status != 70
    check_golden(GOLDEN / f"{code}.txt", text)


def test_code_environment(project: Path) -> None:
    environment = {**os.environ, "JAX_PLATFORMS": "nothing"}
    command = [sys.executable, "-m", "kspec", "summary", "small.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    check_golden(GOLDEN / f"{ENVIRONMENT}.txt", f"exit {done.returncode}\n{done.stdout}{done.stderr}")
