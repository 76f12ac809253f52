"""Checkpoints on the disk: whole or not there, and seen to be damaged where they are."""

from __future__ import annotations

import contextlib
import errno
import random
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kspec.diagnostics import FileError
from kspec.training.checkpoints import store as stores
from kspec.training.checkpoints.remembering import remember, restore
from kspec.training.checkpoints.snapshot import GROUPS, Place, Snapshot
from kspec.training.checkpoints.store import Store


def snapshot(epoch: int = 1, step: int = 0, **facts: Any) -> Snapshot:
    """Arrays of many kinds."""
    facts["variables"] = {"metrics": [["loss/total", [], "float32"], ["lowest", [], "float32"]]}
    draws = np.random.default_rng(epoch)
    arrays: dict[str, dict[str, Any]] = {group: {} for group in (*GROUPS, "callbacks", "random")}
    arrays["trainable"] = {
        "000000": draws.normal(size=(20, 5)).astype("float32"),
        "000001": np.zeros((0, 3), "float32"),
    }
    arrays["others"] = {"000000": np.array([1, 2], "uint32"), "000001": np.array(True)}
    arrays["metrics"] = {"000000": np.array(0.5, "float32"), "000001": np.array(np.inf, "float32")}
    arrays["optimizer"] = {"000000": np.array(7, "int32"), "000001": np.ones(3, ml_dtypes.bfloat16)}
    return Snapshot(Place(epoch, step, {"loss": 0.1} if step else None), arrays, facts)


