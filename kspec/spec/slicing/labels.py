"""What the tensors of a graph are called where they stand alone."""

from __future__ import annotations

from kspec.spec.graph import Graph, Ref


class Labels:
    """Names of tensors: the one that a list in `name` gives, else the step's, with the output where it is one of
    several."""

    def __init__(self, graph: Graph) -> None:
        self.given = {Ref(node.name, index): name for node in graph.nodes for index, name in enumerate(node.names)}
        self.models = graph.model_outputs()

    def __call__(self, ref: Ref) -> str:
        names = self.models.get(ref.name, ())
        if isinstance(ref.output, int) and ref.output < len(names):
            return f"{ref.name}.{names[ref.output]}"
        return self.given.get(ref) or str(ref)
