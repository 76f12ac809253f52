"""The dtype policy that most layers of a model have, to be said once at the top."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kspec.convert.adapted import source_policy
from kspec.model.backend import load_keras
from kspec.model.levels import held_model
from kspec.model.private import graph_of, layers_in, made_by
from kspec.spec.sections import POLICIES

_SHORT = ("float16", "bfloat16")


def common_policy(model: Any) -> str:
    """The spec's dtype policy for a model.

    One that computes in sixteen bits makes a spec's outputs float32, unless the layers that make them say otherwise:
    where functions or models make them, which can say nothing, each layer says its own.
    """
    keras = load_keras()
    layers = [each for each in layers_in(model) if not isinstance(each, (keras.Model, keras.layers.InputLayer))]
    counts = Counter(source_policy(str(getattr(layer.dtype_policy, "name", ""))) for layer in layers)
    most = next((name for name, _ in counts.most_common() if name in POLICIES), "float32")
    if most == "float32" or keras.dtype_policies.get(most).compute_dtype not in _SHORT:
        return most
    makers = [made_by(tensor)[0] for tensor in graph_of(model).outputs]
    return most if all(map(_is_layer, makers)) else "float32"


def _is_layer(operation: Any) -> bool:
    """Whether an operation is a layer, and neither a model nor around one."""
    keras = load_keras()
    alone = isinstance(operation, keras.layers.Layer) and not isinstance(operation, keras.Model)
    return alone and held_model(operation) is None


@contextmanager
def in_force(policy: str) -> Iterator[None]:
    """Layers made inside have that policy where nothing else is said."""
    keras = load_keras()
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def with_heads(graph: Any, policy: str) -> Any:
    """The graph with a policy beside the layers that make outputs: theirs is float32 where a spec says nothing."""
    if policy == "float32" or load_keras().dtype_policies.get(policy).compute_dtype not in _SHORT:
        return graph
    heads = {node.layer for node in graph.nodes for ref in graph.output_refs() if ref.name == node.name}
    beside = {None: policy, "float32": None}
    layers = {
        name: layer._replace(dtype=beside.get(layer.dtype, layer.dtype))
        if name in heads and _is_plain(layer)
        else layer
        for name, layer in graph.layers.items()
    }
    return graph._replace(layers=layers)


def _is_plain(layer: Any) -> bool:
    return isinstance(layer.dtype, (str, type(None)))
