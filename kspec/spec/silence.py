"""Warnings that are silenced: by code, in the spec's line with a reason, or in pyproject.toml."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from kspec.diagnostics import Problem
from kspec.spec.project import Project

_COMMENT = re.compile(r"#\s*kspec:\s*ignore\[([^\]]*)\]\s*[-:—]?\s*(.*)$")


def audible(warnings: Iterable[Problem], project: Project) -> Iterator[Problem]:
    """The located warnings that nobody silenced; one that is silenced without a reason says so.

    Raises FileError where pyproject.toml cannot be read.
    """
    ignored: frozenset[str] | None = None
    for problem in warnings:
        found = _COMMENT.search(problem.span.text) if problem.span is not None else None
        if found is not None and problem.code in re.split(r"[\s,]+", found[1].strip()):
            if not found[2].strip():
                message = f"`{problem.code}` is silenced without a reason"
                help = f"write why: `# kspec: ignore[{problem.code}] …`"
                yield Problem("silence-reason", message, problem.route, help, severity="warning", span=problem.span)
            continue
        if ignored is None:  # only those who need it read the file
            ignored = project.ignored()
        if problem.code not in ignored:
            yield problem
