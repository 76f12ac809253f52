"""Files of strangers: damaged ones, and what is told of good ones. Those made to harm are in tests/attacks."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from kspec import api
from kspec.diagnostics import FileError
from kspec.model.admission import read_config
from kspec.model.archive import load_model
from kspec.model.quiet import without_keras_warnings
from kspec.model.weightsfile import arrays
from tests.conftest import SPECS, run_kspec
from tests.model.twins import keras


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(600), keras.layers.BatchNormalization()])
    model.compile("adam", "mse")
    with without_keras_warnings():
        model.save(folder / "good.keras")
        model.save_weights(folder / "good.weights.h5")
    return folder


def test_an_old_whole_model_is_refused_with_what_to_do(good: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(good / "good.weights.h5", tmp_path / "old.weights.h5"))
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = "{}"
    with pytest.raises(FileError) as refused:
        arrays(path)
    assert "Keras's old format" in str(refused.value)
    assert "save" in refused.value.problems[0].help


def flips(good: Path, tmp_path: Path, count: int, seed: int) -> None:
    """A flipped bit is refused, or it is in what no one reads: what is loaded is what was written."""
    whole = (good / "good.keras").read_bytes()
    wanted = [np.asarray(variable.value) for variable in load_model(good / "good.keras", compile=False).variables]
    draws, path = random.Random(seed), tmp_path / "flipped.keras"
    for _ in range(count):
        content = bytearray(whole)
        content[draws.randrange(len(whole))] ^= 1 << draws.randrange(8)
        path.write_bytes(content)
        try:
            found = [np.asarray(variable.value) for variable in load_model(path, compile=False).variables]
        except FileError:
            continue
        assert all(np.array_equal(one, other) for one, other in zip(found, wanted, strict=True))


def test_no_flipped_bit_loads_silently(good: Path, tmp_path: Path) -> None:
    flips(good, tmp_path, 300, 0)


@pytest.mark.slow
def test_none_of_two_thousand_flipped_bits_loads_silently(good: Path, tmp_path: Path) -> None:
    flips(good, tmp_path, 2_000, 1)


def test_a_file_that_is_cut_short_is_refused(good: Path, tmp_path: Path) -> None:
    whole = (good / "good.keras").read_bytes()
    for percent in range(100):
        (tmp_path / "cut.keras").write_bytes(whole[: len(whole) * percent // 100])
        with pytest.raises(FileError):
            read_config(tmp_path / "cut.keras")


def test_good_files_are_admitted(good: Path) -> None:
    for path in (good / "good.keras", good / "good.weights.h5", *SPECS.glob("data/*.keras")):
        found = api.audit(path)
        assert found["admitted"], found["refusals"]
        assert found["weights"]["arrays"]


def test_the_text(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(good)
    outcome = run_kspec("audit", "good.keras")
    assert outcome.status == 0
    assert outcome.out.startswith("good.keras: admitted: nothing in it is run\nmembers\n")
    assert "\n  keras.layers.Dense\n" in outcome.out
    assert run_kspec("audit", "nothing.keras").status == 3
    assert run_kspec("audit", os.curdir).status == 3
