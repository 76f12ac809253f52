"""Class weights as sample weights: Keras's own meaning for one output, and the same for each of several."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kspec.diagnostics import SpecError
from kspec.training import fit, interface_of
from kspec.training.weights import sample_weights, weights_by_class
from tests.training.models import classifier, keras, layers, matched, rows, settings, state, two_headed

X, Y = rows(60)
ONE = interface_of(classifier())
TWO = interface_of(two_headed())


def of(labels: np.ndarray, table: dict[int, float], given: np.ndarray | None = None, interface: Any = ONE) -> Any:
    name = interface.outputs[0].name
    data = matched({"pixels": X}, {name: labels}, {} if given is None else {name: given})
    return sample_weights(data, interface, {name: table})


@pytest.mark.parametrize("form", ["numbers", "one-hot"])
@pytest.mark.usefixtures("in_our_order")
def test_one_output_equals_keras(form: str) -> None:
    table, loss = {0: 0.5, 2: 4.0}, "categorical_crossentropy" if form == "one-hot" else None
    labels = np.eye(3, dtype="float32")[Y] if form == "one-hot" else Y
    ours, theirs = (classifier(loss=loss, weighted_metrics=["accuracy"]) for _ in range(2))
    keras.utils.set_random_seed(1)
    history = fit(ours, settings(class_weight=table), matched({"pixels": X}, {"digit": labels}))
    keras.utils.set_random_seed(1)
    reference = theirs.fit(X, labels, epochs=2, batch_size=16, class_weight=table, verbose=0).history
    for key, values in reference.items():
        assert [row[key] for row in history.rows] == pytest.approx(values, rel=1e-5)
    for one, other in zip(state(ours), state(theirs), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "labels", [Y, Y[:, None], Y + 0.2, np.eye(3)[Y]], ids=["numbers", "column", "floats", "one-hot"]
)
def test_every_form_of_labels_means_the_same(labels: np.ndarray) -> None:
    weights = of(labels, {0: 0.5, 2: 4.0})
    np.testing.assert_array_equal(weights, np.array([0.5, 1.0, 4.0], "float32")[Y])
    assert weights.dtype == "float32"


def test_class_and_sample_weights_are_multiplied() -> None:
    given = np.linspace(0, 1, 60, dtype="float32")
    expected = given * np.where(Y == 1, 2.0, 1.0)
    np.testing.assert_allclose(of(Y, {1: 2.0}, given), expected)
    np.testing.assert_allclose(of(Y, {1: 2.0}, given[:, None])[:, 0], expected)
    assert sample_weights(matched({"pixels": X}, {"digit": Y}), ONE, {}) is None


def test_labels_of_single_positions_get_a_weight_each() -> None:
    given = keras.Input((4, 5), name="pixels")
    model = keras.Model(given, layers.Dense(3, name="tags")(given))
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    interface = interface_of(model)
    tags = np.arange(60 * 4).reshape(60, 4) % 3
    for labels in (tags, tags[..., None], np.eye(3)[tags]):
        np.testing.assert_array_equal(of(labels, {1: 5.0}, None, interface), np.where(tags == 1, 5.0, 1.0))


def test_several_outputs_each_by_its_name() -> None:
    by_class = weights_by_class({"hard": {1: 3.0}}, TWO)
    y = {"kind": Y, "hard": (Y > 1).astype("float32")}
    kind, hard = sample_weights(matched({"left": X}, y), TWO, by_class)
    np.testing.assert_array_equal(kind, np.ones(60))
    np.testing.assert_array_equal(hard, np.where(Y > 1, 3.0, 1.0))

    ours, theirs = two_headed(), two_headed()
    x = {"left": X, "right": X[:, :2]}
    history = fit(ours, settings(class_weight={"hard": {1: 3.0}}, shuffle=False), matched(x, y))
    reference = theirs.fit(
        [x["left"], x["right"]],
        [y["kind"], y["hard"]],
        sample_weight=[np.ones(60, "float32"), np.where(Y > 1, 3.0, 1.0).astype("float32")],
        epochs=2,
        batch_size=16,
        shuffle=False,
        verbose=0,
    ).history
    for key, values in reference.items():
        assert [row[key] for row in history.rows] == pytest.approx(values, rel=1e-5)


def test_one_output_may_be_named_too() -> None:
    assert weights_by_class({"digit": {1: 2.0}}, ONE) == weights_by_class({1: 2.0}, ONE) == {"digit": {1: 2.0}}
    assert weights_by_class(None, ONE) == {}


@pytest.mark.parametrize(
    ("given", "interface", "message", "help", "route"),
    [
        ({3: 1.0}, ONE, "output `digit` has no class 3", "its classes are 0 to 2", (3,)),
        ({-1: 1.0}, ONE, "output `digit` has no class -1", "its classes are 0 to 2", (-1,)),
        ({"hard": {2: 1.0}}, TWO, "output `hard` has no class 2", "its classes are 0 to 1", ("hard", 2)),
        ({"hart": {1: 1.0}}, TWO, "there is no output `hart`", "did you mean `hard`?", ("hart",)),
        (
            {1: 1.0},
            TWO,
            "class weights must say which output they are for: the model has several",
            "write `class_weight: {kind: {0: 1.0, 1: 3.0}}`",
            (),
        ),
    ],
)
def test_what_the_model_has_not(given: Any, interface: Any, message: str, help: str, route: tuple[Any, ...]) -> None:
    with pytest.raises(SpecError) as caught:
        weights_by_class(given, interface)
    (problem,) = caught.value.problems
    assert (problem.code, problem.message, problem.help) == ("wrong-value", message, help)
    assert problem.route == ("fit", "class_weight", *route)
