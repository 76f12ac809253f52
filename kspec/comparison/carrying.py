"""Which of a model's weights fit another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kspec.comparison.difference import Carried, Lone, Reshaped, Weights
from kspec.comparison.sketch import Step, Weight, weighed

Layers = tuple[str, Step, str, Step]
"""A layer in both models, each with the path of the models around it."""


def carry(before: Sequence[Step], after: Sequence[Step], layers: Iterable[Layers]) -> Weights:
    """What becomes of every variable of `before` in `after`."""
    carried: list[Carried] = []
    reshaped: list[Reshaped] = []
    lost, wanted = weighed(tuple(before)), weighed(tuple(after))
    for outer, one, around, other in layers:
        for mine, its in _pairs(one.weights, other.weights):
            old, new = f"{outer}{one.key[0]}/{mine.name}", f"{around}{other.key[0]}/{its.name}"
            if lost.pop(old, None) is None or wanted.pop(new, None) is None:
                continue  # names that stand twice: Keras refuses them in one model
            if mine.shape == its.shape:
                carried.append(Carried(old, new, its.shape, its.size))
            else:
                reshaped.append(Reshaped(old, new, mine.shape, its.shape, its.size))
    return Weights(tuple(carried), tuple(reshaped), _lone(wanted), _lone(lost))


def _lone(weights: dict[str, Weight]) -> tuple[Lone, ...]:
    return tuple(Lone(path, weight.shape, weight.size) for path, weight in weights.items())


def _pairs(before: Sequence[Weight], after: Sequence[Weight]) -> Iterator[tuple[Weight, Weight]]:
    """The variables of a layer by their names in it; what is left by its last name, in order."""
    named = {weight.name: weight for weight in after}
    left = []
    for weight in before:
        if weight.name in named:
            yield weight, named.pop(weight.name)
        else:
            left.append(weight)
    for weight in left:
        last = weight.name.rpartition("/")[2]
        same = next((name for name in named if name.rpartition("/")[2] == last), None)
        if same is not None:
            yield weight, named.pop(same)
