"""Every format: what is written is read, whole and in blocks, and what is wrong is one problem."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kspec.diagnostics import FileError, Problem
from kspec.training import Field, Matched, Source, interface_of, match, open_source
from kspec.training.data import separated
from kspec.training.data.codes import codes
from kspec.training.data.images import Images
from kspec.training.data.part import Part
from kspec.training.data.sequence import open_object
from kspec.training.data.source import gathered
from kspec.training.data.stacked import stacked
from kspec.training.data.stream import Streamed
from tests.training.models import keras

ROWS = 1000
RNG = np.random.default_rng(1)
X = RNG.normal(size=(ROWS, 5)).astype("float32")
Y = np.arange(ROWS) % 7
TEXTS = np.array(["ant", "bee", "cow", "dünn"], object)[np.arange(ROWS) % 4]


def npz(path: Path) -> Path:
    np.savez(path / "d.npz", x=X, y=Y, t=TEXTS.astype(str))
    return path / "d.npz"


def npy(path: Path) -> Path:
    (path / "d").mkdir()
    for name, array in {"x": X, "y": Y, "t": TEXTS.astype(str)}.items():
        np.save(path / "d" / f"{name}.npy", array)
    return path / "d"


def records(path: Path) -> Path:
    made = np.zeros(ROWS, [("x", "f4", (5,)), ("y", "i8"), ("t", "U4")])
    made["x"], made["y"], made["t"] = X, Y, TEXTS
    np.save(path / "d.npy", made)
    return path / "d.npy"


def arrow_table() -> Any:
    import pyarrow

    lists = pyarrow.FixedSizeListArray.from_arrays(X.reshape(-1), 5)
    return pyarrow.table({"x": lists, "y": Y, "t": pyarrow.array(TEXTS).dictionary_encode()})


def parquet(path: Path) -> Path:
    import pyarrow.parquet

    pyarrow.parquet.write_table(arrow_table(), path / "d.parquet", row_group_size=300)
    return path / "d.parquet"


def loose_lists(path: Path) -> Path:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table(
        {"x": X.tolist(), "y": Y, "t": TEXTS},
        schema=pyarrow.schema(
            [("x", pyarrow.list_(pyarrow.float32())), ("y", pyarrow.int64()), ("t", pyarrow.large_string())]
        ),
    )
    pyarrow.parquet.write_table(table, path / "d.parquet", row_group_size=300, store_schema=False)
    return path / "d.parquet"


def arrow(path: Path) -> Path:
    import pyarrow

    table = arrow_table()
    with pyarrow.ipc.new_file(path / "d.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=300)
    return path / "d.arrow"


def hdf5(path: Path) -> Path:
    import h5py

    with h5py.File(path / "d.h5", "w") as file:
        file.create_dataset("x", data=X, chunks=(64, 5), compression="gzip")
        file["y"] = Y
        file["t"] = np.char.encode(TEXTS.astype(str), "utf-8")
    return path / "d.h5"


def shards(path: Path) -> Path:
    (path / "s").mkdir()
    for number, (start, stop) in enumerate([(0, 400), (400, 401), (401, 1000)]):
        np.savez(path / "s" / f"part-{number}.npz", x=X[start:stop], y=Y[start:stop], t=TEXTS[start:stop].astype(str))
    return path / "s" / "part-*.npz"


WRITERS = [npz, npy, records, parquet, loose_lists, arrow, hdf5, shards]


@pytest.mark.parametrize("write", WRITERS, ids=lambda each: each.__name__)
def test_what_is_written_is_read_whole_and_in_blocks(write: Callable[[Path], Path], tmp_path: Path) -> None:
    source = open_source(str(write(tmp_path)))
    kinds = {name: (field.shape, "str" if field.is_text else field.dtype) for name, field in source.fields.items()}
    assert kinds == {"x": ((ROWS, 5), "float32"), "y": ((ROWS,), "int64"), "t": ((ROWS,), "str")}
    for found in (source.gather(["x", "y", "t"]), gathered(source, ["t", "x", "y"])):
        np.testing.assert_array_equal(found["x"], X)
        np.testing.assert_array_equal(found["y"], Y)
        assert found["t"].tolist() == TEXTS.tolist()
        assert found["x"].dtype == np.float32
    np.testing.assert_array_equal(source.read("x"), X)
    assert problem(lambda: source.read("t")).code == "data-dtype"
    assert codes(source, "t")[1] == TEXTS[:4].tolist()
    assert all(Path(file).is_file() for file in source.files)
    file, row = source.origin(999)
    assert (file, row) == ((str(tmp_path / "s" / "part-2.npz"), 598) if write is shards else (source.path, 999))


def test_csv_columns_are_numbers_or_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(separated, "_CELLS", 12)  # three rows a block
    path = tmp_path / "d.csv"
    path.write_text(
        '\ufeffwhole,real,gaps,text,late,"a, b"\r\n'
        '1,1.5,3,red,1,x\r\n2,2,,"gr""een",2,y\r\n\r\n3,-1e3,NA,,3,x\r\n4,nan,5,red,seven,x\r\n5,6,6,blue,007,z\r\n',
        encoding="utf-8",
        newline="",
    )
    source = open_source(str(path))
    assert {name: field.dtype for name, field in source.fields.items()} == {
        "whole": "int64",
        "real": "float64",
        "gaps": "float64",
        "text": "str",
        "late": "str",
        "a, b": "str",
    }
    found = source.gather(list(source.fields))
    assert found["whole"].tolist() == [1, 2, 3, 4, 5]
    np.testing.assert_array_equal(found["real"], [1.5, 2, -1000, np.nan, 6])
    np.testing.assert_array_equal(found["gaps"], [3, np.nan, np.nan, 5, 6])
    assert found["text"].tolist() == ["red", 'gr"een', None, "red", "blue"]
    assert found["late"].tolist() == ["1", "2", "3", "seven", "007"]
    assert len(source.blocks(["whole"])) == 3


def test_semicolons_and_tabs(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("a;b\n1;2,5\n", encoding="utf-8")
    assert open_source(str(tmp_path / "d.csv")).gather(["b"])["b"].tolist() == [2.5]
    (tmp_path / "d.tsv").write_text("a\tb\n1\t2\n", encoding="utf-8")
    assert open_source(str(tmp_path / "d.tsv")).read("b").tolist() == [2]


CSV: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty"),
    "no rows": (b"a,b\n", "holds no rows"),
    "no names": (b"1,2\n3,4\n", "has no names of columns: its first line holds numbers"),
    "no name": (b"a,\x01,b\n1,2,3\n", "has no name for column 2"),
    "a name twice": (b"a,a\n1,2\n", "has two columns called `a`"),
    "ragged": (b"a,b\n1,2\n3\n", "has 1 cell in line 3, and 2 columns"),
    "latin-1": ("a,b\n1,é\n".encode("latin-1"), "is no UTF-8 text"),
    "a huge cell": (b'a,b\n1,"' + b"x" * 200_000 + b'"\n', "cannot be read near line 2: field larger than"),
}


@pytest.mark.parametrize("case", CSV)
def test_bad_csv_files(case: str, tmp_path: Path) -> None:
    content, message = CSV[case]
    (tmp_path / "d.csv").write_bytes(content)
    found = problem(lambda: open_source(str(tmp_path / "d.csv")))
    assert (found.code, found.file) == ("data-format", str(tmp_path / "d.csv"))
    assert found.message.startswith(f"`d.csv` {message}")
    assert found.help


def links(path: Path, kind: str) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file["x"] = X
        if kind == "soft":
            file["link"] = h5py.SoftLink("/x")
        elif kind == "external":
            file["link"] = h5py.ExternalLink("/etc/passwd", "/x")
        elif kind == "virtual":
            layout = h5py.VirtualLayout(shape=(5,), dtype="f4")
            layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(5,))
            file.create_virtual_dataset("link", layout)
        elif kind == "storage":
            file.create_dataset("link", (5,), "u1", external=[("/etc/passwd", 0, 5)])


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("soft", "holds `link`, a link to somewhere else"),
        ("external", "holds `link`, a link to somewhere else"),
        ("virtual", "holds `link`, whose data are in other files"),
        ("storage", "holds `link`, whose data are in other files"),
    ],
)
def test_hostile_hdf5_files(kind: str, message: str, tmp_path: Path) -> None:
    links(tmp_path / "d.h5", kind)
    assert message in problem(lambda: open_source(str(tmp_path / "d.h5"))).message


def test_hdf5_objects_circles_and_groups(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["inner/x"] = X
        file["inner/again"] = file["inner"]
        file.create_dataset("vlen", (3,), h5py.special_dtype(vlen=np.int32))
        file["words"] = ["a", "b"]
    source = open_source(str(tmp_path / "d.h5"))
    assert set(source.fields) == {"inner/x", "vlen", "words"}
    np.testing.assert_array_equal(source.read("inner/x"), X)
    for name in ("vlen", "words"):
        assert problem(lambda name=name: source.read(name)).code == "data-dtype"
    content = (tmp_path / "d.h5").read_bytes()
    (tmp_path / "e.h5").write_bytes(content[:600])
    assert "damaged or cut short" in problem(lambda: open_source(str(tmp_path / "e.h5"))).message


def image_folder(path: Path, size: tuple[int, int] = (8, 6)) -> Path:
    from PIL import Image

    for kind, shade in (("cat", 10), ("dog", 200)):
        (path / "pictures" / kind).mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", size, (shade, number, 0)).save(path / "pictures" / kind / f"{number}.png")
    return path / "pictures"


def test_folders_of_images(tmp_path: Path) -> None:
    from PIL import Image

    folder = image_folder(tmp_path)
    source = open_source(str(folder))
    assert source.fields == {"x": Field((6, 6, 8, 3), "uint8"), "y": Field((6,), "str")}
    found = source.gather(["x", "y"])
    assert found["y"].tolist() == ["cat"] * 3 + ["dog"] * 3
    assert found["x"][4, 2, 3].tolist() == [200, 1, 0]
    assert source.origin(4) == (str(folder / "dog" / "1.png"), 0)
    Image.new("RGB", (9, 6)).save(folder / "dog" / "3.png")
    found = problem(lambda: open_source(str(folder)).read("x"))
    help = "give the model's input a size, and they are brought to it: `[6, 8, 3]`"
    assert (found.code, found.help) == ("data-shape", help)
    assert found.message.endswith("`dog/3.png` is 9 × 6, and the first image is 8 × 6".removeprefix("`dog/"))
    (folder / "dog" / "3.png").write_bytes(b"no image")
    assert "is no image that can be read" in problem(lambda: open_source(str(folder)).read("x")).message
    source = open_source(str(folder))
    (folder / "dog" / "3.png").unlink()
    found = problem(lambda: source.read("x"))
    assert (found.code, found.message) == ("data-changed", "`3.png` changed while it was read: it is gone")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "is a folder, and holds no data" in problem(lambda: open_source(str(empty))).message
    (empty / "part-1.csv").write_text("a\n1\n")
    assert problem(lambda: open_source(str(empty))).help == f"name its files by a pattern: `{empty}/*.csv`"


def test_grey_images_of_more_than_8_bits(tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "one").mkdir()
    deep = np.array([[0, 255, 256], [300, 40000, 65535]], "uint16")
    Image.fromarray(deep).save(tmp_path / "one" / "1.png")
    assert open_source(str(tmp_path)).read("x")[0, :, :, 0].tolist() == [[0, 0, 1], [1, 156, 255]]
    Image.fromarray(np.array([[0, 9, 255]] * 2, "float32")).save(tmp_path / "one" / "1.tiff")
    (tmp_path / "one" / "1.png").unlink()
    assert open_source(str(tmp_path)).read("x")[0, 0, :, 0].tolist() == [0, 9, 255]
    Image.fromarray(np.array([[0, -9, 2.5]] * 2, "float32")).save(tmp_path / "one" / "1.tiff")
    found = problem(lambda: open_source(str(tmp_path)).read("x"))
    assert found.message == "`1.tiff` holds numbers from -9 to 2.5, and the pixels of images are 0 to 255"


@pytest.mark.parametrize("size", [(4, 4), (3, 13), (20, 9), (6, 8), (1, 1)], ids=str)
def test_images_are_resized_as_by_keras(size: tuple[int, int], tmp_path: Path) -> None:
    """Bilinear, to the size and the channels of the input; in a part of the rows, too."""
    from PIL import Image

    random = np.random.default_rng(0)
    originals = [random.integers(0, 256, shape, "uint8") for shape in ((6, 8, 3), (17, 5, 3), (6, 8))]
    for number, array in enumerate(originals):
        (tmp_path / f"kind{number}").mkdir()
        Image.fromarray(array).save(tmp_path / f"kind{number}" / "1.png")
    source = open_source(str(tmp_path))
    assert isinstance(source, Images)
    assert source.sized((None, None, 3)) is source.sized((3, 8, 9)) is source.sized((8,)) is source
    for channels in (1, 3, 4):
        model = keras.Sequential([keras.Input((*size, channels), name="picture"), keras.layers.Flatten()])
        found, part, streamed = (
            match(each, interface_of(model), fields={"picture": "x"}, targets=False, budget=budget)
            for each, budget in ((source, 2**20), (Part(source, np.array([False, True, True])), 2**20), (source, 0))
        )
        assert isinstance(found, Matched)
        assert isinstance(part, Matched)
        assert isinstance(streamed, Streamed)
        assert found.x["picture"].dtype == np.uint8
        np.testing.assert_array_equal(part.x["picture"], found.x["picture"][1:])
        np.testing.assert_array_equal(streamed.head(3).x["picture"], found.x["picture"])
        for array, given in zip(found.x["picture"], originals, strict=True):
            mode = {1: "L", 3: "RGB", 4: "RGBA"}[channels]
            whole = np.asarray(Image.fromarray(given).convert(mode), "float32").reshape(*given.shape[:2], channels)
            np.testing.assert_allclose(array, keras.ops.image.resize(whole, size), atol=0.51)
    flat = keras.Sequential([keras.Input(size, name="picture"), keras.layers.Flatten()])
    grey = match(source, interface_of(flat), fields={"picture": "x"}, targets=False, budget=2**20)
    assert isinstance(grey, Matched)
    assert grey.x["picture"].shape == (3, *size)


class Grain:
    """Rows as a Grain data source gives them."""

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, index: int) -> Any:
        return {"x": X[index], "y": Y[index], "t": TEXTS[index]}


def test_python_objects(tmp_path: Path) -> None:
    source: Source = open_object("mine.digits", Grain)
    assert source.fields["x"] == Field((ROWS, 5), "float32")
    found = source.gather(["x", "y", "t"])
    np.testing.assert_array_equal(found["x"], X)
    assert found["t"].tolist() == TEXTS.tolist()
    pairs = open_object("mine.pairs", list(zip(X, Y, strict=True)))
    np.testing.assert_array_equal(pairs.read("y"), Y)
    ragged = open_object("mine.ragged", [(X[0], 1), (X[0, :3], 1)])
    assert problem(lambda: ragged.read("x")).message == (
        "`x[1]` is (3,) float32, and in the first row it is (5,) float32"
    )
    assert "has no rows" in problem(lambda: open_object("mine.n", 3)).message
    assert problem(lambda: open_object("mine.e", [])).code == "data-steps"
    assert "ZeroDivisionError" in problem(lambda: open_object("mine.f", lambda: 1 // 0)).message


def test_patterns_that_no_file_matches_and_mixed_shards(tmp_path: Path) -> None:
    np.savez(tmp_path / "part-1.npz", x=X)
    found = problem(lambda: open_source(str(tmp_path / "prat-*.npz")))
    assert found.message == f"no file matches `{tmp_path}/prat-*.npz`"
    assert found.help == "there are `part-1.npz`"
    found = problem(lambda: open_source(str(tmp_path / "none" / "*.npz")))
    assert found.help == f"the folder `{tmp_path}/none` does not exist"
    for other, message in {
        "y": "`part-2.npz` has no field `x`, and `part-1.npz` has one",
        "wide": "`x` is (1000, 3) float32 in `part-2.npz`, and (1000, 5) float32 before",
        "text": "`x` is (2,) text in `part-2.npz`, and (1000, 5) float32 before",
    }.items():
        arrays = {"y": {"y": X}, "wide": {"x": X[:, :3]}, "text": {"x": np.array(["a", "b"])}}[other]
        np.savez(tmp_path / "part-2.npz", **arrays)  # type: ignore[arg-type]
        found = problem(lambda: open_source(str(tmp_path / "part-*.npz")))
        assert (found.code, found.message) == ("data-format", message)
    np.savez(tmp_path / "part-2.npz", x=X.astype("float64"))
    assert open_source(str(tmp_path / "part-*.npz")).fields["x"] == Field((2000, 5), "float64")


def test_gaps_in_parquet(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"whole": [1, None, 3], "real": [1.5, None, 2.5], "day": pyarrow.array([1, 2, 3], "date32")})
    pyarrow.parquet.write_table(table, tmp_path / "d.parquet")
    source = open_source(str(tmp_path / "d.parquet"))
    assert source.fields["whole"].dtype == "float64"
    np.testing.assert_array_equal(source.read("whole"), [1, np.nan, 3])
    assert "has the dtype date32" in problem(lambda: source.read("day")).message
    pyarrow.parquet.write_table(table, tmp_path / "d.parquet", write_statistics=False)
    found = problem(lambda: open_source(str(tmp_path / "d.parquet")).read("whole"))
    assert (found.code, found.message) == (
        "data-nan",
        "`whole[1]` is missing (null), and the column holds whole numbers",
    )
    lists = pyarrow.table({"x": [[1.0, 2.0], [3.0]]})
    pyarrow.parquet.write_table(lists, tmp_path / "d.parquet")
    found = problem(lambda: open_source(str(tmp_path / "d.parquet")).read("x"))
    assert found.message == "`x[1]` is a list of 1, and the first row is one of 2"


@pytest.mark.parametrize("ending", [".parquet", ".arrow", ".h5", ".npy"])
def test_files_of_another_kind(ending: str, tmp_path: Path) -> None:
    for content in (b"", b"hello" * 100, b"PAR1" + b"\0" * 100, b"ARROW1\0\0" + b"\0" * 100):
        (tmp_path / f"d{ending}").write_bytes(content)
        assert problem(lambda: open_source(str(tmp_path / f"d{ending}"))).code == "data-format"


def test_columns_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("p1,p2,q,t\n1,2,0.5,a\n3,4,1.5,b\n", encoding="utf-8")
    source = open_source(str(tmp_path / "d.csv"))
    both, names = stacked(source, {"x": "p*", "z": ["p2", "q"], "t": "t"})
    assert names == {"x": "p1, p2", "z": "p2, q", "t": "t"}
    assert both.read("p1, p2").tolist() == [[1, 2], [3, 4]]
    assert both.read("p2, q").tolist() == [[2, 0.5], [4, 1.5]]
    assert both.fields["p1, p2"] == Field((2, 2), "int64")
    found = problem(lambda: stacked(source, {"x": ["p1", "t"]}))
    assert found.message == "`t` holds text, which does not go into one array with numbers"
    found = problem(lambda: stacked(source, {"x": ["p1", "p3"]}))
    assert (found.message, found.help) == (
        "`d.csv` has no column `p3`, which is to be a part of `x`",
        "it has `p1`, `p2`, `q`, `t`",
    )


def problem(call: Callable[[], object]) -> Problem:
    with pytest.raises(FileError) as caught:
        call()
    assert len(caught.value.problems) == 1
    return caught.value.problems[0]
