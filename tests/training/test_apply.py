"""Scores and predictions of a model, and predictions as files."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pytest

from kspec.diagnostics import FileError, UsageError
from kspec.training import evaluate, predict, write_predictions
from tests.training.models import classifier, keras, layers, matched, rows, two_headed

X, Y = rows(50)
DATA = matched({"pixels": X}, {"digit": Y})


def test_scores_are_those_of_keras() -> None:
    model = classifier()
    assert evaluate(model, DATA) == model.evaluate(X, Y, return_dict=True, verbose=0)
    two = two_headed()
    x, y = {"left": X, "right": X[:, :2]}, {"kind": Y, "hard": (Y > 1) * 1.0}
    reference = two.evaluate(list(x.values()), list(y.values()), return_dict=True, verbose=0)
    assert evaluate(two, matched(x, y), batch_size=32) == reference


def test_sample_weights_count_in_scores() -> None:
    model = classifier(weighted_metrics=["accuracy"])
    weights = np.linspace(0, 1, 50)
    expected = model.evaluate(X, Y, sample_weight=weights, return_dict=True, verbose=0)
    assert evaluate(model, matched({"pixels": X}, {"digit": Y}, {"digit": weights})) == expected


def test_a_model_without_loss_cannot_be_evaluated() -> None:
    with pytest.raises(UsageError, match="no loss"):
        evaluate(keras.Sequential([keras.Input((4,)), layers.Dense(1)]), DATA)


@pytest.mark.parametrize("packing", ["list", "dict"])
def test_predictions_have_the_names_of_outputs(packing: str) -> None:
    model = two_headed(packing=packing)
    found = predict(model, matched({"right": X[:, :2], "left": X}), batch_size=7)
    expected = model.predict([X, X[:, :2]], verbose=0)
    kind, hard = expected if packing == "list" else (expected["kind"], expected["hard"])
    assert set(found) == {"kind", "hard"}
    np.testing.assert_allclose(found["kind"], kind, rtol=1e-5)
    np.testing.assert_allclose(found["hard"], hard, rtol=1e-5)


def test_a_sequential_has_the_name_of_its_last_layer() -> None:
    model = keras.Sequential([keras.Input((4,), name="x"), layers.Dense(2, name="out")])
    assert set(predict(model, matched({"x": X}))) == {"out"}


OUTPUTS = {
    "digit": np.array([[0.1, 0.9], [1 / 3, 2 / 3]], "float32"),
    "hard": np.array([[0.5], [1e-7]], "float32"),
    "file": np.array([1.0, 2.0]),
}


def test_npz_holds_each_output(tmp_path: Path) -> None:
    write_predictions(tmp_path / "out.npz", OUTPUTS | {"image": np.zeros((2, 4, 4, 1))})
    with np.load(tmp_path / "out.npz") as found:
        assert set(found) == {"digit", "hard", "file", "image"}
        for name, array in OUTPUTS.items():
            np.testing.assert_array_equal(found[name], array)


def test_csv_has_a_column_for_each_number_with_its_own_digits(tmp_path: Path) -> None:
    write_predictions(tmp_path / "out.csv", OUTPUTS)
    assert (tmp_path / "out.csv").read_text() == (
        "digit_0,digit_1,hard,file\n0.1,0.9,0.5,1.0\n0.33333334,0.6666667,1e-07,2.0\n"
    )
    many = np.random.default_rng(0).normal(size=(20_000, 3)).astype("float32")
    write_predictions(tmp_path / "many.csv", {"y": many})
    with open(tmp_path / "many.csv", newline="") as file:
        read = np.array(list(csv.reader(file))[1:], "float32")
    np.testing.assert_array_equal(read, many)


def test_parquet_has_the_same_columns(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    write_predictions(tmp_path / "out.parquet", OUTPUTS)
    table = parquet.read_table(tmp_path / "out.parquet")
    assert table.column_names == ["digit_0", "digit_1", "hard", "file"]
    assert table["digit_1"].to_pylist() == OUTPUTS["digit"][:, 1].tolist()


def test_bfloat16_is_written_as_float32(tmp_path: Path) -> None:
    array = keras.ops.convert_to_numpy(keras.ops.ones((2, 1), dtype="bfloat16"))
    for ending in ("npz", "csv"):
        write_predictions(tmp_path / f"out.{ending}", {"y": array})
    assert (tmp_path / "out.csv").read_text() == "y\n1.0\n1.0\n"
    with np.load(tmp_path / "out.npz") as found:
        assert found["y"].dtype == "float32"


@pytest.mark.parametrize("name", ["out.xlsx", "out", "out.npy"])
def test_other_endings_are_refused_with_a_list(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        write_predictions(tmp_path / name, OUTPUTS)
    (problem,) = caught.value.problems
    assert (problem.code, problem.help) == ("output-format", "one of `.npz`, `.csv`, `.parquet`")
    assert not list(tmp_path.iterdir())


def test_what_makes_no_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a table has one row of numbers"):
        write_predictions(tmp_path / "out.csv", {"image": np.zeros((2, 3, 3))})
    with pytest.raises(UsageError, match="two outputs would be the column `a_0`"):
        write_predictions(tmp_path / "out.csv", {"a": np.zeros((2, 3)), "a_0": np.zeros(2)})
    assert not list(tmp_path.iterdir())


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(UsageError) as caught:
        write_predictions(tmp_path / "out.parquet", OUTPUTS)
    assert caught.value.problems[0].help == "pip install 'kspec[parquet]'"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileError):
        write_predictions(tmp_path / "none" / "out.csv", OUTPUTS)
