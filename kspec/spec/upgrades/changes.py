"""A problem that is one of Keras's old names -> the edits that write its new one, and what to say of it.

Only what is wrong today is looked at: a name that Keras knows is never touched, and a second upgrade finds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from kspec import catalog
from kspec.diagnostics import Problem, Route
from kspec.spec import renamed
from kspec.spec.renamed import Renamed
from kspec.spec.traces import value_at
from kspec.spec.upgrades.edits import Edit, Page
from kspec.spec.upgrades.several import combined


class Change(NamedTuple):
    """One thing of a text that has changed: the line, what is written there and instead, and since when."""

    line: int
    what: str
    edits: tuple[Edit, ...]

    def __str__(self) -> str:
        return f"{self.line}: {self.what}"


def changes(page: Page, problems: Iterable[Problem]) -> list[Change]:
    """What can be upgraded of what is wrong in a text, in its order; each change by itself leaves a text that reads."""
    found: list[Change] = []
    for problem in problems:
        rule = _RULES.get(problem.code)
        if rule is None or problem.span is None or problem.span.file != page.source.file.name:
            continue
        edited = rule(page, problem)
        if edited is not None:
            what, edits = edited
            found.append(Change(problem.span.line, what, edits))
    return sorted(dict.fromkeys(found), key=lambda each: (each.line, each.edits))


def remarks(page: Page) -> list[Change]:
    """Functions of a text that have their names still and compute otherwise since: nothing that can be edited."""
    found: list[Change] = []
    seen: set[int] = set()
    left: list[tuple[Route, Any]] = [((), page.source.data)]
    while left:
        route, value = left.pop()
        if isinstance(value, (dict, list)):
            if id(value) not in seen:  # an alias is what it stands for, which stands before it
                seen.add(id(value))
                inside = value.items() if isinstance(value, dict) else enumerate(value)
                left += [((*route, key), each) for key, each in inside][::-1]
            continue
        said = renamed.otherwise(value)
        node = page.marks(route) if said is not None and _LABELS.isdisjoint(route[-2:]) else None
        if said is not None and node is not None:
            found.append(Change(node.start_mark.line + 1, said, ()))
    return sorted(set(found))


_LABELS = frozenset({"name", "from"})
"""Keys whose values are a person's own names."""


Edited = tuple[str, tuple[Edit, ...]] | None


def _object(page: Page, problem: Problem) -> Edited:
    """The name of a layer, loss, optimizer … that has another."""
    route, name = problem.route, _name_at(page, problem)
    if value_at(page.source.data, route[:-1]) == name:  # a name alone, which is read as `{name: null}`
        route = route[:-1]
    kinds = ("layers",) if problem.code == "unknown-operation" else catalog.KINDS
    news = {found for kind in kinds if (found := renamed.name(kind, name)) is not None}
    if len(news) > 1:
        news = {found for kind in (_kind_at(route),) if (found := renamed.name(kind, name)) is not None}
    if len(news) != 1:
        return combined(page, route, name) if problem.code == "unknown-operation" else None
    (new,) = news
    more = renamed.moved(name)
    is_key = isinstance(route[-1], str) and route[-1] == name
    if not is_key:
        text = f"{new.new}: {{{_listed(more.adds)}}}" if more.adds else new.new
        edit = page.word(route, f"{{{text}}}" if more.adds and isinstance(route[-1], str) else text, "value")
        return None if edit is None else (_told(name, new), (edit,))
    edits = [page.word(route, new.new)]
    given = value_at(page.source.data, route)
    if isinstance(given, dict):
        edits += [page.word((*route, old), to) for old, to in more.renames.items() if old in given]
        missing = {to: text for to, text in more.adds.items() if not {to, *_old(more.renames, to)} & set(given)}
        edits += [page.added(route, _listed(missing))] if missing else []
    elif given is None and more.adds:
        edits = [page.rewritten(route, new.new, f"{{{_listed(more.adds)}}}")]
    elif given is not None and more.value:
        edits = [page.rewritten(route, new.new, f"{{{more.value}: {page.value(route)}}}")]
    return None if None in edits else (_told(name, new), tuple(each for each in edits if each is not None))


