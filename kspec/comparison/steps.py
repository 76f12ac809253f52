"""What changed about one step that is in both models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kspec import catalog
from kspec.comparison.difference import Change, StepChange
from kspec.comparison.notation import changes
from kspec.comparison.sketch import Key, Step, Tensor
from kspec.comparison.wiring import Wiring, shown


def changed_step(before: Step, after: Step, wiring: Wiring, within: tuple[str, ...]) -> StepChange | None:
    """The change of a step; None where it is the same."""
    renamed = before.name != after.name and before.names_itself and after.names_itself
    moved = before.key in wiring.moved
    found = [*_own(before, after), *_beside(before, after)]
    if moved or before.key in wiring.rewired:
        found.append(_from(before, after, wiring))
    if before.kind != "Input":  # whose shape is an argument
        found += tensors(before.outputs, after.outputs)
    if not found and not renamed and not moved:
        return None
    return StepChange(before, after, tuple(found), renamed, moved, within)


def _own(before: Step, after: Step) -> Iterator[Change]:
    if before.kind != after.kind:
        yield Change("operation", before.operation, after.operation)
    if before.key[1] == 0:  # a later call is of the same layer
        derived = _derived(before, after)
        for change in changes(dict(before.arguments), dict(after.arguments)):
            if change.path not in derived:
                yield change
        for word in ("dtype", "trainable"):
            if getattr(before, word) != getattr(after, word):
                yield Change(word, getattr(before, word), getattr(after, word))
    for change in changes(dict(before.call), dict(after.call)):
        yield change._replace(path=f"call.{change.path}")


def _derived(before: Step, after: Step) -> set[str]:
    """Arguments that no spec gives and Keras works out from others: MultiHeadAttention's `value_dim`."""
    if before.given is None or after.given is None or before.kind != after.kind:
        return set()
    entry = catalog.find("layers", after.operation)
    parameters = entry.parameters if entry is not None else ()
    unset = {each.name for each in parameters if each.default is None and not each.required}
    return unset - before.given - after.given


def _beside(before: Step, after: Step) -> Iterator[Change]:
    if before.beside is not None and after.beside is not None:
        yield from changes(dict(before.beside), dict(after.beside))


def _from(before: Step, after: Step, wiring: Wiring) -> Change:
    """What it takes, by the names that each model has for it."""
    return Change("from", shown(before.wires, _names(wiring.before)), shown(after.wires, _names(wiring.after)))


def _names(steps: Sequence[Step]) -> dict[Key, str]:
    return {step.key: step.name for step in steps}


def tensors(before: Sequence[Tensor], after: Sequence[Tensor]) -> Iterator[Change]:
    """Other shapes and dtypes; of several outputs by their places."""
    several = len(before) > 1 or len(after) > 1
    if len(before) != len(after):
        yield Change("output", [_shape(each) for each in before], [_shape(each) for each in after])
        return
    for place, (one, other) in enumerate(zip(before, after, strict=True)):
        place_text = f".{place}" if several else ""
        if one[0] != other[0]:
            yield Change(f"output{place_text}", _shape(one), _shape(other))
        if one[1] != other[1]:
            yield Change(f"output_dtype{place_text}", one[1], other[1])


def _shape(tensor: Tensor) -> list[Any]:
    return list(tensor[0])
