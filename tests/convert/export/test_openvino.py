"""OpenVINO files compute what Keras computes, under the model's names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kspec.convert.export.openvino import load_openvino
from kspec.exporting import export
from tests.convert.export.models import arrays_for, by_keras, check_same, gallery, names

FEW = ("digits_cnn", "siamese_twin")
SHORT = ("two_headed_mlp", "mixed_precision", "weighted_heads")
"""They compute in sixteen bits, and what is exported in float32."""


@pytest.mark.parametrize("name", names(FEW, SHORT))
def test_gallery(name: str, tmp_path: Path) -> None:
    model = gallery(name)
    found = export(model, tmp_path / "model.xml")
    assert [each.name for each in found.files] == sorted(each.name for each in tmp_path.iterdir())[::-1]
    compiled = load_openvino().Core().compile_model(tmp_path / "model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    arrays = arrays_for(model, 7)
    made = compiled(arrays)
    expected = by_keras(model, arrays)
    check_same(expected, {name: made[name] for name in expected})


SILENT = """\
import socket, sys


def refused(*_):
    print("called")
    raise OSError("there is no network")


socket.socket.connect = socket.getaddrinfo = socket.create_connection = refused
from kspec.exporting import export

export("small.yaml", "small.xml")
print("openvino_telemetry" in sys.modules)
"""


@pytest.mark.slow
def test_nobody_is_called(in_tmp: Path) -> None:
    """OpenVINO reports its import to its makers where its package for that is installed, as it always is."""
    Path("small.yaml").write_text("kspec: 1\ninputs: {x: 4}\nlayers: [{Dense: 2}]\n", encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", SILENT], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
