"""Quantization of layers whose variables have no values."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from kspec.model.backend import load_keras


def quantized_abstractly(layer: Any, mode: str) -> None:
    """`layer.quantize(mode)` for a layer whose variables have shapes and no values, within `abstract_variables`.

    It runs traced, so that nothing is computed. Keras quantizes in NumPy to save the device's memory, which cannot be
    traced: its functions are asked to do it by the backend's operations. And of packing two numbers into a byte, which
    is NumPy alone, only the shape is done.
    """
    import jax
    from keras.src import quantizers
    from keras.src.quantizers import quantizers as functions

    def half(array: Any, axis: int = 0, dtype: str = "int8") -> tuple[Any, Any, int]:
        places = tuple(slice(None, None, 2 if each == axis % array.ndim else 1) for each in range(array.ndim))
        return array[places], None, array.shape[axis]

    names = ("abs_max_quantize", "abs_max_quantize_grouped_with_zero_point", "pack_int4")
    before = {(module, name): getattr(module, name) for module in (quantizers, functions) for name in names}
    scope, weights = load_keras().StatelessScope, list(layer.weights)

    def work(values: list[Any]) -> None:
        with scope(state_mapping=list(zip(weights, values, strict=True)), initialize_variables=False):
            layer.quantize(mode)

    try:
        for (module, name), function in before.items():
            setattr(module, name, half if name == "pack_int4" else _by_backend(function))
        jax.eval_shape(work, [jax.ShapeDtypeStruct(each.shape, each.dtype) for each in weights])
    finally:
        for (module, name), function in before.items():
            setattr(module, name, function)


def _by_backend(function: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(function)

    def called(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs)
        given.arguments["to_numpy"] = False
        return function(*given.args, **given.kwargs)

    return called
