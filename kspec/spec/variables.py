"""Variables put in: ``$name`` and ``$(…)`` wherever a scalar stands."""

from __future__ import annotations

import graphlib
import re
from collections.abc import Mapping
from typing import Any

from kspec.diagnostics import Problem, Route
from kspec.spec.expressions import MAX_ITEMS, TO_BE_GIVEN, WRONG, ExpressionError, size, substitute, variables_of
from kspec.spec.objects import Checker
from kspec.spec.steps import UNKNOWN
from kspec.spec.values import shown

MAX_FILLED = 2_000_000
"""Values that all variables together may put into one spec."""

MAX_CIRCLES = 20
"""Circles of variables that are told of."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]*\Z")
_CONTAINERS = frozenset({str, dict, list})


def put_in(
    value: Any, route: Route, variables: Mapping[str, Any], checker: Checker, uses: tuple[Route, ...] = ()
) -> Any:
    """`value` with variables put in wherever a scalar has a ``$``; `UNKNOWN` with problems noted where one fails."""
    kind = value.__class__
    if kind is str:
        return _text(value, route, variables, checker, uses) if "$" in value else value
    if kind is dict:
        if not any(map(_may_hold, value)) and not any(map(_may_hold, value.values())):
            return value  # by far the commonest
        return _mapping(value, route, variables, checker, uses)
    if kind is list:
        if not any(map(_may_hold, value)):
            return value
        items = [put_in(item, (*route, index), variables, checker, uses) for index, item in enumerate(value)]
        return UNKNOWN if any(item is UNKNOWN for item in items) else items
    return value


def _may_hold(value: Any) -> bool:
    """Whether a member of a collection may hold a variable."""
    kind = value.__class__
    return kind is dict or kind is list or (kind is str and "$" in value)


def _text(
    text: str, route: Route, variables: Mapping[str, Any], checker: Checker, uses: tuple[Route, ...], at: Any = "value"
) -> Any:
    problem = None
    try:
        value = substitute(text, variables)
    except ExpressionError as error:
        told = any(each.route == route and each.message == error.message for each in checker.problems[-100:])
        if error.code and not told:  # every copy of a repeat would
            checker.problems.append(Problem(error.code, error.message, route, error.help, at, uses=uses))
        return UNKNOWN
    if value.__class__ is list or value.__class__ is dict:
        if checker.filled > MAX_FILLED:
            return UNKNOWN
        count = size(value, MAX_ITEMS)
        checker.filled += count
        if count > MAX_ITEMS:
            problem = f"`{text[:60]}` gives more than {MAX_ITEMS:,} items"
        elif checker.filled > MAX_FILLED:
            problem = f"the variables of this spec put in more than {MAX_FILLED:,} values"
    if problem is not None:
        checker.problems.append(Problem("expression", problem, route, at=at, uses=uses))
        return UNKNOWN
    return value


def _mapping(
    value: dict[Any, Any], route: Route, variables: Mapping[str, Any], checker: Checker, uses: tuple[Route, ...]
) -> Any:
    result: dict[Any, Any] = {}
    failed = False
    for key, item in value.items():
        place = (*route, key)
        if key.__class__ is str and "$" in key:
            key = _key(key, place, value, variables, checker, uses)
            failed = failed or key is UNKNOWN
        if item.__class__ in _CONTAINERS:
            item = put_in(item, place, variables, checker, uses)
            failed = failed or item is UNKNOWN
        result[key] = item
    return UNKNOWN if failed else result


def _key(
    written: str, route: Route, around: dict[Any, Any], variables: Mapping[str, Any], checker: Checker, uses: Any
) -> Any:
    """A key with variables put in; it stays a key, and another one than those beside it."""
    key = _text(written, route, variables, checker, uses, "key")
    if key is UNKNOWN:
        return UNKNOWN
    if key.__class__ is not str and key.__class__ is not int:
        message = f"a key is a word or a whole number, and `{written}` is {shown(key)}"
        checker.problems.append(Problem("wrong-type", message, route, at="key", uses=uses))
        return UNKNOWN
    if key in around:
        message = f"`{written}` is `{key}`, which stands here already"
        checker.problems.append(Problem("duplicate-key", message, route, "keep one of them", "key", uses=uses))
        return UNKNOWN
    return key


def resolve_variables(
    values: Mapping[str, Any], done: set[str], outer: Mapping[str, Any], route: Route, checker: Checker
) -> dict[str, Any]:
    """Variables whose values may use each other (and `outer` ones), each put in once.

    Those that have no value are TO_BE_GIVEN, those whose definition is wrong WRONG, with a problem noted.
    """
    result: dict[str, Any] = {**outer, **{name: values[name] for name in done}}
    waiting = {name: value for name, value in values.items() if name not in done}
    for name in [name for name in waiting if not _NAME.match(str(name))]:
        result[re.split(r"[^A-Za-z_0-9]", str(name))[0]] = WRONG  # what `$my` of `$my-width` would look for
        help = "a variable's name has letters, digits and `_`, and begins with a letter"
        checker.wrong("wrong-value", f"`{name}` cannot be a variable's name", (*route, name), help, "key")
        del waiting[name]
    for name in _ordered(waiting, result, route, checker):
        value = put_in(waiting[name], (*route, name), result, checker)
        result[name] = WRONG if value is UNKNOWN else TO_BE_GIVEN if value is None else value
    return result


def _ordered(waiting: Mapping[str, Any], result: dict[str, Any], route: Route, checker: Checker) -> tuple[str, ...]:
    """The variables, each after those that it needs; those of a circle are WRONG, and one problem tells of them."""
    required = {name: needed_by(value) & waiting.keys() for name, value in waiting.items()}
    for _ in range(MAX_CIRCLES):
        try:
            return tuple(graphlib.TopologicalSorter(required).static_order())
        except graphlib.CycleError as error:
            circle: list[str] = error.args[1][::-1]
            first = min(circle[1:], key=list(waiting).index)
            start = circle.index(first)
            path = " → ".join([*circle[start:-1], *circle[:start], first])
            checker.wrong("expression", f"the variable `{first}` needs itself: {path}", (*route, first))
            for name in circle[1:]:
                result[name] = WRONG
                del required[name]
            for needed in required.values():
                needed.difference_update(circle)
    result.update(dict.fromkeys(required, WRONG))
    return ()


def needed_by(value: Any) -> set[str]:
    """The variables that a value uses."""
    if isinstance(value, str):
        return set(variables_of(value)) if "$" in value else set()
    if isinstance(value, (dict, list)):
        return set().union(*map(needed_by, [*value, *value.values()] if isinstance(value, dict) else value))
    return set()
