"""Data as other programs write them."""

from __future__ import annotations

import decimal
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import run_kspec

SPEC = """kspec: 1
inputs: {f: 2}
layers:
  - Dense: {units: 3, activation: softmax}
    name: k
compile: {optimizer: sgd, loss: sparse_categorical_crossentropy}
fit: {epochs: 1, batch_size: 8}
"""


@pytest.fixture
def spec(in_tmp: Path) -> Path:
    path = in_tmp / "s.yaml"
    path.write_text(SPEC)
    return path


def described(path: str, *more: str) -> dict[str, Any]:
    done = run_kspec("data", path, "--json", *more)
    assert done.status == 0, done.err
    found = json.loads(done.out)
    return {**found, "fields": {each["name"]: each for each in found["fields"]}}


def fitted(*more: str) -> str:
    done = run_kspec("fit", "s.yaml", "-o", f"run-{len(list(Path().glob('run-*')))}", *more)
    assert done.status == 0, done.err
    return done.out + done.err


def test_parquet_with_columns_that_no_model_takes(spec: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    rows = 60
    columns = {
        "f": pyarrow.array([[0.5, 2.0]] * rows),
        "k": pyarrow.array(np.arange(rows) % 3),
        "price": pyarrow.array([decimal.Decimal("1.25")] * rows),
        "point": pyarrow.array([{"a": 1, "b": 2}] * rows),
        "table": pyarrow.array([[("a", 1)]] * rows, pyarrow.map_(pyarrow.string(), pyarrow.int64())),
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), "d.parquet")
    fields = described("d.parquet", "--spec", "s.yaml")["fields"]
    assert "decimal128(3, 2)" in fields["price"]["problem"]
    assert "problem" in fields["point"]
    assert "problem" in fields["table"]
    fitted("--data", "d.parquet")


def test_names_with_underscores_are_no_numbers(in_tmp: Path) -> None:
    farms = ["1_11", "11_1", "2_2", "3_3"]
    lines = [f"{place % 7},{farms[place % 4]}" for place in range(60)]
    Path("d.csv").write_text("a,farm\n" + "\n".join(lines) + "\n")
    fields = described("d.csv")["fields"]
    assert {each["value"] for each in fields["farm"]["values"]} == set(farms)
    assert fields["a"]["dtype"] == "int64"


def test_decimal_commas_and_an_index_without_a_name(spec: Path) -> None:
    lines = [f"{place};0,{place};{'' if place == 3 else '-1,5'};{place % 3};{place % 2 == 0}" for place in range(60)]
    Path("d.csv").write_text(";a;b;k;t\n" + "\n".join(lines) + "\n")
    fields = described("d.csv")["fields"]
    assert list(fields) == ["Unnamed: 0", "a", "b", "k", "t"]
    assert (fields["a"]["dtype"], fields["a"]["greatest"]) == ("float64", 0.9)
    assert (fields["b"]["least"], fields["b"]["missing"]) == (-1.5, 1)
    fitted("--set", "data={train: {path: d.csv, where: {t: true}}, fields: {f: [a, k], k: k}}")
    Path("h.csv").write_text(",1.5,2.5\n1,2,3\n")
    assert "has no names of columns" in run_kspec("data", "h.csv").err


def test_commas_that_may_group_thousands_are_no_numbers(in_tmp: Path) -> None:
    """A column is of real numbers where one of its commas can only stand for a point."""
    for cells, dtype in (
        (["999", "1,000", "12,500"], "text"),
        (["0,125", "1,000"], "float64"),
        (["1,5", "2"], "float64"),
        (["1.234,5", "2"], "text"),
    ):
        Path("d.csv").write_text("a;b\n" + "".join(f"{cell};1\n" for cell in cells))
        assert described("d.csv")["fields"]["a"]["dtype"] == dtype
    Path("d.tsv").write_text("a\tb\n1,5\t1\n")
    assert described("d.tsv")["fields"]["a"]["dtype"] == "text"


