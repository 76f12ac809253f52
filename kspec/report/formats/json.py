"""JSON, by the schema in ``results.schema.json``."""

from __future__ import annotations

import json as plain
from importlib.metadata import version
from typing import Any

from kspec.diagnostics import Problem, Span
from kspec.report.formats.results import Results
from kspec.report.problems import file_of
from kspec.spec.mend import fix

VERSION = 1
"""Of the form; raised when a reader of the old one would misread the new one."""


def json(results: Results) -> str:
    """The results as one JSON object."""
    data = {
        "version": VERSION,
        "kspec": version("kspec"),
        "files": [_without_none({"file": each.file, "params": each.params}) for each in results.checked],
        "problems": [_problem(each) for each in results.problems],
        "errors": results.count("error"),
        "warnings": results.count("warning"),
    }
    return plain.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _problem(problem: Problem) -> dict[str, Any]:
    notes = [{"text": note.text} | (_place(note.span) if note.span else {}) for note in problem.notes]
    place = _place(problem.span) if problem.span else _without_none({"file": file_of(problem) or None})
    return {
        "code": problem.code,
        "severity": problem.severity,
        "message": problem.message,
        "help": problem.help,
        **place,
        **({"fix": {"old": found.old, "new": found.new}} if (found := fix(problem)) is not None else {}),
        "route": list(problem.route),
        "notes": notes,
    }


def _place(span: Span) -> dict[str, Any]:
    return {
        "file": span.file,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }


def _without_none(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if value is not None}
