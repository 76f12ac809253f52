"""What a check found, as values: the files and their problems."""

from __future__ import annotations

from typing import NamedTuple

from kspec.diagnostics import Problem
from kspec.report.problems import arranged, file_of


class Checked(NamedTuple):
    """A spec that was checked; `params` are its parameters where they are known."""

    file: str
    params: int | None = None
    remark: str = ""


class Results(NamedTuple):
    """All that one check found; `problems` are in order, each once."""

    checked: tuple[Checked, ...]
    problems: tuple[Problem, ...]

    @classmethod
    def of(cls, checked: list[Checked], problems: list[Problem]) -> Results:
        """The results with their problems by file, line and column."""
        return cls(tuple(checked), tuple(arranged(problems)))

    def errors(self, file: str) -> list[Problem]:
        """The errors that stand in a file."""
        return [each for each in self.problems if each.severity == "error" and file_of(each) == file]

    def count(self, severity: str) -> int:
        return sum(problem.severity == severity for problem in self.problems)
