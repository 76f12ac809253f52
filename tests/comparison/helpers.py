"""What the tests of differences share."""

from __future__ import annotations

from typing import Any

import kspec
from kspec.comparison.compare import compare
from kspec.comparison.difference import ABSENT, Difference, StepChange
from kspec.model.sketch import sketch
from tests.model.twins import loaded


def diff_of(before: str, after: str) -> Difference:
    """The difference of two indented texts."""
    return kspec.diff(loaded(before), loaded(after))


def diff_of_models(before: Any, after: Any) -> Difference:
    """The difference of two models of Keras's."""
    return compare(*(sketch(model, label=model.name, name=model.name) for model in (before, after)))


def told(difference: Difference) -> list[str]:
    """Each step's own change as a line, to be compared with what is expected."""
    return [_told(each) for each in difference.own]


def _told(change: StepChange) -> str:
    sign = {"added": "+", "removed": "-", "changed": "~"}[change.kind]
    parts = [f"{sign} {change.name}"]
    if change.renamed and change.before is not None:
        parts.append(f"was {change.before.name}")
    if change.moved:
        parts.append("moved")
    if change.kind != "changed":
        parts.append(f"{change.takes} > {', '.join(change.feeds)}")
    parts += [f"{each.path} {_side(each.before)} > {_side(each.after)}" for each in change.changes]
    return "; ".join(parts)


def _side(value: Any) -> str:
    return "none" if value is ABSENT else str(value)


def variables(model: Any, prefix: str = "") -> dict[str, Any]:
    """Keras's variables by the paths that a difference has for them."""
    from kspec.model.variables import variable_names

    found: dict[str, Any] = {}
    for layer in model.layers:
        if hasattr(layer, "layers") and hasattr(layer, "get_layer"):
            found |= variables(layer, f"{prefix}{layer.name}/")
        else:
            names = variable_names(layer)
            found |= {f"{prefix}{layer.name}/{name}": each for name, each in zip(names, layer.weights, strict=True)}
    return found
