"""A run's history as a picture in its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kspec.files import write_atomically
from kspec.report.curves import curves_svg

CURVE = "curve.svg"


def draw_curve(folder: Path, rows: Sequence[Mapping[str, Any]], title: str, *, again: bool = True) -> None:
    """Draw what training gave; with `again` off only where there is no picture yet, since there was no room for it.

    Raises FileError.
    """
    if again or not (folder / CURVE).exists():
        # a history that was read has null where a number was none
        known = [{key: float("nan") if value is None else value for key, value in row.items()} for row in rows]
        write_atomically(folder / CURVE, curves_svg(known, title=title))
