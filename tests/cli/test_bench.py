"""`kspec bench`: what it measures, what it prints, what it refuses."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from kspec.model.cost.speed import Measured, Outcome
from kspec.report.bench import Bench, bench_json, print_bench
from tests.conftest import check_golden, run_kspec

SPEC = """\
kspec: 1
name: small
seed: 1
inputs: {x: 4, tokens: {shape: [3], dtype: int32}}
layers:
  - Embedding: {input_dim: 5, output_dim: 2}
    from: tokens
  - Flatten
  - Concatenate:
    from: [previous, x]
  - Dense: {units: 3, activation: softmax}
    name: kind
compile: {optimizer: adam, loss: sparse_categorical_crossentropy, metrics: [accuracy]}
fit: {batch_size: 8}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SPEC, encoding="utf-8")
    return tmp_path


def test_everything_is_measured(folder: Path) -> None:
    done = run_kspec("bench", "small.yaml", "--rows", "50", "--repeats", "2", "--json")
    assert (done.status, done.err) == (0, "")
    found = json.loads(done.out)
    assert (found["name"], found["rows"], found["batch_size"], found["data"]) == ("small", 50, 8, "50 random rows")
    assert set(found["contenders"]) == {"keras", "kspec", "hand_scan", "hand_single"}
    for each in found["contenders"].values():
        assert len(each["epochs"]) == 2
        assert all(seconds > 0 for seconds in each["epochs"])
        assert each["steps_per_second"] == pytest.approx(7 / each["epoch"])
        assert each["first_epoch"] > each["epoch"]
    assert found["contenders"]["keras"]["to_fit"] == 1
    assert found["way"] in ("single", "scan", "unrolled")
    assert 0 < found["first_step_warm"] < found["first_step_cold"]
    assert found["training_flops"] > 0
    assert 0 < found["utilisation"] < 1
    assert found["program_memory"] > 0
    assert not list(folder.glob("runs"))


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (["--rows", "7"], 2, "there are 7 rows, and a batch has 8"),
        (["--rows", "9", "--data", "x.npz"], 2, "`--rows` are random ones, and `--data` has its own"),
        (["--data", "missing.npz"], 3, "there is no file"),
        (["--set", "compile=null"], 1, "training needs `compile`"),
    ],
    ids=lambda value: str(value) if isinstance(value, list) else "",
)
def test_what_is_refused(folder: Path, args: list[str], status: int, said: str) -> None:
    done = run_kspec("bench", "small.yaml", *args)
    assert (done.status, done.out) == (status, "")
    assert said in done.err


def test_what_is_printed() -> None:
    """By numbers that do not hang on the machine."""
    contenders = (
        Measured("keras", 2.5, [0.5, 0.4, 0.6]),
        Measured("kspec", 2.0, [0.02, 0.02, 0.03]),
        Measured("hand_scan", 1.0, [0.019, 0.02, 0.03]),
        Measured("hand_single", 0.5, [0.1, 0.1, 0.2]),
    )
    why = "the fastest of those tried, for a step: single 130 µs, scan 13 µs"
    outcome = Outcome(50_000, 32, contenders, "scan", why, 2.25, 0.75, 1.5, 3 << 20)
    told = Bench("tiny", "50,000 random rows", outcome, "cpu", 3e5, 1e11, "what a product of matrices reaches here")
    stream = io.StringIO()
    print_bench(told, stream)
    check_golden(Path(__file__).parent / "golden" / "bench.txt", stream.getvalue())
    check_golden(Path(__file__).parent / "golden" / "bench.json", bench_json(told))
