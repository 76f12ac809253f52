"""What changed between two specs, two revisions of one, a spec and a saved model, two saved models."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from kspec import reads, revisions, sides
from kspec.api import Loaded
from kspec.diagnostics import KspecError, Note, Problem, Span, SpecError, UsageError
from kspec.revisions import Revision, Snapshot
from kspec.sides import Place
from kspec.targets import Known, know, known

if TYPE_CHECKING:
    from kspec.comparison.difference import Difference
    from kspec.comparison.sketch import Numbers, Sketch
    from kspec.loaded import Pathlike

_NOT_STEPS = ("kspec", "inputs", "blocks", "layers", "outputs")
"""Sections that are compared as steps."""
_ROUNDS = 200
"""So often it is looked what more files a spec needs: once for every file that includes another one."""


def diff(
    a: Pathlike | Loaded,
    b: Pathlike | Loaded | None = None,
    *,
    sets: Sequence[str] = (),
    sets_a: Sequence[str] = (),
    sets_b: Sequence[str] = (),
    trust: Sequence[str] = (),
    batch_size: int | None = None,
    length: int | None = None,
) -> Difference:
    """What changed from `a` to `b`: true where anything did.

    Each is a spec (a path, `REVISION:path`, or one that is loaded), a run folder or a .keras file. `a` may be a git
    revision, or two as `REV1..REV2`, of the spec `b`. Without `b` a spec is compared with its last commit, or with
    itself under other values. `sets` are `path=value` for both, `sets_a` and `sets_b` for one. FLOPs of an example are
    told where anything differs; training's memory too with a `batch_size`. `length` is the size of axes that are open.

    Raises SpecError, FileError, and UsageError for a revision or a file that there is not.
    """
    from kspec.comparison.compare import compare

    if isinstance(a, Loaded) or isinstance(b, Loaded):
        if b is None:
            raise UsageError(Problem("usage", "a spec that is loaded is compared with another one", help="name both"))
        one, other = (each if isinstance(each, Loaded) else sides.one(os.fspath(each)) for each in (a, b))
    else:
        one, other = sides.places(os.fspath(a), None if b is None else os.fspath(b), varied=bool(sets_a or sets_b))
    before, was = _sketch(one, (*sets, *sets_a), trust, sets_a)
    after, now = _sketch(other, (*sets, *sets_b), trust, sets_b)
    found = compare(before, after)
    if not found:
        return found
    numbers = [_measured(each, side.numbers, batch_size, length) for each, side in ((was, before), (now, after))]
    return found._replace(a=found.a._replace(numbers=numbers[0]), b=found.b._replace(numbers=numbers[1]))


def _measured(known: Known, numbers: Numbers, batch_size: int | None, length: int | None) -> Numbers:
    """The numbers with what computing costs. What nobody asked for is left out where it cannot be told."""
    try:
        numbers = numbers._replace(flops=round(known.forward(1, length).flops))
    except (SpecError, UsageError):  # open axes, or code of one's own that cannot be traced
        if length is not None:
            raise
    if batch_size is None:
        return numbers
    memory = known.cost(batch_size, length).memory.total
    return numbers._replace(train_memory=memory, train_batch=batch_size)


def _sketch(
    side: Place | Loaded, sets: Sequence[str], trust: Sequence[str], own: Sequence[str]
) -> tuple[Sketch, Known]:
    """A side as data, and its model; of its modules none is kept."""
    note = f" ({', '.join(own)})" if own else ""
    with _apart(trust):
        if isinstance(side, Loaded):
            return _of(known(side), f"{side.compiled.source.file.name}{note}", Path.cwd())
        if side.revision is not None:
            return _of_revision(side.revision, side.path, sets, trust, note)
        return _of(know(side.path, sets=sets, trust=trust), f"{side.path}{note}", Path.cwd())


def _of(found: Known, label: str, base: Path) -> tuple[Sketch, Known]:
    from kspec.model.backend import deeply
    from kspec.model.sketch import Origin, sketch
    from kspec.spec.canonical import canonical

    origin = None
    if found.loaded is not None:
        compiled = found.loaded.compiled
        data = canonical(compiled.spec, compiled.graph, base)
        sections = {key: value for key, value in data.items() if key not in _NOT_STEPS}
        origin = Origin(found.plan, compiled.graph, sections, base)
    work = partial(sketch, found.model, label=label, name=found.name, origin=origin)
    return deeply(work, len(found.plan.calls)), found


# -- a revision ------------------------------------------------------------------------------------------------------


def _of_revision(
    revision: Revision, path: str, sets: Sequence[str], trust: Sequence[str], note: str
) -> tuple[Sketch, Known]:
    """A spec or a .keras file as it was, with the files that it was made of.

    What the revision itself trusts is not trusted: whoever wrote it is not the person who runs this.
    """
    label = f"{revision.shown}:{path}"
    with revisions.snapshot(revision) as tree, _placed(tree):
        place = tree.root / path
        if not tree.take(place) or not place.resolve().is_relative_to(tree.root):
            raise UsageError(_not_there(revision, path))
        if place.suffix == ".keras":
            return _of(know(place, trust=trust), label, tree.mirror(Path.cwd()))
        root = next((each for each in place.parents if _is_root(tree, each)), tree.root)
        for folder in {place.parent, root}:
            for package in trust:
                tree.take_package(folder, package.split(".")[0])
        sys.path[:0] = [str(folder) for folder in dict.fromkeys((place.parent, root))]
        loaded = _completed(tree, lambda: _load(place, path, root, sets, trust))
        return _of(known(loaded), f"{label}{note}", tree.mirror(Path.cwd()))


def _is_root(tree: Snapshot, folder: Path) -> bool:
    inside = folder != tree.root and folder.is_relative_to(tree.root)
    return folder == tree.root or (inside and tree.has((folder / "pyproject.toml").relative_to(tree.root).as_posix()))


def _load(place: Path, name: str, root: Path, sets: Sequence[str], trust: Sequence[str]) -> Loaded:
    from kspec.spec.compiled import compile_file
    from kspec.spec.project import Project

    return Loaded(compile_file(place, name=name, sets=sets, project=Project(root, frozenset(trust))))


def _completed(tree: Snapshot, work: Callable[[], Loaded]) -> Loaded:
    """A spec, read again and again until the revision has no more of the files that it looks for."""
    for _ in range(_ROUNDS):
        failed: KspecError | None = None
        with reads.recording() as read:
            try:
                found = work()
            except KspecError as error:
                failed = error
        if not [path for path in read.files if not os.path.isfile(path) and tree.take(Path(path))]:
            break
    if failed is not None:
        raise failed
    return found


def _not_there(revision: Revision, path: str) -> Problem:
    here = os.path.relpath(Path.cwd(), revision.top)
    help = (
        f"`git log --follow -- {path}` says where it was then; write `{revision.name}:OLD/PATH.yaml` and the new path"
    )
    if here != "." and not here.startswith(os.pardir):
        help += f"; a path behind a colon begins at the repository's top, or with `./` here in `{here}`"
    return Problem("revision", f"`{revision.name}` has no file `{path}`", help=help)


@contextmanager
def _placed(tree: Snapshot) -> Iterator[None]:
    """Problems told as of the repository's own files, not of the snapshot's."""
    try:
        yield
    except KspecError as error:
        for old, new in ((str(tree.root), str(tree.revision.top)), (str(tree.folder), "")):
            error.problems = tuple(_renamed(problem, old, new) for problem in error.problems)
        error.problems = tuple(_dated(problem, tree.revision.shown) for problem in error.problems)
        raise


def _dated(problem: Problem, revision: str) -> Problem:
    """A problem whose files say of which revision they are."""

    def dated(span: Span | None) -> Span | None:
        return span if span is None or span.file == "--set" else span._replace(file=f"{revision}:{span.file}")

    notes = tuple(dataclasses.replace(note, span=dated(note.span)) for note in problem.notes)
    return dataclasses.replace(problem, notes=notes, span=dated(problem.span))


def _renamed(problem: Problem, old: str, new: str) -> Problem:
    notes = tuple(Note(note.text.replace(old, new), note.route, note.span) for note in problem.notes)
    texts = {word: getattr(problem, word).replace(old, new) for word in ("message", "help", "file")}
    return dataclasses.replace(problem, notes=notes, **texts)


@contextmanager
def _apart(trust: Sequence[str]) -> Iterator[None]:
    """Modules of a person's own are imported anew for each side: two revisions have two modules of one name."""
    packages = {package.split(".")[0] for package in trust}

    def own() -> dict[str, object]:
        return {name: sys.modules[name] for name in list(sys.modules) if name.split(".")[0] in packages}

    path, before = list(sys.path), own()
    for name in before:
        del sys.modules[name]
    try:
        yield
    finally:
        sys.path[:] = path
        for name in own():
            del sys.modules[name]
        sys.modules.update(before)  # type: ignore[arg-type]
