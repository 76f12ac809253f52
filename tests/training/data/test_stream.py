"""Data larger than memory: every row once an epoch, in an order that the seed and the epoch alone decide."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kspec.diagnostics import FileError
from kspec.training import check, interface_of, match, open_source
from kspec.training.data import mixing
from kspec.training.data.part import Part
from kspec.training.data.source import Block, Field, Piece, gathered
from kspec.training.data.stream import Segment, Streamed
from tests.training.models import classifier, rows


class Blocks:
    """A source in memory with blocks of any sizes, each read in pieces of `step` rows."""

    def __init__(self, counts: Sequence[int], step: int, width: int = 3) -> None:
        self.path, self.step = "blocks", step
        self.files: tuple[str, ...] = ()
        ends = np.cumsum(counts).tolist()
        self.ranges = [Block(end - count, end) for end, count in zip(ends, counts, strict=True)]
        total = ends[-1]
        self.x = np.arange(total * width, dtype="float32").reshape(total, width)
        self.y = np.arange(total)
        self.fields = MappingProxyType({"pixels": Field(self.x.shape, "float32"), "digit": Field((total,), "int64")})

    def blocks(self, names: Sequence[str]) -> Sequence[Block]:
        return self.ranges

    def pieces(self, names: Sequence[str], index: int) -> Iterator[Piece]:
        start, stop = self.ranges[index]
        for at in range(start, stop, self.step):
            end = min(at + self.step, stop)
            whole = {"pixels": self.x, "digit": self.y}
            yield Piece(at, {name: whole[name][at:end] for name in names})

    def gather(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        return gathered(self, names)

    def read(self, name: str) -> np.ndarray:
        return self.gather([name])[name]

    def origin(self, row: int) -> tuple[str, int]:
        return self.path, row


INTERFACE = interface_of(classifier(features=3))


def streamed(source: Any) -> Streamed:
    found = match(source, INTERFACE, budget=0)
    assert isinstance(found, Streamed)
    return found


def in_order(segments: Iterator[Segment]) -> tuple[list[int], list[int]]:
    """The rows as they are trained on, and the sizes of the segments."""
    seen: list[int] = []
    sizes = []
    for segment in segments:
        x, y = segment.rows.x["pixels"], segment.rows.y["digit"]
        assert len(x) == len(y) == segment.rows.rows
        np.testing.assert_array_equal(x[:, 0], y * 3)  # the arrays stay together
        seen += y.tolist()
        sizes.append(len(y))
    return seen, sizes


@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=12),
    step=st.integers(1, 50),
    batch=st.integers(1, 20),
    size=st.integers(20, 4000),
    seed=st.integers(0, 2**32 - 1),
    epoch=st.integers(0, 5),
    shuffle=st.booleans(),
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_row_comes_once_and_the_order_is_that_of_seed_and_epoch(
    monkeypatch: pytest.MonkeyPatch,
    counts: list[int],
    step: int,
    batch: int,
    size: int,
    seed: int,
    epoch: int,
    shuffle: bool,
) -> None:
    monkeypatch.setattr(mixing, "SEGMENT", size)
    monkeypatch.setattr(mixing, "GROUP", 4 * size)
    data = streamed(Blocks(counts, step))
    seen, sizes = in_order(data.segments(epoch, batch_size=batch, shuffle=shuffle, seed=seed))
    assert sorted(seen) == list(range(sum(counts)))
    assert len(set(sizes[:-1])) <= 1
    assert all(rows % batch == 0 for rows in sizes[:-1])
    assert sizes[-1] <= sizes[0]
    again = streamed(Blocks(counts, step))
    assert in_order(again.segments(epoch, batch_size=batch, shuffle=shuffle, seed=seed)) == (seen, sizes)
    if not shuffle:
        assert seen == list(range(sum(counts)))


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    data = streamed(Blocks([100] * 10, 100))
    orders = [
        tuple(in_order(data.segments(epoch, batch_size=8, shuffle=True, seed=seed))[0])
        for epoch, seed in ((0, 0), (1, 0), (0, 1))
    ]
    assert len(set(orders)) == 3


def test_several_epochs_come_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing, "SEGMENT", 1000)
    data = streamed(Blocks([70, 30, 25], 40))
    alone = [in_order(data.segments(epoch, batch_size=8, shuffle=True, seed=3))[0] for epoch in (4, 5)]
    found = list(data.segments(4, batch_size=8, shuffle=True, seed=3, loops=2))
    for epoch, order in zip((4, 5), alone, strict=True):
        part = [segment for segment in found if segment.epoch == epoch]
        assert [segment.last for segment in part] == [False] * (len(part) - 1) + [True]
        assert in_order(iter(part))[0] == order


def test_a_segment_has_rows_of_many_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing, "SEGMENT", 100 * 20)
    monkeypatch.setattr(mixing, "GROUP", 800 * 20)
    data = streamed(Blocks([20] * 200, 20))
    first = next(data.segments(0, batch_size=10, shuffle=True, seed=0))
    assert len(set((first.rows.y["digit"] // 20).tolist())) > 25


def test_a_fresh_process_gives_the_same_bytes(tmp_path: Path) -> None:
    x, y = rows(5000)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    code = (
        "import hashlib, sys\n"
        "from kspec.training import interface_of, match, open_source\n"
        "from tests.training.models import classifier\n"
        "data = match(open_source(sys.argv[1]), interface_of(classifier()), budget=0)\n"
        "digest = hashlib.sha256()\n"
        "for segment in data.segments(3, batch_size=32, shuffle=True, seed=9):\n"
        "    for array in (segment.rows.x['pixels'], segment.rows.y['digit']):\n"
        "        digest.update(array.tobytes())\n"
        "print(digest.hexdigest())\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])
    digest = hashlib.sha256()
    data = match(open_source(str(tmp_path)), interface_of(classifier()), budget=0)
    assert isinstance(data, Streamed)
    for segment in data.segments(3, batch_size=32, shuffle=True, seed=9):
        for array in (segment.rows.x["pixels"], segment.rows.y["digit"]):
            digest.update(array.tobytes())
    assert done.stdout.strip() == digest.hexdigest()


def test_closing_early_ends_the_thread_and_errors_come_where_segments_are_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mixing, "SEGMENT", 1000)

    def threads() -> int:
        return sum(thread.name == "kspec-data" for thread in threading.enumerate())

    data = streamed(Blocks([50] * 40, 50))
    segments = data.segments(0, batch_size=10, shuffle=False, seed=0)
    next(segments)
    assert threads() == 1
    segments.close()
    assert threads() == 0

    def look(rows: Any) -> None:
        if rows.start >= 500:
            raise FileError(())

    broken = data.looked_at(look)
    taken = []
    with pytest.raises(FileError):
        taken.extend(broken.segments(0, batch_size=10, shuffle=False, seed=0))
    assert 0 < len(taken) <= 10
    assert threads() == 0


def test_every_block_is_looked_at_once_with_the_row_of_the_file(tmp_path: Path) -> None:
    x, y = rows(300_000)
    x[287_654, 2] = np.nan
    np.savez(tmp_path / "data.npz", x=x, y=y)
    model = classifier()
    interface = interface_of(model)
    data = match(open_source(str(tmp_path / "data.npz")), interface, budget=0)
    assert isinstance(data, Streamed)
    assert len(data.source.blocks(data.names)) > 3
    checked = data.looked_at(lambda part: check(part, model, interface))
    with pytest.raises(FileError) as caught:
        list(checked.segments(0, batch_size=32, shuffle=True, seed=0))
    (problem,) = caught.value.problems
    assert (problem.code, problem.message) == ("data-nan", "`x[287654, 2]` is NaN (not a number)")
    assert problem.file == str(tmp_path / "data.npz")
    seen: list[int] = []
    once = data.looked_at(lambda part: seen.append(part.rows))
    for epoch in range(2):
        list(once.segments(epoch, batch_size=32, shuffle=True, seed=0))
    assert sum(seen) == 300_000


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    x, y = rows(600_000)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    data = match(open_source(str(tmp_path)), interface_of(classifier()), budget=0)
    assert isinstance(data, Streamed)
    with open(tmp_path / "x.npy", "r+b") as file:
        file.truncate(1000)
    with pytest.raises(FileError) as caught:
        list(data.segments(0, batch_size=32, shuffle=True, seed=0))
    (problem,) = caught.value.problems
    assert problem.code == "data-changed"
    assert (
        problem.message == "`x.npy` changed while it was read: it had 9,600,128 bytes when it was opened, and has 1,000"
    )
    os.remove(tmp_path / "x.npy")
    with pytest.raises(FileError, match="it is gone"):
        list(data.segments(0, batch_size=32, shuffle=True, seed=0))


def test_head_and_sample_are_bounded_and_seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = streamed(Blocks([100] * 10, 30))
    assert data.head(5).y["digit"].tolist() == [0, 1, 2, 3, 4]
    assert data.head(10_000).rows == 1000
    one, same, other = (data.sample(seed, 50).y["digit"].tolist() for seed in (1, 1, 2))
    assert one == same != other
    assert len(one) == 50


def test_a_part_of_the_rows_is_streamed_with_its_rows_numbers() -> None:
    blocks = Blocks([7, 20, 1, 30], 8)
    chosen = np.random.default_rng(0).random(58) < 0.4
    part = Part(blocks, chosen)
    data = streamed(part)
    places = np.flatnonzero(chosen).tolist()
    assert data.rows == len(places)
    seen, _ = in_order(data.segments(0, batch_size=4, shuffle=True, seed=1))
    assert sorted(seen) == places
    assert [part.origin(row)[1] for row in range(len(places))] == places
    np.testing.assert_array_equal(part.read("digit"), places)


def test_segments_are_moved_on_the_stream_s_thread_and_begin_where_jax_takes_them() -> None:
    data = streamed(Blocks([50] * 4, 50))
    here = threading.current_thread()

    def move(segment: Segment) -> tuple[int, bool, bool]:
        starts = [array.ctypes.data % 64 for array in (segment.rows.x["pixels"], segment.rows.y["digit"])]
        return segment.rows.rows, not any(starts), threading.current_thread() is here

    assert list(data.segments(0, batch_size=10, shuffle=True, seed=0, move=move)) == [(200, True, False)]
