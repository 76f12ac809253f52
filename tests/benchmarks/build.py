"""What building ResNet50 costs, in times of plain Keras: ``python tests/benchmarks/build.py [ROUNDS]``

Every building is a process of its own, which notes the seconds from after its imports to the finished model; a round
has one of each kind, one right after the other, and its ratios are those of its own plain Keras, which compiles
everything anew. Warm processes find JAX's persistent compilation cache filled; ``weights`` are those of a file. Prints
the least and the median seconds, the median and the least ratio, and whether all weights were the same, bit for bit.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SPEC = Path(__file__).resolve().parents[2] / "specs" / "resnet50.yaml"

COMMON = """
import hashlib, json, sys, time
import keras, jax, numpy, kspec, kspec.model.build, kspec.model.plan, kspec.model.compile
def told(model, begun):
    jax.block_until_ready([variable.value for variable in model.variables])
    seconds = time.perf_counter() - begun
    digest = hashlib.sha256()
    for variable in model.variables:
        digest.update(numpy.asarray(variable.value).tobytes())
    print(json.dumps([seconds, digest.hexdigest()]))
"""
KERAS = """
begun = time.perf_counter()
keras.utils.set_random_seed(7)
told(keras.applications.ResNet50(weights=None), begun)
"""
KSPEC = """
begun = time.perf_counter()
told(kspec.load(sys.argv[1], sets=["seed=7"]).build(compile=False), begun)
"""
SAVED = "kspec.load(sys.argv[1], sets=['seed=7']).build(compile=False).save_weights(sys.argv[2])"
WEIGHTS = """
begun = time.perf_counter()
told(kspec.load(sys.argv[1], sets=["weights=" + sys.argv[2]]).build(compile=False), begun)
"""


def run(code: str, folder: Path, cache: Path | None) -> str:
    environment = {**os.environ, "KERAS_BACKEND": "jax", "KSPEC_CACHE": str(folder / "kspec")}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    if cache is not None:  # small programs are not kept by default
        limits = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0"}
        environment |= {"JAX_COMPILATION_CACHE_DIR": str(cache), **limits}
    command = [sys.executable, "-W", "ignore", "-c", COMMON + code, SPEC.name, "saved.weights.h5"]
    return subprocess.run(command, env=environment, check=True, text=True, stdout=subprocess.PIPE, cwd=folder).stdout


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ways = {
            "plain Keras, cold": (KERAS, None),
            "kspec, cold": (KSPEC, None),
            "plain Keras, warm": (KERAS, folder / "keras"),
            "kspec, warm": (KSPEC, folder / "ours"),
            "kspec, weights, cold": (WEIGHTS, None),
        }
        shutil.copy(SPEC, folder)
        run(SAVED, folder, None)
        for code, cache in ways.values():
            if cache is not None:
                run(code, folder, cache)
        table = [[json.loads(run(code, folder, cache)) for code, cache in ways.values()] for _ in range(rounds)]
    print(f"{'ResNet50':24} {'least s':>8} {'median s':>9} {'/ plain Keras':>15} {'least':>7}")
    for index, name in enumerate(ways):
        column = [row[index][0] for row in table]
        ratios = [row[index][0] / row[0][0] for row in table]
        print(
            f"{name:24} {min(column):8.2f} {statistics.median(column):9.2f} "
            f"{statistics.median(ratios):15.3f} {min(ratios):7.3f}"
        )
    print("weights", "equal" if len({digest for row in table for _, digest in row}) == 1 else "DIFFER")


if __name__ == "__main__":
    main()
