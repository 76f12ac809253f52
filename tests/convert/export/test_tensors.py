"""Files of weights hold every weight under the name that is told."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file

from kspec import api
from kspec.diagnostics import FileError
from kspec.exporting import export
from kspec.model.variables import by_path
from tests.conftest import SPECS


@pytest.mark.parametrize("ending", [".npz", ".safetensors", ".weights.h5"])
def test_every_weight_is_there_under_its_name(ending: str, tmp_path: Path) -> None:
    model = api.load(SPECS / "residual_cnn.yaml").build()  # compiled: what an optimizer has is no weight
    path = tmp_path / f"model{ending}"
    found = export(model, path)
    assert sum(int(np.prod(each.shape)) for each in found.tensors) == found.parameters == model.count_params()
    assert found.difference is None
    names = [each.name for each in found.tensors]
    assert len(set(names)) == len(names)
    if ending == ".weights.h5":
        other = api.load(SPECS / "residual_cnn.yaml", sets=["seed=99"]).build(compile=False)
        other.load_weights(path)
        pairs = zip(model.weights, other.weights, strict=True)
        assert all(np.array_equal(np.asarray(ours), np.asarray(theirs)) for ours, theirs in pairs)
        return
    arrays = dict(np.load(path)) if ending == ".npz" else load_file(path)
    assert set(arrays) == set(names)
    assert all(np.array_equal(arrays[name], np.asarray(each)) for name, each in by_path(model).items())


@pytest.mark.parametrize("ending", ["npz", "stablehlo"])
def test_a_model_that_is_not_built_is_told(ending: str, tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        export(keras.Sequential([keras.layers.Dense(2)], name="loose"), tmp_path / f"model.{ending}")
    (problem,) = caught.value.problems
    assert problem.code == "export-model"
    assert problem.message.startswith("`loose` cannot be exported to ")
    assert problem.message.endswith(": nobody knows the shapes of its inputs yet")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", ["npz", "safetensors", "weights.h5", "stablehlo"])
@pytest.mark.parametrize(
    ("names", "shown", "character"),
    [
        (("x\ud800", "d", "m"), r"x\ud800", "U+D800"),
        (("x", "d\udfff", "m"), r"d\udfff", "U+DFFF"),
        (("x", "d", "m\0"), "m\0", "U+0000"),
    ],
)
def test_names_that_no_file_can_hold(
    ending: str, names: tuple[str, str, str], shown: str, character: str, tmp_path: Path
) -> None:
    entry, layer, whole = names
    given = keras.Input((2,), name=entry)
    model = keras.Model(given, keras.layers.Dense(2, name=layer)(given), name=whole)
    with pytest.raises(FileError) as caught:
        export(model, tmp_path / f"model.{ending}")
    (problem,) = caught.value.problems
    assert problem.code == "export-model"
    assert problem.message.startswith(f"`{shown}` cannot be exported to ")
    assert problem.message.endswith(f": no file can hold {character}, which is in its name")
    assert not list(tmp_path.iterdir())


def test_names_in_a_mapping_and_of_functions(tmp_path: Path) -> None:
    given = keras.Input((2,))
    made = keras.ops.relu(given)
    for outputs in ({"y\ud800": made}, made):
        model = keras.Model(given, outputs)
        with pytest.raises(FileError, match=r"ud800` cannot be exported to StableHLO: no file can hold U\+D800"):
            export(model, tmp_path / "model.stablehlo")
        made._keras_history.operation.name = "r\ud800"
