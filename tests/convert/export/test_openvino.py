"""OpenVINO files compute what Keras computes, under the model's names."""

from __future__ import annotations

from pathlib import Path

import openvino
import pytest

from kspec.exporting import export
from tests.conftest import SPECS
from tests.convert.export.models import arrays_for, by_keras, check_same, gallery

FEW = ("digits_cnn", "siamese_twin")
OTHERS = [
    each.stem
    for each in SPECS.glob("*.yaml")
    if each.stem not in (*FEW, "large_decoder", "two_headed_mlp", "mixed_precision", "weighted_heads")
]


def check(name: str, folder: Path) -> None:
    model = gallery(name)
    found = export(model, folder / "model.xml")
    assert [each.name for each in found.files] == sorted(each.name for each in folder.iterdir())[::-1]
    compiled = openvino.Core().compile_model(folder / "model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    arrays = arrays_for(model, 7)
    made = compiled(arrays)
    expected = by_keras(model, arrays)
    check_same(expected, {name: made[name] for name in expected})


@pytest.mark.parametrize("name", FEW)
def test_some_of_the_gallery(name: str, tmp_path: Path) -> None:
    check(name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_all_of_the_gallery(name: str, tmp_path: Path) -> None:
    check(name, tmp_path)
