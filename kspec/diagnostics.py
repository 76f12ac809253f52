"""Problems as values: what is wrong, where, and what to do. A leaf: it imports nothing of kspec.

A room raises problems with *routes* (``("layers", 3, "Dense", "unit")``); the edge of the house turns a
route into a `Span` of a file. Rendering is elsewhere (`kspec.report`).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, NamedTuple

_NAME = 100
"""Characters of a stranger's name that are shown."""

Route = tuple[str | int, ...]
"""The way to a value in a spec: mapping keys and list indices from the top."""


class Span(NamedTuple):
    """A piece of a file; lines and columns count from 1, columns in characters, the end is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    text: str
    """The whole first line of the piece, for an excerpt."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Note:
    """One more fact about a problem, shown under it; with a place it prints as ``(line 11)``."""

    text: str
    route: Route | None = None
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    `code` is stable and documented (``kspec explain CODE``); `message` says what is wrong, `help` what to do
    about it. `route` leads to the place, `at` says whether the mapping key or the value there is meant.
    `uses` are the routes of the block uses and repeats that asked for an expanded step, outermost first.
    `span` is filled in at the edge; a problem of a data file has `file` and no span.
    """

    code: str
    message: str
    route: Route = ()
    help: str = ""
    at: Literal["key", "value"] = "value"
    notes: tuple[Note, ...] = ()
    uses: tuple[Route, ...] = ()
    severity: Literal["error", "warning"] = "error"
    span: Span | None = None
    file: str = ""


MAX_PROBLEMS = 1_000
"""So many are told of one file; beyond them it is read no further."""


def last_told(problem: Problem) -> Problem:
    """A problem that is the last of so many."""
    note = Note(f"and perhaps more: after {MAX_PROBLEMS:,} problems kspec reads no further")
    return replace(problem, notes=(*problem.notes, note))


class KspecError(Exception):
    """Something wrong that a person can mend; carries problems and the command's exit status."""

    status: ClassVar[int] = 1

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("; ".join(problem.message for problem in self.problems))


class SpecError(KspecError):
    """Problems in a spec: exit status 1."""

    status = 1


class UsageError(KspecError):
    """Wrong use of the command line or of the Python API: exit status 2."""

    status = 2


class FileError(KspecError):
    """Problems in data or files: exit status 3."""

    status = 3


class TrainingError(KspecError):
    """Training failed (a NaN loss, for one): exit status 4."""

    status = 4


class NotANumber(TrainingError):
    """A loss became NaN or infinite: in the step `step` of the epoch `epoch`, both counted from 1; None: not in a step
    of training."""

    def __init__(self, problem: Problem, epoch: int, step: int | None) -> None:
        super().__init__(problem)
        self.epoch, self.step = epoch, step


class Stopped(KeyboardInterrupt):
    """A signal asked this process to stop; `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def one_line(error: BaseException) -> str:
    """The kind of an exception and the first line of what it says."""
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0][:300]}"


def first_line(error: BaseException) -> str:
    """The first line of what an exception says, or its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def shortened(text: str) -> str:
    """A stranger's name, which may be of any length, and of halves of characters."""
    return encodable(text if len(text) <= _NAME else text[:_NAME] + "…")


def encodable(text: str) -> str:
    """A text that can be written out: halves of characters, which JSON may hold, are escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def nearest(word: object, words: Iterable[str]) -> str:
    """The valid word closest to `word`, or an empty string where none is close."""
    text = str(word)
    folded = {str(w).casefold().replace("_", ""): w for w in words}
    close = difflib.get_close_matches(text.casefold().replace("_", ""), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else ""


def suggestion(word: object, words: Iterable[str], otherwise: str = "") -> str:
    """Help for a wrong word: the nearest valid one, or `otherwise`."""
    close = nearest(word, words)
    return f"did you mean `{close}`?" if close else otherwise


def proposed(help: str) -> str:
    """The word that a `suggestion` proposes, whatever is said about it; an empty text for any other help."""
    found = re.match(r"did you mean `([^`]+)`\?", help)
    return found[1] if found is not None else ""


def listing(words: Iterable[object], limit: int = 12) -> str:
    """Words in backquotes, joined by commas; beyond `limit` they are counted."""
    items = [f"`{word}`" for word in words]
    rest = len(items) - limit
    return ", ".join(items[:limit]) + (f" and {rest} more" if rest > 0 else "")
