"""Which layers of a model in sixteen bits make its outputs: they stay float32 unless the spec says otherwise."""

from __future__ import annotations

from kspec.spec.graph import Graph, Layer


def float32_heads(graph: Graph) -> frozenset[str]:
    """Names of the nodes that make outputs and of the layers they call, but for layers with a dtype of their own.

    A softmax or a loss computed in float16 loses its small probabilities
    (https://keras.io/api/mixed_precision/): Keras's guide asks for float32 outputs.
    """
    outputs = {ref.name for ref in graph.output_refs()}
    nodes = [node for node in graph.nodes if node.name in outputs and not _has_its_own(graph.layers[node.layer])]
    return frozenset(name for node in nodes for name in (node.name, node.layer))


def _has_its_own(layer: Layer) -> bool:
    """Whether the spec says a layer's dtype: beside it, or in a nested model beside all that make its outputs."""
    operation = layer.operation
    return layer.dtype is not None or (isinstance(operation, Graph) and not float32_heads(operation))
