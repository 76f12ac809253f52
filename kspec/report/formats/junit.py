"""JUnit's XML, which CI servers show as tests: a test case for each file."""

from __future__ import annotations

from html import escape

from kspec.report.cells import escaped
from kspec.report.formats.results import Results
from kspec.report.problems import file_of, render


def junit(results: Results) -> str:
    """The results as one test suite; what a terminal shows of a file's errors is its failure's text."""
    files = list(dict.fromkeys([*(each.file for each in results.checked), *map(file_of, results.problems)]))
    failed = [file for file in files if results.errors(file)]
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="kspec check" tests="{len(files)}" failures="{len(failed)}" errors="0">',
        f'  <testsuite name="kspec check" tests="{len(files)}" failures="{len(failed)}" errors="0">',
    ]
    for file in files:
        case = f'    <testcase name={_attribute(file or "kspec")} classname="kspec.check"'
        errors = results.errors(file)
        warnings = [each for each in results.problems if each.severity == "warning" and file_of(each) == file]
        if not errors and not warnings:
            lines.append(f"{case}/>")
            continue
        lines.append(f"{case}>")
        if errors:
            more = f" and {len(errors) - 1} more" if len(errors) > 1 else ""
            message = _attribute(f"{errors[0].message}{more}")
            text = _text(render(errors, colour=False, width=120, summary=False))
            lines.append(f'      <failure type="{errors[0].code}" message={message}>{text}</failure>')
        if warnings:
            text = _text(render(warnings, colour=False, width=120, summary=False))
            lines.append(f"      <system-out>{text}</system-out>")
        lines.append("    </testcase>")
    return "\n".join([*lines, "  </testsuite>", "</testsuites>", ""])


def _attribute(text: str) -> str:
    return f'"{escape(escaped(text))}"'


def _text(text: str) -> str:
    return escape(text, quote=False)
