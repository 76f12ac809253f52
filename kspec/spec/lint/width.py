"""`sixteen-bits`: a softmax or a loss that is computed in sixteen bits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kspec.diagnostics import Problem
from kspec.spec.lint.subject import Subject, activation, heads, warning
from kspec.spec.objects import Object


def sixteen_bits(subject: Subject) -> Iterator[Problem]:
    """A warning for each output that a policy of its own keeps in sixteen bits, where its loss is computed too, and for
    each other softmax in float16, whose small probabilities are lost below 6e-8.

    A spec without `compile` has no loss, and may end with what is no head at all: a trunk, a slice.
    """
    policy = _name(subject.spec.dtype_policy)
    outputs = {head.layer.name: head for head in heads(subject.graph)}
    for head in outputs.values():
        own = _name(head.layer.dtype)
        if subject.spec.compile is None and activation(head.layer.operation) != "softmax":
            continue
        if own.endswith("float16"):
            message = f"the output `{head.name}` and its loss are computed in {own.removeprefix('mixed_')}"
            help = "leave `dtype` out: an output stays float32"
            yield warning("sixteen-bits", message, (*head.layer.route[:-1], "dtype"), help, "key", head.layer.uses)
    for node in subject.graph.nodes:
        layer = subject.graph.layers[node.layer]
        own = _name(layer.dtype) or policy
        if layer.name in outputs or own not in ("float16", "mixed_float16") or node.name != node.layer:
            continue
        if activation(layer.operation) == "softmax":
            message = f"`{layer.name}` computes a softmax in float16"
            help = "give the step `dtype: float32`"
            yield warning("sixteen-bits", message, layer.route, help, "key", layer.uses)


def _name(policy: Any) -> str:
    if isinstance(policy, Object):
        return str(policy.args.get("name", ""))
    return policy if isinstance(policy, str) else ""
