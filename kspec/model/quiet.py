"""A warning of Keras 3.15 with NumPy 2 that tells a person nothing."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def without_copy_warnings() -> Iterator[None]:
    """Keras's variables do not know NumPy 2's `copy` argument yet, and saving, serializing and callbacks ask by it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        yield
