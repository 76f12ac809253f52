"""`--set`: where a path leads, and what is said where it leads nowhere."""

from __future__ import annotations

from typing import Any

import pytest

import kspec

SPEC = """\
kspec: 1
vars: {width: 8}
inputs: {x: 4}
layers:
  - Dense: $width
  - Dense: {units: 3, activation: relu}
    name: code
  - Dense: 2
    name: y
compile: {optimizer: adam, loss: mse}
fit: {epochs: 5}
"""


def shown(*sets: str) -> str:
    return kspec.loads(SPEC, sets=sets).show()


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("width=16", "Dense: {units: 16}"),
        ("fit.epochs=9", "epochs: 9"),
        ("layers.0.Dense=5", "Dense: {units: 5}"),
        ("layers.-1.Dense=6", "Dense: {units: 6}"),
        ("layers.code.Dense.units=7", "Dense: {units: 7, activation: relu}"),
        ("layers.code.units=7", "Dense: {units: 7, activation: relu}"),
        ("layers.code.activation=tanh", "Dense: {units: 3, activation: tanh}"),
        ("layers.y.trainable=false", "trainable: false"),
        ("compile.optimizer.adam.learning_rate=1e-4", "learning_rate: 0.0001"),
        ("compile.optimizer={SGD: {momentum: 0.9}}", "momentum: 0.9"),
        ("seed=3", "seed: 3"),
    ],
)
def test_a_path_leads_to_a_value(given: str, line: str) -> None:
    assert line not in shown()
    assert line in shown(given)


def test_an_argument_beside_the_lone_value_of_the_first_parameter() -> None:
    """`Dense: 2` says units, and nothing else can be put into a number."""
    with pytest.raises(kspec.SpecError):
        shown("layers.y.activation=relu")


def test_the_later_wins() -> None:
    assert "epochs: 3" in shown("fit.epochs=2", "fit.epochs=3")


@pytest.mark.parametrize(
    ("given", "message", "help"),
    [
        ("widht=3", "there is no variable or section `widht`", "did you mean `width`?"),
        ("width", "`width` is not `path=value`", "for example `--set width=128`"),
        ("layers.3.Dense=1", "there is no item `3` in the list", "it has 3 items"),
        ("layers.cod.units=1", "there is no item `cod` in the list", "did you mean `code`?"),
        ("width=[", "the value cannot be read", ""),
    ],
)
def test_a_path_that_leads_nowhere(given: str, message: str, help: str) -> None:
    with pytest.raises(kspec.UsageError) as caught:
        shown(given)
    problem: Any = caught.value.problems[0]
    assert message in problem.message
    assert help in problem.help
