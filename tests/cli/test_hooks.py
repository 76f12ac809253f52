"""What others run of kspec: the hooks for pre-commit."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, run_kspec

HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook_gets_every_yaml_file_and_checks_the_specs(hook: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "right.yaml").write_text("kspec: 1\ninputs: {x: 8}\nlayers: [{Dense: 3}]\n", encoding="utf-8")
    (tmp_path / "workflow.yml").write_text("on: push\njobs: {}\n", encoding="utf-8")
    program, *arguments = shlex.split(hook["entry"])
    assert program == "kspec"
    command = [sys.executable, "-m", "kspec", *arguments]
    done = subprocess.run(
        [*command, "right.yaml", "workflow.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("ok: right.yaml")
    (tmp_path / "wrong.yaml").write_text("kspec: 1\ninputs: {x: 8}\nlayers: [{Dens: 3}]\n", encoding="utf-8")
    done = subprocess.run(
        [*command, "workflow.yml", "wrong.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "wrong.yaml:3:11: error[unknown-operation]" in done.stdout
    assert "workflow" not in done.stdout
    assert {"id", "name", "entry", "language", "types"} <= set(hook)


def test_results_in_a_second_format_are_written_to_a_file(in_tmp: Path) -> None:
    Path("wrong.yaml").write_text("kspec: 1\ninputs: {x: 8}\nlayers: [{Dens: 3}]\n", encoding="utf-8")
    outcome = run_kspec("check", "--fast", "wrong.yaml", "--also", "json=all.json", "--also", "concise=all.txt")
    assert outcome.status == 1
    assert "wrong.yaml:3:11: error[unknown-operation]" in outcome.out
    assert json.loads(Path("all.json").read_text(encoding="utf-8"))["errors"] == 1
    assert Path("all.txt").read_text(encoding="utf-8").startswith("wrong.yaml:3:11: error[unknown-operation]")
    for wrong in ("sarif", "terminal=x", "sarif="):
        refused = run_kspec("check", "--fast", "wrong.yaml", "--also", wrong)
        assert (refused.status, refused.out) == (2, "")
        assert f"`{wrong}` is none of concise=FILE" in refused.err
    refused = run_kspec("check", "--fast", "wrong.yaml", "--also", "sarif=none/x.sarif")
    assert (refused.status, refused.out) == (3, "")
