"""Tracing a model with open axes: sizes that are known when it runs, and not when it is exported.

JAX computes with such sizes symbolically. Code that must know a size while it is traced cannot be; where the batch's is
asked for, one example is traced in place of a batch (`jax.vmap`), and where the open axes of several inputs must be as
long as each other, they are one.
"""

from __future__ import annotations

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


def ways(forward: Forward, sizes: Sizes) -> Iterator[Way]:
    """Every way, the plainest first."""
    for shared in (False, True) if _may_share(forward, sizes) else (False,):
        arguments = tuple(_arguments(forward, sizes, shared))
        yield Way(forward.run, arguments)
        if sizes.batch is None and forward.has_open_batch:
            yield Way(_mapped(forward.run), arguments)


def _may_share(forward: Forward, sizes: Sizes) -> bool:
    """Whether there are open axes beside the batch of which some could be equal."""
    open_axes = [axis for shape in forward.shapes for axis in shape[1:] if axis is None]
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
        yield jax.ShapeDtypeStruct(tuple(found[axis] if isinstance(axis, str) else axis for axis in shape), dtype)


def axes(forward: Forward, sizes: Sizes, shared: bool = False) -> list[tuple[int | str, ...]]:
    """Each input's shape; an open axis is its name: `batch`, and `tokens_1` for the first one of `tokens` after it."""
    found = []
    for name, shape in zip(forward.inputs, forward.shapes, strict=True):
        word = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)
        word = word if word[:1].isalpha() else f"axis_{word}"
        named = ["batch", *("length" if shared else f"{word}_{index}" for index in range(1, len(shape)))]
        fixed = [sizes.batch, *[sizes.length] * len(shape)]
        sized = zip(shape, fixed, named, strict=False)
        found.append(tuple(_first(axis, size, open_) for axis, size, open_ in sized))
    return found


def to_fix(forward: Forward, sizes: Sizes) -> str:
    """The option that fixes what is open: axes beside the batch, on which more hangs, before the batch; else empty."""
    if sizes.length is None and any(None in shape[1:] for shape in forward.shapes):
        return "say how long the axes are that are open beside the batch: `--length 64`, for one"
    return "fix the batch: `--batch-size 1`" if sizes.batch is None and forward.has_open_batch else ""


def _first(*choices: int | str | None) -> int | str:
    return next(each for each in choices if each is not None)


def _mapped(run: Run) -> Run:
    """The same for a batch of any size, of which the function itself sees one example."""
    import jax

    def one(*examples: Any) -> tuple[Any, ...]:
        return tuple(made[0] for made in run(*(each[None] for each in examples)))

    return lambda *arrays: jax.vmap(one)(*arrays)
