"""The passes from a file to a Graph, in their order, in one list.

text → `merge.load` (extends, import) → `--set` → variables → `parse` → `sections` → `expand` → `attach` → `graph.link`
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from kspec.diagnostics import FileError, Problem, SpecError, UsageError
from kspec.spec import attach, custom
from kspec.spec.expand import expand
from kspec.spec.expressions import OTHERS, UNREAD, WRONG, NoValue
from kspec.spec.graph import Graph
from kspec.spec.link import link
from kspec.spec.lint import Subject
from kspec.spec.lint import warnings as lint
from kspec.spec.merge import compose, load
from kspec.spec.objects import Checker, Registry
from kspec.spec.parse import parse
from kspec.spec.places import Source, located
from kspec.spec.project import Project, find_project
from kspec.spec.schema import Spec
from kspec.spec.sections import check_objects
from kspec.spec.sets import with_sets
from kspec.spec.silence import audible
from kspec.spec.source import Taking, read
from kspec.spec.steps import UNKNOWN, Expanded
from kspec.spec.traces import value_at
from kspec.spec.variables import put_in, resolve_variables


@dataclass(frozen=True)
class Compiled:
    """A spec that is right as far as can be known without Keras, at every stage."""

    source: Source
    spec: Spec
    variables: Mapping[str, Any]
    registry: Registry
    expanded: Expanded
    graph: Graph
    project: Project
    folders: tuple[Path, ...]
    """Where the spec's custom modules are looked for, before Python's own path."""
    steps: int = 0
    """How many there are, those of the specs that are steps too."""
    warnings: tuple[Problem, ...] = ()
    """What is seldom meant, located."""
    problems: tuple[Problem, ...] = ()
    """What is wrong, located; the graph is what is right all the same. None but where they were asked for."""
    readings: tuple[Compiled, ...] = ()
    """Where the text can be taken in several ways: what it would be, for the problems of what was left out."""


def compile_file(
    path: Path,
    *,
    name: str | None = None,
    sets: Sequence[str] = (),
    trust: Sequence[str] = (),
    project: Project | None = None,
    stack: tuple[Path, ...] = (),
    without: Sequence[str] = (),
    partly: bool = False,
    others: Others | None = None,
) -> Compiled:
    """A spec's file, all the way to its graph; sections named in `without` are passed over.

    With `partly` a spec that is right in parts is given with its problems.
    Raises SpecError with every problem found, each with its place; FileError where the file cannot be read.
    """
    name = name if name is not None else str(path)
    try:
        path = path.resolve()
        project = project if project is not None else find_project(path.parent, tuple(trust))
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle; a NUL in the name
        raise unreadable(name, error) from None
    around = project

    def taken(taking: Taking) -> Source:
        try:
            source = load(path, name, around, stack, taking)
        except (OSError, RuntimeError, ValueError) as error:
            raise unreadable(name, error) from None
        if without and isinstance(source.data, dict):
            kept = {key: value for key, value in source.data.items() if key not in without}
            source = replace(source, data=kept)
        return with_sets(source, sets)

    return _compile_taken(taken, project, (*stack, path), partly=partly, others=others)


def compile_text(
    text: str,
    *,
    name: str = "<text>",
    folder: Path | None = None,
    sets: Sequence[str] = (),
    trust: Sequence[str] = (),
    partly: bool = False,
) -> Compiled:
    """The same for a text; paths in it are relative to `folder` (the current one where it is left out)."""
    folder = (folder if folder is not None else Path.cwd()).resolve()
    project = find_project(folder, tuple(trust))

    def taken(taking: Taking) -> Source:
        return with_sets(compose(read(text, name, folder / Path(name).name, taking), project), sets)

    return _compile_taken(taken, project, (), partly=partly)


Others = dict[Path, attach.Other | SpecError]
"""Specs that are steps of others, each compiled once however often it is used."""


def _compile_taken(
    taken: Callable[[Taking], Source],
    project: Project,
    stack: tuple[Path, ...],
    *,
    partly: bool,
    others: Others | None = None,
) -> Compiled:
    """A spec, with the problems of what was left out of it because it can be read in several ways."""
    source = taken("")
    if not source.doubts:
        return compile_source(source, project, stack, partly=partly, others=others)
    readings: list[Compiled] = []
    left_out: list[Problem] = []
    for taking in ("last", "first"):
        other = taken(taking)
        if readings and other.data == readings[0].source.data:
            continue
        try:
            readings.append(compile_source(other, project, stack, partly=True))
            left_out += inside(readings[-1].problems, source)
        except SpecError as error:
            left_out += inside(error.problems, source)
    try:
        made = compile_source(source, project, stack, partly=partly, others=others)
    except SpecError as error:
        raise SpecError(dict.fromkeys([*error.problems, *left_out])) from None
    problems = tuple(dict.fromkeys([*made.problems, *left_out]))
    return replace(made, problems=problems, readings=tuple(readings))


def inside(problems: Iterable[Problem], source: Source) -> list[Problem]:
    """The problems of another reading that are of what `source` leaves out."""
    told = {each.span for each in source.problems}

    def left_out(problem: Problem) -> bool:
        route = problem.route
        least = 2 if problem.code in _OF_A_NAME else 1
        return any(len(route) >= len(at) + least and route[: len(at)] == at for at in source.doubts)

    return [each for each in problems if each.span not in told and left_out(each)]


_OF_A_NAME = frozenset({"unknown-operation", "unknown-object", "unknown-output", "misplaced-word", "step-form"})
"""Where a tag stands in place of a name (`!Dense {units: 3}`), what is left looks wrong and is not."""


def compile_source(
    source: Source, project: Project, stack: tuple[Path, ...], *, partly: bool, others: Others | None = None
) -> Compiled:
    """Merged data with its places, through the remaining passes."""
    problems = list(source.problems)
    checker = Checker(Registry(), problems)
    broken: set[str] = set()
    data, variables = filled(source, checker, broken)
    spec = parse(data, problems, broken, source.gaps)
    if spec is None:
        raise SpecError(_told(source, problems))
    folder = source.file.path.parent if source.file.path is not None else project.root
    folders = tuple(dict.fromkeys((*project.modules, folder) if project.modules else (folder, project.root)))
    gaps = source.gaps | broken
    before = len(problems)
    registry = custom.read_modules(spec.custom, folders, project, problems)
    registry.whole = len(problems) == before and "custom" not in gaps and UNREAD not in spec.custom
    if spec.class_ is not None:
        custom.check_class(spec.class_, folders, project, problems)
    checker = Checker(registry, problems)
    spec = check_objects(spec, checker)
    own = {name for name in spec.blocks if source.file_of(("blocks", name)) is source.file}
    if "layers" in gaps:
        spec = spec.model_copy(update={"layers": [*spec.layers, UNREAD]})
    expanded = expand(spec, variables, checker, own, gaps)
    around = attach.Surroundings(
        source, project, stack, partial(_other, project, stack, others if others is not None else {})
    )
    spec, expanded, inner = attach.files(spec, expanded, around, checker)
    graph = link(spec, expanded, checker)
    if graph is not None:
        attach.check_outputs(spec, graph, checker, named=expanded.named)
    found = _told(source, problems)
    if graph is None or (found and not partly):
        raise SpecError(found)
    told = lint(Subject(source, spec, graph)) if not found else []
    warnings = tuple(audible(dict.fromkeys(located(source, told)), project))
    return Compiled(
        source, spec, variables, registry, expanded, graph, project, folders, len(graph.nodes) + inner, warnings, found
    )


def _told(source: Source, problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """The problems, located; nothing is said of a value that could not be read."""
    if source.problems:
        problems = [each for each in problems if each.span or value_at(source.data, each.route) != UNREAD]
    return tuple(dict.fromkeys(located(source, problems)))


def _other(project: Project, stack: tuple[Path, ...], others: Others, path: Path, name: str) -> attach.Other:
    """Another spec as a step of this one, as far as it is right."""
    if path not in others:
        try:
            made = compile_file(path, name=name, project=project, stack=stack, partly=True, others=others)
            graph = made.graph._replace(source=made.source)
            others[path] = attach.Other(graph, made.spec.weights, made.steps, made.problems)
        except SpecError as error:
            others[path] = error
    found = others[path]
    if isinstance(found, SpecError):
        raise found
    return found


_IN_PARTS = frozenset({"inputs", "compile", "fit", "data", "expect"})
_LATER = frozenset({"layers", "blocks", "vars", "kspec"})
_READ = frozenset({"extends", "import"})
"""Read by then, and right or told of."""


def filled(source: Source, checker: Checker, broken: set[str]) -> tuple[Any, Mapping[str, Any]]:
    """The spec's data with variables put in everywhere but in steps, and the variables; sections in which that fails
    are named in `broken`."""
    data = source.data
    if not isinstance(data, dict):
        return data, {}
    given = data.get("vars")
    others = {OTHERS: WRONG} if "vars" in source.gaps or not (given is None or isinstance(given, dict)) else {}
    variables: Mapping[str, Any] = others
    if isinstance(given, dict):
        variables = resolve_variables(given, set(), others, ("vars",), checker)
    result = {}
    for key, value in data.items():
        if key in _READ:
            continue
        if key in _IN_PARTS and isinstance(value, dict) and not any("$" in str(name) for name in value):
            value = _parts(key, value, variables, checker)
        elif key not in _LATER:
            value = put_in(value, (key,), variables, checker)
        if value is UNKNOWN:
            broken.add(str(key))
        else:
            result[key] = value
    if isinstance(given, dict):
        result["vars"] = {name: None if isinstance(value, NoValue) else value for name, value in variables.items()}
    return result, variables


def _parts(section: str, value: dict[Any, Any], variables: Mapping[str, Any], checker: Checker) -> dict[Any, Any]:
    """A section with variables put in, without what fails; an input that fails keeps its name."""
    parts = {name: put_in(item, (section, name), variables, checker) for name, item in value.items()}
    if section == "inputs":
        return {name: {} if item is UNKNOWN else item for name, item in parts.items()}
    return {name: item for name, item in parts.items() if item is not UNKNOWN}


def unreadable(name: str, error: Exception) -> UsageError | FileError:
    """Why a spec's file cannot be read; a file that is not there is a wrong use."""
    known: dict[type[Exception], str] = {
        FileNotFoundError: "there is no such file",
        IsADirectoryError: "this is a folder, not a spec",
    }
    reason = known.get(type(error)) or str(getattr(error, "strerror", None) or error).lower()
    problem = Problem("file-missing", f"cannot read the spec: {reason}", file=name, help=_nearby(name))
    return UsageError(problem) if isinstance(error, FileNotFoundError) else FileError(problem)


def _nearby(name: str) -> str:
    from kspec.diagnostics import suggestion

    folder = Path(name).parent
    if not folder.is_dir():
        return ""
    return suggestion(Path(name).name, [entry.name for entry in folder.glob("*.y*ml")])
