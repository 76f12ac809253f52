"""``$name`` and ``$(…)``: values computed from a spec's variables.

Python's own parser reads an expression; a whitelist of nodes and bounds on every size decide what runs, so that an
expression from a stranger can neither reach anything nor cost anything.
"""

from __future__ import annotations

import ast
import functools
import math
import operator
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from kspec.diagnostics import listing, suggestion

MAX_LENGTH = 1_000
MAX_NODES = 200
MAX_INT = 10**30
MAX_ITEMS = 10_000
"""Items of a list or a mapping, those inside counted too, and characters of a text."""

_TOKEN = re.compile(r"\$(\$|[A-Za-z_][A-Za-z_0-9]*|\(|\{|)")


class ExpressionError(Exception):
    """What is wrong with an expression; the caller knows the place."""

    def __init__(self, code: str, message: str, help: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.help = code, message, help


class Unresolved(ExpressionError):
    """A variable is used whose own definition is wrong, and reported: there is nothing more to say."""

    def __init__(self) -> None:
        super().__init__("", "")


class NoValue(NamedTuple):
    """In place of a variable's value: it has none, because it still has to be given or because its own definition is
    wrong."""

    is_wrong: bool


TO_BE_GIVEN = NoValue(False)
WRONG = NoValue(True)
UNREAD = "$\0"
"""What stands in the data for a value that could not be read: a text that no file can hold, and no variable gives."""
OTHERS = ""
"""Among variables: there may be others, which could not be read."""


class Variable(NamedTuple):
    """`name` in an expression's text."""

    name: str


class Formula(NamedTuple):
    """A parsed ``$(…)``."""

    text: str
    tree: ast.expr


def substitute(text: str, variables: Mapping[str, Any]) -> Any:
    """The value of a scalar with its variables put in.

    Alone in a scalar a variable or expression keeps its type; inside a string it is printed.
    """
    if text == UNREAD:
        raise Unresolved
    parts = parse(text)
    if len(parts) == 1 and not isinstance(parts[0], str):
        return _value(parts[0], variables)
    pieces: list[str] = []
    length = 0
    for part in parts:
        pieces.append(part if isinstance(part, str) else _printed(_value(part, variables)))
        length += len(pieces[-1])
        if length > MAX_ITEMS:
            raise ExpressionError("expression", f"`{_short(text)}` gives more than {MAX_ITEMS:,} characters")
    return "".join(pieces)


def size(value: Any, limit: int) -> int:
    """How many values a value holds, itself counted; counting stops beyond `limit`."""
    count, waiting = 0, [value]
    while waiting and count <= limit:
        item = waiting.pop()
        count += 1
        if isinstance(item, (list, dict)):
            count += max(0, len(item) - limit)
            waiting.extend(item.values() if isinstance(item, dict) else item)
    return count


@functools.lru_cache(maxsize=4096)
def parse(text: str) -> tuple[str | Variable | Formula, ...]:
    """The literal pieces, variables and expressions of a scalar."""
    parts: list[str | Variable | Formula] = []
    at = 0
    while (found := _TOKEN.search(text, at)) is not None:
        if found.start() > at:
            parts.append(text[at : found.start()])
        token = found[1]
        at = found.end()
        if token == "$":
            parts.append("$")
        elif token == "(":
            end = _closing(text, at)
            parts.append(_formula(text[at:end]))
            at = end + 1
        elif token == "{":
            raise ExpressionError("expression", "`${…}` is not how a variable is written", "write `$name` or `$(…)`")
        elif not token:
            help = "a variable is `$name`, an expression `$(…)`, a dollar sign `$$`"
            raise ExpressionError("expression", f"nothing to compute after `$` in `{_short(text)}`", help)
        else:
            parts.append(Variable(token))
    if at < len(text):
        parts.append(text[at:])
    if not any(isinstance(part, (Variable, Formula)) for part in parts):
        return ("".join(str(part) for part in parts),)
    return tuple(parts)


@functools.lru_cache(maxsize=4096)
def variables_of(text: str) -> tuple[str, ...]:
    """The names of the variables that a scalar uses, in order; empty for a malformed one."""
    try:
        parts = parse(text)
    except ExpressionError:
        return ()
    found: dict[str, None] = {}
    for part in parts:
        if isinstance(part, Variable):
            found[part.name] = None
        elif isinstance(part, Formula):
            called = {node.func for node in ast.walk(part.tree) if isinstance(node, ast.Call)}
            found.update(
                (node.id, None) for node in ast.walk(part.tree) if isinstance(node, ast.Name) and node not in called
            )
    return tuple(found)


def _closing(text: str, start: int) -> int:
    """The index of the parenthesis that closes the one before `start`."""
    depth, quote = 1, ""
    for index in range(start, len(text)):
        char = text[index]
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if depth == 0:
                return index
    help = "close it; inside `{…}` or `[…]` an expression with a comma or a bracket needs quotes: '$(min(a, b))'"
    raise ExpressionError("expression", f"`{_short(text)}` has no closing parenthesis", help)


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:60] + "…"


