"""`kspec diff` as a person uses it: whole outputs, revisions of real repositories, what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

import jsonschema
import pytest

import kspec
from kspec.report.diff import FORMATS
from kspec.report.diff import markdown as one_markdown
from tests.conftest import SPECS, Outcome, check_golden, run_kspec

GOLDEN = Path(__file__).parent / "golden" / "diff"
SCHEMA = json.loads((resources.files("kspec.report.diff") / "diff.schema.json").read_text(encoding="utf-8"))

SPEC = """\
kspec: 1
name: small
vars: {width: 8}
inputs: {x: 4}
layers:
  - Dense: {units: $width, activation: relu}
    name: hidden
  - Dropout: 0.5
  - Dense: 3
    name: kind
compile: {optimizer: adam, loss: mse}
fit: {epochs: 2}
"""
OTHER = """\
kspec: 1
name: small
vars: {width: 16}
seed: 3
inputs: {x: 4}
layers:
  - BatchNormalization
  - Dense: {units: $width, activation: relu, kernel_regularizer: {L2: 1e-3}}
    name: wide
  - Dense: 3
    name: kind
compile: {optimizer: {Adam: 1e-2}, loss: mse}
fit: {epochs: 2}
"""
CODE = """\
import keras

with open("ran", "a") as file:
    file.write("x")


class Scale(keras.layers.Layer):
    def __init__(self, by=0, **more):
        super().__init__(**more)
        self.by = by

    def call(self, x):
        return x * self.by

    def get_config(self):
        return {**super().get_config(), "by": self.by}
