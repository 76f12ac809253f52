"""What `kspec check` costs, in times of importing Keras: ``python tests/benchmarks/check.py [SPECS]``

Runs whole processes, interleaved, and prints the least and the median seconds of each and its ratio to
``python -c "import keras"``: help, one spec of 50 steps with --fast, wholly, and from the cache; then SPECS (1,000)
distinct specs of 50 steps in one call, as milliseconds for each; then chains and repeats of 1,000 and of 10,000 steps.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

KSPEC = [sys.executable, "-m", "kspec"]
IMPORT = [sys.executable, "-c", "import keras"]
ROUNDS = 5


def seconds(command: list[str], folder: Path, cache: Path) -> float:
    environment = {**os.environ, "KERAS_BACKEND": "jax", "KSPEC_CACHE": str(cache)}
    begun = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def spec(seed: int, steps: int = 50) -> str:
    """A convolutional network, no two alike."""
    rng = random.Random(seed)
    kinds = [
        lambda: f"Conv2D: {{filters: {rng.choice((4, 8, 16))}, kernel_size: 3, padding: same, use_bias: false}}",
        lambda: "BatchNormalization",
        lambda: f"Activation: {rng.choice(('relu', 'gelu', 'silu'))}",
        lambda: f"Dropout: {rng.choice((0.1, 0.2, 0.3))}",
        lambda: "Conv2D: {filters: $width, kernel_size: 1}",
    ]
    layers = [f"  - {kinds[index % 5]()}" for index in range(steps - 2)]
    head = f"kspec: 1\nname: net_{seed}\nvars: {{width: {rng.randrange(8, 64)}}}\ninputs: {{x: [16, 16, 3]}}\nlayers:\n"
    return head + "\n".join([*layers, "  - GlobalAveragePooling2D", "  - Dense: 10"]) + "\n"


def one(folder: Path) -> None:
    (folder / "one.yaml").write_text(spec(0), encoding="utf-8")
    ways = {
        "import keras": IMPORT,
        "kspec --help": [*KSPEC, "--help"],
        "check --fast": [*KSPEC, "check", "--no-cache", "--fast", "one.yaml"],
        "check": [*KSPEC, "check", "--no-cache", "one.yaml"],
        "check, unchanged": [*KSPEC, "check", "one.yaml"],
    }
    for command in ways.values():  # files are in memory, and the cache is filled
        seconds(command, folder, folder / "cache")
    rounds = [[seconds(command, folder, folder / "cache") for command in ways.values()] for _ in range(ROUNDS)]
    print(f"{'one spec of 50 steps':24} {'least s':>8} {'median s':>9} {'/ import keras':>15}")
    for index, name in enumerate(ways):
        column = [row[index] for row in rounds]
        ratio = statistics.median(row[index] / row[0] for row in rounds)
        print(f"{name:24} {min(column):8.2f} {statistics.median(column):9.2f} {ratio:15.2f}")


def many(folder: Path, count: int) -> None:
    (folder / "many").mkdir()
    for seed in range(count):
        (folder / "many" / f"net_{seed}.yaml").write_text(spec(seed), encoding="utf-8")
    print(f"\n{f'{count:,} specs of 50 steps':24} {'s':>8} {'ms each':>9}")
    for name, flags in {"--fast": ["--fast"], "--fast, unchanged": ["--fast"], "whole": [], "unchanged": []}.items():
        took = seconds([*KSPEC, "check", "-q", *flags, "many"], folder, folder / "cache")
        print(f"{name:24} {took:8.2f} {took / count * 1e3:9.2f}")


def deep(folder: Path) -> None:
    """What is beyond the start of a process is the check's own: that of a spec of one step is taken off."""
    step = "{Dense: {units: 8, use_bias: false}}"
    start = "kspec: 1\ninputs: {x: 8}\nlayers:\n"
    forms = {
        "chain": lambda steps: start + f"  - {step}\n" * steps,
        "repeat": lambda steps: start + f"  - repeat: {steps}\n    layers: [{step}]\n",
    }
    print(f"\n{'check of one spec':24} {'s':>8} {'/ 1,000 steps':>14}")
    for form, text in forms.items():
        least = {}
        for steps in (1, 1_000, 10_000):
            (folder / "deep.yaml").write_text(text(steps), encoding="utf-8")
            command = [*KSPEC, "check", "--no-cache", "deep.yaml"]
            least[steps] = min(seconds(command, folder, folder / "cache") for _ in range(3 if steps < 10_000 else 1))
        own = least[1_000] - least[1]
        for steps in (1_000, 10_000):
            print(f"{f'{form} of {steps:,}':24} {least[steps]:8.2f} {(least[steps] - least[1]) / own:14.2f}")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    with tempfile.TemporaryDirectory() as name:
        one(Path(name))
        many(Path(name), count)
        deep(Path(name))


if __name__ == "__main__":
    main()
