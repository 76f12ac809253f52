"""What jax2onnx does not convert, traced as other operations that compute the same."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def plainer(lowered: bool) -> Iterator[None]:
    """Inside, public functions of JAX that Keras's layers call are others.

    Loops do not run backwards: jax2onnx knows no others. No bits are looked at, as `argmax` does for a number's sign:
    ONNX's operator for that is too new for most runtimes. Where a program is traced `lowered`, down to JAX's own
    operations, nothing is padded but by joining: jax2onnx takes no open axes in a `pad`.
    """
    import jax

    lax, jnp = jax.lax, jax.numpy
    before = lax.scan, jnp.signbit, jnp.pad
    lax.scan, jnp.signbit = _scanning(lax.scan), _is_negative
    if lowered:
        jnp.pad = _padding(jnp.pad)
    try:
        yield
    finally:
        lax.scan, jnp.signbit, jnp.pad = before


def _scanning(original: Callable[..., Any]) -> Callable[..., Any]:
    """Loops over turned arrays in place of loops that run backwards."""

    def scan(f: Any, init: Any, xs: Any = None, length: Any = None, reverse: bool = False, **more: Any) -> Any:
        if not reverse:
            return original(f, init, xs, length, **more)
        carried, made = original(f, init, _turned(xs), length, **more)
        return carried, _turned(made)

    return scan


def _is_negative(array: Any) -> Any:
    """`jax.numpy.signbit`; zero has a sign, too, which one divided by it shows."""
    import jax.numpy as jnp

    return jnp.where(array == 0, 1 / array, array) < 0


def _turned(arrays: Any) -> Any:
    import jax

    return jax.tree.map(lambda array: jax.lax.rev(array, (0,)), arrays)


def _padding(original: Callable[..., Any]) -> Callable[..., Any]:
    """Constants on both sides of every axis, joined to it."""
    import jax.numpy as jnp

    def pad(array: Any, pad_width: Any, mode: Any = "constant", **more: Any) -> Any:
        value = more.get("constant_values", 0)
        widths = list(pad_width) if isinstance(pad_width, (list, tuple)) else []
        plain = len(widths) == array.ndim and all(len(each) == 2 and min(each) >= 0 for each in widths)
        if mode != "constant" or not plain or jnp.ndim(value):
            return original(array, pad_width, mode, **more)
        for axis, (before, after) in enumerate(widths):
            parts = [array]
            for size, place in ((before, 0), (after, len(parts) + 1)):
                if size:
                    shape = (*array.shape[:axis], size, *array.shape[axis + 1 :])
                    parts.insert(place, jnp.full(shape, value, array.dtype))
            array = jnp.concatenate(parts, axis) if len(parts) > 1 else array
        return array

    return pad
