"""Calls run abstractly in JAX, where Keras's symbolic shape rules let mistakes pass.

`ops.einsum` on axes that differ, attention over keys of another width: Keras infers a shape and the step fails at its
first batch. `jax.eval_shape` traces the real computation, and allocates nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kspec.model.backend import load_keras

_SIZES = (24, 1, 2)
"""Stand-ins for axes of any size: one with many divisors, one that broadcasts, one that does not."""


def rehearse(function: Callable[..., Any], args: list[Any], keywords: Mapping[str, Any]) -> None:
    """Trace `function` with shapes in place of symbolic tensors.

    Raises what JAX or Keras raises when no size of the open axes makes it work.
    """
    import jax

    keras = load_keras()
    symbolic: list[Any] = []

    def slot(value: Any) -> Any:
        if not isinstance(value, keras.KerasTensor):
            return value
        symbolic.append(value)
        return _Slot(len(symbolic) - 1)

    slots = keras.tree.map_structure(slot, [list(args), dict(keywords)])

    def run(*given: Any) -> Any:
        filled = keras.tree.map_structure(
            lambda value: given[value.index] if isinstance(value, _Slot) else value, slots
        )
        return function(*filled[0], **filled[1])

    failure: Exception | None = None
    for size in _sizes([tensor.shape for tensor in symbolic]):
        shapes = [tuple(size if axis is None else axis for axis in tensor.shape) for tensor in symbolic]
        try:
            jax.eval_shape(run, *map(jax.ShapeDtypeStruct, shapes, (tensor.dtype for tensor in symbolic)))
        except (KeyboardInterrupt, MemoryError):
            raise
        except Exception as error:  # JAX raises whatever it likes for shapes that do not fit
            failure = failure or error
        else:
            return
    if failure is not None:
        raise failure


def _sizes(shapes: list[tuple[int | None, ...]]) -> list[int]:
    """What axes of any size may have to be: the stand-ins, and the sizes that other axes have."""
    if not any(None in shape for shape in shapes):
        return [_SIZES[0]]
    known = dict.fromkeys(size for shape in shapes for size in shape if size)
    return list(dict.fromkeys([*_SIZES, *list(known)[:6]]))


class _Slot:
    """The place of a tensor among a call's arguments."""

    def __init__(self, index: int) -> None:
        self.index = index
