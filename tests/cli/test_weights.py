"""kspec weights, as a person uses it: what is printed, whole, and the exit status."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import check_golden, run_kspec
from tests.test_transfer import small

GOLDEN = Path(__file__).parent / "golden" / "weights"


@pytest.fixture
def files(in_tmp: Path) -> Path:
    """Two models, the second with more classes, their weights under equal seeds, and one whose numbers are known."""
    small("a.yaml")
    small("b.yaml", units=5)
    for name in ("a.keras", "a.weights.h5", "a.safetensors"):
        assert run_kspec("build", "a.yaml", "-o", name).status == 0
    rows = np.arange(24, dtype="float32").reshape(4, 6)
    np.savez("known.npz", **{"trunk/kernel": rows, "trunk/bias": np.array([0, 0, 1, np.nan, np.inf, -1], "float32")})
    return in_tmp


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("ls_keras", ["ls", "a.keras"]),
        ("ls_numbered", ["ls", "a.weights.h5"]),
        ("ls_stats", ["ls", "known.npz", "--stats"]),
        ("ls_stats_csv", ["ls", "known.npz", "--stats", "--format", "csv"]),
        ("ls_markdown", ["ls", "a.safetensors", "--format", "markdown"]),
        ("ls_json", ["ls", "known.npz", "--stats", "--format", "json"]),
        ("ls_model", ["ls", "a.weights.h5", "--model", "a.yaml", "--format", "csv"]),
        ("ls_other_model", ["ls", "known.npz", "--model", "other.yaml"]),
        ("ls_spec", ["ls", "a.yaml"]),
        ("diff_equal", ["diff", "a.keras", "a.weights.h5", "--exit-code"]),
        ("diff_known", ["diff", "a.safetensors", "known.npz", "--exit-code"]),
        ("diff_json", ["diff", "known.npz", "a.safetensors", "--format", "json"]),
        ("diff_markdown", ["diff", "known.npz", "a.safetensors", "--format", "markdown"]),
        ("copy_part", ["copy", "a.keras", "b.yaml", "-o", "c.keras"]),
        ("copy_json", ["copy", "known.npz", "b.yaml", "-o", "c.safetensors", "--format", "json"]),
        ("copy_markdown", ["copy", "known.npz", "b.yaml", "-o", "c.weights.h5", "--format", "markdown"]),
        ("copy_map", ["copy", "known.npz", "b.yaml", "-o", "c.keras", "--map", "trunk/bias=batch_normalization/gamma"]),
        ("copy_strict", ["copy", "a.keras", "b.yaml", "-o", "c.keras", "--strict"]),
        ("copy_ending", ["copy", "a.keras", "b.yaml", "-o", "c.npz"]),
        ("copy_nowhere", ["copy", "a.keras", "b.yaml", "-o", "nowhere/c.keras"]),
    ],
)
def test_printed(name: str, arguments: list[str], files: Path) -> None:
    Path("other.yaml").write_text("kspec: 1\ninputs: {x: 4}\nlayers: [{Dense: 9, name: other}]\n", encoding="utf-8")
    before = set(files.iterdir())
    outcome = run_kspec("weights", *arguments)
    check_golden(GOLDEN / f"{name}.txt", outcome.text)
    written = [path.name for path in set(files.iterdir()) - before]
    assert written == ([arguments[4]] if arguments[0] == "copy" and outcome.status == 0 else [])


def test_a_run(files: Path) -> None:
    np.savez("data.npz", x=np.ones((16, 4), "float32"), head=np.ones((16, 3), "float32"))
    text = Path("a.yaml").read_text() + "compile: {optimizer: adam, loss: mse}\nfit: {epochs: 1}\n"
    Path("t.yaml").write_text(text, encoding="utf-8")
    assert run_kspec("fit", "t.yaml", "--data", "data.npz", "-o", "run", "-q").status == 0
    listed = json.loads(run_kspec("weights", "ls", "run", "--format", "json").out)
    assert listed["params"] == 4 * 6 + 6 + 4 * 6 + 6 * 3 + 3
    assert listed["arrays"] > listed["weights"]  # the optimizer's are told apart
    assert run_kspec("weights", "diff", "run", "run/model.keras", "--exit-code").status == 0
    assert run_kspec("weights", "diff", "run", "a.keras", "--exit-code").status == 1
    assert run_kspec("weights", "copy", "run", "a.yaml", "-o", "c.keras", "--strict", "-q").text == "exit 0\n"
    assert run_kspec("weights", "diff", "run", "c.keras", "--exit-code").status == 0


def test_help(files: Path) -> None:
    for command in ([], ["ls"], ["diff"], ["copy"]):
        assert run_kspec("weights", *command, "--help").status == 0
    assert run_kspec("weights", "sl").status == 2
    assert run_kspec("weights", "copy", "a.keras", "a.yaml").status == 2


def test_copy_has_the_option_that_its_problem_names(files: Path) -> None:
    arguments = ("weights", "copy", "a.keras", "b.yaml", "-o", "c.keras", "-q", "--max-memory")
    refused = run_kspec(*arguments, "100")
    assert refused.status == 1
    assert "100 bytes are allowed" in refused.err
    assert "raise it with `--max-memory`" in refused.err
    assert not Path("c.keras").exists()
    assert run_kspec(*arguments, "1GiB").text == "exit 0\n"