def same(one: Snapshot, other: Snapshot) -> bool:
    if (one.place, dict(one.facts)) != (other.place, dict(other.facts)) or one.arrays.keys() != other.arrays.keys():
        return False
    pairs = [(one.arrays[group], other.arrays[group]) for group in one.arrays]
    return all(
        a.keys() == b.keys() and all(a[k].dtype == b[k].dtype and a[k].tobytes() == b[k].tobytes() for k in a)
        for a, b in pairs
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    for number, written in enumerate([snapshot(1), snapshot(2, 5, rows=3), snapshot(3)], 1):
        checkpoint = Store(tmp_path).write(written)
        assert checkpoint.number == number
        found = Store(tmp_path).latest()
        assert found is not None
        assert same(found, written)


def test_the_last_two_and_the_best_stay(tmp_path: Path) -> None:
    for score in (0.5, 0.2, None, 0.3, 0.9, None):
        Store(tmp_path).write(snapshot(score=score))
    assert [each.number for each in Store(tmp_path).all()] == [2, 5, 6]
    assert sorted(path.name for path in Store(tmp_path).folder.iterdir()) == ["000002", "000005", "000006"]


def test_there_is_none(tmp_path: Path) -> None:
    assert Store(tmp_path).latest() is None


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    for epoch in (1, 2):
        Store(folder).write(snapshot(epoch))
    return folder


def files(folder: Path) -> list[Path]:
    return sorted(path for path in Store(folder).all()[-1].path.rglob("*") if path.is_file())


def test_a_file_that_is_cut_short_is_seen(written: Path) -> None:
    for path in files(written):
        whole = path.read_bytes()
        for percent in range(100):
            path.write_bytes(whole[: len(whole) * percent // 100])
            with pytest.raises(FileError, match="damaged"):
                Store(written).all()[-1].verify()
        path.unlink()
        with pytest.raises(FileError, match="damaged"):
            Store(written).all()[-1].verify()
        path.write_bytes(whole)
    Store(written).all()[-1].verify()


def flipped(written: Path, count: int, seed: int) -> None:
    draws = random.Random(seed)
    known = files(written)
    for _ in range(count):
        path = draws.choices(known, [path.stat().st_size for path in known])[0]
        with open(path, "r+b") as file:
            place, bit = draws.randrange(path.stat().st_size), 1 << draws.randrange(8)
            file.seek(place)
            (byte,) = file.read(1)
            file.seek(place)
            file.write(bytes([byte ^ bit]))
            file.flush()
            with pytest.raises(FileError, match="damaged"):
                Store(written).all()[-1].verify()
            file.seek(place)
            file.write(bytes([byte]))
    Store(written).all()[-1].verify()


def test_a_flipped_bit_is_seen(written: Path) -> None:
    flipped(written, 500, 0)


@pytest.mark.slow
def test_ten_thousand_flipped_bits_are_seen(written: Path) -> None:
    flipped(written, 10_000, 1)


def test_the_one_before_a_damaged_one_is_taken_and_that_is_said(written: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(written, folder)
    told: list[str] = []
    files(folder)[0].write_bytes(b"")
    found = Store(folder).latest(told.append)
    assert found is not None
    assert found.place.epoch == 1
    assert len(told) == 1
    assert told[0].endswith(": the checkpoint before it is taken")
    shutil.rmtree(Store(folder).all()[0].path)
    with pytest.raises(FileError) as refused:
        Store(folder).latest()
    assert refused.value.problems[0].code == "checkpoint-damaged"


def test_what_a_write_left_that_was_broken_off_is_removed(tmp_path: Path) -> None:
    Store(tmp_path).write(snapshot(1))
    left = Store(tmp_path).folder / ".000002"
    left.mkdir()
    (left / "half").write_bytes(b"x")
    assert [each.number for each in Store(tmp_path).all()] == [1]
    Store(tmp_path).write(snapshot(2))
    assert [each.number for each in Store(tmp_path).all()] == [1, 2]
    assert not left.exists()


@pytest.mark.parametrize("where", ["_save", "_hashed", "_synced"])
def test_a_write_that_fails_leaves_what_was_there(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store(tmp_path).write(snapshot(1))

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stores, where, full)
    with pytest.raises(FileError, match="the disk is full"):
        Store(tmp_path).write(snapshot(2))
    assert sorted(path.name for path in Store(tmp_path).folder.iterdir()) == ["000001"]
    found = Store(tmp_path).latest()
    assert found is not None
    assert same(found, snapshot(1))


def test_a_write_after_one_that_failed_and_left_threads_that_still_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Orbax does: it gives an error up, and its other threads go on."""
    ended = threading.Event()
    threads = []

    def fails(path: Path, arrays: Any) -> None:
        def write() -> None:
            while not ended.is_set():
                with contextlib.suppress(OSError):  # its folder may be removed at any moment
                    path.mkdir(parents=True, exist_ok=True)
                    (path / "late").write_bytes(b"x")

        threads.append(threading.Thread(target=write))
        threads[0].start()
        raise OSError(errno.EFBIG, "File too large")

    with monkeypatch.context() as patched:
        patched.setattr(stores, "_save", fails)
        with pytest.raises(FileError, match="the file size limit"):
            Store(tmp_path).write(snapshot(1))
    assert Store(tmp_path).write(snapshot(1)).number == 1
    ended.set()
    threads[0].join()
    Store(tmp_path).write(snapshot(2))
    assert sorted(path.name for path in Store(tmp_path).folder.iterdir()) == ["000001", "000002"]


LIMITED = """
import resource, sys
from pathlib import Path
from kspec.diagnostics import FileError
from tests.training.checkpoints.test_store import snapshot
from kspec.training.checkpoints.store import Store
Store(Path(sys.argv[1])).write(snapshot(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    Store(Path(sys.argv[1])).write(snapshot(2))
except FileError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Unix's")
@pytest.mark.parametrize("limit", [0, 100, 1000])
def test_a_file_size_limit_leaves_what_was_there(limit: int, tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIMITED, tmp_path, str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])
    assert "file size limit" in done.stdout, done.stderr
    assert [each.number for each in Store(tmp_path).all()] == [1]
    found = Store(tmp_path).latest()
    assert found is not None
    assert same(found, snapshot(1))


class Callback:
    """Something with attributes."""


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from("abcdef"), VALUES))
def test_what_callbacks_remember_is_what_they_remembered(values: dict[str, Any]) -> None:
    one, other = Callback(), Callback()
    vars(one).update(values, array=np.arange(3), number=np.float32(0.1), stream=sys.stderr, model=object())
    told, arrays = remember([one])
    restore([other], told, arrays)
    found = dict(vars(other))
    np.testing.assert_array_equal(found.pop("array"), [0, 1, 2])
    number = found.pop("number")
    assert number == np.float32(0.1)
    assert type(number) is np.float32
    assert found == values
    assert repr(found) == repr({key: values[key] for key in found})
    assert told[0]["unknown"] == ["stream"]


@pytest.mark.parametrize(
    ("group", "key", "finite"),
    [
        ("trainable", "000000", False),
        ("optimizer", "000001", False),
        ("metrics", "000000", False),
        ("metrics", "000001", True),
    ],
)
def test_only_numbers_are_kept(group: str, key: str, finite: bool) -> None:
    """Of a metric that begins with infinity nothing is said."""
    assert snapshot().is_finite
    bad = snapshot()
    bad.arrays[group][key][...] = float("nan")
    assert bad.is_finite == finite
