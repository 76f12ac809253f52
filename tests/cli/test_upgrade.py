"""`kspec upgrade` as a person uses it: what is printed, what is written, the exit status."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import kspec
from kspec.diagnostics import SpecError
from tests.cli.test_commands import without
from tests.conftest import check_golden, run_kspec

GOLDEN = Path(__file__).parent / "golden"

OLD = """\
# a small net of long ago
inputs: {image: [28, 28, 1]}
layers:
  - Convolution2D: {nb_filter: 8, nb_row: 3, nb_col: 3, border_mode: same, input_shape: [28, 28, 1]}
  - LeakyReLU: {alpha: 0.1} # leaks
  - Flatten
  - Dense:
      output_dim: 10
      init: uniform
      activation: softmax

compile:
  optimizer: {keras.optimizers.legacy.SGD: {lr: 1e-2, decay: 1e-4}}
  loss: sparse_categorical_crossentropy
  metrics: [accuracy]
"""
TODAY = """\
# a small net of long ago
kspec: 1
inputs: {image: [28, 28, 1]}
layers:
  - Convolution2D: {filters: 8, kernel_size: [3, 3], padding: same}
  - LeakyReLU: {negative_slope: 0.1} # leaks
  - Flatten
  - Dense:
      units: 10
      kernel_initializer: uniform
      activation: softmax

compile:
  optimizer: {SGD: {learning_rate: {InverseTimeDecay: {initial_learning_rate: 1e-2, decay_steps: 1, decay_rate: 1e-4}}}}
  loss: sparse_categorical_crossentropy
  metrics: [accuracy]
