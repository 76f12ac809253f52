"""kspec plot: golden pictures of the gallery, targets of every kind, and what can be wrong."""

from __future__ import annotations

import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

import kspec
from tests.conftest import ROOT, SPECS, check_golden, run_kspec

GOLDEN = Path(__file__).parent / "golden" / "plot"
SVG = "{http://www.w3.org/2000/svg}"


def boxes(svg: Path) -> int:
    return sum(node.get("class") == "node" for node in ElementTree.parse(svg).iter(f"{SVG}g"))


@pytest.mark.parametrize("format", ["dot", "mermaid"])
@pytest.mark.parametrize("name", ["autoencoder", "large_decoder", "lstm_states", "resnet50", "siamese_twin"])
def test_pictures_of_the_gallery(name: str, format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    outcome = run_kspec("plot", f"specs/{name}.yaml", "--format", format)
    assert (outcome.status, outcome.err) == (0, "")
    check_golden(GOLDEN / f"{name}.{'mmd' if format == 'mermaid' else 'dot'}", outcome.out)


@pytest.mark.parametrize("ending", [".svg", ".png", ".dot", ".gv", ".mmd", ".mermaid", ".html", ".SVG"])
def test_the_ending_is_the_format(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{ending}"
    outcome = run_kspec("plot", SPECS / "digits_mlp.yaml", "-o", path)
    assert outcome == (0, f"digits_mlp → {path}\n", "")
    begins = {".png": b"\x89PNG", ".svg": b"<?xml", ".dot": b"digraph", ".gv": b"digraph", ".html": b"<!doctype html>"}
    assert path.read_bytes().startswith(begins.get(ending.lower(), b"flowchart TB"))
    assert list(tmp_path.iterdir()) == [path]


def test_a_saved_model_is_drawn_too(tmp_path: Path) -> None:
    outcome = run_kspec("plot", SPECS / "data" / "mnist_cnn.keras", "-q", "-o", tmp_path / "model.svg")
    assert outcome == (0, "", "")
    assert boxes(tmp_path / "model.svg") == 14


def test_standard_input_and_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    import sys

    text = b"kspec: 1\nvars: {width: 4}\ninputs: {x: 3}\nlayers: [{Dense: $width}]\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    outcome = run_kspec("plot", "-", "--set", "width=77", "--format", "mermaid", "--direction", "lr")
    assert outcome.out.startswith("flowchart LR\n")
    assert "77 float32" in outcome.out


def test_depth_and_unfold(tmp_path: Path) -> None:
    path = tmp_path / "model.svg"
    counts = []
    for flags in (["--depth", "0"], ["--depth", "1"], ["--depth", "9"], ["--unfold"]):
        assert run_kspec("plot", SPECS / "resnet50.yaml", "-o", path, *flags).status == 0
        counts.append(boxes(path))
    assert counts == [13, 38, 98, 178]


def test_flops_are_drawn_when_asked_for() -> None:
    arguments = ["plot", SPECS / "digits_mlp.yaml", "--format", "mermaid"]
    assert "FLOPs" not in run_kspec(*arguments).out
    assert "33.3 KFLOPs" in run_kspec(*arguments, "--flops").out


def test_from_python(tmp_path: Path) -> None:
    kspec.load(SPECS / "unet.yaml").plot(tmp_path / "unet.svg", depth=0, direction="LR")
    assert boxes(tmp_path / "unet.svg") == 20
    with pytest.raises(kspec.UsageError):
        kspec.load(SPECS / "unet.yaml").plot(tmp_path / "unet.jpg")


NESTED = """\
kspec: 1
inputs: {a: 4, b: 4}
blocks:
  encoder:
    nested: true
    layers:
      - Dense: 8
        name: wide
      - Dense: 2
        name: code
layers:
  - encoder:
    from: a
    name: one
  - reuse: one
    from: b
    name: two
  - Concatenate:
    from: [one, two]
  - Dense: 1
"""


def test_a_model_used_twice_shows_its_weights_once(tmp_path: Path) -> None:
    (tmp_path / "nested.yaml").write_text(NESTED, encoding="utf-8")
    text = run_kspec("plot", tmp_path / "nested.yaml", "--format", "mermaid", "--depth", "1").out
    assert text.count("same weights") == 2
    assert text.count("shared weights") == 2
    assert (
        run_kspec("plot", tmp_path / "nested.yaml", "--format", "mermaid", "--depth", "0").out.count("same weights")
        == 1
    )


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["-o", "model.jpg"], 2, "error[output-format] `model.jpg` does not say how to draw"),
        (["-o", "model"], 2, "one of `.svg`, `.png`"),
        (["-o", "nowhere/model.svg"], 3, "the folder `nowhere` does not exist"),
        (["-o", "folder.svg"], 3, "it is a folder"),
        (["-o", "read_only.svg/model.svg"], 3, "is not a folder"),
        ([], 2, "say where the picture goes"),
        (["-o", "model.svg", "--format", "dot"], 2, "say where the picture goes"),
        (["--format", "png"], 2, "'png' is not one of"),
        (["-o", "model.svg", "--depth", "-1"], 2, "--depth"),
        (["-o", "model.svg", "--direction", "up"], 2, "--direction"),
    ],
)
def test_one_clear_message(arguments: list[str], status: int, said: str, in_tmp: Path) -> None:
    (in_tmp / "folder.svg").mkdir()
    (in_tmp / "read_only.svg").write_text("", encoding="utf-8")
    outcome = run_kspec("plot", SPECS / "digits_mlp.yaml", *arguments)
    assert outcome.status == status
    assert said in outcome.err
    assert outcome.err.count("error[") <= 1
    assert outcome.out == ""


