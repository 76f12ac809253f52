"""`$name` and `$(…)` -> Python: the expression language is a part of Python, and its trees are Python's own."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from kspec.convert.code.program import Unsaid
from kspec.convert.literals import number, quoted
from kspec.spec.expressions import Formula, Variable, parse

Rename = Callable[[str], str]
"""The identifier of a variable of the spec."""

_BINARY: dict[type, tuple[str, int]] = {
    ast.Add: ("+", 11),
    ast.Sub: ("-", 11),
    ast.Mult: ("*", 12),
    ast.Div: ("/", 12),
    ast.FloorDiv: ("//", 12),
    ast.Mod: ("%", 12),
    ast.Pow: ("**", 14),
}
_COMPARE: dict[type, str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
}
_YAML_WORDS = {"true": "True", "false": "False", "null": "None"}
_ATOM, _UNARY, _NOT, _CHOICE = 20, 13, 7, 3


def formula(text: str, rename: Rename) -> str:
    """A scalar with variables in it as a Python expression; in the midst of a text, as an f-string."""
    parts = parse(text)
    if len(parts) == 1 and not isinstance(parts[0], str):
        return part_text(parts[0], rename)
    pieces = []
    for part in parts:
        if isinstance(part, str):
            pieces.append(_escaped(part).replace("{", "{{").replace("}", "}}"))
        else:
            pieces.append("{" + _inner(part, rename) + "}")
    return 'f"' + "".join(pieces) + '"'


def part_text(part: Variable | Formula, rename: Rename) -> str:
    """One variable or expression as Python."""
    if isinstance(part, Variable):
        return rename(part.name)
    return _written(part.tree, rename)[0]


def _inner(part: Variable | Formula, rename: Rename) -> str:
    """Inside of an f-string, where Python takes its own quotes and backslashes from 3.12 on only."""
    found = part_text(part, rename)
    if "'" in found or "\\" in found:
        raise Unsaid(f"`{found}` stands inside a text")
    return found.replace('"', "'")


def _escaped(text: str) -> str:
    """A text as it stands between double quotes."""
    return repr('"' + text)[2:-1].replace("\\'", "'").replace('"', '\\"')


def _written(node: Any, rename: Rename) -> tuple[str, int]:
    """The text of an expression, and how tightly it holds together."""
    if isinstance(node, ast.Constant):
        return _constant(node.value)
    if isinstance(node, ast.Name):
        return _YAML_WORDS.get(node.id) or rename(node.id), _ATOM
    if isinstance(node, (ast.List, ast.Tuple)):
        return "[" + ", ".join(_written(item, rename)[0] for item in node.elts) + "]", _ATOM
    if isinstance(node, ast.Call):
        assert isinstance(node.func, ast.Name)  # the expression language has no other
        return f"{node.func.id}({', '.join(_written(item, rename)[0] for item in node.args)})", _ATOM
    if isinstance(node, ast.Subscript):
        return f"{_held(node.value, rename, _ATOM)}[{_written(node.slice, rename)[0]}]", _ATOM
    if isinstance(node, ast.BinOp):
        return _binary(node, rename)
    if isinstance(node, ast.UnaryOp):
        if isinstance(node.op, ast.Not):
            return f"not {_held(node.operand, rename, _NOT)}", _NOT
        return f"{'-' if isinstance(node.op, ast.USub) else '+'}{_held(node.operand, rename, _UNARY)}", _UNARY
    if isinstance(node, ast.BoolOp):
        word, level = (" and ", 6) if isinstance(node.op, ast.And) else (" or ", 5)
        return word.join(_held(item, rename, level + 1) for item in node.values), level
    if isinstance(node, ast.Compare):
        text = _held(node.left, rename, 9)
        for op, item in zip(node.ops, node.comparators, strict=True):
            text += f" {_COMPARE[type(op)]} {_held(item, rename, 9)}"
        return text, 8
    assert isinstance(node, ast.IfExp), node
    body, test = _held(node.body, rename, _CHOICE + 1), _held(node.test, rename, _CHOICE + 1)
    return f"{body} if {test} else {_held(node.orelse, rename, _CHOICE)}", _CHOICE


def _held(node: Any, rename: Rename, least: int) -> str:
    """A part of an expression, in parentheses where it would fall apart."""
    text, level = _written(node, rename)
    return text if level >= least else f"({text})"


def _constant(value: Any) -> tuple[str, int]:
    if isinstance(value, str):
        return quoted(value), _ATOM
    if value is None or isinstance(value, bool):
        return repr(value), _ATOM
    return number(value), _ATOM


def _binary(node: ast.BinOp, rename: Rename) -> tuple[str, int]:
    sign, level = _BINARY[type(node.op)]
    if sign != "**":
        return f"{_held(node.left, rename, level)} {sign} {_held(node.right, rename, level + 1)}", level
    left, right = _held(node.left, rename, level + 1), _held(node.right, rename, _UNARY)
    simple = all(_is_simple(item) for item in (node.left, node.right))
    return (f"{left}**{right}" if simple else f"{left} ** {right}"), level


def _is_simple(node: Any) -> bool:
    """Whether a formatter leaves no space around `**` beside it."""
    if isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Not):
        node = node.operand
    return isinstance(node, ast.Name) or (isinstance(node, ast.Constant) and isinstance(node.value, (int, float)))
