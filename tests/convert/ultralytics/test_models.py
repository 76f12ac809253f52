"""Models of Ultralytics as specs: whole texts, the published numbers of parameters, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kspec as library
from kspec.convert.ultralytics.scaling import Scale
from kspec.importing import import_model
from tests.conftest import check_golden, run_kspec

FOLDER = Path(__file__).parent / "cases"
HEAD = "nc: 4\nscales: {n: [1.0, 0.25, 1024]}\nbackbone:\n"


def plan(text: str) -> Any:
    return library.loads(text).plan()


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("eight", ["--scale", "n"]),
        ("eight", ["--scale", "m", "--shape", "320,320,3"]),
        ("eleven", []),
        ("five", []),
        ("odd", []),
    ],
    ids=lambda value: value if isinstance(value, str) else "_".join(value).replace("--", "").replace(",", "x"),
)
def test_cases(name: str, flags: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    outcome = run_kspec("import", f"{name}.yaml", *flags)
    check_golden(FOLDER / f"{name}{''.join(flags[1:2])}.txt", outcome.text)


def conv(before: int, after: int, size: int = 1, groups: int = 1) -> int:
    """A convolution without bias, and the scale and offset of its normalization."""
    return size * size * before * after // groups + 2 * after


def detect(channels: list[int], classes: int = 80) -> int:
    """YOLOv8's Detect: for each map a branch to 4 × 16 bins and one to classes, and 16 numbers that are fixed."""
    boxes, kinds = max(16, channels[0] // 4, 64), max(channels[0], min(classes, 100))
    total = 16
    for each in channels:
        total += conv(each, boxes, 3) + conv(boxes, boxes, 3) + 64 * boxes + 64
        total += conv(each, kinds, 3) + conv(kinds, kinds, 3) + classes * kinds + classes
    return total


def detect_11(channels: list[int], classes: int = 80) -> int:
    """YOLO11's, whose branch to classes is of depthwise convolutions."""
    boxes, kinds = max(16, channels[0] // 4, 64), max(channels[0], min(classes, 100))
    total = 16
    for each in channels:
        total += conv(each, boxes, 3) + conv(boxes, boxes, 3) + 64 * boxes + 64
        total += conv(each, each, 3, each) + conv(each, kinds) + conv(kinds, kinds, 3, kinds) + conv(kinds, kinds)
        total += classes * kinds + classes
    return total


def detect_5(channels: list[int], classes: int = 80) -> int:
    return sum((each + 1) * 3 * (classes + 5) for each in channels)


PUBLISHED = [  # the summaries in the model files, with 80 classes
    ("eight", "n", detect, 3157200),
    ("eight", "m", detect, 25902640),
    ("eleven", "n", detect_11, 2624080),
    ("five", None, detect_5, 7235389),
    pytest.param("eight", "s", detect, 11166560, marks=pytest.mark.slow),
    pytest.param("eight", "l", detect, 43691520, marks=pytest.mark.slow),
    pytest.param("eight", "x", detect, 68229648, marks=pytest.mark.slow),
    pytest.param("eleven", "s", detect_11, 9458752, marks=pytest.mark.slow),
    pytest.param("eleven", "m", detect_11, 20114688, marks=pytest.mark.slow),
    pytest.param("eleven", "l", detect_11, 25372160, marks=pytest.mark.slow),
    pytest.param("eleven", "x", detect_11, 56966176, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("name", "scale", "head", "published"), PUBLISHED)
def test_parameters_are_as_many_as_published(name: str, scale: str | None, head: Any, published: int) -> None:
    """All that the published model has is in the spec, or in the head that was cut."""
    found = plan(import_model(FOLDER / f"{name}.yaml", scale=scale))
    channels = [int(shape[-1]) for _, shape, _ in found.outputs]
    assert found.trainable + head(channels) == published


def of_rows(*rows: str, head: str = "[]") -> str:
    return HEAD + "".join(f"  - {row}\n" for row in rows) + f"head: {head}\n"


def parameters(tmp: Path, *rows: str) -> int:
    path = tmp / "model.yaml"
    path.write_text(of_rows(*rows), encoding="utf-8")
    found: int = plan(import_model(path, shapes={"": [64, 64, 3]})).trainable
    return found


def test_modules_by_hand(tmp_path: Path) -> None:
    stem = conv(3, 16, 3)
    assert parameters(tmp_path, "[-1, 1, Conv, [64, 3, 2]]") == stem
    inner = 2 * conv(8, 8, 3)
    c2f = conv(16, 16) + 3 * inner + conv(5 * 8, 16)
    assert parameters(tmp_path, "[-1, 1, Conv, [64, 3, 2]]", "[-1, 3, C2f, [64, True]]") == stem + c2f
    sppf = conv(16, 8) + conv(32, 32)
    assert parameters(tmp_path, "[-1, 1, Conv, [64, 3, 2]]", "[-1, 1, SPPF, [128, 5]]") == stem + sppf
    c3 = 2 * conv(16, 8) + 2 * (conv(8, 8) + conv(8, 8, 3)) + conv(16, 16)
    assert parameters(tmp_path, "[-1, 1, Conv, [64, 3, 2]]", "[-1, 2, C3, [64]]") == stem + c3
    twice = 2 * conv(16, 16, 3)
    assert parameters(tmp_path, "[-1, 1, Conv, [64, 3, 2]]", "[-1, 2, Conv, [64, 3]]") == stem + twice
    assert parameters(tmp_path, "[-1, 1, Focus, [64, 3]]") == conv(12, 16, 3)
    assert parameters(tmp_path, "[-1, 1, Conv, [64, 3, 2]]", "[-1, 1, DWConv, [64, 5]]") == stem + conv(16, 16, 5, 16)


def test_a_strided_convolution_pads_as_pytorch_does(tmp_path: Path) -> None:
    """Both sides by one: the first output sees the first row and column in its middle."""
    path = tmp_path / "model.yaml"
    path.write_text(of_rows("[-1, 1, Conv, [32, 3, 2]]"), encoding="utf-8")
    model = library.loads(import_model(path, shapes={"": [6, 6, 1]})).build()
    rng = np.random.default_rng(3)
    kernel = model.weights[0]
    kernel.assign(rng.normal(size=kernel.shape))
    x = rng.normal(size=(1, 6, 6, 1)).astype("float32")
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    weights = np.asarray(kernel)
    raw = np.stack(
        [[np.einsum("hwc,hwcf->f", padded[0, i : i + 3, j : j + 3], weights) for j in (0, 2, 4)] for i in (0, 2, 4)]
    )
    raw /= np.sqrt(1 + 1e-3)  # the normalization as it begins
    np.testing.assert_allclose(np.asarray(model(x))[0], raw / (1 + np.exp(-raw)), rtol=1e-4, atol=1e-5)


def test_attention_is_what_ultralytics_computes() -> None:
    """Of its Attention: heads in the order of their channels, each with keys of half the width, and a position."""
    blocks = (Path(library.__file__).parent / "convert" / "ultralytics" / "blocks.yaml").read_text(encoding="utf-8")
    text = blocks + "inputs: {x: [3, 2, 8]}\nlayers:\n  - attention: {filters: 8, heads: 2, height: 3, width: 2}\n"
    model = library.loads(text).build()
    rng = np.random.default_rng(5)
    for weight in model.trainable_weights:
        if weight.ndim > 1:
            weight.assign(rng.normal(size=weight.shape))
    kernels = [np.asarray(each) for each in model.trainable_weights if each.ndim > 1]
    x = rng.normal(size=(3, 2, 8)).astype("float32")
    scale = 1 / np.sqrt(1 + 1e-3)  # of a normalization as it begins
    qkv = (x.reshape(6, 8) @ kernels[0][0, 0] * scale).reshape(6, 2, 8)
    query, key, value = qkv[..., :2], qkv[..., 2:4], qkv[..., 4:]
    scores = np.einsum("qhd,khd->hqk", query, key) * 2**-0.5
    weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    seen = np.einsum("hqk,khd->qhd", weights, value).reshape(3, 2, 8)
    padded = np.pad(value.reshape(3, 2, 8), ((1, 1), (1, 1), (0, 0)))
    depthwise = kernels[1].reshape(3, 3, 8)
    position = np.stack([[(padded[i : i + 3, j : j + 3] * depthwise).sum((0, 1)) for j in (0, 1)] for i in (0, 1, 2)])
    expected = (seen + position * scale).reshape(6, 8) @ kernels[2][0, 0] * scale
    np.testing.assert_allclose(np.asarray(model(x[None]))[0].reshape(6, 8), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("number", "scale", "channels", "repeats"),
    [
        (64, Scale("n", 0.33, 0.25, 1024), 16, 21),
        (1024, Scale("x", 1.0, 1.25, 512), 640, 1024),
        (100, Scale("", 1.0, 0.5, 1e9), 56, 100),
    ],
)
def test_scaling(number: int, scale: Scale, channels: int, repeats: int) -> None:
    assert scale.channels(number) == channels
    assert scale.repeats(number) == repeats
    assert scale.repeats(1) == 1


def test_the_scale_is_in_the_name(in_tmp: Path) -> None:
    text = (FOLDER / "eight.yaml").read_text(encoding="utf-8")
    Path("yolov8s.yaml").write_text(text, encoding="utf-8")
    notes: list[str] = []
    assert "name: yolov8s\n" in (found := import_model("yolov8s.yaml", tell=notes.append))
    assert "filters: 32, size: 3" in found
    assert not any("no scale is asked for" in each for each in notes)


@pytest.mark.parametrize("scale", ["(", "([a-z]+)+!", "n" * 9, "", 1])
def test_a_scale_is_named_by_letters_and_digits(in_tmp: Path, scale: Any) -> None:
    text = of_rows("[-1, 1, Conv, [64, 3, 2]]").replace("{n:", "{" + json.dumps(scale) + ":")
    Path(f"m1{'a' * 40}.yaml").write_text(text, encoding="utf-8")
    outcome = run_kspec("import", f"m1{'a' * 40}.yaml")
    assert outcome.status == 3, outcome.text
    assert "a scale's name is 1 to 8 letters and digits" in outcome.err
    assert f"m1{'a' * 40}.yaml:2:" in outcome.err


def test_another_activation(in_tmp: Path) -> None:
    Path("m.yaml").write_text(
        "activation: nn.ReLU(inplace=True)\n" + of_rows("[-1, 1, Conv, [64, 3, 2]]"), encoding="utf-8"
    )
    assert "activation: relu}" in import_model("m.yaml")
    Path("m.yaml").write_text("activation: nn.FReLU()\n" + of_rows("[-1, 1, Conv, [64, 3, 2]]"), encoding="utf-8")
    assert "`nn.FReLU()` has no counterpart" in run_kspec("import", "m.yaml").err


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("[-1, 1, GhostConv, [64]]", "`GhostConv` has no counterpart"),
        ("[-1, 1, Conv]", "a row is [from, repeats, module, arguments]"),
        ("[-1, 0, Conv, [64]]", "a row is [from, repeats, module, arguments]"),
        ("[-1, 1, Conv, []]", "the argument 1 is missing"),
        ("[-1, 1, Conv, [many]]", "the argument 1 cannot be `many`"),
        ("[-1, 1, Conv, [-3]]", "there are no -3 channels"),
        ("[-1, 1, Conv, [64, 0]]", "sizes, strides and groups are 1 or more"),
        ("[-1, 1, Conv, [64, 3, 1, 0]]", "a convolution without padding"),
        ("[-1, 1, Conv, [10000000]]", "beyond any model's size"),
        ("[-3, 1, Conv, [64]]", "there is no row -3 before this one"),
        ("[-2, 1, Conv, [64]]", "there is no row -2 before this one"),
        ("[7, 1, Conv, [64]]", "there is no row 7 before this one"),
        ("[one, 1, Conv, [64]]", "`one` is no index of a row"),
        ("[[-1, 0], 1, Conv, [64]]", "`Conv` takes one tensor"),
        ("[[-1, 0], 1, Concat, [0]]", "a Concat along the axis 0"),
        ("[-1, 1, nn.Upsample, [None, 2, bicubic]]", "an Upsample to a size, or by `bicubic`"),
        ("[-1, 1, nn.MaxPool2d, [2, 2, 1]]", "a MaxPool2d that pads"),
        ("[-1, 1, nn.Conv2d, [3, 8]]", "it takes 3 channels, and 16 reach it"),
        ("[-1, 2, Conv, [128]]", "`Conv` 2 times, which gives other channels than it takes"),
        ("[[], 1, Concat, [1]]", "a row takes one tensor at least"),
        ("[[], 1, Detect, [nc]]", "a row takes one tensor at least"),
        ("[-1, 1, nn.Upsample, [None, 0, nearest]]", "the argument 2 is 1 or more, not 0"),
        ("[-1, 1, nn.Upsample, [None, 1048577, nearest]]", "the argument 2 is beyond any model's size"),
        ("[-1, 1, nn.ConvTranspose2d, [8, 2, 0]]", "the argument 3 is 1 or more, not 0"),
        ("[-1, 1, nn.ConvTranspose2d, [8, 0]]", "the argument 2 is 1 or more, not 0"),
        ("[-1, 1, nn.MaxPool2d, [2, 0]]", "the argument 2 is 1 or more, not 0"),
        ("[-1, 1, nn.MaxPool2d, [-2]]", "the argument 1 is 1 or more, not -2"),
        ("[-1, 1, nn.Conv2d, [16, 8, 1, 0]]", "the argument 4 is 1 or more, not 0"),
        ("[-1, 1, nn.Conv2d, [16, 0]]", "the argument 2 is 1 or more, not 0"),
        ("[-1, 1, nn.Conv2d, [16, 8, 3, 1, -1]]", "a padding of -1"),
        ("[-1, 1, Conv, [64, 3, 1, -1]]", "a padding of -1"),
        ("[-1, 1, nn.ConvTranspose2d, [32, 1, 2]]", "a ConvTranspose2d whose stride, 2, is more than its size, 1"),
        ("[-1, 1, nn.Linear, [32, 8]]", "it takes 32 channels, and 16 reach it"),
        ("[-1, 1, nn.Linear, [16, 0]]", "the argument 2 is 1 or more, not 0"),
        ("[-1, 1, Classify, [0]]", "the argument 1 is 1 or more, not 0"),
        ("[-1, 1, SPPF, [64, 0]]", "the argument 2 is 1 or more, not 0"),
        ("[-1, 1, Focus, [64, -1]]", "the argument 2 is 1 or more, not -1"),
        ("[-1, 1, C3, [64, True, 0]]", "the argument 3 is 1 or more, not 0"),
        ("[-1, 1, C3, [64, True, 1, 0.01]]", "the argument 4 leaves no channels inside: `0.01`"),
        ("[-1, 1, Bottleneck, [64, True, 1, 3, -0.5]]", "the argument 5 leaves no channels inside: `-0.5`"),
        ("[-1, 1000, Conv, [64, 3, 1000000]]", "the picture is divided by more than 1,048,576"),
        ("[-1, 1000, nn.Upsample, [None, 2, nearest]]", "the picture is multiplied by more than 1,048,576"),
        ("[-1, 1, Detect, [nc]]", "`Detect` is not the last row"),
        ("[-1, 1, os.system, [ls]]", "`os.system` has no counterpart"),
    ],
)
def test_what_is_refused(in_tmp: Path, row: str, said: str) -> None:
    rows = ["[-1, 1, Conv, [64, 3, 2]]", row, "[-1, 1, nn.Identity, []]"]
    Path("m.yaml").write_text(of_rows(*rows), encoding="utf-8")
    outcome = run_kspec("import", "m.yaml", "-o", "made.yaml")
    assert outcome.status == 3, outcome.text
    assert said in outcome.err
    assert "m.yaml:5:" in outcome.err
    assert not Path("made.yaml").exists()


@pytest.mark.parametrize(
    ("given", "is_taken"),
    [(16, True), (64, True), (24, False), (0, False)],
    ids=["pooled", "places", "between", "none"],
)
def test_a_linear_layer_takes_what_a_flatten_gives(in_tmp: Path, given: int, is_taken: bool) -> None:
    """A number of channels for every place, and how many places there are is not known here."""
    rows = ["[-1, 1, Conv, [64, 3, 2]]", "[-1, 1, nn.Flatten, []]", f"[-1, 1, nn.Linear, [{given}, 8]]"]
    Path("m.yaml").write_text(of_rows(*rows, "[-1, 1, nn.Linear, [8, 4]]"), encoding="utf-8")
    outcome = run_kspec("import", "m.yaml", "--shape", "4,4,3")
    assert outcome.status == (0 if is_taken else 3), outcome.text
    if not is_taken:
        assert "m.yaml:6:" in outcome.err


def test_sizes_have_a_bound_over_many_rows(in_tmp: Path) -> None:
    Path("m.yaml").write_text(of_rows(*["[-1, 1, nn.Upsample, [None, 1000, nearest]]"] * 60), encoding="utf-8")
    outcome = run_kspec("import", "m.yaml")
    assert outcome.status == 3, outcome.text
    assert "m.yaml:6:" in outcome.err
    assert outcome.err.count("error[") == 1
    assert "the picture is multiplied by more than 1,048,576" in outcome.err


def test_strides_are_exact(tmp_path: Path) -> None:
    """Up by 3 and down by 3: the size that attention looks at is known again."""
    up, down = "[-1, 1, nn.Upsample, [None, 3, nearest]]", "[-1, 1, Conv, [512, 3, 3]]"
    path = tmp_path / "model.yaml"
    path.write_text(of_rows(up, up, up, down, down, down, "[-1, 1, C2PSA, [512]]"), encoding="utf-8")
    assert "height: 64, width: 64" in import_model(path, shapes={"": [64, 64, 3]})


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--scale", "z"], "there is no scale `z`"),
        (["--shape", "x=3,3,3"], "there is no input `x`"),
        (["--shape", "3,3"], "pictures have a height, a width and channels"),
    ],
)
def test_wrong_use(flags: list[str], said: str) -> None:
    outcome = run_kspec("import", FOLDER / "eight.yaml", *flags)
    assert outcome.status == 2
    assert said in outcome.err
