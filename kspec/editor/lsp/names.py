"""The names of a spec as an editor needs them: where each is given, and what a name at a place means."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from kspec.diagnostics import Route
from kspec.spec.steps import Expanded

TOP: Route = ()


class Given(NamedTuple):
    """Where a name is given."""

    route: Route
    at: str
    what: str
    """`step`, `input`, `output`, `block`, `variable`; `automatic`: a step's, by Keras's rule."""


def value_in(data: Any, route: Route) -> Any:
    """The value at a route; None where there is none: routes may be of an earlier text."""
    for part in route:
        if isinstance(data, dict):
            data = data.get(part)
        else:
            data = data[part] if isinstance(data, list) and isinstance(part, int) and 0 <= part < len(data) else None
    return data


def scope_of(route: Route) -> Route:
    """The names that a place sees: those of its block, else the spec's own."""
    return route[:2] if len(route) > 2 and route[0] == "blocks" else TOP


def names_in(data: Any, scope: Route) -> dict[str, Given]:
    """Every name that inputs and steps of a scope give themselves."""
    found: dict[str, Given] = {}
    around = value_in(data, scope) if scope else data
    if not isinstance(around, dict):
        return found
    inputs = around.get("inputs")
    if scope:
        given = [inputs] if isinstance(inputs, str) else inputs if isinstance(inputs, list) else []
        for index, name in enumerate(given):
            route = (*scope, "inputs") if isinstance(inputs, str) else (*scope, "inputs", index)
            found.setdefault(str(name), Given(route, "value", "input"))
    if isinstance(inputs, dict):
        found.update({str(name): Given((*scope, "inputs", name), "key", "input") for name in inputs})
    for route, step in steps(around.get("layers"), (*scope, "layers")):
        if isinstance(step, dict):
            for name, given_at in _named(step, route):
                found.setdefault(name, given_at)
    return found


def steps(chain: Any, route: Route) -> Iterator[tuple[Route, Any]]:
    """Every step of a chain with its route, those inside repeats, residuals and parallels too, in order."""
    items = list(enumerate(chain)) if isinstance(chain, list) else []
    if isinstance(chain, dict):
        yield from _step(chain, route)
    for index, item in items:
        yield from _step(item, (*route, index))


def _step(item: Any, route: Route) -> Iterator[tuple[Route, Any]]:
    yield route, item
    if not isinstance(item, dict):
        return
    if "repeat" in item:
        yield from steps(item.get("layers"), (*route, "layers"))
    if "residual" in item:
        yield from steps(item["residual"], (*route, "residual"))
    branches = item.get("parallel")
    pairs = branches.items() if isinstance(branches, dict) else enumerate(branches or ())
    if isinstance(branches, (dict, list)):
        for key, branch in pairs:
            inner = (*route, "parallel", key)
            if isinstance(branch, (list, dict)):
                yield from steps(branch, inner)
            else:
                yield inner, branch


def _named(step: dict[Any, Any], route: Route) -> Iterator[tuple[str, Given]]:
    name = step.get("name")
    if isinstance(name, str):
        yield name, Given((*route, "name"), "value", "step")
    elif isinstance(name, list):
        for index, each in enumerate(name):
            yield str(each), Given((*route, "name", index), "value", "step")
    branches = step.get("parallel")
    if isinstance(branches, dict):
        for key in branches:
            yield str(key), Given((*route, "parallel", key), "key", "step")


def outputs_in(data: Any) -> dict[str, Given]:
    """The outputs that the spec names itself, in a mapping."""
    outputs = data.get("outputs") if isinstance(data, dict) else None
    if not isinstance(outputs, dict):
        return {}
    return {str(name): Given(("outputs", name), "key", "output") for name in outputs}