"""


def git(*arguments: str) -> str:
    """git in the current folder, by nobody in particular."""
    command = ["git", "-c", "user.name=n", "-c", "user.email=n@n", "-c", "commit.gpgsign=false", *arguments]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()


def write(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, encoding="utf-8")


@pytest.fixture
def repository(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a spec on its branch `main`, and another one in the working tree."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    git("init", "--quiet", "--initial-branch=main")
    write("specs/small.yaml", SPEC)
    git("add", ".")
    git("commit", "--quiet", "-m", "one")
    write("specs/small.yaml", OTHER)
    return in_tmp


def lines(outcome: Outcome) -> list[str]:
    return [line for line in outcome.out.splitlines() if line[:2] in ("+ ", "- ", "~ ")]


# -- what is printed --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
def test_two_specs(format: str, in_tmp: Path) -> None:
    write("a.yaml", SPEC)
    write("b.yaml", OTHER)
    outcome = run_kspec("diff", "a.yaml", "b.yaml", "--format", format)
    assert (outcome.status, outcome.err) == (0, "")
    check_golden(GOLDEN / f"two.{format}", outcome.out)
    if format == "json":
        jsonschema.validate(json.loads(outcome.out), SCHEMA)


@pytest.mark.parametrize("format", FORMATS)
def test_a_variant_with_more_copies(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SPECS)
    more = [
        "depth=4",
        "heads=8",
        "blocks.transformer.layers.1.residual.1.Dense.activation=relu",
    ]
    outcome = run_kspec("diff", "decoder.yaml", *(f"--set-b={each}" for each in more), "--format", format)
    assert (outcome.status, outcome.err) == (0, "")
    check_golden(GOLDEN / f"variant.{format}", outcome.out)
    if format == "json":
        jsonschema.validate(json.loads(outcome.out), SCHEMA)


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_in_common(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SPECS)
    outcome = run_kspec("diff", "digits_mlp.yaml", "residual_cnn.yaml", "--format", format)
    assert (outcome.status, outcome.err) == (0, "")
    if format == "json":
        data = json.loads(outcome.out)
        jsonschema.validate(data, SCHEMA)
        assert data["related"] is False
    else:
        check_golden(GOLDEN / f"unrelated.{format}", outcome.out)


def test_colours(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("a.yaml", SPEC)
    write("b.yaml", OTHER)
    monkeypatch.setenv("FORCE_COLOR", "1")
    check_golden(GOLDEN / "colours.txt", run_kspec("diff", "a.yaml", "b.yaml").out)


def test_the_status_says_whether_they_differ(in_tmp: Path) -> None:
    write("a.yaml", SPEC)
    write("b.yaml", OTHER)
    assert run_kspec("diff", "a.yaml", "b.yaml").status == 0
    assert run_kspec("diff", "a.yaml", "b.yaml", "--exit-code").status == 1
    same = run_kspec("diff", "a.yaml", "a.yaml", "--exit-code")
    assert (same.status, same.out) == (0, "a.yaml → a.yaml: no differences (67 parameters)\n")


def test_saved_models_and_runs(in_tmp: Path) -> None:
    import numpy as np

    write("a.yaml", SPEC)
    write("b.yaml", OTHER)
    for name in ("a", "b"):
        assert run_kspec("build", f"{name}.yaml", "-o", f"{name}.keras").status == 0
    assert run_kspec("diff", "a.yaml", "a.keras", "--exit-code").status == 0
    check_golden(GOLDEN / "saved.txt", run_kspec("diff", "a.keras", "b.keras").out)
    np.savez("data.npz", x=np.zeros((8, 4), "float32"), kind=np.zeros((8, 3), "float32"))
    assert run_kspec("fit", "a.yaml", "--data", "data.npz", "-o", "run", "--quiet").status == 0
    assert run_kspec("diff", "run", "run/model.keras", "--exit-code").status == 0
    found = run_kspec("diff", "a.yaml", "run")
    assert [line.partition(":")[0] for line in lines(found)] == ["+ seed", "+ data"]


def test_standard_input(in_tmp: Path) -> None:
    write("a.yaml", SPEC)
    command = [sys.executable, "-m", "kspec", "diff", "a.yaml", "-", "--set-b", "width=9"]
    done = subprocess.run(command, input=SPEC, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "a.yaml → <stdin> (width=9)" in done.stdout
    assert "units 8 → 9" in done.stdout


def test_from_python(in_tmp: Path) -> None:
    write("a.yaml", SPEC)
    loaded = kspec.load("a.yaml", sets=["width=9"])
    found = kspec.diff("a.yaml", loaded)
    assert isinstance(found, kspec.Difference)
    (change,) = found.own[0].changes[:1]
    assert tuple(change) == ("units", 8, 9)
    assert not kspec.diff(loaded, loaded)
    with pytest.raises(kspec.UsageError):
        kspec.diff(loaded)


def test_names_break_out_of_nothing(in_tmp: Path) -> None:
    """What a stranger calls a step is text: no picture, no link, no person is called by it."""
    name = "a`b|<img>@someone*"
    write("a.yaml", SPEC)
    write("b.yaml", SPEC.replace("name: hidden", f"name: '{name}'"))
    text = run_kspec("diff", "a.yaml", "b.yaml", "--format", "markdown").out
    fenced = False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif "someone" in line:
            assert fenced or line.startswith("### "), line
    assert not fenced
    assert one_markdown.code("a``b`") == "``` a``b` ```"


# -- revisions --------------------------------------------------------------------------------------------------------


def test_the_last_commit(repository: Path) -> None:
    alone = run_kspec("diff", "specs/small.yaml")
    assert alone.status == 0, alone.text
    assert alone.out.splitlines()[0] == "HEAD:specs/small.yaml → specs/small.yaml"
    assert "~ Dense wide:" in alone.out
    assert lines(run_kspec("diff", "main", "specs/small.yaml")) == lines(alone)
    assert lines(run_kspec("diff", "main:specs/small.yaml", "specs/small.yaml")) == lines(alone)
    assert lines(run_kspec("diff", "main:specs/small.yaml")) == lines(alone)


def test_from_another_folder(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = lines(run_kspec("diff", "specs/small.yaml"))
    monkeypatch.chdir(repository / "specs")
    assert lines(run_kspec("diff", "main", "small.yaml")) == whole
    assert lines(run_kspec("diff", "main:./small.yaml", "small.yaml")) == whole
    monkeypatch.chdir(repository.parent)
    assert lines(run_kspec("diff", "main", repository / "specs/small.yaml")) == whole


def test_two_revisions(repository: Path) -> None:
    git("commit", "--quiet", "-am", "two")
    whole = lines(run_kspec("diff", "HEAD~1", "specs/small.yaml"))
    assert whole
    assert lines(run_kspec("diff", "HEAD~1..HEAD", "specs/small.yaml")) == whole
    assert lines(run_kspec("diff", "HEAD~1..", "specs/small.yaml")) == whole
    git("checkout", "--quiet", "-b", "side", "HEAD~1")
    git("commit", "--quiet", "--allow-empty", "-m", "three")
    assert run_kspec("diff", "main...side", "specs/small.yaml", "--exit-code").status == 0
    assert run_kspec("diff", "side...main", "specs/small.yaml", "--exit-code").status == 1
    git("checkout", "--quiet", "main")
    git("mv", "specs/small.yaml", "specs/large.yaml")
    assert lines(run_kspec("diff", "HEAD~1:specs/small.yaml", "specs/large.yaml")) == whole


def test_a_spec_is_read_with_the_files_that_it_had(in_tmp: Path, repository: Path) -> None:
    """Bases, blocks, specs and saved models as steps, and a link: each as it was."""
    write("small.yaml", SPEC)
    Path("models").mkdir()
    assert run_kspec("build", "small.yaml", "-o", "models/trunk.keras").status == 0
    write("base/blocks.yaml", "kspec: 1\nblocks: {cell: {layers: [{Dense: 5}]}}\n")
    write("base/real.yaml", "kspec: 1\nimport: [blocks.yaml]\ninputs: {x: 4}\n")
    Path("base/base.yaml").symlink_to("real.yaml")
    write("specs/inner.yaml", "kspec: 1\ninputs: {x: 5}\nlayers: [{Dense: 6}]\n")
    write(
        "specs/whole.yaml",
        "kspec: 1\nextends: ../base/base.yaml\nlayers:\n"
        "  - {model: ../models/trunk.keras, name: trunk}\n  - cell\n  - {model: inner.yaml, name: inner}\n",
    )
    git("add", "-f", ".")
    git("commit", "--quiet", "-m", "two")
    assert run_kspec("diff", "specs/whole.yaml", "--exit-code").status == 0
    write("base/blocks.yaml", "kspec: 1\nblocks: {cell: {layers: [{Dense: 7}]}}\n")
    write("specs/inner.yaml", "kspec: 1\ninputs: {x: 7}\nlayers: [{Dense: 6}]\n")
    found = run_kspec("diff", "specs/whole.yaml")
    assert "~ Dense cell.dense: units 5 → 7; output (None, 5) → (None, 7)" in found.out
    assert "~ Input inner/x: shape [5] → [7]" in found.out
    Path("base/blocks.yaml").unlink()
    assert run_kspec("diff", "HEAD..HEAD", "specs/whole.yaml", "--exit-code").status == 0


def test_code_of_a_revision_runs_by_trust_alone(repository: Path) -> None:
    """Each revision has its own module of one name; its own pyproject.toml does not make it run."""
    write("pyproject.toml", "[tool.kspec]\ntrust = ['own']\n")
    write("specs/own.py", CODE.replace("by=0", "by=2"))
    write("specs/scaled.yaml", "kspec: 1\ncustom: [own]\ninputs: {x: 4}\nlayers: [Scale]\n")
    git("add", ".")
    git("commit", "--quiet", "-m", "two")
    write("specs/own.py", CODE.replace("by=0", "by=3"))
    refused = run_kspec("diff", "specs/scaled.yaml")
    assert refused.status == 1
    assert "HEAD:specs/scaled.yaml:4:10: error[untrusted-code]" in refused.err
    assert not Path("ran").exists()
    assert "~ own.Scale scale: by 2 → 3" in run_kspec("diff", "specs/scaled.yaml", "--trust", "own").out


def test_folders(repository: Path) -> None:
    """Specs that changed, those that include what changed, new ones and gone ones."""
    write("specs/base.yaml", "kspec: 1\ninputs: {x: 4}\n")
    write("specs/upon.yaml", "kspec: 1\nextends: base.yaml\nlayers: [{Dense: 2}]\n")
    write("specs/gone.yaml", SPEC)
    write("specs/other.yaml", SPEC.replace("hidden", "inside"))
    git("add", ".")
    git("commit", "--quiet", "-m", "two")
    assert run_kspec("diff", "HEAD", "specs", "--exit-code").out == "no spec differs from HEAD\n"
    write("specs/base.yaml", "kspec: 1\ninputs: {x: 5}\n")
    write("specs/new.yaml", "kspec: 1\ninputs: {x: 5}\nlayers: [Flatten, ReLU, {Dense: 3}]\n")
    git("mv", "specs/other.yaml", "specs/moved.yaml")
    Path("specs/gone.yaml").unlink()
    found = run_kspec("diff", "HEAD", "specs")
    assert found.status == 0, found.text
    check_golden(GOLDEN / "folder.txt", found.out)
    check_golden(GOLDEN / "folder.md", run_kspec("diff", "HEAD", "specs", "--format", "markdown").out)
    data = json.loads(run_kspec("diff", "HEAD", "specs", "--format", "json").out)
    for each in data:
        jsonschema.validate(each, SCHEMA)
    assert [each["b"]["label"] for each in data] == ["specs/upon.yaml"]
    assert run_kspec("diff", "HEAD", "specs", "--exit-code").status == 1
    write("specs/small.yaml", SPEC.replace("Dense", "Dens"))
    broken = run_kspec("diff", "HEAD", "specs", "--format", "markdown")
    assert broken.status == 1
    assert "### `specs/small.yaml`: problems as it is now" in broken.out
    assert "did you mean `Dense`?" in broken.err


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["mian", "specs/small.yaml"], ("git has no revision `mian` here", "did you mean `main`?")),
        (["main:specs/smal.yaml", "specs/small.yaml"], ("`main` has no file `specs/smal.yaml`", "git log --follow")),
        (["main..nothing", "specs/small.yaml"], ("git has no revision `nothing` here",)),
        (["--", "-x", "specs/small.yaml"], ("git has no revision `-x` here",)),
        (["specs/none.yaml", "specs/small.yaml"], ("cannot read the spec: there is no such file",)),
        (["main"], ("`main` is no file", "kspec diff main SPEC")),
        (["specs/small.yaml", "main"], ("`main` is a revision, and stands first", "kspec diff main specs/small.yaml")),
        (["specs/small.yaml", "specs"], ("several specs are compared with a revision",)),
        (["specs/small.yaml", "--set-b", "widht=3"], ("did you mean `width`?",)),
        (["main", "/"], ()),
        ([], ("Missing argument 'A'",)),
    ],
)
def test_wrong_use_is_two(repository: Path, arguments: list[str], said: tuple[str, ...]) -> None:
    outcome = run_kspec("diff", *arguments)
    assert outcome.status == 2, outcome.text
    assert outcome.out == ""
    assert all(each in outcome.err for each in said), outcome.err
    assert outcome.err.count("error[") <= 1 or "Usage" in outcome.err


def test_no_repository_and_no_git(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("small.yaml", SPEC)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(in_tmp.parent))
    outcome = run_kspec("diff", "small.yaml")
    assert (outcome.status, "is in no git repository" in outcome.err) == (2, True), outcome.text
    monkeypatch.setenv("PATH", str(in_tmp))
    outcome = run_kspec("diff", "main", "small.yaml")
    assert (outcome.status, "git is not installed" in outcome.err) == (2, True), outcome.text


def test_what_is_wrong_at_a_revision_is_told_there(repository: Path) -> None:
    write("base.yaml", "kspec: 1\ninputs: {x: 4}\nfit: {epoch: 3}\n")
    write("specs/wrong.yaml", "kspec: 1\nextends: ../base.yaml\nlayers: [{Dens: 3}]\n")
    git("add", ".")
    git("commit", "--quiet", "-m", "two")
    outcome = run_kspec("diff", "specs/wrong.yaml", "--exit-code")
    assert (outcome.status, outcome.out) == (1, "")
    assert "HEAD:specs/wrong.yaml:3:11: error[unknown-operation]" in outcome.err
    assert "HEAD:base.yaml:3:7: error" in outcome.err
    assert "kspec-" not in outcome.err
    Path("broken.keras").write_bytes(b"no")
    assert run_kspec("diff", "broken.keras", "specs/small.yaml").status == 3
