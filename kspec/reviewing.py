"""Which specs of a folder are others than at a git revision, and how."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from kspec import reads, revisions
from kspec.comparison.difference import Reviewed
from kspec.diagnostics import KspecError, SpecError
from kspec.diffing import diff
from kspec.revisions import Revision
from kspec.spec.finding import is_spec, spec_files


def review(
    revision: str, paths: Sequence[Path], *, sets: Sequence[str] = (), trust: Sequence[str] = ()
) -> Iterator[Reviewed]:
    """Each spec in `paths` that changed since the revision, or includes a file which did; then those that are gone.

    Specs that are made of the same files as then are not built. Raises UsageError where git has no such revision.
    """
    found = revisions.find(revision, Path(os.path.abspath(paths[0])))
    changed = revisions.changed(found)
    renamed = set(changed.values())
    for path, _ in spec_files([path for path in paths if path.exists()]):
        here = os.path.relpath(os.path.realpath(path), found.top).replace(os.sep, "/")
        if here in changed and changed[here] is None:
            if not _is_part(path, sets, trust):
                yield Reviewed(str(path), None, "new")
        elif here in changed or _includes(path, found, set(changed), sets, trust):
            yield from _reviewed(path, f"{found.name}:{changed.get(here) or here}", sets, trust)
    for name in revisions.deleted(found):
        inside = any((found.top / name).is_relative_to(os.path.realpath(path)) for path in paths)
        was_spec = inside and name.endswith((".yaml", ".yml")) and is_spec(revisions.content(found, name))
        if was_spec and name not in renamed:
            yield Reviewed(os.path.relpath(found.top / name), None, "deleted")


def _reviewed(path: Path, before: str, sets: Sequence[str], trust: Sequence[str]) -> Iterator[Reviewed]:
    if _is_part(path, sets, trust):
        return
    try:
        found = diff(before, path, sets=sets, trust=trust)
    except KspecError as error:
        files = {each.span.file if each.span is not None else each.file for each in error.problems}
        was = any(file.startswith(before.partition(":")[0] + ":") for file in files)
        place = f"at {before}" if was else "as it is now"
        yield Reviewed(str(path), None, f"problems {place}", error.problems)
    else:
        if found:
            yield Reviewed(str(path), found)


def _is_part(path: Path, sets: Sequence[str], trust: Sequence[str]) -> bool:
    """Whether a file is there for others to include; one with problems is told of when it is built."""
    from kspec.api import load

    try:
        return load(path, sets=sets, trust=trust, partly=True).compiled.spec.is_part
    except KspecError:
        return False


def _includes(path: Path, revision: Revision, changed: set[str], sets: Sequence[str], trust: Sequence[str]) -> bool:
    """Whether a spec is made of a file that changed."""
    from kspec.api import load

    with reads.recording() as read, contextlib.suppress(SpecError):  # it has the files all the same
        load(path, sets=sets, trust=trust)
    files = {os.path.relpath(os.path.realpath(file), revision.top).replace(os.sep, "/") for file in read.files}
    return bool(files & changed)
