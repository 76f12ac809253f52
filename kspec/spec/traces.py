"""A wrong value that came through a variable: what the variable is, and where it can be mended."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from kspec.diagnostics import Note, Problem, Route
from kspec.spec.expressions import variables_of
from kspec.spec.values import shown

_CODES = frozenset({"wrong-type", "wrong-value", "too-large", "unknown-object"})
_OF_A_LITERAL = re.compile(r"remove the quotes|write `[-+0-9._]+`|write `(true|false)`")
_ARITHMETIC = re.compile(r"[\s\w.()]*\$[\s\w.()$]*[-+*/%][\s\w.()$*/%+-]*\Z")


def traced(problem: Problem, data: Any) -> Problem:
    """The problem of a value that is written with variables: notes say what they are, and the help is not that for a
    literal. `data` is the spec before its variables are put in."""
    if problem.at != "value" or problem.code not in _CODES:
        return problem
    written = value_at(data, problem.route)
    if not isinstance(written, str) or "$" not in written or not isinstance(data, dict):
        return problem
    help = "" if _OF_A_LITERAL.match(problem.help) else problem.help
    if "$(" not in written and _ARITHMETIC.match(written) is not None:
        help = f"write `$({written.replace('$', '')})`"
    elif "a whole number" in problem.message and re.search(r"[^/]/[^/]", written) is not None:
        help = "`//` divides without a rest"
    notes = [note for name in variables_of(written)[:4] if (note := _definition(name, problem.route, data)) is not None]
    return replace(problem, help=help, notes=(*problem.notes, *notes))


def _definition(name: str, route: Route, data: Any) -> Note | None:
    """What a variable of the spec is; None for one of a block or a repeat, whose uses are shown anyway."""
    variables = data.get("vars")
    if not isinstance(variables, dict) or name not in variables or _is_local(name, route, data):
        return None
    value = variables[name]
    text = f"`{value}`" if isinstance(value, str) and "$" in value else shown(value)
    return Note(f"`{name}` is {text}", ("vars", name))


def _is_local(name: str, route: Route, data: Any) -> bool:
    """Whether a block or a repeat around `route` has a variable of that name."""
    around = [value_at(data, route[:length]) for length in range(1, len(route))]
    if route[:1] == ("blocks",) and len(around) > 1 and isinstance(around[1], dict):
        around.append({"repeat": around[1].get("vars")})
    walking = [value["repeat"] for value in around if isinstance(value, dict) and "repeat" in value]
    return any(isinstance(given, dict) and name in given for given in walking)


def value_at(data: Any, route: Route) -> Any:
    """The value at a route, or the last one on the way where the route goes on into a short form."""
    part: Any
    for part in route:
        if not ((isinstance(data, dict) and part in data) or (isinstance(data, list) and isinstance(part, int))):
            break
        data = data[part]
    return data
