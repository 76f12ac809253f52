"""Weights from one model to another, against what Keras itself has in them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kspec
from kspec.comparison.pairing import Rule, alike, completed, pairing
from kspec.comparison.sketch import Weight
from kspec.diagnostics import FileError, SpecError, UsageError
from kspec.model.numbers import apart, numbers_of
from kspec.model.quiet import without_keras_warnings
from kspec.model.transferred import Apart
from tests.conftest import SPECS

SMALL = """\
kspec: 1
name: small
seed: {seed}
inputs: {{x: 4}}
layers:
  - Dense: {{units: 6, activation: relu}}
    name: {trunk}
  - BatchNormalization
  - Dense: {units}
    name: {head}
"""


def small(path: str, seed: int = 1, trunk: str = "trunk", head: str = "head", units: int = 3) -> Path:
    Path(path).write_text(SMALL.format(seed=seed, trunk=trunk, head=head, units=units), encoding="utf-8")
    return Path(path)


def values(path: str | Path) -> dict[str, np.ndarray]:
    """A file's weights, by Keras."""
    import keras

    model = keras.saving.load_model(path)
    return {f"{layer.name}/{each.name}": np.array(each.value) for layer in model.layers for each in layer.weights}


def built(spec: Path, output: str) -> Path:
    from kspec.model.save import save

    save(kspec.load(spec).build(), Path(output))
    return Path(output)


@pytest.mark.parametrize(
    "name", ["bidirectional_lstm", "decoder", "transfer", pytest.param("unet", marks=pytest.mark.slow), "siamese_twin"]
)
@pytest.mark.parametrize("ending", [".keras", ".weights.h5", ".safetensors"])
def test_every_weight_arrives(name: str, ending: str, in_tmp: Path) -> None:
    """Out of a file of each kind into the same spec under another seed: every number, wherever the file has it."""
    spec = kspec.load(SPECS / f"{name}.yaml")
    model = spec.build()
    from kspec.model.save import save
    from kspec.model.variables import by_path

    for place, variable in enumerate(model.weights):
        variable.assign(np.full(variable.shape, place + 1, variable.dtype))
    save(model, Path(f"a{ending}"))
    found = kspec.copy_weights(f"a{ending}", SPECS / f"{name}.yaml", "b.safetensors", strict=True, sets=["seed=77"])
    assert len(found.pairing.copied) == len(model.weights)
    from safetensors.numpy import load_file

    arrived = load_file("b.safetensors")
    for path, variable in by_path(model).items():
        np.testing.assert_array_equal(arrived[path], variable.value)
    assert not kspec.diff_weights("b.safetensors", f"a{ending}", model=SPECS / f"{name}.yaml")


def test_what_does_not_fit_keeps_the_targets_own(in_tmp: Path) -> None:
    built(small("a.yaml"), "a.keras")
    other = built(small("b.yaml", seed=2, units=5), "b.keras")
    found = kspec.copy_weights("a.keras", "b.yaml", "c.keras").pairing
    assert [(each.path, each.why) for each in found.left] == [
        ("head/kernel", "(6, 5) there"),
        ("head/bias", "(5,) there"),
    ]
    assert [(each.path, each.why) for each in found.unset] == [
        ("head/kernel", "(6, 3) there"),
        ("head/bias", "(3,) there"),
    ]
    first, second, mixed = values("a.keras"), values(other), values("c.keras")
    for path, value in mixed.items():
        np.testing.assert_array_equal(value, (second if path.startswith("head") else first)[path])
    with pytest.raises(UsageError, match=r"not everything can be copied, 2 left in `a\.keras`, 2 in `b\.yaml`"):
        kspec.copy_weights("a.keras", "b.yaml", "d.keras", strict=True)
    assert not Path("d.keras").exists()


