"""A Difference for people and for machines: a terminal, a pull request's comment, JSON.

Each is a module of its name, imported when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kspec.comparison.difference import Difference, Reviewed

__all__ = ["FORMATS", "printed", "printed_all"]

FORMATS = ("text", "markdown", "json")


def printed(format: str, difference: Difference, *, colour: bool = False, width: int = 100) -> str:
    """The difference as text in one of `FORMATS`; colour and width are for a terminal alone."""
    module = import_module(f"{__name__}.{format}")
    return str(module.text(difference, colour, width) if format == "text" else getattr(module, format)(difference))


def printed_all(
    format: str, revision: str, found: Sequence[Reviewed], *, colour: bool = False, width: int = 100
) -> str:
    """The differences of several specs from a revision, as text; as JSON a list of those that have one."""
    module = import_module(f"{__name__}.several")
    return str(getattr(module, format)(revision, found, colour, width))
