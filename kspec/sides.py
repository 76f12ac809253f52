"""What a person means by the two words behind `kspec diff`: files, revisions, or a revision and a file."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from kspec import revisions
from kspec.diagnostics import Problem, UsageError
from kspec.revisions import Revision


class Place(NamedTuple):
    """Where a model is: a path here, or in a revision, relative to the repository's top."""

    path: str
    revision: Revision | None = None


def places(a: str, b: str | None, *, varied: bool) -> tuple[Place, Place]:
    """The two places that are compared; `varied` says that each has values of its own.

    A word that is a file means the file. Raises UsageError for what is neither file nor revision.
    """
    if b is None:
        return _alone(a, varied)
    if _is_here(a) or ":" in a:
        return one(a), _other(a, b)
    if ".." in a:
        return _range(a, b)
    if revisions.is_revision(a, _folder(b)):
        return _at(a, b), one(b)
    if a.endswith((".yaml", ".yml", ".keras")):
        return Place(a), one(b)  # whoever reads it says that it is not there
    revisions.find(a, _folder(b))
    raise AssertionError(a)  # pragma: no cover


def _alone(a: str, varied: bool) -> tuple[Place, Place]:
    """One spec: as it was committed last, and as it is; or as it is, with two sets of values."""
    if varied:
        return one(a), one(a)
    if not _is_here(a) and ":" in a:
        was = one(a)
        assert was.revision is not None
        return was, Place(os.path.relpath(was.revision.top / was.path))
    if not _is_here(a) and not a.endswith((".yaml", ".yml")):
        help = f"name the spec too: `kspec diff {a} SPEC`"
        raise UsageError(Problem("usage", f"`{a}` is no file", help=help))
    if not a.endswith((".yaml", ".yml")):
        help = "one spec alone is compared with its last commit: `kspec diff SPEC`"
        raise UsageError(Problem("usage", f"what is `{a}` compared with?", help=f"name two; {help}"))
    if not _is_here(a):
        return Place(a), Place(a)
    return _at("HEAD", a), Place(a)


def _is_here(word: str) -> bool:
    return os.path.exists(word)


def _folder(path: str) -> Path:
    """Where git is asked: in the repository of the file, if it is here."""
    return Path(os.path.abspath(path)).parent


def one(word: str) -> Place:
    """A file, or `REVISION:path`."""
    if not _is_here(word) and ":" in word and re.match(r"[A-Za-z]:[\\/]", word) is None:
        name, _, path = word.partition(":")
        revision = revisions.find(name or "HEAD", Path.cwd())
        if path.startswith(("./", "../")):
            return Place(_relative(Path(path), revision), revision)
        return Place(os.path.normpath(path).replace(os.sep, "/"), revision)
    return Place(word)


def _other(a: str, b: str) -> Place:
    """The second word beside a file; a revision stands first."""
    if not _is_here(b) and ":" not in b and _is_here(a) and revisions.is_revision(b, _folder(a)):
        raise UsageError(Problem("usage", f"`{b}` is a revision, and stands first", help=f"`kspec diff {b} {a}`"))
    return one(b)


def _at(name: str, path: str) -> Place:
    revision = revisions.find(name, _folder(path))
    return Place(_relative(Path(path), revision), revision)


def _range(a: str, b: str) -> tuple[Place, Place]:
    """`REV1..REV2`, or `REV1...REV2` from where the second one left the first, as git writes them."""
    dots = "..." if "..." in a else ".."
    first, _, second = a.partition(dots)
    before, after = (revisions.find(name or "HEAD", _folder(b)) for name in (first, second))
    path = _relative(Path(b), after)
    start = revisions.merge_base(before, after) if dots == "..." else before
    return Place(path, start), Place(path, after)


def _relative(path: Path, revision: Revision) -> str:
    """A path as the repository has it."""
    folder = os.path.realpath(os.path.abspath(path.parent))
    inside = os.path.relpath(os.path.join(folder, path.name), revision.top)
    if inside.startswith(os.pardir):
        message = f"`{path}` is not in the repository `{revision.top}`"
        raise UsageError(Problem("revision", message, help="name a file in it"))
    return inside.replace(os.sep, "/")
