"""Random arrays that a model can take: tokens within their tables, and numbers elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from kspec.convert.export.forward import Forward
from kspec.convert.export.tracing import Sizes
from kspec.diagnostics import FileError, Problem
from kspec.model.backend import load_keras
from kspec.model.memory import size_text
from kspec.model.plan import bytes_of
from kspec.model.private import calls, graph_of

LENGTHS = (8, 32, 96, 224)
"""What is tried for open axes beside the batch: convolutions may need more than a few."""
_MOST_AXES = 64
"""NumPy's."""
_DRAWN = 8
"""Bytes of a random number, before it has its dtype."""
_PICKING = ("Take", "TakeAlongAxis", "OneHot", "DynamicSlice")
"""Functions of keras.ops that take whole numbers as places; how many there are is not known, two nearly always."""


def sample(forward: Forward, batch: int, length: int, sizes: Sizes, *, spread: bool = True) -> list[Any]:
    """An array for each input: normal numbers (without `spread`, from 0 to 1), whole numbers in their range.

    The same arrays for the same arguments. `sizes` wins over `batch` and `length`.
    """
    import numpy as np

    generator = np.random.default_rng(20 * batch + length)
    bounds = tokens(forward)
    made = []
    for port, tensor in zip(forward.interface.inputs, forward.model.inputs, strict=True):
        shape = _filled(tensor.shape, batch, length, sizes)
        kind = load_keras().backend.is_float_dtype(port.dtype)
        bound = bounds.get(id(tensor))
        array: Any
        if bound is not None:
            array = generator.integers(0, bound, shape)
        elif port.dtype == "bool":
            array = generator.integers(0, 2, shape)
        elif not kind:
            array = generator.integers(0, 256 if port.dtype == "uint8" else 10, shape)
        else:
            array = generator.normal(size=shape) if spread else generator.uniform(size=shape)
        made.append(_of(array, port.dtype))
    return made


def check_memory(forward: Forward, batch: int, length: int, sizes: Sizes, limit: int) -> None:
    """Raise FileError (``too-large``) where an input, or what a layer makes of it, would take more than `limit` bytes.

    Files tell shapes that nobody has made yet.
    """
    count = sizes.batch or batch
    many = f"{count} random example{'s' * (count != 1)}"
    shapes = [
        (f"{many} of `{name}` take{'s' * (count == 1)}", tensor.shape, _DRAWN)
        for name, tensor in zip(forward.inputs, forward.model.inputs, strict=True)
    ]
    shapes += [
        (f"what `{name}` makes of {many} takes", tensor.shape, bytes_of(str(tensor.dtype)))
        for name, tensor in _inside(forward.model)
    ]
    for what, shape, each in shapes:
        needed = math.prod(_filled(shape, batch, length, sizes)) * each
        if needed > limit:
            help = "raise it with `--max-memory`" + (", or fix the batch: `--batch-size 1`" if count > 1 else "")
            message = f"{what} {size_text(needed)}, and {size_text(limit)} are allowed"
            raise FileError(Problem("too-large", message, help=help))


def _inside(model: Any) -> Iterator[tuple[str, Any]]:
    """What each call of a model gives, and of models inside, with the operation's name."""
    for operation, _, _, made in calls(model):
        if _has_graph(operation):
            yield from _inside(operation)
        yield from ((operation.name, tensor) for tensor in made)


def _has_graph(operation: Any) -> bool:
    return isinstance(operation, load_keras().Model) and hasattr(graph_of(operation), "_nodes_by_depth")


def _filled(shape: Sequence[int | None], batch: int, length: int, sizes: Sizes) -> tuple[int, ...]:
    """A shape of which no axis is open any more."""
    wanted = [sizes.batch or batch, *[sizes.length or length] * _MOST_AXES]
    return tuple(size if axis is None else axis for axis, size in zip(shape, wanted, strict=False))


def _of(array: Any, dtype: str) -> Any:
    import jax

    return array.astype(jax.dtypes.canonicalize_dtype(jax.numpy.dtype(dtype)))


def tokens(forward: Forward) -> dict[int, int]:
    """By the inputs' tensors (their `id`) the smallest table that looks up what comes from them."""
    found: dict[int, int] = {}
    _follow(forward.model, {id(tensor): {id(tensor)} for tensor in forward.model.inputs}, found)
    return found


def _follow(model: Any, origins: dict[int, set[int]], found: dict[int, int]) -> list[set[int]]:
    """From which inputs each output of a model comes; notes on the way what is looked up, in models inside too.

    What comes out of a layer with weights is no token any more.
    """
    for operation, _, given, made in calls(model):
        reaching = [origins.get(id(tensor), set()) for tensor in given]
        size = _table(operation)
        if size is not None:
            whole = [each for tensor, each in zip(given, reaching, strict=True) if _may_look_up(operation, tensor)]
            for origin in set().union(*whole):
                found[origin] = min(size, found.get(origin, size))
        ends: list[set[int]] = [set() if getattr(operation, "weights", ()) else set().union(*reaching)] * len(made)
        if _has_graph(operation):
            inside = {id(tensor): each for tensor, each in zip(operation.inputs, reaching, strict=True)}
            ends = _follow(operation, inside, found)
        origins |= {id(tensor): each for tensor, each in zip(made, ends, strict=True)}
    return [origins.get(id(tensor), set()) for tensor in model.outputs]


def _may_look_up(operation: Any, tensor: Any) -> bool:
    """Whether a tensor that a call is given is one of places, and not what they are places in."""
    return isinstance(operation, load_keras().layers.Layer) or "int" in str(tensor.dtype)


def _table(operation: Any) -> int | None:
    """How many tokens a layer knows; None where it looks nothing up."""
    layers = load_keras().layers
    inner = getattr(operation, "layer", None)
    operation = inner if isinstance(inner, layers.Layer) else operation
    if isinstance(operation, layers.Embedding):
        return int(operation.input_dim)
    if isinstance(operation, layers.CategoryEncoding):
        return int(operation.num_tokens)
    return 2 if type(operation).__name__ in _PICKING else None
