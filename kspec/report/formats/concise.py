"""One line a problem, as compilers and linters print it: ``file:line:column: error[code] message``."""

from __future__ import annotations

from kspec.report.cells import escaped
from kspec.report.formats.results import Results
from kspec.report.problems import file_of


def concise(results: Results) -> str:
    """The problems, each on a line of its own; what to do stands behind the message in parentheses."""
    lines = []
    for problem in results.problems:
        place = str(problem.span) if problem.span else file_of(problem)
        help = f" ({' '.join(problem.help.split())})" if problem.help else ""
        lines.append(escaped(f"{place}: {problem.severity}[{problem.code}] {problem.message}{help}"))
    return "".join(f"{line}\n" for line in lines)
