"""SARIF 2.1.0, which code scanning reads.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import json
import os
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from kspec.diagnostics import Problem, Span
from kspec.report.explain import codes, explain, title
from kspec.report.formats.results import Results
from kspec.report.problems import file_of
from kspec.spec.mend import fix

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif(results: Results) -> str:
    """The results as one run; each rule carries what ``kspec explain`` says of it."""
    used = [code for code in codes() if any(problem.code == code for problem in results.problems)]
    driver = {
        "name": "kspec",
        "semanticVersion": version("kspec"),
        "rules": [_rule(code) for code in used],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(problem, used) for problem in results.problems],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _rule(code: str) -> dict[str, Any]:
    text = explain(code).partition("\n")[2].strip()
    return {
        "id": code,
        "shortDescription": {"text": title(code)},
        "fullDescription": {"text": " ".join(text.partition("```")[0].split())},
        "help": {"text": text, "markdown": text},
    }


def _result(problem: Problem, used: list[str]) -> dict[str, Any]:
    text = problem.message + (f": {problem.help}" if problem.help else "")
    result: dict[str, Any] = {"ruleId": problem.code}
    if problem.code in used:
        result["ruleIndex"] = used.index(problem.code)
    result |= {"level": problem.severity, "message": {"text": text}}
    if place := _location(problem.span, file_of(problem)):
        result["locations"] = [place]
    related = [
        {"id": index, "message": {"text": note.text}, **_location(note.span, "")}
        for index, note in enumerate(problem.notes)
    ]
    if related:
        result["relatedLocations"] = related
    if (found := fix(problem)) is not None and problem.span is not None:
        region = {"startLine": found.line, "startColumn": found.column, "endColumn": found.column + len(found.old)}
        replacement = {"deletedRegion": region, "insertedContent": {"text": found.new}}
        change = {"artifactLocation": {"uri": _uri(found.file)}, "replacements": [replacement]}
        result["fixes"] = [{"description": {"text": problem.help}, "artifactChanges": [change]}]
    return result


def _location(span: Span | None, file: str) -> dict[str, Any]:
    name = span.file if span is not None else file
    if not name:
        return {}
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(name)}}
    if span is not None:
        place["region"] = {
            "startLine": span.line,
            "startColumn": span.column,
            "endLine": span.end_line,
            "endColumn": span.end_column,
        }
    return {"physicalLocation": place}


def _uri(file: str) -> str:
    """A relative URI where the file lies below the current folder, which is the repository in CI."""
    path = file.replace(os.sep, "/")
    return f"file://{quote(path)}" if path.startswith("/") else quote(path)
