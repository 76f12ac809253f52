"""Where a text stops being YAML: the place and the words for it, and the slips that YAML invites."""

from __future__ import annotations

import re
from typing import Any, NamedTuple


class Slip(NamedTuple):
    """What is wrong and what to do; lines and columns count from 0. `note` is a further fact and its place."""

    line: int
    column: int
    message: str
    help: str
    note: tuple[str, int, int] | None = None


class _Failure(NamedTuple):
    """What libyaml says, where it noticed, and where what it was reading began."""

    said: str
    line: int
    column: int
    began: tuple[int, int]


_SAID = (  # what libyaml says -> what it means, what to do; from the particular to the general
    ("found character '\\t'", "a tab cannot indent YAML", "indent with spaces"),
    ("cannot start any token", "this character cannot begin a value", "quote the value"),
    ("mapping values are not allowed", "a second `:` on one line", "quote the value, or put the mapping in `{…}`"),
    ("did not find expected ',' or '}'", "a `,` or `}` was expected here", ""),
    ("did not find expected ',' or ']'", "a `,` or `]` was expected here", ""),
    (
        "did not find expected key",
        "a key was expected here",
        "check the indentation of this line against its neighbours",
    ),
    ("did not find expected '-' indicator", "a `- ` was expected here", "check this line's indentation"),
    ("could not find expected ':'", "a `:` was expected", "a key needs a colon and a space after it"),
    ("found unexpected end of stream", "a quoted text does not end", "close the quote"),
    ("found unknown escape character", "unknown escape in a text in double quotes", "use single quotes"),
    ("did not find expected node content", "a value was expected here", "check the brackets and quotes of this line"),
    ("<document start>", "the spec ends before this text", "a file holds one mapping and nothing after it"),
    ("found duplicate anchor", "this anchor's name is taken", "give it another name"),
)


def find(lines: list[str], error: Any) -> Slip:
    """What PyYAML's `error` means for a person who reads `lines`."""
    mark = getattr(error, "problem_mark", None)
    context = getattr(error, "context_mark", None)
    place = mark or context
    line, column = (min(place.line, len(lines) - 1), place.column) if place is not None else (0, 0)
    began = (context.line, context.column) if context is not None and context.line < len(lines) else (line, column)
    failure = _Failure(str(getattr(error, "problem", None) or error), line, column, began)
    for rule in _RULES:
        if (found := rule(lines, failure)) is not None:
            return found
    message, help = next(((m, h) for needle, m, h in _SAID if needle in failure.said), (failure.said, ""))
    note = ("it began here", *began) if began[0] < line else None
    return Slip(line, column, message, help, note)


def _tab(lines: list[str], failure: _Failure) -> Slip | None:
    text = lines[failure.line]
    indent = text[: len(text) - len(text.lstrip())]
    if "\t" not in indent:
        return None
    return Slip(failure.line, indent.index("\t"), "a tab cannot indent YAML", "indent with spaces")


def _expression(lines: list[str], failure: _Failure) -> Slip | None:
    """An expression that YAML takes apart."""
    text = lines[failure.line]
    start = max(text.rfind("$(", 0, failure.column + 1), text.rfind("${", 0, failure.column + 1))
    if start < 0 or failure.column > _end(text, start + 2):
        return None
    if text[start + 1] == "{":
        help = "write `$name` or `$(…)`"
        return Slip(failure.line, start, "`${…}` is not how a variable is written", help)
    if "mapping values are not allowed" in failure.said:
        return Slip(failure.line, start, "an expression with a colon and a space needs quotes", "write `'$(…)'`")
    message = "an expression with commas or brackets needs quotes inside `{…}` and `[…]`"
    return Slip(failure.line, start, message, "write it as in `{units: '$(min(a, b))'}`")


def _end(text: str, start: int) -> int:
    """The column of the bracket that closes an expression, or the line's end."""
    depth = 1
    for column in range(start, len(text)):
        depth += (text[column] in "({[") - (text[column] in ")}]")
        if depth == 0:
            return column
    return len(text)


def _no_space(lines: list[str], failure: _Failure) -> Slip | None:
    for line in (failure.line, failure.line - 1, failure.began[0]):
        if 0 <= line < len(lines) and (found := _GLUED.match(lines[line])) is not None:
            help = f"write `{found[2]}: {found[3]}`"
            return Slip(line, found.end(2), "a space is missing after the colon", help)
    return None


def _too_deep(lines: list[str], failure: _Failure) -> Slip | None:
    text = lines[failure.line]
    if "mapping values are not allowed" not in failure.said or _KEY.match(text[: failure.column + 1]) is None:
        return None
    message = "this line is indented deeper than the one it belongs to"
    return Slip(failure.line, _indent(text), message, "indent it like the line it belongs to")


def _dash(lines: list[str], failure: _Failure) -> Slip | None:
    """A step, or a word of one, in the wrong column."""
    text = lines[failure.line]
    if text.lstrip().startswith("- "):
        if "'-' indicator" not in failure.said and "expected key" not in failure.said:
            return None
        like = next((line for line in range(failure.line - 1, -1, -1) if lines[line].lstrip().startswith("- ")), None)
        if like is None:
            return None
        message = "this `- ` is not indented like the others of its list"
        return Slip(failure.line, _indent(text), message, f"indent it like the one in line {like + 1}")
    if "'-' indicator" in failure.said and _KEY.match(text) is not None:
        help = "kspec's words stand under the operation, two columns in from the dash"
        if text.lstrip()[:1].isupper():  # an operation, where a word of kspec would be in small letters
            help = f"a step begins with a dash: `- {text.strip()}`"
        return Slip(failure.line, _indent(text), "a `- ` was expected here", help)
    return None


def _open(lines: list[str], failure: _Failure) -> Slip | None:
    """A bracket or a quote that is not closed: the place is where it opens."""
    line, column = failure.began
    opened = lines[line][column : column + 1]
    if opened in ("{", "[") and failure.line > line and "did not find expected ','" in failure.said:
        closing = "}" if opened == "{" else "]"
        note = ("this is where it was noticed", failure.line, failure.column)
        return Slip(line, column, f"this `{opened}` is not closed", f"close it with `{closing}`", note)
    if opened in ("'", '"') and "unexpected end of stream" in failure.said:
        return Slip(line, column, "this quote is not closed", f"close it with `{opened}`")
    return None


def _no_colon(lines: list[str], failure: _Failure) -> Slip | None:
    if "could not find expected ':'" not in failure.said:
        return None
    line, column = failure.began
    key = lines[line][column:].strip()
    word = re.match(r"[\w.]+", key)
    help = f"write `{word[0]}: …`" if word is not None else "a key needs a colon and a space after it"
    shown = key if len(key) <= 40 else key[:40] + "…"
    return Slip(line, column, f"`{shown}` has no colon", help)


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


_RULES = (_tab, _expression, _no_space, _too_deep, _dash, _open, _no_colon)
_GLUED = re.compile(r"(\s*(?:- )?)([A-Za-z_][A-Za-z_0-9.]*):([^\s:/\\][^:]*)$")
_KEY = re.compile(r"\s*[A-Za-z_][A-Za-z_0-9.]*:")
