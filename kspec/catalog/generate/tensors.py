"""Which arguments of a call are tensors.

A function of `keras.ops` hands its tensors to its operation's call (`Clip(x_min, x_max).symbolic_call(x)`) and the
rest to the operation's constructor: so Keras's own source says which is which, and the tables below hold only the
exceptions, each checked by hand.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from kspec.catalog.entry import Argument
from kspec.catalog.generate.plain import plain

_CONSTANTS = {
    "average.axis",
    "dot_product_attention.scale",
    "get_item.key",
    "isclose.atol",
    "isclose.rtol",
    "arange.start",
    "arange.stop",
    "arange.step",
    "nanpercentile.q",
    "nanquantile.q",
    "pad.constant_values",
    "percentile.q",
    "quantile.q",
    "rearrange.pattern",
    "scale_and_translate.output_shape",
    "slice.start_indices",
    "slice_update.start_indices",
}
"""Arguments that reach an operation's call although a spec writes them as constants."""

_ROLES = {
    "x1": "any",
    "x2": "any",
    "xs": "list",
    "y": "any",
    "indices": "any",
    "weights": "any",
    "default": "any",
    "condlist": "list",
    "choicelist": "list",
    "values": "any",
    "bins": "any",
    "condition": "any",
    "stack.x": "list",
    "fft.x": "list",
    "fft2.x": "list",
    "ifft2.x": "list",
    "irfft.x": "list",
    "istft.x": "list",
    "start": "any",
    "stop": "any",
    "fill_value": "any",
    "bitwise_and.x": "any",
    "bitwise_left_shift.x": "any",
    "bitwise_or.x": "any",
    "bitwise_right_shift.x": "any",
    "bitwise_xor.x": "any",
    "left_shift.x": "any",
    "right_shift.x": "any",
    "cdist.y": "one",
    "ctc_decode.sequence_lengths": "one",
    "trapezoid.y": "one",
    "unravel_index.indices": "one",
    "scatter_update.updates": "any",
    "affine_transform.transform": "any",
    "perspective_transform.start_points": "any",
    "perspective_transform.end_points": "any",
    "scale_and_translate.scale": "any",
    "scale_and_translate.translation": "any",
    "psnr.x1": "one",
    "psnr.x2": "one",
}
"""What a tensor argument of a function takes, by name or `function.name`, where it is not one tensor."""

_LAYER_ROLES = {
    "attention_mask": "one",
    "count_weights": "one",
    "data": "one",
    "initial_state": "any",
    "inputs": "one",
    "key": "one",
    "key_mask": "one",
    "mask": "one",
    "query": "one",
    "query_mask": "one",
    "sequence": "one",
    "sequences": "one",
    "states": "list",
    "value": "one",
    "value_mask": "one",
    "x": "one",
    "AdditiveAttention.inputs": "list",
    "AdditiveAttention.mask": "list",
    "Attention.inputs": "list",
    "Attention.mask": "list",
    "CutMix.data": "any",
    "HashedCrossing.inputs": "list",
    "Lambda.inputs": "any",
    "MaxNumBoundingBoxes.data": "any",
    "Merge.inputs": "list",
    "MixUp.data": "any",
    "Pipeline.inputs": "any",
    "TFSMLayer.inputs": "any",
    "FlaxLayer.inputs": "any",
    "JaxLayer.inputs": "any",
}
"""What a tensor argument of a layer's call takes, by name or `Class.name` (a base class counts)."""


class Function(NamedTuple):
    """A function of `keras.ops`, taken apart."""

    tensors: tuple[Argument, ...]
    others: tuple[inspect.Parameter, ...]
    variadic: str | None
    open: bool
    operation: str
    """Class name of the operation that it makes; empty where it makes none of its own."""


def of_function(function: Callable[..., Any]) -> Function:
    """Takes a function apart into tensors and other parameters."""
    declared = inspect.signature(function).parameters.values()
    operation, handed = _operation(function)
    tensors, others, variadic, opened = [], [], None, False
    for each in declared:
        key = f"{function.__name__}.{each.name}"
        if each.kind is each.VAR_POSITIONAL:
            variadic = each.name
        elif each.kind is each.VAR_KEYWORD:
            opened = function.__name__ in ("rearrange", "einsum")
        elif (each.name in handed or (not operation and each.name == "x")) and key not in _CONSTANTS:
            tensors.append(_argument(each, _ROLES.get(key) or _ROLES.get(each.name, "one")))
        else:
            others.append(each)
    return Function(tuple(tensors), tuple(others), variadic, opened, operation)


def of_layer(cls: type) -> tuple[Argument, ...]:
    """Arguments of a layer's call; a layer without a fixed call has none."""
    call = cls.call  # type: ignore[attr-defined]
    found = []
    for each in list(inspect.signature(call).parameters.values())[1:]:
        if each.kind in (each.VAR_KEYWORD, each.VAR_POSITIONAL):
            continue
        own = itertools.takewhile(lambda base: base.__name__ != "Layer", cls.__mro__)
        keys = [*(f"{base.__name__}.{each.name}" for base in own), each.name]
        found.append(_argument(each, next((_LAYER_ROLES[key] for key in keys if key in _LAYER_ROLES), None)))
    return tuple(found)


def _argument(each: inspect.Parameter, role: str | None) -> Argument:
    required = each.default is each.empty
    return Argument(each.name, required, role, None if required else plain(each.default))


def _operation(function: Callable[..., Any]) -> tuple[str, frozenset[str]]:
    """The operation's class name and the names of the function's arguments that its call is given."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    for call, made in _operations(tree):
        names = [each.id for each in call.args if isinstance(each, ast.Name)]
        names += [each.value.id for each in call.keywords if each.arg and isinstance(each.value, ast.Name)]
        return made, frozenset(names)
    match tree:
        case ast.Module(body=[ast.FunctionDef(body=[*_, ast.Return(value=ast.Call(func=ast.Name(id=same)))])]):
            return _operation(inspect.getmodule(function).__dict__[same])  # a plain alias, as `abs` of `absolute`
    return "", frozenset()


def _operations(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    """Calls of the form `Name(…).symbolic_call(…)` and `Name(…)(…)`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        made = called.value if isinstance(called, ast.Attribute) and called.attr == "symbolic_call" else called
        if isinstance(made, ast.Call) and isinstance(made.func, ast.Name) and made.func.id[0].isupper():
            yield node, made.func.id
