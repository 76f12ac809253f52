"""A call of a keras.ops function, as Keras keeps it -> the function as a spec writes it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple

from kspec import catalog
from kspec.convert.notation import written
from kspec.convert.ordering import Call
from kspec.convert.problems import Unwritable
from kspec.model.getitem import key_text
from kspec.model.private import call_arguments
from kspec.spec.objects import Object


class Function(NamedTuple):
    """A function with its parameters, and its tensors (and numbers in their place) by position or by name."""

    operation: Object
    positional: tuple[Any, ...]
    named: Mapping[str, Any]


def function(call: Call, step: str) -> Function:
    """The function of a call. Raises Unwritable for an operation that is none of keras.ops."""
    operation = call.operation
    name = _by_class().get(f"{type(operation).__module__}>{type(operation).__qualname__}")
    entry = catalog.find("ops", name) if name is not None else None
    if entry is None:
        kind = f"{type(operation).__module__}.{type(operation).__qualname__}"
        raise Unwritable(step, f"is a `{kind}`, which is no function of keras.ops", "write it as a layer of your own")
    config = {key: item for key, item in operation.get_config().items() if key != "name"}
    args, kwargs = call_arguments(operation, call.place)
    if entry.variadic:
        parameters = {key: written(item, step) for key, item in {**config, **kwargs}.items() if item is not None}
        return Function(Object("ops", entry.name, parameters, ()), tuple(args), {})
    names = [argument.name for argument in entry.call]
    given = _by_name(operation, args, kwargs, names, [parameter.name for parameter in entry.parameters])
    tensors = {name: given[name] for name in names if given.get(name) is not None}
    rest = {**config, **{key: item for key, item in given.items() if key not in names}}
    parameters = {}
    for key, item in rest.items():
        parameter = entry.parameter(key)
        if parameter is None:
            if item is not None and item != _default(type(operation), key):
                raise Unwritable(step, f"({entry.name}) was given `{key}`, which the function does not take")
            continue
        value = key_text(item) if entry.name == "ops.get_item" else written(item, step)
        if parameter.required or value != parameter.default or type(value) is not type(parameter.default):
            parameters[key] = value
    made = Object("ops", entry.name, parameters, ())
    one_list = len(tensors) > 1 and entry.call[0].tensor == "list"  # several in `from` would be that list
    if list(tensors) == names[: len(tensors)] and not one_list:
        return Function(made, tuple(tensors.values()), {})
    return Function(made, (), tensors)


def _default(operation: type[Any], key: str) -> Any:
    """What an operation takes for an argument that nobody gives."""
    parameter = inspect.signature(operation).parameters.get(key)
    return parameter.default if parameter is not None else None


def _by_name(
    operation: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], names: list[str], parameters: list[str]
) -> dict[str, Any]:
    """What an operation's call was given under the names that the function has for it."""
    own = [name for name in inspect.signature(operation.call).parameters if name not in ("args", "kwargs")]
    bound = {**dict(zip(own, args, strict=False)), **kwargs}
    found: dict[str, Any] = {}
    for name, value in bound.items():
        place = own.index(name) if name in own else -1
        known = name in names or name in parameters or not 0 <= place < len(names)
        found[name if known else names[place]] = value
    return found


@functools.cache
def _by_class() -> Mapping[str, str]:
    """Functions by the module and class that Keras keeps of their calls."""
    found: dict[str, str] = {}
    for entry in catalog.entries("ops").values():
        if entry.config:
            found.setdefault(entry.config, entry.name)
    return found
