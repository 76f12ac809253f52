"""What steps tell: logs as Keras gives them to callbacks, and the loss after each step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kspec.training.loop.programs import Done


def end_of(step: int, each: int) -> int:
    """The number that Keras gives the last of the `each` batches that belong together, after `step` of the epoch."""
    return -(-step // each) * each - 1


def told(done: Done) -> dict[str, Any]:
    return plain(logs_of(done))


def logs_of(done: Done) -> Any:
    """The logs after the last of the steps, on the device."""
    if done.logs is not None:
        return done.logs
    import jax

    return jax.tree.map(lambda leaf: leaf[done.steps - 1], done.kept) if done.stacked else done.kept[-1]


def losses(done: Done) -> Any:
    """The loss so far after each of the steps, as numbers; none where the logs have no loss."""
    import numpy as np

    kept = [done.kept] if done.stacked else done.kept
    found = [part.get("loss") if isinstance(part, Mapping) else part for part in kept]
    if any(part is None for part in found):
        return np.zeros(0)
    return np.concatenate([np.atleast_1d(np.asarray(part, "float64")) for part in found])[: done.steps]


def plain(logs: Any) -> dict[str, Any]:
    """Logs as Keras gives them to callbacks: flat, by name, numbers as Python's own where they are numbers."""
    found: dict[str, Any] = {}
    for key, value in sorted((logs or {}).items()):
        if isinstance(value, Mapping):
            found |= plain(value)
            continue
        try:
            found[key] = float(value)
        except (TypeError, ValueError):  # a number for each class, say
            found[key] = value
    return found
