"""YAML 1.2's core schema, and where things stand."""

from __future__ import annotations

from typing import Any

import pytest

from kspec.diagnostics import MAX_PROBLEMS, SpecError
from kspec.spec.expressions import UNREAD
from kspec.spec.source import read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("1e-3", 0.001), ("1E3", 1000.0), (".5", 0.5), ("5.", 5.0), ("-1", -1), ("+7", 7), ("010", 10), ("0o17", 15)),
        *(("0x1F", 31), ("1_000", "1_000"), ("12:30:00", "12:30:00"), ("2026-13-45", "2026-13-45"), ("on", "on")),
        *(("off", "off"), ("yes", "yes"), ("no", "no"), ("y", "y"), ("true", True), ("TRUE", True), ("tRue", "tRue")),
        *(("null", None), ("~", None), ("", None), ("Null", None), ("nULL", "nULL"), ("'1'", "1"), ('"null"', "null")),
        *(("1.2.3", "1.2.3"), ("0b11", "0b11"), ("+.5e+1", 5.0), ("1e3x", "1e3x"), ("=", "="), ("a-b", "a-b")),
    ],
)
def test_core_scalars(text: str, value: Any) -> None:
    found = read(f"a: {text}", "x").data["a"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", [".nan", ".inf", "-.Inf", "1e999", "9" * 5000, "0x" + "f" * 200])
def test_numbers_that_are_none(text: str) -> None:
    source = read(f"a: {{b: [1, {text}]}}", "x")
    assert [(problem.code, problem.route) for problem in source.problems] == [("bad-number", ("a", "b", 1))]
    assert source.data == {"a": {"b": [1, UNREAD]}}


def place(text: str, *route: Any, at: str = "value") -> tuple[int, int]:
    span = read(text, "x").span(route, at)
    return span.line, span.column


def test_places() -> None:
    text = "a: 1\nb:\n  - c: [x, 🙂y, {d: 2}]\n    e: 'long'\n"
    assert place(text, "a") == (1, 4)
    assert place(text, "a", at="key") == (1, 1)
    assert place(text, "b", 0, "c", 1) == (3, 12)
    assert place(text, "b", 0, "c", 2, "d", at="key") == (3, 17)
    assert place(text, "b", 0, "c", 2, "d") == (3, 20)
    assert place(text, "b", 0, "e") == (4, 8)
    assert place(text, "b", 0, "nothing", "here") == (3, 5)


def test_places_of_aliases_and_merges() -> None:
    text = "base: &b {k: 1, l: 2}\nuse: *b\nmerged:\n  <<: *b\n  l: 3\n"
    source = read(text, "x")
    assert source.data["merged"] == {"k": 1, "l": 3}
    assert place(text, "use") == (2, 6)
    assert place(text, "use", "k") == (1, 14)
    assert place(text, "merged", "k") == (1, 14)
    assert place(text, "merged", "l") == (5, 6)


def test_so_many_problems_and_a_note_that_there_may_be_more() -> None:
    with pytest.raises(SpecError) as caught:
        read("a: .nan\n" + "b: .nan\n" * MAX_PROBLEMS, "x")
    assert len(caught.value.problems) == MAX_PROBLEMS
    told = [note.text for each in caught.value.problems for note in each.notes]
    assert told[-1] == "and perhaps more: after 1,000 problems kspec reads no further"


def test_every_problem_before_the_first_syntax_error() -> None:
    with pytest.raises(SpecError) as caught:
        read("a: 1\na: 2\nb: !!int 3\nc: .nan\nd: [\n", "x")
    codes = [problem.code for problem in caught.value.problems]
    assert codes == ["duplicate-key", "yaml-tag", "bad-number", "yaml-syntax"]
