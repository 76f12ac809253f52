"""The open documents of one editor, what is known of each, and whether an answer is still of the newest text."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from pathlib import Path

from kspec.diagnostics import Problem, one_line
from kspec.editor.lsp import checks
from kspec.editor.lsp.checks import Checked
from kspec.editor.lsp.document import Document
from kspec.editor.lsp.known import Known, Shapes


@dataclasses.dataclass(frozen=True)
class Open:
    """A document that an editor has open, at one version."""

    uri: str
    version: int | None
    document: Document
    known: Known
    problems: tuple[Problem, ...] = ()
    fast: tuple[Problem, ...] = ()
    """Those that the text alone shows."""

    @property
    def deep(self) -> bool:
        """Whether there are problems that only shapes show."""
        return self.problems != self.fast


class Session:
    """The open documents. Changed by one thread; `look` alone may run in another."""

    def __init__(self) -> None:
        self.open: dict[str, Open] = {}
        self._seconds: dict[str, float] = {}
        self._lock = threading.Lock()

    def last_seconds(self, uri: str) -> float:
        """How long the last look at the text alone took."""
        return self._seconds.get(uri, 0.0)

    def change(self, uri: str, path: Path, text: str, version: int | None, *, check: bool = True) -> Open:
        """A document's new text, with what the text alone shows; without `check` what is known stays."""
        last = self.open.get(uri)
        text = text.removeprefix("\ufeff")
        document = Document(text, path, last.document if last is not None else None)
        known = last.known if last is not None else Known()
        problems: tuple[Problem, ...] = ()
        if document.is_spec and check:
            start = time.perf_counter()
            checked = guarded(checks.fast, text, path)
            self._seconds[uri] = time.perf_counter() - start
            problems = checked.problems
            if checked.compiled is not None:
                known = known._replace(compiled=checked.compiled)
        elif document.is_spec and last is not None:
            problems = last.problems
        self.open[uri] = Open(uri, version, document, known, problems, problems)
        return self.open[uri]

    def news(self, before: Open | None, after: Open) -> bool:
        """Whether a new text's own problems are to be told before shapes are looked at.

        Not where they are the same and others are shown beside them: those would vanish and come back at each key.
        """
        if before is None or not before.deep or not after.document.is_spec:
            return True
        return [(each.code, each.message) for each in before.fast] != [(each.code, each.message) for each in after.fast]

    def look(self, uri: str, opened: Open) -> Checked | None:
        """Check a document with its shapes; None where it has changed meanwhile. For a thread of its own."""
        if self.open.get(uri) is not opened:
            return None
        with self._lock:
            return guarded(checks.whole, opened.document.text.text, opened.document.path)

    def take(self, uri: str, opened: Open, checked: Checked) -> bool:
        """Keep what `look` found, if the document is still the same."""
        if self.open.get(uri) is not opened:
            return False
        known = opened.known
        if checked.compiled is not None:
            known = known._replace(compiled=checked.compiled)
            if checked.plan is not None:
                known = known._replace(shapes=Shapes(checked.plan, checked.compiled))
        self.open[uri] = dataclasses.replace(opened, known=known, problems=checked.problems)
        return True

    def close(self, uri: str) -> None:
        """Forget a document."""
        self.open.pop(uri, None)
        self._seconds.pop(uri, None)


def guarded(check: Callable[[str, Path], Checked], text: str, path: Path) -> Checked:
    """A check that never fails: a defect is a problem like any other, at the file's first line."""
    try:
        return check(text, path)
    except (Exception, SystemExit) as error:  # custom code may do anything
        message = f"a defect of kspec itself: {one_line(error)}"
        return Checked((Problem("", message, help="please report it"),))
