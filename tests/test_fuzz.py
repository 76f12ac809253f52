"""Two thousand mutations of the gallery; ``python tests/fuzz.py`` runs as many as one likes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import run, told


@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.slow) for part in range(1, 4))])
def test_the_checker_ends_with_0_or_1(part: int, tmp_path: Path) -> None:
    report = run(500, 0, tmp_path, start=500 * part)
    assert not report.failures, told(report) + "".join(f"\ncase {each.case}: {each.why}" for each in report.failures)
    assert sum(report.statuses.values()) == 500
