"""What jax2onnx does not convert, traced as other operations that compute the same."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def plainer(lowered: bool) -> Iterator[None]:
    """Inside, loops do not run backwards: Keras's recurrent layers call `jax.lax.scan`, and jax2onnx knows no others.

    Where a program is traced `lowered`, down to JAX's own operations, nothing is padded but by joining: jax2onnx takes
    no open axes in a `pad`.
    """
    import jax

    scan, pad = jax.lax.scan, jax.numpy.pad
    jax.lax.scan = _scanning(scan)
    if lowered:
        jax.numpy.pad = _padding(pad)
    try:
        yield
    finally:
        jax.lax.scan, jax.numpy.pad = scan, pad


def _scanning(original: Callable[..., Any]) -> Callable[..., Any]:
    """Loops over turned arrays in place of loops that run backwards."""

    def scan(f: Any, init: Any, xs: Any = None, length: Any = None, reverse: bool = False, **more: Any) -> Any:
        if not reverse:
            return original(f, init, xs, length, **more)
        carried, made = original(f, init, _turned(xs), length, **more)
        return carried, _turned(made)

    return scan


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