@pytest.mark.parametrize(
    "how",
    [
        {"mapping": ["trunk/*=backbone/*", "head/*=digit/*"]},
        {"mapping": {"trunk/kernel": "backbone/kernel", "trunk/bias": "backbone/bias", "head/*": "digit/*"}},
        {"mapping": ["map.yaml"]},
        {"by": "diff"},
    ],
)
def test_names_that_changed(how: dict[str, Any], in_tmp: Path) -> None:
    built(small("a.yaml"), "a.keras")
    small("b.yaml", seed=2, trunk="backbone", head="digit")
    Path("map.yaml").write_text("trunk/*: backbone/*\nhead/*: digit/*\n", encoding="utf-8")
    found = kspec.copy_weights("a.keras", "b.yaml", "c.keras", strict=True, **how)
    assert {each.before: each.after for each in found.pairing.renamed}["trunk/kernel"] == "backbone/kernel"
    first, mixed = values("a.keras"), values("c.keras")
    for path, value in first.items():
        np.testing.assert_array_equal(mixed[path.replace("trunk", "backbone").replace("head", "digit")], value)


def test_numbers_of_layers_under_other_names(in_tmp: Path) -> None:
    """A file of weights of which no layer is called alike goes by Keras's places."""
    built(small("a.yaml"), "a.keras")
    built(small("a.yaml"), "a.weights.h5")
    text = SMALL.format(seed=2, trunk="one", head="two", units=3).replace(
        "- BatchNormalization", "- BatchNormalization: {}\n    name: norm"
    )
    Path("b.yaml").write_text(text, encoding="utf-8")
    found = kspec.copy_weights("a.weights.h5", "b.yaml", "c.keras", strict=True)
    assert ("head/0", "two/kernel") in [(each.before, each.after) for each in found.pairing.copied]
    np.testing.assert_array_equal(values("c.keras")["two/kernel"], values("a.keras")["head/kernel"])


