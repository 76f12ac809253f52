"""Files and settings that are not what they should be, as a stranger or bad luck brings them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import run_kspec

SPEC = "kspec: 1\nseed: 1\ninputs: {x: 4}\nlayers: [{Dense: 1, name: y}]\ncompile: {loss: mse}\n"
LAYERS = """
import keras


class Scale(keras.layers.Layer):
    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return x * self.factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


def far(y_true, y_pred):
    return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)
"""


def kspec(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """kspec in a process of its own."""
    command = [sys.executable, "-m", "kspec", *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=env)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX")
def test_what_is_no_regular_file_is_never_waited_for(in_tmp: Path) -> None:
    os.mkfifo("pipe.yaml")
    Path("loop.yaml").symlink_to("loop.yaml")
    Path("folder").mkdir()
    Path("zero.yaml").symlink_to("/dev/zero")
    Path("spec.yaml").write_text(SPEC, encoding="utf-8")
    for name in ("pipe.yaml", "loop.yaml", "folder", "zero.yaml", "a" * 5000, "missing"):
        assert kspec("check", "--fast", name).returncode in (2, 3), name
    found = kspec("check", "--fast", ".")
    assert (found.returncode, found.stdout) == (0, "ok: spec.yaml\n")
    Path("loop.npz").symlink_to("loop.npz")
    refused = kspec("fit", "spec.yaml", "--data", "loop.npz")
    assert refused.returncode == 3, refused.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no folder that is in use")
def test_a_current_folder_that_is_gone(in_tmp: Path) -> None:
    code = (
        "import os, sys; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone'); "
        "from kspec.cli import cli; from kspec.cli.edge import guarded; "
        "sys.argv = ['kspec', 'check', '--fast', 'spec.yaml']; sys.exit(guarded(cli))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == ("error[environment] the current folder does not exist any more\n  change to one that does\n")


@pytest.mark.slow
def test_problems_without_end_are_told_to_an_end(in_tmp: Path) -> None:
    Path("same.yaml").write_text("kspec: 1\nvars: {" + "a: 1, " * 20_000 + "a: 2}\n", encoding="utf-8")
    Path("keys.yaml").write_text("kspec: 1\n" + "".join(f"k{n}: 1\n" for n in range(5000)), encoding="utf-8")
    Path("many.yaml").write_text("kspec: 1\nvars: {a: [" + "1," * 2_100_000 + "1]}\n", encoding="utf-8")
    same, keys, many = (run_kspec("check", "--fast", f"{name}.yaml") for name in ("same", "keys", "many"))
    assert (same.status, keys.status, many.status) == (1, 1, 1)
    assert same.out.endswith("1,000 errors in same.yaml\n")
    assert "\n… and 4,00" in keys.out
    assert "error[yaml-size] more than 2,000,000 values" in many.out


@pytest.mark.parametrize(
    ("settings", "status"),
    [('{"image_data_format": "channels_first", "floatx": "float16", "epsilon": 0.1}', 0), ('{"floatx": 5}', 2)],
)
def test_a_keras_json_makes_no_other_model(in_tmp: Path, settings: str, status: int) -> None:
    Path("keras.json").write_text(settings, encoding="utf-8")
    spec = "kspec: 1\ninputs: {x: [8, 9, 3]}\nlayers: [{Conv2D: {filters: 5, kernel_size: 3}}]\n"
    Path("spec.yaml").write_text(spec, encoding="utf-8")
    done = kspec("summary", "spec.yaml", KERAS_HOME=str(in_tmp))
    assert done.returncode == status, done.stderr
    if status:
        assert done.stderr.startswith("error[environment] Keras cannot be imported")
    else:
        assert "(None, 6, 7, 5)  float32     140" in done.stdout


def test_a_platform_that_is_not_there(in_tmp: Path) -> None:
    Path("spec.yaml").write_text(SPEC, encoding="utf-8")
    done = kspec("check", "spec.yaml", JAX_PLATFORMS="nothing")
    assert done.returncode == 2
    assert "error[environment] JAX cannot use JAX_PLATFORMS=nothing" in done.stdout + done.stderr


def test_an_empty_axis(in_tmp: Path) -> None:
    Path("spec.yaml").write_text(SPEC, encoding="utf-8")
    np.savez("data.npz", x=np.ones((8, 4), "float32"), y=np.ones((8, 0), "float32"))
    outcome = run_kspec("fit", "spec.yaml", "--data", "data.npz")
    assert outcome.status == 3, outcome.text
    assert "error[data-shape]" in outcome.err


@pytest.mark.slow
def test_models_with_code_of_one_s_own_are_used_in_another_process(in_tmp: Path) -> None:
    """Classes that no decorator registers are known by the spec that names them, or by the package that is trusted."""
    Path("mine").mkdir()
    Path("mine/__init__.py").write_text("from mine.layers import far\n", encoding="utf-8")
    Path("mine/layers.py").write_text(LAYERS, encoding="utf-8")
    text = SPEC.replace("loss: mse", "loss: far").replace("layers: [", "custom: [mine.layers]\nlayers: [{Scale: 2.0}, ")
    Path("spec.yaml").write_text(text, encoding="utf-8")
    np.savez("data.npz", x=np.ones((8, 4), "float32"), y=np.ones((8, 1), "float32"))
    assert kspec("fit", "spec.yaml", "--data", "data.npz", "-o", "run", "--trust", "mine").returncode == 0
    for target in ("run", "run/model.keras"):
        assert "error[" in kspec("evaluate", target, "--data", "data.npz").stderr
        done = kspec("evaluate", target, "--data", "data.npz", "--trust", "mine")
        assert done.returncode == 0, done.stderr
        assert "loss  " in done.stdout
        done = kspec("predict", target, "--data", "data.npz", "-o", "p.npz", "--trust", "mine")
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("ending", ["weights.h5", "keras"])
def test_weights_beside_a_layer(in_tmp: Path, ending: str) -> None:
    Path("spec.yaml").write_text(SPEC, encoding="utf-8")
    assert run_kspec("build", "spec.yaml", "-o", f"one.{ending}").status == 0
    loading = SPEC.replace("seed: 1", "seed: 2").replace("name: y", f"name: y, weights: one.{ending}")
    Path("other.yaml").write_text(loading, encoding="utf-8")
    from kspec import api

    kernels = [api.load(name).build().get_layer("y").kernel for name in ("spec.yaml", "other.yaml")]
    assert np.asarray(kernels[0]).tobytes() == np.asarray(kernels[1]).tobytes()
    Path("other.yaml").write_text(loading.replace("Dense: 1", "Dense: 2"), encoding="utf-8")
    refused = run_kspec("build", "other.yaml")
    assert refused.status == 1
    assert (
        f"the weights in `one.{ending}` do not fit `y`: y/kernel has shape (4, 2), the file's is (4, 1)" in refused.err
    )


def test_bins_are_in_no_weights_file(in_tmp: Path) -> None:
    text = SPEC.replace("layers: [", "layers: [{Discretization: {num_bins: 3}}, ")
    Path("spec.yaml").write_text(text, encoding="utf-8")
    np.savez(
        "data.npz", x=np.random.default_rng(0).normal(size=(30, 4)).astype("float32"), y=np.ones((30, 1), "float32")
    )
    assert run_kspec("fit", "spec.yaml", "--data", "data.npz", "-o", "run").status == 0
    assert run_kspec("evaluate", "run").status == 0
    refused = run_kspec("evaluate", "spec.yaml", "--weights", "run/model.weights.h5", "--data", "data.npz")
    assert refused.status == 2
    assert "error[weights] the bins of `discretization` are in no weights file" in refused.err
