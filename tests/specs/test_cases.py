"""Dropped cases: every file of `invalid` is refused with exactly the output beside it, every file of `valid` passes.

A case is `NAME.yaml` with the whole expected output in `NAME.txt`. A first line `# args: --set width=3` adds
arguments to `kspec check`. Files that cases need stand in `parts`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import check_golden, run_kspec

HERE = Path(__file__).parent
INVALID = sorted((HERE / "invalid").glob("*.yaml"))
VALID = sorted((HERE / "valid").glob("*.yaml"))


def arguments(path: Path) -> list[str]:
    first = path.read_bytes().split(b"\n", 1)[0].decode("utf-8", "replace")
    return first.removeprefix("# args:").split() if first.startswith("# args:") else []


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_invalid(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    outcome = run_kspec("check", path.name, *arguments(path))
    assert outcome.status in (1, 2, 3), outcome.text
    assert "defect" not in outcome.err
    check_golden(path.with_suffix(".txt"), outcome.text)


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_valid(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    outcome = run_kspec("check", path.name, *arguments(path))
    assert outcome.status == 0, outcome.text
    outcome = run_kspec("show", path.name, *arguments(path))
    check_golden(path.with_suffix(".txt"), outcome.text)


def test_every_code_has_a_case() -> None:
    """Every problem code that a spec can cause has a golden case."""
    from kspec.report.explain import codes

    shown = "".join(path.read_text(encoding="utf-8") for path in (HERE / "invalid").glob("*.txt"))
    missing = [code for code in codes() if code not in ELSEWHERE and f"[{code}]" not in shown]
    assert not missing


ELSEWHERE = frozenset[str]()
"""Codes of data, files and runs: their cases are in tests/training and tests/cli."""
