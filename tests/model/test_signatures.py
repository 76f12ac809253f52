"""Remembered signatures are Python's own, and Keras does ask for them in a way that can be remembered."""

from __future__ import annotations

import inspect
import threading
from collections import Counter
from typing import Any

import pytest

import kspec
from kspec.model import signatures
from kspec.model.backend import load_keras

keras = load_keras()
SPEC = "kspec: 1\ninputs: {x: 8}\nlayers:\n" + "  - {Dense: 4}\n  - {LayerNormalization: {axis: -1}}\n" * 20


def test_they_are_what_python_says() -> None:
    before = inspect.signature, inspect.getfullargspec
    layer = keras.layers.Dense(3)
    callables: list[Any] = [
        layer.call,
        layer.__init__,
        type(layer).call,
        len,
        keras.layers.Dense,
        lambda x, *y: 0,
    ]
    plain = [inspect.signature(each) for each in callables]
    specs = [inspect.getfullargspec(each) for each in callables[:3]]
    with signatures.remembered():
        for _ in range(2):
            assert [inspect.signature(each) for each in callables] == plain
            assert [inspect.getfullargspec(each) for each in callables[:3]] == specs
        inspect.getfullargspec(type(layer).call).args.clear()
        assert inspect.getfullargspec(type(layer).call) == specs[2]
        with signatures.remembered():
            pass
        assert inspect.signature is signatures.signature
    assert (inspect.signature, inspect.getfullargspec) == before


def test_threads_that_overlap_leave_nothing_behind() -> None:
    before = inspect.signature
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with signatures.remembered():
            inside.set()
            leave.wait(300)

    thread = threading.Thread(target=other)
    with signatures.remembered():
        thread.start()
        inside.wait(300)
    assert inspect.signature is signatures.signature
    leave.set()
    thread.join()
    assert inspect.signature is before


def test_keras_asks_for_each_signature_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where this fails, Keras has changed how it asks, and checking has lost the speed that remembering gave."""
    asked: Counter[str] = Counter()
    real = signatures._signature

    def counting(callable: Any, **options: Any) -> inspect.Signature:
        asked[getattr(callable, "__qualname__", "")] += 1
        return real(callable, **options)

    for known in (signatures._free, signatures._bound, signatures._specs):
        known.clear()
    monkeypatch.setattr(signatures, "_signature", counting)
    kspec.loads(SPEC).plan()
    assert 0 < asked["Dense.call"] <= 2
    assert asked["LayerNormalization.call"] <= 2
