"""What a check found, in the formats that machines read; each is a function from `Results` to a text."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kspec.report.formats.concise import concise
from kspec.report.formats.github import github
from kspec.report.formats.json import json
from kspec.report.formats.junit import junit
from kspec.report.formats.results import Checked, Results
from kspec.report.formats.sarif import sarif

__all__ = ["FORMATS", "Checked", "Results"]

FORMATS: Mapping[str, Callable[[Results], str]] = {
    "concise": concise,
    "json": json,
    "github": github,
    "sarif": sarif,
    "junit": junit,
}
