"""Annotations of a GitHub workflow.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions#setting-an-error-message
"""

from __future__ import annotations

from kspec.diagnostics import Problem
from kspec.report.cells import escaped
from kspec.report.formats.results import Results
from kspec.report.problems import file_of


def github(results: Results) -> str:
    """A workflow command for each problem, at its line."""
    return "".join(_command(problem) + "\n" for problem in results.problems)


def _command(problem: Problem) -> str:
    span = problem.span
    where = {"file": file_of(problem)}
    if span is not None:
        where |= {"line": str(span.line), "endLine": str(span.end_line), "col": str(span.column)}
        where |= {"endColumn": str(max(span.end_column - 1, span.column))}  # inclusive, as GitHub counts
    where["title"] = f"kspec {problem.code}"
    notes = [note.text if note.span is None else f"{note.text} ({note.span})" for note in problem.notes]
    text = "\n".join(part for part in (problem.message, problem.help, *notes) if part)
    properties = ",".join(f"{key}={_property(value)}" for key, value in where.items() if value)
    return f"::{problem.severity} {properties}::{_data(text)}"


def _data(text: str) -> str:
    shown = "\n".join(map(escaped, text.split("\n")))
    return shown.replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text.replace("\n", " ")).replace(":", "%3A").replace(",", "%2C")
