"""Copies of a piece of a model -> the piece once, with variables for what differs."""

from __future__ import annotations

from typing import Any, NamedTuple

from kspec.convert.chains import FIXED, Step
from kspec.convert.shapes import has_variable, is_number, operation_of, with_defaults
from kspec.spec.expressions import OTHERS

_MANY = 8
SIZES = ("filters", "units", "depth", "rate", "kernel_size", "num_heads", "key_dim")
"""Arguments by which people know a layer."""
_KNOWN = (*SIZES, "strides")
"""Names that tell what a size is of; a target shape that is the same number is called so too."""


class Unified(NamedTuple):
    """Steps with variables in them, and for each copy the variables' values, in the order of the steps."""

    steps: list[Step]
    values: list[dict[str, Any]]

    @property
    def variables(self) -> tuple[str, ...]:
        return tuple(self.values[0])


def unify(copies: list[list[Step]], varying: tuple[str, ...], *, well_named: bool = True) -> Unified | None:
    """The least general steps of which all copies are uses; None where they differ in what no variable can be: in
    what is no number, and none of the arguments `varying`.

    Without `well_named` variables have the name of the first argument that they are, which takes half the time.
    """
    made = _Unifier((), varying)
    steps = made.chain(copies)
    if steps is None or made.failed or len(made.vectors) > _MANY:
        return None
    if well_named:
        made = _Unifier(tuple(made.best_names()), varying)
        steps = made.chain(copies) or []
    values = [{name: vector[place] for name, vector in made.vectors.items()} for place in range(len(copies))]
    return Unified(steps, values)


class _Unifier:
    """Variables by the values that they have in each copy: what goes together is one variable."""

    def __init__(self, names: tuple[str, ...], varying: tuple[str, ...]) -> None:
        self.names, self.varying = names, varying
        """Names for the variables in their order, where they are known; arguments that need not be numbers."""
        self.vectors: dict[str, list[Any]] = {}
        self.meant: dict[str, list[str]] = {}
        """The arguments that each variable is."""
        self.failed = False

    def best_names(self) -> list[str]:
        """A name for each variable: that of the argument by which people know it."""
        found: list[str] = []
        for meant in self.meant.values():
            base = next((name for name in _KNOWN if name in meant), meant[0])
            name, count = base, 1
            while name in found:
                count += 1
                name = f"{base}_{count}"
            found.append(name)
        return found

    def chain(self, copies: list[list[Step]]) -> list[Step] | None:
        if len({len(copy) for copy in copies}) != 1:
            return None
        steps = [self.step(list(same)) for same in zip(*copies, strict=True)]
        return None if any(step is None for step in steps) else [step for step in steps if step is not None]

    def step(self, copies: list[Step]) -> Step | None:
        first = copies[0]
        key = operation_of(first)
        if any(operation_of(copy) != key or FIXED in copy for copy in copies):
            return None
        if key == "parallel":
            chains = [self.chain([copy[key][place] for copy in copies]) for place in range(len(first[key]))]
            merge = self.step([copy["merge"] for copy in copies])
            return None if merge is None or None in chains else {**first, key: chains, "merge": merge}
        if key == "repeat":
            inner = self.chain([copy["layers"] for copy in copies])
            if inner is None or any(isinstance(copy[key], dict) for copy in copies):
                return first if all(copy == first for copy in copies) else None
            return {**first, key: self.value("depth", [copy[key] for copy in copies]), "layers": inner}
        names = {name for copy in copies for name in copy[key]}
        filled = [with_defaults(copy, names) for copy in copies]
        args: dict[str, Any] = {}
        for name in filled[0][key]:
            if any(name not in copy[key] for copy in filled):
                return None
            args[name] = self.value(name, [copy[key][name] for copy in filled])
        if any(copy[key].keys() != args.keys() for copy in filled):
            return None
        return {**first, key: args}

    def value(self, name: str, vector: list[Any]) -> Any:
        """What stands in the place of values: the value where all are the same, else a variable, or a multiple."""
        same = all(type(item) is type(vector[0]) and item == vector[0] for item in vector)
        if same and not has_variable(vector[0]):  # a variable belongs to the block around, and has to be handed in
            return vector[0]
        if all(isinstance(item, list) and len(item) == len(vector[0]) for item in vector):
            items = self._items(name, vector)
            if items is not None:
                return items
        self.failed = self.failed or not (name in self.varying or all(map(is_number, vector)))
        for known, other in self.vectors.items():
            if other == vector and [type(a) for a in other] == [type(b) for b in vector]:
                self.meant[known].append(name)
                return f"${known}"
        for known, other in self.vectors.items():
            factor = _factor(other, vector)
            if factor is not None:
                return f"$({known} {factor[0]} {factor[1]})" if factor[0] == "//" else f"$({factor[1]} * {known})"
        variable = self._fresh(name)
        self.vectors[variable], self.meant[variable] = vector, [name]
        return f"${variable}"

    def _items(self, name: str, vector: list[Any]) -> list[Any] | None:
        """A list item by item, where one new variable is enough; else the list is a variable."""
        before, meant, failed = dict(self.vectors), {key: [*names] for key, names in self.meant.items()}, self.failed
        made = [self.value(name, list(same)) for same in zip(*vector, strict=True)]
        if len(self.vectors) <= len(before) + 1 and not self.failed:
            return made
        self.vectors, self.meant, self.failed = before, meant, failed
        return None

    def _fresh(self, name: str) -> str:
        if len(self.vectors) < len(self.names):
            return self.names[len(self.vectors)]
        base = name if name.isidentifier() and name != OTHERS else "value"
        found, count = base, 1
        while found in self.vectors:
            count += 1
            found = f"{base}_{count}"
        return found


def _factor(one: list[Any], other: list[Any]) -> tuple[str, int] | None:
    """The whole number by which every value is multiplied or divided."""
    if any(type(item) is not int or item <= 0 for item in (*one, *other)) or len(set(one)) < 2:
        return None
    if other[0] % one[0] == 0 and all(b == a * (other[0] // one[0]) for a, b in zip(one, other, strict=True)):
        return "*", other[0] // one[0]
    if one[0] % other[0] == 0 and all(a == b * (one[0] // other[0]) for a, b in zip(one, other, strict=True)):
        return "//", one[0] // other[0]
    return None
