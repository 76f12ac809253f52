"""HDF5 and NumPy files that are more, or less, than numbers."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tests.attacks.case import Case, Outside, good_keras
from tests.attacks.configs import MODEL, lambda_layer

KERNEL, BIAS = "layers/dense/vars/0", "layers/dense/vars/1"
SPEC = "kspec: 1\ninputs: {x: 8}\nlayers: [{Dense: 600, name: dense}]\nweights: bad.weights.h5\n"
LAYER = "kspec: 1\ninputs: {x: 8}\nlayers: [{Dense: {units: 600, use_bias: false}, name: dense, weights: bad.npz}]\n"
ARRAYS = ("audit bad.weights.h5", "build weights.yaml", "weights ls bad.weights.h5 --stats")
Change = Callable[[Any, Outside], None]


def changed(change: Change) -> Callable[[Outside], None]:
    """A file of weights and a model that are changed alike."""

    def make(outside: Outside) -> None:
        shutil.copy("../good.weights.h5", "bad.weights.h5")
        with h5py.File("bad.weights.h5", "r+") as file:
            change(file, outside)
        with zipfile.ZipFile(good_keras()) as old, zipfile.ZipFile("bad.keras", "w") as new:
            for name in old.namelist():
                new.writestr(name, Path("bad.weights.h5").read_bytes() if name.endswith("h5") else old.read(name))
        Path("weights.yaml").write_text(SPEC, encoding="utf-8")

    return make


def external_link(file: Any, outside: Outside) -> None:
    file["layers/dense/more"] = h5py.ExternalLink(outside.pipe, "/x")


def external_group(file: Any, outside: Outside) -> None:
    del file["layers"]
    file["layers"] = h5py.ExternalLink(outside.pipe, "/layers")


def soft_link(file: Any, _: Outside) -> None:
    file["layers/dense/more"] = h5py.SoftLink("/layers")


def external_data(file: Any, outside: Outside) -> None:
    del file[BIAS]
    file.create_dataset(BIAS, (600,), "float32", external=[(outside.pipe, 0, 2400)])


def virtual_data(file: Any, outside: Outside) -> None:
    del file[BIAS]
    layout = h5py.VirtualLayout((600,), "float32")
    layout[:] = h5py.VirtualSource(outside.pipe, "x", (600,))
    file.create_virtual_dataset(BIAS, layout)


def declared(file: Any, _: Outside) -> None:
    del file[KERNEL]
    file.create_dataset(KERNEL, (10**6, 10**6), "float32", chunks=(1000, 1000))


def declared_packed(file: Any, _: Outside) -> None:
    del file[KERNEL]
    file.create_dataset(KERNEL, (10**5, 10**5), "float32", chunks=(1000, 1000), compression="gzip")


def packed(file: Any, _: Outside) -> None:
    """120 MB of zeros in half a megabyte, all of which are there."""
    del file[KERNEL]
    data = file.create_dataset(KERNEL, (30, 10**6), "float32", chunks=(1, 10**6), compression="gzip")
    for row in range(30):
        data[row] = np.zeros(10**6, "float32")


def packed_in_parts(file: Any, _: Outside) -> None:
    """The same in arrays of 40 MB."""
    for number in range(3):
        name, zeros = f"layers/dense/vars/{number + 2}", np.zeros((10, 10**6), "float32")
        file.create_dataset(name, data=zeros, chunks=(1, 10**6), compression="gzip")


def texts(file: Any, _: Outside) -> None:
    file["layers/dense/more"] = ["a text", "another"]


def references(file: Any, _: Outside) -> None:
    file.create_dataset("layers/dense/more", (1,), h5py.ref_dtype)[0] = file["layers"].ref


def inside_itself(file: Any, _: Outside) -> None:
    file["layers/dense/inside"] = file["layers"]


def nested(file: Any, _: Outside) -> None:
    file.create_group("layers/" + "deeper/" * 100)


def other_names(file: Any, _: Outside) -> None:
    for number in range(500):
        file[f"layers/dense/vars/{number + 2}"] = file[BIAS]


def many_groups(file: Any, _: Outside) -> None:
    del file["layers"]
    for number in range(120):
        group = file.create_group(f"layers/{number}")
        for inner in range(120):
            h5py.h5g.create(group.id, str(inner).encode())


def named_type(file: Any, _: Outside) -> None:
    file["layers/dense/more"] = np.dtype("float32")


def plug_in(file: Any, _: Outside) -> None:
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk((10,))
    plan.set_filter(32015, h5py.h5z.FLAG_OPTIONAL)
    space = h5py.h5s.create_simple((10,))
    h5py.h5d.create(file["layers/dense"].id, b"more", h5py.h5t.IEEE_F32LE, space, dcpl=plan)


def no_text(file: Any, _: Outside) -> None:
    space = h5py.h5s.create_simple((2,))
    h5py.h5d.create(file["layers/dense/vars"].id, b"\xff", h5py.h5t.IEEE_F32LE, space)


def records(file: Any, _: Outside) -> None:
    file["layers/dense/more"] = np.zeros(3, [("a", "f4"), ("b", "i4")])


def parts(file: Any, _: Outside) -> None:
    file.create_dataset("layers/dense/more", (3,), np.dtype(("f4", (2,))))


def null(file: Any, _: Outside) -> None:
    file["layers/dense/more"] = h5py.Empty("f4")


def whole_model(file: Any, outside: Outside) -> None:
    """A model in the format in which Keras did not mind safe mode."""
    layers = [{"class_name": "InputLayer", "config": {"batch_input_shape": [None, 8]}}, lambda_layer(outside)]
    config = {"class_name": "Sequential", "config": {"name": "old", "layers": layers}}
    file.attrs["model_config"] = json.dumps(config)


FOUND: dict[str, tuple[Change, str]] = {
    "CVE-2025-9905: a whole model in the old format": (whole_model, "it is a whole model in Keras's old format"),
    "CVE-2026-0897: an array of 4 TB": (declared, "declares 4,000,000,000,000 bytes and holds 0"),
    "CVE-2026-0897: a packed array of 40 GB": (declared_packed, "declares 40,000,000,000 bytes and holds 0"),
    "CVE-2026-0897: 120 MB of zeros": (packed, "declares 120,000,000 bytes and holds "),
    "CVE-2026-0897: 120 MB of zeros in parts": (packed_in_parts, "its arrays declare 120,0"),
    "CVE-2026-1669: numbers from another file": (external_data, "takes its numbers from another file"),
    "CVE-2026-1669: a virtual array": (virtual_data, "takes its numbers from another file"),
    "CVE-2026-1669: a link to another file": (external_link, "pipe.h5`, and no array"),
    "CVE-2026-1669: all layers in another file": (external_group, "`layers` is a link to "),
    "a soft link": (soft_link, "is a link, and no array"),
    "texts": (texts, "holds object, and no numbers"),
    "references": (references, "holds object, and no numbers"),
    "a group inside itself": (inside_itself, "is inside itself"),
    "groups inside groups": (nested, "is inside itself, or inside far too many"),
    "500 names of an array": (other_names, "is an array that has another name, too"),
    "14,400 groups": (many_groups, "it holds more than 12,000 arrays and groups"),
    "a type with a name": (named_type, "is neither a group nor an array"),
    "a name that is no text": (no_text, "has a name that is no text"),
    "records": (records, "holds [('a', '<f4'), ('b', '<i4')], and no numbers"),
    "arrays in an array": (parts, "holds ('<f4', (2,)), and no numbers"),
    "an array without a space": (null, "`layers/dense/more` holds nothing"),
    "a filter that is a plug-in": (plug_in, "is packed by the filter 32015, which would load a plug-in"),
}


def arrays(write: Callable[[Path], None]) -> Callable[[Outside], None]:
    def make(_: Outside) -> None:
        write(Path("bad.npz"))
        Path("weights.yaml").write_text(LAYER, encoding="utf-8")

    return make


def headed(path: Path, shape: tuple[int, ...], content: int, dtype: str = "<f4") -> None:
    """A member of so many zeros under a header that says what it likes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("kernel.npy", "w") as file:
        np.lib.format.write_array_header_2_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
        for _ in range(content // 10**6):
            file.write(b"\0" * 10**6)


def pickled(path: Path) -> None:
    np.savez(path, kernel=np.array([{"a": 1}], dtype=object))


def nonsense(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("kernel.npy", b"\x93NUMPY\x01\x00\x2a\x00{'descr': (), 'fortran_order':0, 'shape':()}")


def no_array(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("kernel", b"\0" * 120_000_000)


NUMPY: dict[str, tuple[Callable[[Path], None], str]] = {
    "120 MB of zeros for a layer": (lambda path: headed(path, (30, 10**6), 120_000_000), "no variable is as large"),
    "an array of 4 TB for a layer": (lambda path: headed(path, (10**6, 10**6), 0), "no variable is as large"),
    "a number of 2 GB for a layer": (lambda path: headed(path, (1,), 0, "|V2000000000"), "and no numbers"),
    "a header that is nonsense for a layer": (nonsense, "`kernel` cannot be read: its header makes no sense"),
    "a pickle for a layer": (pickled, "Object arrays cannot be loaded"),
    "a member that is no array for a layer": (no_array, "which is no array"),
    "a text for a layer": (lambda path: path.write_bytes(b"kernel") and None, "not a zip file"),
}
CASES = (
    *(Case(name, changed(change), said, (*ARRAYS, *MODEL[:3])) for name, (change, said) in FOUND.items()),
    *(Case(name, arrays(write), said, ("build weights.yaml",), 1) for name, (write, said) in NUMPY.items()),
)
