"""Python expressions as trees: as many as generated code needs, and how each is written on one line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Union


class Text(NamedTuple):
    """An expression that is never broken into lines."""

    text: str


class Argument(NamedTuple):
    """An argument of a call; one by place has no key."""

    key: str
    value: Expr


class Call(NamedTuple):
    """``callee(arguments)``."""

    callee: Expr
    arguments: tuple[Argument, ...] = ()


class Items(NamedTuple):
    """A list, or a tuple."""

    items: tuple[Expr, ...]
    is_tuple: bool = False


class Pairs(NamedTuple):
    """A dict."""

    pairs: tuple[tuple[Expr, Expr], ...]


Expr = Union[Text, Call, Items, Pairs]  # noqa: UP007 - the names above stand for it before it is there


def call(callee: str, *by_place: Expr, **by_name: Expr) -> Call:
    """A call of something with a name."""
    return Call(Text(callee), (*(Argument("", each) for each in by_place), *arguments(by_name.items())))


def arguments(named: Iterable[tuple[str, Expr]]) -> tuple[Argument, ...]:
    """Arguments by name."""
    return tuple(Argument(key, value) for key, value in named)


def texts(names: Iterable[str]) -> tuple[Expr, ...]:
    """Names as expressions."""
    return tuple(Text(name) for name in names)


def flat(value: Expr) -> str:
    """The expression on one line."""
    if isinstance(value, Text):
        return value.text
    if isinstance(value, Call):
        return f"{flat(value.callee)}({', '.join(flat_argument(each) for each in value.arguments)})"
    if isinstance(value, Items):
        inner = ", ".join(map(flat, value.items))
        if not value.is_tuple:
            return f"[{inner}]"
        return f"({inner},)" if len(value.items) == 1 else f"({inner})"
    return "{" + ", ".join(f"{flat(key)}: {flat(item)}" for key, item in value.pairs) + "}"


def flat_argument(argument: Argument) -> str:
    """An argument on one line."""
    return f"{argument.key}={flat(argument.value)}" if argument.key else flat(argument.value)
