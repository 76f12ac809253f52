"""Random data for a model whose own are not at hand: right in shapes, dtypes and classes, and without any sense."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kspec.model.interface import Interface, Output, Port
from kspec.training.data.match import Link, Matched
from kspec.training.data.targets import classes_of

if TYPE_CHECKING:
    import numpy as np

LENGTH = 32
"""The size of axes that are open beside the batch."""


def synthetic(interface: Interface, rows: int, *, seed: int = 0, length: int = LENGTH) -> Matched:
    """`rows` random examples for a compiled model; whole numbers among the inputs are 0 and 1, which any table has."""
    import numpy as np

    random = np.random.default_rng(seed)
    x = {port.name: _input(port, rows, length, random) for port in interface.inputs}
    y = {output.name: _target(output, rows, length, random) for output in interface.outputs if output.needed}
    links = [Link(name, name, "input") for name in x] + [Link(name, name, "target") for name in y]
    return Matched("<random>", tuple(links), rows, x, y, {})


def _input(port: Port, rows: int, length: int, random: np.random.Generator) -> np.ndarray:
    shape = (rows, *(size or length for size in port.shape))
    if port.dtype.startswith(("int", "uint", "bool")):
        return random.integers(0, 2, shape, dtype="int32").astype(port.dtype)
    return random.random(shape, dtype="float32")


def _target(output: Output, rows: int, length: int, random: np.random.Generator) -> np.ndarray:
    shape = (rows, *(size or length for size in output.shape))
    kinds = {loss.kind for loss in output.losses}
    classes = classes_of(output) or 2
    if "classes" in kinds:
        return random.integers(0, classes, shape[:-1], dtype="int32")
    if kinds & {"distribution", "by shape"} and shape[-1] > 1:
        import numpy as np

        return np.eye(shape[-1], dtype="float32")[random.integers(0, shape[-1], shape[:-1])]
    if kinds & {"probability", "by shape"}:
        return random.integers(0, 2, shape, dtype="int32").astype("float32")
    return random.random(shape, dtype="float32")
