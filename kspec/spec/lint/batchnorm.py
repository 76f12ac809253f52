"""`frozen-batchnorm`: a BatchNormalization that never sees a statistic."""

from __future__ import annotations

from collections.abc import Iterator

from kspec.diagnostics import Problem
from kspec.spec.lint.subject import Subject, warning
from kspec.spec.objects import Object


def frozen_batchnorm(subject: Subject) -> Iterator[Problem]:
    """A warning for each BatchNormalization that is frozen as it was made, or frozen and told to train.

    A frozen one runs with the statistics that it has, whatever `training` says; without weights to load they are
    mean 0 and variance 1: https://keras.io/api/layers/normalization_layers/batch_normalization/.
    """
    if subject.spec.weights is not None:
        return
    for node in subject.graph.nodes:
        layer = subject.graph.layers[node.layer]
        operation = layer.operation
        if not (isinstance(operation, Object) and operation.name == "BatchNormalization" and layer.trainable is False):
            continue
        if node.call.get("training") is True:
            message = f"`{node.name}` is frozen, so that `training: true` does nothing"
            route = (*node.route[:-1], "call", "training")
            help = "a frozen BatchNormalization keeps its statistics: remove one of the two"
            yield warning("frozen-batchnorm", message, route, help, "key", node.uses)
        elif layer.weights is None and node.name == node.layer:
            message = f"`{node.name}` is frozen with the mean 0 and the variance 1 that it is made with"
            help = "load its weights, or let it train"
            yield warning("frozen-batchnorm", message, node.route, help, "key", node.uses)
