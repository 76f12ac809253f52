"""From features to a target: the steps of a head, its loss and its metrics."""

from __future__ import annotations

import math
from dataclasses import dataclass

from kspec.training.starter.look import number
from kspec.training.starter.steps import Step, chained, shape_text
from kspec.training.starter.targets import Target, TargetKind

_LAST: dict[TargetKind, tuple[str, str, tuple[str, ...]]] = {
    "binary": ("sigmoid", "binary_crossentropy", ("accuracy", "AUC")),
    "classes": ("softmax", "sparse_categorical_crossentropy", ("accuracy",)),
    "one-hot": ("softmax", "categorical_crossentropy", ("accuracy",)),
    "flags": ("sigmoid", "binary_crossentropy", ("binary_accuracy",)),
    "signs": ("tanh", "hinge", ()),
    "real": ("", "mse", ("mae",)),
}
"""The head's activation, its loss, its metrics."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a target makes of a spec: steps, the last of which has its name; `weight` brings a loss near 1."""

    target: Target
    steps: tuple[Step, ...]
    loss: str
    metrics: tuple[str, ...]
    weight: float


def head(target: Target, positions: tuple[int, ...] = (), *, source: str = "", pooling: str = "") -> Head:
    """The head of a target.

    `source` names the step whose features it reads, where that is not the step before. `positions` are the axes that
    features have before the last one, and `pooling` is the layer that takes these away for a target without them.
    """
    activation, loss, metrics = _LAST[target.kind]
    steps = []
    row = target.shape[len(positions) :] if target.placed else target.shape
    if pooling and not target.placed:
        steps.append(Step(pooling))
    if target.kind == "classes":
        row = (*row, target.classes)
    units = math.prod(row)
    if len(row) > 1:
        steps += [Step(f"Dense: {units}"), Step(f"Reshape: {shape_text(row)}")]
        steps += [Step(f"Activation: {activation}")] if activation else []
    else:
        steps.append(Step(f"Dense: {{units: {units}, activation: {activation}}}" if activation else f"Dense: {units}"))
    steps = chained([*steps, *_back(target)], source, target.name)
    weight = 1 / target.variance if target.kind == "real" and _far(target) else 1.0
    # AUC over every pixel takes longer than the training
    return Head(target, tuple(steps), loss, metrics[:1] if target.placed else metrics, weight)


def _far(target: Target) -> bool:
    """Whether numbers lie far from those that a new layer gives."""
    return target.variance > 0 and not (0.1 <= target.variance <= 4 and abs(target.mean) <= 2)


def _back(target: Target) -> list[Step]:
    """What brings a layer's numbers around 0 to the mean and variance of the target."""
    if target.kind != "real" or not _far(target):
        return []
    mean, variance = number_of(target.mean), number_of(target.variance)
    comment = f"back to the mean and variance of {target.name}"
    return [Step(f"Normalization: {{mean: {mean}, variance: {variance}, invert: true}}", comment)]


def number_of(value: float) -> str:
    """A number with four digits that matter, as YAML reads one: ``23.45``, ``1.2e+05``."""
    text = number(float(f"{value:.4g}"))
    return text.replace("e", ".0e") if "e" in text and "." not in text else text
