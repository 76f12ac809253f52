"""Tables of text and numbers: as wide as a terminal, plain, Markdown and CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, TextIO

from kspec.report.ansi import terminal_width, wants_colour
from kspec.report.cells import escaped, wide

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Column", "csv_table", "markdown_table", "plain_table", "print_table", "rich_table"]

_NARROW = 16
"""Text columns fold down to this."""
_MANY = 2000
"""Folding more rows than this takes rich seconds."""


class Column(NamedTuple):
    """A column: a cell for each row; a cell may have several lines. Cells are shown with control characters escaped."""

    title: str
    cells: tuple[str, ...]
    right: bool = False
    """Whether it holds numbers, and stands at the right."""
    whole: bool = False
    """Whether it is never folded."""
    dispensable: int = 0
    """In a narrow terminal the column with the highest goes first; 0 never goes."""


def plain_table(columns: Sequence[Column], *, title: str = "") -> str:
    """The table as plain text: every row on one line (one more for each further line of a cell), as wide as it must."""
    table = [[column.title for column in columns]]
    for row in zip(*(column.cells for column in columns), strict=True):
        split = [[escaped(line) for line in cell.split("\n")] for cell in row]
        height = max(map(len, split))
        table += [[part[line] if line < len(part) else "" for part in split] for line in range(height)]
    widths = [max(map(wide, column)) for column in zip(*table, strict=True)]
    lines = [escaped(title)] if title else []
    for cells in table:
        padded = []
        for column, text, width in zip(columns, cells, widths, strict=True):
            space = " " * (width - wide(text))
            padded.append(space + text if column.right else text + space)
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def rich_table(columns: Sequence[Column], *, title: str = "", width: int = 100, faint: Sequence[bool] = ()) -> Table:
    """The table for a terminal of `width` columns; rows marked in `faint` are drawn dimly."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = _fitting(columns, width)
    table = Table(
        title=escaped(title) if title else None,
        title_style="bold",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        header_style="bold",
        show_edge=False,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    for column in shown:
        justify: Literal["right", "left"] = "right" if column.right else "left"
        table.add_column(column.title, justify=justify, no_wrap=column.whole or column.right, overflow="fold")
    for number, row in enumerate(zip(*(column.cells for column in shown), strict=True)):
        cells = ["\n".join(map(escaped, cell.split("\n"))) for cell in row]
        table.add_row(*map(Text, cells), style="dim" if faint and faint[number] else "")
    return table


def print_table(columns: Sequence[Column], stream: TextIO, *, title: str = "", faint: Sequence[bool] = ()) -> None:
    """Print a table as wide as the terminal behind `stream`; plainly where there is none."""
    if stream.isatty() and columns and len(columns[0].cells) <= _MANY:
        from rich.console import Console

        console = Console(
            file=stream,
            width=terminal_width(stream),
            no_color=not wants_colour(stream),
            highlight=False,
            markup=False,
            emoji=False,
        )
        console.print(rich_table(columns, title=title, width=console.width, faint=faint))
    else:
        stream.write(plain_table(columns, title=title) + "\n")


def markdown_table(columns: Sequence[Column]) -> str:
    """The table in GitHub's Markdown; what would be markup in a cell is escaped."""
    lines = [
        "| " + " | ".join(column.title for column in columns) + " |",
        "|" + "|".join(" ---: " if column.right else " --- " for column in columns) + "|",
    ]
    lines += [
        "| " + " | ".join(_markdown(cell) for cell in row) + " |"
        for row in zip(*(column.cells for column in columns), strict=True)
    ]
    return "\n".join(lines)


def _markdown(cell: str) -> str:
    indent = len(cell) - len(cell.lstrip(" "))
    text = "<br>".join(escaped(line) for line in cell.lstrip(" ").split("\n"))
    for sign in "\\|*_`[]":
        text = text.replace(sign, f"\\{sign}")
    return "&nbsp;" * indent + text


def csv_table(columns: Sequence[Column]) -> str:
    """The table as CSV, by RFC 4180 but for plain line ends; a cell that a spreadsheet would compute is quoted text."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([column.title for column in columns])
    for row in zip(*(column.cells for column in columns), strict=True):
        writer.writerow(["'" + cell if _is_formula(cell) else cell for cell in map(escaped, row)])
    return stream.getvalue()


def _is_formula(cell: str) -> bool:
    return cell[:1] in tuple("=+-@") and re.fullmatch(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?", cell) is None


def _fitting(columns: Sequence[Column], width: int) -> list[Column]:
    """The columns that fit; those that may go do, one by one."""
    shown = list(columns)
    needed = {
        column.title: max(
            [len(column.title)]
            + [
                wide(escaped(line)) if column.whole or column.right else min(wide(escaped(line)), _NARROW)
                for cell in column.cells
                for line in cell.split("\n")
            ]
        )
        for column in columns
    }
    for column in sorted((each for each in columns if each.dispensable), key=lambda each: -each.dispensable):
        if sum(needed[each.title] + 3 for each in shown) - 3 <= width:
            break
        shown.remove(column)
    return shown
