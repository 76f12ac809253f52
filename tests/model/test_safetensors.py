"""Weights as safetensors: what is written is read again, bit for bit, and what does not fit is told."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from kspec import api
from kspec.comparison.sketch import weighed
from kspec.diagnostics import SpecError, UsageError
from kspec.model.quiet import without_keras_warnings
from kspec.model.save import save
from kspec.model.sketch import sketch
from kspec.model.tensorfile import arrays, declared, read
from kspec.model.variables import by_path
from kspec.model.weights import load_into
from tests.conftest import ROOT, SPECS, run_kspec
from tests.model import twins
from tests.model.twins import keras


def bits(model: Any) -> list[tuple[Any, ...]]:
    """Every weight's dtype, shape and bytes, in Keras's order."""
    found = [np.asarray(variable.value) for variable in model.weights]
    return [(array.dtype.name, array.shape, array.tobytes()) for array in found]


def shaken(model: Any, seed: int = 0) -> Any:
    """The model with random bits in all of its weights: each differs from what an initializer gives."""
    generator = np.random.default_rng(seed)
    for variable in model.weights:
        if "int" in variable.dtype:
            variable.assign(generator.integers(0, 100, variable.shape).astype(variable.dtype))
        else:
            variable.assign(generator.uniform(0.5, 2, variable.shape).astype("float32"))
    return model


def text_of(layers: str, more: str = "") -> str:
    return f"kspec: 1\nseed: 1\n{more}inputs: {{x: 4}}\nlayers: {layers}\n"


# -- written and read ------------------------------------------------------------------------------------------------

GALLERY = [
    *("attention_ops", "autoencoder", "bidirectional_lstm", "class_weights", "decoder", "inception", "lstm_states"),
    *("mixed_precision", "mnist_cnn", "multi_file", "residual_cnn", "siamese_twin", "transfer", "unet", "vae"),
    *("wide_and_deep", "custom_layer"),
]


@pytest.mark.parametrize("name", GALLERY)
def test_what_a_gallery_spec_s_model_has_is_written_and_read(name: str, tmp_path: Path) -> None:
    spec = api.load(SPECS / f"{name}.yaml")
    model, file = shaken(spec.build()), tmp_path / "w.safetensors"
    save(model, file)
    again = spec.updated(weights=str(file)).build()  # its inner names are counted up further, in the same process
    assert bits(again) == bits(model)
    assert {array.path for array in arrays(file)} >= set(weighed(sketch(model, label="", name="").steps))
    with without_keras_warnings():
        model.save_weights(tmp_path / "w.weights.h5")
    assert bits(spec.updated(weights=str(tmp_path / "w.weights.h5")).build()) == bits(again)
    save(again, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == file.read_bytes()


KINDS = {
    "normalization": "[Normalization, {Dense: 2}]",
    "batch normalization": "[BatchNormalization, {Dense: 2}]",
    "shared": "[{Dense: 4, name: d}, {reuse: d}, {Dense: 2}]",
    "nested twice": "[{part: , name: one}, {part: , name: two}]",
    "bfloat16": "[{Dense: {units: 3, dtype: bfloat16}}, {Dense: {units: 2, dtype: float16}}]",
    "inside layers": "[{Reshape: [2, 2]}, {Bidirectional: {LSTM: 3}}, {TimeDistributed: {Dense: 2}}]"[:-1].replace(
        ", {TimeDistributed: {Dense: 2}}", ""
    )
    + "]",
    "int8": "[{Dense: {units: 2, dtype: int8_from_float32}}]",
}
BLOCK = "blocks: {part: {nested: true, layers: [{Dense: 4}, BatchNormalization]}}\n"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_variable_comes_back(kind: str, tmp_path: Path) -> None:
    spec = api.loads(text_of(KINDS[kind], BLOCK if "part" in KINDS[kind] else ""), folder=tmp_path)
    model = shaken(spec.build())
    with without_keras_warnings():
        model.save_weights(tmp_path / "w.weights.h5")
    save(model, tmp_path / "w.safetensors")
    one, other = (spec.updated(weights=str(tmp_path / name)).build() for name in ("w.safetensors", "w.weights.h5"))
    assert bits(one) == bits(model)
    twins.assert_same_outputs(one, other)  # Normalization computes with what it works out from its variables
    found = load_file(tmp_path / "w.safetensors")
    for name, variable in by_path(model).items():
        assert found[name].tobytes() == np.asarray(variable.value).tobytes(), name


def test_a_normalization_computes_with_what_stands_beside_it(in_tmp: Path) -> None:
    mean, variance = np.full(4, 5, "float32"), np.full(4, 4, "float32")
    save_file({"mean": mean, "variance": variance, "count": np.array(7, "int32")}, "n.safetensors")
    model = api.loads(text_of("[{Normalization: {}, weights: n.safetensors}]"), folder=in_tmp).build()
    assert np.asarray(model(np.full((1, 4), 9, "float32"))).tolist() == [[2.0] * 4]


def test_float8_scalars_bools_and_what_is_empty(tmp_path: Path) -> None:
    given = {
        "eight": np.arange(6).reshape(2, 3).astype(ml_dtypes.float8_e4m3fn),
        "other eight": np.arange(6).reshape(3, 2).astype(ml_dtypes.float8_e5m2),
        "scalar": np.array(3, "float64"),
        "bools": np.array([True, False, True]),
        "empty": np.zeros((0, 4), "float32"),
        "bytes": np.arange(3, dtype="uint8"),
    }
    save_file(given, tmp_path / "w.safetensors")
    found = dict(read(tmp_path / "w.safetensors", declared(tmp_path / "w.safetensors")))
    assert set(found) == set(given)
    for name, array in given.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape), name
        assert found[name].tobytes() == array.tobytes(), name


def test_the_names_are_the_same_in_every_process(tmp_path: Path) -> None:
    layers = "[{Reshape: [2, 2]}, {Bidirectional: {LSTM: 3}}, {part: , name: one}, {part: , name: two}]"
    spec = api.loads(text_of(layers, BLOCK), folder=tmp_path)
    inside = ["bias", "kernel", "recurrent_kernel"]
    normal = ["beta", "gamma", "moving_mean", "moving_variance"]
    wanted = [f"bidirectional/{way}_lstm/lstm_cell/{name}" for way in ("backward", "forward") for name in inside]
    for part in ("one", "two"):
        wanted += [f"{part}/batch_normalization/{name}" for name in normal]
        wanted += [f"{part}/dense/{name}" for name in ("bias", "kernel")]
    for _ in range(2):
        assert sorted(by_path(spec.build())) == wanted


def test_a_file_is_for_everyone_whom_the_mask_lets_read_and_old_permissions_stay(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    (tmp_path / "plain").touch()
    model = api.loads(text_of("[{Dense: 2}]"), folder=tmp_path).build()
    save(model, file)
    assert stat.S_IMODE(file.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    assert sorted(os.listdir(tmp_path)) == ["plain", "w.safetensors"]
    if os.name != "nt":
        file.chmod(0o640)
        save(model, file)
        assert stat.S_IMODE(file.stat().st_mode) == 0o640


LIMITED = """
import resource, sys
from pathlib import Path
from kspec import api
from kspec.diagnostics import FileError
from kspec.model.save import save
from kspec.model.sketch import sketch
model = api.loads("kspec: 1\\ninputs: {x: 400}\\nlayers: [{Dense: 100}]\\n").build()
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    save(model, Path("w.safetensors"))
except FileError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Unix's")
def test_where_there_is_no_room_the_old_file_stays(in_tmp: Path) -> None:
    Path("w.safetensors").write_bytes(b"old")
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, check=False, env=env)
    said = "cannot write `w.safetensors`: it is larger than the file size limit allows: 160,400 bytes needed\n"
    assert done.stdout == said, done.stderr
    assert Path("w.safetensors").read_bytes() == b"old"
    assert os.listdir() == ["w.safetensors"]


