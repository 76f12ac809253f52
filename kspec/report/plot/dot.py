"""Picture -> DOT, the language of Graphviz (https://graphviz.org/doc/info/lang.html)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from itertools import pairwise

from kspec.report.cells import escaped, wide
from kspec.report.plot.picture import Box, Edge, Frame, Item, Picture

__all__ = ["dot"]

_FONT = "Helvetica"  # Graphviz knows its measures without asking the system
_SOFT = "#57606a"
_GROUNDS = ("#fafbfc", "#f1f3f6")
"""Of frames, one in another."""
_APART = "\u200b"
r"""Nothing to see: it keeps a backslash from the letter after it, since `\N` and the like are commands to Graphviz."""
_LEFT = '<BR ALIGN="LEFT"/>'


def dot(picture: Picture) -> str:
    """The picture as a DOT graph, laid out by whoever draws it."""
    caption = _small(picture.caption) + _LEFT if picture.caption else ""
    title = _strong(picture.name) + _LEFT + caption
    after = dict(pairwise(_ids(picture.items)))
    return "\n".join(
        (
            "digraph model {",
            f"  graph [rankdir={picture.direction} fontname={_FONT} fontsize=14 label=<{title}> labelloc=t labeljust=l"
            " bgcolor=white pad=0.2 nodesep=0.3 ranksep=0.3]",
            f'  node [shape=box style="rounded,filled" fontname={_FONT} fontsize=12 margin="0.12,0.07" height=0.3]',
            f'  edge [fontname={_FONT} fontsize=9 fontcolor="{_SOFT}" color="#6e7781" arrowsize=0.6]',
            *_items(picture.items, 1),
            *(f"  {_edge(edge, after)}" for edge in picture.edges),
            "}",
            "",
        )
    )


def _items(items: Iterable[Item], depth: int) -> Iterator[str]:
    space = "  " * depth
    for item in items:
        if isinstance(item, Box):
            yield f"{space}{_box(item)}"
            continue
        style = "rounded,filled,dashed" if item.copies > 1 else "rounded,filled"
        yield f"{space}subgraph cluster_{item.id} {{"
        yield (
            f'{space}  graph [label=<{_frame_title(item)}> labeljust=l style="{style}" color="#8c959f"'
            f' fillcolor="{_GROUNDS[depth % 2]}" fontsize=11 tooltip={_quoted(item.name or item.title)}]'
        )
        yield from _items(item.items, depth + 1)
        yield f"{space}}}"


def _frame_title(frame: Frame) -> str:
    """Its words stand on the left, and an empty cell keeps the middle, where edges come in, free of them."""
    title = f"× {frame.copies:,}" if frame.copies > 1 else frame.title
    name = frame.name if frame.copies == 1 and frame.name != frame.title else ""
    width = round(7 * wide(title) + 5.5 * wide(name))
    cells = f'<TD ALIGN="LEFT">{_strong(title)}{" " + _small(name) if name else ""}</TD><TD WIDTH="{width}"></TD>'
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="0" CELLSPACING="0"><TR>{cells}</TR></TABLE>'


def _box(box: Box) -> str:
    lines = [_strong(box.title), *(_small(text) for text in (box.name, ", ".join(box.facts)) if text)]
    more = f'fillcolor="{box.family.fill}" color="{box.family.edge}" tooltip={_quoted(box.hint)}'
    if box.folded:
        more += " peripheries=2"
    return f"{box.id} [label=<{_lines(*lines)}> {more}]"


def _ids(items: Iterable[Item]) -> Iterator[str]:
    for item in items:
        if isinstance(item, Box):
            yield item.id
        else:
            yield from _ids(item.items)


def _edge(edge: Edge, after: Mapping[str, str]) -> str:
    ends = f"{edge.source} -> {edge.target}"
    if edge.kind == "weights":
        return (
            f'{ends} [dir=none style=dashed color="#b0578c" fontcolor="#b0578c" constraint=false label="same weights"]'
        )
    label = "".join(f" {_inside(text)}\\l" for text in edge.labels)
    straight = " weight=4" if after.get(edge.source) == edge.target else ""  # the main way has no bends
    return f'{ends} [label="{label}"{straight}]'


def _lines(*lines: str) -> str:
    return "<BR/>".join(lines)


def _strong(text: str) -> str:
    return f"<B>{_text(text)}</B>" if text else ""


def _small(text: str) -> str:
    return f'<FONT POINT-SIZE="9" COLOR="{_SOFT}">{_text(text)}</FONT>'


def _text(text: str) -> str:
    """Text between the tags of an HTML-like label."""
    return escape(escaped(text)).replace("\\", f"\\{_APART}")


def _inside(text: str) -> str:
    """Text between quotes, where entities are characters too."""
    return escape(escaped(text)).replace("\\", f"\\\\{_APART}")


def _quoted(text: str) -> str:
    return '"' + "\\n".join(_inside(line) for line in text.split("\n")) + '"'
