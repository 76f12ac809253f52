"""`loss-mismatch`: a loss and the last activation that do not belong together."""

from __future__ import annotations

from collections.abc import Iterator

from kspec.diagnostics import Problem
from kspec.spec.lint.subject import Head, Loss, Subject, activation, heads, losses, warning
from kspec.spec.objects import Object

_CROSSENTROPIES = {
    "SparseCategoricalCrossentropy": "softmax",
    "CategoricalCrossentropy": "softmax",
    "CategoricalFocalCrossentropy": "softmax",
    "BinaryCrossentropy": "sigmoid",
    "BinaryFocalCrossentropy": "sigmoid",
}
"""Losses of probabilities, and the activation that makes such; with `from_logits: true` they take what is before it."""


def loss_mismatch(subject: Subject) -> Iterator[Problem]:
    """A warning for each output whose activation and loss make something else than what is meant.

    Keras computes all of them: a softmax taken twice, a logarithm of numbers that are no probabilities, one class.
    """
    found = losses(subject.spec, subject.graph.output_names())
    for head in heads(subject.graph):
        loss = found.get(head.name)
        wanted = _CROSSENTROPIES.get(loss.name) if loss is not None else None
        if loss is not None and wanted is not None and (problem := _problem(head, loss, wanted)) is not None:
            yield problem


def _problem(head: Head, loss: Loss, wanted: str) -> Problem | None:
    last, units = activation(head.layer.operation), _units(head)
    logits = loss.args.get("from_logits", False) is True
    name = head.name
    if units == 1 and wanted == "softmax":
        message = f"{loss.name} of one unit: `{name}` knows a single class"
        return _at(head, message, "for two classes BinaryCrossentropy and `sigmoid`; else one unit for each class")
    if last is None:
        return None
    if logits and last in ("softmax", "sigmoid"):
        message = f"`{name}` ends with {last}, and {loss.name} with `from_logits: true` takes it once more"
        return _at(head, message, f"remove the {last}, or `from_logits`")
    if not logits and last in ("softmax", "sigmoid") and last != wanted:
        message = f"`{name}` ends with {last}, and {loss.name} needs probabilities that {wanted} makes"
        other = "binary" if last == "sigmoid" else "categorical"
        return _at(head, message, f"end with `{wanted}`, or take a {other} crossentropy")
    if not logits and last in ("linear", "relu", "tanh", "gelu", "elu", "silu"):
        ends = "has no activation" if last == "linear" else f"ends with {last}"
        message = f"`{name}` {ends}, and {loss.name} needs probabilities"
        logits_form = f"{{{loss.name}: {{from_logits: true}}}}"
        more = f", or write the loss `{logits_form}`" if last == "linear" else ""
        return _at(head, message, f"end with `{wanted}`{more}")
    return None


def _at(head: Head, message: str, help: str) -> Problem:
    return warning("loss-mismatch", message, head.node.route, help, "key", head.node.uses)


def _units(head: Head) -> int | None:
    operation = head.layer.operation
    units = operation.args.get("units") if isinstance(operation, Object) and operation.name == "Dense" else None
    return units if isinstance(units, int) else None
