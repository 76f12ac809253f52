"""What is known of a model's costs, as values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Batch(NamedTuple):
    """How large a batch is: examples, and what axes of any size are, where there are some."""

    size: int
    length: int | None = None


class Remat(NamedTuple):
    """What is kept where blocks are computed again in the backward pass."""

    kept: int
    """Between the passes."""
    largest: int
    """While the dearest block is computed again."""
    again: frozenset[int]
    """The calls that are computed a second time."""

    @property
    def activations(self) -> int:
        return self.kept + self.largest


class Planned(NamedTuple):
    """Bytes that a compiled training step uses."""

    arguments: int
    """Weights, the optimizer's state and the batch."""
    results: int
    """What it gives, as far as it does not stand where an argument stood."""
    temporary: int
    """Activations, gradients, and room of the kernels' own."""
    platform: str

    @property
    def peak(self) -> int:
        """The most that is there at once."""
        return self.arguments + self.results + self.temporary


class Share(NamedTuple):
    """A call's part of a whole."""

    forward: float = 0.0
    """FLOPs of computing, as `predict` does."""
    training: float = 0.0
    """FLOPs in a training step, of the forward and the backward pass together."""
    activations: int = 0
    """Bytes that it keeps for the backward pass."""
    moved: int = 0
    """Bytes that it reads and writes in a training step, each tensor once in each pass."""


class Memory(NamedTuple):
    """Bytes of a training step; of a model that is not trained, of its weights."""

    weights: int
    gradients: int = 0
    optimizer: int = 0
    activations: int = 0
    copies: int = 0
    """Weights in the dtype of computing, where it is another than their own."""
    batch: int = 0

    @property
    def total(self) -> int:
        return sum(self)


class Cost(NamedTuple):
    """What a batch costs. Shares are by call's name, those of calls in a model that is a step by both names."""

    batch: Batch
    forward: float
    forward_rest: float
    """FLOPs of the forward pass that belong to no call."""
    training: float
    rest: tuple[tuple[str, float], ...]
    """FLOPs of a training step that belong to no call, by what they are for."""
    shares: Mapping[tuple[str, ...], Share]
    memory: Memory
    rematerialized: Remat | None
    again: float
    """FLOPs of computing blocks again."""
    endless: bool
    """Whether a loop was counted once of which nobody knows how often it runs."""
    dtype: str
    """The dtype in which most is computed."""

    def share(self, *names: str) -> Share:
        """The share of a call; nothing, for one that computes nothing."""
        return self.shares.get(names, _NOTHING)


_NOTHING = Share()
LOSS, OPTIMIZER = "loss, metrics, sums of gradients", "optimizer"
