"""Variables put in: ``$name`` and ``$(…)`` wherever a scalar stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kspec.diagnostics import Problem, Route
from kspec.spec.expressions import ExpressionError, substitute, variables_of
from kspec.spec.objects import Checker
from kspec.spec.steps import UNKNOWN


def put_in(
    value: Any, route: Route, variables: Mapping[str, Any], checker: Checker, uses: tuple[Route, ...] = ()
) -> Any:
    """`value` with variables put in wherever a scalar has a ``$``; `UNKNOWN` with problems noted where one fails."""
    kind = value.__class__
    if kind is str:
        if "$" not in value:
            return value
        try:
            return substitute(value, variables)
        except ExpressionError as error:
            checker.problems.append(Problem(error.code, error.message, route, error.help, uses=uses))
            return UNKNOWN
    if kind is dict:
        result = {}
        for key, item in value.items():
            if key.__class__ is str and "$" in key:
                new = put_in(key, (*route, key), variables, checker, uses)
                key = key if new is UNKNOWN else new
            if item.__class__ in _CONTAINERS:
                item = put_in(item, (*route, key), variables, checker, uses)
                if item is UNKNOWN:
                    return UNKNOWN
            result[key] = item
        return result
    if kind is list:
        items = [put_in(item, (*route, index), variables, checker, uses) for index, item in enumerate(value)]
        return UNKNOWN if any(item is UNKNOWN for item in items) else items
    return value


_CONTAINERS = frozenset({str, dict, list})


def resolve_variables(
    values: Mapping[str, Any], done: set[str], outer: Mapping[str, Any], route: Route, checker: Checker
) -> dict[str, Any]:
    """Variables whose values may use each other (and `outer` ones), each put in once; circles are problems."""
    result: dict[str, Any] = {**outer, **{name: values[name] for name in done}}
    waiting = {name: value for name, value in values.items() if name not in done}

    def needs(value: Any) -> set[str]:
        if isinstance(value, str):
            return set(variables_of(value)) if "$" in value else set()
        if isinstance(value, (dict, list)):
            return set().union(*map(needs, value.values() if isinstance(value, dict) else value))
        return set()

    required = {name: needs(value) & set(waiting) for name, value in waiting.items()}
    while waiting:
        ready = [name for name in waiting if not required[name] & set(waiting)]
        if not ready:
            for name in waiting:
                checker.wrong(
                    "expression", f"the variable `{name}` needs itself: {_circle(name, required)}", (*route, name)
                )
                result[name] = None
            break
        for name in ready:
            value = put_in(waiting.pop(name), (*route, name), result, checker)
            result[name] = None if value is UNKNOWN else value
    return result


def _circle(name: str, required: Mapping[str, set[str]]) -> str:
    path = [name]
    while True:
        path.append(min(required[path[-1]] & set(required)))
        if path[-1] in path[:-1]:
            return " → ".join(path[path.index(path[-1]) :])
