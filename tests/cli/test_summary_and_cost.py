"""`kspec summary` and `kspec cost`, in all their formats, of specs, run folders and saved models."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import yaml

import kspec
from tests.conftest import ROOT, check_golden, run_kspec

GOLDEN = Path(__file__).parent / "golden" / "costs"


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


SUMMARIES = {
    "autoencoder.txt": ("specs/autoencoder.yaml",),
    "autoencoder_depth.txt": ("specs/autoencoder.yaml", "--depth", "1"),
    "autoencoder.json": ("specs/autoencoder.yaml", "--format", "json"),
    "autoencoder.csv": ("specs/autoencoder.yaml", "--format", "csv"),
    "decoder.md": ("specs/decoder.yaml", "--format", "markdown"),
    "decoder_folded.txt": ("specs/decoder.yaml", "--depth", "0"),
    "unet_copies.txt": ("specs/unet.yaml", "--depth", "1"),
    "large_decoder.txt": ("specs/large_decoder.yaml",),
}


@pytest.mark.parametrize("name", SUMMARIES)
def test_summary(name: str) -> None:
    outcome = run_kspec("summary", *SUMMARIES[name])
    assert outcome.status == 0
    check_golden(GOLDEN / name, outcome.text)


COSTS = {
    "cost.txt": ("specs/digits_cnn.yaml",),
    "cost_decoder.txt": ("specs/decoder.yaml", "--remat", "--device", "h200", "--device", "t4", "--batch-size", "8"),
    "cost_decoder.md": (
        "specs/decoder.yaml",
        "--remat",
        "--device",
        "t4",
        "--examples",
        "50000",
        "--format",
        "markdown",
    ),
    "cost.csv": ("specs/digits_cnn.yaml", "--format", "csv"),
    "cost.json": ("specs/autoencoder.yaml", "--format", "json", "--device", "l4", "--remat"),
    "cost_unknown_device.txt": ("specs/digits_cnn.yaml", "--device", "h300"),
    "cost_batch.txt": ("specs/digits_cnn.yaml", "--batch-size", "-1"),
    "cost_max_of_what.txt": ("specs/digits_cnn.yaml", "--batch-size", "max"),
    "cost_too_little.txt": ("specs/digits_cnn.yaml", "--batch-size", "max", "--memory", "1KB"),
    "cost_max.txt": ("specs/digits_cnn.yaml", "--batch-size", "max", "--memory", "8MB", "--depth", "0"),
}


@pytest.mark.parametrize("name", COSTS)
def test_cost(name: str) -> None:
    check_golden(GOLDEN / name, run_kspec("cost", *COSTS[name]).text)


def test_formats_tell_the_same() -> None:
    """JSON and CSV have every step; the sum of the steps is the whole."""
    found = json.loads(run_kspec("cost", "specs/decoder.yaml", "--format", "json").out)
    rows = list(csv.DictReader(io.StringIO(run_kspec("cost", "specs/decoder.yaml", "--format", "csv").out)))
    assert [layer["name"] for layer in found["layers"]] == [row["name"] for row in rows][: len(found["layers"])]
    assert sum(int(row["training_flops"]) for row in rows) == pytest.approx(found["training_flops"], abs=len(rows))
    assert sum(layer["forward_flops"] for layer in found["layers"]) == pytest.approx(found["forward_flops"], rel=1e-3)
    assert found["memory"]["total"] == sum(size for part, size in found["memory"].items() if part != "total")


def test_targets_tell_the_same(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spec, what was built of it and what was trained of it."""
    spec = str(ROOT / "specs" / "digits_mlp.yaml")
    loaded = kspec.load(spec, sets=["fit.epochs=1"])
    assert run_kspec("build", spec, "-o", "model.keras").status == 0
    loaded.fit(output="run")
    told = [json.loads(run_kspec("summary", target, "--format", "json").out) for target in (spec, "model.keras", "run")]
    for key in ("params", "trainable", "weight_bytes", "flops", "depth"):
        assert len({each[key] for each in told}) == 1, key
    costs = [json.loads(run_kspec("cost", target, "--format", "json").out) for target in (spec, "run")]
    assert costs[0]["training_flops"] == costs[1]["training_flops"]
    refused = run_kspec("summary", "model.keras", "--set", "width=3")
    assert (refused.status, "nothing of `model.keras` can be set" in refused.err) == (2, True)
    changed = json.loads(run_kspec("summary", "run", "--set", "layers.dense.units=16", "--format", "json").out)
    assert changed["params"] < told[0]["params"]


