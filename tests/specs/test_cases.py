"""Dropped cases: each file of `invalid` is refused with exactly the output beside it, each of `valid` passes, and each
of `warned` passes with warnings.

A case is `NAME.yaml` with the whole expected output in `NAME.txt`: what `kspec check` prints of an invalid or a warned
one, the canonical spec (`kspec show`) of a valid one. A first line ``# args: --set width=3`` adds arguments to the
command. Files that cases need stand in `parts`.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.cli import test_codes
from tests.conftest import ROOT, SPECS, Outcome, check_golden, run_kspec

HERE = Path(__file__).parent
INVALID = sorted((HERE / "invalid").glob("*.yaml"))
VALID = sorted((HERE / "valid").glob("*.yaml"))
WARNED = sorted((HERE / "warned").glob("*.yaml"))
GALLERY = sorted(SPECS.glob("*.yaml"))


def arguments(path: Path) -> list[str]:
    first = path.read_bytes().split(b"\n", 1)[0].decode("utf-8", "replace")
    return shlex.split(first.removeprefix("# args:")) if first.startswith("# args:") else []


def checked(path: Path, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """`kspec check` of a case; the same text wherever the project's root lies, however long its name."""
    monkeypatch.chdir(path.parent)
    outcome = run_kspec("check", path.name, *arguments(path))
    if str(ROOT) in outcome.text:  # where lines are wrapped depends on it
        monkeypatch.setenv("COLUMNS", "1000")
        outcome = run_kspec("check", path.name, *arguments(path))
    return Outcome(outcome.status, outcome.out.replace(str(ROOT), "ROOT"), outcome.err.replace(str(ROOT), "ROOT"))


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_invalid(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = checked(path, monkeypatch)
    assert outcome.status in (1, 2, 3), outcome.text
    assert "defect" not in outcome.err
    check_golden(path.with_suffix(".txt"), outcome.text)


@pytest.mark.parametrize("path", WARNED, ids=lambda path: path.stem)
def test_warned(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = checked(path, monkeypatch)
    assert outcome.status == 0, outcome.text
    assert "warning[" in outcome.text
    check_golden(path.with_suffix(".txt"), outcome.text)


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_valid(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    outcome = run_kspec("check", path.name, *arguments(path))
    assert outcome.status == 0, outcome.text
    outcome = run_kspec("show", path.name, *arguments(path))
    check_golden(path.with_suffix(".txt"), outcome.text)


@pytest.mark.parametrize("path", [*VALID, *GALLERY], ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_canonical_spec_is_its_own(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`kspec show` of what `kspec show` printed is the same text."""
    from kspec import api

    monkeypatch.chdir(path.parent)
    trust = () if path in VALID and "--trust" not in arguments(path) else ("parts", "custom_layers")
    sets = [after for before, after in zip(arguments(path), arguments(path)[1:], strict=False) if before == "--set"]
    text = api.load(path.name, sets=sets, trust=trust).show()
    assert api.loads(text, name=path.name, trust=trust).show() == text


def test_every_code_has_a_case() -> None:
    """Every problem code has a golden case, here or among those of data, files and runs."""
    from kspec.report.explain import codes

    files = [*(HERE / "invalid").glob("*.txt"), *(HERE / "warned").glob("*.txt")]
    shown = "".join(path.read_text(encoding="utf-8") for path in files)
    elsewhere = {*test_codes.CASES, test_codes.ENVIRONMENT}
    assert not [code for code in codes() if code not in elsewhere and f"[{code}]" not in shown]
    assert elsewhere <= set(codes())
