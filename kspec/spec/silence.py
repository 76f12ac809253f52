"""Warnings that are silenced: by code, in the spec's line with a reason, or in pyproject.toml."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator

from kspec.diagnostics import Problem
from kspec.spec.project import Project

_COMMENT = re.compile(r"#\s*kspec:\s*ignore\[([^\]]*)\]\s*[-:—]?\s*(.*)$")


@functools.lru_cache(maxsize=64)  # a line may be long, and have many warnings
def _comment(line: str) -> tuple[tuple[str, ...], str]:
    """The codes that a line's comment silences, and why."""
    found = _COMMENT.search(line)
    return ((), "") if found is None else (tuple(re.split(r"[\s,]+", found[1].strip())), found[2].strip())


def audible(warnings: Iterable[Problem], project: Project) -> Iterator[Problem]:
    """The located warnings that nobody silenced; one that is silenced without a reason says so.

    Raises FileError where pyproject.toml cannot be read.
    """
    ignored: frozenset[str] | None = None
    for problem in warnings:
        codes, reason = _comment(problem.span.text) if problem.span is not None else ((), "")
        if problem.code in codes:
            if not reason:
                message = f"`{problem.code}` is silenced without a reason"
                help = f"write why: `# kspec: ignore[{problem.code}] …`"
                yield Problem("silence-reason", message, problem.route, help, severity="warning", span=problem.span)
            continue
        if ignored is None:  # only those who need it read the file
            ignored = project.ignored()
        if problem.code not in ignored:
            yield problem
