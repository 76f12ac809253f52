"""Random numbers equal to JAX's own, bit for bit, by one compiled program for each distribution.

JAX compiles a program for each distribution *and shape*; in a model of many shapes that is nearly all the time that its
weights take. But a number of its default generator (`jax_threefry_partitionable`) depends on nothing but the key and
its own place, counted flat: a shape only says how the numbers are cut. So here a program fills a piece of fixed size
from any place on, and pieces are put together.

What is made of random bits is left to `jax.random` itself, with its own code for each distribution: the bits alone are
made here. They are the same function of whole numbers (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2,
3", Threefry-2x32 with 20 rounds), written out round by round: JAX's own, a loop, is ten times as slow on a CPU.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

PIECE = 2**16
"""Numbers of a piece: they stay in a core's cache, and a small variable wastes little."""

_AT_ONCE = 16
"""Pieces that are computed before they are collected: JAX works on them while this thread copies."""

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA


class Draw(NamedTuple):
    """A call of one of Keras's random functions: mean and deviation, or bounds, are `first` and `second`.

    Of `draw` the seed is a whole number of 32 bits.
    """

    kind: str
    shape: tuple[int, ...]
    first: Any
    second: Any
    dtype: Any
    seed: Any


def can_draw(given: Draw) -> bool:
    """Whether `draw` makes these numbers; else Keras must."""
    import jax

    numbers = (given.first, given.second)
    return (
        given.dtype == "float32"
        and all(type(number) in (int, float) and math.isfinite(number) and abs(number) < 2**31 for number in numbers)
        and jax.config.jax_default_prng_impl == "threefry2x32"
        and bool(jax.config.jax_threefry_partitionable)
        and jax.default_backend() == "cpu"  # other compilers' rounding has not been looked at
    )


def draw(given: Draw) -> Any:
    """The jax.Array that `keras.random.normal`, `truncated_normal` or `uniform` gives.

    Only where `can_draw` says so.
    """
    import jax
    import numpy as np

    size = math.prod(given.shape)
    flat = np.empty(size, np.float32)
    starts = range(0, size, PIECE)
    for first in range(0, len(starts), _AT_ONCE):
        group = starts[first : first + _AT_ONCE]
        for start, piece in zip(group, [_piece(given, start) for start in group], strict=True):
            rest = flat[start : start + PIECE]
            rest[:] = np.asarray(piece)[: rest.size]
    return jax.device_put(flat.reshape(given.shape))  # `jax.numpy.asarray` compiles for each shape


def _piece(given: Draw, start: int) -> Any:
    """The numbers from one place on, as many as a piece has."""
    import numpy as np

    place = np.array([given.seed, 0, *divmod(start, 2**32)], np.uint32)  # the key is what Keras makes of a seed
    program = _program(given.kind)
    if given.kind == "uniform":
        return program(place, float(given.first), float(given.second))
    bounds = (-2.0, 2.0) if given.kind == "truncated_normal" else ()
    # Outside of the program, as Keras has it: inside, a product and a sum may be rounded once instead of twice.
    return program(place, *bounds) * float(given.second) + float(given.first)


@functools.cache
def _program(kind: str) -> Callable[..., Any]:
    """The compiled program of a distribution. What Keras passes to JAX as values stays a value, and no constant: the
    compiler's own arithmetic may differ from the machine's."""
    import jax

    def key(place: Any) -> Any:
        return jax.random.wrap_key_data(place, impl=_bits())

    def normal(place: Any) -> Any:
        return jax.random.normal(key(place), (PIECE,), "float32")

    def uniform(place: Any, low: float, high: float) -> Any:
        return jax.random.uniform(key(place), (PIECE,), "float32", low, high)

    def truncated(place: Any, low: float, high: float) -> Any:
        return jax.random.truncated_normal(key(place), low, high, (PIECE,), "float32")

    compiled: Callable[..., Any] = jax.jit({"normal": normal, "uniform": uniform, "truncated_normal": truncated}[kind])
    return compiled


@functools.cache
def _bits() -> Any:
    """Random bits from a place on, as a kind of key that `jax.random` takes: two words of key, two of the place."""
    from jax.extend import random

    def refused(*_: Any) -> Any:
        raise NotImplementedError("these keys are for bits alone")

    return random.define_prng_impl(
        key_shape=(4,),
        seed=refused,
        split=refused,
        fold_in=refused,
        random_bits=_random_bits,
        name="kspec_threefry_from",
        tag="kf",
    )


def _random_bits(place: Any, width: int, shape: tuple[int, ...]) -> Any:
    import jax
    import numpy as np

    assert width == 32
    # A piece's size divides 2**32, so that no place within a piece carries into the upper word.
    low = place[3] + jax.lax.iota(np.uint32, shape[0])
    one, other = _threefry(place[0], place[1], jax.lax.broadcast(place[2], shape), low)
    return one ^ other


def _threefry(key: Any, other_key: Any, x: Any, y: Any) -> tuple[Any, Any]:
    import numpy as np

    keys = (key, other_key, key ^ other_key ^ np.uint32(_PARITY))
    x, y = x + keys[0], y + keys[1]
    for turn in range(5):
        for bits in _ROTATIONS[turn % 2]:
            x = x + y
            y = x ^ (y << np.uint32(bits) | y >> np.uint32(32 - bits))
        x, y = x + keys[(turn + 1) % 3], y + keys[(turn + 2) % 3] + np.uint32(turn + 1)
    return x, y
