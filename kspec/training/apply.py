"""A model applied to data: its scores, or its predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kspec.diagnostics import Problem, UsageError
from kspec.model.interface import interface_of
from kspec.model.quiet import without_keras_warnings
from kspec.training.data.match import Matched
from kspec.training.fit import failing, targets
from kspec.training.weights import sample_weights

if TYPE_CHECKING:
    import numpy as np


def evaluate(model: Any, data: Matched, *, batch_size: int | None = None) -> dict[str, float]:
    """The loss and the metrics on all rows, by Keras's own names (``return_dict=True``).

    Raises `UsageError` (``compile-missing``) for a model without loss and metrics, `TrainingError` where Keras fails.
    """
    if not model.compiled:
        message = "the model has no loss and no metrics to evaluate: it was saved without `compile`"
        raise UsageError(
            Problem("compile-missing", message, help="evaluate its spec with its weights, or its run's folder")
        )
    interface = interface_of(model)
    with failing("evaluation"), without_keras_warnings():
        scores = model.evaluate(
            x=interface.pack_inputs(data.x),
            y=targets(data, interface),
            sample_weight=sample_weights(data, interface, {}),
            batch_size=batch_size,
            return_dict=True,
            verbose=0,
        )
    return dict(scores)


def predict(model: Any, data: Matched, *, batch_size: int | None = None) -> dict[str, np.ndarray]:
    """What the model gives for all rows, by output name; rows first.

    Raises `TrainingError` where Keras fails.
    """
    interface = interface_of(model)
    with failing("prediction"), without_keras_warnings():
        given = model.predict(interface.pack_inputs(data.x), batch_size=batch_size, verbose=0)
    return interface.unpack_outputs(given)
