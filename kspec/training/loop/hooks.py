"""Which callbacks must see every batch; all others see epochs, and then steps can be run many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from kspec.model.backend import load_keras

Part = Literal["train", "test"]


def want_batches(callbacks: Sequence[Any], part: Part) -> bool:
    """Whether any of the callbacks does something before or after a batch."""
    names = [f"on_{part}_batch_begin", f"on_{part}_batch_end"]
    names += ["on_batch_begin", "on_batch_end"] if part == "train" else []
    return any(_has(callback, name) for callback in callbacks if not _by_epoch(callback) for name in names)


def _has(callback: Any, name: str) -> bool:
    plain = getattr(load_keras().callbacks.Callback, name)
    return getattr(getattr(callback, name), "__func__", None) is not plain


def _by_epoch(callback: Any) -> bool:
    """Keras's own that have such methods and need them for nothing: those that save by epochs, and the one that looks
    for a loss that is no number, which the loop does itself."""
    of = load_keras().callbacks
    if type(callback) in (of.ModelCheckpoint, of.BackupAndRestore, of.OrbaxCheckpoint):
        return getattr(callback, "save_freq", None) == "epoch"
    return type(callback) is of.TerminateOnNaN
