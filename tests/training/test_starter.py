"""Starter specs: whole texts, that they are right, and that they learn."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from kspec import api
from kspec.diagnostics import FileError
from kspec.training.starter import Starter, starter
from tests.conftest import SPECS, check_golden, run_kspec
from tests.training.starter_cases import CASES, TARGETS, labels, wave

GOLDEN = Path(__file__).parent / "starters"
REAL = sorted(path.stem for path in (SPECS / "data").glob("*.npz"))
QUICK = ["columns", "strange_names", "tags_and_price"]


def data_file(name: str, folder: Path) -> Path:
    path = folder / f"{name}.npz"
    if name in CASES:
        np.savez(path, **CASES[name])  # type: ignore[arg-type]
    else:
        shutil.copy(SPECS / "data" / path.name, path)
    return path


def made(folder: Path, targets: tuple[str, ...] = (), **contents: np.ndarray) -> Starter:
    np.savez(folder / "x.npz", **contents)  # type: ignore[arg-type]
    return starter(Path("x.npz"), targets=targets)


def problem(folder: Path, targets: tuple[str, ...] = (), **contents: np.ndarray) -> str:
    with pytest.raises(FileError) as caught:
        made(folder, targets, **contents)
    first = caught.value.problems[0]
    return f"[{first.code}] {first.message} ({first.help})"


@pytest.mark.parametrize("name", [*CASES, *REAL])
def test_the_whole_text(name: str, in_tmp: Path) -> None:
    """The text is the one kept, and a right spec."""
    data_file(name, in_tmp)
    found = starter(Path(f"{name}.npz"), targets=TARGETS.get(name, ()))
    check_golden(GOLDEN / f"{name}.yaml", found.text)
    (in_tmp / "spec.yaml").write_text(found.text, encoding="utf-8")
    outcome = run_kspec("check", "spec.yaml")
    assert outcome.status == 0, outcome.text
    assert max(len(line) for line in found.text.splitlines()) <= 130


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in CASES]
)
def test_trains(name: str, in_tmp: Path) -> None:
    """`fit` takes the spec with its data, unasked; all arrays fit."""
    data_file(name, in_tmp)
    (in_tmp / "spec.yaml").write_text(starter(Path(f"{name}.npz")).text, encoding="utf-8")
    outcome = run_kspec("fit", "spec.yaml", "--set", "fit.epochs=2", "-o", "run")
    assert outcome.status == 0, outcome.text
    measured = run_kspec("evaluate", "run", "--json")
    assert measured.status == 0, measured.text


@pytest.mark.parametrize(
    ("name", "figure", "least"),
    [("digits", "val_accuracy", 0.95), ("breast_cancer", "val_accuracy", 0.95), ("auto_mpg", "val_mae", -2.5)],
)
def test_learns(name: str, figure: str, least: float, in_tmp: Path) -> None:
    """On real data a starter is a good start; less is better where `least` is negative."""
    data_file(name, in_tmp)
    (in_tmp / "spec.yaml").write_text(starter(Path(f"{name}.npz")).text, encoding="utf-8")
    assert run_kspec("fit", "spec.yaml", "-o", "run", "-q").status == 0
    rows = [json.loads(line) for line in (in_tmp / "run/history.jsonl").read_text(encoding="utf-8").splitlines()]
    best = min(rows, key=lambda row: row["val_loss"])[figure]
    assert (best if least > 0 else -best) >= least


def test_paths_are_relative_to_the_spec(in_tmp: Path) -> None:
    (in_tmp / "data").mkdir()
    (in_tmp / "specs").mkdir()
    np.savez("data/x.npz", x=wave(20, 3), y=labels(20, 2))
    found = starter(Path("data/x.npz"), spec=Path("specs/mine.yaml"))
    assert "data:\n  train: ../data/x.npz\n" in found.text
    assert "kspec fit specs/mine.yaml\n" in found.text
    assert "name: mine\n" in found.text
    assert found.fit_options == ""
    assert "name: x\n" in starter(Path("data/x.npz")).text
    assert "name: other\n" in starter(Path("data/x.npz"), name="other").text


def test_data_outside_the_project_is_named_by_the_command(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (in_tmp / "project").mkdir()
    (in_tmp / "project" / "pyproject.toml").touch()
    np.savez("x.npz", x_train=wave(40, 3), y_train=labels(40, 2), x_test=wave(20, 3), y_test=labels(20, 2))
    np.savez("named.npz", **{"a b": wave(40, 3), "y_train": labels(40, 2)})  # type: ignore[arg-type]
    np.savez("parts.npz", X_train=wave(40, 3), y_train=labels(40, 2), X_test=wave(20, 3), y_test=labels(20, 2))
    monkeypatch.chdir("project")
    found = starter(Path("../x.npz"), spec=Path("x.yaml"))
    assert "\ndata:" not in found.text
    assert "#     kspec fit x.yaml --data ../x.npz\n" in found.text
    assert "# x.npz lies outside this spec's project, so the command names it.\n" in found.text
    parts = starter(Path("../parts.npz"), spec=Path("parts.yaml"))
    assert parts.fit_options == " --data ../parts.npz --validation ../parts.npz"
    for name, each in (("x", found), ("parts", parts)):
        Path(f"{name}.yaml").write_text(each.text, encoding="utf-8")
        options = each.fit_options.split()
        outcome = run_kspec("fit", f"{name}.yaml", *options, "--set", "fit.epochs=1", "-o", f"run-{name}")
        assert outcome.status == 0, outcome.text
        assert "val_loss" in Path(f"run-{name}/history.jsonl").read_text(encoding="utf-8")


def test_targets(in_tmp: Path) -> None:
    y = labels(20, 2)
    assert made(in_tmp, x=wave(20, 3), y=y).found == "20 rows: x → y (0 or 1)"
    assert made(in_tmp, y=y, x=wave(20, 3)).found == "20 rows: x → y (0 or 1)"
    assert made(in_tmp, label=y, names=y, yLabel=y).found.startswith("20 rows: names → label")
    assert made(in_tmp, a=y, b=wave(20, 3), c=y).found.startswith("20 rows: a, b → c")
    assert made(in_tmp, ("a",), a=y, b=wave(20, 3), c=wave(20, 3)).found.startswith("20 rows: b, c → a")
    assert made(in_tmp, ("a_train",), a_train=y, b_train=wave(20, 3)).found.startswith("20 rows: b → a")
    assert "A guess" in made(in_tmp, a=y, b=y).text
    assert "A guess" not in made(in_tmp, a=y, target=y).text


def test_what_is_not_used_is_said(in_tmp: Path) -> None:
    y = labels(20, 2)
    text = made(in_tmp, x=wave(20, 3), y=y, who=np.array(["ann"] * 20), classes=np.array(["no", "yes"])).text
    assert "# Not used: `classes` (2 texts), `who` (texts).\n" in text
    assert "# Not used: `count` (a single value).\n" in made(in_tmp, x=wave(20, 3), count=np.array(3), y=y).text
    assert "`z` (in no part)" in made(in_tmp, x_train=wave(20, 3), y_train=y, z=y).text


def test_a_part_that_is_not_whole_is_no_part(in_tmp: Path) -> None:
    contents = {"x_train": wave(20, 3), "y_train": labels(20, 2)}
    assert "validation_split" in made(in_tmp, **contents, x_test=wave(20, 3)).text
    assert "validation_split" in made(in_tmp, **contents, x_test=wave(20, 4), y_test=labels(20, 2)).text
    assert "validation_split" in made(in_tmp, **contents, x_test=wave(20, 3), y_test=labels(19, 2)).text
    assert "validation_split" not in made(in_tmp, **contents, x_test=wave(9, 3), y_test=labels(9, 2)).text


def test_all_parts_count(in_tmp: Path) -> None:
    """A class or token that only the test part has needs its unit or row too."""
    x, y = wave(20, 3), labels(20, 3)
    text = made(in_tmp, x_train=x, y_train=y, x_test=x, y_test=y + 2).text
    assert "Dense: {units: 5, activation: softmax}" in text
    tokens = labels(200, 30).reshape(20, 10)
    text = made(in_tmp, tokens_train=tokens, y_train=y, tokens_test=tokens + 9, y_test=y).text
    assert "Embedding: {input_dim: 39, " in text


def test_problems(in_tmp: Path) -> None:
    x, y = wave(20, 3), labels(20, 2)
    assert problem(in_tmp, x=x).startswith("[data-match] `x.npz` has only one array with rows to learn from (")
    assert problem(in_tmp, y=y, label=y).startswith("[data-match] `x.npz` has only targets (")
    asked = problem(in_tmp, ("x", "y"), x=x, y=y)
    assert asked == "[data-match] with `x`, `y` as targets `x.npz` has no inputs left (name fewer with `--target`)"
    wrong = problem(in_tmp, ("labl",), x=x, label=y)
    assert wrong == "[data-match] `x.npz` has no array `labl` for a target (did you mean `label`?)"
    rows = problem(in_tmp, x=x, y=y[:15])
    assert rows.startswith("[data-match] the arrays differ in rows: `x` has 20, `y` has 15 (")
    texts = problem(in_tmp, x=x, y=np.array(["ann", "bob"] * 10))
    assert texts.startswith("[data-dtype] `y` holds text, and a model needs numbers (encode it")
    assert problem(in_tmp, x=np.array(["ann", "bob"] * 10), y=y).startswith("[data-dtype] `x` holds text")
    assert problem(in_tmp, x=x[:0], y=y[:0]) == "[data-shape] `x` is empty: (0, 3) (give at least one row)"
    assert problem(in_tmp, x=x[:, :0], y=y).startswith("[data-shape] `x` is empty: (20, 0) (every axis")
    x[3, 1] = np.nan
    assert problem(in_tmp, x=x, y=y).startswith("[data-nan] `x` holds NaN or infinity: the first is `x[3, 1]` (")
    assert problem(in_tmp, x=wave(2, 3), y=wave(2, 70_000)).startswith("[data-shape] `y` has 70,000 numbers a row")


def test_files_that_hold_no_arrays(in_tmp: Path) -> None:
    (in_tmp / "x.npz").write_text("a,b\n1,2\n", encoding="utf-8")
    for name, code in (("x.npz", "data-format"), ("no.npz", "file-missing"), ("x.csv", "file-missing")):
        with pytest.raises(FileError) as caught:
            starter(Path(name))
        assert caught.value.problems[0].code == code


NAMES = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="/"), min_size=1, max_size=8)
DTYPES = st.sampled_from(["uint8", "int32", "int64", "float32", "float64", "bool"])


@st.composite
def contents(draw: st.DrawFn) -> dict[str, np.ndarray]:
    rows = draw(st.integers(1, 40))
    names = draw(st.lists(NAMES, min_size=2, max_size=5, unique_by=str.casefold))
    found = {}
    for name in names:
        shape = (rows, *draw(st.lists(st.integers(1, 9), max_size=4)))
        dtype = np.dtype(draw(DTYPES))
        bounds = st.integers(-3, 300) if dtype.kind in "if" else st.integers(0, 200 if dtype.kind == "u" else 1)
        found[name] = draw(arrays.arrays(dtype, shape, elements=bounds.map(dtype.type)))
    return found


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(contents())
def test_whatever_the_arrays_the_spec_is_right(
    tmp_path_factory: pytest.TempPathFactory, found: dict[str, np.ndarray]
) -> None:
    """Any names, shapes and numbers give a spec without mistakes, or a problem."""
    folder = tmp_path_factory.mktemp("any")
    np.savez(folder / "x.npz", **found)  # type: ignore[arg-type]
    try:
        text = starter(folder / "x.npz", spec=folder / "spec.yaml").text
    except FileError:
        return
    api.loads(text, folder=folder)
