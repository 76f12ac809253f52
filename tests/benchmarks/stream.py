"""How fast data larger than memory come: ``python tests/benchmarks/stream.py [SIZE] [FOLDER] [LIMIT]``

Writes SIZE (1GB) of rows of 784 float32 and a label, as a folder of ``.npy`` files and as Parquet (a column of lists,
and 784 columns), and prints the rows a second of shuffled `Streamed.segments` alone, in three epochs (the first checks
the values too), and the peak of the process's memory. Then a network of 784, 256, 64 and 10 units is trained on them,
streamed and (in a process of its own) on the same rows in memory, with batches of 32: rows a second of the epochs after
the first. With LIMIT (1.5GB) the streamed training has that much memory and no more, the files' pages in the system's
cache included: by a control group of Linux, which wants a superuser.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

WIDTH = 784
GROUP = 10_000


def write_npy(folder: Path, rows: int) -> None:
    folder.mkdir()
    random = np.random.default_rng(0)
    x = np.lib.format.open_memmap(folder / "x.npy", "w+", "float32", (rows, WIDTH))
    for start in range(0, rows, GROUP):
        x[start : start + GROUP] = random.random((min(GROUP, rows - start), WIDTH), "float32")
    x.flush()
    np.save(folder / "y.npy", random.integers(0, 10, rows))


def write_parquet(path: Path, rows: int, *, columns: bool) -> None:
    import pyarrow
    import pyarrow.parquet

    random = np.random.default_rng(0)
    if columns:
        kinds = [(f"p{index}", pyarrow.float32()) for index in range(WIDTH)]
    else:
        kinds = [("x", pyarrow.list_(pyarrow.float32(), WIDTH))]
    schema = pyarrow.schema([*kinds, ("y", pyarrow.int64())])
    with pyarrow.parquet.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
        for start in range(0, rows, GROUP):
            count = min(GROUP, rows - start)
            x = random.random((count, WIDTH), "float32")
            given = list(x.T) if columns else [pyarrow.FixedSizeListArray.from_arrays(x.reshape(-1), WIDTH)]
            arrays = [pyarrow.array(each) for each in given] + [pyarrow.array(random.integers(0, 10, count))]
            writer.write_table(pyarrow.table(arrays, schema=schema), row_group_size=GROUP)


def model() -> object:
    import keras

    layers = [keras.layers.Dense(units, activation="relu") for units in (256, 64)]
    made = keras.Sequential(
        [keras.Input((WIDTH,), name="x"), *layers, keras.layers.Dense(10, activation="softmax", name="y")]
    )
    made.compile("adam", "sparse_categorical_crossentropy")
    return made


def peak_memory() -> int:
    """The most memory that this process held, in MiB; `getrusage` tells that of its parent where it was more."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) // 1024


def measure(path: str, fields: dict[str, object]) -> None:
    from kspec.training import check, interface_of, match, open_source
    from kspec.training.data.stream import Streamed

    made = model()
    interface = interface_of(made)
    data = match(open_source(path), interface, fields=fields, budget=0)  # type: ignore[arg-type]
    assert isinstance(data, Streamed)
    data = data.looked_at(lambda rows: check(rows, made, interface))
    before = peak_memory()
    for epoch in range(3):
        begun, cpu = time.perf_counter(), time.process_time()
        rows = sum(segment.rows.rows for segment in data.segments(epoch, batch_size=32, shuffle=True, seed=1))
        took = time.perf_counter() - begun
        speed, cores = rows * WIDTH * 4 / took / 1e6, (time.process_time() - cpu) / took
        print(f"  epoch {epoch}: {rows / took:10,.0f} rows/s {speed:8,.0f} MB/s {cores:5.2f} cores")
    print(f"  peak {peak_memory():,} MiB, of which {before:,} MiB before the first segment")


def limit_memory(limit: int, path: Path) -> None:
    """Put this process in a group of its own that may hold `limit` bytes, and forget the cached pages of `path`: those
    are counted for who read them first."""
    root = Path("/sys/fs/cgroup")
    old = root / "memory"
    group = (old if old.is_dir() else root) / f"stream-{os.getpid()}"
    group.mkdir()
    (group / ("memory.limit_in_bytes" if old.is_dir() else "memory.max")).write_text(str(limit))
    (group / "cgroup.procs").write_text(str(os.getpid()))
    os.sync()
    for file in [path] if path.is_file() else path.iterdir():
        with file.open("rb") as opened:
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def train(path: str, fields: dict[str, object], streamed: bool, limit: int | None = None) -> None:
    if limit is not None:
        limit_memory(limit, Path(path))
    from kspec.spec.schema import Fit
    from kspec.training import fit, interface_of, match, open_source

    made = model()
    budget = 0 if streamed else None
    data = match(open_source(path), interface_of(made), fields=fields, budget=budget)  # type: ignore[arg-type]
    ends: list[float] = []
    fit(made, Fit(epochs=3, batch_size=32), data, on_row=lambda row: ends.append(time.perf_counter()), loop="scan")
    speeds = [data.rows / (after - before) for before, after in pairwise(ends)]
    told = ", ".join(f"{speed:,.0f}" for speed in speeds)
    print(f"  trained {'as a stream' if streamed else 'in memory'}: {told} rows/s, peak {peak_memory():,} MiB")


def main() -> None:
    os.environ.setdefault("KERAS_BACKEND", "jax")
    from kspec.spec.sizes import size

    total = size(sys.argv[1] if len(sys.argv) > 1 else "1GB")
    assert total is not None, "a size, such as 1GB"
    rows = total // (WIDTH * 4)
    limit = size(sys.argv[3]) if len(sys.argv) > 3 else None
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as name:
        folder = Path(name)
        pixels: dict[str, object] = {"x": "p*"}
        cases = {
            "a folder of .npy": (folder / "npy", {}, lambda path: write_npy(path, rows)),
            "Parquet, lists": (folder / "lists.parquet", {}, lambda path: write_parquet(path, rows, columns=False)),
            "Parquet, columns": (folder / "c.parquet", pixels, lambda path: write_parquet(path, rows, columns=True)),
        }
        for title, (path, fields, write) in cases.items():
            write(path)
            print(f"{title}: {rows:,} rows of {WIDTH} float32")
            # A process of its own for each, so that its peak is its own.
            for target, *more in ((measure,), *[(train, False), (train, True, limit)] * 2):
                process = multiprocessing.get_context("spawn").Process(target=target, args=(str(path), fields, *more))
                process.start()
                process.join()
            shutil.rmtree(path) if path.is_dir() else path.unlink()


if __name__ == "__main__":
    main()
