"""Which array is which input, output or weight."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kspec.diagnostics import FileError, Problem
from kspec.training import Matched, held_out, interface_of, match, open_source
from tests.training.models import classifier, keras, layers, rows, two_headed


@pytest.fixture
def save(tmp_path: Path) -> Any:
    def saved(**arrays: np.ndarray) -> Any:
        np.savez(tmp_path / "data.npz", **arrays)
        return open_source(str(tmp_path / "data.npz"))

    return saved


X, Y = rows(20)
ONE = interface_of(classifier())
TWO = interface_of(two_headed())
PAIR = {"left": X, "right": X[:, :2], "kind": Y, "hard": Y > 1}


def problems(call: Any) -> tuple[Problem, ...]:
    with pytest.raises(FileError) as caught:
        call()
    return caught.value.problems


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("pixels", "digit"), "pixels → pixels, digit → digit"),
        (("x", "y"), "x → pixels, y → digit"),
        (("x_train", "y_train"), "x_train → pixels, y_train → digit"),
        (("pixels", "y"), "pixels → pixels, y → digit"),
    ],
)
def test_arrays_are_found_by_name_and_by_the_usual_names(save: Any, names: tuple[str, str], said: str) -> None:
    found = match(save(**{names[0]: X, names[1]: Y}), ONE)
    assert found.describe() == said
    assert found.rows == 20
    np.testing.assert_array_equal(found.x["pixels"], X)
    np.testing.assert_array_equal(found.y["digit"], Y)


def test_the_order_is_fields_then_names_then_x_and_y_then_parts(save: Any) -> None:
    source = save(pixels=X, digit=Y, x=X, y=Y, x_train=X, y_train=Y, other=X)
    assert match(source, ONE).describe() == "pixels → pixels, digit → digit"
    assert match(source, ONE, fields={"pixels": "other"}).describe() == "other → pixels, digit → digit"
    assert match(save(x=X, y=Y, x_train=X, y_train=Y), ONE).describe() == "x → pixels, y → digit"
    # `x` alone is no pair with `y_train`.
    assert match(save(x=X, x_train=X, y_train=Y), ONE).describe() == "x_train → pixels, y_train → digit"


def test_the_test_part_of_the_training_file_is_held_out(save: Any) -> None:
    source = save(x_train=X, y_train=Y, x_test=X[:5], y_test=Y[:5])
    train = match(source, ONE)
    test = held_out(source, ONE, train)
    assert test is not None
    assert (test.describe(), test.rows) == ("x_test → pixels, y_test → digit", 5)
    assert match(source, ONE, part="test").describe() == test.describe()
    assert held_out(save(x=X, y=Y, x_test=X, y_test=Y), ONE, match(save(x=X, y=Y), ONE)) is None
    assert held_out(save(x_train=X, y_train=Y), ONE, train) is None


def test_several_inputs_and_outputs_go_by_their_names_only(save: Any) -> None:
    found = match(save(**PAIR), TWO)
    assert found.describe() == "left → left, right → right, kind → kind, hard → hard"
    first, second = problems(lambda: match(save(x=X, right=X[:, :2], y=Y, kind=Y), TWO))
    assert first.message == "`data.npz` has no array for the input `left`: looked for `left`"
    assert second.message == "`data.npz` has no array for the targets of output `hard`: looked for `hard`"
    assert [note.text for note in first.notes][:2] == ["`x` (20, 4) float32", "`right` (20, 2) float32"]


def test_a_mapping_model_goes_by_its_keys() -> None:
    assert [output.name for output in interface_of(two_headed(packing="dict")).outputs] == ["hard", "kind"]


def test_sample_weights_by_name_and_by_the_spec(save: Any) -> None:
    weights = np.ones(20)
    found = match(save(**PAIR, sample_weight=weights, sample_weight_hard=weights * 2), TWO)
    assert found.weights["kind"][0] == 1
    assert found.weights["hard"][0] == 2
    assert found.describe().endswith(
        "sample_weight → sample weights of kind, sample_weight_hard → sample weights of hard"
    )
    asked = match(save(**PAIR, w=weights), TWO, sample_weight={"hard": "w"})
    assert list(asked.weights) == ["hard"]
    assert list(match(save(**PAIR, w=weights), TWO, sample_weight="w").weights) == ["kind", "hard"]
    assert list(match(save(**PAIR, w=weights), TWO, fields={"sample_weight_hard": "w"}).weights) == ["hard"]
    (problem,) = problems(lambda: match(save(**PAIR, weight=weights), TWO, sample_weight="weights"))
    assert (problem.message, problem.help, problem.route) == (
        "`data.npz` has no array `weights` of sample weights",
        "did you mean `weight`?",
        ("fit", "sample_weight"),
    )
    (problem,) = problems(lambda: match(save(**PAIR, w=weights), TWO, sample_weight={"hart": "w"}))
    assert (problem.help, problem.route) == ("did you mean `hard`?", ("fit", "sample_weight", "hart"))


def test_without_targets_only_inputs_are_looked_for(save: Any) -> None:
    found = match(save(x=X), ONE, targets=False, fields={"digit": "labels"})
    assert found.describe() == "x → pixels"
    assert match(save(x_test=X), ONE, targets=False, part="test").describe() == "x_test → pixels"


def test_names_that_fields_give_in_vain(save: Any) -> None:
    wrong, missing = problems(lambda: match(save(x=X, labels=Y), ONE, fields={"pixel": "x", "digit": "label"}))[:2]
    assert (wrong.message, wrong.help) == ("the model has no input or output `pixel`", "did you mean `pixels`?")
    assert missing.message == "`data.npz` has no array `label`, which `digit` is to be"
    assert missing.help == "did you mean `labels`?"


def test_rows_must_agree_and_be_there(save: Any) -> None:
    (problem,) = problems(lambda: match(save(x=X, y=Y[:7]), ONE))
    assert problem.message == "the arrays differ in rows: `x` has 20, `y` has 7"
    (problem,) = problems(lambda: match(save(x=X[:0], y=Y[:0]), ONE))
    assert (problem.code, problem.message) == ("data-shape", "there are no rows: `x` is (0, 4)")
    (problem,) = problems(lambda: match(save(x=np.array(1.0), y=Y), ONE))
    assert problem.message == "`x` is a single number, not rows of data"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [((20, 4), (4,)), ((20, 4, 1), (4,)), ((20,), (1,)), ((20, 5, 6), (5, 6, 1)), ((20, 7, 3), (None, 3))],
)
def test_inputs_are_taken_as_keras_takes_them(save: Any, given: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    model = keras.Sequential([keras.Input(wanted, name="pixels"), layers.Flatten()]) if None not in wanted else None
    shaped = model or keras.Sequential([keras.Input(wanted, name="pixels"), layers.Dense(2)])
    found = match(save(x=np.ones(given, "float32")), interface_of(shaped), targets=False)
    if model is not None:
        assert found.x["pixels"].shape[1:] == wanted
        np.testing.assert_array_equal(
            model.predict(found.x["pixels"], verbose=0), np.ones((20, *given[1:])).reshape(20, -1)
        )


@pytest.mark.parametrize(
    ("given", "wanted", "help"),
    [
        ((20, 8, 8), (64,), "reshape by `x.reshape(-1, 64)`, or say `pixels: [8, 8]` and begin with `Flatten`"),
        ((20, 64), (8, 8, 1), "reshape by `x.reshape(-1, 8, 8, 1)`, or say `pixels: [64]` in the spec's `inputs`"),
        ((20, 3, 8, 7), (8, 7, 3), "as many numbers"),
        ((20, 5), (4,), "each row must have the shape (4,), or the spec's `inputs` say `pixels: [5]`"),
        ((20, 3, 9, 9), (None, None, 3), "the channels"),
    ],
)
def test_other_shapes_are_refused_with_what_to_do(
    save: Any, given: tuple[int, ...], wanted: tuple[int, ...], help: str
) -> None:
    model = keras.Sequential([keras.Input(wanted, name="pixels"), layers.Dense(2)])
    (problem,) = problems(lambda: match(save(x=np.ones(given, "float32")), interface_of(model), targets=False))
    assert problem.code == "data-shape"
    assert problem.message == f"`x` is {given}, and the input `pixels` takes {(None, *wanted)}"
    assert help in problem.help or help == "the channels"


def test_arrays_that_are_no_numbers_are_refused_only_where_they_are_wanted(save: Any) -> None:
    names = np.array(["a"] * 20)
    assert match(save(x=X, y=Y, names=names, more=np.array([{}], object)), ONE).rows == 20
    (problem,) = problems(lambda: match(save(x=X.astype(str), y=Y), ONE))
    assert (problem.code, problem.message) == (
        "data-dtype",
        "`x` holds text, and the input `pixels` takes real numbers",
    )
    (problem,) = problems(lambda: match(save(x=X, y=names), ONE))
    assert problem.message == "`y` holds text, and it is not known which number stands for which"


def test_an_output_without_loss_needs_no_targets(save: Any) -> None:
    model = two_headed()
    model.compile("adam", {"kind": "sparse_categorical_crossentropy", "hard": None})
    assert list(match(save(left=X, right=X[:, :2], kind=Y), interface_of(model)).y) == ["kind"]
    model.compile("adam", {"kind": "mse", "hard": None}, metrics={"hard": ["mae"]})
    assert problems(lambda: match(save(left=X, right=X[:, :2], kind=Y), interface_of(model)))


def test_matched_is_a_value_that_prints_short(save: Any) -> None:
    found = match(save(x=X, y=Y), ONE)
    assert len(repr(found)) < 400
    part = found.slice(5, 8)
    assert isinstance(part, Matched)
    assert (part.rows, part.x["pixels"].shape, part.y["digit"].shape) == (3, (3, 4), (3,))
    assert np.shares_memory(part.x["pixels"], found.x["pixels"])
