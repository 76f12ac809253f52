"""Models that specs build come back as specs that build them, and so on without an end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given

from kspec import api
from tests.conftest import SPECS
from tests.convert.same import assert_returns, assert_survives
from tests.model.programs import Program, to_spec
from tests.model.strategies import programs
from tests.spec.fuzzing import examples

CODE = ("custom_layer.yaml", "vae.yaml")
GALLERY = sorted(path for path in SPECS.glob("*.yaml") if path.name not in CODE)
SMALL = ("attention_ops", "lstm_states", "mixed_precision", "siamese_twin")


LARGE = [pytest.param(path, marks=pytest.mark.slow if "large" in path.stem else ()) for path in GALLERY]


@pytest.mark.parametrize("path", LARGE, ids=lambda path: path.stem)
def test_gallery(path: Path) -> None:
    assert_returns(api.load(path))


@pytest.mark.parametrize("name", SMALL)
def test_gallery_in_numbers(name: str) -> None:
    assert_survives(api.load(SPECS / f"{name}.yaml").build(compile=False))


@pytest.mark.exhaustive
@pytest.mark.parametrize("names", ["needed", "all"])
@pytest.mark.parametrize("path", [path for path in GALLERY if "large" not in path.stem], ids=lambda path: path.stem)
def test_whole_gallery_in_numbers(path: Path, names: Any) -> None:
    assert_survives(api.load(path).build(compile=False), names=names)


def test_equal_models_inside_are_one_block_and_steps_of_blocks_keep_no_counted_names() -> None:
    spec = api.loads(
        """
        kspec: 1
        inputs: {x: 4}
        blocks:
          tail: {layers: [{Dropout: 0.5}, {Dense: 6}]}
          tower: {nested: true, layers: [{Dense: 1}, {residual: [LayerNormalization, ReLU]}, tail]}
        layers: [{tower: {}, name: left}, {tower: {}, name: right}, {Dense: 3}, tail]
        """
    )
    text = assert_returns(spec)
    assert text.count("nested: true") == 1
    assert "  - left\n  - left\n" in text
    assert "name:" not in text


def test_models_inside_that_differ_in_numbers_are_one_block() -> None:
    inside = "[LayerNormalization, {Conv2D: {filters: %s, kernel_size: 2, strides: 2}, name: end_%s}]"
    blocks = "".join(f"  down_{n}: {{nested: true, layers: {inside % (n + 3, n)}}}\n" for n in range(3))
    spec = f"kspec: 1\ninputs: {{x: [32, 32, 3]}}\nblocks:\n{blocks}layers: [down_0, ReLU, down_1, down_2, Flatten]\n"
    text = assert_returns(api.loads(spec))
    assert text.count("nested: true") == 1
    assert "  down:\n    nested: true\n    vars: {filters: null}\n    layers:\n" in text
    assert "  - down: 3\n  - ReLU\n  - down: 4\n  - down: 5\n" in text


def test_variables_of_a_block_have_the_defaults_that_its_uses_mostly_give() -> None:
    uses = "".join(f"  - unit: {n}\n  - unit: {{filters: {n}, strides: 2, padding: valid}}\n" for n in (3, 4, 5))
    text = assert_returns(
        api.loads(
            f"""
kspec: 1
inputs: {{x: [64, 64, 3]}}
blocks:
  unit:
    vars: {{filters: null, strides: 1, padding: same}}
    layers:
      - Conv2D: {{filters: $filters, kernel_size: 3, strides: $strides, padding: $padding}}
      - ReLU
      - Dropout: 0.1
layers:
{uses}  - unit: 6
"""
        )
    )
    assert "vars: {filters: null, strides: 1, padding: same}" in text
    assert "{filters: $filters, strides: 2, padding: valid}" in text
    assert "  - conv_relu_dropout: 6\n" in text


def spec_of(made: tuple[Program, dict[str, Any]]) -> api.Loaded:
    program, variables = made
    return api.loads(yaml.safe_dump(to_spec(program, variables), sort_keys=False, default_flow_style=None))


@given(programs())
@examples(12, shrink=False)
def test_random_models(made: tuple[Program, dict[str, Any]]) -> None:
    assert_returns(spec_of(made))


@pytest.mark.slow
@given(programs())
@examples(60, shrink=False)
def test_some_more_random_models(made: tuple[Program, dict[str, Any]]) -> None:
    assert_returns(spec_of(made))


@pytest.mark.exhaustive
@given(programs())
@examples(1000, shrink=False)
def test_a_thousand_random_models(made: tuple[Program, dict[str, Any]]) -> None:
    assert_returns(spec_of(made))


@pytest.mark.slow
@given(programs())
@examples(30, shrink=False)
def test_random_models_in_numbers(made: tuple[Program, dict[str, Any]]) -> None:
    assert_survives(spec_of(made).build())
