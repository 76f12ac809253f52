"""What was exported, as a value."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

from kspec.convert.export.formats import LABELS
from kspec.model.weightsfile import Array


class End(NamedTuple):
    """An input or output of what was exported; an axis that is open is told by its name."""

    name: str
    shape: tuple[int | str, ...]
    dtype: str

    def __str__(self) -> str:
        return f"{self.name} {self.dtype} ({', '.join(map(str, self.shape))}{',' if len(self.shape) == 1 else ''})"


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
    tensors: tuple[Array, ...] = ()
    """What the arrays in a file of weights are called."""

    def told(self) -> list[str]:
        """Lines for a person."""
        size = sum(file.stat().st_size for file in self.files)
        where = " and ".join(str(file) for file in self.files)
        lines = [f"{self.name}: {self.parameters:,} parameters → {where} ({LABELS[self.format]}, {size:,} bytes)"]
        if self.inputs:
            lines.append(f"  takes {', '.join(map(str, self.inputs))}; gives {', '.join(map(str, self.outputs))}")
        if self.difference is not None:
            sizes = " and ".join(map(str, self.batches))
            agrees = (
                f"differs from Keras by {self.difference:.1e} at most" if self.difference else "gives Keras's numbers"
            )
            lines.append(f"  {self.engine} {agrees} (batches of {sizes}; up to {self.tolerance:.0e} is taken)")
        lines += [f"  {each.path} {each.dtype} {tuple(each.shape)}" for each in self.tensors]
        return lines

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
            "tensors": [
                {"name": each.path, "shape": list(each.shape), "dtype": each.dtype, "bytes": each.bytes}
                for each in self.tensors
            ],
        }