def test_a_wrong_spec_leaves_the_old_picture(in_tmp: Path) -> None:
    (in_tmp / "wrong.yaml").write_text("kspec: 1\ninputs: {x: 3}\nlayers: [{Dense: {unit: 4}}]\n", encoding="utf-8")
    (in_tmp / "model.svg").write_text("old", encoding="utf-8")
    outcome = run_kspec("plot", "wrong.yaml", "-o", "model.svg")
    assert outcome.status == 1
    assert "did you mean `units`?" in outcome.err
    assert (in_tmp / "model.svg").read_text(encoding="utf-8") == "old"


@pytest.fixture
def without_graphviz_pure(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "files", missing)


@pytest.mark.usefixtures("without_graphviz_pure")
def test_with_nothing_to_draw_with_the_extra_is_named(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(in_tmp))
    for ending in ("svg", "png"):
        outcome = run_kspec("plot", SPECS / "digits_mlp.yaml", "-o", f"model.{ending}")
        assert outcome.status == 2
        assert "error[missing-extra] SVG and PNG need graphviz-pure, or Graphviz's `dot`" in outcome.err
        assert "pip install 'kspec[plot]'" in outcome.err
    for ending in ("dot", "mmd", "html"):
        assert run_kspec("plot", SPECS / "digits_mlp.yaml", "-q", "-o", f"model.{ending}") == (0, "", "")


@pytest.mark.usefixtures("without_graphviz_pure")
@pytest.mark.parametrize(
    ("script", "status", "said"),
    [
        ("cat > taken; echo '<svg/>'", 0, ""),
        ("echo 'no room' >&2; exit 1", 2, "error[too-large] the picture cannot be drawn: no room"),
    ],
)
def test_the_systems_graphviz_does_too(
    script: str, status: int, said: str, in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (in_tmp / "bin").mkdir()
    (in_tmp / "bin" / "dot").write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    (in_tmp / "bin" / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", f"{in_tmp / 'bin'}:/bin:/usr/bin")
    monkeypatch.setattr("shutil.which", lambda name: str(in_tmp / "bin" / "dot") if name == "dot" else None)
    outcome = run_kspec("plot", SPECS / "digits_mlp.yaml", "-q", "-o", "model.svg")
    assert outcome.status == status
    assert said in outcome.err
    assert (in_tmp / "model.svg").exists() == (not status)


def test_large_networks_are_pictures_one_can_read() -> None:
    """Those of keras.applications have no blocks: their parts are found."""
    import keras

    from kspec.drawing.planting import tree
    from kspec.model.planning import plan_model
    from kspec.model.private import abstract_variables
    from kspec.report.plot.fold import folded, readable_depth
    from kspec.report.plot.found import parted
    from tests.report.plot.test_fold import boxes as drawn

    for name, most in (("ResNet50", 24), ("InceptionV3", 24), ("MobileNetV2", 40)):
        with abstract_variables():
            model = getattr(keras.applications, name)(weights=None)
            found = parted(tree(plan_model(model)))
        assert readable_depth(found) == 0
        assert len(list(drawn(folded(found).items))) <= most
        assert len(list(drawn(folded(found, unfold=True).items))) == len(model.layers) + 1


def test_graphviz_pure_is_what_draws() -> None:
    from kspec.report.plot.graphviz import program

    done = subprocess.run([program(), "-V"], capture_output=True, text=True, check=True)
    assert "graphviz-pure" in done.stdout + done.stderr