"""


@pytest.fixture
def old(in_tmp: Path) -> Path:
    path = in_tmp / "old.yaml"
    path.write_text(OLD, encoding="utf-8")
    return path


def test_a_diff_is_printed_and_nothing_is_written(old: Path) -> None:
    outcome = run_kspec("upgrade", "old.yaml")
    check_golden(GOLDEN / "upgrade_diff.txt", outcome.text)
    assert run_kspec("upgrade", "old.yaml", "--diff").text == outcome.text
    assert old.read_text(encoding="utf-8") == OLD
    subprocess.run(["git", "init", "--quiet"], check=True)
    subprocess.run(["git", "apply", "-"], input=outcome.out, text=True, check=True)
    assert old.read_text(encoding="utf-8") == TODAY


def test_check_lists_and_fails(old: Path) -> None:
    outcome = run_kspec("upgrade", "old.yaml", "--check")
    check_golden(GOLDEN / "upgrade_check.txt", outcome.text)
    assert old.read_text(encoding="utf-8") == OLD


def test_what_is_written_is_of_today(old: Path) -> None:
    assert run_kspec("upgrade", "old.yaml", "-w").status == 0
    assert old.read_text(encoding="utf-8") == TODAY
    assert run_kspec("check", "old.yaml").status == 0
    for flags in ((), ("--check",), ("-w",)):
        outcome = run_kspec("upgrade", "old.yaml", *flags)
        assert outcome.text == "exit 0\n"


def test_what_is_left_is_told_at_its_place_in_the_file(old: Path) -> None:
    old.write_text(OLD.replace("  - Flatten\n", "  - LocallyConnected2D: 3\n  - Flatten\n"), encoding="utf-8")
    outcome = run_kspec("upgrade", "old.yaml", "--check", "--quiet")
    check_golden(GOLDEN / "upgrade_left.txt", outcome.text)
    written = run_kspec("upgrade", "old.yaml", "--write", "--quiet")
    assert written.status == 1
    assert "old.yaml:7:5: error[unknown-operation]" in written.err


def test_notes_of_what_is_left_stand_where_they_stood(in_tmp: Path) -> None:
    text = "inputs: {x: [8]}\nlayers:\n  - {Dense: 3, name: a}\n  - {Dense: 3, name: a}\n"
    (in_tmp / "old.yaml").write_text(text)
    outcome = run_kspec("upgrade", "old.yaml", "--fast")
    assert "old.yaml:4:22: error[duplicate-name]" in outcome.err
    assert "`a` (line 3) is a step already" in outcome.err


def test_shapes_are_checked_too(old: Path) -> None:
    old.write_text(OLD.replace("nb_row: 3", "nb_row: 30").replace("same", "valid"), encoding="utf-8")
    assert "error[shape]" in run_kspec("upgrade", "old.yaml").err
    fast = run_kspec("upgrade", "old.yaml", "--fast")
    assert (fast.status, fast.err) == (0, "")


def test_bytes_stay(old: Path) -> None:
    text = OLD.replace("\n", "\r\n")
    old.write_bytes(b"\xef\xbb\xbf" + text.encode())
    run_kspec("upgrade", "old.yaml", "-w", "--fast")
    assert old.read_bytes() == b"\xef\xbb\xbf" + TODAY.replace("\n", "\r\n").encode()


def test_links_out_of_a_folder_are_not_written_through(old: Path) -> None:
    (old.parent / "specs").mkdir()
    one, link = old.parent / "specs" / "one.yaml", old.parent / "specs" / "link.yaml"
    for path in (old, one):
        path.write_text("kspec: 1\n" + OLD, encoding="utf-8")
    link.symlink_to(old)
    (old.parent / "specs" / "same.yaml").symlink_to("one.yaml")
    outcome = run_kspec("upgrade", "specs", "-w", "--fast")
    assert outcome.status == 0
    assert outcome.err == "note: `specs/link.yaml` is a link out of `specs`: it stays as it is\n"
    assert "nb_filter" in old.read_text(encoding="utf-8")
    assert "nb_filter" not in one.read_text(encoding="utf-8")
    assert run_kspec("upgrade", "specs/link.yaml", "-w", "--fast").status == 0  # it was named
    assert "nb_filter" not in old.read_text(encoding="utf-8")
    assert link.is_symlink()


def test_folders_and_standard_input(old: Path) -> None:
    (old.parent / "specs").mkdir()
    (old.parent / "specs" / "one.yaml").write_text("kspec: 1\n" + OLD, encoding="utf-8")
    (old.parent / "specs" / "none.yaml").write_text(OLD, encoding="utf-8")
    outcome = run_kspec("upgrade", "specs", "--check", "--fast")
    assert outcome.status == 1
    assert "specs/one.yaml" in outcome.out
    assert "none.yaml" not in outcome.out  # a file without the key is no spec, unless it is named
    command = [sys.executable, "-m", "kspec", "upgrade", "-", "--fast"]
    done = subprocess.run(command, input=OLD.encode(), capture_output=True, check=False)
    assert done.returncode == 0
    assert b"+kspec: 1\n" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["nothing.yaml"], 2, "there is no such file"),
        (["odl.yaml"], 2, "did you mean `old.yaml`?"),
        (["old.yaml", "-w", "--check"], 2, "go one by one"),
        (["-", "-w"], 2, "not standard input"),
        (["broken.yaml", "old.yaml"], 1, "broken.yaml:1:1: error[yaml-syntax]"),
        (["array.yaml"], 1, "not a spec"),
        (["read-only.yaml", "-w"], 3, "read-only"),
    ],
)
def test_wrong_use(old: Path, arguments: list[str], status: int, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (old.parent / "broken.yaml").write_text("inputs: {", encoding="utf-8")
    (old.parent / "array.yaml").write_bytes(b"\x93NUMPY")
    only = old.parent / "read-only.yaml"
    only.write_text(OLD, encoding="utf-8")
    monkeypatch.setattr("os.access", lambda path, mode: Path(path).name != only.name or mode != os.W_OK)
    outcome = run_kspec("upgrade", *arguments, "--fast")
    assert outcome.status == status, outcome.text
    assert said in outcome.err
    assert only.read_text(encoding="utf-8") == OLD


HARD = "hard_sigmoid is x / 6 + 0.5 since Keras 3, and was 0.2 x + 0.5\n"


@pytest.mark.parametrize("word", ["inner_activation", "recurrent_activation"])
def test_a_function_that_computes_otherwise_is_noted_while_the_file_is_of_another_day(word: str, in_tmp: Path) -> None:
    steps = f"  - LSTM: {{units: 4,\n      {word}: hard_sigmoid}}\n    name: hard_sigmoid\n"
    Path("old.yaml").write_text(f"inputs: {{x: [5, 3]}}\nlayers:\n{steps}", encoding="utf-8")
    for flags in (("--fast",), ("--check", "--fast"), ("--write", "--fast")):
        assert run_kspec("upgrade", "old.yaml", *flags).err == f"note: old.yaml:4: {HARD}"
    assert run_kspec("upgrade", "old.yaml", "--fast").text == "exit 0\n"  # it is of today, and means today's


def test_a_function_of_an_alias_or_of_a_variable_is_noted_once(in_tmp: Path) -> None:
    text = b"vars: {act: hard_sigmoid}\ninputs: {x: 4}\nlayers:\n  - Dense: &a {units: 4, activation: hard_sigmoid}\n"
    done = kspec.upgrade("x.yaml", text=text + b"  - Dense: *a\n  - Dense: {<<: *a}\n", shapes=False)
    assert done.notes == (f"1: {HARD.strip()}", f"4: {HARD.strip()}")


def test_without_keras(old: Path) -> None:
    done = without({"keras", "jax", "numpy"}, ["upgrade", "old.yaml", "--fast", "-w"], old.parent)
    assert done.returncode == 0, done.stderr


def test_from_python(old: Path) -> None:
    done = kspec.upgrade(old, shapes=False)
    assert done.after == TODAY
    assert done.changes[0] == "1: format 1: the first line says the format's version"
    assert not done.problems
    assert old.read_text(encoding="utf-8") == OLD
    with pytest.raises(SpecError):
        kspec.upgrade("x.yaml", text=b"inputs: [")