def automatic(expanded: Expanded, scope: Route) -> dict[str, Given]:
    """Names that unnamed steps and uses of blocks have in a scope, when the spec was last read whole."""
    found: dict[str, Given] = {}
    for step in expanded.steps:
        if scope_of(step.route) == scope:
            found.setdefault(step.name[len(step.scope) :] if scope else step.name, _at(step.route))
        if not scope and step.scope and step.uses:
            _of_uses(step.scope, step.uses, found)
            found.setdefault(step.name, _at(step.route))
    return found


def _of_uses(prefix: str, uses: tuple[Route, ...], found: dict[str, Given]) -> None:
    """The names of the block uses that a step's name begins with: `a.b.` of `a.b.dense`."""
    parts = prefix.rstrip(".").split(".")
    blocks = [use for use in uses if not (isinstance(use[-1], int) and len(use) > 1 and use[-2] == "repeat")]
    for length, use in enumerate(blocks[: len(parts)], 1):
        found.setdefault(".".join(parts[:length]), _at(use))


def _at(route: Route) -> Given:
    return Given(route, "key", "automatic")


def heads(name: str) -> Iterator[str]:
    """A name, then what stands before each of its dots: `lstm.1` may be an output of `lstm`."""
    while name:
        yield name
        name = name.rpartition(".")[0]


def find(name: str, known: Mapping[str, Given]) -> tuple[str, Given] | None:
    """The longest beginning of a name that is one."""
    return next(((head, known[head]) for head in heads(name) if head in known), None)


# -- variables -----------------------------------------------------------------------------------------------------

_TOKEN = re.compile(r"\$\$|\$(?P<name>[A-Za-z_]\w*)|\$\(")
_WORD = re.compile(r"'[^']*'|\"[^\"]*\"|[A-Za-z_]\w*|[()]")
KEYWORDS = frozenset({"and", "or", "not", "if", "else", "in", "True", "False", "None", "true", "false", "null"})
FUNCTIONS = ("abs", "float", "int", "len", "max", "min", "range", "round")


def variables_at(raw: str) -> Iterator[tuple[str, int, int]]:
    """The variables in a scalar as it is written, each with its place there; an expression may lack its end."""
    index = 0
    while (found := _TOKEN.search(raw, index)) is not None:
        index = found.end()
        if found["name"]:
            yield found["name"], found.start("name"), found.end("name")
        elif found[0] == "$(":
            depth = 1
            for word in _WORD.finditer(raw, index):
                index = word.end()
                depth += {"(": 1, ")": -1}.get(word[0], 0)
                if depth == 0:
                    break
                is_call = raw[word.end() :].lstrip()[:1] == "(" and word[0] in FUNCTIONS
                if word[0].isidentifier() and word[0] not in KEYWORDS and not is_call:
                    yield word[0], word.start(), word.end()


def variables_in(data: Any, route: Route) -> dict[str, Given]:
    """The variables that a place sees: of the repeats around, of its block, of the spec."""
    found: dict[str, Given] = {}
    for length in range(len(route) - 1, 0, -1):
        if route[length] != "layers":
            continue
        walking = value_in(data, route[:length])
        walked = walking.get("repeat") if isinstance(walking, dict) else None
        if isinstance(walked, dict):
            for name in walked:
                found.setdefault(str(name), Given((*route[:length], "repeat", name), "key", "variable"))
    bases = [("blocks", route[1], "vars")] if route[:1] == ("blocks",) and len(route) > 2 else []
    for base in [*bases, ("vars",)]:
        own = _mapping(data, base)
        for name in own:
            found.setdefault(str(name), Given((*base, name), "key", "variable"))
    return found


def block_variables(data: Any, block: str) -> dict[str, Any]:
    """The variables of a block with their defaults."""
    return _mapping(data, ("blocks", block, "vars"))


def blocks_in(data: Any) -> dict[str, Any]:
    """The blocks of a spec."""
    return _mapping(data, ("blocks",))


def _mapping(data: Any, route: Route) -> dict[str, Any]:
    found = value_in(data, route)
    return found if isinstance(found, dict) else {}
