"""One spec over another: ``extends``, ``import`` and ``--set``, with every value remembering where it came from."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kspec import catalog
from kspec.diagnostics import Problem, Route, SpecError, listing, suggestion
from kspec.spec.project import Project, resolve
from kspec.spec.source import Marks, Moved, Source, SourceFile, decode, read

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def load(path: Path, name: str, project: Project, stack: tuple[Path, ...] = ()) -> Source:
    """A spec's file with what it extends and imports.

    Raises SpecError, located, for problems in any of the files; OSError where the first file cannot be read.
    """
    return compose(read(decode(path.read_bytes(), name), name, path), project, (*stack, path))


def compose(source: Source, project: Project, stack: tuple[Path, ...] = ()) -> Source:
    """`source` over what it extends, with the blocks that it imports."""
    data = source.data
    if not isinstance(data, dict):
        return source
    result = source
    if "extends" in data:
        base = _other(source, ("extends",), data["extends"], project, stack)
        result = over(base, source)
    imports = data.get("import")
    if imports is None:
        return result
    names = [imports] if isinstance(imports, str) else imports
    if not isinstance(names, list):
        problem = Problem("wrong-type", "`import` is a list of files", ("import",))
        raise SpecError(source.locate(problem))
    for index, name in enumerate(names):
        route: Route = ("import", index) if isinstance(imports, list) else ("import",)
        result = _with_blocks(result, _other(source, route, name, project, stack), route)
    return result


def _other(source: Source, route: Route, name: object, project: Project, stack: tuple[Path, ...]) -> Source:
    folder = source.file.path.parent if source.file.path is not None else project.root
    try:
        path = resolve(project, folder, name, route)
    except SpecError as error:
        raise SpecError(source.locate(problem) for problem in error.problems) from None
    if path in stack:
        names = " → ".join(f"`{file.name}`" for file in (*stack[stack.index(path) :], path))
        problem = Problem("extends-cycle", f"these files include each other: {names}", route)
        raise SpecError(source.locate(problem))
    shown = str(_beside(source.file.name, str(name)))
    return load(path, shown, project, stack)


def _beside(file: str, name: str) -> str:
    """A path for messages: `name` as seen from where `file` was seen."""
    import os

    return os.path.normpath(os.path.join(os.path.dirname(file), name))


def over(base: Source, top: Source) -> Source:
    """`top` merged over `base`: mappings member by member, everything else replaced."""
    if not isinstance(base.data, dict):
        raise SpecError(base.locate(Problem("wrong-type", "a spec is a mapping", ())))
    data, marks = _merge(base.data, base.marks, top.data, top.marks)
    return replace(top, data=data, marks=marks)


def _merge(base: Any, base_marks: Any, top: Any, top_marks: Any) -> tuple[Any, Any]:
    lower, upper = _bare(base_marks), _bare(top_marks)
    if not (isinstance(base, dict) and isinstance(top, dict)) or _other_object(base, top):
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


def _bare(marks: Any) -> Any:
    return marks.marks if isinstance(marks, Moved) else marks


def _moved(mark: Any, owner: Marks, key: Any) -> Moved:
    """A member's marks with its own file and key, to stand in a mapping of another file."""
    event = owner.keys.get(key)
    if isinstance(mark, Moved):
        return mark if mark.key is not None else mark._replace(key=event)
    return Moved(mark, owner.file, None, event)


def _other_object(base: dict[Any, Any], top: dict[Any, Any]) -> bool:
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
        raise SpecError(source.locate(Problem("import", "the imported file has no `blocks`", route)))
    own = source.data.get("blocks") or {}
    for name in blocks:
        if isinstance(own, dict) and name in own:
            message = f"the imported file brings a block `{name}`, and there is one already"
            raise SpecError(source.locate(Problem("duplicate-name", message, route, "rename one of them")))
    marks = _bare(other.marks)
    members = {"blocks": marks.members["blocks"]}
    part = Source(other.file, {"blocks": blocks}, marks._replace(members=members))
    return over(part, source)


def with_sets(source: Source, sets: Sequence[str]) -> Source:
    """The spec with ``--set path=value`` applied in order."""
    for text in sets:
        source = _with_set(source, text)
    return source


def _with_set(source: Source, text: str) -> Source:
    path, equals, value = text.partition("=")
    file = SourceFile("--set", None, [text])
    if not equals or not path.strip() or "\n" in text:
        span = read(" ", "--set").span(())._replace(text=text, end_column=len(text) + 1)
        raise SpecError(Problem("set-path", f"`{text}` is not `path=value`", help="--set width=128", span=span))
    padded = read(" " * (len(path) + 1) + value, "--set")
    padded.file.lines[:] = [text]
    if not isinstance(source.data, dict):
        return source
    parts = _parts(source, path.strip(), text)
    key = _Event(file, path)
    data, marks = _set(source.data, source.marks, parts, padded, key, path)
    return replace(source, data=data, marks=marks)


