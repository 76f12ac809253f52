"""What steps look like apart from their numbers: steps of one shape may be copies of one block."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from kspec import catalog
from kspec.convert.chains import FIXED, Step
from kspec.convert.notation import frozen_text

_once = itertools.count()
FORMS = ("parallel", "repeat")


def is_number(value: Any) -> bool:
    """Whether a value is a number, or numbers in (nested) lists: what may differ between copies of a block."""
    if isinstance(value, list):
        return bool(value) and all(is_number(item) for item in value)
    return is_variable(value) or (isinstance(value, (int, float)) and not isinstance(value, bool))


def is_variable(value: Any) -> bool:
    """Whether a value is a variable of the block around, or an expression."""
    return isinstance(value, str) and value.startswith("$") and not value.startswith("$$")


def has_variable(value: Any) -> bool:
    """Whether a value is a variable, or a list with one inside."""
    return any(map(has_variable, value)) if isinstance(value, list) else is_variable(value)


def operation_of(step: Step) -> str:
    """A step's operation: its first key."""
    return next(iter(step))


def words_of(step: Step) -> dict[str, Any]:
    """What stands beside the operation, but for lists of steps."""
    key = operation_of(step)
    return {word: value for word, value in step.items() if word not in (key, "layers", "merge", FIXED)}


def shape(step: Step, varying: tuple[str, ...]) -> Any:
    """A value that is equal for steps that differ in numbers only, and in the arguments `varying`; no other is equal
    to that of a fixed step."""
    if FIXED in step:
        return ("fixed", next(_once))
    key = operation_of(step)
    if key == "parallel":
        chains = tuple(tuple(shape(each, varying) for each in chain) for chain in step[key])
        return (key, chains, shape(step["merge"], varying))
    if key == "repeat":
        return (key, isinstance(step[key], dict), tuple(shape(each, varying) for each in step["layers"]))
    kept = {name: value for name, value in step[key].items() if name not in varying and not is_number(value)}
    return (key, frozen_text(kept), frozen_text(words_of(step)))


def lines(step: Step) -> float:
    """About how many lines a step takes in a spec."""
    key = operation_of(step)
    words = len(words_of(step))
    if key == "parallel":
        chains = step[key]
        inner = sum(max(1.0, height(chain)) for chain in chains)
        return words + 1 + inner + (0 if [] in chains and len(chains) == 2 else 1)
    if key == "repeat":
        return words + 2 + height(step["layers"])
    return words + 1 + (len(str(step[key])) // 120)


def height(steps: list[Step]) -> float:
    """About how many lines steps take."""
    return sum(map(lines, steps))


def with_defaults(step: Step, names: set[str]) -> Step:
    """A layer with those of `names` that it leaves at their defaults, where they are numbers."""
    key = operation_of(step)
    args: Mapping[str, Any] = step[key]
    if names <= args.keys():
        return step
    entry = catalog.find("ops" if key.startswith("ops.") else "layers", key)
    if entry is None:
        return step
    filled: dict[str, Any] = {}
    for parameter in entry.parameters:
        if parameter.name in args:
            filled[parameter.name] = args[parameter.name]
        elif parameter.name in names:
            filled[parameter.name] = _short(parameter.default)
    return {**step, key: {**filled, **args}}


def _short(value: Any) -> Any:
    same = isinstance(value, list) and value and all(item == value[0] for item in value)
    return value[0] if same else value


def operations(steps: list[Step]) -> Iterator[str]:
    """The operation of every step, of those inside of them, and what merges chains."""
    for step in steps:
        yield operation_of(step)
        if operation_of(step) == "parallel":
            yield operation_of(step["merge"])
        for chain in chains_in(step):
            yield from operations(chain)


def chains_in(step: Step) -> list[list[Step]]:
    """The chains of steps inside a step."""
    return [*step.get("parallel", ()), *([step["layers"]] if "repeat" in step else [])]
