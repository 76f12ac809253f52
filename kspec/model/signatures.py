"""Signatures remembered while a model is built abstractly.

Keras looks up the signatures of a class's `__init__`, `call` and `build` anew for every layer that it makes
(`keras.src.ops.operation.Operation.__new__`, `keras.src.layers.layer.Layer.__init__`), and Python works them out anew
each time: nearly a third of what a check with shapes costs. There is no public way to give them to Keras, so for that
while Python's own two functions are put behind a memory. What they answer for a function never changes.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType, MethodType
from typing import Any
from weakref import WeakKeyDictionary

_signature, _getfullargspec = inspect.signature, inspect.getfullargspec
_free: WeakKeyDictionary[Any, inspect.Signature] = WeakKeyDictionary()
_bound: WeakKeyDictionary[Any, inspect.Signature] = WeakKeyDictionary()
_specs: WeakKeyDictionary[Any, inspect.FullArgSpec] = WeakKeyDictionary()
_lock = threading.Lock()
_users = 0


@contextmanager
def remembered() -> Iterator[None]:
    """`inspect.signature` and `inspect.getfullargspec` remember their answers inside; threads may overlap."""
    global _users
    with _lock:
        _users += 1
        inspect.signature, inspect.getfullargspec = signature, getfullargspec
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                inspect.signature, inspect.getfullargspec = _signature, _getfullargspec


def signature(obj: Callable[..., Any], **options: Any) -> inspect.Signature:
    """`inspect.signature`, remembered for functions and methods."""
    kind = obj.__class__
    if options or (kind is not FunctionType and kind is not MethodType):
        return _signature(obj, **options)
    known, key = (_free, obj) if kind is FunctionType else (_bound, obj.__func__)  # type: ignore[attr-defined]
    if key.__class__ is not FunctionType:  # a method of something else that can be called
        return _signature(obj)
    found = known.get(key)
    if found is None:
        found = known[key] = _signature(obj)
    return found


def getfullargspec(func: object) -> inspect.FullArgSpec:
    """`inspect.getfullargspec`, remembered for functions."""
    if func.__class__ is not FunctionType:
        return _getfullargspec(func)
    found = _specs.get(func)
    if found is None:
        found = _specs[func] = _getfullargspec(func)
    return found._replace(args=list(found.args))  # callers may change what they are given
