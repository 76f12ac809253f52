"""Flat steps: one call of one layer, function, nested model or saved model each.

Names are complete (`transformer_2.dense`); wiring refers to complete names, and whether those exist is the graph's
question.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from kspec.diagnostics import Route
from kspec.spec.graph import Graph, Lora, Quantize, Saved
from kspec.spec.objects import Object


class Shared(NamedTuple):
    """Calls the layer of an earlier step again."""

    name: str


class Nested(NamedTuple):
    """A block as a keras.Model of its own. `like` has keras.Input's arguments of inputs with a shape of their own; the
    others are like the tensors that reach them."""

    block: str
    inputs: tuple[str, ...]
    steps: tuple[Step, ...]
    aliases: Mapping[str, Any]
    outputs: Any
    like: Mapping[str, Mapping[str, Any]] = {}


class Step(NamedTuple):
    """One call. `wires` is `from` with names as Refs: one, a list, or a mapping by call argument.

    An argument of an Object may be a block that it is around: a Held.
    """

    name: str
    operation: Object | Shared | Saved | Nested | Graph | Unknown
    wires: Any
    call: Mapping[str, Any]
    trainable: bool | None
    dtype: Any
    weights: str | None
    route: Route
    uses: tuple[Route, ...]
    scope: str
    names: tuple[str, ...] = ()
    """The complete names that a list in `name` gives to outputs."""
    lora: Lora | None = None
    quantize: Quantize | None = None


class Expanded(NamedTuple):
    """Flat steps, other names for tensors (`aliases`), and the tensor that comes last."""

    steps: tuple[Step, ...]
    aliases: dict[str, Any]
    last: Any
    left_out: Mapping[str, Route] = {}
    """Names of steps that their `when` leaves out, and where it says so."""
    unused: tuple[Nested, ...] = ()
    """Blocks that no step uses, for their own mistakes to be found."""
    complete: bool = True
    """Whether every step was reached."""
    named: bool = True
    """Whether every name is known: with a wrong one, names that seem unknown may be right."""
    unsure: bool = False
    """Whether an unnamed step is wrong, so that automatic names may be others than are meant."""
    doubled: frozenset[str] = frozenset()
    """Names that are given twice, so that it is not known what they mean."""
    gaps: frozenset[str] = frozenset()
    """Sections that could not be read, or in part only."""


class Unknown(NamedTuple):
    """A tensor that a wrong step would have given: whoever takes it is left unreported."""

    name: str = ""


UNKNOWN = Unknown()
