"""Specs of the gallery, broken in every way there is, run through the checker: it must end by itself with 0 or 1.

    python tests/fuzz.py --count 100000 --seed 0

Case N of a seed is always the same: ``--only N`` runs it again and prints it. Beside the status a case fails by a
traceback, by a defect that the checker admits, and by taking longer than ``--seconds``.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.conftest import SPECS, run_kspec
from tests.mutants import mutant

WHOLE = 0.05
"""The share of whole checks, which build the model: each takes twenty times as long."""


class Failure(NamedTuple):
    """A case that did not end as it must."""

    case: int
    why: str
    data: bytes


class Report(NamedTuple):
    """What came of all cases."""

    statuses: Counter[int]
    failures: list[Failure]
    slowest: list[tuple[float, int]]
    """Seconds and case, the slowest first."""


class _TooSlow(Exception):
    """Raised in the midst of a check that takes too long."""


def cases(count: int, seed: int, texts: list[bytes], *, start: int = 0) -> Iterator[tuple[int, bytes, bool]]:
    """Number, bytes, and whether the check is a whole one."""
    for case in range(start, start + count):
        chance = random.Random(f"{seed}:{case}")
        whole = chance.random() < WHOLE
        yield case, mutant(chance, texts), whole


def gallery(folder: Path) -> list[bytes]:
    """The texts of the gallery, which is copied to `folder`: what a spec names is there."""
    shutil.copytree(SPECS, folder, dirs_exist_ok=True)
    (folder / "pyproject.toml").write_text('[tool.kspec]\ntrust = ["custom_layers"]\n', encoding="utf-8")
    return [path.read_bytes() for path in sorted(SPECS.rglob("*.yaml"))]


def run(
    count: int, seed: int, folder: Path, *, start: int = 0, seconds: float = 0, every: int = 0, keep: Path | None = None
) -> Report:
    """Check `count` cases in `folder`; with `seconds` each may take so long, with `every` it is said how far it is."""
    texts, began = gallery(folder), time.monotonic()
    report = Report(Counter(), [], [])
    path = folder / "case.yaml"
    for case, data, whole in cases(count, seed, texts, start=start):
        path.write_bytes(data)
        started = time.monotonic()
        status, why = _checked(path, whole, seconds)
        report.statuses[status] += 1
        report.slowest.append((time.monotonic() - started, case))
        if why:
            report.failures.append(Failure(case, why, data))
            if keep is not None:
                (keep / f"{seed}-{case}{'-whole' if whole else ''}.yaml").write_bytes(data)
                print(f"case {case}: {why}", flush=True)
        if every and (case + 1 - start) % every == 0:
            report.slowest[:] = sorted(report.slowest, reverse=True)[:5]
            print(f"{case + 1 - start:,} in {time.monotonic() - began:.0f} s: {told(report)}", flush=True)
    report.slowest[:] = sorted(report.slowest, reverse=True)[:5]
    return report


def told(report: Report) -> str:
    """A report in a line."""
    statuses = ", ".join(f"{count:,} with {status}" for status, count in sorted(report.statuses.items()))
    slowest = ", ".join(f"{seconds:.2f} s (case {case})" for seconds, case in report.slowest[:3])
    return f"{statuses}; {len(report.failures)} failed; slowest {slowest}"


def _checked(path: Path, whole: bool, seconds: float) -> tuple[int, str]:
    """The exit status of a check and what is wrong with how it ended."""
    with _bounded(seconds):
        outcome = run_kspec("check", path, *([] if whole else ["--fast"]))
    if outcome.status not in (0, 1):
        return outcome.status, f"status {outcome.status}: {(outcome.err or outcome.out)[:300]}"
    for word in ("Traceback (most recent call last)", "a defect of kspec"):
        if word in outcome.out + outcome.err:
            return outcome.status, word
    return outcome.status, ""


@contextlib.contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    """Raise in what takes longer than so many seconds; where C code does not hear that, end with a stack."""
    if not seconds:
        yield
        return

    def stop(*_: object) -> None:
        raise _TooSlow(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    faulthandler.dump_traceback_later(6 * seconds, exit=True)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)


def main() -> int:
    """Exit status: 0, or 1 where a case failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, default=0, help="the first case")
    parser.add_argument("--only", type=int, metavar="CASE", help="print this case and what the checker says of it")
    parser.add_argument("--seconds", type=float, default=20, help="the bound for one case")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where the cases that failed are written")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kspec-fuzz-") as folder:
        place = Path(folder)
        if given.only is not None:
            ((_, data, whole),) = cases(1, given.seed, gallery(place), start=given.only)
            (place / "case.yaml").write_bytes(data)
            flags = ["--traceback"] if whole else ["--traceback", "--fast"]
            print(
                data.decode(errors="backslashreplace"), run_kspec("check", place / "case.yaml", *flags).text, sep="\n"
            )
            return 0
        if given.keep is not None:
            given.keep.mkdir(parents=True, exist_ok=True)
        report = run(
            given.count, given.seed, place, start=given.start, seconds=given.seconds, every=1000, keep=given.keep
        )
    print(told(report))
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
