"""`overridden-training`: a call's `training`, which Keras overrides wherever it trains or predicts."""

from __future__ import annotations

from collections.abc import Iterator

from kspec import catalog
from kspec.diagnostics import Problem
from kspec.spec.graph import Graph, Layer, held_in
from kspec.spec.lint.subject import Subject, warning
from kspec.spec.objects import Object
from kspec.spec.values import shown

_HEEDED = (3, 16)
"""The Keras that heeds it, in development in 2026: https://github.com/keras-team/keras/pull/23364."""
RATES = ("dropout", "recurrent_dropout")
SAME = ("Dense", "EinsumDense", "Resizing", "CenterCrop")
"""What takes `training` and does nothing with it, where nothing is quantized."""


def overridden_training(subject: Subject) -> Iterator[Problem]:
    """A warning for each call that is told of `training`, of something that then computes differently.

    `Functional.call` hands the `training` that the model is called with to each of its layers, in place of what their
    calls say; `fit`, `evaluate` and `predict` always say one. A class of the model's own may call itself otherwise.
    """
    if subject.spec.class_ is None and _version() < _HEEDED:
        yield from _overridden(subject.graph)


def _overridden(graph: Graph) -> Iterator[Problem]:
    for node in graph.nodes:
        told, layer = node.call.get("training"), graph.layers[node.layer]
        if not isinstance(told, bool) or not differs(layer):
            continue
        message = f"`training: {shown(told)}` is overridden in `fit`, `evaluate` and `predict`"
        help = "Keras tells every layer what it tells the whole model; "
        help += (
            "for dropout in predictions, call the model that is built: `model(x, training=True)`"
            if told
            else ("`trainable: false` keeps the statistics of BatchNormalization, a Dropout is to be left out")
        )
        yield warning("overridden-training", message, (*node.route[:-1], "call", "training"), help, "key", node.uses)
    for inner in graph.levels():
        if inner.source is None:
            yield from _overridden(inner)


def differs(layer: Layer, frozen: bool = False) -> bool:
    """Whether a layer computes differently in training, as far as is known of it."""
    frozen = layer.trainable is False or (frozen and layer.trainable is None)
    if isinstance(layer.operation, Graph):
        return any(differs(each, frozen) for each in layer.operation.layers.values())
    if isinstance(layer.operation, Object):
        return _objectdiffers(layer.operation, frozen)
    return not frozen  # a saved model, of which nothing is known


def _objectdiffers(operation: Object, frozen: bool) -> bool:
    if operation.name == "SpectralNormalization":
        return True
    if any(operation.args.get(name) == 0 for name in ("rate", "stddev")):
        return False
    inside = [value for value in operation.args.values() if isinstance(value, Object) and value.kind == "layers"]
    models = [held.model for held in held_in(operation)]
    if inside or models:  # a layer that is around others
        layers = [each for model in models for each in model.layers.values()]
        return any(_objectdiffers(each, frozen) for each in inside) or any(differs(each, frozen) for each in layers)
    entry = catalog.find("layers", operation.name)
    if entry is None or entry.name == "BatchNormalization":
        return not frozen
    if entry.name in SAME or not any(argument.name == "training" for argument in entry.call):
        return False
    rates = [name for name in RATES if entry.parameter(name) is not None]
    return not rates or any(operation.args.get(name) for name in rates)


def _version() -> tuple[int, ...]:
    return tuple(int(part) for part in catalog.keras_version().split(".")[:2])