def _formula(text: str) -> Formula:
    if len(text) > MAX_LENGTH:
        raise ExpressionError("expression", f"an expression of {len(text):,} characters", f"at most {MAX_LENGTH:,}")
    try:
        with warnings.catch_warnings():  # Python's own remarks on odd spelling, as of `1if x`
            warnings.simplefilter("ignore")
            tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        message = f"`$({_short(text)})` is not an expression"
        raise ExpressionError("expression", message, _OFFERED) from None
    count = 0
    for node in ast.walk(tree):
        count += 1
        if not isinstance(node, _ALLOWED):
            what = _REFUSED.get(type(node), type(node).__name__)
            raise ExpressionError("expression", f"{what} is not allowed in `$({_short(text)})`", _OFFERED)
    if count > MAX_NODES:
        raise ExpressionError("expression", f"`$({_short(text)})` is too long", f"at most {MAX_NODES} terms")
    return Formula(text.strip(), tree)


def _printed(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _pointed(value: Any) -> str:
    return f"the text `{_short(value)}`" if isinstance(value, str) else _short(_printed(value))


def _value(part: Variable | Formula, variables: Mapping[str, Any]) -> Any:
    if isinstance(part, Variable):
        return _lookup(part.name, variables)
    try:
        return _evaluate(part.tree, variables)
    except ExpressionError:
        raise
    except (TypeError, ValueError, ZeroDivisionError, IndexError, KeyError, OverflowError) as error:
        values = ", ".join(f"{name} = {variables[name]!r}" for name in _names(part.tree) if name in variables)
        message = f"`$({_short(part.text)})` cannot be computed: {_reason(error)}"
        raise ExpressionError("expression", message, f"here {values}" if values else "") from None


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"there is no key {error}"
    return str(error)


def _names(tree: ast.expr) -> list[str]:
    return list(dict.fromkeys(node.id for node in ast.walk(tree) if isinstance(node, ast.Name)))


def _lookup(name: str, variables: Mapping[str, Any]) -> Any:
    if name not in variables:
        if OTHERS in variables:
            raise Unresolved
        known = list(variables)
        help = suggestion(name, known, f"variables here: {listing(known)}" if known else "define it under `vars`")
        raise ExpressionError("unknown-variable", f"there is no variable `{name}`", help)
    value = variables[name]
    if value.__class__ is NoValue:
        if value.is_wrong:
            raise Unresolved
        raise ExpressionError("missing-variable", f"the variable `{name}` has no value", f"give it: `--set {name}=…`")
    return value


def _evaluate(node: Any, variables: Mapping[str, Any]) -> Any:
    return _RULES[type(node)](node, variables)


def _constant(node: ast.Constant, variables: Mapping[str, Any]) -> Any:
    if node.value is None or isinstance(node.value, (bool, int, float, str)):
        return _bounded(node.value)
    raise ExpressionError("expression", f"`{node.value!r}` is not allowed in an expression", _OFFERED)


def _name(node: ast.Name, variables: Mapping[str, Any]) -> Any:
    if node.id in _YAML_WORDS:
        return _YAML_WORDS[node.id]
    return _lookup(node.id, variables)


def _binary(node: ast.BinOp, variables: Mapping[str, Any]) -> Any:
    left, right = _evaluate(node.left, variables), _evaluate(node.right, variables)
    numbers = _is_number(left) and _is_number(right)
    added = isinstance(node.op, ast.Add) and type(left) is type(right) and isinstance(left, (str, list))
    if not (numbers or added):
        what = f"{_pointed(left)} and {_pointed(right)}"
        raise ExpressionError("expression", f"arithmetic needs two numbers, not {what}")
    if isinstance(node.op, ast.Pow) and (abs(right) > 100 or abs(left) > 10**9):
        raise ExpressionError("expression", f"{left} ** {right} is too large")
    return _bounded(_OPERATORS[type(node.op)](left, right))


def _unary(node: ast.UnaryOp, variables: Mapping[str, Any]) -> Any:
    value = _evaluate(node.operand, variables)
    if isinstance(node.op, ast.Not):
        return not value
    if not _is_number(value):
        raise ExpressionError("expression", f"a sign needs a number, not {_pointed(value)}")
    return -value if isinstance(node.op, ast.USub) else +value


def _bool(node: ast.BoolOp, variables: Mapping[str, Any]) -> Any:
    value: Any = None
    for operand in node.values:
        value = _evaluate(operand, variables)
        if bool(value) is isinstance(node.op, ast.Or):
            break
    return value


def _compare(node: ast.Compare, variables: Mapping[str, Any]) -> bool:
    left = _evaluate(node.left, variables)
    for op, comparator in zip(node.ops, node.comparators, strict=True):
        right = _evaluate(comparator, variables)
        if not _COMPARISONS[type(op)](left, right):
            return False
        left = right
    return True


def _conditional(node: ast.IfExp, variables: Mapping[str, Any]) -> Any:
    return _evaluate(node.body if _evaluate(node.test, variables) else node.orelse, variables)


def _index(node: ast.Subscript, variables: Mapping[str, Any]) -> Any:
    value, index = _evaluate(node.value, variables), _evaluate(node.slice, variables)
    if not isinstance(value, (list, dict, str)):
        raise ExpressionError("expression", f"{_short(_printed(value))} has no items")
    return value[index]


def _list(node: ast.List | ast.Tuple, variables: Mapping[str, Any]) -> list[Any]:
    return [_evaluate(item, variables) for item in node.elts]


def _call(node: ast.Call, variables: Mapping[str, Any]) -> Any:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name not in _FUNCTIONS or node.keywords:
        help = suggestion(name, _FUNCTIONS, f"functions: {listing(_FUNCTIONS)}")
        raise ExpressionError(
            "expression", f"there is no function `{name}`" if name else "only functions are called", help
        )
    return _bounded(_FUNCTIONS[name](*(_evaluate(argument, variables) for argument in node.args)))


def _range(*bounds: Any) -> list[int]:
    numbers = range(*bounds)
    if len(numbers) > MAX_ITEMS:
        raise ExpressionError("expression", f"a range of {len(numbers):,} items", f"at most {MAX_ITEMS:,}")
    return list(numbers)


def _round(number: Any, digits: Any = None) -> Any:
    if digits is not None and abs(digits) > 30:
        raise ExpressionError("expression", f"round takes at most 30 digits, not {_short(_printed(digits))}")
    return round(number, digits)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float))


