"""What a source holds: every field looked through once, block by block, in bounded memory; all numbers are exact."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kspec.diagnostics import FileError
from kspec.model.interface import Interface
from kspec.training.data.images import sized
from kspec.training.data.match import linked
from kspec.training.data.shapes import fitted
from kspec.training.data.source import Field, Source, refuse_dtype
from kspec.training.data.stacked import meant
from kspec.training.data.targets import refused

_DISTINCT = 1000
"""Different values that are counted; of fields with more only that is told."""


@dataclass
class Facts:
    """What is known of one field; `problem` says why it was not read.

    `missing` counts NaN and texts that are not there, `infinite` infinities; `least`, `greatest` and `mean` are of the
    other numbers. `values` counts each value where they are whole numbers or texts, and few.
    """

    name: str
    given: Field
    least: float | None = None
    greatest: float | None = None
    missing: int = 0
    infinite: int = 0
    values: Counter[Any] | None = field(default_factory=Counter)
    problem: str = ""
    fits: dict[str, str] = field(default_factory=dict)
    """For each input and output why the field is not for it; an empty text where it is."""
    whole: bool = True
    """Whether all numbers are whole."""
    _sum: float = 0.0
    _count: int = 0

    @property
    def mean(self) -> float | None:
        """The mean of the numbers that are there."""
        return self._sum / self._count if self._count else None

    def see(self, array: Any) -> None:
        """Take a block of the field into account."""
        if self.given.is_text:
            self._count_values(Counter(array.reshape(-1).tolist()))
            return
        finite = array
        if array.dtype.kind == "f":
            right = np.isfinite(array)
            if not right.all():
                nan = int(np.isnan(array).sum())
                self.missing += nan
                self.infinite += int(array.size - right.sum()) - nan
                finite = array[right]
        if finite.size:
            low, high = finite.min().item(), finite.max().item()
            self.least = low if self.least is None else min(self.least, low)
            self.greatest = high if self.greatest is None else max(self.greatest, high)
            self._sum += float(finite.sum(dtype=np.float64))
            self._count += int(finite.size)
            if self.whole and array.dtype.kind == "f":
                self.whole = bool((np.floor(finite) == finite).all())
        if self.values is not None and (array.dtype.kind == "f" or math.prod(array.shape[1:]) != 1):
            self.values = None  # neither classes nor labels
        if self.values is not None:
            known, counts = np.unique(array, return_counts=True)
            self._count_values(Counter(dict(zip(known.tolist(), counts.tolist(), strict=True))))

    def _count_values(self, counts: Counter[Any]) -> None:
        self.missing += counts.pop(None, 0)
        if self.values is not None:
            self.values.update(counts)
            if len(self.values) > _DISTINCT:
                self.values = None

    def as_json(self) -> dict[str, Any]:
        """The facts as plain data."""
        kind = "text" if self.given.is_text else self.given.dtype
        found: dict[str, Any] = {"name": self.name, "shape": list(self.given.shape), "dtype": kind}
        if self.problem:
            return {**found, "problem": self.problem, **({"fits": self.fits} if self.fits else {})}
        found |= {"least": self.least, "greatest": self.greatest, "mean": self.mean}
        found |= {"missing": self.missing, "infinite": self.infinite}
        if self.values:
            pairs = sorted(self.values.items())
            found["values"] = [{"value": value, "count": count} for value, count in pairs]
        return {**found, **({"fits": self.fits} if self.fits else {})}


def describe(
    source: Source, interface: Interface | None = None, fields: Mapping[str, str | Sequence[str]] | None = None
) -> list[Facts]:
    """The facts of every field, and with an `interface` which input and output each could be for, alone or as one of
    the columns that `fields` names for it.

    Raises `FileError` for what cannot be read.
    """
    if interface is not None:
        source = _as_taken(source, interface, fields or {})
    found = {name: Facts(name, given) for name, given in source.fields.items()}
    for name, facts in found.items():
        try:
            if not facts.given.is_text:
                refuse_dtype(source.path, name, facts.given)
        except FileError as error:
            facts.problem, facts.values = error.problems[0].message, None
    for names in _together(source, [name for name, facts in found.items() if not facts.problem]):
        for arrays in _blocks(source, names):
            for name, array in arrays.items():
                found[name].see(array)
    if interface is not None:
        for facts in found.values():
            facts.fits = _fits(facts, interface)
            for port, given in (fields or {}).items():
                columns = meant(source, given)
                if len(columns) > 1 and facts.name in columns and facts.given.is_plain:
                    facts.fits[port] = ""  # what is beside it makes it fit
    return list(found.values())


def _as_taken(source: Source, interface: Interface, fields: Mapping[str, str | Sequence[str]]) -> Source:
    """The source with images of the size that the model takes."""
    try:
        return sized(source, linked(source, interface, fields=fields, targets=False).links, interface)
    except FileError:  # what is wrong is told of each field
        return source


def _together(source: Source, names: Sequence[str]) -> list[list[str]]:
    """Fields of equal rows, which are read together; what is no rows stands alone."""
    groups: dict[Any, list[str]] = {}
    for name in names:
        shape = source.fields[name].shape
        groups.setdefault(shape[0] if shape else name, []).append(name)
    return list(groups.values())


def _blocks(source: Source, names: list[str]) -> Any:
    if not source.fields[names[0]].shape:
        yield {names[0]: source.read(names[0]).reshape(1)}
        return
    try:
        count = len(source.blocks(names))
    except FileError:  # they can only be read whole, one after the other
        for name in names:
            yield source.gather([name])
        return
    for index in range(count):
        for piece in source.pieces(names, index):
            yield piece.arrays


def _fits(facts: Facts, interface: Interface) -> dict[str, str]:
    """For each input and output nothing, or why the field is not for it."""
    shape, found = facts.given.shape, {}
    for port in interface.inputs:
        whole = port.dtype.startswith(("int", "uint"))
        if facts.problem:
            found[port.name] = facts.problem
        elif not shape or fitted(shape[1:], port.shape) is None:
            found[port.name] = f"it takes {(None, *port.shape)}"
        elif facts.given.is_text and not whole:
            found[port.name] = "it takes real numbers"
        elif whole and facts.given.is_plain and np.dtype(facts.given.dtype).kind == "f":
            found[port.name] = f"it takes whole numbers ({port.dtype})"
        else:
            found[port.name] = ""
    for output in interface.outputs:
        reason = facts.problem or ("it has no rows" if not shape else "")
        if not reason and facts.given.is_text:
            elementwise = any(loss.kind == "elementwise" for loss in output.losses)
            reason = f"{output.losses[0].name} needs numbers" if elementwise else ""
        elif not reason:
            extremes = (facts.least, facts.greatest) if facts.least is not None and facts.greatest is not None else None
            reason = refused(facts.name, shape, extremes, output, whole=facts.whole)
        found[output.name] = reason
    return found
