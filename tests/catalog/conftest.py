"""Keras on JAX, for the tests that compare the catalogue with it."""

from __future__ import annotations

import importlib
import os
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def keras() -> ModuleType:
    os.environ.setdefault("KERAS_BACKEND", "jax")
    return importlib.import_module("keras")
