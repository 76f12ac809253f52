"""`kspec data`, and what commands say of bad data, held whole."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import check_golden, run_kspec

GOLDEN = Path(__file__).parent / "golden" / "data"

CSV = """\
alcohol,ash,hue,cultivar,year,split,remark
13.2,2,1.04,barolo,1998,train,
12.9,3,1.05,barolo,1998,train,good
12.4,2,,grignolino,1999,train,
13.8,1,0.98,barbera,1999,train,
12.1,4,1.25,grignolino,1999,val,
13.1,2,inf,barbera,2000,val,bad
12.0,1,1.10,grignolino,2000,test,
13.6,2,0.90,barolo,2000,test,good
"""
SPEC = """\
kspec: 1
name: wine
seed: 3
inputs: {features: 2}
layers:
  - Dense: {units: 3, activation: softmax}
    name: kind
compile: {optimizer: adam, loss: sparse_categorical_crossentropy}
fit: {epochs: 1, batch_size: 2}
data:
  train: wine.csv
  fields: {features: [alcohol, ash], kind: cultivar}
  validation: {where: {split: val}}
  test: {where: {split: test}}
"""


@pytest.fixture
def project(in_tmp: Path) -> Path:
    (in_tmp / "pyproject.toml").touch()
    (in_tmp / "wine.csv").write_text(CSV, encoding="utf-8")
    (in_tmp / "wine.yaml").write_text(SPEC, encoding="utf-8")
    return in_tmp


def golden(name: str, project: Path, *arguments: str) -> str:
    outcome = run_kspec(*arguments)
    text = outcome.text.replace(str(project), "FOLDER")
    check_golden(GOLDEN / name, text)
    return outcome.out


def test_a_file(project: Path) -> None:
    golden("file.txt", project, "data", "wine.csv")


def test_json(project: Path) -> None:
    assert json.loads(golden("file.json.txt", project, "data", "wine.csv", "--json").replace("FOLDER", str(project)))


def test_what_fits_a_spec(project: Path) -> None:
    golden("spec.txt", project, "data", "wine.yaml")
    golden("other.txt", project, "data", "wine.csv", "--spec", "wine.yaml", "--set", "data=null")


def test_arrays_and_images(project: Path) -> None:
    from PIL import Image

    for kind in ("cat", "dog"):
        (project / "pictures" / kind).mkdir(parents=True)
        Image.new("L", (4, 4), 7).save(project / "pictures" / kind / "1.png")
    golden("images.txt", project, "data", "pictures")
    np.savez_compressed(
        "d.npz", x=np.zeros((5, 2, 2)), y=np.arange(5) % 2 == 0, one=np.array(3), o=np.array([{}], object)
    )
    golden("npz.txt", project, "data", "d.npz")


def test_a_table_trains(project: Path) -> None:
    os.environ.pop("KSPEC_DATA_MEMORY", None)
    outcome = run_kspec("fit", "wine.yaml", "-o", "run", "--quiet")
    assert outcome.status == 0, outcome.text
    assert json.loads((project / "run" / "run.json").read_text())["labels"] == {
        "kind": ["barbera", "barolo", "grignolino"]
    }


BAD: dict[str, list[str]] = {
    "missing": ["data.train=wines.csv"],
    "no_files": ["data.train=shards/*.csv"],
    "nearest_files": ["data.train=wien*.csv"],
    "missing_column": ["data.fields.features=[alcohol, hues]"],
    "missing_array": ["data.fields={kind: cultivar}"],
    "wrong_shape": ["data.fields.features=[alcohol, ash, year]"],
    "text_input": ["data.fields.features=remark"],
    "nan": ["data.fields.features=[alcohol, hue]"],
    "too_few_rows": ["fit.batch_size=16"],
    "empty_validation": ["data.validation={fraction: 0.01}"],
    "no_such_value": ["data.validation={where: {split: valid}}"],
    "no_such_column": ["data.validation={fraction: 0.5, stratify: cultivars}"],
    "no_rows_left": ["data.train={path: wine.csv, where: {split: val}}"],
    "unknown_label": ["data.labels={kind: [barolo, barbera, merlot]}"],
    "too_many_labels": ["layers.kind.units=2"],
    "text_target": ["compile.loss=mse"],
    "validation_split": ["data.validation=null", "data.test=null", "fit.validation_split=0.25"],
    "memory": [],
}


@pytest.mark.parametrize("case", BAD)
def test_bad_data_are_one_message_and_nothing_is_written(
    case: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if case in ("validation_split", "memory"):
        monkeypatch.setenv("KSPEC_DATA_MEMORY", "0" if case == "validation_split" else "much")
    sets = [word for text in BAD[case] for word in ("--set", text)]
    before = sorted(project.rglob("*"))
    monkeypatch.setenv("COLUMNS", "1000")
    golden(f"{case}.txt", project, "fit", "wine.yaml", "-o", "run", "--quiet", *sets)
    assert sorted(project.rglob("*")) == before


def test_mixed_files(project: Path) -> None:
    (project / "wine2.csv").write_text("alcohol,ash\n1,2\n", encoding="utf-8")
    golden("mixed.txt", project, "data", "wine*.csv")


def test_a_link_out_of_the_project(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "wine.csv"
    outside.write_text(CSV, encoding="utf-8")
    (project / "shards").mkdir()
    (project / "shards" / "a.csv").symlink_to(outside)
    outcome = run_kspec("fit", "wine.yaml", "-o", "run", "--quiet", "--set", "data.train=shards/*.csv")
    assert outcome.status == 3
    assert "error[file-outside-root]" in outcome.err
    assert run_kspec("data", "shards/*.csv").status == 0  # named by a person, not by a spec


def test_python_objects_need_trust(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "mine_of_data.py").write_text(
        "import numpy as np\n\n\nclass Rows:\n    def __len__(self):\n        return 12\n\n"
        "    def __getitem__(self, index):\n"
        "        return {'features': np.ones(2, 'float32') * index, 'kind': 'abc'[index % 3]}\n"
    )
    monkeypatch.syspath_prepend(str(project))
    sets = ["--set", "data={train: {source: mine_of_data.Rows}, validation: {fraction: 0.25}}"]
    refused = run_kspec("fit", "wine.yaml", "-o", "run", "--quiet", *sets)
    assert (refused.status, "error[untrusted-code]" in refused.err) == (1, True)
    trained = run_kspec("fit", "wine.yaml", "-o", "run", "--quiet", *sets, "--trust", "mine_of_data")
    assert trained.status == 0, trained.text
    facts = json.loads((project / "run" / "run.json").read_text())
    assert facts["data"]["train"]["file"] == "mine_of_data.Rows"
    assert facts["labels"] == {"kind": ["a", "b", "c"]}


def test_images_of_any_size_train(project: Path) -> None:
    from PIL import Image

    for kind, mode, size in (("cat", "L", (4, 9)), ("dog", "RGB", (7, 5))):
        (project / "pictures" / kind).mkdir(parents=True)
        for number in range(4):
            Image.new(mode, size, 60 * number).save(project / "pictures" / kind / f"{number}.png")
    (project / "pictures.yaml").write_text(
        "kspec: 1\nname: pictures\nseed: 1\ninputs: {x: [6, 6, 3]}\n"
        "layers: [Flatten, {Dense: {units: 2, activation: softmax}, name: kind}]\n"
        "compile: {optimizer: sgd, loss: sparse_categorical_crossentropy}\n"
        "fit: {epochs: 1, batch_size: 4}\ndata: {train: pictures, fields: {kind: y}, validation: {fraction: 0.25}}\n"
    )
    for arguments in (
        ("fit", "pictures.yaml", "-o", "run", "--quiet"),
        ("evaluate", "run", "--data", "pictures"),
        ("predict", "run", "--data", "pictures", "-o", "found.csv"),
    ):
        outcome = run_kspec(*arguments)
        assert outcome.status == 0, outcome.text
    assert "training takes x → x, y → kind" in run_kspec("data", "pictures.yaml").text
    assert "8 × 6 × 6 × 3" in run_kspec("data", "pictures", "--spec", "pictures.yaml").text
    assert "and the first image is 4 × 9" in run_kspec("data", "pictures").text


@pytest.mark.parametrize("memory", ["1GiB", "0"])
def test_what_a_trained_model_is_applied_to_is_looked_at(
    memory: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token beyond the embedding is refused in predicting, too; NaN is let through where it is asked for."""
    monkeypatch.setenv("KSPEC_DATA_MEMORY", memory)
    (project / "words.yaml").write_text(
        "kspec: 1\nname: words\nseed: 1\ninputs: {word: {shape: [2], dtype: int32}, level: 1}\n"
        "layers:\n  - {Embedding: {input_dim: 5, output_dim: 2}, from: word}\n  - {Flatten: null, name: flat}\n"
        "  - {Concatenate: null, from: [flat, level]}\n  - {Dense: 1, name: y}\n"
        "compile: {optimizer: sgd, loss: mse}\nfit: {epochs: 1, batch_size: 4}\n"
    )
    word, level = np.arange(16).reshape(8, 2) % 5, np.arange(8.0)
    np.savez("good.npz", word=word, level=level, y=level)
    np.savez("beyond.npz", word=np.where(word == 3, 7, word), level=level)
    np.savez("gaps.npz", word=word, level=np.where(level == 6, np.nan, level), y=level)
    assert run_kspec("fit", "words.yaml", "--data", "good.npz", "-o", "run", "--quiet").status == 0
    beyond = run_kspec("predict", "run", "--data", "beyond.npz", "-o", "p.csv")
    assert beyond.status == 3
    assert "error[data-token] `word[1, 1]` is 7" in beyond.err
    assert not Path("p.csv").exists()
    assert run_kspec("predict", "run", "--data", "gaps.npz", "-o", "p.csv").status == 0
    assert [line for line in Path("p.csv").read_text().splitlines() if line == "nan"] == ["nan"]
    refused = run_kspec("evaluate", "run", "--data", "gaps.npz")
    assert refused.status == 3
    assert "error[data-nan]" in refused.err
    assert run_kspec("evaluate", "run", "--data", "gaps.npz", "--allow-nan").status == 0
