"""The one place that chooses the backend and imports Keras."""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar

from kspec.catalog import installed
from kspec.diagnostics import Problem, UsageError

T = TypeVar("T")

DEEP = 200
"""Graphs of more calls than this are walked on a large stack: Keras follows a graph by recursion."""
_LARGE = 20_000
"""How many calls a model may have that is not known before it is read."""
_STACK = 1024 * 2**20


_IMPORTING = threading.RLock()


def load_keras() -> ModuleType:
    """Keras on JAX; threads that ask for it first wait for each other, for it is no module while it is imported.

    Raises UsageError when Keras is not there or of a version that kspec does not know, was already imported with
    another backend, or cannot be imported.
    """
    with _IMPORTING:
        return _load_keras()


@functools.cache
def _load_keras() -> ModuleType:
    if refused := installed.refusal(installed.version()):
        lowest = ".".join(map(str, installed.LOWEST))
        help = f"pip install 'keras>={lowest},<{installed.LOWEST[0] + 1}'"
        raise UsageError(Problem("environment", refused, help=help))
    ours = "keras" not in sys.modules
    os.environ["KERAS_BACKEND"] = "jax"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import keras
    except ImportError as error:
        problem = Problem("environment", f"Keras cannot be imported: {error}", help="pip install kspec")
        raise UsageError(problem) from None
    except Exception as error:  # Keras and JAX read settings as they are imported, and trust them
        message = f"Keras cannot be imported: {type(error).__name__}: {error}"
        help = "look at `keras.json` (in ~/.keras or $KERAS_HOME) and at the variables KERAS_… and JAX_…"
        raise UsageError(Problem("environment", message, help=help)) from None
    module: ModuleType = keras
    if ours:  # a person's own keras.json must not make another model of the same spec
        keras.config.set_image_data_format("channels_last")
        keras.config.set_floatx("float32")
        keras.config.set_epsilon(1e-7)
    if os.environ.get("JAX_PLATFORMS"):
        _check_platforms()
    backend = keras.config.backend()
    if backend != "jax":
        message = f"Keras was imported with the {backend} backend before kspec"
        help = "import kspec first, or set KERAS_BACKEND=jax"
        raise UsageError(Problem("environment", message, help=help))
    return module


def _check_platforms() -> None:
    import jax

    try:
        jax.devices()
    except Exception as error:  # JAX asserts, too
        message = f"JAX cannot use JAX_PLATFORMS={os.environ['JAX_PLATFORMS']}: {error or type(error).__name__}"
        raise UsageError(Problem("environment", message, help="unset JAX_PLATFORMS")) from None


def deeply(work: Callable[[], T], calls: int = _LARGE) -> T:
    """`work()`, on a thread with a large stack where the graph has many calls, or may have."""
    if calls <= DEEP:
        return work()
    outcome: list[Any] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:  # whatever it is, it is raised again in the caller's thread
            failure.append(error)

    limit, size = sys.getrecursionlimit(), threading.stack_size(_STACK)
    try:
        sys.setrecursionlimit(max(limit, 60 * calls + 10_000))
        thread = threading.Thread(target=run, name="kspec-deep")
        thread.start()
        thread.join()
    finally:
        threading.stack_size(size)
        sys.setrecursionlimit(limit)
    if failure:
        raise failure[0]
    return outcome[0]  # type: ignore[no-any-return]
