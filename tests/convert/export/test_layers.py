"""Every layer that a spec can name goes to ONNX, but for those that the README names."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from kspec import api, catalog
from kspec.catalog.samples import sample
from kspec.diagnostics import FileError
from kspec.exporting import export
from tests.conftest import ROOT

REFUSED = {
    **dict.fromkeys(("Conv3D", "Conv3DTranspose", "ConvLSTM3D"), "conv_general_dilated"),
    "MelSpectrogram": "mul",
    "MixUp": "random_split",
    "RandomPosterization": "random_split",
}
LAYERS = {name: entry for name, entry in catalog.entries("layers").items() if not entry.jax}


@pytest.mark.exhaustive
@pytest.mark.filterwarnings("ignore:Explicitly requested dtype:UserWarning")
@pytest.mark.parametrize("name", LAYERS)
def test_every_layer(name: str, tmp_path: Path) -> None:
    model = api.loads(yaml.safe_dump(sample(LAYERS[name]))).build()
    if name not in REFUSED:
        assert export(model, tmp_path / "model.onnx").difference <= 1e-5
        return
    with pytest.raises(FileError) as caught:
        export(model, tmp_path / "model.onnx")
    assert f"({REFUSED[name]})" in caught.value.problems[0].message


def test_the_readme_names_those_that_do_not_go() -> None:
    told = (ROOT / "README.md").read_text(encoding="utf-8").partition("all layers but these:")[2].partition(". ")[0]
    assert {name for name in LAYERS if f"`{name}`" in told} == set(REFUSED)
