"""StableHLO files run where there is JAX and no Keras, and tell what they take and give."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jax
import keras
import numpy as np
import pytest

from kspec.exporting import export
from tests.convert.export.models import arrays_for, by_keras, check_same, gallery, names

FEW = ("mixed_precision", "transfer", "vae")

ALONE = """\
import importlib.abc, runpy, sys


class Refusing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("keras", "kspec", "h5py", "jax2onnx", "orbax", "optree"):
            raise ImportError(name)


sys.meta_path.insert(0, Refusing())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("name", names(FEW))
def test_gallery(name: str, tmp_path: Path) -> None:
    model = gallery(name)
    path = tmp_path / "model.stablehlo"
    found = export(model, path)
    exported = jax.export.deserialize(bytearray(path.read_bytes()))
    assert exported.platforms == ("cpu", "cuda", "tpu")
    for batch in (2, 7):
        arrays = arrays_for(model, batch)
        made = {name: np.asarray(array) for name, array in exported.call(arrays).items()}
        expected = {key: value.astype("float32") for key, value in by_keras(model, arrays).items()}
        made = {name: made[name].astype("float32") for name in expected}
        assert found.tolerance is not None
        check_same(expected, made, found.tolerance)


def test_the_program_beside_it_needs_jax_alone(tmp_path: Path) -> None:
    """Names that Python could not have, two inputs with open axes, two outputs, a folder that is not this one."""
    x, y = keras.Input((None, 3), name="the words"), keras.Input((2,), name='"y"', dtype="int32")
    looked = keras.layers.Flatten()(keras.layers.Embedding(5, 2)(y))
    h = keras.layers.GRU(4)(x)
    model = keras.Model(
        [x, y], [keras.layers.Concatenate(name="both")([h, looked]), keras.layers.Dense(2, name="z")(h)]
    )
    (tmp_path / "programs").mkdir()
    export(model, tmp_path / "it's.stablehlo", loader=tmp_path / "programs" / "load.py")
    arrays = arrays_for(model, 6)
    np.savez(tmp_path / "x.npz", **arrays, strange=np.ones(2))
    command = [sys.executable, "-I", "-c", ALONE, "programs/load.py", "x.npz", "y.npz"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    with np.load(tmp_path / "y.npz") as made:
        check_same(by_keras(model, arrays), {name: made[name] for name in ("both", "z")})


def test_shapes_and_names_are_in_the_file(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((None, 3), name="x"), keras.layers.GRU(2, name="h")], name="small-one")
    export(model, tmp_path / "model.stablehlo")
    exported = jax.export.deserialize(bytearray((tmp_path / "model.stablehlo").read_bytes()))
    assert str(exported.in_avals[0]) == "float32[batch,x_1,3]"
    assert str(exported.out_avals[0]) == "float32[batch,2]"
    assert exported.fun_name == "small_one"
    arguments, _ = jax.tree.unflatten(exported.in_tree, exported.in_avals)
    assert list(arguments[0]) == ["x"]
    assert list(jax.tree.unflatten(exported.out_tree, exported.out_avals)) == ["h"]


def test_axes_that_must_be_as_long_as_each_other_are_one(tmp_path: Path) -> None:
    first, second = keras.Input((None, 3), name="a"), keras.Input((None, 3), name="b")
    model = keras.Model([first, second], keras.ops.add(first, second))
    path = tmp_path / "model.stablehlo"
    export(model, path)
    exported = jax.export.deserialize(bytearray(path.read_bytes()))
    assert [str(each) for each in exported.in_avals] == ["float32[batch,length,3]"] * 2


def test_a_generator_in_a_model_is_not_moved_on(tmp_path: Path) -> None:
    model = gallery("vae")
    before = [np.asarray(each) for each in model.non_trainable_variables]
    export(model, tmp_path / "model.stablehlo")
    for variable, value in zip(model.non_trainable_variables, before, strict=True):
        np.testing.assert_array_equal(np.asarray(variable), value)
