"""Plan -> picture: the one room that knows plans and pictures."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kspec.files import check_target, write_atomically

if TYPE_CHECKING:
    from kspec.model.plan import Plan
    from kspec.report.plot.write import Direction
    from kspec.spec.places import Source

__all__ = ["check", "draw"]


def check(path: str | os.PathLike[str]) -> str:
    """The format of the picture's file; before the work, whether it can be written.

    Raises UsageError for an ending that is no picture's, and where what draws it is not installed; FileError.
    """
    from kspec.report.plot.write import format_of

    format = format_of(Path(path))
    check_target(path)
    if format in ("svg", "png"):
        from kspec.report.plot.graphviz import program

        program()
    return format


def draw(
    plan: Plan,
    path: str | os.PathLike[str] | None = None,
    *,
    source: Source | None = None,
    format: str | None = None,
    flops: Mapping[tuple[str, ...], float] | None = None,
    depth: int | None = None,
    unfold: bool = False,
    direction: Direction = "TB",
) -> str | bytes:
    """The picture of a plan, written to `path` where one is given, in the format of its ending.

    `source` is the spec's, for the lines of every call; `flops` are those of one example, by a call's name,
    inside of a model that is a step after that one's. Raises UsageError, FileError.
    """
    from kspec.drawing.planting import tree
    from kspec.report.plot.write import written

    format = check(path) if path is not None else format or "dot"
    picture = written(tree(plan, source, flops), format, depth=depth, unfold=unfold, direction=direction)
    if path is not None:
        write_atomically(path, picture)
    return picture
