"""When checkpoints are due."""

from __future__ import annotations

from pathlib import Path

import pytest

from kspec.spec.intervals import Every, every
from kspec.training.checkpoints.keeper import Keeper
from tests.training.checkpoints.test_store import snapshot


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("40 steps", Every(40, "steps")),
        ("1 step", Every(1, "steps")),
        ("2 epochs", Every(2, "epochs")),
        ("30 seconds", Every(30, "seconds")),
        ("30s", Every(30, "seconds")),
        ("1.5 hours", Every(5400, "seconds")),
        (" 10 Minutes ", Every(600, "seconds")),
        ("5 min", Every(300, "seconds")),
        ("never", Every(float("inf"), "seconds")),
        *(
            (text, None)
            for text in ("", "40", "0 steps", "1.5 steps", "-3 epochs", "2 days", "steps", "1e3 steps", "٣ steps")
        ),
    ],
)
def test_an_interval(text: str, meant: Every | None) -> None:
    assert every(text) == meant


class Clock:
    """A clock that stands."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_by_steps(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, Every(10, "steps"))
    assert [steps for steps in range(45) if keeper.is_due(steps)] == [10, 20, 30, 40]
    assert [keeper.until(steps) for steps in (0, 1, 9, 10, 25)] == [10, 9, 1, 10, 5]
    assert keeper.is_due_at_end(1, 30)
    assert not keeper.is_due_at_end(1, 25)


def test_by_epochs(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, Every(2, "epochs"))
    assert not any(keeper.is_due(steps) for steps in range(45))
    assert [epoch for epoch in range(1, 7) if keeper.is_due_at_end(epoch, 10 * epoch)] == [2, 4, 6]
    assert keeper.until(3) is None


def test_by_time_at_the_end_of_an_epoch_or_within_a_long_one(tmp_path: Path) -> None:
    clock = Clock()
    keeper = Keeper(tmp_path, Every(60, "seconds"), clock=clock)
    keeper.begin_epoch()
    clock.now += 50
    keeper.begin_epoch()
    clock.now += 20  # 70 since the beginning, 20 since the epoch's
    assert not keeper.is_due(5)
    assert keeper.is_due_at_end(1, 5)
    clock.now += 45
    assert keeper.is_due(5)
    keeper.save(snapshot)
    assert keeper.wait()
    assert not keeper.is_due(5)
    assert not keeper.is_due_at_end(1, 5)


def test_never(tmp_path: Path) -> None:
    clock = Clock()
    keeper = Keeper(tmp_path, every("never"), clock=clock)
    clock.now += 1e9
    assert not keeper.is_due(5)
    assert not keeper.is_due_at_end(1, 5)


def test_one_that_cannot_be_written_is_told_of(tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / "checkpoints").write_text("a file")
    keeper = Keeper(tmp_path, Every(1, "epochs"), tell=told.append)
    keeper.save(snapshot)
    assert not keeper.wait()
    assert told == ["no checkpoint: cannot write `000001`: not a directory; those before it stay"]
