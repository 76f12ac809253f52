"""Outcomes as text, and back."""

from __future__ import annotations

import json
from typing import Any

from kspec.checking.one import Outcome
from kspec.diagnostics import Note, Problem, Route, Span


def packed(outcome: Outcome) -> str:
    """An outcome as JSON; of a traceback nothing is kept."""
    problems = [
        [p.code, p.message, p.route, p.help, p.at, [list(_note(note)) for note in p.notes], p.severity, p.span, p.file]
        for p in outcome.problems
    ]
    return json.dumps([outcome.params, outcome.is_part, problems, outcome.status], ensure_ascii=False)


def _note(note: Note) -> tuple[str, Route | None, Span | None]:
    return note.text, note.route, note.span


def unpacked(text: str) -> Outcome:
    """The outcome of what `packed` gave. Raises ValueError and the like for any other text."""
    params, is_part, problems, status = json.loads(text)
    return Outcome(params, is_part, tuple(map(_problem, problems)), status)


def _problem(values: list[Any]) -> Problem:
    code, message, route, help, at, notes, severity, span, file = values
    found = tuple(Note(text, _route(way), _span(place)) for text, way, place in notes)
    return Problem(code, message, tuple(route), help, at, found, (), severity, _span(span), file)


def _route(value: list[Any] | None) -> Route | None:
    return None if value is None else tuple(value)


def _span(value: list[Any] | None) -> Span | None:
    return None if value is None else Span(*value)
