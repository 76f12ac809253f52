"""The files that a Kurfile includes, merged as Kur's documentation says: `blend`, `merge` or `concat`.

There, a method is that of the include it stands at. Kur's own code took it for what that file includes in its turn.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kspec.convert.foreigntext import Findings, source_of
from kspec.diagnostics import FileError, Problem, Route
from kspec.spec.places import Source

MOST = 50
_METHODS = ("blend", "merge", "concat")


def included(source: Source, path: Path, findings: Findings) -> dict[str, Any]:
    """A Kurfile's data with what it includes under them. Files stand in its folder, or below; each is read once."""
    if isinstance(source.data, dict) and "include" in source.data:
        findings.note(("include",), "included files are merged; places are told of this file")
    return _merged(source, path, path.resolve().parent, {path.resolve()})


def _merged(source: Source, path: Path, root: Path, seen: set[Path]) -> dict[str, Any]:
    data = source.data
    if not isinstance(data, dict):
        raise _wrong(source, (), "a Kurfile is a mapping of sections")
    own = {key: value for key, value in data.items() if key != "include"}
    given = data.get("include") or []
    for index, each in enumerate(given if isinstance(given, list) else [given]):
        route: Route = ("include", index) if isinstance(given, list) else ("include",)
        name = each.get("source") if isinstance(each, dict) else each
        method = (isinstance(each, dict) and each.get("method")) or "blend"
        if not isinstance(name, str) or method not in _METHODS:
            raise _wrong(
                source, route, "an include is a file's name, or {source: NAME, method: blend, merge or concat}"
            )
        try:
            file = (path.parent / name).resolve()
            is_there = file.is_file()
        except (OSError, RuntimeError, ValueError):  # a name that is too long, links in a circle
            raise _wrong(source, route, f"`{name[:60]}` is no file's name") from None
        if not file.is_relative_to(root):
            raise _wrong(source, route, f"`{name}` is outside the Kurfile's folder")
        if file in seen:
            continue
        seen.add(file)
        if len(seen) > MOST:
            raise _wrong(source, route, f"more than {MOST} files are included")
        if not is_there:
            raise _wrong(source, route, f"there is no file `{name}`")
        own = _over(_merged(source_of(file, str(path.parent / name)), file, root, seen), own, method)
    return own


def _over(base: Any, top: Any, method: str) -> Any:
    """`top` merged over what it includes."""
    if isinstance(base, dict) and isinstance(top, dict):
        both = {key: _over(base[key], top[key], method) if key in base else top[key] for key in top}
        return {**base, **both}
    if isinstance(base, list) and isinstance(top, list) and method != "merge":
        if method == "concat":
            return [*base, *top]
        shared = [_over(one, other, method) for one, other in zip(base, top, strict=False)]
        return [*shared, *base[len(shared) :], *top[len(shared) :]]
    return top


def _wrong(source: Source, route: Route, message: str) -> FileError:
    return FileError(Problem("import-model", message, route, span=source.span(route)))
