"""Problems as a person reads them in a terminal: the place, what is wrong, the line with carets, notes, a sum."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from kspec.diagnostics import Note, Problem
from kspec.report.ansi import highlighted, paint
from kspec.report.cells import escaped, wide
from kspec.report.excerpt import excerpt

__all__ = ["arranged", "file_of", "ok_line", "render", "summary_line"]


_MOST = 1000
"""So many problems are shown: nobody reads more, and a stranger's file may have a million."""


def render(problems: Sequence[Problem], *, colour: bool, width: int, summary: bool = True) -> str:
    """All `problems` as text that ends in a newline (empty without problems): in order, each once, then their sum.

    Without a file, as with a wrong option, there is nothing to sum up.
    `width` is the terminal's, in columns: excerpts are cut to it, help and notes are wrapped at it; the first line of
    a problem is never broken, so that ``file:line:column`` and its message stay on one line for other tools.
    """
    ordered = arranged(problems)
    if not ordered:
        return ""
    blocks = [_block(problem, colour, max(width, 40)) for problem in ordered[:_MOST]]
    if len(ordered) > _MOST:
        blocks.append(f"… and {len(ordered) - _MOST:,} more")
    if summary and any(map(file_of, ordered)):
        blocks.append(summary_line(ordered, colour=colour))
    return "\n\n".join(blocks) + "\n"


def arranged(problems: Iterable[Problem]) -> list[Problem]:
    """`problems` by file, line and column, each once.

    A problem in a block is found again in every copy of the block: only the first is kept, and a note counts the rest.
    """
    first: dict[tuple[object, ...], Problem] = {}
    seen: dict[tuple[object, ...], set[tuple[Note, ...]]] = {}
    for problem in problems:
        key = (problem.severity, problem.code, problem.message, problem.help, problem.span, problem.file)
        first.setdefault(key, problem)
        seen.setdefault(key, set()).add(problem.notes)
    return sorted((_counted(problem, len(seen[key]) - 1) for key, problem in first.items()), key=_place)


def summary_line(problems: Sequence[Problem], *, colour: bool = False) -> str:
    """How many errors and warnings, and in what: ``2 errors in specs/a.yaml``, ``1 error, 2 warnings in 3 files``."""
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors
    counts = ", ".join(
        paint(_plural(count, word), f"bold {style}", colour)
        for count, word, style in ((errors, "error", "red"), (warnings, "warning", "yellow"))
        if count
    )
    files = sorted({file_of(problem) for problem in problems} - {""})
    if not files:
        return counts
    return f"{counts} in {escaped(files[0]) if len(files) == 1 else f'{len(files)} files'}"


def ok_line(file: str, params: int | None = None, *, detail: str = "", colour: bool = False) -> str:
    """The line for a spec without problems: ``ok: specs/a.yaml (218,058 parameters)``; `detail` follows the number."""
    facts = ", ".join(fact for fact in ("" if params is None else _plural(params, "parameter"), detail) if fact)
    return f"{paint('ok', 'bold green', colour)}: {escaped(file)}" + (f" ({facts})" if facts else "")


def _counted(problem: Problem, others: int) -> Problem:
    if not others:
        return problem
    more = Note(f"and the same in {_plural(others, 'other use')}")
    return replace(problem, notes=(*problem.notes, more))


def _place(problem: Problem) -> tuple[str, int, int]:
    span = problem.span
    return (file_of(problem), span.line, span.column) if span else (file_of(problem), 0, 0)


def file_of(problem: Problem) -> str:
    """The file of a problem; one below the current folder as a person would type it."""
    if problem.span:
        return problem.span.file
    if os.path.isabs(problem.file):
        beside = os.path.relpath(problem.file)
        return beside if not beside.startswith(os.pardir) else problem.file
    return problem.file


def _block(problem: Problem, colour: bool, width: int) -> str:
    severity = "bold red" if problem.severity == "error" else "bold yellow"
    place = escaped(str(problem.span) if problem.span else file_of(problem))
    head = f"{paint(place, 'bold', colour)}: " if place else ""
    head += paint(f"{problem.severity}[{escaped(problem.code)}]", severity, colour)
    lines = [f"{head} {highlighted(escaped(problem.message), colour)}"]
    if problem.span is None:
        lines += _hanging(problem.help, "  ", colour, width)
        margin = 2
    else:
        margin = len(str(problem.span.line)) + 3
        shown = excerpt(problem.span, width - margin - 3)
        bar = paint("|", "blue", colour)
        number = paint(f"{problem.span.line:>{margin - 1}}", "blue", colour)
        lines.append(f"{number} {bar} {shown.text}".rstrip())
        carets = " " * margin + f"{bar} {' ' * shown.indent}" + paint("^" * shown.length, severity, colour)
        help = escaped(problem.help)
        beside = "\n" not in problem.help and margin + 3 + shown.indent + shown.length + wide(help) <= width
        lines.append(f"{carets} {highlighted(help, colour)}" if beside and help else carets)
        if not beside:
            lines += _hanging(problem.help, " " * margin + "= ", colour, width)
    for note in problem.notes:
        lines += _hanging(_placed(note, problem), " " * margin + "= ", colour, width)
    return "\n".join(lines)


def _placed(note: Note, problem: Problem) -> str:
    """A note with its place: after the name it starts with (`` `image` (line 11) gives …``), else at its end."""
    if note.span is None:
        return note.text
    same = note.span.file == file_of(problem)
    place = f"(line {note.span.line})" if same else f"({escaped(note.span.file)}:{note.span.line})"
    name = re.match(r"`[^`\n]+`(?= )", note.text)
    return f"{name[0]} {place}{note.text[name.end() :]}" if name else f"{note.text} {place}"


def _hanging(text: str, lead: str, colour: bool, width: int) -> list[str]:
    """`text` wrapped at `width` after `lead`, further lines under its first word; its own line breaks are kept.

    What stands in backquotes is not broken, so that it can be copied.
    """
    lines: list[str] = []
    for piece in text.split("\n") if text else []:
        line = ""
        for word in re.findall(r"\s*(?:`[^`]*`|\S)+", escaped(piece)):
            if line.strip() and len(lead) + wide(line + word) > width:
                lines.append(line)
                line = word.lstrip()
            else:
                line += word
        lines.append(line)
    start = paint(lead, "blue", colour) if lead.strip() else lead
    return [
        (f"{' ' * len(lead) if index else start}{highlighted(line, colour)}").rstrip()
        for index, line in enumerate(lines)
    ]


def _plural(count: int, word: str) -> str:
    return f"{count:,} {word}" + ("" if count == 1 else "s")
