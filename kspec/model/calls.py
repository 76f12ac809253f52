"""One call of a layer or of a keras.ops function on symbolic tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kspec import catalog
from kspec.model.backend import load_keras
from kspec.model.getitem import key_of
from kspec.model.objects import factory, make
from kspec.model.private import operation_of, rename, tensor_name
from kspec.model.rehearsal import rehearse
from kspec.spec.graph import Node
from kspec.spec.objects import Object


def call_layer(
    layer: Any, operation: Any, positional: list[Any], named: Mapping[str, Any], node: Node, *, careful: bool
) -> Any:
    """A layer's call. Its first argument goes by place, which some of Keras's layers insist on.

    `careful` also runs a call of several tensors in JAX, abstractly: Keras's own rules for those are lax.
    """
    entry = catalog.find(operation.kind, operation.name) if isinstance(operation, Object) else None
    keywords = {**named, **node.call}
    if not positional and entry is not None and entry.call and entry.call[0].name in keywords:
        positional = [keywords.pop(entry.call[0].name)]
    result = layer(*positional, **keywords)
    if careful and isinstance(operation, Object) and len(load_keras().tree.flatten([positional, named])) > 1:
        states = [_shapes(layer.trainable_variables), _shapes(layer.non_trainable_variables)]
        rehearse(lambda *args, **more: layer.stateless_call(*args, **more)[0], [*states, *positional], keywords)
    return result


def _shapes(variables: Any) -> list[Any]:
    """Symbolic tensors of the variables' shapes: a call's state, without memory."""
    keras = load_keras()
    return [keras.KerasTensor(variable.shape, variable.dtype) for variable in variables]


def call_function(
    operation: Object, positional: list[Any], named: Mapping[str, Any], node: Node, *, careful: bool
) -> Any:
    """A call of a keras.ops function; what it makes is named after the step."""
    entry = catalog.find("ops", operation.name)
    assert entry is not None
    function = factory(operation)
    arguments = {key: _constant(make(value)) for key, value in operation.args.items()}
    if operation.name == "ops.get_item":
        arguments["key"] = key_of(arguments["key"])
    if entry.variadic:
        leading = [arguments.pop(p.name) for p in entry.parameters if p.required and p.name in arguments]
        tensors = positional[0] if len(positional) == 1 and isinstance(positional[0], list) else positional
        args, keywords = [*leading, *tensors], {**arguments, **node.call}
    else:
        given = {**dict(zip((argument.name for argument in entry.call), positional, strict=False)), **named}
        for argument in entry.call:
            if argument.tensor in ("any", "one") and _is_array(given.get(argument.name)):
                given[argument.name] = load_keras().ops.convert_to_tensor(given[argument.name])
        args, keywords = [], {**given, **arguments, **node.call}
    result = function(*args, **keywords)
    if careful:
        rehearse(function, args, keywords)
    flat = load_keras().tree.flatten(result)
    rename(operation_of(flat[0]), node.name)
    if len(flat) == 1:
        tensor_name(flat[0], node.name)
    return result


def _constant(value: Any) -> Any:
    """Lists are tuples for keras.ops: pooling and padding refuse lists."""
    return tuple(_constant(item) for item in value) if isinstance(value, list) else value


def _is_array(value: Any) -> bool:
    """Whether a value is numbers in (nested) lists."""
    return isinstance(value, list) and all(_is_array(item) or isinstance(item, (int, float)) for item in value)
