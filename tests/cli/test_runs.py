"""`kspec runs` and `kspec fit --resume`, as they are typed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import kspec
from tests.conftest import run_kspec
from tests.training.checkpoints.runs import write


@pytest.fixture
def project(in_tmp: Path) -> Path:
    write(in_tmp, "plain")
    return in_tmp


def fit(*more: str) -> str:
    outcome = run_kspec("fit", "spec.yaml", "--loop", "scan", "-q", *more)
    assert outcome.status == 0, outcome.text
    return outcome.out


def test_runs_are_listed_as_they_stand(project: Path) -> None:
    assert run_kspec("runs").status == 3
    fit("-o", "runs/first", "--epochs", "2")
    fit("-o", "runs/second", "--epochs", "1", "--checkpoint-every", "10 steps")
    facts = json.loads(Path("runs/second/run.json").read_text())
    Path("runs/second/run.json").write_text(json.dumps(facts | {"state": "running", "best": None}))
    Path("runs/third").mkdir()
    Path("runs/third/run.json").write_text("{")
    found = {run["folder"]: run for run in json.loads(run_kspec("runs", "--format", "json").out)}
    assert {folder: run["state"] for folder, run in found.items()} == {
        "runs/first": "finished",
        "runs/second": "killed",
        "runs/third": "unreadable",
    }
    first, second = found["runs/first"], found["runs/second"]
    assert (first["rows"], first["epochs"], first["checkpoint"]) == (2, 2, {"epoch": 2, "step": 0})
    assert first["best"] == json.loads(Path("runs/first/run.json").read_text())["best"]
    assert second["best"]["epoch"] == 1
    for form, told in (
        ("table", r"runs/first +finished +2/2 +epoch 2 +val_accuracy"),
        ("csv", "runs/first,finished,2/2"),
    ):
        assert re.search(told, run_kspec("runs", "--format", form).out)
    assert run_kspec("runs", "--format", "markdown").out.startswith("| run | state | epochs |")
    assert "runs/first" in run_kspec("runs", "--in", "runs/first").out


def test_verify_names_what_is_damaged(project: Path) -> None:
    fit("-o", "runs/first", "--epochs", "1")
    fit("-o", "runs/second", "--epochs", "1")
    outcome = run_kspec("runs", "verify")
    assert (outcome.status, outcome.out) == (0, "runs/first: as it was written\nruns/second: as it was written\n")
    with open("runs/second/checkpoints/000001/manifest.json", "ab") as file:
        file.write(b" ]")
    with open("runs/second/model.weights.h5", "r+b") as file:
        file.seek(1000)
        file.write(b"\xff")
    outcome = run_kspec("runs", "verify")
    assert outcome.status == 3
    assert outcome.out.splitlines() == [
        "runs/first: as it was written",
        "runs/second/checkpoints/000001: the checkpoint is damaged: manifest.json: it is not as it was written",
        "runs/second/model.weights.h5: its bytes are not those that were written",
    ]
    assert run_kspec("runs", "verify", "runs/first").status == 0


def test_resuming_without_a_spec(project: Path) -> None:
    fit("-o", "runs/first", "--epochs", "1")
    outcome = run_kspec("fit", "--resume", "runs/first", "--epochs", "2", "--loop", "scan", "-q")
    assert outcome.status == 0, outcome.text
    assert len(Path("runs/first/history.jsonl").read_text().splitlines()) == 2
    outcome = run_kspec("fit", "--resume", "spec.yaml", "--epochs", "3", "--loop", "scan", "-q")  # the last run of it
    assert outcome.status == 0, outcome.text
    assert len(Path("runs/first/history.jsonl").read_text().splitlines()) == 3
    for wrong in (["fit"], ["fit", "--resume"], ["fit", "--resume", "auto"]):
        assert run_kspec(*wrong).status == 2


def test_data_outside_the_project_are_those_of_the_run(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (project / "pyproject.toml").touch()
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "data.npz"
    Path("data.npz").rename(elsewhere)
    fit("--data", str(elsewhere), "--validation", "held.npz", "-o", "runs/first", "--epochs", "1")
    outcome = run_kspec("fit", "--resume", "runs/first", "--epochs", "2", "--loop", "scan", "-q")
    assert outcome.status == 0, outcome.text


@pytest.mark.usefixtures("project")
def test_from_python() -> None:
    fit("-o", "runs/first", "--epochs", "1")
    (run,) = kspec.runs()
    assert (run.state, run.rows, run.epoch) == ("finished", 1, 1)
    assert run == kspec.runs("runs/first")[0]
    assert kspec.verify() == {"runs/first": []}
    Path("runs/first/model.weights.h5").write_bytes(b"")
    assert kspec.verify("runs/first") == {
        "runs/first": ["runs/first/model.weights.h5: its bytes are not those that were written"]
    }
