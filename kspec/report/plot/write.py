"""Tree -> file: a picture in the format that its ending names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from kspec.diagnostics import Problem, UsageError, listing
from kspec.report.plot.dot import dot
from kspec.report.plot.fold import folded
from kspec.report.plot.found import parted
from kspec.report.plot.mermaid import mermaid
from kspec.report.plot.tree import Tree

__all__ = ["ENDINGS", "FORMATS", "Direction", "format_of", "written"]

Direction = Literal["TB", "LR", "BT", "RL"]

ENDINGS: Mapping[str, str] = {
    ".svg": "svg", ".png": "png", ".dot": "dot", ".gv": "dot", ".mmd": "mermaid", ".mermaid": "mermaid",
    ".html": "html", ".htm": "html",
}  # fmt: skip
FORMATS = tuple(dict.fromkeys(ENDINGS.values()))


def format_of(path: Path) -> str:
    """The format that a file's ending names. Raises UsageError (``output-format``) for another."""
    found = ENDINGS.get(path.suffix.lower())
    if found is None:
        message = f"`{path.name}` does not say how to draw: its ending is no picture's"
        raise UsageError(Problem("output-format", message, help=f"one of {listing(ENDINGS)}", file=str(path)))
    return found


def written(
    tree: Tree, format: str, *, depth: int | None = None, unfold: bool = False, direction: Direction = "TB"
) -> str | bytes:
    """The picture of a model in one of `FORMATS`.

    `depth` levels of blocks are unfolded, by default as many as stay readable; with `unfold` every copy of a repeat
    is shown. Raises UsageError where SVG or PNG cannot be drawn here.
    """
    tree = parted(tree)
    if format == "html":
        from kspec.report.plot.page import page

        return page(tree, depth=depth, unfold=unfold, direction=direction)
    picture = folded(tree, depth=depth, unfold=unfold, direction=direction)
    if format == "mermaid":
        return mermaid(picture)
    text = dot(picture)
    if format == "dot":
        return text
    from kspec.report.plot.graphviz import drawn

    image = drawn(text, "png" if format == "png" else "svg")
    return image if format == "png" else image.decode()
