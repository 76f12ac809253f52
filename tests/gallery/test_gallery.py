"""Every spec of the gallery is checked, built and run: trained for an epoch, evaluated, used for predictions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

import kspec
from tests.conftest import SPECS, run_kspec

ALL = sorted(SPECS.glob("*.yaml"))
TRUST = ("--trust", "custom_layers")


def content(path: Path) -> dict[str, object]:
    """The spec with what it extends, as far as its own sections go."""
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    base = data.get("extends")
    return {**content(path.parent / base), **data} if base else data


QUICK = (
    "autoencoder",
    "digits_mlp",
    "lstm_states",
    "siamese_twin",
    "vae",
    "wide_and_deep",
)
TRAINED = [
    pytest.param(path, marks=[] if path.stem in QUICK else [pytest.mark.slow], id=path.stem)
    for path in ALL
    if "data" in content(path)
]


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the gallery: a project of its own, as a person has it."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(SPECS, folder / "specs", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture
def here(gallery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The copy as current directory, and a folder for what a test writes in it."""
    monkeypatch.chdir(gallery)
    folder = gallery / tmp_path.name
    folder.mkdir()
    return folder


def test_there_is_enough_to_learn_from() -> None:
    assert len(ALL) >= 15


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_checks_and_says_what_to_expect(path: Path) -> None:
    outcome = run_kspec("check", path, *TRUST)
    assert (outcome.status, outcome.err) == (0, ""), outcome.text
    expected = content(path).get("expect")
    assert isinstance(expected, dict)
    assert "params" in expected, "a gallery spec says how large it is"


@pytest.mark.parametrize("path", [path for path in ALL if path.stem != "large_decoder"], ids=lambda path: path.stem)
def test_builds_and_summarizes(path: Path, here: Path) -> None:
    """What is known before a model is built is what the built model has, and what its file says."""
    built = run_kspec("build", f"specs/{path.name}", "-o", here / "model.keras", *TRUST)
    assert built.status == 0, built.text
    weights = kspec.load(f"specs/{path.name}", trust=["custom_layers"]).build(compile=False).weights
    counted = built.out.split(": ")[1].split(" parameters")[0]
    for target in (f"specs/{path.name}", here / "model.keras"):
        summary = run_kspec("summary", target, "--format", "json", *TRUST)
        assert summary.status == 0, summary.text
        found = json.loads(summary.out)
        assert f"{found['params']:,}" == counted
        assert found["weight_bytes"] == sum(weight.value.nbytes for weight in weights)
        assert found["params"] == sum(layer["params"] for layer in found["layers"])
        assert all(
            layer["trainable"] + layer["frozen"] + layer["other"] == layer["params"] for layer in found["layers"]
        )


def test_a_model_that_no_machine_here_holds_is_known_and_refused(here: Path) -> None:
    refused = run_kspec("build", "specs/large_decoder.yaml", "-o", here / "model.keras", "--max-memory", "64GiB")
    assert refused.status == 1
    assert "the weights take 247.8 GiB, and 64.0 GiB are allowed" in refused.err
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("path", TRAINED)
def test_trains_and_is_used(path: Path, here: Path) -> None:
    fitted = run_kspec("fit", f"specs/{path.name}", "--set", "fit.epochs=1", "-o", here / "run", *TRUST)
    assert fitted.status == 0, fitted.text
    rows = [json.loads(line) for line in (here / "run/history.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["epoch"] for row in rows] == [1]
    measured = run_kspec("evaluate", here / "run", "--json", *TRUST)
    assert measured.status == 0, measured.text
    assert json.loads(measured.out)["loss"] >= 0
    predicted = run_kspec("predict", here / "run", "-o", here / "predictions.npz", *TRUST)
    assert predicted.status == 0, predicted.text


def test_the_first_spec_learns(here: Path) -> None:
    """The README's command: at least 0.95 of the digits of the last tenth are right."""
    fitted = run_kspec("fit", "specs/digits_mlp.yaml", "--json", "-o", here / "run")
    assert fitted.status == 0, fitted.text
    rows = [json.loads(line) for line in (here / "run/history.jsonl").read_text(encoding="utf-8").splitlines()]
    assert max(row["val_accuracy"] for row in rows) >= 0.95
    assert {path.name for path in (here / "run").iterdir()} == {
        *(
            "spec.yaml",
            "run.json",
            "history.jsonl",
            "curve.svg",
            "model.keras",
            "model.weights.h5",
            "checkpoints",
            ".lock",
        ),
    }
    again = run_kspec("check", here / "run/spec.yaml")
    assert again.status == 0, again.text
