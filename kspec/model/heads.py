"""Which layers of a model in sixteen bits make its outputs: they stay float32 unless the spec says otherwise."""

from __future__ import annotations

from kspec.spec.graph import Graph


def float32_heads(graph: Graph) -> frozenset[str]:
    """Names of the nodes that make outputs and of the layers they call, but for layers with a dtype of their own.

    A softmax or a loss computed in float16 loses its small probabilities
    (https://keras.io/api/mixed_precision/): Keras's guide asks for float32 outputs.
    """
    outputs = {ref.name for ref in graph.output_refs()}
    nodes = [node for node in graph.nodes if node.name in outputs and graph.layers[node.layer].dtype is None]
    return frozenset(name for node in nodes for name in (node.name, node.layer))
