"""Tables on terminals of several widths, plain, Markdown and CSV."""

from __future__ import annotations

import csv
import io

import pytest
from rich.console import Console

from kspec.report.tables import Column, csv_table, markdown_table, plain_table, print_table, rich_table

from .golden import same

CHAIN = [
    Column("layer", ("pixels", "dense", "digit")),
    Column("output shape", ("(None, 784)", "(None, 256)", "(None, 10)"), whole=True),
    Column("params", ("0", "200,960", "2,570"), right=True),
]
GRAPH = [
    Column("layer", ("pixels", "  transformer_2.multi_head_attention", "层[red]\x1b[31m", "=1+1")),
    Column("operation", ("Input", "MultiHeadAttention (frozen)", "Dense", "a | b\\c")),
    Column("output shape", ("(None, 28, 28, 1)", "(None, 128, 512)\n(None, 8, 128, 128)", "(None, 8)", ""), whole=True),
    Column("dtype", ("float32", "mixed_bfloat16", "float32", ""), whole=True, dispensable=1),
    Column("params", ("0", "1,050,624", "100", ""), right=True),
    Column("connected to", ("", "pixels", "x1, x2, x3", "join"), dispensable=2),
]


def drawn(columns: list[Column], width: int, title: str = "") -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, no_color=True, color_system=None)
    console.print(rich_table(columns, title=title, width=width, faint=[False, True] + [False] * 2))
    return "".join(f"{line.rstrip()}\n" for line in console.file.getvalue().splitlines())  # type: ignore[attr-defined]


def test_several_widths() -> None:
    text = "".join(drawn(columns, width, "model\x1b[2J") for columns in (CHAIN, GRAPH) for width in (60, 80, 140))
    same("tables.txt", text)


def test_plain() -> None:
    same("table_plain.txt", plain_table(CHAIN, title="digits_mlp") + "\n\n" + plain_table(GRAPH) + "\n")
    assert plain_table([Column("layer", ()), Column("params", ())]) == "layer  params"


@pytest.mark.parametrize("width", range(60, 200, 9))
def test_a_table_fits_its_terminal(width: int) -> None:
    columns = [column._replace(cells=column.cells[:2]) for column in GRAPH]
    assert all(len(line) <= width for line in drawn(columns, width).splitlines())


def test_printed_plainly_when_piped() -> None:
    stream = io.StringIO()
    print_table(CHAIN, stream, title="digits_mlp")
    assert stream.getvalue() == plain_table(CHAIN, title="digits_mlp") + "\n"


def test_markdown_and_csv() -> None:
    same("table.md", markdown_table(GRAPH) + "\n")
    text = csv_table(GRAPH)
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == [column.title for column in GRAPH]
    assert rows[4][:2] == ["'=1+1", "a | b\\c"]  # no spreadsheet computes a name
    assert len(rows) == 5


def test_ten_thousand_rows() -> None:
    columns = [Column("layer", tuple(f"dense_{i}" for i in range(10_000))), Column("params", ("72",) * 10_000)]
    assert plain_table(columns).count("\n") == 10_000
