"""Weights by themselves, with the name of every tensor: .weights.h5, .safetensors or .npz."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from kspec.files import atomic_path
from kspec.model.exported import Tensor
from kspec.model.save import save
from kspec.model.variables import by_path, check_plain
from kspec.model.weights import arrays_of, without_optimizer


def write_tensors(model: Any, path: Path) -> list[Tensor]:
    """Write a model's weights, and what the arrays in the file are called there.

    In .safetensors and .npz the names are the layers' and the variables', `trunk/conv2d/kernel`; in .weights.h5 they
    are Keras's own.

    Raises FileError where the file cannot be written; UsageError where the names do not tell all weights apart.
    """
    if path.suffix == ".npz":
        check_plain(model)
        return _write_npz(path, by_path(model))
    with without_optimizer(model):
        save(model, path)
    if path.suffix == ".safetensors":
        return [_tensor(name, variable.value) for name, variable in by_path(model).items()]
    return [Tensor(*found) for found in arrays_of(path)]


def _write_npz(path: Path, variables: dict[str, Any]) -> list[Tensor]:
    # Not numpy.savez: a tensor called `file` would be taken for its argument of that name.
    import numpy as np
    from numpy.lib import format

    arrays = {name: _plain(np.asarray(variable.value)) for name, variable in variables.items()}
    least = sum(array.nbytes for array in arrays.values())
    with atomic_path(path, least=least) as temporary, zipfile.ZipFile(temporary, "x") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                format.write_array(member, array, allow_pickle=False)
    return [_tensor(name, array) for name, array in arrays.items()]


def _plain(array: Any) -> Any:
    """NumPy's files know no bfloat16."""
    return array if array.dtype.kind in "biufc" else array.astype("float32")


def _tensor(name: str, array: Any) -> Tensor:
    return Tensor(name, tuple(array.shape), str(array.dtype), array.nbytes)
