"""The summary table on terminals of several widths, and plain."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from kspec.report.tables import Row, Totals, plain_table, print_summary, summary_table, totals_lines

from .golden import same

CHAIN = [
    Row("pixels", "InputLayer", ("(None, 784)",), "float32", 0),
    Row("dense", "Dense", ("(None, 256)",), "float32", 200_960, True, ("pixels",)),
    Row("digit", "Dense", ("(None, 10)",), "float32", 2_570, True, ("dense",)),
]
GRAPH = [
    Row("pixels", "InputLayer", ("(None, 28, 28, 1)",), "float32", 0),
    Row("conv2d", "Conv2D", ("(None, 26, 26, 32)",), "float32", 320, True, ("pixels",)),
    Row(
        "transformer_2.multi_head_attention",
        "MultiHeadAttention",
        ("(None, 128, 512)", "(None, 8, 128, 128)"),
        "mixed_bfloat16",
        1_050_624,
        False,
        ("conv2d",),
    ),
    Row("join", "Concatenate", ("(None, 26, 26, 64)",), "float32", 0, True, ("conv2d", "pixels", "x1", "x2", "x3")),
    Row("encoder", "Functional", ("(None, 8)",), "float32", 100, True, ("join",)),
    Row("层[red]\x1b[31m", "Dense", ("(None, 8)",), "float32", 100, True, ("join",), 1),
]
TOTALS = Totals(1_051_044, 420, 1_050_624, 4_204_176)


def drawn(rows: list[Row], width: int, title: str = "") -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, no_color=True, color_system=None)
    console.print(summary_table(rows, title=title, width=width))
    return "".join(f"{line.rstrip()}\n" for line in console.file.getvalue().splitlines())  # type: ignore[attr-defined]


def test_several_widths() -> None:
    text = "".join(drawn(rows, width, "model\x1b[2J") for rows in (CHAIN, GRAPH) for width in (60, 80, 140))
    same("tables.txt", text)


def test_plain() -> None:
    same("table_plain.txt", plain_table(CHAIN, title="digits_mlp") + "\n\n" + plain_table(GRAPH) + "\n")
    assert plain_table([]) == "layer  operation  output shape  dtype  params"


@pytest.mark.parametrize("width", range(60, 200, 9))
def test_a_table_fits_its_terminal(width: int) -> None:
    assert all(len(line) <= width for line in drawn(GRAPH[:-1], width).splitlines())


def test_totals_are_those_of_keras() -> None:
    assert totals_lines(TOTALS) == [
        "Total params: 1,051,044 (4.01 MB)",
        "Trainable params: 420",
        "Non-trainable params: 1,050,624",
    ]
    assert totals_lines(Totals(1, 1, 0, 4, 2, 8))[-1] == "Optimizer params: 2 (8.00 B)"
    assert totals_lines(Totals(0, 0, 0, 66_500_000_000 * 4))[0] == "Total params: 0 (247.73 GB)"


def test_printed_plainly_when_piped() -> None:
    stream = io.StringIO()
    print_summary(CHAIN, Totals(203_530, 203_530, 0, 814_120), stream, title="digits_mlp")
    assert stream.getvalue() == (
        plain_table(CHAIN, title="digits_mlp")
        + "\n\nTotal params: 203,530 (795.04 KB)\nTrainable params: 203,530\nNon-trainable params: 0\n"
    )


def test_ten_thousand_layers() -> None:
    rows = [Row(f"dense_{i}", "Dense", ("(None, 8)",), "float32", 72, True, (f"dense_{i - 1}",)) for i in range(10_000)]
    assert plain_table(rows).count("\n") == 10_000
