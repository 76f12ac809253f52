"""The summary of a model as a table, in Keras's words and counts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple, TextIO

from kspec.report.ansi import terminal_width, wants_colour
from kspec.report.cells import escaped, wide

if TYPE_CHECKING:
    from rich.table import Table

_WHOLE = frozenset({"output shape", "dtype", "params"})

__all__ = ["Row", "Totals", "plain_table", "print_summary", "summary_table", "totals_lines"]


class Row(NamedTuple):
    """One layer of a model as text and numbers."""

    name: str
    operation: str
    """The class of the layer, ``Dense``, or a function, ``ops.matmul``."""
    shapes: tuple[str, ...]
    """Its output shapes, ``(None, 28, 28, 32)``; one for each output."""
    dtype: str
    params: int
    trainable: bool = True
    """False for a frozen layer; only layers with parameters are marked."""
    inputs: tuple[str, ...] = ()
    """Names of the layers it is connected to; a shared layer has those of every call."""
    depth: int = 0
    """How deep it stands in nested models: its name is indented by it."""


class Totals(NamedTuple):
    """The numbers under the table, as Keras gives them."""

    params: int
    trainable: int
    frozen: int
    bytes: int
    optimizer_params: int = 0
    optimizer_bytes: int = 0


def summary_table(rows: Sequence[Row], *, title: str = "", width: int = 100) -> Table:
    """A table of `rows` for a terminal of `width` columns.

    Columns go when the width is small: first what a layer is connected to, then its dtype. In a chain, where each
    layer is connected to the one before, the first of them is left out altogether.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    columns = _columns(rows, width)
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
    for name in columns:
        justify: Literal["right", "left"] = "right" if name == "params" else "left"
        table.add_column(name, justify=justify, no_wrap=name in _WHOLE, overflow="fold")
    for row in rows:
        style = "dim" if row.params and not row.trainable else ""
        table.add_row(*(Text(_cell(row, name)) for name in columns), style=style)
    return table


def plain_table(rows: Sequence[Row], *, title: str = "") -> str:
    """The table as plain text: every layer on one line (one more for each further output), as wide as it must be."""
    columns = _columns(rows, None)
    table = [columns]
    for row in rows:
        split = [_cell(row, name).split("\n") for name in columns]
        height = max(map(len, split))
        table += [[part[line] if line < len(part) else "" for part in split] for line in range(height)]
    widths = [max(map(wide, column)) for column in zip(*table, strict=True)]
    lines = [escaped(title)] if title else []
    for cells in table:
        padded = []
        for name, text, width in zip(columns, cells, widths, strict=True):
            space = " " * (width - wide(text))
            padded.append(space + text if name == "params" else text + space)
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def totals_lines(totals: Totals) -> list[str]:
    """Keras's lines under the table: total, trainable, not trainable and optimizer parameters, with their bytes."""
    lines = [
        f"Total params: {totals.params:,} ({_size(totals.bytes)})",
        f"Trainable params: {totals.trainable:,}",
        f"Non-trainable params: {totals.frozen:,}",
    ]
    if totals.optimizer_params:
        lines.append(f"Optimizer params: {totals.optimizer_params:,} ({_size(totals.optimizer_bytes)})")
    return lines


def print_summary(rows: Sequence[Row], totals: Totals, stream: TextIO, *, title: str = "") -> None:
    """Print the table and the totals to `stream`, as wide as its terminal; plainly where it is none."""
    # Folding thousands of rows takes rich seconds.
    if stream.isatty() and len(rows) <= 2000:
        from rich.console import Console

        console = Console(
            file=stream,
            width=terminal_width(stream),
            no_color=not wants_colour(stream),
            highlight=False,
            markup=False,
            emoji=False,
        )
        console.print(summary_table(rows, title=title, width=console.width))
    else:
        stream.write(plain_table(rows, title=title) + "\n")
    stream.write("\n".join(["", *totals_lines(totals)]) + "\n")
    stream.flush()


def _columns(rows: Sequence[Row], width: int | None) -> list[str]:
    """The columns that fit; names fold down to 16 columns, shapes and numbers never."""
    columns = ["layer", "operation", "output shape", "dtype", "params"]
    if not _is_chain(rows):
        columns.append("connected to")
    if width is None:
        return columns
    needed = {name: len(name) for name in columns}
    for row in rows:
        for name in columns:
            size = max((wide(line) for line in _cell(row, name).split("\n")), default=0)
            needed[name] = max(needed[name], size if name in _WHOLE else min(size, 16))
    for name in ("connected to", "dtype"):
        if name in columns and sum(needed[column] + 3 for column in columns) - 3 > width:
            columns.remove(name)
    return columns


def _is_chain(rows: Sequence[Row]) -> bool:
    return all(row.inputs in ((), (before.name,)) for before, row in pairwise(rows))


def _cell(row: Row, column: str) -> str:
    if column == "layer":
        return "  " * row.depth + escaped(row.name)
    if column == "operation":
        return escaped(row.operation) + (" (frozen)" if row.params and not row.trainable else "")
    if column == "output shape":
        return "\n".join(row.shapes)
    if column == "params":
        return f"{row.params:,}"
    return row.dtype if column == "dtype" else ", ".join(escaped(name) for name in row.inputs)


def _size(count: int) -> str:
    """Bytes as Keras writes them: ``851.79 KB``, in steps of 1,024."""
    size = float(count)
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024 or unit == "TB":
            break
        size /= 1024
    return f"{size:.2f} {unit}"
