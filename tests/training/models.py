"""Small models and matched data for the tests of training."""

from __future__ import annotations

from typing import Any

import numpy as np

from kspec.model.backend import load_keras
from kspec.spec.schema import Fit
from kspec.training import Interface, Matched, interface_of
from kspec.training.data.match import Link

keras = load_keras()
layers = keras.layers


def classifier(*, classes: int = 3, features: int = 4, seed: int = 7, loss: Any = None, **compile: Any) -> Any:
    """features → dense → dropout → softmax, named `pixels` and `digit`."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((features,), name="pixels")
    hidden = layers.Dropout(0.2)(layers.Dense(8, activation="relu")(inputs))
    model = keras.Model(inputs, layers.Dense(classes, activation="softmax", name="digit")(hidden))
    model.compile("adam", loss or "sparse_categorical_crossentropy", **({"metrics": ["accuracy"]} | compile))
    return model


def two_headed(seed: int = 7, packing: str = "list", **compile: Any) -> Any:
    """Two inputs, `left` and `right`; two outputs, `kind` of three classes and `hard` of one probability."""
    keras.utils.set_random_seed(seed)
    left, right = keras.Input((4,), name="left"), keras.Input((2,), name="right")
    hidden = layers.Dense(8, activation="relu")(layers.Concatenate()([left, right]))
    kind = layers.Dense(3, activation="softmax", name="kind")(hidden)
    hard = layers.Dense(1, activation="sigmoid", name="hard")(hidden)
    model = keras.Model([left, right], [kind, hard] if packing == "list" else {"kind": kind, "hard": hard})
    loss = {"kind": "sparse_categorical_crossentropy", "hard": "binary_crossentropy"}
    model.compile("adam", loss, **({"metrics": {"kind": ["accuracy"]}} | compile))
    return model


def rows(count: int = 60, features: int = 4, classes: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random features with labels that depend on them."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, features)).astype("float32")
    return x, (np.abs(x[:, 0]) * 2).astype("int64") % classes


def matched(
    x: dict[str, np.ndarray], y: dict[str, np.ndarray] | None = None, weights: dict[str, np.ndarray] | None = None
) -> Matched:
    """Matched data as if every array had the name of what it is for."""
    y, weights = y or {}, weights or {}
    links = [Link(name, name, "input") for name in x] + [Link(name, name, "target") for name in y]
    links += [Link(f"sample_weight_{name}", name, "weight") for name in weights]
    return Matched("data.npz", tuple(links), len(next(iter(x.values()))), x, y, weights)


def settings(**values: Any) -> Fit:
    return Fit(**({"epochs": 2, "batch_size": 16} | values))


def interface(model: Any) -> Interface:
    return interface_of(model)


def state(model: Any) -> list[np.ndarray]:
    """The weights as arrays; `get_weights` warns with NumPy 2."""
    return [np.asarray(variable.value) for variable in model.weights]


class Recording:
    """A progress that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def start(self, epochs: int, steps: int | None, first_epoch: int) -> None:
        self.told.append(("start", epochs, steps, first_epoch))

    def epoch_start(self, epoch: int) -> None:
        self.told.append(("epoch_start", epoch))

    def step(self, step: int, logs: Any) -> None:
        self.told.append(("step", step, dict(logs)))

    def epoch_end(self, epoch: int, logs: Any, seconds: float) -> None:
        self.told.append(("epoch_end", epoch, dict(logs), seconds))

    def message(self, text: str) -> None:
        self.told.append(("message", text))

    def stop(self) -> None:
        self.told.append(("stop",))

    def of(self, kind: str) -> list[tuple[Any, ...]]:
        return [told[1:] for told in self.told if told[0] == kind]