def _argument(page: Page, problem: Problem) -> Edited:
    """An argument with another name, or one that there is no more."""
    *around, owner, key = problem.route
    if not isinstance(key, str) or not isinstance(owner, str):
        return None
    given = value_at(page.source.data, (*around, owner))
    value = value_at(page.source.data, problem.route)
    if not isinstance(given, dict):
        return None
    if (special := combined(page, problem.route, owner)) is not None:
        return special
    for kind in catalog.kinds_of(owner):
        entry = catalog.find(kind, owner)
        if entry is None:
            continue
        parameters = [each.name for each in entry.parameters]
        new = renamed.argument(kind, entry.name, key, parameters)
        if new is not None and new.new not in given:
            return _renamed(page, problem.route, new, value)
        gone = renamed.dropped(kind, entry.name, key)
        if gone is not None and (kind != "layers" or "inputs" in page.source.data or "blocks" in page.source.data):
            return _dropped(page, problem.route, gone, value)
    return None


def _key(page: Page, problem: Problem) -> Edited:
    """A key of `compile` or `fit`."""
    if len(problem.route) != 2:
        return None
    section, key = map(str, problem.route)
    given = value_at(page.source.data, (section,))
    new = renamed.key(section, key)
    if new is not None and isinstance(given, dict) and new.new not in given:
        return _renamed(page, problem.route, new, given.get(key))
    gone = renamed.dropped(section, "", key)
    return _dropped(page, problem.route, gone, value_at(page.source.data, problem.route)) if gone is not None else None


def _value(page: Page, problem: Problem) -> Edited:
    """A value of an argument that has another name."""
    if len(problem.route) < 2 or not isinstance(problem.route[-1], str):
        return None
    old = value_at(page.source.data, problem.route)
    new = renamed.value(problem.route[-1], old)
    edit = page.word(problem.route, new, "value") if new is not None else None
    return (f"`{old}` is `{new}`", (edit,)) if edit is not None else None


def _monitor(page: Page, problem: Problem) -> Edited:
    """A number of an epoch that has another name."""
    old = value_at(page.source.data, problem.route)
    new = renamed.quantity(old) if isinstance(old, str) and problem.route[-1] == "monitor" else None
    edit = page.word(problem.route, new.new, "value") if new is not None else None
    return (_told(old, new), (edit,)) if edit is not None and new is not None else None


_RULES = {
    "unknown-operation": _object,
    "unknown-object": _object,
    "unknown-argument": _argument,
    "unknown-key": _key,
    "wrong-value": _value,
    "unknown-monitor": _monitor,
}


def _renamed(page: Page, route: Route, new: Renamed, value: Any) -> Edited:
    """A key with another name, and its value where that has one too."""
    edits = [page.word(route, new.new)]
    other = renamed.value(new.new, value)
    if other is not None:
        edits.append(page.word(route, other, "value"))
    told = _told(str(route[-1]), new) + (f", and `{value}` is `{other}`" if other is not None else "")
    return None if None in edits else (told, tuple(each for each in edits if each is not None))


def _dropped(page: Page, route: Route, gone: renamed.Dropped, value: Any) -> Edited:
    """A key left out, where nothing is lost by that."""
    if not gone.goes(value):
        return None
    edit = page.without(route)
    return None if edit is None else (f"`{route[-1]}` is left out: {gone.why}", (edit,))


def _told(old: str, new: Renamed) -> str:
    return f"`{old}` is `{new.new}`" + (f" since Keras {new.since}" if new.since else "")


def _name_at(page: Page, problem: Problem) -> str:
    """The name that is wrong: the key at the route, or the value there."""
    if problem.at == "key" and isinstance(problem.route[-1], str):
        return problem.route[-1]
    found = value_at(page.source.data, problem.route)
    return found if isinstance(found, str) else str(problem.route[-1])


def _kind_at(route: Route) -> str:
    """The kind of object that stands at a route of `compile`."""
    return {"loss": "losses", "metrics": "metrics", "weighted_metrics": "metrics"}.get(str(route[1:2][0]), "layers")


def _listed(arguments: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in arguments.items())


def _old(renames: Mapping[str, str], new: str) -> set[str]:
    return {old for old, to in renames.items() if to == new}
