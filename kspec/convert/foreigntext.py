"""Another tool's YAML as it is being rewritten: its data with places, and what there is to say of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from kspec.diagnostics import MAX_PROBLEMS, FileError, Problem, Route, SpecError, last_told
from kspec.spec.places import Source
from kspec.spec.source import read
from kspec.spec.textfile import contents, decode


class Rewritten(NamedTuple):
    """A spec's data, and what a person should know of it, a line each."""

    data: dict[str, Any]
    notes: tuple[str, ...]


class Beyond(Exception):
    """Something of another tool's that has no counterpart in a spec; `help` says what can be done."""

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.help = help


class Findings:
    """What is said of a file: notes of what is left out, and problems, each with its place."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.notes: dict[str, None] = {}
        self.problems: dict[Problem, None] = {}
        """Each once, in their order, as the notes are."""

    def note(self, route: Route, text: str) -> None:
        """Something that is left out, or taken in one of several ways."""
        span = self.source.span(route, "key")
        self.notes[f"{span.file}:{span.line}: {text}"] = None

    def wrong(self, route: Route, message: str, help: str = "") -> None:
        """Something without which the model would be another. Raises FileError where there are too many of them."""
        problem = Problem("import-model", message, route, help, span=self.source.span(route))
        if len(self.problems) == MAX_PROBLEMS - 1 and problem not in self.problems:
            raise FileError([*self.problems, last_told(problem)])
        self.problems[problem] = None

    @contextmanager
    def telling(self, route: Route) -> Iterator[None]:
        """What is beyond a spec becomes a problem at its place."""
        try:
            yield
        except Beyond as error:
            self.wrong(route, str(error), error.help)

    def check(self) -> None:
        """Raise FileError with every problem."""
        if self.problems:
            raise FileError(self.problems)


def source_of(path: Path, name: str) -> Source:
    """A file's data with its places, read as a spec is: bounded, without tags, every key once.

    Raises FileError where it cannot be read whole, with the places of what is no YAML.
    """
    try:
        data = contents(path)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise FileError(Problem("file-missing", f"cannot read it: {reason}", file=name)) from None
    try:
        source = read(decode(data, name), name, path)
    except SpecError as error:
        raise FileError(error.problems) from None
    if source.problems:
        raise FileError(source.problems)
    return source


def title(path: Path) -> str | None:
    """A name for the model, of its file's: letters, digits, `_`, `-` and `.`; None where nothing is left."""
    stem = os.path.basename(path).split(".")[0]
    name = "".join(char if char.isalnum() or char in "_-" else "_" for char in stem).strip("_-")
    return name or None