def test_checking_and_building_do_not_import_the_library(in_tmp: Path) -> None:
    Path("spec.yaml").write_text(text_of("[{Dense: 2}]"), encoding="utf-8")
    code = (
        "import sys; from tests.conftest import run_kspec;"
        "print([run_kspec(*a).status for a in (['check', 'spec.yaml'], ['build', 'spec.yaml', '-o', 'm.keras'])],"
        "'safetensors' in sys.modules)"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=env)
    assert done.stdout == "[0, 0] False\n", done.stderr


# -- beside a layer --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["kernel", "dense/kernel", "whatever/kernel"])
def test_a_layer_s_file_has_its_variables_or_those_of_a_model_of_it_alone(name: str, in_tmp: Path) -> None:
    kernel = np.arange(8, dtype="float32").reshape(4, 2)
    save_file({name: kernel, name.replace("kernel", "bias"): np.ones(2, "float32")}, "d.safetensors")
    model = api.loads(text_of("[{Dense: 2, weights: d.safetensors}, {Dense: 3}]"), folder=in_tmp).build()
    assert np.array_equal(np.asarray(model.layers[1].kernel.value), kernel)


def test_a_block_s_file_is_that_of_a_model_of_it(in_tmp: Path) -> None:
    part = shaken(api.loads(text_of("[{Dense: 4}, BatchNormalization]"), folder=in_tmp).build())
    save(part, Path("part.safetensors"))
    layers = "[{part: , name: one, weights: part.safetensors}, {part: , name: two}]"
    model = api.loads(text_of(layers, BLOCK), folder=in_tmp).build()
    assert bits(model)[:6] == bits(part)
    assert bits(model)[6:] != bits(part)


