"""What a check found, in the formats that machines read.

Each is a module of its name with a function of its name, from `Results` to a text, imported when it is asked for.
"""

from __future__ import annotations

from importlib import import_module

from kspec.report.formats.results import Checked, Results

__all__ = ["FORMATS", "Checked", "Results", "printed"]

FORMATS = ("concise", "json", "github", "sarif", "junit")


def printed(format: str, results: Results) -> str:
    """The results as text in one of `FORMATS`."""
    return str(getattr(import_module(f"{__name__}.{format}"), format)(results))
