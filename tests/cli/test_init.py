"""kspec init: a spec from arrays, a spec from the gallery."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kspec import examples
from kspec.diagnostics import FileError
from tests.conftest import SPECS, check_golden, run_kspec

GOLDEN = Path(__file__).parent / "golden"
STARTERS = Path(__file__).parent.parent / "training" / "starters"
ALL = sorted(path.stem for path in SPECS.glob("*.yaml"))
TRUST = ("--trust", "custom_layers")


@pytest.fixture
def digits(in_tmp: Path) -> Path:
    """A current directory with digits.npz in it."""
    shutil.copy(SPECS / "data" / "digits.npz", in_tmp)
    return in_tmp


def content(folder: Path) -> dict[str, bytes]:
    """Every file under a folder, by its path there."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_prints_a_starter(digits: Path) -> None:
    """Nothing but the spec is printed, so that it can go through a pipe."""
    outcome = run_kspec("init", "--data", "digits.npz")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out == (STARTERS / "digits.yaml").read_text(encoding="utf-8")
    assert [path.name for path in digits.iterdir()] == ["digits.npz"]


def test_writes_a_starter_that_trains(digits: Path) -> None:
    written = run_kspec("init", "--data", "digits.npz", "-o", "mine.yaml", "--name", "first")
    check_golden(GOLDEN / "init_data.txt", written.text)
    assert "\nname: first\n" in Path("mine.yaml").read_text(encoding="utf-8")
    for command in written.out.partition("next:\n")[2].splitlines():
        more = ["--set", "fit.epochs=2"] if " fit " in command else []
        outcome = run_kspec(*command.split()[1:], *more)
        assert outcome.status == 0, outcome.text


def test_does_not_write_over_a_spec(digits: Path) -> None:
    Path("mine.yaml").write_text("mine\n", encoding="utf-8")
    refused = run_kspec("init", "--data", "digits.npz", "-o", "mine.yaml")
    check_golden(GOLDEN / "init_exists.txt", refused.text)
    assert Path("mine.yaml").read_text(encoding="utf-8") == "mine\n"
    assert run_kspec("init", "--data", "digits.npz", "-o", "mine.yaml", "--force").status == 0
    assert Path("mine.yaml").read_text(encoding="utf-8").startswith("# A starter for digits.npz")
    assert "`mine`: it is a folder" in folder_refused("mine")


def folder_refused(name: str) -> str:
    Path(name).mkdir()
    outcome = run_kspec("init", "--data", "digits.npz", "-o", name)
    assert outcome.status == 3
    return outcome.err


def test_targets(in_tmp: Path) -> None:
    shutil.copy(SPECS / "data" / "mnist_two_headed.npz", in_tmp)
    outcome = run_kspec("init", "--data", "mnist_two_headed.npz", "--target", "digit", "--target", "is_hard")
    assert outcome.out == (STARTERS / "mnist_two_headed.yaml").read_text(encoding="utf-8")
    wrong = run_kspec("init", "--data", "mnist_two_headed.npz", "--target", "digits")
    assert wrong.status == 3
    assert "data-match" in wrong.err
    assert "did you mean `digit`?" in wrong.err


def test_data_that_will_not_do(in_tmp: Path) -> None:
    np.savez("x.npz", x=np.zeros((3, 2)))
    (in_tmp / "table.npz").write_text("a,b\n", encoding="utf-8")
    text = ""
    for file in ("x.npz", "table.npz", "y.npz"):
        outcome = run_kspec("init", "--data", file, "-o", "spec.yaml")
        assert outcome.status == 3
        text += f"$ kspec init --data {file} -o spec.yaml\n{outcome.text}\n"
    check_golden(GOLDEN / "init_bad_data.txt", text)
    assert not Path("spec.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "a spec made from arrays: `kspec init --data x.npz`"),
        (["--data", "x.npz", "--example", "unet"], "exclude each other"),
        (["--example", "unet", "--examples"], "exclude each other"),
        (["--example", "unet", "--target", "y"], "`--target` and `--name` go with `--data`"),
        (["--data", "x.npz", "--name", "a b"], "`a b` cannot be a name"),
        (["--data"], "Option '--data' requires an argument"),
        (["--example", "digit"], "error[no-example] the gallery has no example `digit`\n  did you mean `digits_mlp`?"),
        (["--example", "../specs/unet"], "`kspec init --examples` lists them"),
    ],
)
def test_wrong_use(in_tmp: Path, arguments: list[str], said: str) -> None:
    outcome = run_kspec("init", *arguments)
    assert outcome.status == 2
    assert said in outcome.err
    assert not list(in_tmp.iterdir())


