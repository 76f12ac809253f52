"""What is wrong with an open spec: at once without shapes, then with them; and what was found out on the way."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from kspec import api
from kspec.diagnostics import KspecError, Problem, Span
from kspec.editor.lsp.positions import Range, Text
from kspec.model.plan import Plan
from kspec.report.problems import arranged
from kspec.spec.compiled import Compiled


class Checked(NamedTuple):
    """What a check found: problems, the spec as far as it is right, and the shapes of what can be built."""

    problems: tuple[Problem, ...]
    compiled: Compiled | None = None
    plan: Plan | None = None


class Related(NamedTuple):
    """A fact beside a problem, and its place."""

    text: str
    file: str
    span: Span


class Diagnostic(NamedTuple):
    """A problem as an editor shows it."""

    range: Range
    message: str
    code: str
    warning: bool
    related: tuple[Related, ...]
    problem: Problem


def fast(text: str, path: Path) -> Checked:
    """The text alone: milliseconds, without Keras."""
    try:
        loaded = api.loads(text, name=str(path), folder=path.parent, partly=True)
    except KspecError as error:
        return Checked(error.problems)
    return Checked((*loaded.compiled.problems, *loaded.warnings), loaded.compiled)


def whole(text: str, path: Path) -> Checked:
    """The text and the model's shapes; imports Keras."""
    try:
        loaded = api.loads(text, name=str(path), folder=path.parent, partly=True)
    except KspecError as error:
        return Checked(error.problems)
    compiled, warnings = loaded.compiled, loaded.warnings
    if compiled.spec.is_part and not compiled.problems:
        return Checked(warnings, compiled)
    try:
        return Checked(warnings, compiled, loaded.plan())
    except KspecError as error:
        return Checked((*error.problems, *warnings), compiled, loaded.partial_plan())


def diagnostics(problems: Iterable[Problem], text: Text, file: str) -> list[Diagnostic]:
    """Problems as an editor shows them in `file`; one of another file stands where that is asked for."""
    found = []
    for problem in arranged(problems):
        span, message = problem.span, problem.message
        related = [Related(note.text, note.span.file, note.span) for note in problem.notes if note.span is not None]
        if span is None or span.file != file:
            asked = next((note for note in reversed(related) if note.file == file), None)
            if span is not None:
                message = f"{message} ({Path(span.file).name}:{span.line}:{span.column})"
                related.insert(0, Related("it stands here", span.file, span))
            place = text.range(asked.span) if asked is not None else Range(0, text.line(0).end)
        else:
            place = text.range(span)
        lines = [message, *([problem.help] if problem.help else [])]
        lines += [note.text for note in problem.notes if note.span is None]
        warning = problem.severity == "warning"
        found.append(Diagnostic(place, "\n".join(lines), problem.code, warning, tuple(related), problem))
    return found
