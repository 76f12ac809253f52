"""Expressions and signatures in lines, as `ruff format` (and Black) lay them out: nobody has to format the code again.

A call that is too long has its arguments on one line of their own, or each on its own line; of `layer(…)(x)` the last
parentheses are opened if the line then fits, else the first ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from kspec.convert.code.expr import Argument, Call, Expr, Items, Pairs, Text, flat, flat_argument

WIDTH = 88


def statement(prefix: str, value: Expr, suffix: str = "", indent: int = 0) -> list[str]:
    """``prefix value suffix`` in lines that are `indent` spaces from the left, as far as they can be broken."""
    pad = " " * indent
    one = f"{pad}{prefix}{flat(value)}{suffix}"
    if len(one) <= WIDTH or isinstance(value, Text) or not _inside(value):
        return [one]
    if isinstance(value, Call):
        return _call(prefix, value, suffix, indent)
    if isinstance(value, Items):
        opened, closed = "()" if value.is_tuple else "[]"
        return [f"{pad}{prefix}{opened}", *_each(value.items, indent), f"{pad}{closed}{suffix}"]
    lines = [f"{pad}{prefix}{{"]
    for key, item in value.pairs:
        lines += statement(f"{flat(key)}: ", item, ",", indent + 4)
    return [*lines, f"{pad}}}{suffix}"]


def signature(name: str, parameters: Sequence[str], returns: str, indent: int = 0) -> list[str]:
    """The head of a function."""
    pad = " " * indent
    one = f"{pad}def {name}({', '.join(parameters)}) -> {returns}:"
    if len(one) <= WIDTH or not parameters:
        return [one]
    inner = f"{pad}    {', '.join(parameters)}"
    together = len(inner) <= WIDTH and len(parameters) > 1
    lines = [inner] if together else [f"{pad}    {each}," for each in parameters]
    return [f"{pad}def {name}(", *lines, f"{pad}) -> {returns}:"]


def _inside(value: Expr) -> bool:
    """Whether there is anything to break between its brackets."""
    if isinstance(value, Call):
        return bool(value.arguments) or _inside(value.callee)
    if isinstance(value, Text):
        return False
    return bool(value.pairs if isinstance(value, Pairs) else value.items)


def _call(prefix: str, value: Call, suffix: str, indent: int) -> list[str]:
    pad = " " * indent
    callee = value.callee
    head = f"{prefix}{flat(callee)}("
    fits = len(pad + head) <= WIDTH
    if isinstance(callee, Call) and callee.arguments and not (fits and value.arguments):
        tail = f")({', '.join(map(flat_argument, value.arguments))}){suffix}"
        if len(pad + tail) <= WIDTH or not value.arguments:
            return _opened(f"{prefix}{flat(callee.callee)}(", callee.arguments, tail, indent)
        first = _opened(f"{prefix}{flat(callee.callee)}(", callee.arguments, ")(", indent)
        return [*first, *_opened("", value.arguments, f"){suffix}", indent)[1:]]
    return _opened(head, value.arguments, f"){suffix}", indent)


def _opened(head: str, arguments: Sequence[Argument], tail: str, indent: int) -> list[str]:
    """Arguments between a line that opens their parenthesis and one that closes it."""
    pad = " " * indent
    one = f"{pad}    {', '.join(map(flat_argument, arguments))}"
    if len(one) <= WIDTH:
        return [f"{pad}{head}", one, f"{pad}{tail}"]
    lines = [f"{pad}{head}"]
    comma = "" if len(arguments) == 1 and not arguments[0].key else ","
    for key, value in arguments:
        lines += statement(f"{key}=" if key else "", value, comma, indent + 4)
    return [*lines, f"{pad}{tail}"]


def _each(items: Sequence[Expr], indent: int) -> list[str]:
    return [line for item in items for line in statement("", item, ",", indent + 4)]
