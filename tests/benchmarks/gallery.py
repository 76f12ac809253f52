"""How fast the gallery trains, in times of `keras.Model.fit`: ``python tests/benchmarks/gallery.py [ROWS] [NAME…]``

By `kspec bench` on ROWS (512) random rows, of all specs with a `compile` section but the largest, or of those named.
"""

from __future__ import annotations

import sys
from pathlib import Path

import kspec
from kspec.benching import bench

SPECS = Path(__file__).resolve().parents[2] / "specs"
LARGE = 50_000_000
"""Parameters from which a spec takes too long for a look at all of them."""


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 512
    names = sys.argv[2:] or sorted(path.stem for path in SPECS.glob("*.yaml"))
    print(f"{'spec':24}{'an epoch':>12}{'× fit':>8}{'× by hand':>11}  way")
    for name in names:
        loaded = kspec.load(SPECS / f"{name}.yaml", trust=["custom_layers"])
        if loaded.compiled.spec.compile is None or loaded.plan().params > LARGE:
            continue
        found = bench(loaded, rows=rows, repeats=5).outcome
        own = found.of("kspec").seconds
        ratios = found.ratio("kspec", "keras"), found.ratio("kspec", found.limit)
        print(f"{name:24}{own * 1e3:9,.1f} ms{ratios[0]:8.2f}{ratios[1]:11.2f}  {found.way}", flush=True)


if __name__ == "__main__":
    main()