def test_a_variant_is_summarized_whatever_its_spec_expects() -> None:
    outcome = run_kspec("summary", "specs/decoder.yaml", "--set", "depth=3")
    assert (outcome.status, "× 3" in outcome.out) == (0, True)


OPEN = """\
kspec: 1
inputs: {x: [null, 8]}
layers: [LSTM: 4]
compile: {optimizer: sgd, loss: mse}
"""


def test_open_axes(in_tmp: Path) -> None:
    Path("open.yaml").write_text(OPEN, encoding="utf-8")
    summary = run_kspec("summary", "open.yaml")
    assert summary.status == 0
    assert "FLOPs are left out: `x` has axes of any size" in summary.err
    assert "FLOPs" not in summary.out
    longer = [
        json.loads(run_kspec("summary", "open.yaml", "--length", str(n), "--format", "json").out) for n in (5, 50)
    ]
    assert longer[1]["flops"] == pytest.approx(10 * longer[0]["flops"], rel=0.1)
    refused = run_kspec("cost", "open.yaml")
    assert (refused.status, "say how long they are: `--length 128`" in refused.err) == (2, True)
    assert run_kspec("cost", "open.yaml", "--length", "7").status == 0


def test_devices_of_ones_own(in_tmp: Path) -> None:
    spec = str(ROOT / "specs" / "digits_mlp.yaml")
    mine = {"mine": {"flops": {"float32": 1e9}, "memory": "1GiB", "bandwidth": 1e12, "price": 3600}}
    Path("mine.yaml").write_text(yaml.safe_dump(mine).replace("1000000000.0", "1e9"), encoding="utf-8")
    options = ("--devices", "mine.yaml", "--device", "mine", "--format", "json", "--batch-size", "100")
    slow, fast = (
        json.loads(run_kspec("cost", spec, *options, "--utilisation", share).out)["devices"][0]
        for share in ("0.5", "1.0")
    )
    assert slow["seconds"] == pytest.approx(2 * fast["seconds"], rel=0.01)
    flops = json.loads(run_kspec("cost", spec, *options).out)["training_flops"]
    assert fast["seconds"] == pytest.approx(flops / 1e9, rel=0.05)
    assert fast["price_of_a_million_examples"] == pytest.approx(fast["seconds"] * 10_000, rel=1e-6)
    assert fast["fits"]
    for text, message in (
        ("mine: {flops: {float32: fast}, memory: 1GiB, bandwidth: 1}", "`mine.flops.float32`"),
        ("mine: {flops: {float32: 1e9}, memory: 1Gx, bandwidth: 1.0}", "`mine.memory`"),
        ("- a100", "a table of devices is a mapping"),
        ("mine: {flops: {float32: 1e9}, memory: 1GiB, bandwith: 1.0}", "`mine.bandwith`"),
    ):
        Path("wrong.yaml").write_text(text, encoding="utf-8")
        refused = run_kspec("cost", spec, "--devices", "wrong.yaml", "--device", "mine")
        assert (refused.status, message in refused.text, "wrong.yaml:1:" in refused.text) == (1, True, True), (
            refused.text
        )
    assert run_kspec("cost", spec, "--devices", "nowhere.yaml").status == 2


def test_compiled() -> None:
    found = json.loads(run_kspec("cost", "specs/digits_mlp.yaml", "--compile", "--format", "json").out)
    planned = found["planned"]
    assert planned["platform"] == "cpu"
    assert planned["peak"] == planned["arguments"] + planned["results"] + planned["temporary"]
    assert planned["arguments"] >= found["memory"]["weights"] + found["memory"]["optimizer"]
