"""The GitHub Action and the project's own workflow: their files, and their scripts as a runner runs them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.conftest import ROOT

ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
WORKFLOWS = {
    path.name: yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)
    for path in sorted((ROOT / ".github/workflows").glob("*.yml"))
}
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}
SARIF = json.loads((ROOT / "tests/report/sarif-2.1.0-rtm.5.json").read_text(encoding="utf-8"))
BASH = shutil.which("bash")
RIGHT = "kspec: 1\ninputs: {x: 8}\nlayers: [{Dense: 3}]\n"
WRONG = "kspec: 1\ninputs: {x: 8}\nlayers: [{Dens: 3}]\n"
WARNED = "kspec: 1\ninputs: {x: 8}\nvars: {a: 1}\nlayers: [{Dense: 3}]\n"


def test_inputs_and_outputs_are_declared_and_used() -> None:
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"\binputs\.([\w-]+)", text)) == set(ACTION["inputs"])
    assert all(each["description"] and isinstance(each["default"], str) for each in ACTION["inputs"].values())
    assert set(re.findall(r"steps\.(?:check|diff)\.outputs\.(\w+)", text)) == set(ACTION["outputs"])


def test_scripts_take_inputs_by_their_environment_only() -> None:
    jobs = [job for flow in WORKFLOWS.values() for job in flow["jobs"].values()]
    steps = [*ACTION["runs"]["steps"], *(step for job in jobs for step in job["steps"])]
    assert not [step for step in steps if "${{" in step.get("run", "")]
    assert all(step["shell"] == "bash" for step in ACTION["runs"]["steps"] if "run" in step)


def test_the_project_uses_its_action_and_its_hooks() -> None:
    jobs = WORKFLOWS["specs.yml"]["jobs"]
    (use,) = [step for step in jobs["action"]["steps"] if step.get("uses") == "./"]
    assert set(use["with"]) <= set(ACTION["inputs"])
    assert use["with"]["paths"] == "specs"
    hooks = {hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}
    assert set(jobs["hooks"]["strategy"]["matrix"]["hook"]) == hooks


def test_the_readme_s_workflow_uses_what_there_is() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (flow,) = [
        yaml.load(each, yaml.BaseLoader)
        for each in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
        if "jobs:" in each
    ]
    steps = [step for job in flow["jobs"].values() for step in job["steps"]]
    assert [set(step["with"]) <= set(ACTION["inputs"]) for step in steps if "with" in step] == [True]


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runner's folders, with this Python as `python`; the current folder is the repository that is checked."""
    if BASH is None:
        pytest.skip("no bash")
    for name in ("bin", "repository", "temp"):
        (tmp_path / name).mkdir()
    python = tmp_path / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    monkeypatch.setenv("PATH", f"{python.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("RUNNER_TEMP", str(tmp_path / "temp"))
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    monkeypatch.setenv("GITHUB_REPOSITORY", "owner/models")
    monkeypatch.chdir(tmp_path / "repository")
    return tmp_path


def _step(name: str, **known: str) -> subprocess.CompletedProcess[str]:
    """A step's script, as GitHub runs it; inputs are their defaults or given."""
    values: dict[str, Any] = {f"inputs.{key}": each["default"] for key, each in ACTION["inputs"].items()}
    values |= {f"inputs.{key.replace('_', '-')}": value for key, value in known.items()}
    values |= {"github.action_path": str(ROOT), "steps.check.outputs.status": known.get("status", "")}
    values |= {"github.event.pull_request.base.sha": known.get("base", ""), "github.event.pull_request.number": "7"}
    values |= {"steps.diff.outputs.diff": known.get("diff_file", "")}
    step = STEPS[name]
    env = {key: re.sub(r"\$\{\{ (\S+) \}\}", lambda found: values[found[1]], text) for key, text in step["env"].items()}
    Path("../script.sh").write_text(step["run"], encoding="utf-8")
    return subprocess.run(
        [str(BASH), "--noprofile", "--norc", "-eo", "pipefail", "../script.sh"],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env={**os.environ, **env},
    )


def _outputs(runner: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in (runner / "output").read_text(encoding="utf-8").splitlines())


def test_one_check_annotates_and_writes_sarif(runner: Path) -> None:
    Path("models").mkdir()
    Path("models/wrong.yaml").write_text(WRONG, encoding="utf-8")
    Path("models/my right.yaml").write_text(RIGHT, encoding="utf-8")
    done = _step("Check specs", paths="models/wrong.yaml\nmodels/my right.yaml\n")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("::error file=models/wrong.yaml,line=3,endLine=3,col=11,")
    outputs = _outputs(runner)
    assert outputs == {"status": "1", "sarif": str(runner / "temp" / "kspec.sarif")}
    sarif = json.loads(Path(outputs["sarif"]).read_text(encoding="utf-8"))
    jsonschema.validate(sarif, SARIF)
    (result,) = sarif["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("models/wrong.yaml", 3)
    assert _step("Fail where the check failed", status="1").returncode == 1
    assert _step("Fail where the check failed", status="0").returncode == 0


def test_inputs_are_arguments(runner: Path) -> None:
    Path("spec.yaml").write_text(WARNED, encoding="utf-8")
    done = _step("Check specs", fast="true")
    assert (done.stdout[:10], _outputs(runner)["status"]) == ("::warning ", "0")
    done = _step("Check specs", fast="true", strict="true")
    assert (done.stdout[:8], _outputs(runner)["status"]) == ("::error ", "1")
    done = _step("Check specs", fast="true", strict="true", args="--exit-zero\n\n--set=fit.epochs=2\n")
    assert (done.stdout[:8], _outputs(runner)["status"]) == ("::error ", "0")


def test_no_input_runs_as_code_and_no_module_of_the_repository_is_imported(runner: Path) -> None:
    Path("click.py").write_text("open('hacked', 'w')\n", encoding="utf-8")
    Path("kspec.py").write_text("open('hacked', 'w')\n", encoding="utf-8")
    Path("spec.yaml").write_text(RIGHT, encoding="utf-8")
    hostile = "$(touch hacked)`touch hacked`\"; touch hacked; '\n--exit-zero\n*\n"
    done = _step("Check specs", paths=hostile, args="--set=$(touch hacked)=1", fast="$(touch hacked)", strict="; true")
    assert done.returncode == 0, done.stderr
    assert _outputs(runner)["status"] == "2"
    assert sorted(path.name for path in Path().iterdir()) == ["click.py", "kspec.py", "spec.yaml"]


def test_a_wrong_argument_leaves_no_old_results(runner: Path) -> None:
    (runner / "temp" / "kspec.sarif").write_text("old", encoding="utf-8")
    done = _step("Check specs", args="--what")
    assert "No such option" in done.stderr
    assert _outputs(runner) == {"status": "2"}


def test_kspec_is_installed_from_the_action_or_by_version(runner: Path) -> None:
    (runner / "bin" / "python").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n', encoding="utf-8")
    done = _step("Install kspec")
    assert done.stdout.splitlines() == ["-P", "-m", "pip", "install", "--quiet", str(ROOT)]
    done = _step("Install kspec", version="0.1.0 --pre")
    assert done.stdout.splitlines()[-1] == "kspec==0.1.0 --pre"


def _commit(message: str) -> str:
    """Commit everything in the current folder; the commit."""
    nobody = ["-c", "user.name=n", "-c", "user.email=n@n", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "add", "."], check=True)
    subprocess.run(["git", *nobody, "commit", "--quiet", "-m", message], check=True)
    return subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


def test_what_a_pull_request_changes_is_in_the_summary(runner: Path) -> None:
    """From a checkout with one commit, as GitHub makes it: the other one is fetched."""
    Path("models").mkdir()
    Path("models/my spec.yaml").write_text(RIGHT, encoding="utf-8")
    Path("models/same.yaml").write_text(RIGHT, encoding="utf-8")
    subprocess.run(["git", "init", "--quiet"], check=True)
    base = _commit("one")
    Path("models/my spec.yaml").write_text(RIGHT.replace("3", "4"), encoding="utf-8")
    _commit("two")
    address = Path().resolve().as_uri()
    subprocess.run(["git", "config", "uploadpack.allowAnySHA1InWant", "true"], check=True)
    subprocess.run(["git", "clone", "--quiet", "--depth=1", address, "../shallow"], check=True)
    os.chdir("../shallow")
    done = _step("Compare specs", base=base, paths="models\n")
    assert done.returncode == 0, done.stderr
    outputs = _outputs(runner)
    assert outputs == {"diff": str(runner / "temp" / "kspec-diff.md")}
    text = Path(outputs["diff"]).read_text(encoding="utf-8")
    assert text == (runner / "summary").read_text(encoding="utf-8")
    assert f"### `{base[:10]}:models/my spec.yaml` → `models/my spec.yaml`" in text
    assert "! Dense dense: units 3 → 4" in text
    assert "same.yaml" not in text


def test_a_broken_spec_fails_the_check_and_not_the_comparison(runner: Path) -> None:
    Path("spec.yaml").write_text(RIGHT, encoding="utf-8")
    subprocess.run(["git", "init", "--quiet"], check=True)
    base = _commit("one")
    Path("spec.yaml").write_text(WRONG, encoding="utf-8")
    assert _step("Compare specs", base=base).returncode == 0
    assert "problems as it is now" in (runner / "summary").read_text(encoding="utf-8")
    done = _step("Compare specs", base=base, diff_args="--what")
    assert done.returncode == 0
    assert "::warning::kspec could not compare the specs: exit status 2" in done.stdout


GH = """#!/bin/sh
printf '%s\\n' "$*" >> "$RUNNER_TEMP/calls"
case "$*" in
  *--paginate*) cat "$RUNNER_TEMP/old" 2> /dev/null || true ;;
  *) test ! -e "$RUNNER_TEMP/refused" ;;
esac
"""


def test_one_comment_is_kept_up_to_date(runner: Path) -> None:
    gh = runner / "bin" / "gh"
    gh.write_text(GH, encoding="utf-8")
    gh.chmod(0o755)
    calls, diff = runner / "temp" / "calls", runner / "temp" / "diff.md"
    body = runner / "temp" / "kspec-comment.md"

    def commented(text: str) -> list[str]:
        diff.write_text(text, encoding="utf-8")
        calls.unlink(missing_ok=True)
        done = _step("Comment on the pull request", diff_file=str(diff))
        assert done.returncode == 0, done.stderr
        return [done.stdout, *calls.read_text(encoding="utf-8").splitlines()[1:]]

    to = "repos/owner/models/issues"
    assert commented("### what changed\n") == ["", f"api --silent --method POST {to}/7/comments -F body=@{body}"]
    assert body.read_text(encoding="utf-8") == "<!-- kspec diff -->\n### what changed\n"
    assert commented("no spec differs from `abc`\n") == [""]
    (runner / "temp" / "old").write_text("41\n42\n", encoding="utf-8")
    expected = f"api --silent --method PATCH {to}/comments/41 -F body=@{body}"
    assert commented("no spec differs from `abc`\n") == ["", expected]
    (runner / "temp" / "refused").touch()
    assert commented("### more\n")[0].startswith("::notice::The comment could not be written")