# -- what does not fit -----------------------------------------------------------------------------------------------

GOOD = {"dense/kernel": np.ones((4, 2), "float32"), "dense/bias": np.ones(2, "float32")}
MISFITS: dict[str, tuple[Mapping[str, Any], str]] = {
    "missing": ({"dense/kernel": GOOD["dense/kernel"]}, "the file lacks `dense/bias`"),
    "extra": ({**GOOD, "more/kernel": np.ones(3, "float32")}, "the model has no `more/kernel`"),
    "other names": (
        {"body/kernel": GOOD["dense/kernel"], "body/bias": GOOD["dense/bias"]},
        "the file lacks `dense/kernel`, `dense/bias`; the model has no `body/bias`, `body/kernel`",
    ),
    "shape": (
        {**GOOD, "dense/kernel": np.ones((4, 3), "float32")},
        "dense/kernel has shape (4, 2), the file's is (4, 3)",
    ),
    "turned": (
        {**GOOD, "dense/kernel": np.ones((2, 4), "float32")},
        "dense/kernel has shape (4, 2), the file's is (2, 4)",
    ),
    "half": ({**GOOD, "dense/bias": np.ones(2, "float16")}, "dense/bias is float32, the file's is float16"),
    "double": ({**GOOD, "dense/bias": np.ones(2, "float64")}, "dense/bias is float32, the file's is float64"),
    "nothing": ({}, "the file lacks `dense/kernel`, `dense/bias`"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_what_does_not_fit_is_told_and_nothing_is_loaded(name: str, in_tmp: Path) -> None:
    found, said = MISFITS[name]
    save_file(dict(found), "w.safetensors")
    Path("spec.yaml").write_text(text_of("[{Dense: 2}]", "name: two\nweights: w.safetensors\n"), encoding="utf-8")
    outcome = run_kspec("build", "spec.yaml")
    assert outcome.text == (
        f"exit 1\nspec.yaml:4:10: error[weights] the weights in `w.safetensors` do not fit `two`: {said}\n"
        "  4 | weights: w.safetensors\n    |          ^^^^^^^^^^^^^\n\n1 error in spec.yaml\n"
    )
    model = api.loads(text_of("[{Dense: 2}]"), folder=in_tmp).build()
    before = bits(model)
    with pytest.raises(SpecError):
        load_into(model, Path("w.safetensors"), ())
    assert bits(model) == before


def test_two_variables_of_one_name_are_refused(tmp_path: Path) -> None:
    class Two(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.parts = [keras.layers.Dense(2, name="a"), keras.layers.Dense(2, name="a")]

        def call(self, x: Any) -> Any:
            return self.parts[1](self.parts[0](x))

    model = Two()
    model(np.ones((1, 2), "float32"))
    with pytest.raises(UsageError) as refused:
        save(model, tmp_path / "w.safetensors")
    [problem] = refused.value.problems
    assert problem.message == "two variables are called `a/kernel`, and a safetensors file tells them by their names"
    assert problem.help == "give the layers names of their own, or name a `.weights.h5` file"
    assert os.listdir(tmp_path) == []


def test_a_layer_that_keeps_its_state_in_its_own_way_is_refused(tmp_path: Path) -> None:
    class Own(keras.layers.Dense):  # type: ignore[misc]
        def save_own_variables(self, store: Any) -> None:
            store["all"] = self.kernel

    model = keras.Sequential([keras.Input((2,)), Own(2, name="own")])
    save_file({"own/kernel": np.ones((2, 2), "float32"), "own/bias": np.ones(2, "float32")}, tmp_path / "w.safetensors")
    said = "`own` has a `save_own_variables` of its own, and safetensors holds variables alone"
    for refused in (
        lambda: save(model, tmp_path / "other.safetensors"),
        lambda: load_into(model, tmp_path / "w.safetensors", ()),
    ):
        with pytest.raises(UsageError, match=said):
            refused()


def test_a_dtype_that_no_such_file_has_is_refused(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, name="d")])
    object.__setattr__(model.layers[0].bias, "_value", np.ones(2, ml_dtypes.int4))
    with pytest.raises(UsageError, match="`d/bias` is int4, which a safetensors file cannot hold"):
        save(model, tmp_path / "w.safetensors")


# -- commands --------------------------------------------------------------------------------------------------------


def test_built_audited_evaluated_and_predicted(in_tmp: Path) -> None:
    Path("spec.yaml").write_text(text_of("[{Dense: 2, name: y}]", "compile: {loss: mse}\n"), encoding="utf-8")
    rng = np.random.default_rng(0)
    np.savez("data.npz", x=rng.normal(size=(8, 4)).astype("float32"), y=np.ones((8, 2), "float32"))
    for ending in ("safetensors", "weights.h5", "keras"):
        built = run_kspec("build", "spec.yaml", "-o", f"m.{ending}")
        assert built.text == f"exit 0\nspec: 10 parameters → m.{ending}\n"
    assert run_kspec("audit", "m.safetensors").text == (
        "exit 0\nm.safetensors: admitted: nothing in it is run\nweights  2 arrays, 40 bytes\n"
    )
    told: list[str] = []
    for ending in ("safetensors", "weights.h5"):
        given = ("spec.yaml", "--set", "seed=2", "--weights", f"m.{ending}", "--data", "data.npz")
        told.append(run_kspec("evaluate", *given).text)
        assert run_kspec("predict", *given, "-o", f"{ending}.npz").status == 0
    assert told[0] == told[1]
    assert "exit 0" in told[0]
    one, other = (np.load(f"{ending}.npz") for ending in ("safetensors", "weights.h5"))
    assert {name: one[name].tobytes() for name in one} == {name: other[name].tobytes() for name in other}
    alone = run_kspec("evaluate", "m.safetensors", "--data", "data.npz")
    assert alone.text.startswith("exit 2\nerror[usage] `m.safetensors` holds weights alone\n")
    refused = run_kspec("build", "spec.yaml", "-o", "m.txt")
    assert refused.status == 2
    assert "a whole model ends in `.keras`, its weights alone in `.weights.h5` or `.safetensors`" in refused.err
