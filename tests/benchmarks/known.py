"""What it costs to know a model: ``python tests/benchmarks/known.py [ROUNDS]``

Wall time and peak memory of `kspec summary` of 66.5 billion parameters, and of `kspec cost` of 6.7 billion, beside
those of `import keras`, one after another in each round: the least, the median, and the median of the ratios.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SMALLER = ("depth=32", "width=4096", "hidden=11008", "heads=32")
SETS = [word for each in SMALLER for word in ("--set", each)]
PEAK = "import resource, json; print(json.dumps(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024))"
RUN = "import subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n" + PEAK

COMMANDS = {
    "import keras": ["-c", "import keras"],
    "summary, 66.5 billion": ["-m", "kspec", "summary", "specs/large_decoder.yaml"],
    "summary, 6.7 billion": ["-m", "kspec", "summary", "specs/large_decoder.yaml", *SETS],
    "cost, 6.7 billion": ["-m", "kspec", "cost", "specs/large_decoder.yaml", *SETS, "--batch-size", "1"],
    "cost, 66.5 billion": ["-m", "kspec", "cost", "specs/large_decoder.yaml", "--batch-size", "1"],
}


def measured(arguments: list[str]) -> tuple[float, int]:
    """Seconds, and bytes at the peak, of a process."""
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    begun = time.perf_counter()
    command = [sys.executable, "-c", RUN, sys.executable, *arguments]
    done = subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True, text=True)
    return time.perf_counter() - begun, int(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    rounds = [
        {name: measured(command) for name, command in COMMANDS.items()}
        for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
    ]
    print(f"{'':24} {'least s':>8} {'median s':>9} {'/ import keras':>15} {'peak GB':>8}")
    for name in COMMANDS:
        times = [each[name][0] for each in rounds]
        ratio = statistics.median(each[name][0] / each["import keras"][0] for each in rounds)
        peak = max(each[name][1] for each in rounds) / 1e9
        print(f"{name:24} {min(times):8.2f} {statistics.median(times):9.2f} {ratio:15.2f} {peak:8.2f}")


if __name__ == "__main__":
    main()
