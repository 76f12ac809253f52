"""Models that the tests export, and what they are run with."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from kspec import api
from kspec.model.interface import interface_of
from tests.conftest import SPECS


def names(few: Collection[str], without: Collection[str] = ()) -> list[Any]:
    """The gallery's specs for a test's parameters, all but a `few` of them slow; the large one takes too much."""
    found = sorted(path.stem for path in SPECS.glob("*.yaml") if path.stem not in ("large_decoder", *without))
    return [pytest.param(name, marks=() if name in few else pytest.mark.slow) for name in found]


def gallery(name: str) -> Any:
    """A model of the gallery, with fresh weights."""
    return api.load(SPECS / f"{name}.yaml", trust=["custom_layers"]).build(compile=False)


def by_onnxruntime(path: Path, arrays: dict[str, Any]) -> dict[str, Any]:
    """What ONNX Runtime makes of arrays by their names, by the names of the outputs."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    return dict(zip([each.name for each in session.get_outputs()], session.run(None, arrays), strict=True))


def by_keras(model: Any, arrays: dict[str, Any]) -> dict[str, Any]:
    """The same by Keras itself."""
    face = interface_of(model)
    return {
        name: np.asarray(value)
        for name, value in face.unpack_outputs(model(face.pack_inputs(arrays), training=False)).items()
    }


def arrays_for(model: Any, batch: int, high: int = 2) -> dict[str, Any]:
    """Random arrays by the names of a model's inputs, whole numbers below `high`."""
    generator = np.random.default_rng(batch)
    found = {}
    for port in interface_of(model).inputs:
        shape = (batch, *(5 if axis is None else axis for axis in port.shape))
        whole = keras.backend.is_int_dtype(port.dtype)
        numbers = generator.integers(0, high, shape) if whole else generator.normal(size=shape)
        found[port.name] = numbers.astype(port.dtype)
    return found


def check_same(ours: dict[str, Any], theirs: dict[str, Any], within: float = 1e-5) -> None:
    """The same names in the same order, the same shapes, and numbers that differ by rounding."""
    assert list(ours) == list(theirs)
    for name, expected in ours.items():
        assert theirs[name].shape == expected.shape
        np.testing.assert_allclose(theirs[name], expected, rtol=within, atol=within)
