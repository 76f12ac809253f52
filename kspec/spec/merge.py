"""One spec over another: ``extends`` and ``import``, with every value remembering where it came from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kspec import catalog
from kspec.diagnostics import Note, Problem, Route, Span, SpecError
from kspec.spec.expressions import UNREAD
from kspec.spec.parse import respelt
from kspec.spec.places import SECTIONS, Marks, Moved, Source, located
from kspec.spec.project import Project, resolve
from kspec.spec.source import Taking, read
from kspec.spec.textfile import contents, decode
from kspec.spec.values import shown

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def load(path: Path, name: str, project: Project, stack: tuple[Path, ...] = (), taking: Taking = "") -> Source:
    """A spec's file with what it extends and imports.

    Raises SpecError, located, for problems in any of the files; OSError where the first file cannot be read.
    """
    return compose(read(decode(contents(path), name), name, path, taking), project, (*stack, path))


def compose(source: Source, project: Project, stack: tuple[Path, ...] = ()) -> Source:
    """`source` over what it extends, with the blocks that it imports; what of it cannot be read is a gap in it."""
    source = respelt(source)
    data = source.data
    if not isinstance(data, dict):
        return source
    result = source
    if "extends" in data:
        try:
            base = _other(source, ("extends",), data["extends"], project, stack)
            result = over(_without_version(base), source)
        except SpecError as error:
            result = _with_gaps(source, error, SECTIONS)
    imports = data.get("import")
    if imports is None:
        return result
    if not isinstance(imports, (str, list)):
        problem = Problem("wrong-type", f"`import` is a list of files, not {shown(imports)}", ("import",))
        return _with_gaps(result, SpecError(problem), ("blocks",))
    names = imports if isinstance(imports, list) else [imports]
    for index, name in enumerate(names):
        route: Route = ("import", index) if isinstance(imports, list) else ("import",)
        try:
            result = _with_blocks(result, _other(source, route, name, project, stack), route)
        except SpecError as error:
            result = _with_gaps(result, error, ("blocks",))
    return result


def _with_gaps(source: Source, error: SpecError, sections: Iterable[str]) -> Source:
    """`source` without what could not be read."""
    return replace(
        source, problems=(*source.problems, *located(source, error.problems)), gaps=source.gaps.union(sections)
    )


def _other(source: Source, route: Route, name: object, project: Project, stack: tuple[Path, ...]) -> Source:
    """A file that `source` includes; its problems say where, and lead nowhere in `source`."""
    if name == UNREAD:
        raise SpecError(())
    folder = source.file.path.parent if source.file.path is not None else project.root
    path = resolve(project, folder, name, route)
    if path in stack:
        names = " → ".join(f"`{file.name}`" for file in (*stack[stack.index(path) :], path))
        raise SpecError(Problem("extends-cycle", f"these files include each other: {names}", route))
    note = Note("extended here" if route == ("extends",) else "imported here", span=source.span(route))
    try:
        other = load(path, _beside(source.file.name, str(name)), project, stack)
    except SpecError as error:
        raise SpecError(_noted(error.problems, note)) from None
    return replace(other, problems=_noted(other.problems, note)) if other.problems else other


def _noted(problems: Iterable[Problem], note: Note) -> tuple[Problem, ...]:
    return tuple(
        replace(problem, route=(), notes=problem.notes if problem.code == "extends-cycle" else (*problem.notes, note))
        for problem in problems
    )


def _without_version(base: Source) -> Source:
    """A spec without its `kspec: 1`, which every spec over it has itself."""
    if not isinstance(base.data, dict):
        return base
    if "kspec" not in base.data:
        problem = Problem("spec-version", "the format's version is missing", (), "begin the file with `kspec: 1`")
        return replace(base, problems=(*base.problems, base.locate(problem)))
    return replace(base, data={key: value for key, value in base.data.items() if key != "kspec"})


def _beside(file: str, name: str) -> str:
    """A path for messages: `name` as seen from where `file` was seen."""
    import os

    return os.path.normpath(os.path.join(os.path.dirname(file), name))


def over(base: Source, top: Source) -> Source:
    """`top` merged over `base`: mappings member by member, everything else replaced."""
    if not isinstance(base.data, dict):
        raise SpecError(base.locate(Problem("wrong-type", f"a spec is a mapping, not {shown(base.data)}", ())))
    data, marks = _merge(base.data, base.marks, top.data, top.marks)
    problems = tuple(dict.fromkeys((*base.problems, *top.problems)))  # one file may come by two ways
    return replace(top, data=data, marks=marks, problems=problems, gaps=base.gaps | top.gaps)


def _merge(base: Any, base_marks: Any, top: Any, top_marks: Any) -> tuple[Any, Any]:
    lower, upper = bare(base_marks), bare(top_marks)
    if not (isinstance(base, dict) and isinstance(top, dict)) or other_object(base, top):
        return top, top_marks
    data, keys = dict(base), dict(lower.keys)
    members = {key: _moved(mark, lower, key) for key, mark in lower.members.items()}
    for key, value in top.items():
        mark = _moved(upper.members[key], upper, key)
        if key in base:
            data[key], merged = _merge(base[key], lower.members[key], value, upper.members[key])
            members[key] = mark if merged is upper.members[key] else Moved(merged, upper.file, None, upper.keys[key])
        else:
            data[key], members[key] = value, mark
        keys[key] = upper.keys[key]
    return data, Marks(upper.start, upper.end, keys, members, upper.file)


def bare(marks: Any) -> Any:
    return marks.marks if isinstance(marks, Moved) else marks


def _moved(mark: Any, owner: Marks, key: Any) -> Moved:
    """A member's marks with its own file and key, to stand in a mapping of another file."""
    event = owner.keys.get(key)
    if isinstance(mark, Moved):
        return mark if mark.key is not None else mark._replace(key=event)
    return Moved(mark, owner.file, None, event)


