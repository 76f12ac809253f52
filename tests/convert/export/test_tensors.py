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
    names = [each.path for each in found.tensors]
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
