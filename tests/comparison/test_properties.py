"""Random models, and one thing changed: that is what is told, and nothing else."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import kspec
from kspec import api
from kspec.comparison.difference import Difference
from tests.comparison.helpers import told, variables
from tests.model.programs import Program, to_spec
from tests.model.strategies import programs
from tests.spec.fuzzing import examples


def canonical(program: Program, variables: dict[str, Any]) -> dict[str, Any]:
    """The program's canonical spec: every step has its name."""
    text = yaml.safe_dump(to_spec(program, variables), sort_keys=False)
    found: dict[str, Any] = yaml.safe_load(api.loads(text).show())
    return found


def diff_of(before: dict[str, Any], after: dict[str, Any]) -> Difference:
    one, other = (api.loads(yaml.safe_dump(each, sort_keys=False)) for each in (before, after))
    return kspec.diff(one, other)


def renamed(value: Any, old: str, new: str) -> Any:
    """A spec in which the name stands under another one, wherever it is referred to."""
    if isinstance(value, dict):
        return {key: renamed(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [renamed(item, old, new) for item in value]
    if isinstance(value, str) and (value == old or value.startswith(f"{old}.")):
        return new + value[len(old) :]
    return value


@given(programs())
@examples(15, shrink=False)
def test_nothing_changed(drawn: tuple[Program, dict[str, Any]]) -> None:
    spec = canonical(*drawn)
    found = diff_of(spec, copy.deepcopy(spec))
    assert not found, told(found)
    assert found.weights.complete
    assert not found.weights.renamed


@given(programs(), st.integers(0))
@examples(5, shrink=False)
def test_one_renamed(drawn: tuple[Program, dict[str, Any]], place: int) -> None:
    spec = canonical(*drawn)
    names = [step["name"] for step in spec["layers"] if isinstance(step["name"], str)]
    name = names[place % len(names)]
    if any(each != name and each.startswith(f"{name}.") for each in names):
        return  # a block's own steps have its name before theirs
    after = {key: renamed(value, name, "another_name") for key, value in spec.items() if key != "blocks"}
    if "blocks" in spec:
        after["blocks"] = spec["blocks"]
    found = diff_of(spec, after)
    assert told(found) == [f"~ another_name; was {name}"]
    assert found.weights.params == found.weights.wanted


@pytest.mark.slow
@given(programs(), st.integers(0))
@examples(15, shrink=False)
def test_one_added_and_removed(drawn: tuple[Program, dict[str, Any]], place: int) -> None:
    """A step between an input and all that takes it."""
    spec = canonical(*drawn)
    names = list(spec["inputs"])
    name = names[place % len(names)]
    after = copy.deepcopy(spec)
    first = after["layers"][0]
    if "from" not in first:
        first["from"] = names[0]
    after["layers"] = renamed(after["layers"], name, "put_in")
    after["layers"].insert(0, {"Activation": {"activation": "softsign"}, "name": "put_in", "from": name})
    for before, now, kind in ((spec, after, "added"), (after, spec, "removed")):
        found = diff_of(before, now)
        assert [(each.kind, each.name) for each in found.own] == [(kind, "put_in")], told(found)
        assert found.weights.complete


@pytest.mark.slow
@given(programs(), st.integers(0))
@examples(15, shrink=False)
def test_one_argument(drawn: tuple[Program, dict[str, Any]], place: int) -> None:
    spec = canonical(*drawn)
    dense = [step for step in spec["layers"] if isinstance(step.get("Dense"), dict)]
    if not dense:
        return
    after = copy.deepcopy(spec)
    name = dense[place % len(dense)]["name"]
    step = next(each for each in after["layers"] if each["name"] == name)
    step["Dense"]["bias_initializer"] = "ones"
    found = diff_of(spec, after)
    assert [(each.name, [change.path for change in each.changes]) for each in found.steps] == [
        (name, ["bias_initializer"])
    ]
    assert found.weights.complete


@pytest.mark.slow
@given(programs(), programs())
@examples(12, shrink=False)
def test_every_weight_is_carried_where_it_is_said(
    one: tuple[Program, dict[str, Any]], other: tuple[Program, dict[str, Any]]
) -> None:
    """Between two models that have nothing to do with each other: each variable is told of once, and fits."""
    specs = [canonical(*one), canonical(*other)]
    loaded = [api.loads(yaml.safe_dump(each, sort_keys=False)) for each in specs]
    weights = kspec.diff(*loaded).weights
    left, right = (variables(each.build()) for each in loaded)
    assert sorted(
        [each.before for each in (*weights.carried, *weights.reshaped)] + [each.path for each in weights.gone]
    ) == sorted(left)
    assert sorted(
        [each.after for each in (*weights.carried, *weights.reshaped)] + [each.path for each in weights.new]
    ) == sorted(right)
    for each in weights.carried:
        right[each.after].assign(left[each.before])
        assert np.array_equal(right[each.after], left[each.before])
        assert tuple(right[each.after].shape) == each.shape
    for each in weights.reshaped:
        assert tuple(left[each.before].shape) == each.shape_before != each.shape_after == tuple(right[each.after].shape)
    assert weights.wanted == sum(int(np.prod(each.shape)) for each in right.values())