def other_object(base: dict[Any, Any], top: dict[Any, Any]) -> bool:
    """Whether both are Keras objects of different names: ``{SGD: …}`` over ``{AdamW: …}`` replaces."""
    if len(base) != 1 or len(top) != 1:
        return False
    (lower,), (upper,) = base, top
    return lower != upper and _is_object(lower) and _is_object(upper)


def _is_object(key: object) -> bool:
    return isinstance(key, str) and ("." in key or bool(catalog.kinds_of(key)))


def _with_blocks(source: Source, other: Source, route: Route) -> Source:
    """`source` with the blocks of an imported file."""
    blocks = other.data.get("blocks") if isinstance(other.data, dict) else None
    if not isinstance(blocks, dict):
        source = replace(source, problems=(*source.problems, *other.problems))
        if "blocks" in other.gaps or blocks == UNREAD:
            return replace(source, gaps=source.gaps | {"blocks"})
        raise SpecError(Problem("import", "the imported file has no `blocks`", route))
    own = source.data.get("blocks") or {}
    for name in blocks:
        # by two ways from one file it is one block
        if isinstance(own, dict) and name in own and _home(source, name) != _home(other, name):
            message = f"the imported file brings a block `{name}`, and there is one already"
            note = Note("it stands here", span=source.span(("blocks", name), "key"))
            problem = Problem("duplicate-name", message, route, "rename one of them", notes=(note,))
            raise SpecError(problem)
    marks = bare(other.marks)
    members = {"blocks": marks.members["blocks"]}
    gaps = other.gaps & {"blocks"}
    part = Source(other.file, {"blocks": blocks}, marks._replace(members=members), other.problems, gaps)
    return over(part, source)


def _home(source: Source, block: str) -> tuple[object, Span]:
    """The file and the place where a block is written."""
    route: Route = ("blocks", block)
    return source.file_of(route).path, source.span(route, "key")
