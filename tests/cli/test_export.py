"""kspec export as a person uses it: what is printed, what is written, what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from kspec.model.quiet import without_keras_warnings
from tests.cli.small import SPEC
from tests.conftest import run_kspec

FRESH = "note: the spec names no weights: they are fresh, those of seed 3 (`--weights FILE` takes trained ones)\n"
NUMBERS = "JAX {} gives Keras's numbers (batches of 1 and 3; up to 1e-05 is taken)\n"


@pytest.fixture
def project(in_tmp: Path) -> Path:
    Path("pyproject.toml").touch()
    Path("small.yaml").write_text(SPEC, encoding="utf-8")
    return in_tmp


def test_a_spec_with_fresh_weights(project: Path) -> None:
    import jax

    done = run_kspec("export", "small.yaml", "-o", "small.stablehlo", "--loader", "load.py")
    assert (done.status, done.err) == (0, FRESH)
    size = Path("small.stablehlo").stat().st_size
    told = f"small: 15 parameters → small.stablehlo (StableHLO, {size:,} bytes)\n"
    told += "  takes x float32 (batch, 4); gives kind float32 (batch, 3)\n  "
    assert done.out == told + NUMBERS.format(jax.__version__)
    assert sorted(each.name for each in project.iterdir()) == [
        *("load.py", "pyproject.toml", "small.stablehlo", "small.yaml"),
    ]


def test_trained_weights_of_a_run_a_model_and_a_file(project: Path) -> None:
    generator = np.random.default_rng(1)
    np.savez("data.npz", x=generator.normal(size=(32, 4)).astype("float32"), kind=np.arange(32) % 3)
    assert run_kspec("fit", "small.yaml", "--data", "data.npz", "-o", "run", "-q").status == 0
    for target in (["run"], ["run/model.keras"], ["small.yaml", "--weights", "run/model.weights.h5"]):
        done = run_kspec("export", *target, "-o", "weights.npz", "-q")
        assert done.text == "exit 0\n"
        with np.load("weights.npz") as held:
            assert set(held) == {"kind/kernel", "kind/bias"}
            trained = keras.saving.load_model("run/model.keras").weights
            assert all(np.array_equal(*pair) for pair in zip(held.values(), map(np.asarray, trained), strict=True))
    with_weights = Path("small.yaml").read_text(encoding="utf-8") + "weights: run/model.weights.h5\n"
    Path("loads.yaml").write_text(with_weights, encoding="utf-8")
    for target in ("run", "loads.yaml"):  # what is read stays
        done = run_kspec("export", target, "-o", "run/model.weights.h5")
        assert (done.status, "`run/model.weights.h5` is what is read" in done.err) == (2, True)


def test_a_model_that_is_saved_is_not_built_again_for_tensorflow(project: Path) -> None:
    Path("run").mkdir()
    for name in ("a.keras", "run/model.keras"):
        Path(name).touch()
    for target, file in (("a.keras", "a.keras"), ("run", "run/model.keras"), ("small.yaml", "model.keras")):
        done = run_kspec("export", target, "-o", "m.tflite")
        assert done.status == 2
        assert f"load_model('{file}')" in done.err
        assert ("kspec build" in done.err) is (target == "small.yaml")


def test_names_of_tensors_and_json(project: Path) -> None:
    done = run_kspec("export", "small.yaml", "-o", "w.safetensors")
    listed = "  kind/kernel float32 (4, 3)\n  kind/bias float32 (3,)\n"
    size = Path("w.safetensors").stat().st_size
    assert done.out == f"small: 15 parameters → w.safetensors (weights, {size} bytes)\n{listed}"
    facts = json.loads(run_kspec("export", "small.yaml", "-o", "w.npz", "--json", "-q").out)
    assert facts["files"] == ["w.npz"]
    assert facts["tensors"][0] == {"name": "kind/kernel", "shape": [4, 3], "dtype": "float32", "bytes": 48}


def test_names_reach_no_terminal(project: Path) -> None:
    hostile = "a\x1b[2J\r\u202e"
    with without_keras_warnings():
        keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name=hostile)], name=hostile).save("model.keras")
    done = run_kspec("export", "model.keras", "-o", "w.npz")
    assert done.status == 0
    assert r"a\x1b[2J\r\u202e/kernel float32 (2, 1)" in done.out
    assert done.out.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ("small.yaml -o x.foo", 2, "kspec exports to no `.foo` files"),
        ("small.yaml -o nowhere/x.onnx", 3, "the folder `nowhere` does not exist"),
        ("small.yaml -o x.xml --loader l.py", 2, "`--loader` writes a program for StableHLO"),
        ("small.yaml -o x.stablehlo --loader x.stablehlo", 2, "does not say that a Python program is in it"),
        ("small.yaml -o x.npz --length 3", 2, "`--length` says nothing of weights alone"),
        ("small.yaml -o x.npz --weights no.h5", 3, "there is no file `no.h5`"),
        ("other.yaml -o x.npz", 2, "there is no such file"),
        ("model.keras -o x.npz --set seed=4", 2, "nothing of `model.keras` can be set"),
        ("model.keras -o x.npz", 3, "this is not a whole .keras file"),
        ("w.safetensors -o x.npz", 2, "`w.safetensors` holds weights alone"),
        ("small.yaml -o x.npz --max-memory much", 2, "is not a size"),
        ("small.yaml -o x.npz --max-memory 50", 1, "the weights take 60 bytes, and 50 bytes are allowed"),
        ("small.yaml -o x.stablehlo --max-memory 70", 3, "3 random examples of `x` take 96 bytes, and 70 bytes are"),
        ("small.yaml -o w.npz --weights w.npz", 2, "`w.npz` is what is read"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_written(project: Path, arguments: str, status: int, said: str) -> None:
    Path("model.keras").write_bytes(b"no archive")
    Path("w.npz").touch()
    before = sorted(project.iterdir())
    done = run_kspec("export", *arguments.split())
    assert done.status == status
    assert said in done.err
    assert sorted(project.iterdir()) == before


@pytest.mark.parametrize(
    ("module", "ending", "extra"),
    [("jax2onnx", "onnx", "onnx"), ("openvino", "xml", "openvino"), ("flatbuffers", "stablehlo", "stablehlo")],
)
def test_a_library_that_is_missing_is_named(project: Path, module: str, ending: str, extra: str) -> None:
    program = f"import sys; sys.modules[{module!r}] = None; from kspec.cli import main; main()"
    command = [sys.executable, "-c", program, "export", "small.yaml", "-o", f"x.{ending}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "100"})
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error[missing-extra]")
    assert done.stderr.endswith(f"\n  pip install 'kspec[{extra}]'\n")
    assert not Path(f"x.{ending}").exists()


def test_a_disk_that_is_full_leaves_what_was_there(project: Path) -> None:
    """A limit on the size of files stands for it."""
    Path("small.yaml").write_text(SPEC.replace("units: 3,", "units: 30000,"), encoding="utf-8")
    Path("x.stablehlo").write_bytes(b"before")
    command = f"ulimit -f 64; {sys.executable} -m kspec export small.yaml -o x.stablehlo -q"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert "error[file-write] cannot write `x.stablehlo`: it is larger than the file size limit allows" in done.stderr
    assert Path("x.stablehlo").read_bytes() == b"before"
    assert not list(project.glob(".kspec-*"))
