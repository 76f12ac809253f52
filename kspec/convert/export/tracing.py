"""Tracing a model with open axes: sizes that are known when it runs, and not when it is exported.

JAX computes with such sizes symbolically. Code that must know a size while it is traced cannot be; where the batch's is
asked for, one example is traced in place of a batch (`jax.vmap`), and where the open axes of several inputs must be as
long as each other, they are one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from kspec.convert.export.forward import Forward, Run


class Sizes(NamedTuple):
    """Sizes that a person has fixed; None for an axis that is open."""

    batch: int | None = None
    length: int | None = None
    """Of axes that are open beside the batch."""


class Way(NamedTuple):
    """One way to trace: a function, and the shapes and dtypes of its arguments."""

    run: Run
    arguments: tuple[Any, ...]
    is_direct: bool
    """Whether it is the model itself, and not what maps one example's over the batch."""


def ways(forward: Forward, sizes: Sizes) -> Iterator[Way]:
    """Every way, the plainest first."""
    for shared in (False, True) if _may_share(forward, sizes) else (False,):
        arguments = tuple(_arguments(forward, sizes, shared))
        yield Way(forward.run, arguments, True)
        if sizes.batch is None:
            yield Way(_mapped(forward.run), arguments, False)


def _may_share(forward: Forward, sizes: Sizes) -> bool:
    """Whether there are open axes beside the batch of which some could be equal."""
    open_axes = [axis for port in forward.interface.inputs for axis in port.shape if axis is None]
    return sizes.length is None and len(open_axes) > 1


def _arguments(forward: Forward, sizes: Sizes, shared: bool) -> Iterator[Any]:
    import jax

    shapes = axes(forward, sizes, shared)
    names = sorted({axis for shape in shapes for axis in shape if isinstance(axis, str)})
    found: dict[str, Any] = {}
    if names:  # no axis is empty: code that asks whether one is gets an answer
        bounds = [f"{name} >= 1" for name in names]
        found = dict(zip(names, jax.export.symbolic_shape(", ".join(names), constraints=bounds), strict=True))
    for port, shape in zip(forward.interface.inputs, shapes, strict=True):
        dtype = jax.dtypes.canonicalize_dtype(jax.numpy.dtype(port.dtype))
        yield jax.ShapeDtypeStruct(tuple(found.get(axis, axis) for axis in shape), dtype)


def axes(forward: Forward, sizes: Sizes, shared: bool = False) -> list[tuple[int | str, ...]]:
    """Each input's shape; an open axis is its name: `batch`, and `tokens_1` for the first one of `tokens` after it."""
    shapes = []
    for port in forward.interface.inputs:
        word = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in port.name)
        shape: list[int | str] = ["batch" if sizes.batch is None else sizes.batch]
        for index, axis in enumerate(port.shape, 1):
            name = "length" if shared else f"{word}_{index}" if word[:1].isalpha() else f"axis_{word}_{index}"
            shape.append(axis if axis is not None else sizes.length if sizes.length is not None else name)
        shapes.append(tuple(shape))
    return shapes


def _mapped(run: Run) -> Run:
    """The same for a batch of any size, of which the function itself sees one example."""
    import jax

    def one(*examples: Any) -> tuple[Any, ...]:
        return tuple(made[0] for made in run(*(each[None] for each in examples)))

    return lambda *arrays: jax.vmap(one)(*arrays)


@contextlib.contextmanager
def loops_forward() -> Iterator[None]:
    """Loops that run backwards are traced as loops that run forwards over turned arrays: jax2onnx knows no others.

    Keras's recurrent layers call `jax.lax.scan`.
    """
    import jax

    original = jax.lax.scan

    def scan(f: Any, init: Any, xs: Any = None, length: Any = None, reverse: bool = False, **more: Any) -> Any:
        if not reverse:
            return original(f, init, xs, length, **more)
        carried, made = original(f, init, _turned(xs), length, **more)
        return carried, _turned(made)

    jax.lax.scan = scan
    try:
        yield
    finally:
        jax.lax.scan = original


def _turned(arrays: Any) -> Any:
    import jax

    return jax.tree.map(lambda array: jax.lax.rev(array, (0,)), arrays)
