"""Each row once a pass, in an order that follows from the seed and the pass; parts, passes and epochs."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kspec.model.device import DeviceMemory
from kspec.training.data.ahead import ahead
from kspec.training.later import Later
from kspec.training.loop import feed as feeds
from kspec.training.loop.cursor import Cursor
from kspec.training.loop.feed import Ordered, Resident, Rows, feed, order
from tests.training.models import classifier, interface, matched


def seen(rows: Rows) -> list[int]:
    """The numbers of the rows, in order."""
    (x, *_) = rows.data
    found = np.asarray(x).ravel()
    if rows.order is not None:
        found = found[np.asarray(rows.order)]
    return [int(value) for value in found[: rows.length]]


def numbered(rows: int) -> Any:
    return np.arange(rows, dtype="float32").reshape(-1, 1), None, None


def test_an_order_is_the_same_in_every_process() -> None:
    """It is part of what a run promises, so it may never change."""
    program = "from kspec.training.loop.feed import order; print(order(7, 3, 10).tolist())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == str(order(7, 3, 10).tolist()) == "[3, 5, 4, 7, 8, 0, 9, 2, 1, 6]"
    assert order(7, 4, 10).tolist() != order(7, 3, 10).tolist() != order(8, 3, 10).tolist()


MODEL = interface(classifier(features=1))


@given(st.integers(1, 60), st.integers(1, 9), st.sampled_from([8, 40, 2**20]), st.integers(0, 3))
def test_parts_put_in_order_hold_each_row_once(rows: int, batch: int, part: int, number: int) -> None:
    before, feeds._PART = feeds._PART, part
    try:
        (x, _, _) = numbered(rows)
        fed = feed(matched({"pixels": x}, {"digit": np.zeros(rows, "int32")}), MODEL, batch, 5)
        assert isinstance(fed, Ordered)
        parts = list(fed.over(number))
        fed.close()
    finally:
        feeds._PART = before
    assert all(each.length % batch == 0 for each in parts[:-1])
    assert len({np.asarray(each.data[0]).shape for each in parts}) == 1  # one program serves all
    assert [value for each in parts for value in seen(each)] == order(5, number, rows).tolist()


def test_rows_that_lie_on_the_device_are_picked_in_the_same_order() -> None:
    fed = Resident(10, numbered(10), 5, 4)
    (rows,) = fed.over(2)
    assert seen(rows) == order(5, 2, 10).tolist()
    (rows,) = Resident(10, numbered(10), None, 4).over(2)
    assert seen(rows) == list(range(10))


def test_passes_follow_on_one_thread_and_in_any_order() -> None:
    asked: list[int] = []

    def made(first: int) -> Iterator[Rows]:
        for number in itertools.count(first):
            asked.append(number)
            places = order(0, number, 6).astype("float32").reshape(-1, 1)
            yield Rows((places[:4],), None, 4, 0)
            yield Rows((places[4:],), None, 2, 0)

    fed = Ordered(6, lambda number: ahead(made(number), 2))
    for number in (0, 1, 2):
        assert [value for rows in fed.over(number) for value in seen(rows)] == order(0, number, 6).tolist()
    assert asked[:3] == [0, 1, 2]  # without a restart
    next(fed.over(7))
    assert [value for rows in fed.over(1) for value in seen(rows)] == order(0, 1, 6).tolist()
    fed.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "kspec-data"]


def test_what_goes_wrong_in_the_other_thread_is_raised_here() -> None:
    with pytest.raises(ValueError, match="late"):
        Later(lambda: int("late")).result()


@settings(max_examples=60)
@given(st.integers(1, 40), st.integers(1, 7), st.one_of(st.none(), st.integers(1, 9)), st.integers(0, 5), st.booleans())
def test_epochs_of_steps_are_cut_from_passes_as_keras_cuts_them(
    rows: int, batch: int, steps: int | None, first: int, whole: bool
) -> None:
    """An epoch that is begun at, with nothing before, has the rows that it has in a training from the start."""

    def parts(number: int) -> Iterator[Rows]:
        places, size = order(3, number, rows), rows if whole else 3 * batch
        for begin in range(0, rows, size):
            part = places[begin : begin + size]
            yield Rows((part.astype("float32").reshape(-1, 1), None, None), None, len(part), 0)

    class Parts:
        def __init__(self) -> None:
            self.rows = rows

        def over(self, number: int) -> Iterator[Rows]:
            return parts(number)

        def close(self) -> None: ...

    def epoch(cursor: Cursor, number: int) -> list[int]:
        found = []
        for part, begin, count in cursor.over(number):
            found += seen(part)[begin * batch : (begin + count) * batch]
        return found

    whole_pass = -(-rows // batch)
    each = min(steps or whole_pass, whole_pass)
    cursor = Cursor(Parts(), batch, steps)
    expected: list[list[int]] = []
    number = 0
    while len(expected) < first + 4:  # Keras: epochs of so many steps; what is left at the end of a pass is one too
        places = order(3, number, rows).tolist()
        expected += [places[begin * batch : (begin + each) * batch] for begin in range(0, whole_pass, each)]
        number += 1
    for index in range(first, first + 4):
        assert epoch(cursor, index) == expected[index]
        assert cursor.steps(index) == -(-len(expected[index]) // batch)


def test_wide_rows_are_picked_on_a_cpu_too() -> None:
    x = np.zeros((10, 256), "float32")
    model = interface(classifier(features=256))
    assert isinstance(feed(matched({"pixels": x}, {"digit": np.zeros(10, "int32")}), model, 4, 5), Resident)
    narrow = matched({"pixels": x[:, :1]}, {"digit": np.zeros(10, "int32")})
    assert isinstance(feed(narrow, MODEL, 4, 5), Ordered)


@pytest.mark.parametrize("seed", [5, None])
def test_data_larger_than_a_device_come_in_parts(seed: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU whose memory is known."""
    (x, _, _) = numbered(50)
    data = matched({"pixels": x}, {"digit": np.zeros(50, "int32")})
    monkeypatch.setattr(feeds, "_PART", 80)
    monkeypatch.setattr(feeds, "device_memory", lambda: DeviceMemory(11_000, 1_000))
    assert isinstance(feed(data, MODEL, 4, seed), Resident)
    monkeypatch.setattr(feeds, "device_memory", lambda: DeviceMemory(1_100, 1_000))
    fed = feed(data, MODEL, 4, seed)
    assert isinstance(fed, Ordered)
    for number in (0, 1, 0):
        expected = order(5, number, 50).tolist() if seed is not None else list(range(50))
        assert [value for rows in fed.over(number) for value in seen(rows)] == expected
    fed.close()
