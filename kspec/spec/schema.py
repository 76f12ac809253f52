"""The sections of a spec as values: pydantic models, pure data, strict and closed.

``layers`` and ``blocks`` stay plain data here: what a step means depends on variables and scope (`expand`).
`parse` makes a Spec and puts pydantic's errors in our words; `sections` checks what stands inside.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from kspec.spec.sizes import size
from kspec.spec.values import MAX_SIZE

VERSION = 1
NAME = re.compile(r"[^\s/$:,\[\]{}]{1,200}\Z")
RESERVED = ("previous", "input")
MAX_AXES = 16


class _Section(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True, populate_by_name=True
    )


def shape_only(value: Any) -> Any:
    """``64`` and ``[28, 28, 1]`` are short for ``{shape: …}``."""
    if isinstance(value, bool) or not isinstance(value, (int, list)):
        return value
    return {"shape": [value] if isinstance(value, int) else value}


Axis = Annotated[int, Field(ge=1, le=MAX_SIZE)] | None


class Input(_Section):
    """One input, by keras.Input's arguments; `shape` is without the batch axis, null is any size."""

    shape: Annotated[list[Axis], Field(max_length=MAX_AXES)] | None = None
    batch_shape: Annotated[list[Axis], Field(min_length=1, max_length=MAX_AXES + 1)] | None = None
    batch_size: Annotated[int, Field(ge=1)] | None = None
    dtype: str | None = None
    sparse: bool | None = None
    ragged: bool | None = None
    optional: bool = False


def _wrapped(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class Compile(_Section):
    """keras.Model.compile's arguments; objects are Objects or Keras's identifiers."""

    optimizer: Any = "rmsprop"
    loss: Any = None
    loss_weights: Any = None
    metrics: Any = None
    weighted_metrics: Any = None
    run_eagerly: bool = False
    steps_per_execution: Annotated[int, Field(ge=1)] = 1
    jit_compile: bool | Literal["auto"] = "auto"
    auto_scale_loss: bool = True


ClassWeight = dict[int, Annotated[float, Field(ge=0)]]
Count = Annotated[int, Field(ge=1)]


class Fit(_Section):
    """keras.Model.fit's arguments that are not data; class and sample weights may be given for each output by name."""

    epochs: Count = 1
    batch_size: Count | None = None
    callbacks: Any = ()
    validation_split: Annotated[float, Field(ge=0, lt=1)] = 0.0
    shuffle: bool = True
    class_weight: dict[str | int, Any] | None = None
    sample_weight: str | dict[str, str] | None = None
    initial_epoch: Annotated[int, Field(ge=0)] = 0
    steps_per_epoch: Count | None = None
    validation_steps: Count | None = None
    validation_batch_size: Count | None = None
    validation_freq: Count = 1
    checkpoint_every: str | None = None
    on_nan: Literal["stop", "skip", "rollback"] = "stop"


def _path_only(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]


class DataFile(_Section):
    """A part of the data: a file, files or a folder; a Python object; or rows of the training data.

    `fields` maps names of inputs and outputs to names of arrays or columns, several side by side. Once the spec is
    loaded, `path` is absolute.
    """

    path: str | None = None
    source: str | None = None
    fields: dict[str, Any] = {}
    where: dict[str, Any] = {}
    fraction: Annotated[float, Field(gt=0, lt=1)] | None = None
    stratify: str | None = None
    group: str | None = None
    seed: Seed | None = None


_File = Annotated[DataFile | None, BeforeValidator(_path_only)]


class Data(_Section):
    """Where arrays come from; `fields` are those of every part that has none of its own."""

    train: _File = None
    fields: dict[str, Any] = {}
    validation: _File = None
    test: _File = None
    labels: dict[str, Any] = {}


class Bound(_Section):
    """A number's bounds, both included."""

    min: int | None = None
    max: int | None = None


_SUFFIX = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "B": 10**9, "T": 10**12}
_COUNT = re.compile(r"([0-9][0-9_]*(?:\.[0-9]+)?)\s*([kKMGBT]?)\Z")


def _counted(value: Any) -> Any:
    """``217_537``, ``5M`` and ``1.5G`` as whole numbers."""
    if isinstance(value, str) and len(value) <= 40 and (found := _COUNT.match(value)) is not None:
        number = float(found[1].replace("_", "")) if "." in found[1] else int(found[1].replace("_", ""))
        return int(number * _SUFFIX[found[2]])
    return value


def _bounds(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _counted(item) for key, item in value.items()}
    count = _counted(value)
    return {"min": count, "max": count}


_Bounds = Annotated[Bound | None, BeforeValidator(_bounds)]


class MemoryBound(Bound):
    """Bounds in bytes of what a training step takes, and the batch that it is of."""

    batch_size: Annotated[int, Field(ge=1, lt=2**31)] = 32


def _sized(value: Any) -> Any:
    """``8GiB`` as bytes, on its own or as a bound."""
    if isinstance(value, dict):
        return {key: _sized(item) if key in ("min", "max") else item for key, item in value.items()}
    return found if isinstance(value, str) and (found := size(value)) is not None else value


def _memory(value: Any) -> Any:
    value = _sized(value)
    return value if isinstance(value, dict) or value is None else {"min": value, "max": value}


class ExpectedOutput(_Section):
    """A shape with the batch axis, and a dtype; what is left out may be any."""

    shape: list[Annotated[int, Field(ge=0)] | None] | None = None
    dtype: str | None = None


def _expected(value: Any) -> Any:
    return {"shape": value} if isinstance(value, list) else value


class Expect(_Section):
    """What must hold of the built model: counts, costs, and shapes and dtypes by output name."""

    params: _Bounds = None
    trainable_params: _Bounds = None
    non_trainable_params: _Bounds = None
    depth: _Bounds = None
    flops: _Bounds = None
    train_memory: Annotated[MemoryBound | None, BeforeValidator(_memory)] = None
    length: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    outputs: dict[str, Annotated[ExpectedOutput, BeforeValidator(_expected)]] = {}


class Spec(_Section):
    """A whole spec after its variables are put in."""

    kspec: Literal[1]
    name: str | None = None
    seed: Seed | None = None
    dtype_policy: Any = None
    lora: Any = None
    quantize: Any = None
    vars: dict[str, Any] = {}
    inputs: dict[str, Annotated[Input, BeforeValidator(shape_only)]] = {}
    blocks: dict[str, Any] = {}
    layers: list[Any] = []
    outputs: str | list[str] | dict[str, str] | None = None
    compile: Compile | None = None
    fit: Fit | None = None
    data: Data | None = None
    expect: Expect | None = None
    weights: str | None = None
    class_: str | None = Field(None, alias="class")
    custom: Annotated[list[str], BeforeValidator(_wrapped)] = []
    extends: str | None = None
    import_: Annotated[list[str], BeforeValidator(_wrapped)] = Field([], alias="import")

    @property
    def is_part(self) -> bool:
        """Whether the file has no model of its own: blocks for others to import, or a base for others to extend."""
        return not self.layers and self.outputs is None