def test_truth_values_are_classes_like_other_texts(spec: Path) -> None:
    """Whatever a file has of them: the run's own classes count, in their order."""
    labels = "labels: {k: ['True', Maybe, 'False']}"
    Path("d.csv").write_text("a,b,k\n" + "".join(f"0.{i},0.5,{['True', 'False', 'Maybe'][i % 3]}\n" for i in range(60)))
    Path("two.csv").write_text("a,b,k\n" + "".join(f"0.{i},0.5,{['True', 'False'][i % 2]}\n" for i in range(60)))
    fitted("--set", f"data={{train: d.csv, fields: {{f: [a, b], k: k}}, {labels}}}")
    assert json.loads(Path("run-0/run.json").read_text())["labels"] == {"k": ["True", "Maybe", "False"]}
    assert run_kspec("evaluate", "run-0", "--data", "two.csv").status == 0
    fitted(
        "--set",
        "data={train: {path: d.csv, where: {k: 'True'}}, fields: {f: [a, b], k: k}}",
        "--set",
        "layers.k.units=2",
    )


def test_a_rare_class_may_go_to_the_validation(spec: Path) -> None:
    lines = [f"0.{place},0.5,{'z' if place == 59 else 'xy'[place % 2]}" for place in range(60)]
    Path("d.csv").write_text("a,b,k\n" + "\n".join(lines) + "\n")
    for seed in range(6):
        parts = f"validation: {{fraction: 0.3, seed: {seed}}}, test: {{fraction: 0.1, seed: {seed}}}"
        fitted("--set", f"data={{train: d.csv, fields: {{f: [a, b], k: k}}, {parts}}}")
    narrow = "data={train: {path: d.csv, where: {k: [x, y]}}, fields: {f: [a, b], k: k}, validation: {fraction: 0.3}}"
    fitted("--set", "layers.k.units=2", "--set", narrow)  # what is not trained on is no class


def test_what_fit_will_refuse_is_told_before(spec: Path) -> None:
    random = np.random.default_rng(0)
    features = random.random((60, 2))
    np.savez("d.npz", f=features, k=random.integers(1, 4, 60))
    found = described("d.npz", "--spec", "s.yaml", "--set", "data.fields={f: f, k: k}")
    assert found["fields"]["k"]["fits"]["k"] == "it has the classes 0 to 2"
    assert [each["message"] for each in found["problems"]] == ["`k` is not for `k`: it has the classes 0 to 2"]
    assert run_kspec("fit", "s.yaml", "--data", "d.npz", "-o", "run").status == 3
    np.savez("w.npz", f=features, k=random.integers(0, 3, 60), sample_weight=random.random(60))
    assert described("w.npz", "--spec", "s.yaml")["problems"] == []
    features[3] = np.nan
    np.savez("d.npz", f=features, k=random.integers(0, 3, 60))
    (problem,) = described("d.npz", "--spec", "s.yaml")["problems"]
    assert problem["message"] == "`f` is not for `f`: 2 of its values are missing, or are no numbers"
    assert run_kspec("fit", "s.yaml", "--data", "d.npz", "-o", "run").status == 3


def test_images_whose_classes_are_not_known(in_tmp: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    random = np.random.default_rng(0)
    for place in range(12):
        for folder in (Path("known", "ab"[place % 2]), Path("new")):
            folder.mkdir(parents=True, exist_ok=True)
            image.fromarray(random.integers(0, 256, (8, 8, 3), "uint8")).save(folder / f"{place}.png")
    Path("s.yaml").write_text(
        SPEC.replace("{f: 2}", "{x: [8, 8, 3]}")
        .replace("layers:\n", "layers:\n  - Flatten\n")
        .replace("units: 3", "units: 2")
    )
    assert run_kspec("fit", "s.yaml", "--data", "known", "-o", "run").status == 0
    assert list(described("new")["fields"]) == ["x"]
    done = run_kspec("predict", "run", "--data", "new", "-o", "p.npz")
    assert done.status == 0, done.err
    assert np.load("p.npz")["k"].shape == (12, 2)
    lost = run_kspec("evaluate", "run", "--data", "new")
    assert lost.status == 3
    assert "defect" not in lost.err


def test_texts_of_variable_length_in_hdf5(spec: Path) -> None:
    import h5py

    with h5py.File("d.h5", "w") as file:
        file["f"] = np.random.default_rng(0).random((60, 2))
        file.create_dataset("k", data=["a", "b", "c"] * 20)
    lost = run_kspec("fit", "s.yaml", "--data", "d.h5", "-o", "run")
    assert lost.status == 3
    assert "astype('S')" in lost.err
    with h5py.File("d.h5", "a") as file:
        del file["k"]
        file["k"] = np.array(["a", "b", "c"] * 20).astype("S")
    fitted("--data", "d.h5")
