"""Python where a spec's notation is meant: calls, tuples, None. What they are in the notation, for a message's help.

The text is parsed, never run.
"""

from __future__ import annotations

import ast
import json
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from kspec import catalog
from kspec.spec import foreign

_LONGEST = 200
"""Texts beyond it are not looked into."""
_SHORT = 90
"""A help is one line: a longer notation is shown by its name alone."""
_CALL = re.compile(r"([A-Za-z_][A-Za-z_0-9.]*)\s*\(")
_SIZE = r"(?:-?[0-9]+|None|null)"
_SIZES = re.compile(rf"\(?\s*{_SIZE}(?:(?:\s*[,x×]\s*|\s+){_SIZE})*\s*,?\s*\)?\Z")
_WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9./]*\Z")
_NOT_TEXTS = frozenset({"null", "true", "false"})


_ARITHMETIC = (ast.BinOp, ast.UnaryOp, ast.Constant, ast.operator, ast.unaryop)


class _Unclear(Exception):
    """The Python says something that the notation cannot, or that cannot be told."""


class _Written(str):
    """Text in the notation, to be put in as it is."""

    __slots__ = ()


def is_call(text: str) -> bool:
    """Whether a text is the beginning of a call: ``Dense(64``."""
    return _CALL.match(text) is not None


def called(text: str) -> str:
    """The dotted name that a text calls, or an empty string."""
    found = _CALL.match(text)
    return found[1] if found else ""


def as_step(text: str) -> str:
    """A call as an operation of a step: ``Dense: {units: 64, activation: relu}``."""
    return _notation(text, "layers", "{}: {}")


def as_object(text: str, kind: str) -> str:
    """A call as an object: ``{L2: 0.01}``."""
    return _notation(text, kind, "{{{}: {}}}")


def listed(text: str) -> str:
    """Sizes or a tuple as a list: ``(3, 3)`` and ``3x3`` are ``[3, 3]``; an empty string where it is neither."""
    text = text.strip()
    if len(text) > _LONGEST:
        return ""
    if _SIZES.match(text):
        items = ["null" if item == "None" else item for item in re.findall(_SIZE, text)]
        return f"[{', '.join(items)}]" if len(items) > 1 or text[0] == "(" else ""
    if text[:1] not in ("(", "["):
        return ""
    try:
        value = _value(_parsed(text), None)
    except _Unclear:
        return ""
    return flow(value) if isinstance(value, list) else ""


def rejoined(values: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """A mapping whose values YAML has cut at the commas of parentheses, with these put together again.

    ``{kernel_size: (3, 3)}`` reads as ``{"kernel_size": "(3", "3)": None}``. The same mapping where nothing is cut.
    """
    joined: dict[Any, Any] = {}
    last: Any = None
    cut = False
    for key, value in values.items():
        if last is not None and value is None:
            joined[last] = f"{joined[last]}, {_piece(key)}"
            if not _open(joined[last]):
                last, cut = None, True
            continue
        if last is not None:
            return values  # another value before the parentheses are closed: no tuple
        joined[key] = value
        if isinstance(value, str) and _open(value):
            last = key
    return joined if cut and last is None else values


def flow(value: Any) -> str:
    """A plain value in YAML, on one line."""
    if isinstance(value, _Written):
        return str(value)
    if isinstance(value, str):
        return value if _WORD.match(value) and value.lower() not in _NOT_TEXTS else json.dumps(value)
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {flow(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    return repr(value)


def _open(text: str) -> bool:
    return text.count("(") > text.count(")")


def _piece(key: Any) -> str:
    return "None" if key is None else str(key)


def _notation(text: str, kind: str, form: str) -> str:
    """The call in the notation; where that cannot be told or is long, with ``{…}`` for its arguments."""
    name = foreign.canonical(kind, called(text)) or called(text).rsplit(".", 1)[-1]
    try:
        node = _parsed(text)
        while isinstance(node, ast.Call) and isinstance(node.func, ast.Call):
            node = node.func  # `Dense(64)(x)`: the call of the layer is wiring
        name, arguments = _object(node, kind)
    except _Unclear:
        return form.format(name, "{…}")
    if arguments is None:
        return name
    written = form.format(name, flow(arguments))
    return written if len(written) <= _SHORT else form.format(name, "{…}")


def _parsed(text: str) -> ast.expr:
    if len(text) > _LONGEST:
        raise _Unclear
    try:
        with warnings.catch_warnings():  # the parser warns of escapes and of `1if`
            warnings.simplefilter("ignore")
            return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise _Unclear from None


def _object(node: ast.expr, kind: str) -> tuple[str, Any]:
    """Keras's name and the arguments as the notation has them; None where it is the name alone."""
    if not isinstance(node, ast.Call):
        raise _Unclear
    name = foreign.canonical(kind, _dotted(node.func))
    entry = catalog.find(kind, name) if name else None
    if entry is None:
        raise _Unclear
    arguments = _arguments(node, [parameter.name for parameter in entry.parameters], entry)
    if not arguments:
        return entry.name, None
    first, *others = arguments
    if not others and first == entry.parameters[0].name and not isinstance(arguments[first], dict):
        return entry.name, arguments[first]
    return entry.name, arguments


def _arguments(node: ast.Call, names: Sequence[str], entry: catalog.Entry) -> dict[str, Any]:
    if len(node.args) > len(names):
        raise _Unclear
    given: list[tuple[str | None, ast.expr]] = [*zip(names, node.args, strict=False)]
    given += [(keyword.arg, keyword.value) for keyword in node.keywords]
    arguments: dict[str, Any] = {}
    for key, value in given:
        meant = key if key in names else foreign.argument(key or "", names)
        if not meant and key in foreign.NEEDLESS:
            continue
        parameter = entry.parameter(meant) if meant else None
        if parameter is None or parameter.name in arguments:
            raise _Unclear
        arguments[parameter.name] = _value(value, parameter.object)
    return arguments


def _value(node: ast.expr, kind: str | None) -> Any:
    """A literal, a name, arithmetic or a call as plain data."""
    if isinstance(node, ast.Constant):
        return _constant(node.value)
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(item, kind) for item in node.elts]
    if isinstance(node, (ast.Name, ast.Attribute)):
        return _dotted(node).rsplit(".", 1)[-1]
    if isinstance(node, ast.Call) and kind is not None:
        name, arguments = _object(node, kind)
        return name if arguments is None else {name: arguments}
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        number = _constant(node.operand.value)
        if isinstance(number, (int, float)) and not isinstance(number, bool):
            return -number
    if isinstance(node, ast.BinOp) and all(isinstance(part, _ARITHMETIC) for part in ast.walk(node)):
        return _Written(f"$({ast.unparse(node)})")
    raise _Unclear


def _constant(value: Any) -> Any:
    if value is None or isinstance(value, (str, bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise _Unclear


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    raise _Unclear
