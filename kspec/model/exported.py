"""What was exported, as a value."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

LABELS = {"onnx": "ONNX", "stablehlo": "StableHLO", "openvino": "OpenVINO", "weights": "weights"}
"""Formats by the names that they go by."""


class End(NamedTuple):
    """An input or output of what was exported; an axis that is open is told by its name."""

    name: str
    shape: tuple[int | str, ...]
    dtype: str

    def __str__(self) -> str:
        return f"{self.name} {self.dtype} ({', '.join(map(str, self.shape))}{',' if len(self.shape) == 1 else ''})"


class Tensor(NamedTuple):
    """An array in a file of weights, by the name that it has there."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    bytes: int


@dataclasses.dataclass(frozen=True)
class Exported:
    """Files that were written, what they take and give, and how far from Keras they compute."""

    name: str
    """The model's."""
    format: str
    files: tuple[Path, ...]
    parameters: int
    inputs: tuple[End, ...] = ()
    outputs: tuple[End, ...] = ()
    difference: float | None = None
    """The greatest of any output from Keras's, relative to the output's largest number where that is above 1; None of
    weights by themselves."""
    tolerance: float | None = None
    batches: tuple[int, ...] = ()
    """The sizes of the random batches that were compared."""
    engine: str = ""
    """What ran it."""
    tensors: tuple[Tensor, ...] = ()
    """The arrays in a file of weights."""

    @property
    def label(self) -> str:
        """The format by the name that it goes by."""
        return LABELS[self.format]

    def as_json(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            "name": self.name,
            "format": self.format,
            "files": [str(file) for file in self.files],
            "parameters": self.parameters,
            "inputs": [{**end._asdict(), "shape": list(end.shape)} for end in self.inputs],
            "outputs": [{**end._asdict(), "shape": list(end.shape)} for end in self.outputs],
            "difference": self.difference,
            "tolerance": self.tolerance,
            "batches": list(self.batches),
            "engine": self.engine,
            "tensors": [{**tensor._asdict(), "shape": list(tensor.shape)} for tensor in self.tensors],
        }
