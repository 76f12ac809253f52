"""Picture -> Mermaid (https://mermaid.js.org/syntax/flowchart.html), which Markdown shows on GitHub and elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kspec.report.cells import escaped
from kspec.report.plot.families import FAMILIES, Family
from kspec.report.plot.picture import Box, Edge, Item, Picture

__all__ = ["mermaid"]

# Mermaid writes a character that means something to it as its code between `#` and `;`.
_MEANING = str.maketrans({character: f"#{ord(character)};" for character in '#"&<>`\\'})
# Beyond that `$$` begins mathematics, and a backslash before an n ends the line, however they are written.
_APART = {"$$": "$\u200b$", "\\n": "\\\u200bn"}


def mermaid(picture: Picture) -> str:
    """The picture as a Mermaid flowchart."""
    used: dict[str, None] = {}
    frames: list[str] = []
    lines = [f"flowchart {picture.direction}", *_items(picture.items, 1, used, frames)]
    weights = []
    for number, edge in enumerate(picture.edges):
        lines.append(f"  {_edge(edge)}")
        if edge.kind == "weights":
            weights.append(str(number))
    lines += [f"  classDef {_class(FAMILIES[name])} {_style(FAMILIES[name])}" for name in used]
    if frames:
        lines += ["  classDef frame fill:#f1f3f6,stroke:#8c959f,color:#1f2328", f"  class {','.join(frames)} frame"]
    if weights:
        lines.append(f"  linkStyle {','.join(weights)} stroke:#b0578c,color:#b0578c")
    return "\n".join(lines) + "\n"


def _items(items: Iterable[Item], depth: int, used: dict[str, None], frames: list[str]) -> Iterator[str]:
    space = "  " * depth
    for item in items:
        if isinstance(item, Box):
            used[item.family.name] = None
            begin, end = ("[[", "]]") if item.folded else ("(", ")")
            yield f"{space}{item.id}{begin}{_label(item)}{end}:::{_class(item.family)}"
            continue
        frames.append(item.id)
        name = f" {item.name}" if item.name and item.name != item.title else ""
        title = f"× {item.copies:,}" if item.copies > 1 else f"{item.title}{name}"
        yield f'{space}subgraph {item.id}["{_text(title)}"]'
        yield from _items(item.items, depth + 1, used, frames)
        yield f"{space}end"


def _label(box: Box) -> str:
    more = [_text(text) for text in (box.name, ", ".join(box.facts)) if text]
    return f'"<b>{_text(box.title)}</b>{"".join(f"<br>{text}" for text in more)}"'


def _edge(edge: Edge) -> str:
    if edge.kind == "weights":
        return f'{edge.source} -. "same weights" .- {edge.target}'
    label = "<br>".join(_text(text) for text in edge.labels)
    return f'{edge.source} -->|"{label}"| {edge.target}' if label else f"{edge.source} --> {edge.target}"


def _class(family: Family) -> str:
    return family.name.replace(" ", "_")


def _style(family: Family) -> str:
    return f"fill:{family.fill},stroke:{family.edge},color:#1f2328"


def _text(text: str) -> str:
    text = escaped(text)
    for marks, apart in _APART.items():
        text = text.replace(marks, apart)
    return text.translate(_MEANING)
