"""A model as plain data that can be compared: what each step is, what it takes, and what it weighs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from kspec.diagnostics import Route

Key = tuple[str, int]
"""A layer's name in Keras and which of its calls a step is, from 0: the same in a spec and in what was saved of it."""

Tensor = tuple[tuple[int | None, ...], str]
"""A shape, with the batch axis first, and a dtype."""


class Weight(NamedTuple):
    """A variable of a layer."""

    name: str
    """Inside the layer, without Keras's counters: `kernel`, `forward_lstm/lstm_cell/bias`."""
    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        return math.prod(self.shape)


class Wire(NamedTuple):
    """A tensor that a step takes: for which argument of the call, from which step, and which of its outputs."""

    argument: str
    source: Key
    output: int = 0


class Step(NamedTuple):
    """One call of a layer or of a function, or an input."""

    key: Key
    name: str
    operation: str
    """As people know it: `Dense`, `ops.matmul`, `encoder.keras`, `Input`."""
    kind: str
    """Its class, with the module."""
    arguments: Mapping[str, Any]
    """All of them, defaults too; Keras objects as `{Name: {parameter: value}}`."""
    call: Mapping[str, Any]
    """Constants of the call."""
    wires: tuple[Wire, ...]
    outputs: tuple[Tensor, ...]
    dtype: str
    """The name of its dtype policy; empty for functions and inputs."""
    trainable: bool
    params: int
    """Those of the layer; none where an earlier step has called it."""
    weights: tuple[Weight, ...]
    inner: tuple[Step, ...] = ()
    """The steps inside of a model that is a step; its inputs first."""
    given: frozenset[str] | None = None
    """The arguments that the spec gives; None where there is no spec."""
    beside: Mapping[str, Any] | None = None
    """What only a spec knows of it: the files of its weights and of its model; None where there is no spec."""
    route: Route = ()
    uses: tuple[Route, ...] = ()

    @property
    def names_itself(self) -> bool:
        """Whether `name` is more than a count: a saved model does not say what its spec called a later call."""
        return self.key[1] == 0 or self.beside is not None


class Output(NamedTuple):
    """An output of a model."""

    name: str
    tensor: Tensor
    source: Key
    output: int


class Numbers(NamedTuple):
    """What a model weighs; None is not known."""

    params: int
    trainable: int
    frozen: int
    other: int
    """Never trained, such as moving averages."""
    weight_bytes: int
    steps: int
    depth: int
    flops: int | None = None
    """Of computing one example."""
    train_memory: int | None = None
    """Bytes of a training step, with `train_batch` examples."""
    train_batch: int | None = None


class Sketch(NamedTuple):
    """A model, without its weights' values."""

    label: str
    """What was asked for, `main:specs/a.yaml`."""
    name: str
    steps: tuple[Step, ...]
    """In an order in which they can be computed, inputs first."""
    outputs: tuple[Output, ...]
    numbers: Numbers
    sections: Mapping[str, Any] | None
    """The canonical spec's other sections; None of a saved model."""


def weighed(steps: tuple[Step, ...], prefix: str = "") -> dict[str, Weight]:
    """Every variable by its path, `trunk/conv2d/kernel`: layers inside of each other, then its name in the layer."""
    found: dict[str, Weight] = {}
    for step in steps:
        if step.key[1] == 0:
            found |= {f"{prefix}{step.key[0]}/{weight.name}": weight for weight in step.weights}
            found |= weighed(step.inner, f"{prefix}{step.key[0]}/")
    return found
