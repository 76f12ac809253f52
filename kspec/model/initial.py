"""Initial values of a model's variables: the same that Keras gives them, computed when they are wanted, and faster.

Keras computes a variable's value as it makes the variable. Here the value waits until somebody reads it, or until the
model is made: what a file fills is never computed. That is right only of initializers whose values depend on nothing
but themselves, which Keras's own do that have a seed in numbers; any other (a person's own, one that draws from a
`SeedGenerator`) is called at once, as Keras does.
"""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from kspec.model import private
from kspec.model.backend import load_keras
from kspec.model.draws import can_draw, draw

_FLOATS = ("float32", "float16", "bfloat16")
_NUMBERS = (*_FLOATS, "int32", "uint32", "int8", "uint8", "bool")


class Room:
    """Bytes that may be taken by what no file fills, or cannot wait to be filled."""

    def __init__(self, most: int) -> None:
        self.left = most

    def take(self, variable: Any, dtype: str) -> None:
        """Raise ValueError where there is no room for a variable's value."""
        import jax

        self.left -= math.prod(variable.shape) * jax.numpy.dtype(dtype).itemsize
        if self.left < 0:
            raise ValueError(f"there is no room for `{variable.path}`")


_room: ContextVar[Room | None] = ContextVar("room", default=None)


@contextmanager
def within(room: Room) -> Iterator[None]:
    """Initial values that are computed inside take of this room."""
    token = _room.set(room)
    try:
        yield
    finally:
        _room.reset(token)


def _take(variable: Any, dtype: str) -> None:
    if room := _room.get():
        room.take(variable, dtype)


@contextmanager
def values_put_off() -> Iterator[None]:
    """Variables made inside, by this thread, get their initial values when they are read, or at the end of the block.

    Within another such block, at the end of that. After an exception they wait on: what was made is thrown away.
    """
    if private.is_asked() or load_keras().config.is_nnx_enabled():  # NNX's variables keep their values elsewhere
        yield
        return
    waiting: list[Waiting] = []

    def first(variable: Any, initializer: Any, dtype: str) -> bool:
        make = maker(initializer, tuple(variable.shape), dtype)
        if make is None or load_keras().distribution.distribution() is not None:
            _take(variable, dtype)
            return False
        value = Waiting(variable, make, dtype)
        if private.put_off(variable, value):
            waiting.append(value)
        else:
            value()
        return True

    with private.variables_ask(first):
        yield
    for value in waiting:
        value()


class Waiting:
    """Stands as a variable's initializer until its value is read."""

    def __init__(self, variable: Any, make: Callable[[], Any], kind: str) -> None:
        self.variable, self.make, self.kind = variable, make, kind

    def __call__(self, shape: Any = None, dtype: Any = None) -> Any:
        """The value, which the variable has from now on."""
        import jax

        if not private.is_put_off(self.variable):  # a file has filled it
            return private.give(self.variable, None)
        _take(self.variable, self.kind)
        # Keras reads variables while JAX only traces shapes, too: what is computed there is no value.
        with jax.core.eval_context():
            return private.give(self.variable, self.make())


def maker(initializer: Any, shape: tuple[int, ...], dtype: str) -> Callable[[], Any] | None:
    """What makes an initializer's value later, as it is now; None where it must be called at once.

    Whatever Keras refuses is left to Keras, at once, so that its error is told at the right place.
    """
    of = load_keras().initializers
    kind = type(initializer)
    if dtype not in _NUMBERS:
        return None
    if kind in (of.Zeros, of.Ones, of.Constant):
        return _constant(initializer, shape, dtype)
    keras_own = functools.partial(copy.copy(initializer), shape, dtype=dtype)
    if kind is of.Identity and len(shape) == 2:
        return keras_own
    seed = getattr(initializer, "seed", None)
    if dtype not in _FLOATS or type(seed) is not int or not 0 <= seed < 2**32:
        return None
    if kind is of.Orthogonal and len(shape) >= 2 and dtype == "float32":  # there is no other decomposition
        return keras_own
    asked = private.asked_of(initializer, shape, dtype)
    if asked is None:
        return None
    return functools.partial(draw, asked) if can_draw(asked) else keras_own


def _constant(initializer: Any, shape: tuple[int, ...], dtype: str) -> Callable[[], Any] | None:
    """Zeros and the like, for which JAX compiles a program for each shape."""
    import jax
    import numpy as np

    number = {"Zeros": 0, "Ones": 1}.get(type(initializer).__name__)
    if number is None:
        number = initializer.value
        plain = type(number) in (int, float) and math.isfinite(number) and (number == 0 or 1e-30 < abs(number) < 1e30)
        if not plain or dtype != "float32":
            return None
    return lambda: jax.device_put(np.full(shape, number, jax.numpy.dtype(dtype)))
