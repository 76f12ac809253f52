"""What `kspec plot` costs beyond importing and building: ``python tests/benchmarks/plot.py [TARGET …]``

For each target (by default ResNet50, the transformer and the large decoder of the gallery, and InceptionV3 of
keras.applications as a .keras file) and each format, in a process of its own: the least and the median seconds from the
plan to the written file; and, beside it, those of importing and of building.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROUNDS = 5
FORMATS = ("svg", "png", "dot", "mmd", "html")
SPECS = Path(__file__).resolve().parent.parent.parent / "specs"

ONE = """
import json, sys, time
begun = time.perf_counter()
import keras, jax.numpy
imported = time.perf_counter()
from kspec.targets import know
known = know(sys.argv[1])
built = time.perf_counter()
from kspec.drawing import draw
source = known.loaded.compiled.source if known.loaded is not None else None
draw(known.plan, sys.argv[2], source=source)
print(json.dumps([imported - begun, built - imported, time.perf_counter() - built]))
"""

SAVE = "import keras, sys; keras.applications.InceptionV3(weights=None).save(sys.argv[1])"


def measured(target: Path, path: Path) -> list[float]:
    """Seconds of importing, of building and of drawing."""
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    command = [sys.executable, "-c", ONE, str(target), str(path)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return list(map(float, json.loads(done.stdout.splitlines()[-1])))


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        targets = [Path(each) for each in sys.argv[1:]]
        if not targets:
            saved = folder / "inception_v3.keras"
            environment = {**os.environ, "KERAS_BACKEND": "jax"}
            subprocess.run([sys.executable, "-c", SAVE, str(saved)], env=environment, check=True)
            targets = [SPECS / f"{each}.yaml" for each in ("resnet50", "decoder", "large_decoder")] + [saved]
        print(f"{'':22} {'format':6} {'import s':>9} {'build s':>8} {'drawing: least s':>17} {'median s':>9}")
        for target in targets:
            for format in FORMATS:
                rounds = [measured(target, folder / f"picture.{format}") for _ in range(ROUNDS)]
                importing, building = (statistics.median(row[at] for row in rounds) for at in (0, 1))
                drawing = [row[2] for row in rounds]
                least, median = min(drawing), statistics.median(drawing)
                print(f"{target.stem:22} {format:6} {importing:9.2f} {building:8.2f} {least:17.3f} {median:9.3f}")


if __name__ == "__main__":
    main()
