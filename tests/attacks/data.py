"""Data of strangers: each row of the table, and each thing in it."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tests.attacks.case import Case, Outside

HEAD = "kspec: 1\nseed: 1\n"
SPEC = HEAD + "inputs: {x: 8}\nlayers: [{Dense: 3, name: y}]\ncompile: {loss: sparse_categorical_crossentropy}\n"
WORDS = "layers: [{Embedding: {input_dim: 10, output_dim: 2}}, Flatten, {Dense: 1, name: y}]\n"
TOKENS = HEAD + "inputs: {x: {shape: [4], dtype: int32}}\n" + WORDS + "compile: {loss: mse}\n"
ONE = HEAD + "inputs: {x: 8}\nlayers: [{Dense: 1, name: y}]\ncompile: {loss: mse}\n"
X, Y = np.ones((20, 8), "float32"), np.arange(20) % 3
Make = Callable[[Outside], None]


def saved(text: str = SPEC, **arrays: Any) -> Make:
    def make(_: Outside) -> None:
        Path("spec.yaml").write_text(text, encoding="utf-8")
        np.savez("data.npz", **({"x": X, "y": Y} | arrays))

    return make


def content(data: bytes) -> Make:
    def make(outside: Outside) -> None:
        saved()(outside)
        Path("data.npz").write_bytes(data)

    return make


def cut(outside: Outside) -> None:
    saved()(outside)
    Path("data.npz").write_bytes(Path("data.npz").read_bytes()[:700])


def headed(shape: tuple[int, ...], size: int = 0, dtype: str = "<f4") -> Make:
    """A member that says that it has another shape, and so many zeros."""

    def make(outside: Outside) -> None:
        saved()(outside)
        with zipfile.ZipFile("data.npz", "w", zipfile.ZIP_DEFLATED) as archive:
            with archive.open("x.npy", "w") as file:
                np.lib.format.write_array_header_2_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
                file.write(b"\0" * size)
            with archive.open("y.npy", "w") as file:
                np.lib.format.write_array(file, Y)

    return make


def renamed_npy(outside: Outside) -> None:
    saved()(outside)
    np.save("data.npy", X)
    shutil.move("data.npy", "data.npz")


def linked(outside: Outside) -> None:
    saved()(outside)
    with h5py.File("data.h5", "w") as file:
        file["y"], file["x"] = Y, h5py.ExternalLink(outside.pipe, "/x")


def external(outside: Outside) -> None:
    saved()(outside)
    with h5py.File("data.h5", "w") as file:
        file["y"] = Y
        file.create_dataset("x", X.shape, "float32", external=[(outside.pipe, 0, X.nbytes)])


def pipe(outside: Outside) -> None:
    saved()(outside)
    Path("data.npz").unlink()
    Path("data.npz").symlink_to(outside.pipe)


def changed(array: np.ndarray, place: Any, value: float) -> np.ndarray:
    array = array.copy()
    array[place] = value
    return array


TOKEN = np.ones((20, 4), "int32")
FIT = "fit spec.yaml --data data.npz --epochs 1 -o run"
FOUND: dict[str, tuple[Make, str]] = {
    "a pickle": (saved(x=np.array([{"a": 1}] * 20, dtype=object)), "`x`"),
    "an array of 4 TB": (headed((10**12,)), "`x`"),
    "an array of 10^18 rows of nothing": (headed((10**18, 0)), "`x`"),
    "a file cut short": (cut, "data.npz"),
    "an .npy called .npz": (renamed_npy, "data.npz"),
    "a CSV called .npz": (content(b"a,b\n1,2\n"), "data.npz"),
    "an empty file": (content(b""), "data.npz"),
    "a label 5 of 3 classes": (saved(y=changed(Y, 7, 5)), "5"),
    "a label -1": (saved(y=changed(Y, 7, -1)), "-1"),
    "a token 10 of 10": (saved(TOKENS, x=changed(TOKEN, (3, 1), 10), y=np.ones((20, 1))), "10"),
    "a token -1": (saved(TOKENS, x=changed(TOKEN, (3, 1), -1), y=np.ones((20, 1))), "-1"),
    "targets that would broadcast": (saved(ONE, y=np.ones((20, 5), "float32")), "(20, 5)"),
    "steps beyond the data": (
        saved(ONE + "fit: {steps_per_epoch: 1000, batch_size: 10}\n", y=np.ones((20, 1), "float32")),
        "steps_per_epoch",
    ),
    "a NaN": (saved(x=changed(X, (4, 5), np.nan)), "NaN"),
    "infinity": (saved(x=changed(X, (4, 5), np.inf)), "infinity"),
    "a pipe": (pipe, "data.npz"),
}
CASES = (
    *(Case(f"data: {name}", make, said, (FIT,)) for name, (make, said) in FOUND.items()),
    *(
        Case(f"data: {name}", make, said, ("fit spec.yaml --data data.h5 --epochs 1 -o run",))
        for name, make, said in (
            ("a link to another file", linked, "`x`"),
            ("numbers from another file", external, "`x`"),
        )
    ),
)