def _bounded(value: Any) -> Any:
    if isinstance(value, int) and abs(value) > MAX_INT:
        raise ExpressionError("expression", "a number in an expression grows beyond 10^30")
    if isinstance(value, complex) or (isinstance(value, float) and not math.isfinite(value)):
        raise ExpressionError("expression", "an expression gives a number that is not finite")
    if isinstance(value, (str, list)) and len(value) > MAX_ITEMS:
        raise ExpressionError("expression", f"an expression gives more than {MAX_ITEMS:,} items")
    return value


_OFFERED = (
    "an expression has numbers, variables, + - * / // % **, comparisons, and, or, not, `a if c else b`, "
    "indexing, and min max round int float len abs range"
)
_YAML_WORDS = {"true": True, "false": False, "null": None}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": min,
    "max": max,
    "round": _round,
    "int": int,
    "float": float,
    "len": len,
    "abs": abs,
    "range": _range,
}
_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda item, items: item in items,
    ast.NotIn: lambda item, items: item not in items,
}
_RULES: dict[type, Callable[[Any, Mapping[str, Any]], Any]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.BoolOp: _bool,
    ast.Compare: _compare,
    ast.IfExp: _conditional,
    ast.Subscript: _index,
    ast.List: _list,
    ast.Tuple: _list,
    ast.Call: _call,
}
_ALLOWED = (
    *_RULES,
    *_OPERATORS,
    *_COMPARISONS,
    *(ast.Load, ast.And, ast.Or, ast.Not, ast.UAdd, ast.USub),
)
_REFUSED: dict[type, str] = {
    ast.Attribute: "an attribute",
    ast.Lambda: "a lambda",
    ast.ListComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
    ast.Slice: "a slice",
    ast.JoinedStr: "an f-string",
    ast.NamedExpr: "an assignment",
    ast.keyword: "a named argument",
    ast.Starred: "a star",
}
