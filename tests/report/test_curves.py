"""The picture of a run: well-formed for every history, and the same for the same one."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kspec.report.axes import epoch_axis, linear_axis, log_axis
from kspec.report.curves import curves_svg

from .golden import same

SVG = "{http://www.w3.org/2000/svg}"
HISTORY = [
    {"accuracy": 0.5 + 0.1 * n, "loss": 2.0 / n, "val_accuracy": 0.5 + 0.08 * n, "val_loss": 2.5 / n + 0.05 * n}
    for n in range(1, 6)
]


def texts(svg: str) -> list[str]:
    """What one reads in the picture, tooltips aside."""
    root = ElementTree.fromstring(svg)
    for parent in root.iter():
        for child in list(parent):
            if child.tag == f"{SVG}title":
                parent.remove(child)
    return ["".join(node.itertext()) for node in root.iter(f"{SVG}text")]


def numbers(svg: str) -> list[float]:
    """Every coordinate of the drawing."""
    drawing = " ".join(re.findall(r' (?:d|x|y|cx|cy|r|transform)="([^"]*)"', svg))
    return [float(number) for number in re.findall(r"-?\d+\.?\d*", drawing)]


def test_the_picture() -> None:
    svg = curves_svg(HISTORY, "digits_mlp")
    same("curves.svg", svg)
    shown = texts(svg)
    assert shown[:4] == ["digits_mlp", "5 epochs, lowest val_loss 0.7500 at epoch 5", "training", "validation"]
    assert {"loss", "accuracy"} <= set(shown)
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")  # nothing is fetched


def test_no_validation_no_legend() -> None:
    assert "validation" not in texts(curves_svg([{"loss": 1.0}, {"loss": 0.5}], "t"))


def test_one_epoch_is_dots() -> None:
    svg = curves_svg(HISTORY[:1], "one")
    assert svg.count("<circle") == 4
    assert "1 epoch" in texts(svg)


def test_no_epoch() -> None:
    assert "no finished epoch yet" in texts(curves_svg([], "t"))


def test_what_is_not_finite_is_marked_and_said() -> None:
    values = [1.0, 0.8, math.nan, math.inf, 0.6, -math.inf]
    svg = curves_svg([{"loss": value, "accuracy": math.nan} for value in values], "t")
    shown = texts(svg)
    assert any("3 of 6 epochs not finite" in text for text in shown)
    assert "no finite value" in shown
    assert svg.count('class="lost train"') == 3
    assert svg.count('class="line train"') == 2  # a gap where values are missing
    assert not re.search(r'="[^"]*\b(nan|inf)\b[^"]*"', svg)


def test_epochs_without_validation_are_passed_over() -> None:
    history = [{"loss": 1.0 / n, **({"val_loss": 1.0 / n} if n % 2 == 0 else {})} for n in range(1, 10)]
    svg = curves_svg(history, "t")
    assert len(re.findall(r'class="line val" d="M[^"]*L', svg)) == 1
    assert svg.count('class="val-dot"') == 4


def test_two_decades_of_loss_are_drawn_by_logarithm() -> None:
    def labels(name: str, low: float) -> list[str]:
        return texts(curves_svg([{name: 1.0}, {name: low}], "t"))

    assert "0.01" in labels("loss", 0.009)
    assert "0.01" not in labels("loss", 0.02)
    assert "0.01" not in labels("accuracy", 0.009)
    assert "0.0001" in labels("learning_rate", 1e-5)
    assert labels("loss", -1.0)  # no logarithm of what is negative


def test_names_and_titles_are_text() -> None:
    evil = '</text><script>alert(1)</script>\x1b[31m\x00&"' + "x" * 300
    svg = curves_svg([{evil: 1.0, f"val_{evil}": 2.0}], evil)
    assert "script" not in {node.tag.removeprefix(SVG) for node in ElementTree.fromstring(svg).iter()}
    assert "\x1b" not in svg


def test_many_epochs_stay_small() -> None:
    history = [{"loss": 1 + (n * 7919 % 100) / 100} for n in range(50_000)]
    history[25_001]["loss"] = 9.0
    svg = curves_svg(history, "t")
    assert len(svg) < 40_000
    highest = min(float(y) for y in re.findall(r"L[\d.]+ ([\d.]+)", svg))
    assert highest < 55  # the one peak is still there


def test_the_count_goes_on_after_a_first_part() -> None:
    assert {"21", "25"} <= set(texts(curves_svg(HISTORY, "t", first_epoch=21)))


VALUES = st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.just(0.0), st.just(1.0))
NAMES = st.sampled_from(["loss", "val_loss", "accuracy", "val_accuracy", "mae", "learning_rate", "épsilon<&>"])


@given(st.lists(st.dictionaries(NAMES, VALUES), max_size=12))
def test_any_history_gives_a_picture(history: list[dict[str, float]]) -> None:
    svg = curves_svg(history, "t")
    ElementTree.fromstring(svg)
    assert all(math.isfinite(number) and abs(number) < 1e5 for number in numbers(svg))


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=9))
def test_a_linear_axis_holds_its_values(values: list[float]) -> None:
    axis = linear_axis(values)
    assert all(-1e-9 <= axis.at(value) <= 1 + 1e-9 for value in values)
    assert 1 <= len(axis.ticks) <= 12
    labels = [label for _, label in axis.ticks]
    assert len(labels) == len(set(labels))


@given(st.lists(st.floats(1e-300, 1e300), min_size=2, max_size=9))
def test_a_logarithmic_axis_holds_its_values(values: list[float]) -> None:
    if max(values) / min(values) > 100:
        axis = log_axis(values)
        assert all(-1e-9 <= axis.at(value) <= 1 + 1e-9 for value in values)
        assert 1 <= len(axis.ticks) <= 12


@given(st.integers(1, 10**7), st.integers(0, 10**6))
def test_an_epoch_axis(first: int, more: int) -> None:
    axis = epoch_axis(first, first + more)
    assert 1 <= len(axis.ticks) <= 9
    assert all(first <= mark <= first + more and mark == int(mark) for mark, _ in axis.ticks)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.0, 2.4], ["0.0", "0.5", "1.0", "1.5", "2.0", "2.5"]),
        ([0.93, 0.98], ["0.93", "0.94", "0.95", "0.96", "0.97", "0.98"]),
        ([1.0], ["0.96", "0.98", "1.00", "1.02", "1.04"]),
        ([0.0], ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ([-1.0, 1.0], ["-1.0", "-0.5", "0.0", "0.5", "1.0"]),
    ],
)
def test_labels(values: list[float], labels: list[str]) -> None:
    assert [label for _, label in linear_axis(values).ticks] == labels
