"""Steps and inputs that lead to no output: they are no part of the model, which is seldom meant."""

from __future__ import annotations

from kspec.diagnostics import Problem
from kspec.spec.graph import Graph, refs


def dangling(graph: Graph) -> list[Problem]:
    """A warning for each step that ends a chain without being an output, and for each input that no step takes.

    What a block computes and its use leaves aside is not told: a block may offer more than one use needs.
    """
    taken = {ref.name for ref in graph.output_refs()}
    for node in graph.nodes:
        taken.update(ref.name for ref in refs(node))
    help = "name it in `outputs`, or remove it"
    warnings = [
        Problem("unused", f"`{node.name}` leads to no output", node.route, help, "key", (), node.uses, "warning")
        for node in graph.nodes
        if node.name not in taken and node.route[0] == "layers"
    ]
    warnings += [
        Problem(
            "unused", f"no step takes the input `{given.name}`", given.route, "remove it", "key", severity="warning"
        )
        for given in graph.inputs
        if given.name not in taken
    ]
    return warnings
