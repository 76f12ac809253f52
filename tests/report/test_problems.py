"""Problems as terminal text: the format of the language's design, to the column."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kspec.diagnostics import Note, Problem, Span
from kspec.report.cells import cells, escaped, wide
from kspec.report.excerpt import excerpt
from kspec.report.problems import arranged, ok_line, render, summary_line

from .golden import same


def span(
    text: str, meant: str, line: int = 9, file: str = "specs/digits.yaml", end_line: int = 0, copy: int = 0
) -> Span:
    """The span of `meant` in the line `text`."""
    start = -1
    for _ in range(copy + 1):
        start = text.index(meant, start + 1)
    return Span(file, line, start + 1, end_line or line, start + 1 + len(meant), text)


ARGUMENT = Problem(
    "unknown-argument",
    "Dense has no argument `unit`",
    help="did you mean `units`?",
    span=span("  - Dense: {unit: 256, activation: relu}", "unit"),
)
SHAPE = Problem(
    "shape",
    "Concatenate cannot join (None, 64) and (None, 8, 16): ranks differ",
    span=span("  - Concatenate:", "Concatenate", 18, "specs/two.yaml"),
    notes=(
        Note("`image` gives (None, 64)", span=span("name: image", "name", 11, "specs/two.yaml")),
        Note("`meta` gives (None, 8, 16)", span=span("name: meta", "name", 14, "specs/two.yaml")),
    ),
)


def test_the_examples_of_the_design() -> None:
    same("design.txt", render([SHAPE, ARGUMENT], colour=False, width=100))


def test_colours() -> None:
    warning = Problem("unused", "`x` is not used", severity="warning", span=span("  x: 1", "x", 120))
    problems = [SHAPE, ARGUMENT, warning, Problem("usage", "no `--foo`", help="see `--help`")]
    text = render(problems, colour=True, width=80)
    same("colours.txt", text)
    assert re.sub(r"\x1b\[[0-9;]*m", "", text) == render(problems, colour=False, width=80)


def test_every_kind_of_place() -> None:
    same(
        "places.txt",
        render(
            [
                Problem("usage", "no such option `--foo`", help="see `kspec fit --help`"),
                Problem(
                    "file-format",
                    "`x.npz` is not a zip file",
                    help="save it with `numpy.savez`",
                    file="data/x.npz",
                    notes=(Note("it begins with `<html>`"), Note("named here", span=span("a", "a", 3, "b.yaml"))),
                ),
                Problem("data-nan", "`x[3]` is nan", file="data/x.npz", severity="warning"),
                Problem(
                    "yaml-size", "an empty file", help="begin with `kspec: 1`", span=Span("e.yaml", 1, 1, 1, 1, "")
                ),
                Problem("missing-key", "the mark is past the end", help="h", span=Span("e.yaml", 2, 9, 2, 9, "a: 1")),
                Problem(
                    "duplicate-key",
                    "`a` appears twice in one mapping",
                    span=span("a: 2", "a", 200, "b.yaml"),
                    notes=(
                        Note("`a` stands here already", span=span("a: 1", "a", 7, "b.yaml")),
                        Note("`b` is in another file", span=span("a: 1", "a", 8, "c.yaml")),
                        Note("in copy 3 of this repeat", span=span("a: 1", "a", 30, "b.yaml")),
                    ),
                ),
                Problem("step-form", "a step of many lines", span=Span("b.yaml", 3, 5, 7, 4, "  - Dense: {a: 1,   ")),
            ],
            colour=False,
            width=80,
        ),
    )


def test_wrapping_leaves_what_is_quoted_whole() -> None:
    help = "a help that is longer than a line, with `a: {quoted: part, that: stays}` whole and `more` after it"
    notes = (Note("one line\nand another one under it"), Note("word " * 30))
    problem = Problem("x", "m " * 70, help=help, notes=notes, span=span("layers: 1", "layers", 2))
    same("wrapped.txt", render([problem], colour=False, width=60))


def test_long_lines_are_cut_around_the_carets() -> None:
    long = "a" * 200 + "{unit: 8}" + "b" * 300
    places = [
        (long, "unit"),
        (long, "a" * 200),
        ("a" * 90 + "unit", "unit"),
        ("unit" + "b" * 90, "unit"),
        ("层" * 90, "层"),
    ]
    problems = [Problem("x", "m", help="h", span=span(text, meant, n)) for n, (text, meant) in enumerate(places, 1)]
    problems.append(Problem("x", "wide", span=span("层" * 90 + "x" + "层" * 90, "x", 10)))
    problems.append(Problem("x", "whole", span=Span("specs/digits.yaml", 11, 1, 1, 501, long)))
    same("cut.txt", render(problems, colour=False, width=50))


@pytest.mark.parametrize(
    ("text", "meant", "column", "length"),
    [
        ("\t- a: b", "b", 9, 1),  # the tab takes four columns
        ("ab\tc", "c", 4, 1),
        ("a\tb", "\t", 1, 3),
        ("层: 名字", "名字", 4, 4),  # two columns each
        ("ｱｶﾞ: x", "x", 5, 1),  # halfwidth: one each
        ("e\u0301: x", "x", 3, 1),  # a combining accent takes none
        ("e\u0301: x", "e\u0301", 0, 1),
        ("😀: x", "x", 4, 1),
        ("👩‍👩‍👧: x", "x", 4, 1),  # three people joined: one picture
        ("👍🏽: x", "x", 4, 1),  # a skin tone belongs to the hand
        ("❤️: x", "x", 4, 1),  # the style selector makes it a wide picture
        ("🇨🇭: x", "x", 4, 1),  # two letters, one flag
        ("한글: x", "x", 6, 1),
        ("a\x1b[31m: x", "x", 11, 1),  # shown as \x1b
        ("a\u202eb: x", "x", 10, 1),
        ("a", "a", 0, 1),
    ],
)
def test_carets_stand_in_terminal_columns(text: str, meant: str, column: int, length: int) -> None:
    shown = excerpt(span(text, meant), 80)
    assert (shown.indent, shown.length) == (column, length)


def test_nothing_of_the_input_reaches_the_terminal_raw() -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\r\n\x00\x7f\x9b31m\u202e\u2066\u2028\ufeff\ud800\U000e0041\x08"
    problem = Problem(
        f"x{evil}",
        f"message `{evil}`",
        help=f"help {evil}",
        notes=(Note(f"note {evil}", span=Span(f"f{evil}.yaml", 1, 1, 1, 2, "a")),),
        span=Span(f"a{evil}.yaml", 1, 1, 1, 3, f"a{evil}b"),
    )
    text = render([problem, Problem("y", evil, file=evil)], colour=False, width=80) + ok_line(evil, 3)
    same("evil.txt", text)
    assert all(character == "\n" or unicodedata.category(character)[0] != "C" for character in text)
    text.encode()


def test_order_and_repetition() -> None:
    def at(line: int, column: int, message: str, *notes: str, file: str = "b.yaml") -> Problem:
        place = Span(file, line, column, line, column + 1, "a: b: c")
        return Problem("x", message, span=place, notes=tuple(Note(note) for note in notes))

    problems = [
        at(2, 4, "third"),
        at(10, 1, "last"),
        at(2, 1, "in a block", "in copy 1"),
        at(2, 1, "in a block", "in copy 2"),
        at(2, 1, "in a block", "in copy 2"),
        at(2, 1, "in a block", "in copy 3"),
        at(2, 4, "third"),
        at(9, 9, "first", file="a.yaml"),
        Problem("y", "of the whole file", file="b.yaml"),
    ]
    ordered = arranged(problems)
    assert [problem.message for problem in ordered] == ["first", "of the whole file", "in a block", "third", "last"]
    assert [note.text for note in ordered[2].notes] == ["in copy 1", "and the same in 2 other uses"]
    assert arranged(reversed(ordered)) == ordered
    assert render([], colour=False, width=80) == ""
    assert render([Problem("usage", "m")], colour=False, width=80) == "error[usage] m\n"


def test_sums() -> None:
    assert summary_line([ARGUMENT]) == "1 error in specs/digits.yaml"
    assert summary_line([ARGUMENT, SHAPE]) == "2 errors in 2 files"
    warning = Problem("x", "m", severity="warning", file="c")
    assert summary_line([ARGUMENT, SHAPE, warning, warning]) == "2 errors, 2 warnings in 3 files"
    assert summary_line([warning]) == "1 warning in c"
    assert summary_line([Problem("usage", "m")]) == "1 error"
    assert ok_line("a.yaml") == "ok: a.yaml"
    assert ok_line("a.yaml", 218_058) == "ok: a.yaml (218,058 parameters)"
    assert ok_line("a.yaml", 1, detail="shapes not checked") == "ok: a.yaml (1 parameter, shapes not checked)"
    assert ok_line("a.yaml", colour=True) == "\x1b[1;32mok\x1b[0m: a.yaml"


TEXTS = st.text(alphabet=st.sampled_from("ab {:-\t\x1b层😀\u0301\u200d\ufe0f🏽\u1161"), max_size=150)


@given(TEXTS, st.integers(1, 200), st.integers(0, 300), st.integers(0, 1), st.integers(20, 90))
def test_an_excerpt_fits_and_marks_something(text: str, column: int, length: int, more: int, room: int) -> None:
    shown = excerpt(Span("f", 1, column, 1 + more, column + length, text), room)
    assert wide(shown.text) <= room
    assert shown.length >= 1
    assert shown.indent + shown.length <= room + 1  # the mark of a place behind the last character


@given(st.text(max_size=30))
def test_what_is_shown_has_no_control_characters(text: str) -> None:
    shown = "".join(cell.text for cell in cells(text))
    assert "".join(" " if c == " " else c for c in escaped(shown)) == shown
    assert escaped(escaped(text)) == escaped(text)
    assert len(cells(text)) == len(text)


def test_a_line_of_megabytes_costs_little() -> None:
    text = "层" * 3_000_000
    shown = excerpt(Span("f", 1, 1_500_000, 1, 1_500_002, text), 80)
    assert wide(shown.text) <= 80
    assert shown.length == 4
