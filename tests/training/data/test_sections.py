"""The `data` section from a file to a run: fields, parts, labels, and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kspec import evaluate, load, predict
from kspec.feeding import data_parts
from tests.conftest import run_kspec

SPEC = """\
kspec: 1
name: wine
seed: 3
inputs: {features: 3}
layers:
  - Dense: {units: 3, activation: softmax}
    name: kind
compile: {optimizer: adam, loss: sparse_categorical_crossentropy, metrics: [accuracy]}
fit: {epochs: 1, batch_size: 16}
data:
  train: wine.parquet
  fields: {features: [alcohol, ash, hue], kind: cultivar}
  validation: {fraction: 0.2, stratify: cultivar}
  test: {where: {split: test}}
"""
KINDS = ("barbera", "barolo", "grignolino")
ROWS = 200


def table() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    kinds = random.integers(0, 3, ROWS)
    return {
        "alcohol": random.normal(size=ROWS).astype("float32") + kinds,
        "ash": random.integers(0, 9, ROWS),
        "hue": random.normal(size=ROWS),
        "cultivar": np.array(KINDS, object)[kinds],
        "split": np.where(np.arange(ROWS) % 10 == 0, "test", "train").astype(object),
        "farm": np.arange(ROWS) // 7,
    }


@pytest.fixture
def project(in_tmp: Path) -> Path:
    import pyarrow
    import pyarrow.parquet

    (in_tmp / "pyproject.toml").touch()
    (in_tmp / "wine.yaml").write_text(SPEC, encoding="utf-8")
    pyarrow.parquet.write_table(pyarrow.table(table()), in_tmp / "wine.parquet", row_group_size=30)
    return in_tmp


def test_columns_parts_and_labels_from_a_table_to_a_run(project: Path) -> None:
    outcome = run_kspec("fit", "wine.yaml", "-o", "run")
    assert outcome.status == 0, outcome.text
    assert "wine.parquet: alcohol, ash, hue → features, cultivar → kind (144 rows)" in outcome.out
    assert "validation: wine.parquet: alcohol, ash, hue → features, cultivar → kind (36 rows)" in outcome.out
    facts = json.loads((project / "run" / "run.json").read_text())
    assert facts["labels"] == {"kind": list(KINDS)}
    assert facts["data"]["train"]["rows"] == 144
    assert len(facts["data"]["train"]["sha256"]) == 64
    told: list[str] = []
    assert set(evaluate("run", tell=told.append)) == {"loss", "accuracy"}
    assert told == ["wine.parquet: alcohol, ash, hue → features, cultivar → kind (20 rows)"]
    assert predict("run")["kind"].shape == (20, 3)


def test_the_canonical_spec_says_the_same(project: Path) -> None:
    shown = run_kspec("show", "wine.yaml").out
    section = shown.partition("data:\n")[2]
    assert section == (
        "  train: wine.parquet\n"
        "  fields: {features: [alcohol, ash, hue], kind: cultivar}\n"
        "  validation: {fraction: 0.2, stratify: cultivar}\n"
        "  test: {where: {split: test}}\n"
    )
    (project / "shown.yaml").write_text(shown, encoding="utf-8")
    assert run_kspec("show", "shown.yaml").out == shown


def parts(project: Path, **sets: str) -> dict[str, list[int]]:
    """The rows of each part, by their numbers in the file."""
    loaded = load("wine.yaml", sets=[f"data.{key}={value}" for key, value in sets.items()])
    found = data_parts(loaded.compiled)
    sources = {part: found.source(part) for part in ("train", "validation", "test")}
    return {
        part: [source.origin(row)[1] for row in range(len(source.read("ash")))]
        for part, source in sources.items()
        if source is not None
    }


def test_parts_are_disjoint_whole_and_the_same_each_time(project: Path) -> None:
    found = parts(project)
    assert sorted(row for rows in found.values() for row in rows) == list(range(ROWS))
    assert found["test"] == list(range(0, ROWS, 10))
    assert parts(project) == found
    assert (
        parts(project, validation="{fraction: 0.2, stratify: cultivar, seed: 4}")["validation"] != found["validation"]
    )
    kinds = table()["cultivar"]
    for kind in KINDS:
        left = [row for row in range(ROWS) if row % 10 and kinds[row] == kind]
        assert sum(kinds[row] == kind for row in found["validation"]) == round(len(left) * 0.2)


def test_groups_stay_together(project: Path) -> None:
    found = parts(project, validation="{fraction: 0.3, group: farm}")
    farms = {part: {row // 7 for row in rows} for part, rows in found.items()}
    assert not farms["train"] & farms["validation"]
    assert 36 <= len(found["validation"]) <= 72


def test_two_fractions_are_disjoint_and_the_test_does_not_depend_on_the_validation(project: Path) -> None:
    both = parts(project, validation="{fraction: 0.2}", test="{fraction: 0.1}")
    assert [len(both[part]) for part in ("train", "validation", "test")] == [140, 40, 20]
    assert not set(both["test"]) & set(both["validation"])
    assert parts(project, validation="{fraction: 0.4}", test="{fraction: 0.1}")["test"] == both["test"]


def test_one_hot_and_two_classes(project: Path) -> None:
    hot = run_kspec("fit", "wine.yaml", "-o", "hot", "--set", "compile.loss=categorical_crossentropy")
    assert hot.status == 0, hot.text
    two = SPEC.replace("units: 3, activation: softmax", "units: 1, activation: sigmoid").replace(
        "sparse_categorical_crossentropy", "binary_crossentropy"
    )
    (project / "two.yaml").write_text(two, encoding="utf-8")
    assert "cultivar` has 3 different texts" in run_kspec("fit", "two.yaml", "-o", "x").err
    right = ["--set", "data.train={path: wine.parquet, where: {cultivar: [barolo, barbera]}}"]
    done = run_kspec("fit", "two.yaml", "-o", "two", *right, "--set", "data.test=null")
    assert done.status == 0, done.text
    assert json.loads((project / "two" / "run.json").read_text())["labels"] == {"kind": ["barbera", "barolo"]}
    assert not (project / "x").exists()


def test_labels_in_an_order_of_ones_own(project: Path) -> None:
    order = "[grignolino, barolo, barbera]"
    outcome = run_kspec("fit", "wine.yaml", "-o", "run", "--set", f"data.labels={{kind: {order}}}")
    assert outcome.status == 0, outcome.text
    assert json.loads((project / "run" / "run.json").read_text())["labels"] == {"kind": list(reversed(KINDS))}
