"""The formats that machines read: whole outputs, their schemas, and texts that try to break out of them."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from kspec.diagnostics import Note, Problem, Span
from kspec.report.formats import FORMATS, Checked, Results, printed
from tests.conftest import check_golden, run_kspec

HERE = Path(__file__).parent
CASES = HERE.parent / "specs"
SARIF = json.loads((HERE / "sarif-2.1.0-rtm.5.json").read_text(encoding="utf-8"))
"""SchemaStore's schema of SARIF 2.1.0, as the npm package @microsoft/jest-sarif has it (MIT)."""
OURS = json.loads((resources.files("kspec.report.formats") / "results.schema.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("format", FORMATS)
def test_what_check_prints(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error with notes in a block, a warning, a file that is not there, and a spec that is right."""
    monkeypatch.chdir(CASES)
    paths = ("invalid/every_problem_in_blocks.yaml", "warned/monitors.yaml", "valid/reuse_layer.yaml", "none.yaml")
    outcome = run_kspec("check", *paths, "--format", format)
    assert outcome.status == 2
    assert outcome.err == ""
    check_golden(HERE / "golden" / "formats" / f"{format}.txt", outcome.out)


TEXT = some.text(max_size=30) | some.sampled_from(
    ["]]>", "::error::x", "%0A", "\r\n", "<!--", '"', "\x00\x1b[31m", "a,b:c"]
)
SPANS = some.builds(
    lambda file, line, column, text: Span(file, line, column, line, column + 3, text),
    TEXT,
    some.integers(1, 9),
    some.integers(1, 9),
    TEXT,
)
PROBLEMS = some.builds(
    Problem,
    code=some.sampled_from(["shape", "unused", "wrong-value"]),
    message=TEXT,
    help=TEXT,
    route=some.tuples(TEXT, some.integers(0, 3)),
    notes=some.lists(some.builds(Note, TEXT, span=some.none() | SPANS), max_size=2).map(tuple),
    severity=some.sampled_from(["error", "warning"]),
    span=some.none() | SPANS,
    file=TEXT,
)


@settings(max_examples=60, deadline=None)
@given(
    some.lists(PROBLEMS, max_size=4), some.lists(some.builds(Checked, TEXT, some.none() | some.integers(0)), max_size=2)
)
def test_no_text_breaks_out(problems: list[Problem], checked: list[Checked]) -> None:
    results = Results.of(checked, problems)
    texts = {name: printed(name, results) for name in FORMATS}
    data = json.loads(texts["json"])
    jsonschema.validate(data, OURS)
    assert len(data["problems"]) == len(results.problems)
    jsonschema.validate(json.loads(texts["sarif"]), SARIF)
    suite = ElementTree.fromstring(texts["junit"]).find("testsuite")
    assert suite is not None
    assert int(suite.get("tests", "")) == len(suite)
    for name in ("github", "concise"):
        lines = texts[name].split("\n")
        assert len(lines) == len(results.problems) + 1
        assert not any(ord(character) < 32 for line in lines for character in line)
    assert all(line.startswith(("::error ", "::warning ")) for line in texts["github"].split("\n")[:-1])


def test_sarif_rules_carry_their_help() -> None:
    results = Results.of([], [Problem("shape", "m", file="a b/ü.yaml"), Problem("shape", "n", file="/tmp/x.yaml")])
    (run,) = json.loads(printed("sarif", results))["runs"]
    (rule,) = run["tool"]["driver"]["rules"]
    assert rule["id"] == "shape"
    assert "Reshape" in rule["help"]["markdown"]
    uris = [each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in run["results"]]
    assert uris == ["file:///tmp/x.yaml", "a%20b/%C3%BC.yaml"]


def test_strict_takes_warnings_as_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CASES / "warned")
    assert run_kspec("check", "monitors.yaml").status == 0
    strict = run_kspec("check", "monitors.yaml", "--strict", "--fast")
    assert strict.status == 1
    assert "ok:" not in strict.out
    assert strict.out.endswith("\n3 errors in monitors.yaml\n")


def test_exit_zero_is_for_problems_of_specs_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CASES / "invalid")
    assert run_kspec("check", "every_problem_at_once.yaml", "--exit-zero", "--fast").status == 0
    assert run_kspec("check", "none.yaml", "--exit-zero", "--fast").status == 2


def test_a_project_ignores_warnings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("spec.yaml").write_text("kspec: 1\nvars: {a: 1}\ninputs: {x: 8}\nlayers: [{Dense: 1}]\n", encoding="utf-8")
    Path("pyproject.toml").touch()
    assert "warning[unused]" in run_kspec("check", "spec.yaml", "--fast").out
    Path("pyproject.toml").write_text('[tool.kspec]\nignore = ["unused"]\n', encoding="utf-8")
    assert run_kspec("check", "spec.yaml", "--fast").out == "ok: spec.yaml\n"
    Path("pyproject.toml").write_text("[tool.kspec]\nignore = 3\n", encoding="utf-8")
    assert run_kspec("check", "spec.yaml", "--fast").status == 3
