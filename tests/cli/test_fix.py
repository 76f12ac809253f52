"""`kspec check --fix`: misspelt words are put right, and nothing else is touched."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from kspec import api
from tests.conftest import SPECS, run_kspec

BROKEN = (
    "kspec: 1 # the version\r\nvars: {width: 8}\r\ninputs:   {x: 8}\r\nlayers:\r\n"
    "  - Dense: {unts: $widht, activation: 'sofmax'} # a comment, `unts`\r\n  - Drpout: 0.1\r\n    name: droped\r\n"
    "  - Dense: {units: 3, kernel_initializer: {GlorotUnifrm: {seed: 1}}}\r\n    from: dropped\r\n    name: out\r\n"
    "  - Dens: 4\r\n    from: outt\r\nexpct: {params: 5}\r\n"
)
MENDED = (
    "kspec: 1 # the version\r\nvars: {width: 8}\r\ninputs:   {x: 8}\r\nlayers:\r\n"
    "  - Dense: {units: $width, activation: 'softmax'} # a comment, `unts`\r\n  - Dropout: 0.1\r\n    name: droped\r\n"
    "  - Dense: {units: 3, kernel_initializer: {GlorotUniform: {seed: 1}}}\r\n    from: droped\r\n    name: out\r\n"
    "  - Dense: 4\r\n    from: out\r\nexpect: {params: 5}\r\n"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_words_are_put_right_and_the_rest_is_told(folder: Path) -> None:
    Path("spec.yaml").write_bytes(BROKEN.encode())
    outcome = run_kspec("check", "spec.yaml", "--fix")
    assert Path("spec.yaml").read_bytes().decode() == MENDED
    assert outcome.out.startswith("fixed: spec.yaml (9 words)\n")
    assert outcome.out.count("error[") == 1
    assert "error[expect] `params` is" in outcome.out
    assert outcome.status == 1
    assert run_kspec("check", "spec.yaml", "--fix").out == outcome.out.partition("\n")[2]


def test_the_files_of_a_spec_are_mended_where_they_are(folder: Path) -> None:
    Path("pyproject.toml").touch()
    Path("base.yaml").write_text("kspec: 1\ninputs: {x: 8}\nlayers: [{Dense: {unit: 3}}]\n", encoding="utf-8")
    Path("spec.yaml").write_text("kspec: 1\nextends: base.yaml\ncompile: {los: mse}\n", encoding="utf-8")
    assert run_kspec("check", "spec.yaml", "--fix", "--fast").out == "fixed: spec.yaml (2 words)\nok: spec.yaml\n"
    assert "{units: 3}" in Path("base.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text",
    [
        "layers: [{Linear: 3}]",  # another framework's word is no misspelling
        "layers: [{Dense: 3, name: dense_9}, {Dense: 3, from: dense_8}]",  # a number may be any other
        "layers: [{Dense: {units: $(2 * widht)}}]\nvars: {width: 3}",  # a word in a longer text
        "layers: [{Dense: 3}]\ncompile: {loss: msle2}",
    ],
)
def test_what_may_mean_something_else_stays(folder: Path, text: str) -> None:
    spec = f"kspec: 1\ninputs: {{x: 8}}\n{text}\n"
    Path("spec.yaml").write_text(spec, encoding="utf-8")
    assert run_kspec("check", "spec.yaml", "--fix", "--fast").status == 1
    assert Path("spec.yaml").read_text(encoding="utf-8") == spec


def test_standard_input_and_files_that_cannot_be_written(folder: Path) -> None:
    assert run_kspec("check", "-", "--fix").status == 2
    Path("spec.yaml").write_bytes(BROKEN.encode())
    Path("link.yaml").symlink_to("spec.yaml")
    assert "fixed: link.yaml" in run_kspec("check", "link.yaml", "--fix", "--fast").out
    assert Path("link.yaml").is_symlink()
    assert b"Dropout" in Path("spec.yaml").read_bytes()


def test_links_out_of_a_folder_are_not_written_through(folder: Path) -> None:
    Path("spec.yaml").write_bytes(BROKEN.encode())
    Path("specs").mkdir()
    Path("specs/link.yaml").symlink_to(Path("spec.yaml").resolve())
    outcome = run_kspec("check", "specs", "--fix", "--fast")
    assert "did you mean `Dropout`" in outcome.out
    assert outcome.err == "note: `specs/link.yaml` is a link out of `specs`: it stays as it is\n"
    assert Path("spec.yaml").read_bytes() == BROKEN.encode()


@pytest.mark.parametrize("seed", range(4))
def test_any_misspelt_layer_of_the_gallery_comes_back(folder: Path, seed: int) -> None:
    """One letter of a layer's name left out, swapped or doubled: the file is again what it was, to the byte."""
    rng = random.Random(seed)
    shutil.copytree(SPECS, folder / "specs", ignore=shutil.ignore_patterns("data"))
    for path in sorted((folder / "specs").glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        names = [
            name for name in ("Dense", "Dropout", "Flatten", "Embedding", "LayerNormalization") if f"- {name}" in text
        ]
        if not names or "when:" in text:  # what is left out is not looked at
            continue
        name = rng.choice(names)
        place = rng.randrange(1, len(name) - 2)
        one, two = name[place : place + 2]
        wrong = name[:place] + rng.choice([two, one + one + two, two + one]) + name[place + 2 :]
        path.write_text(text.replace(f"- {name}", f"- {wrong}"), encoding="utf-8")
        api.fix(path, trust=("custom_layers",), fast=True)
        assert path.read_text(encoding="utf-8") == text, wrong
