"""What a block takes: the names of its inputs and, where it is a model, what they are like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kspec.diagnostics import Problem, Route
from kspec.spec.expressions import UNREAD
from kspec.spec.objects import Checker
from kspec.spec.parse import parse
from kspec.spec.schema import Input
from kspec.spec.sections import check_dtypes
from kspec.spec.steps import UNKNOWN
from kspec.spec.variables import put_in
from kspec.spec.walk import Walk, name_problem


def input_names(block: str, walk: Walk) -> tuple[str, ...]:
    """The names of a block's inputs, in their order; one, called `input`, where it says nothing of them."""
    given = walk.blocks[block].get("inputs")
    if given is None:
        return ("input",)
    route: Route = ("blocks", block, "inputs")
    names = [given] if isinstance(given, str) else list(given) if isinstance(given, dict) else given
    if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
        walk.once("wrong-type", "a block's `inputs` is a list of names, or a mapping from names to shapes", route)
        names = [UNREAD]
    if UNREAD in names:
        walk.tally.named = False
        return (UNREAD,)
    for index, name in enumerate(names):
        place, at = route, "value"
        if names is given:
            place = (*route, index)
        elif isinstance(given, dict):
            place, at = (*route, name), "key"
        what = None if names == ["input"] else name_problem(name)
        if what is not None:
            walk.once("wrong-value", what[0], place, what[1], at)
        elif name in names[:index]:
            walk.once("duplicate-name", f"the block's input `{name}` is listed twice", place, "keep one of them")
    return tuple(dict.fromkeys(names))


def like(block: str, variables: Mapping[str, Any], uses: tuple[Route, ...], walk: Walk) -> dict[str, dict[str, Any]]:
    """keras.Input's arguments of a model's inputs that have their own; the others are like what reaches them."""
    given = walk.blocks[block].get("inputs")
    if not isinstance(given, dict) or not all(isinstance(name, str) for name in given):
        return {}
    base: Route = ("blocks", block)
    found = {}
    for name, value in given.items():
        filled = put_in(value, (*base, "inputs", name), variables, walk.checker, uses)
        if filled is None or filled is UNKNOWN or (list(given) != ["input"] and name_problem(name) is not None):
            continue
        found[name] = filled
        is_known = isinstance(filled, dict) and filled.keys() <= Input.model_fields.keys()
        if is_known and len(filled.keys() & {"shape", "batch_shape"}) != 1:
            message = f"`{name}` needs `shape` or `batch_shape`"
            help = "write one of them; or null in place of all: it is like what reaches it"
            walk.once_there(Problem("missing-key", message, (*base, "inputs", name), help, "key", uses=uses))
            del found[name]
    problems: list[Problem] = []
    read = parse({"kspec": 1, "inputs": found}, problems, set())
    checker = Checker(walk.checker.registry, problems)
    checked = check_dtypes(read.inputs, checker) if read is not None else {}
    for problem in problems:
        walk.once_there(replace(problem, route=(*base, *problem.route), uses=uses))
    return {name: each.model_dump(exclude_none=True, exclude_defaults=True) for name, each in checked.items()}
