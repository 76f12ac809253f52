"""`untrained-output`: an output that no loss trains, where others have one."""

from __future__ import annotations

from collections.abc import Iterator

from kspec.diagnostics import Problem
from kspec.spec.graph import Graph, refs
from kspec.spec.lint.subject import Subject, heads, losses, warning


def untrained(subject: Subject) -> Iterator[Problem]:
    """A warning for each output without a loss beside outputs that have one, unless one of those comes after it.

    Keras trains the others without a word; the weights that lead only to this output stay as they were.
    """
    names = subject.graph.output_names()
    given = subject.spec.compile.loss if subject.spec.compile is not None else None
    if given is None or len(names) < 2 or subject.spec.class_ is not None:  # a class may train as it likes
        return
    found = losses(subject.spec, names)
    made = heads(subject.graph)
    trained = _behind(subject.graph, [head.node.name for head in made if found.get(head.name, True) is not None])
    for head in made:
        if head.name in found and found[head.name] is None and head.node.name not in trained:
            message = f"no loss trains the output `{head.name}`"
            help = f"give it one: `loss: {{{head.name}: …}}`, or leave it out of `outputs`"
            yield warning("untrained-output", message, ("compile", "loss"), help, "key")


def _behind(graph: Graph, names: list[str]) -> set[str]:
    """The steps that lead to any of the steps named, and those themselves."""
    wanted = set(names)
    for node in reversed(graph.nodes):
        if node.name in wanted:
            wanted.update(ref.name for ref in refs(node))
    return wanted
