"""Custom classes for cases of `custom` and `class`."""

from __future__ import annotations

from typing import Any

import keras


class Scale(keras.layers.Layer):
    """Multiplies by a number that must not be negative."""

    def __init__(self, factor: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if factor < 0:
            raise ValueError(f"factor must not be negative, and is {factor}")
        self.factor = factor

    def call(self, inputs: Any) -> Any:
        return inputs * self.factor


class Fails(keras.layers.Layer):
    """A layer with a mistake in its call."""

    def call(self, inputs: Any) -> Any:
        return inputs + self.not_there


class NoLayer:
    """Not a layer at all."""


class Closeness(keras.metrics.MeanAbsoluteError):
    """A metric."""


class Halving(keras.Model):
    """A model class."""


def halved(y_true: Any, y_pred: Any) -> Any:
    """A loss."""
    return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1) / 2