def test_lists_the_gallery() -> None:
    outcome = run_kspec("init", "--examples")
    check_golden(GOLDEN / "init_examples.txt", outcome.text)
    assert sorted(examples.names()) == ALL


def test_every_example_has_a_sentence_of_its_own() -> None:
    said = [examples.sentence(name) for name in ALL]
    assert len(set(said)) == len(said)
    assert all(10 < len(text) < 240 and text.endswith(".") for text in said), said


@pytest.mark.parametrize("name", ALL)
def test_an_example_brings_what_it_needs(name: str, in_tmp: Path) -> None:
    """What was written is as in the gallery, and a right spec with no other file; what data it names is there."""
    outcome = run_kspec("init", "--example", name, "-o", "new/folder")
    assert outcome.status == 0, outcome.text
    written = content(in_tmp / "new/folder")
    assert all((SPECS / path).read_bytes() == there for path, there in written.items())
    for command in outcome.out.partition("next:\n")[2].splitlines():
        assert f" new/folder/{name}.yaml" in command
    assert ("--trust custom_layers" in outcome.out) == ("custom_layers.py" in written)
    assert (" fit " in outcome.out) == any(path.endswith(".npz") for path in written)
    checked = run_kspec("check", "--fast", f"new/folder/{name}.yaml", *TRUST)
    assert checked.status == 0, checked.text
    shown = run_kspec("show", f"new/folder/{name}.yaml", "--stage", "spec", *TRUST)
    files = {Path(word.strip("'\"{},")).name for word in shown.out.split() if ".npz" in word or ".keras" in word}
    assert files <= {Path(path).name for path in written}
    again = run_kspec("init", "--example", name, "-o", "new/folder")
    assert again.out.startswith("everything is there already\nnext:\n")


def test_the_next_commands_work(in_tmp: Path) -> None:
    outcome = run_kspec("init", "--example", "digits_mlp.yaml")
    check_golden(GOLDEN / "init_example.txt", outcome.text)
    for command in outcome.out.partition("next:\n")[2].splitlines():
        more = ["--set", "fit.epochs=1"] if " fit " in command else []
        assert run_kspec(*command.split()[1:], *more).status == 0


def test_examples_share_data_and_spare_what_is_mine(in_tmp: Path) -> None:
    assert run_kspec("init", "--example", "digits_mlp").status == 0
    shared = run_kspec("init", "--example", "digits_cnn")
    assert shared.out.startswith("→ digits_cnn.yaml\n")
    Path("digits_mlp.yaml").write_text("mine\n", encoding="utf-8")
    Path("data/digits.npz").write_bytes(b"mine")
    before = content(in_tmp)
    refused = run_kspec("init", "--example", "digits_mlp")
    check_golden(GOLDEN / "init_example_exists.txt", refused.text)
    assert content(in_tmp) == before
    assert run_kspec("init", "--example", "digits_mlp", "--force").status == 0
    assert Path("digits_mlp.yaml").read_bytes() == (SPECS / "digits_mlp.yaml").read_bytes()


def test_a_folder_that_cannot_be(in_tmp: Path) -> None:
    Path("file").touch()
    outcome = run_kspec("init", "--example", "digits_mlp", "-o", "file/folder")
    assert outcome.status == 3
    assert "error[file-write] cannot make the folder `file/folder/data`" in outcome.err


def test_where_the_gallery_is(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the package as it is installed, beside it in a checkout; other folders called `specs` are none."""
    monkeypatch.setattr(examples, "__file__", str(in_tmp / "kspec" / "examples.py"))
    (in_tmp / "specs").mkdir()
    (in_tmp / "kspec" / "gallery").mkdir(parents=True)
    with pytest.raises(FileError, match="has no gallery"):
        examples.gallery()
    (in_tmp / "specs" / "digits_mlp.yaml").touch()
    assert examples.gallery() == (in_tmp / "specs").resolve()
    (in_tmp / "kspec" / "gallery" / "digits_mlp.yaml").touch()
    assert examples.gallery() == (in_tmp / "kspec" / "gallery").resolve()


def test_keras_is_not_imported(digits: Path) -> None:
    """A first spec is there at once."""
    program = """
import sys
from kspec.cli.edge import guarded
from kspec.cli import cli
for words in (["--data", "digits.npz", "-o", "x.yaml"], ["--examples"], ["--example", "unet"]):
    sys.argv = ["kspec", "init", *words]
    assert guarded(cli) == 0
print({"keras", "jax"} & set(sys.modules))
"""
    outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, encoding="utf-8")
    assert outcome.stdout.endswith("\nset()\n"), outcome.stderr