class _Event:
    """A key that stands on the command line."""

    def __init__(self, file: SourceFile, path: str) -> None:
        from types import SimpleNamespace

        self.start_mark = SimpleNamespace(line=0, column=0)
        self.end_mark = SimpleNamespace(line=0, column=len(path))


SECTIONS = (
    *("kspec", "name", "seed", "dtype_policy", "vars", "inputs", "blocks", "layers", "outputs", "compile", "fit"),
    *("data", "expect", "weights", "class", "custom", "extends", "import"),
)
"""The words of a spec's top level."""


def _parts(source: Source, path: str, text: str) -> list[str]:
    parts = path.split(".")
    variables = source.data.get("vars")
    if isinstance(variables, dict) and parts[0] in variables:
        return ["vars", *parts]
    if parts[0] in SECTIONS:
        return parts
    span = read(" ", "--set").span(())._replace(text=text, end_column=len(path) + 1)
    known = [*(variables if isinstance(variables, dict) else ()), *SECTIONS]
    help = suggestion(parts[0], known, f"variables: {listing(variables)}" if variables else "this spec has no `vars`")
    raise SpecError(Problem("set-path", f"there is no variable or section `{parts[0]}`", help=help, span=span))


def _set(data: Any, marks: Any, parts: list[str], value: Source, key: _Event, path: str) -> tuple[Any, Any]:
    """`data` with the value at the end of `parts` replaced; containers on the way are copied."""
    if not parts:
        return value.data, Moved(value.marks, value.file, None, key)
    if isinstance(data, list):
        index = _index_of(data, parts[0], value, path)
        inner = _bare(marks)
        members = list(inner.members)
        items = list(data)
        items[index], members[index] = _set(data[index], inner.members[index], parts[1:], value, key, path)
        return items, inner._replace(members=members)
    if isinstance(data, str) and parts:  # a bare object (`optimizer: adam`) gets its first argument
        data, marks = {data: None}, None
    if data is not None and not isinstance(data, dict):
        data, marks = {}, None
    length = next((n for n in range(len(parts), 0, -1) if data and ".".join(parts[:n]) in data), 1)
    name: Any = ".".join(parts[:length])
    if data and name not in data and name.lstrip("-").isdigit():
        name = int(name)
    inner = _bare(marks) if marks is not None and isinstance(data, dict) and data else None
    old = (data or {}).get(name)
    old_marks = inner.members.get(name) if isinstance(inner, Marks) else None
    new, new_marks = _set(old, old_marks, parts[length:], value, key, path)
    merged, merged_marks = _put(data or {}, inner, name, new, new_marks, value, key)
    return merged, merged_marks


def _put(
    data: dict[Any, Any], inner: Any, name: Any, new: Any, marks: Any, value: Source, key: _Event
) -> tuple[Any, Any]:
    item: Any = marks if isinstance(marks, Moved) else Moved(marks, value.file if marks is None else marks.file, None, key)
    if _other_object(data, {name: new}):
        data, inner = {}, None
    if not isinstance(inner, Marks):
        place = Marks(key.start_mark, key.end_mark, {name: key}, {name: item}, value.file)
        return {**{k: v for k, v in data.items() if k == name}, name: new}, place
    if isinstance(marks, Marks) and name in inner.keys:
        item = marks  # only passed through: its own key stands where it stood
    keys = {**inner.keys, name: inner.keys.get(name, key)}
    return {**data, name: new}, inner._replace(keys=keys, members={**inner.members, name: item})


def _index_of(data: list[Any], part: str, value: Source, path: str) -> int:
    """A list's item by its number, or a step by its name."""
    if part.lstrip("-").isdigit() and -len(data) <= int(part) < len(data):
        return int(part) % len(data)
    for index, item in enumerate(data):
        if isinstance(item, dict) and item.get("name") == part:
            return index
    span = value.span(())._replace(column=1, end_column=len(path) + 1, text=f"{path}={json.dumps(value.data)}")
    names = [str(item["name"]) for item in data if isinstance(item, dict) and "name" in item]
    help = suggestion(part, names, f"it has {len(data)} items" + (f", named {listing(names)}" if names else ""))
    raise SpecError(Problem("set-path", f"`{path}`: there is no item `{part}` in the list", help=help, span=span))
