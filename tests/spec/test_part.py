"""A file of blocks, or a base, that `kspec show` prints in one piece: it stands for the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from kspec import api
from tests.conftest import run_kspec

TRAINING = """\
kspec: 1
vars: {width: 4}
inputs: {x: 8}
compile: {optimizer: adam, loss: mse}
fit: {callbacks: [{CSVLogger: log.csv}]}
data: {train: train.npz}
"""
ENCODER = "kspec: 1\ninputs: {x: 8}\nlayers: [{Dense: 8}]\n"
BLOCKS = """\
kspec: 1
blocks:
  coder:
    vars: {dim: null}
    layers:
      - residual: [{model: encoder.yaml}]
      - Dense: $dim
"""
PART = "kspec: 1\nextends: lib/training.yaml\nimport: lib/blocks.yaml\nvars: {depth: 2}\n"
USER = """\
kspec: 1
extends: %s
layers:
  - repeat: $depth
    layers: [{coder: {dim: 8}}]
  - Dense: $width
"""


@pytest.fixture
def project(in_tmp: Path) -> Path:
    files = {"training": TRAINING, "encoder": ENCODER, "blocks": BLOCKS}
    (in_tmp / "lib").mkdir()
    for name, text in files.items():
        (in_tmp / "lib" / f"{name}.yaml").write_text(text, encoding="utf-8")
    (in_tmp / "part.yaml").write_text(PART, encoding="utf-8")
    return in_tmp


def test_what_is_printed_stands_for_the_part(project: Path) -> None:
    Path("printed.yaml").write_text(api.load("part.yaml").show(), encoding="utf-8")
    assert run_kspec("check", "printed.yaml").status == 0
    shown = [api.loads(USER % name, sets=["width=3"]).show() for name in ("part.yaml", "printed.yaml")]
    assert shown[0] == shown[1]
    assert "lib/train.npz" in shown[0]
    importing = "kspec: 1\nimport: %s\ninputs: {x: 8}\nlayers: [{coder: {dim: 2}}]\n"
    shown = [api.loads(importing % name).show() for name in ("lib/blocks.yaml", "printed.yaml")]
    assert shown[0] == shown[1]


def test_a_part_is_printed_for_another_folder(project: Path) -> None:
    text = api.load("part.yaml").show(folder="elsewhere")
    assert "train: ../lib/train.npz" in text
    assert "model: ../lib/encoder.yaml" in text
    assert "CSVLogger: ../lib/log.csv" in text


def test_set_shows_in_a_part(project: Path) -> None:
    text = api.load("part.yaml", sets=["depth=5", "data.train=other.npz"]).show()
    assert "depth: 5" in text
    assert "train: other.npz" in text
