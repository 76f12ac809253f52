"""A model's Plan: every call with its shapes, dtypes and parameters, and the calls inside models that are steps."""

from __future__ import annotations

from typing import NamedTuple

from kspec.diagnostics import Route

_BYTES = {"float64": 8, "int64": 8, "uint64": 8, "float16": 2, "bfloat16": 2, "int16": 2, "uint16": 2}
_BYTES |= dict.fromkeys(("bool", "int8", "uint8", "float8_e4m3fn", "float8_e5m2"), 1)

Tensor = tuple[tuple[int | None, ...], str]
"""A shape, with the batch axis first, as None; and a dtype."""


class Call(NamedTuple):
    """One row of a plan: a layer's call, or an input."""

    name: str
    operation: str
    outputs: tuple[Tensor, ...]
    params: int
    trainable: int
    sources: tuple[str, ...]
    """The calls whose tensors it takes."""
    shared: bool
    """Whether the layer was called, and counted, by an earlier row."""
    route: Route = ()
    uses: tuple[Route, ...] = ()
    layer: str = ""
    """The layer's name, which is another than the call's where a layer is called again."""
    frozen: int = 0
    """Parameters that would be trained, if `trainable: false` did not stand there."""
    weight_bytes: int = 0
    wires: tuple[tuple[str, int], ...] = ()
    """Every tensor that it takes: a call, and which of its outputs."""
    inner: tuple[Call, ...] = ()
    """The calls inside of a model that is a step; its inputs first."""
    key: tuple[str, int] = ("", 0)
    """The layer's name in Keras, and which of its calls this is, from 0."""
    arguments: str = ""
    """What the spec says of the layer and of the call: two calls with the same are alike."""
    ends: tuple[tuple[str, int], ...] = ()
    """Of a model that is a step, where each of its outputs comes from: a call inside, and which of its outputs."""

    @property
    def other(self) -> int:
        """Parameters that are never trained, such as moving averages."""
        return self.params - self.trainable - self.frozen


class Plan(NamedTuple):
    """What a model will be: its calls, and its parameters and bytes as Keras counts them."""

    name: str
    calls: tuple[Call, ...]
    params: int
    trainable: int
    weight_bytes: int
    outputs: tuple[tuple[str, tuple[int | None, ...], str], ...]
    """Name, shape and dtype of each output."""
    depth: int = 0
    """How many layers stand one after another on the longest way, as https://keras.io/api/applications counts them."""
    ends: tuple[tuple[str, int], ...] = ()
    """Where each output comes from: a call, and which of its outputs."""

    @property
    def non_trainable(self) -> int:
        return self.params - self.trainable


def bytes_of(dtype: str) -> int:
    """The bytes of one number."""
    return _BYTES.get(dtype, 4)
