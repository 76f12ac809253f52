"""All weights of a small network in one array, and each kind of its optimizer's variables in one, while a loop runs.

What a step of a small network costs is the number of its operations, and half of them are the optimizer's, the same few
for each weight. Most optimizers treat every number by itself, so that one pass over all weights does the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

from kspec.model import private
from kspec.model.backend import load_keras
from kspec.model.quiet import without_keras_warnings

State = Any
Step = Callable[[Any, State, Any], tuple[State, Any]]

_BY_NUMBERS = ("SGD", "RMSprop", "Adam", "AdamW", "Adadelta", "Adagrad", "Adamax", "Nadam", "Ftrl", "Lion")
"""Keras's optimizers that treat every number of a weight by itself."""
_MOST = 2**16
"""Numbers in all weights up to which it is tried: moving more of them costs more than starting operations does (with
217,000 a step takes three times as long)."""


class Packing(NamedTuple):
    """How a training state, (trainable, other, optimizer's, metrics') arrays, is packed and unpacked, and a step that
    takes and gives a packed one."""

    pack: Callable[[State], State]
    unpack: Callable[[State], State]
    step: Step


def packing(model: Any, step: Step) -> Packing | None:
    """How to pack the state that `step`, a step of Keras's own, takes of a model whose optimizer is built.

    None where packing could change what is computed, or could gain nothing.
    """
    weights = model.trainable_variables
    if len(weights) < 2 or not _is_by_numbers(model.optimizer, weights):
        return None
    shapes = [tuple(variable.shape) for variable in weights]
    twin = _twin(model.optimizer, sum(map(prod, shapes)))
    places = _places(model.optimizer, twin, len(weights)) if twin is not None else None
    if places is None:
        return None

    def pack(state: State) -> State:
        trainable, others, slots, metrics = state
        return [_joined(trainable)], others, [_joined([slots[place] for place in some]) for some in places], metrics

    def unpack(state: State) -> State:
        (flat,), others, packed, metrics = state
        slots: dict[int, Any] = {}
        for some, array in zip(places, packed, strict=True):
            slots |= zip(some, _parted(array, shapes) if len(some) > 1 else [array], strict=True)
        return _parted(flat, shapes), others, [slots[place] for place in range(len(slots))], metrics

    def step_on_packed(reads: Any, state: State, batch: Any) -> tuple[State, Any]:
        before, standing = model.optimizer, _Standing(twin, shapes, state[0])
        model.optimizer = standing
        try:
            (_, *rest), out = step(reads, (_parted(state[0][0], shapes), *state[1:]), batch)
            return (standing.flat, *rest), out
        finally:
            model.optimizer = before

    return Packing(pack, unpack, step_on_packed)


class _Standing:
    """Stands in the optimizer's place while a step is traced: what Keras's training step asks of one.

    The packed weights stay here: to put them together again from those that the step gives would cost what is gained.
    """

    def __init__(self, twin: Any, shapes: Sequence[tuple[int, ...]], flat: list[Any]) -> None:
        self.flat, self.variables, self.scale_loss = flat, twin.variables, twin.scale_loss
        self._twin, self._shapes = twin, shapes

    def stateless_apply(self, slots: Any, gradients: Any, weights: Any) -> tuple[list[Any], Any]:
        self.flat, slots = self._twin.stateless_apply(slots, [_joined(gradients)], self.flat)
        return _parted(self.flat[0], self._shapes), slots


def _is_by_numbers(optimizer: Any, weights: Sequence[Any]) -> bool:
    """Whether each number of the weights is changed by its own gradient alone, and all in the same way."""
    keras = load_keras()
    return (
        type(optimizer) in {getattr(keras.optimizers, name) for name in _BY_NUMBERS}
        and optimizer.clipnorm is None
        and optimizer.global_clipnorm is None
        and not private.spares_decay(optimizer)
        and {variable.dtype for variable in weights} == {"float32"}
        and not any(variable.constraint or getattr(variable, "overwrite_with_gradient", False) for variable in weights)
        and sum(prod(variable.shape) for variable in weights) <= _MOST
    )


def _twin(optimizer: Any, size: int) -> Any:
    """The same optimizer for one weight of so many numbers; what its variables hold is never looked at. None for one
    with a schedule of a person's own, which may have no configuration."""
    keras = load_keras()
    try:
        with without_keras_warnings():
            twin = type(optimizer).from_config(optimizer.get_config())
    except Exception:  # their code may raise anything
        return None
    twin.build([keras.Variable(shape=(size,), initializer="zeros", dtype="float32", name="packed")])
    return twin


def _places(optimizer: Any, twin: Any, count: int) -> list[list[int]] | None:
    """For each of the twin's variables, the places among the optimizer's of those that it stands for.

    An optimizer keeps what it has for each weight in lists, one for each kind. None where something is left over.
    """
    place = {id(variable): number for number, variable in enumerate(optimizer.variables)}
    found: dict[int, list[int]] = {}
    for name, value in vars(twin).items():
        mine, its = (each if isinstance(each, list) else [each] for each in (value, vars(optimizer).get(name)))
        if len(mine) == 1 and len(its) in (1, count) and all(id(each) in place for each in its):
            found[id(mine[0])] = [place[id(each)] for each in its]
    places = [found.get(id(variable), []) for variable in twin.variables]
    return places if sorted(each for some in places for each in some) == list(range(len(place))) else None


def _joined(arrays: Sequence[Any]) -> Any:
    from jax import numpy as jnp

    return arrays[0] if len(arrays) == 1 else jnp.concatenate([jnp.ravel(array) for array in arrays])


def _parted(array: Any, shapes: Sequence[tuple[int, ...]]) -> list[Any]:
    parts, begun = [], 0
    for shape in shapes:
        size = prod(shape)
        parts.append(array[begun : begun + size].reshape(shape))
        begun += size
    return parts
