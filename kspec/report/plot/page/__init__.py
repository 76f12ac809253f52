"""Tree -> an HTML page that loads nothing, and lays the model out anew as one folds and unfolds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any, Literal

from kspec.report.cells import escaped
from kspec.report.plot.families import FAMILIES, Family, family
from kspec.report.plot.fold import readable_depth
from kspec.report.plot.tree import Leaf, Part, Tree
from kspec.report.plot.words import label

__all__ = ["page"]

_FOLDER = Path(__file__).parent
_SCRIPTS = ("fold.js", "order.js", "place.js", "layout.js", "draw.js", "app.js")
_ALL = 1_000


def page(
    tree: Tree,
    *,
    depth: int | None = None,
    unfold: bool = False,
    direction: Literal["TB", "LR", "BT", "RL"] = "TB",
) -> str:
    """The page of a model, which opens with `depth` levels of blocks unfolded, and with `unfold` every copy shown."""
    if depth is None:
        depth = _ALL if unfold else readable_depth(tree)
    data = {"direction": direction, "depth": depth, "unfold": unfold, "parts": _parts(tree.parts)}
    words = {
        "title": _text(tree.name),
        "facts": _text(tree.facts),
        "style": _read("page.css") + "\n".join(map(_colours, FAMILIES.values())),
        "legend": "".join(map(_sample, _used(tree))) + _KEYS,
        # no text of a spec can end the element: `<` is never written as itself
        "data": json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
        "script": "\n".join(map(_read, _SCRIPTS)),
    }
    # in one go, so that nothing in a word is taken for a place
    return re.sub(r"\{\{(\w+)\}\}", lambda found: words[found[1]], _read("page.html"))


_KEYS = (
    '<li class="keys"><kbd>Tab</kbd> <kbd>Enter</kbd> fold and unfold · <kbd>/</kbd> search · arrows, <kbd>+</kbd> '
    "<kbd>−</kbd> move and zoom · shapes are one example's</li>"
)


def _parts(parts: Iterable[Part]) -> list[dict[str, Any]]:
    return [_leaf(part) if isinstance(part, Leaf) else _group(part) for part in parts]


def _leaf(leaf: Leaf) -> dict[str, Any]:
    return {
        "i": leaf.number,
        "name": escaped(leaf.name),
        "operation": escaped(leaf.operation),
        "family": _class(family(leaf.operation)),
        "outputs": [{"label": label(tensor), "full": f"{tensor[0]} {tensor[1]}"} for tensor in leaf.outputs],
        "takes": leaf.takes,
        "params": leaf.params,
        "frozen": leaf.frozen,
        "twin": leaf.twin,
        "flops": leaf.flops,
        "lines": [escaped(line) for line in leaf.lines],
    }


def _group(group: Any) -> dict[str, Any]:
    return {
        "kind": group.kind,
        "name": escaped(group.name),
        "of": escaped(group.of),
        "family": _class(family(group.of) if group.kind == "unit" else FAMILIES["block"]),
        "lines": [escaped(line) for line in group.lines],
        "parts": _parts(group.parts),
    }


def _used(tree: Tree) -> list[Family]:
    found = {family(leaf.operation).name for leaf in tree.leaves()}
    return [each for each in FAMILIES.values() if each.name in found]


def _class(family: Family) -> str:
    return family.name.replace(" ", "-")


def _colours(family: Family) -> str:
    """A family's colours on light paper, and on dark."""
    name, dark = _class(family), f"color-mix(in srgb, {family.edge} 32%, #10161e)"
    if family.name in ("input and output", "block"):
        dark, edge = "#1c232d", "#c9d1d9"
    else:
        edge = f"color-mix(in srgb, {family.edge} 75%, #fff)"
    return (
        f".{name} {{ --fill: {family.fill}; --stroke: {family.edge}; }}\n"
        f"@media (prefers-color-scheme: dark) {{ .{name} {{ --fill: {dark}; --stroke: {edge}; }} }}"
    )


def _sample(family: Family) -> str:
    shape = '<rect class="face" x="1" y="1" width="14" height="10" rx="3"/>'
    return f'<li><svg class="{_class(family)}" aria-hidden="true">{shape}</svg> {family.name}</li>'


def _text(text: str) -> str:
    return escape(escaped(text))


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
