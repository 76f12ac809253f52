"""Variables without values, and what their initializers ask for."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any

from kspec.model.backend import load_keras
from kspec.model.draws import Draw

_PENDING = "uninitialized_variables"


@contextmanager
def abstract_variables() -> Iterator[None]:
    """Variables made inside have shapes and dtypes and never get values.

    `keras.StatelessScope(initialize_variables=False)` puts them off only: Keras keeps a list of them, and gives all of
    them values, in full size, when the next scope ends, such as that of the next real layer. The list is put back
    as it was; only `keras.utils.clear_session` would do that publicly, with everything else of the session.
    """
    keras = load_keras()
    from keras.src.backend.common import global_state

    before = list(global_state.get_global_attribute(_PENDING, []))
    try:
        with keras.StatelessScope(initialize_variables=False), _abstract_states():
            yield
    finally:
        global_state.set_global_attribute(_PENDING, before)


@contextmanager
def _abstract_states() -> Iterator[None]:
    """The states that a recurrent layer keeps between calls are made as its weights are, by this thread, inside.

    `RNN._create_state_variables` makes them of arrays, in full size, and a `keras.StatelessScope` refuses a variable
    that has a value. What it calls publicly, `get_initial_state`, gives those arrays.
    """
    cls = load_keras().layers.RNN
    before = getattr(_stateful, "is_abstract", False)
    _stateful.is_abstract = True
    with _lock:
        if not _keras_own:
            cls._create_state_variables = _states_made(cls._create_state_variables)
        _keras_own.append(cls._create_state_variables.__wrapped__)
    try:
        yield
    finally:
        _stateful.is_abstract = before
        with _lock:
            own = _keras_own.pop()
            if not _keras_own:
                cls._create_state_variables = own


_stateful = threading.local()

_keras_own: list[Any] = []
"""Keras's own method, once for each block that it is replaced in."""


def _states_made(own: Callable[[Any, int], None]) -> Callable[[Any, int], None]:
    """`RNN._create_state_variables` for threads that want no values, and for others as it was."""

    @functools.wraps(own)
    def make(layer: Any, batch_size: int) -> None:
        if not getattr(_stateful, "is_abstract", False):
            own(layer, batch_size)
            return
        keras = load_keras()
        from keras.src.backend import compute_output_spec
        from keras.src.utils.tracking import DotNotTrackScope

        def variable(state: Any) -> Any:
            return keras.Variable("zeros", state.shape, layer.variable_dtype, trainable=False, name="rnn_state")

        with DotNotTrackScope():  # they are no weights: Keras does not save them
            layer.states = keras.tree.map_structure(variable, compute_output_spec(layer.get_initial_state, batch_size))

    return make


@contextmanager
def variables_ask(first: Callable[[Any, Any, str], bool]) -> Iterator[None]:
    """`first(variable, initializer, dtype)` is asked where a variable of this thread would get its initial value.

    Where it answers True it has taken care of the value. Keras has no public place between a variable and its
    initializer, which it calls as soon as it makes the variable: `Variable._initialize_with_initializer`. The dtype is
    that of the value; `Variable.dtype` is what a layer of mixed precision sees while it computes.
    """
    _asked.first = first
    with _lock:
        _users.append(first)
        load_keras().Variable._initialize_with_initializer = _initialize
    try:
        yield
    finally:
        _asked.first = None
        with _lock:
            _users.remove(first)
            if not _users:
                del load_keras().Variable._initialize_with_initializer  # what it inherits is Keras's own


def is_asked() -> bool:
    """Whether `variables_ask` is in force in this thread."""
    return getattr(_asked, "first", None) is not None


_asked = threading.local()

_users: list[Any] = []

_lock = threading.Lock()


def _initialize(variable: Any, initializer: Any) -> None:
    first = getattr(_asked, "first", None)
    if first is None or not first(variable, initializer, variable._dtype):
        super(load_keras().Variable, variable)._initialize_with_initializer(initializer)


def put_off(variable: Any, value: Callable[..., Any]) -> bool:
    """Leave a new variable without a value, `value(shape, dtype=…)` being called where it is read; whether that may be.

    That is how Keras treats variables made in a `keras.StatelessScope`: `_value` is None, and `_initializer` is called
    in its place. One that waits already (Keras forgets its `_initializer` right after) is given its value at once.
    """
    if variable._initializer is not None or variable._layout is not None:
        return False
    variable._initializer, variable._value = value, None
    return True


def is_put_off(variable: Any) -> bool:
    """Whether a variable has no value yet."""
    return variable._value is None


def give(variable: Any, value: Any) -> Any:
    """Give a variable its initial value; that value.

    `Variable.assign` would do so publicly, but inside a `keras.StatelessScope`, where Keras looks at shapes, it keeps
    the value for the scope alone.
    """
    if variable._value is None:
        variable._initialize(variable._convert_to_tensor(value))
    variable._initializer = None
    return variable._value


def asked_of(initializer: Any, shape: tuple[int, ...], dtype: str) -> Draw | None:
    """The random numbers that one of Keras's own initializers asks for, without making them; None for any other.

    Its method is called under another `random` than its module's, which only notes the call: so the formulas, of
    fans and scales, stay Keras's. Publicly there is only the finished value.
    """
    method = _noting().get(type(initializer).__call__)
    return method(initializer, shape, dtype=dtype) if method is not None else None


@functools.cache
def _noting() -> dict[Any, Callable[..., Any]]:
    of = load_keras().initializers
    methods = [each.__call__ for each in (of.RandomNormal, of.TruncatedNormal, of.RandomUniform, of.VarianceScaling)]
    return {
        each: FunctionType(each.__code__, {**each.__globals__, "random": _Note}, each.__name__, each.__defaults__)
        for each in methods
    }


class _Note:
    """Keras's random functions, with the signatures that they have, noting what they are asked for."""

    @staticmethod
    def normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None) -> Draw:
        return Draw("normal", tuple(shape), mean, stddev, dtype, seed)

    @staticmethod
    def truncated_normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None) -> Draw:
        return Draw("truncated_normal", tuple(shape), mean, stddev, dtype, seed)

    @staticmethod
    def uniform(shape: Any, minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: Any = None) -> Draw:
        return Draw("uniform", tuple(shape), minval, maxval, dtype, seed)
