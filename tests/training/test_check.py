"""Data held against the model: what Keras trains on in silence is refused, with its place."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kspec.diagnostics import FileError, Problem
from kspec.training import check, interface_of
from kspec.training.data.check import check_steps
from tests.training.models import classifier, keras, layers, matched, rows, settings

X, Y = rows(20)


def problems_of(model: Any, x: Any, y: Any = None, weights: Any = None, **options: Any) -> tuple[Problem, ...]:
    interface = interface_of(model)
    data = matched(
        {interface.inputs[0].name: x},
        {} if y is None else {interface.outputs[0].name: y},
        {} if weights is None else {interface.outputs[0].name: weights},
    )
    try:
        check(data, model, interface, **options)
    except FileError as error:
        return error.problems
    return ()


def spoilt(array: np.ndarray, place: Any, value: Any) -> np.ndarray:
    array = array.copy()
    array[place] = value
    return array


def dense(units: int, loss: Any, activation: str | None = None, features: int = 4) -> Any:
    model = keras.Sequential([keras.Input((features,), name="x"), layers.Dense(units, activation=activation, name="y")])
    model.compile("sgd", loss)
    return model


def test_good_data_pass() -> None:
    model = classifier()
    for labels in (Y, Y[:, None], Y.astype("float32"), Y.astype("uint8"), Y > 0):
        assert problems_of(model, X, labels) == ()
    assert problems_of(model, X, Y, np.ones(20)) == ()


@pytest.mark.parametrize(
    ("value", "said"), [(np.nan, "NaN (not a number)"), (np.inf, "infinity"), (-np.inf, "infinity")]
)
def test_what_is_no_number_is_named_with_row_and_column(value: float, said: str) -> None:
    (problem,) = problems_of(classifier(), spoilt(X, (17, 3), value), Y)
    assert (problem.code, problem.message) == ("data-nan", f"`pixels[17, 3]` is {said}")
    assert "--allow-nan" in problem.help
    assert problems_of(classifier(), spoilt(X, (17, 3), value), Y, allow_nan=True) == ()


def test_every_array_is_looked_at_and_the_places_are_counted() -> None:
    model = dense(1, "mse")
    bad = spoilt(X, (slice(3, 5), 0), np.nan)
    found = problems_of(model, bad, spoilt(X[:, 0], 2, np.inf), spoilt(np.ones(20), 1, np.nan))
    assert [problem.message for problem in found] == [
        "`x[3, 0]` is NaN (not a number), one of 2",
        "`y[2]` is infinity",
        "`sample_weight_y[1]` is NaN (not a number)",
    ]


def test_places_are_right_across_blocks() -> None:
    x = np.zeros((70_000, 64), "float32")
    x[69_321, 5] = np.nan
    (problem,) = problems_of(dense(1, "mse", features=64), x, np.zeros(70_000))
    assert problem.message == "`x[69321, 5]` is NaN (not a number)"


@pytest.mark.parametrize(
    ("value", "message", "help"),
    [
        (5, "`digit[7]` is 5: output `digit` has the classes 0 to 2", "would need 6 units"),
        (-1, "`digit[7]` is -1: output `digit` has the classes 0 to 2", "the labels run from -1 to 2"),
    ],
)
def test_labels_out_of_range(value: int, message: str, help: str) -> None:
    (problem,) = problems_of(classifier(), X, spoilt(Y, 7, value))
    assert (problem.code, problem.message) == ("data-labels", message)
    assert help in problem.help


def test_labels_that_count_from_one() -> None:
    (problem,) = problems_of(classifier(), X, Y + 1)
    assert problem.help == "the labels run from 1 to 3: subtract 1"


def test_labels_that_are_no_whole_numbers() -> None:
    (problem,) = problems_of(classifier(), X, spoilt(Y.astype("float64"), 4, 0.5))
    assert "`digit[4]` is 0.5" in problem.message


def test_an_ignored_class_is_no_error() -> None:
    loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=-1)
    assert problems_of(classifier(loss=loss), X, spoilt(Y, 3, -1)) == ()
    assert problems_of(classifier(loss=loss), X, spoilt(Y, 3, -2))
    assert problems_of(classifier(loss=keras.losses.SparseCategoricalCrossentropy()), X, spoilt(Y, 3, -1))


@pytest.mark.parametrize("loss", ["binary_crossentropy", "crossentropy", "binary_focal_crossentropy"])
def test_probabilities_are_from_0_to_1(loss: str) -> None:
    model = dense(1, loss, "sigmoid")
    for good in (Y > 1, (Y > 1).astype("int8"), np.full((20, 1), 0.3)):
        assert problems_of(model, X, good) == ()
    (problem,) = problems_of(model, X, spoilt(np.zeros(20), 6, 2))
    assert (problem.code, problem.message) == ("data-labels", f"`y[6]` is 2: {loss} of output `y` needs 0 to 1")
    assert "sparse_categorical_crossentropy" in problem.help
    (problem,) = problems_of(model, X, spoilt(np.ones(20), 6, -1))
    assert "hinge" in problem.help


def test_one_hot_and_whole_labels_are_told_apart() -> None:
    one_hot = np.eye(3, dtype="float32")[Y]
    assert problems_of(classifier(loss="categorical_crossentropy"), X, one_hot) == ()
    (problem,) = problems_of(classifier(loss="categorical_crossentropy"), X, Y)
    assert (
        problem.message == "`digit` is (20,), and output `digit` is (None, 3): categorical_crossentropy needs (None, 3)"
    )
    assert "sparse_categorical_crossentropy" in problem.help
    (problem,) = problems_of(classifier(), X, one_hot)
    assert "one-hot" in problem.help
    for labels in (Y, one_hot):  # Keras chooses by the shape
        assert problems_of(classifier(loss="crossentropy"), X, labels) == ()
    assert problems_of(classifier(loss="crossentropy"), X, spoilt(Y, 3, 3))


@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "log_cosh"])
def test_targets_are_never_broadcast(loss: str) -> None:
    model = dense(1, loss)
    for good in (np.zeros(20), np.zeros((20, 1))):
        assert problems_of(model, X, good) == ()
    (problem,) = problems_of(model, X, np.zeros((20, 5)))
    assert problem.code == "data-shape"
    assert "`y` is (20, 5), and output `y` is (None, 1)" in problem.message
    assert problems_of(dense(5, loss), X, np.zeros((20, 1)))
    assert problems_of(dense(5, loss), X, np.zeros(20))


def test_a_custom_loss_may_take_any_targets() -> None:
    def loss(y: Any, given: Any) -> Any:
        return keras.ops.mean(given)

    assert problems_of(dense(5, loss), X, np.zeros((20, 7, 2))) == ()
    assert interface_of(dense(5, loss)).outputs[0].losses[0].kind == "unknown"
    assert interface_of(dense(5, keras.losses.MeanSquaredError())).outputs[0].losses[0].kind == "elementwise"


def test_every_output_has_its_own_losses() -> None:
    given = keras.Input((4,), name="x")
    model = keras.Model(given, [layers.Dense(3, name="a")(given), layers.Dense(1, name="b")(given)])
    model.compile("sgd", ["sparse_categorical_crossentropy", "mse"])
    data = matched({"x": X}, {"a": spoilt(Y, 1, 9), "b": np.zeros((20, 2))})
    with pytest.raises(FileError) as caught:
        check(data, model, interface_of(model))
    assert [problem.code for problem in caught.value.problems] == ["data-labels", "data-shape"]


def embedder() -> Any:
    left, right = (keras.Input((6,), dtype="int32", name=name) for name in ("left", "right"))
    inner_input = keras.Input((6,), dtype="int32")
    inner = keras.Model(inner_input, layers.Embedding(50, 4, name="words")(inner_input), name="encoder")
    own = layers.Embedding(80, 4, name="others")(right)
    return keras.Model([left, right], layers.Concatenate()([inner(left), inner(right), own]))


def test_tokens_beyond_an_embedding_nested_and_shared_ones_too() -> None:
    model = embedder()
    good = np.arange(120).reshape(20, 6) % 50
    interface = interface_of(model)
    check(matched({"left": good, "right": good}), model, interface)
    for bad, message in ((50, "is 50: `words` has the tokens 0 to 49"), (-1, "is -1: ")):
        for name in ("left", "right"):
            data = {"left": good, "right": good} | {name: spoilt(good, (3, 2), bad)}
            with pytest.raises(FileError) as caught:
                check(matched(data), model, interface)
            assert caught.value.problems[0].code == "data-token"
            assert caught.value.problems[0].message.startswith(f"`{name}[3, 2]` {message}")


def test_tokens_behind_what_only_moves_them() -> None:
    given = keras.Input((2, 3), dtype="int32", name="words")
    first, last = layers.Flatten()(given)[:, :3], layers.Reshape((6,))(given)[:, 5:]
    encoded = layers.CategoryEncoding(num_tokens=4, output_mode="multi_hot", name="encoded")(first)
    model = keras.Model(given, [encoded, layers.Embedding(9, 2, name="table")(last)])
    good = np.tile(np.array([[0, 1, 3], [50, -1, 8]]), (20, 1, 1))  # what no layer looks up may be anything
    interface = interface_of(model)
    check(matched({"words": good}), model, interface)
    with pytest.raises(FileError) as caught:
        check(matched({"words": spoilt(spoilt(good, (3, 0, 1), 4), (5, 1, 2), -1)}), model, interface)
    assert sorted(problem.message for problem in caught.value.problems) == [
        "[3, 1] of what reaches `encoded` is 4: `encoded` has the tokens 0 to 3",
        "[5, 0] of what reaches `table` is -1: `table` has the tokens 0 to 8",
    ]
    assert "num_tokens: 5" in "".join(problem.help for problem in caught.value.problems)


def test_tokens_that_are_learned_are_not_looked_at() -> None:
    given = keras.Input((4,), name="x")
    codes = keras.ops.argmax(layers.Dense(30)(given), axis=-1)
    model = keras.Model(given, layers.Embedding(3, 2)(codes))
    check(matched({"x": X}), model, interface_of(model))


def test_tokens_in_an_input_of_floats() -> None:
    given = keras.Input((3,), name="words")
    model = keras.Model(given, layers.Embedding(9, 2, name="table")(given))
    with pytest.raises(FileError) as caught:
        check(matched({"words": np.full((5, 3), 9.0)}), model, interface_of(model))
    assert caught.value.problems[0].message == "`words[0, 0]` is 9: `table` has the tokens 0 to 8"


def test_numbers_beyond_float32() -> None:
    for value in (1e300, -3.5e38):
        (problem,) = problems_of(classifier(), spoilt(X.astype("float64"), (3, 2), value), Y)
        assert problem.message == f"`pixels[3, 2]` is {value:g}, which is infinity in float32"
    assert problems_of(classifier(), spoilt(X.astype("float64"), (3, 2), 3.4028235e38), Y) == ()


def test_tokens_given_as_floats_must_be_whole_and_fit_the_dtype() -> None:
    model = embedder()
    good = np.ones((20, 6))
    check(matched({"left": good, "right": good}), model, interface_of(model))
    for bad in (0.5, 2.0**40):
        with pytest.raises(FileError) as caught:
            check(matched({"left": spoilt(good, (1, 1), bad), "right": good}), model, interface_of(model))
        assert caught.value.problems[0].code == "data-dtype"


def test_sample_weights_are_one_a_row() -> None:
    assert problems_of(classifier(), X, Y, np.ones((20, 1))) == ()
    (problem,) = problems_of(classifier(), X, Y, np.ones((20, 7)))
    assert problem.message == "`sample_weight_digit` is (20, 7), and the targets of `digit` are (20,)"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"batch_size": 21}, "`batch_size: 21` is more than the 20 rows to train on"),
        ({"batch_size": 19, "validation_split": 0.1}, "`batch_size: 19` is more than the 18 rows to train on"),
        ({"batch_size": 8, "steps_per_epoch": 4}, "`steps_per_epoch: 4` is beyond the data: 20 rows make 3"),
        ({"batch_size": None, "steps_per_epoch": 21}, "`steps_per_epoch: 21` is beyond the data: 20 rows make 20"),
        ({"validation_split": 0.01}, None),
        ({"validation_split": 0.99}, "`validation_split: 0.99` of 20 rows leaves none for training"),
        (
            {"batch_size": 4, "validation_split": 0.2, "validation_steps": 2},
            "`validation_steps: 2` is beyond the data: 4 rows make 1",
        ),
    ],
)
def test_steps_and_rows(values: dict[str, Any], message: str | None) -> None:
    data = matched({"pixels": X}, {"digit": Y})
    if message is None:
        check_steps(data, settings(**values), None)
        return
    with pytest.raises(FileError) as caught:
        check_steps(data, settings(**values), None)
    assert [problem.message for problem in caught.value.problems] == [message]
    assert caught.value.problems[0].code == "data-steps"
    assert caught.value.problems[0].route[0] == "fit"


def test_a_split_that_leaves_nothing_to_validate_on() -> None:
    data = matched({"pixels": X[:1]}, {"digit": Y[:1]})
    with pytest.raises(FileError, match="leaves none for training"):
        check_steps(data, settings(validation_split=0.5, batch_size=None), None)


@pytest.mark.parametrize("labels", [5, -1])
def test_what_keras_does_with_such_labels(labels: int) -> None:
    """Why this is checked at all: Keras trains on them and says nothing."""
    model = classifier()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        history = model.fit(X, np.full(20, labels), verbose=0)
    assert len(history.history["loss"]) == 1


def test_too_few_rows_to_validate_on_are_those_of_the_validation_file() -> None:
    x, y = rows(20)
    train, held = matched({"pixels": x}, {"digit": y}), matched({"pixels": x[:4]}, {"digit": y[:4]})
    with pytest.raises(FileError) as caught:
        check_steps(train, settings(batch_size=4, validation_steps=2), replace(held, path="held.npz"))
    assert caught.value.problems[0].file == "held.npz"
