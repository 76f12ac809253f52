"""What checkpoints cost: ``python tests/benchmarks/checkpoints.py [SPEC] [ROWS]``

Trains a spec (the gallery's unet) on ROWS (64) random rows for some epochs, in turns: without checkpoints, and with one
at the end of every epoch. Prints the seconds that one costs, what its writing takes of the training beside it included,
its bytes, and which part of the time that is at the default interval.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import kspec
from kspec.model.interface import interface_of
from kspec.spec.intervals import DEFAULT, Every, every
from kspec.spec.schema import Fit
from kspec.training.bench.synthetic import synthetic
from kspec.training.checkpoints.keeper import Keeper
from kspec.training.checkpoints.store import Store
from kspec.training.fit import fit

SPEC = Path(__file__).resolve().parents[2] / "specs" / "unet.yaml"
EPOCHS, TURNS = 3, 5


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else SPEC
    model = kspec.load(path, trust=["custom_layers"]).build()
    data = synthetic(interface_of(model), int(sys.argv[2]) if len(sys.argv) > 2 else 64)
    settings = Fit(epochs=EPOCHS, batch_size=8)
    costs, size = [], 0
    for turn in range(TURNS + 1):
        seconds = {}
        for name, interval in (("without", None), ("with", Every(1, "epochs"))):
            with tempfile.TemporaryDirectory() as folder:
                keeper = Keeper(Path(folder), interval) if interval is not None else Keeper()
                begun = time.monotonic()
                fit(model, settings, data, loop="single", keeper=keeper)
                keeper.wait()
                seconds[name] = time.monotonic() - begun
                written = Store(Path(folder)).all()
                size = sum(file.stat().st_size for each in written[-1:] for file in each.path.rglob("*")) or size
        if turn:  # the first turn compiles
            costs.append((seconds["with"] - seconds["without"]) / EPOCHS)
    cost, interval = statistics.median(costs), every(DEFAULT)
    assert interval is not None
    print(
        f"{path.stem}: a checkpoint of {size / 2**20:.1f} MiB costs {cost:.2f} s ({min(costs):.2f} to {max(costs):.2f})"
    )
    print(f"at the default interval, {DEFAULT}: {cost / interval.number:.2%} of the time")


if __name__ == "__main__":
    main()
