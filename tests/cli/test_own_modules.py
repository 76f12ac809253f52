"""Runs of specs with modules of their own, which lie beside the spec and not beside the run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.conftest import run_kspec

TRUST = ("--trust", "custom_layers")


@pytest.mark.parametrize("output", ["run", "../elsewhere/run"])
def test_a_run_knows_where_the_modules_of_its_spec_lie(
    output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])  # what kspec adds to it is not for other tests
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    assert run_kspec("init", "--example", "custom_layer").status == 0
    fitted = run_kspec("fit", "custom_layer.yaml", *TRUST, "--epochs", "1", "-o", output)
    assert fitted.status == 0, fitted.err
    monkeypatch.chdir(tmp_path)
    run = project / output
    for command in (
        ("evaluate", run),
        ("predict", run, "-o", "found.npz"),
        ("weights", "ls", run),
        ("fit", "--resume", run, "--epochs", "2"),
    ):
        done = run_kspec(*command, *TRUST)
        assert done.status == 0, done.err
    if output == "run":  # a project is moved with its runs
        project.rename(tmp_path / "moved")
        assert run_kspec("evaluate", tmp_path / "moved" / "run", *TRUST).status == 0
        project = tmp_path / "moved"
        run = project / "run"
    assert run_kspec("evaluate", run).status == 1  # trusted by name alone, as ever
    (project / "custom_layers.py").rename(project / "elsewhere.py")
    lost = run_kspec("evaluate", run, *TRUST)
    assert lost.status == 1
    assert f"looked in `{project}`" in lost.err.replace("\n       ", " ")
    assert lost.err.count("`") == 6  # the module, that folder, and the run's own
    (run / "custom_layers.py").write_text((project / "elsewhere.py").read_text())
    assert run_kspec("evaluate", run, *TRUST).status == 0


def test_a_run_whose_facts_name_no_folders(in_tmp: Path) -> None:
    assert run_kspec("init", "--example", "custom_layer").status == 0
    assert run_kspec("fit", "custom_layer.yaml", *TRUST, "--epochs", "1", "-o", "run").status == 0
    facts = Path("run/run.json")
    for wrong in ('"modules": 3', '"modules": [3]'):
        facts.write_text(facts.read_text().replace('"modules": [\n    ".."\n  ]', wrong))
        Path("run/custom_layers.py").write_text(Path("custom_layers.py").read_text())
        assert run_kspec("evaluate", "run", *TRUST).status == 0
