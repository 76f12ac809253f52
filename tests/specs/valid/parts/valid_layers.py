"""Custom classes for cases of `custom` and `class`."""

from __future__ import annotations

from typing import Any

import keras


class Scale(keras.layers.Layer):
    """Multiplies by a number."""

    def __init__(self, factor: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs: Any) -> Any:
        return inputs * self.factor


class Mix(keras.layers.Layer):
    """A weighted mean of two tensors."""

    def __init__(self, weight: float = 0.5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.weight = weight

    def call(self, first: Any, second: Any) -> Any:
        return self.weight * first + (1 - self.weight) * second


class TimesTwo(keras.layers.Layer):
    """A layer without arguments."""

    def call(self, inputs: Any) -> Any:
        return 2 * inputs


class Closeness(keras.metrics.MeanAbsoluteError):
    """A metric."""


class Halving(keras.Model):
    """A model class."""


def halved(y_true: Any, y_pred: Any) -> Any:
    """A loss."""
    return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1) / 2
