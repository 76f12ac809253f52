"""What can be carried over, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kspec.comparison.difference import Difference, Lone, Weights
from kspec.report.diff.entries import shape
from kspec.report.diff.numbers import percent


def carried(difference: Difference) -> str:
    """`12,345 of 19,210 parameters can be carried over (64.3 %)`."""
    weights = difference.weights
    if not weights.wanted:
        return "there are no weights to carry over"
    if weights.complete and not weights.renamed:
        return "all weights can be carried over"
    if weights.params == weights.wanted:
        return f"all weights can be carried over{_through(weights)}"
    part = f"{weights.params:,} of {weights.wanted:,} parameters can be carried over"
    return f"{part} ({percent(weights.percent)}){_through(weights)}"


def _through(weights: Weights) -> str:
    count = len(weights.renamed)
    return f", {count:,} weight{'' if count == 1 else 's'} under another name" if count else ""


def left_behind(weights: Weights) -> Iterable[tuple[str, Sequence[str]]]:
    """The kinds of weights that are not carried over, each with its list."""
    if weights.reshaped:
        yield (
            "another shape",
            [f"{each.after} {shape(each.shape_before)} → {shape(each.shape_after)}" for each in weights.reshaped],
        )
    if weights.new:
        yield "new", _lone(weights.new)
    if weights.gone:
        yield "gone", _lone(weights.gone)


def _lone(weights: Sequence[Lone]) -> list[str]:
    return [f"{each.path} {shape(each.shape)}" for each in weights]
