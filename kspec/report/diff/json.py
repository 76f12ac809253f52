"""A Difference as JSON, by the schema in ``diff.schema.json``."""

from __future__ import annotations

import json as plain
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from kspec.comparison.difference import ABSENT, Change, Difference, Side, StepChange, Weights
from kspec.comparison.notation import brief, short
from kspec.comparison.sketch import Step

VERSION = 1
"""Of the form; raised when a reader of the old one would misread the new one."""


def json(difference: Difference) -> str:
    """The difference as one JSON object: nothing is left out of it, and nothing folded."""
    data = {
        "version": VERSION,
        "kspec": version("kspec"),
        "different": bool(difference),
        "related": difference.related,
        "a": _side(difference.a),
        "b": _side(difference.b),
        "steps": [_step(each) for each in difference.steps],
        "outputs": _changes(difference.outputs),
        "settings": _changes(difference.sections),
        "weights": _weights(difference.weights),
    }
    return plain.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _side(side: Side) -> dict[str, Any]:
    numbers = {name: number for name, number in side.numbers._asdict().items() if number is not None}
    return {"label": side.label, "name": side.name, "spec": side.is_spec, "numbers": numbers}


def _step(change: StepChange) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": change.kind, "name": change.name, "operation": change.step.operation}
    if change.kind != "changed":
        found |= _whole(change.step)
        found |= {"from": change.takes, "to": list(change.feeds)}
        return found
    assert change.before is not None
    if change.renamed:
        found["renamed_from"] = change.path(change.before.name)
    return {**found, "moved": change.moved, "follows": change.derived, "changes": _changes(change.changes)}


def _whole(step: Step) -> dict[str, Any]:
    return {
        "arguments": brief(step.arguments, step.operation),
        "call": dict(step.call),
        "params": step.params,
        "shapes": [list(shape) for shape, _ in step.outputs],
    }


def _changes(changes: Iterable[Change]) -> list[dict[str, Any]]:
    """Each with its path; a side that has no value is left out."""
    return [
        {"path": each.path}
        | ({"before": short(each.before)} if each.before is not ABSENT else {})
        | ({"after": short(each.after)} if each.after is not ABSENT else {})
        for each in changes
    ]


def _weights(weights: Weights) -> dict[str, Any]:
    return {
        "params": weights.params,
        "of": weights.wanted,
        "percent": round(weights.percent, 3),
        "carried": [
            {"before": each.before, "after": each.after, "shape": list(each.shape)} for each in weights.carried
        ],
        "reshaped": [
            {
                "before": each.before,
                "after": each.after,
                "shape_before": list(each.shape_before),
                "shape_after": list(each.shape_after),
            }
            for each in weights.reshaped
        ],
        "new": [{"path": each.path, "shape": list(each.shape)} for each in weights.new],
        "gone": [{"path": each.path, "shape": list(each.shape)} for each in weights.gone],
    }
