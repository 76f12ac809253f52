"""A module that cannot be imported."""

import keras


class Doubling(keras.layers.Layer):
    """A layer that nobody gets to use."""


raise RuntimeError("the licence server does not answer")
