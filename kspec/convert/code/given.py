"""What a call is given: tensors and constants as arguments, by place where Python has them so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kspec import catalog
from kspec.convert.code.expr import Argument, Call, Expr, Items, Text
from kspec.convert.code.program import Unsaid
from kspec.convert.code.values import plain
from kspec.model.getitem import key_of
from kspec.spec.objects import Object


def layer_arguments(
    operation: Object, positional: Iterable[Any], named: Mapping[str, Any], constants: Mapping[str, Expr]
) -> tuple[Argument, ...]:
    """The arguments of a layer's call; those that lead in Keras's order are given by place."""
    entry = catalog.find(operation.kind, operation.name)
    found = [Argument("", tensor(item)) for item in positional]
    left = dict(named)
    if not found:
        for argument in entry.call if entry is not None else ():
            if argument.name not in left:
                break
            found.append(Argument("", tensor(left.pop(argument.name))))
    found += [Argument(word(key), tensor(item)) for key, item in left.items()]
    return (*found, *(Argument(word(key), item) for key, item in constants.items()))


def function_call(
    operation: Object, made: Call, positional: tuple[Any, ...], named: Mapping[str, Any], constants: Mapping[str, Expr]
) -> Expr:
    """A function's call; `made` is one of its parameters alone."""
    entry = catalog.find("ops", operation.name)
    assert entry is not None
    given = {argument.key: argument.value for argument in made.arguments if argument.key}
    leading = [argument.value for argument in made.arguments if not argument.key]
    given = {**dict(zip((each.name for each in entry.parameters), leading, strict=False)), **given}
    if operation.name == "ops.get_item":
        return _indexed(operation, positional, named)
    found: list[Argument] = []
    if entry.variadic:
        required = [each.name for each in entry.parameters if each.required and each.name in given]
        found += [Argument("", _as_tuple(given.pop(name))) for name in required]
        tensors = positional[0] if len(positional) == 1 and isinstance(positional[0], list) else positional
        found += [Argument("", tensor(item)) for item in tensors]
    else:
        waiting = {**dict(zip((each.name for each in entry.call), positional, strict=False)), **named}
        by_place = True
        for argument in entry.call:
            if argument.name not in waiting:
                by_place = False
                continue
            item = waiting.pop(argument.name)
            one = _array(item) if argument.tensor == "any" and _is_numbers(item) else tensor(item)
            found.append(Argument("" if by_place else argument.name, one))
        found += [Argument(word(key), tensor(item)) for key, item in waiting.items()]
    found += [Argument(key, _as_tuple(item)) for key, item in given.items()]
    found += [Argument(word(key), item) for key, item in constants.items()]
    return Call(made.callee, tuple(found))


def tensor(value: Any) -> Expr:
    """A tensor's expression, a list of such, or a number."""
    if isinstance(value, str):
        return Text(value)
    if isinstance(value, (list, tuple)):
        return Items(tuple(map(tensor, value)))
    return plain(value)


def word(key: Any) -> str:
    """The name of an argument. Raises Unsaid where it is none in Python."""
    if not (isinstance(key, str) and key.isidentifier()):
        raise Unsaid(f"`{key}` is no argument's name in Python")
    return key


def _is_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(_is_numbers(item) or isinstance(item, (int, float)) for item in value)


def _array(value: Any) -> Expr:
    return Call(Text("ops.convert_to_tensor"), (Argument("", tensor(value)),))


def _as_tuple(value: Expr) -> Expr:
    """Lists are tuples for keras.ops."""
    return Items(tuple(map(_as_tuple, value.items)), True) if isinstance(value, Items) else value


def _indexed(operation: Object, positional: tuple[Any, ...], named: Mapping[str, Any]) -> Expr:
    """``x[:, 0]``."""
    taken = named["x"] if named else positional[0]
    taken = taken[0] if isinstance(taken, list) else taken
    key = key_of(operation.args["key"])
    items = key if isinstance(key, (tuple, list)) else (key,)
    comma = "," if len(items) == 1 and not isinstance(items[0], int) else ""  # Keras takes no lone slice
    return Text(f"{taken}[{', '.join(map(_index, items))}{comma}]")


def _index(item: Any) -> str:
    if item is Ellipsis:
        return "..."
    if isinstance(item, slice):
        start, stop, step = ("" if part is None else str(part) for part in (item.start, item.stop, item.step))
        return f"{start}:{stop}" + (f":{step}" if step else "")
    return repr(item)
