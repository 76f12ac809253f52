"""What the way from text to Graph costs, in times of PyYAML's C parser: ``python tests/benchmarks/text.py``

Prints, for specs of 50, 1,000 and 10,000 steps, the best of several interleaved runs of `kspec.loads`, of
`yaml.load(…, CSafeLoader)` (parsing to data) and of `yaml.compose` (parsing alone), and the ratios.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import yaml

import kspec


def spec(steps: int) -> str:
    step = "  - Dense: {units: 64, activation: relu}\n"
    return "kspec: 1\ninputs: {x: 64}\nlayers:\n" + step * steps


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> None:
    print(f"{'steps':>6}  {'kspec ms':>9}  {'load ms':>8}  {'compose ms':>10}  {'/ load':>6}  {'/ compose':>9}")
    for steps in (50, 1_000, 10_000):
        text = spec(steps)
        ways: list[Callable[[], object]] = [
            lambda text=text: kspec.loads(text),  # type: ignore[misc]
            lambda text=text: yaml.load(text, yaml.CSafeLoader),  # type: ignore[misc]
            lambda text=text: yaml.compose(text, yaml.CSafeLoader),  # type: ignore[misc]
        ]
        rounds = [[seconds(way) for way in ways] for _ in range(20 if steps < 10_000 else 5)]
        graph, load, compose = (min(column) * 1e3 for column in zip(*rounds, strict=True))
        print(
            f"{steps:>6}  {graph:>9.2f}  {load:>8.2f}  {compose:>10.2f}  {graph / load:>6.2f}  {graph / compose:>9.2f}"
        )


if __name__ == "__main__":
    main()