def test_into_a_saved_model_with_its_optimizer(in_tmp: Path) -> None:
    text = SMALL.format(seed=1, trunk="trunk", head="head", units=3) + "compile: {optimizer: adam, loss: mse}\n"
    Path("a.yaml").write_text(text, encoding="utf-8")
    model = kspec.load("a.yaml").build()
    model.fit(np.ones((8, 4)), np.ones((8, 3)), verbose=0)
    with without_keras_warnings():
        model.save("trained.keras")
    kspec.copy_weights(built(small("b.yaml", seed=9), "b.keras"), "trained.keras", "c.keras", strict=True)
    kspec.copy_weights("b.keras", "trained.keras", "c.weights.h5", strict=True)
    for path, value in values("b.keras").items():
        np.testing.assert_array_equal(values("c.keras")[path], value)
    with h5py.File("c.weights.h5") as file:
        assert "optimizer" not in file
    import keras

    kept = keras.saving.load_model("c.keras").optimizer.variables
    for mine, its in zip(kept, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(mine, its)


def test_by_shape(in_tmp: Path) -> None:
    built(small("a.yaml"), "a.safetensors")
    found = kspec.copy_weights(
        "a.safetensors", small("b.yaml", trunk="one", head="two", units=6), "c.keras", by="shape"
    )
    copied = {each.before: each.after for each in found.pairing.copied}
    assert copied == {"trunk/kernel": "one/kernel"}
    assert {each.path: each.why for each in found.pairing.left}["trunk/bias"] == "of shape (6,) there are 5 and 6"
    assert {each.path: each.why for each in found.pairing.unset}["two/kernel"] == "no such shape"


@pytest.mark.parametrize(
    ("source", "target", "how", "said"),
    [
        ("a.keras", "a.yaml", {"mapping": ["trunk/*"]}, "does not say where a path goes"),
        ("a.keras", "a.yaml", {"mapping": ["trnk/kernel=trunk/kernel"]}, "has no path `trnk/kernel`"),
        ("a.keras", "a.yaml", {"mapping": ["trunk/*=turnk/*"]}, "leads to no path: `turnk/kernel`"),
        ("a.keras", "a.yaml", {"mapping": ["trunk/kernel=*"]}, "has 1 stars"),
        ("a.keras", "a.yaml", {"by": "shapes"}, "weights are not copied by `shapes`"),
        ("a.weights.h5", "a.yaml", {"by": "diff"}, "holds weights alone"),
        ("a.yaml", "a.yaml", {}, "is no file of weights"),
        ("nothing.keras", "a.yaml", {}, "there is no file `nothing.keras`"),
        ("a.keras", "a.weights.h5", {}, "is no model"),
        ("a.keras", "a.keras", {"sets": ["seed=3"]}, "nothing of `a.keras` can be set"),
        ("a.keras", "b.yaml", {}, "nothing in `a.keras` fits `b.yaml`"),
    ],
)  # fmt: skip
def test_wrong_use(source: str, target: str, how: dict[str, Any], said: str, in_tmp: Path) -> None:
    built(small("a.yaml"), "a.keras")
    built(Path("a.yaml"), "a.weights.h5")
    Path("b.yaml").write_text("kspec: 1\ninputs: {x: 4}\nlayers: [{Dense: 9, name: other}]\n", encoding="utf-8")
    with pytest.raises((UsageError, FileError)) as caught:
        kspec.copy_weights(source, target, "c.keras", **how)
    assert said in str(caught.value)
    assert not Path("c.keras").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a", "a mapping is pairs of paths"),
        ("a/*: 3", "a path is a text"),
        ("a: b*", "`b*` has 1 stars"),
        ("a: [", ""),
    ],
)
def test_wrong_mapping_files(text: str, said: str, in_tmp: Path) -> None:
    built(small("a.yaml"), "a.keras")
    Path("map.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        kspec.copy_weights("a.keras", "a.yaml", "c.keras", mapping=["map.yaml"])
    assert said in str(caught.value)
    assert all(problem.span is not None and problem.span.file == "map.yaml" for problem in caught.value.problems)


def test_whole_numbers_do_not_become_points(in_tmp: Path) -> None:
    """An int8 kernel means nothing without its scale."""
    np.savez("a.npz", **{"trunk/kernel": np.ones((4, 6), "int8"), "trunk/bias": np.ones(6, "float16")})
    found = kspec.copy_weights("a.npz", small("b.yaml"), "c.keras").pairing
    assert [each.before for each in found.copied] == ["trunk/bias"]
    assert found.left[0].why == "float32 there"


@pytest.mark.parametrize("word", ["quantize=int8", "lora=2"])
def test_weights_come_before_a_specs_words(word: str, in_tmp: Path) -> None:
    """As `weights: a.keras` beside the word: what is quantized are the source's numbers, and LoRA starts from them."""
    built(small("a.yaml"), "a.keras")
    small("b.yaml", seed=2)
    found = kspec.copy_weights("a.keras", "b.yaml", "c.safetensors", strict=True, sets=[word])
    assert len(found.pairing.copied) == 8
    from safetensors.numpy import load_file

    from kspec.model.variables import by_path

    arrived = load_file("c.safetensors")
    for path, variable in by_path(kspec.load("b.yaml", sets=[word, "weights=a.keras"]).build()).items():
        np.testing.assert_array_equal(arrived[path], variable.value)


def test_what_was_quantized_goes_where_it_fits(in_tmp: Path) -> None:
    """A source's whole numbers go into the model when it has been quantized, its other weights before that."""
    small("a.yaml")
    from kspec.model.save import save

    save(kspec.load("a.yaml", sets=["layers.trunk.quantize=int8"]).build(), Path("a.keras"))
    small("b.yaml", seed=2)
    rules = ["trunk/kernel_scale=trunk/kernel_scale"]
    found = kspec.copy_weights("a.keras", "b.yaml", "c.safetensors", mapping=rules, strict=True, sets=["quantize=int8"])
    assert {"trunk/kernel", "trunk/kernel_scale", "head/kernel"} <= {each.after for each in found.pairing.copied}
    from safetensors.numpy import load_file

    arrived = load_file("c.safetensors")
    wanted = values("a.keras")
    for path in ("trunk/kernel", "trunk/kernel_scale", "trunk/bias"):
        np.testing.assert_array_equal(arrived[path], wanted[path])
    scale = arrived["head/kernel_scale"]
    np.testing.assert_allclose(arrived["head/kernel"] / scale, wanted["head/kernel"], atol=0.51 / scale.min())


def test_whole_numbers_without_their_scale_are_told() -> None:
    def weights(*named: tuple[str, str]) -> list[Weight]:
        return [Weight(name, (2,), dtype) for name, dtype in named]

    source = weights(("a/kernel", "int8"), ("b/kernel", "float32"), ("c/kernel", "int4"))
    plain = weights(("a/kernel", "float32"), ("b/kernel", "float32"))
    packed = weights(("a/kernel", "int8"), ("a/scale", "float32"), ("b/scale", "float32"))
    same = {"a/kernel": "a/kernel", "b/kernel": "b/kernel"}
    first = pairing(source, plain, same)
    found = completed(first, pairing([source[0], source[2]], packed, same))
    assert [each.after for each in found.copied] == ["b/kernel", "a/kernel"]
    assert [each.path for each in found.left] == ["c/kernel"]
    assert [each.path for each in found.unset] == ["a/scale"]


def test_bfloat16_in_hdf5(in_tmp: Path) -> None:
    """HDF5 knows no bfloat16: Keras says beside the bytes what they are."""
    small("a.yaml")
    spec = kspec.load("a.yaml", sets=["dtype_policy=bfloat16"])
    with without_keras_warnings():
        spec.build().save_weights("a.weights.h5")
    found = kspec.list_weights("a.weights.h5", stats=True)
    assert {each.path: each.dtype for each in found.entries}["trunk/0"] == "bfloat16"
    kernel = np.asarray(spec.build().get_layer("trunk").kernel.value).astype("float64")
    numbers = dict(zip([each.path for each in found.entries], found.numbers, strict=True))["trunk/0"]
    assert numbers is not None
    assert (numbers.min, numbers.max) == (kernel.min(), kernel.max())


# -- the arithmetic ----------------------------------------------------------------------------------------------------

FLOATS = st.lists(st.floats(width=32), max_size=40).map(lambda items: np.array(items, "float32"))


@given(FLOATS)
def test_numbers_are_numpys(array: np.ndarray) -> None:
    found = numbers_of(array)
    finite = array[np.isfinite(array)].astype("float64")
    assert (found.nan, found.inf) == (np.isnan(array).sum(), np.isinf(array).sum())
    assert found.zeros == pytest.approx((array == 0).mean() if array.size else 0)
    if finite.size:
        assert (found.min, found.max) == (finite.min(), finite.max())
        assert found.mean == pytest.approx(finite.mean(), rel=1e-9, abs=1e-300)
        assert found.std == pytest.approx(finite.std(), rel=1e-6, abs=1e-300)
    else:
        assert found[:4] == (None,) * 4


def test_numbers_of_many_pieces() -> None:
    array = np.random.default_rng(3).normal(5, 2, size=(3, 2**20)).astype("float32")
    found = numbers_of(array)
    assert found.mean == pytest.approx(array.astype("float64").mean(), rel=1e-12)
    assert found.std == pytest.approx(array.astype("float64").std(), rel=1e-12)


@given(FLOATS, st.data())
def test_apart(one: np.ndarray, data: st.DataObject) -> None:
    other = np.array(data.draw(st.lists(st.floats(width=32), min_size=one.size, max_size=one.size)), "float32")
    found = apart(one, other)
    assert found.equal == (one.tobytes() == other.tobytes())
    both = np.isfinite(one) & np.isfinite(other)
    if both.any():
        assert found.largest == np.abs(one[both].astype("float64") - other[both].astype("float64")).max()
    assert apart(one, one.copy()).equal
    nan = np.isnan(one) & np.isnan(other)
    if not found.equal:
        assert found.unlike == (~both & ~nan & (one != other)).sum()


TOP = 2**63 - 1


@pytest.mark.parametrize(
    ("one", "other", "largest", "relative"),
    [
        (np.array([1 + 0j]), np.array([-1 + 0j]), 2, 2),
        (np.array([3j], "complex64"), np.array([4.0]), 5, 5 / 3),
        (np.array([2**60]), np.array([2**60 + 1]), 1, 1 / 2**60),
        (np.array([-TOP - 1, 0]), np.array([TOP, 0]), 2**64 - 1, 2),
        (np.array([-TOP - 1]), np.array([2**64 - 1], "uint64"), 3 * 2**63 - 1, 3),
        (np.array([TOP]), np.array([TOP - 1], "uint64"), 1, 1 / TOP),
        (np.array([-128], "int8"), np.array([127], "int16"), 255, 255 / 128),
        (np.array([True, False]), np.array([False, False]), 1, 1),
    ],
)
def test_numbers_are_subtracted_as_they_are(
    one: np.ndarray, other: np.ndarray, largest: float, relative: float
) -> None:
    found = apart(one, other)
    assert (found.equal, found.largest, found.unlike) == (False, float(largest), 0)
    assert found.relative == pytest.approx(relative)


def test_what_float64_cannot_hold_is_not_told() -> None:
    """Nor is it an infinity, which JSON has not."""
    array = np.full(2**20 + 2, 1e308)
    assert numbers_of(array)[:4] == (1e308, 1e308, None, None)
    assert numbers_of(np.array([1e200, -1e200]))[:4] == (-1e200, 1e200, 0.0, None)
    assert numbers_of(np.array([complex(3e38, 3e38)], "complex64")).max == pytest.approx(2**0.5 * 3e38)
    assert apart(array, -array) == Apart(False, None, None, 0)
    assert apart(np.array([1e-308]), np.array([1e308])) == Apart(False, 1e308, None, 0)


def test_parts_of_complex_numbers_may_be_infinite() -> None:
    one = np.array([complex(np.inf, 1), complex(np.nan, 1), 1], "complex64")
    assert apart(one, np.array([complex(np.inf, 2), complex(1, np.nan), 3], "complex64"))[1:] == (2.0, 2.0, 1)


NAMES = st.text("ab/", min_size=1, max_size=4)
SHAPES = st.dictionaries(NAMES, st.sampled_from([(2,), (3,), (2, 3)]), max_size=8)
WEIGHTS = SHAPES.map(lambda shapes: [Weight(name, shape, "float32") for name, shape in shapes.items()])


@settings(max_examples=200)
@given(WEIGHTS, WEIGHTS, st.data())
def test_nothing_is_lost_and_nothing_twice(before: list[Weight], after: list[Weight], data: st.DataObject) -> None:
    """Each variable is copied or left on its side, once, and only between equal shapes."""
    targets = st.sampled_from([each.name for each in after] + ["nowhere"])
    partners = {each.name: data.draw(targets) for each in before if data.draw(st.booleans())}
    for chosen in (partners, alike(before, after)[0]):
        found = pairing(before, after, chosen)
        assert sorted([each.before for each in found.copied] + [each.path for each in found.left]) == sorted(
            each.name for each in before
        )
        assert sorted([each.after for each in found.copied] + [each.path for each in found.unset]) == sorted(
            each.name for each in after
        )
        shapes = [{each.name: each.shape for each in side} for side in (before, after)]
        assert all(shapes[0][each.before] == shapes[1][each.after] for each in found.copied)


def test_rules() -> None:
    assert Rule("encoder/*", "backbone/*").applied("encoder/a/kernel") == "backbone/a/kernel"
    assert Rule("*/a/*", "*/b/*").applied("x/a/y") == "x/b/y"
    assert Rule("a.b", "c").applied("axb") is None
    assert Rule("a", "b").applied("a/kernel") is None
    assert Rule("aba*aba", "*").applied("aba") is None


@given(st.text("ab*", min_size=1, max_size=6), st.text("ab", max_size=9))
def test_a_star_takes_as_much_as_it_can(before: str, path: str) -> None:
    found = re.fullmatch(before.replace("*", "(.*)"), path)
    after = "-".join("*" * before.count("*"))
    assert Rule(before, after).applied(path) == (found and "-".join(found.groups()))


def test_many_stars_take_no_longer() -> None:
    assert Rule("*a" * 20 + "*b", "x").applied("a" * 5000) is None
    assert Rule("*a" * 20, "*" + "a" * 20).applied("a" * 5000) == "a" * 5000
