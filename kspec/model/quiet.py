"""Warnings that Keras 3.15 causes by itself and that tell a person nothing."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def without_keras_warnings() -> Iterator[None]:
    """Silence what Keras's own code makes NumPy and JAX warn of.

    Its variables do not know NumPy 2's `copy` argument yet, and saving, serializing and callbacks ask by it.
    Its metrics ask for 64-bit whole numbers, which JAX makes 32-bit ones.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        warnings.filterwarnings("ignore", "Explicitly requested dtype u?int64", UserWarning)
        yield


@contextlib.contextmanager
def serializing() -> Iterator[None]:
    """The same, and silence what Keras says of a `lambda` that it serializes: what reads it says that better."""
    with without_keras_warnings():
        warnings.filterwarnings("ignore", "The object being serialized includes a `lambda`", UserWarning)
        yield
