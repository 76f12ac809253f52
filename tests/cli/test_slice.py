"""`kspec slice` as a person uses it: what is printed, what is written, what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kspec import api
from tests.conftest import ROOT, SPECS, check_golden, run_kspec

GOLDEN = Path(__file__).parent / "golden"

SPEC = """\
kspec: 1
name: small
seed: 3
vars: {width: 8}
inputs: {x: 4, z: 2}
blocks:
  pair:
    vars: {units: 4}
    layers: [{Dense: $units}, ReLU]
  cell:
    nested: true
    layers: [{Dense: {units: 3, name: inner}}]
layers:
  - Dense: $width
    name: a
    from: x
  - pair: 5
  - Dense: $width
    name: b
  - Add:
    from: [a, b]
    name: sum
  - cell:
  - LSTMCell: 3
    name: later
    from: z
    when: false
  - Concatenate:
    from: [cell, z]
    name: end
compile: {optimizer: adam, loss: mse}
"""


@pytest.fixture
def small(in_tmp: Path) -> Path:
    (in_tmp / "pyproject.toml").touch()
    (in_tmp / "small.yaml").write_text(SPEC, encoding="utf-8")
    return in_tmp


CASES = {
    "block": ["small.yaml", "--from", "pair", "--to", "pair"],
    "around": ["small.yaml", "--from", "b", "--to", "sum", "--set", "width=6"],
    "outputs": ["small.yaml", "--from", "sum"],
    "several": ["small.yaml", "--to", "b", "--to", "cell"],
    "whole": ["small.yaml"],
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_printed(small: Path, name: str) -> None:
    outcome = run_kspec("slice", *CASES[name])
    assert outcome.status == 0, outcome.text
    check_golden(GOLDEN / f"slice_{name}.txt", f"{outcome.text}")
    Path("part.yaml").write_text(outcome.out, encoding="utf-8")
    assert run_kspec("check", "--strict", "part.yaml").status == 0


@pytest.mark.parametrize(
    ("spec", "arguments"),
    [
        ("lstm_states", ["--from", "lstm", "--to", "memory", "--to", "concatenate"]),
        ("two_headed_mlp", ["--from", "merged"]),
        ("vae", ["--from", "dense"]),
    ],
)
def test_slices_of_the_gallery(spec: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    outcome = run_kspec("slice", f"specs/{spec}.yaml", *arguments)
    check_golden(GOLDEN / f"slice_{spec}.txt", outcome.text)


WRONG = {
    "misspelt": ["--from", "sun"],
    "misspelt_end": ["--to", "pairs"],
    "inside": ["--to", "cell.inner"],
    "left_out": ["--from", "later"],
    "an_input": ["--to", "x"],
    "backwards": ["--from", "sum", "--to", "a"],
    "no_way": ["--from", "z", "--to", "sum"],
    "in_vain": ["--from", "sum", "--from", "a", "--to", "b"],
    "no_output": ["--to", "a.3"],
    "ending": ["-o", "part.keras"],
    "itself": ["-o", "small.yaml"],
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_use(small: Path, name: str) -> None:
    outcome = run_kspec("slice", "small.yaml", *WRONG[name])
    assert outcome.status == 2, outcome.text
    check_golden(GOLDEN / f"slice_wrong_{name}.txt", outcome.text)
    assert (small / "small.yaml").read_text(encoding="utf-8") == SPEC


def test_a_part_has_no_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SPECS)
    outcome = run_kspec("slice", "blocks/conv.yaml", "--to", "conv")
    assert outcome.status == 1
    assert "this file has no `layers`, so no model of its own" in outcome.err


def test_a_mistake_in_the_spec_is_told_as_always(small: Path) -> None:
    (small / "small.yaml").write_text(SPEC.replace("[a, b]", "[a, x]"), encoding="utf-8")
    outcome = run_kspec("slice", "small.yaml", "--to", "a")
    assert outcome.status == 1
    assert "small.yaml:20:5: error[shape]" in outcome.err


def test_written_where_it_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths hold from the folder of the file; where they cannot, nothing is written."""
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    (project / "parts").mkdir(parents=True)
    elsewhere.mkdir()
    for folder in (project, elsewhere):
        (folder / "pyproject.toml").touch()
    (project / "data").mkdir()
    shutil.copy(SPECS / "data" / "mnist_cnn.keras", project / "data")
    shutil.copy(SPECS / "transfer.yaml", project)
    monkeypatch.chdir(project)
    written = run_kspec("slice", "transfer.yaml", "--to", "trunk", "-o", "parts/trunk.yaml")
    assert written.status == 0, written.text
    assert written.out == "transfer → parts/trunk.yaml\n"
    text = Path("parts/trunk.yaml").read_text(encoding="utf-8")
    assert "  - model: ../data/mnist_cnn.keras\n" in text
    assert run_kspec("check", "parts/trunk.yaml").status == 0
    assert "  - model: data/mnist_cnn.keras\n" in run_kspec("slice", "transfer.yaml", "--to", "trunk").out
    refused = run_kspec("slice", "transfer.yaml", "--to", "trunk", "-o", "../elsewhere/trunk.yaml")
    assert refused.status == 2
    assert "the slice is not right in `../elsewhere`" in refused.err
    assert "leads out of the project" in refused.err
    missing = run_kspec("slice", "transfer.yaml", "--to", "trunk", "-o", "nowhere/trunk.yaml")
    assert missing.status == 3
    assert "the folder `nowhere` does not exist" in missing.err
    quiet = run_kspec("slice", "transfer.yaml", "--to", "reshape", "-q", "-o", "reshape.yml")
    assert (quiet.status, quiet.out, quiet.err) == (0, "", "")


def test_from_python(small: Path) -> None:
    told: list[str] = []
    made = api.load("small.yaml")
    text = made.slice("b", ["sum"], tell=told.append)
    assert api.loads(text).plan().outputs == (("sum", (None, 8), "float32"),)
    assert told[0] == "`sum` needs `a` too, which comes from outside: an input of its own"
    assert made.slice() == made.show()
    assert made.slice(end="end.0") == made.slice(end="end") == made.show()
    assert made.slice(end="a", output="a.yaml") == Path("a.yaml").read_text(encoding="utf-8")
