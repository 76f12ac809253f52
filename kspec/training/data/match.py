"""Which array is which input, output or weight.

In this order: what the spec's ``fields`` say, the names of inputs and outputs, ``x`` and ``y`` (for a single input
or output), and then ``x_train`` and ``y_train``, or ``x_test`` and ``y_test``, as Keras's own data sets call them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kspec.diagnostics import FileError, Note, Problem, listing, suggestion
from kspec.model.interface import Interface, Port, Shape
from kspec.model.memory import memory_bound, size_text
from kspec.training.data.npz import refuse_dtype
from kspec.training.data.source import Field, Source

if TYPE_CHECKING:
    import numpy as np

Part = Literal["train", "test"]
WEIGHT = "sample_weight"


@dataclass(frozen=True, slots=True)
class Link:
    """One array and what it is for: an input, the targets of an output, or the sample weights of one."""

    array: str
    port: str
    role: Literal["input", "target", "weight"]

    def __str__(self) -> str:
        return f"{self.array} → {'sample weights of ' if self.role == 'weight' else ''}{self.port}"


@dataclass(frozen=True)
class Matched:
    """Arrays of one file as a model takes them, by the names of inputs and outputs, all of `rows` rows."""

    path: str
    links: tuple[Link, ...]
    rows: int
    x: Mapping[str, np.ndarray] = field(repr=False)
    y: Mapping[str, np.ndarray] = field(repr=False)
    weights: Mapping[str, np.ndarray] = field(repr=False)
    family: str = ""

    def describe(self) -> str:
        """``x_train → pixels, y_train → digit``."""
        return ", ".join(str(link) for link in self.links)

    def told(self) -> str:
        """What was matched in which file: ``digits.npz: x → pixels, y → digit (1,797 rows)``."""
        return f"{Path(self.path).name}: {self.describe()} ({self.rows:,} rows)"

    def slice(self, start: int, stop: int) -> Matched:
        """Rows `start` to `stop`, without copying."""
        x, y, weights = ({name: a[start:stop] for name, a in part.items()} for part in (self.x, self.y, self.weights))
        return replace(self, rows=stop - start, x=x, y=y, weights=weights)

    def array_of(self, role: str, port: str) -> str:
        """The name in the file of what is for `port`."""
        return next((link.array for link in self.links if (link.role, link.port) == (role, port)), port)


def match(
    source: Source,
    interface: Interface,
    *,
    fields: Mapping[str, str] | None = None,
    sample_weight: str | Mapping[str, str] | None = None,
    part: Part = "train",
    targets: bool = True,
) -> Matched:
    """The arrays for every input, and with `targets` for every output and its sample weights.

    `fields` maps names of inputs, outputs and ``sample_weight`` or ``sample_weight_OUTPUT`` to names of arrays, and
    `sample_weight` names the array of weights for all outputs, or one for each output.

    Raises `FileError`: ``data-match`` for arrays that are not there or disagree in rows, ``data-shape`` for inputs of
    another shape, ``data-dtype``, ``too-large``.
    """
    problems: list[Problem] = []
    finder = _Finder(source, interface, dict(fields or {}), problems)
    finder.check_fields(targets)
    links, family = finder.links(part, targets)
    if targets:
        links += finder.weights(sample_weight, links)
    if not problems:
        problems += _rows(source, links) or _dtypes(source, links) or _memory(source, links)
        problems += _input_shapes(source, links, interface)
    if problems:
        raise FileError(problems)
    return _read(source, links, interface, family)


def held_out(source: Source, interface: Interface, train: Matched) -> Matched | None:
    """``x_test`` and ``y_test`` of the file whose ``x_train`` and ``y_train`` are trained on, where it has them."""
    if train.family != "train" or not all(
        _partner(link.array) in source.fields for link in train.links if _split(link)
    ):
        return None
    fields = {link.port: _partner(link.array) for link in train.links if _split(link)}
    if any(link.role != "weight" and link.port not in fields for link in train.links):
        return None  # an array by its own name has the rows of the training part
    return match(source, interface, fields=fields, part="test")


def _split(link: Link) -> bool:
    return link.array in ("x_train", "y_train")


def _partner(array: str) -> str:
    return array.replace("_train", "_test")


class _Finder:
    """Finds the name of an array for each input, output and weight; notes what it does not find."""

    def __init__(self, source: Source, interface: Interface, fields: dict[str, str], problems: list[Problem]) -> None:
        self.source, self.interface, self.fields, self.problems = source, interface, fields, problems

    def check_fields(self, targets: bool) -> None:
        """Note what `fields` names in vain; without `targets`, arrays for outputs need not be there."""
        inputs, outputs = ([port.name for port in ports] for ports in (self.interface.inputs, self.interface.outputs))
        ports, words = [*inputs, *outputs], [*inputs, *outputs, WEIGHT, *(f"{WEIGHT}_{name}" for name in outputs)]
        source = self.source
        for word, array in self.fields.items():
            if word not in words:
                self._problem(
                    f"the model has no input or output `{word}`", suggestion(word, words, f"it has {listing(ports)}")
                )
            elif array not in source.fields and (targets or word in inputs):
                help = suggestion(array, source.fields)
                self._problem(f"`{Path(source.path).name}` has no array `{array}`, which `{word}` is to be", help)

    def links(self, part: Part, targets: bool) -> tuple[list[Link], str]:
        """The links of inputs and outputs, and the family of names used: ``x``, ``train``, ``test`` or none."""
        wanted = [("input", port.name, not port.optional) for port in self.interface.inputs]
        if targets:
            wanted += [("target", output.name, output.needed) for output in self.interface.outputs]
        found = {(role, name): self._own(name) for role, name, _ in wanted}
        left = [(role, name) for role, name, _ in wanted if not found[role, name]]
        needed = {(role, name) for role, name, need in wanted if need} & set(left)
        used = ""
        for family, suffix in (("x", ""), (part, f"_{part}")):
            taken = {key: self._usual(*key, suffix) for key in left}
            if needed <= {key for key, array in taken.items() if array} and any(taken.values()):
                found |= taken
                needed, used = set(), family
                break
        for role, name in [key for key in left if key in needed]:
            self._missing(role, name, part)
        return [Link(array, name, role) for (role, name), array in found.items() if array], used  # type: ignore[arg-type]

    def weights(self, given: str | Mapping[str, str] | None, links: Iterable[Link]) -> list[Link]:
        """The links of sample weights: those asked for, else arrays with the usual names."""
        outputs = [output.name for output in self.interface.outputs]
        outputs = [name for name in outputs if any(link.role == "target" and link.port == name for link in links)]
        if isinstance(given, Mapping):
            return [link for output, array in given.items() for link in self._asked(array, [output], outputs)]
        if given is not None:
            return self._asked(given, outputs, outputs)
        found = []
        for name in outputs:
            usual = (self._own(f"{WEIGHT}_{name}"), self._own(WEIGHT))
            found += [Link(array, name, "weight") for array in [a for a in usual if a][:1]]
        return found

    def _asked(self, array: str, ports: list[str], outputs: list[str]) -> list[Link]:
        wrong = [port for port in ports if port not in outputs]
        for port in wrong:
            message = f"sample weights are given for `{port}`, which is no output with targets"
            self._problem(message, suggestion(port, outputs, f"outputs: {listing(outputs)}"), ("fit", WEIGHT, port))
        if array not in self.source.fields:
            message = f"`{Path(self.source.path).name}` has no array `{array}` of sample weights"
            self._problem(message, suggestion(array, self.source.fields), ("fit", WEIGHT))
            return []
        return [Link(array, port, "weight") for port in ports if port in outputs]

    def _own(self, name: str) -> str:
        array = self.fields.get(name, name)
        return array if array in self.source.fields else ""

    def _usual(self, role: str, name: str, suffix: str) -> str:
        """``x_train`` for the only input, ``y_train`` for the only output."""
        ports: tuple[Any, ...] = self.interface.inputs if role == "input" else self.interface.outputs
        array = ("x" if role == "input" else "y") + suffix
        return array if len(ports) == 1 and name not in self.fields and array in self.source.fields else ""

    def _missing(self, role: str, name: str, part: Part) -> None:
        if name in self.fields:
            return  # said already: the array that `fields` names is not there
        ports: tuple[Any, ...] = self.interface.inputs if role == "input" else self.interface.outputs
        letter = "x" if role == "input" else "y"
        looked = dict.fromkeys([name, letter, f"{letter}_{part}"] if len(ports) == 1 else [name])
        what = "input" if role == "input" else "targets of output"
        message = f"`{Path(self.source.path).name}` has no array for the {what} `{name}`: looked for {listing(looked)}"
        file = Path(self.source.path).name
        named = {port.name for port in self.interface.inputs} | {port.name for port in self.interface.outputs}
        others = [array for array in self.source.fields if array not in named]
        array = others[0] if len(others) == 1 else "…"
        written = f"data: {{{part}: {{path: {file}, fields: {{{name}: {array}}}}}}}"
        help = suggestion(name, self.source.fields, f"say in the spec which array it is: `{written}`")
        self._problem(message, help)

    def _problem(self, message: str, help: str, route: tuple[str, ...] = ()) -> None:
        notes = tuple(Note(f"`{name}` {field}") for name, field in list(self.source.fields.items())[:20])
        self.problems.append(
            Problem("data-match", message, route, help, notes=notes if not self.problems else (), file=self.source.path)
        )


def _rows(source: Source, links: list[Link]) -> list[Problem]:
    """Every array has rows, and as many as the others."""
    arrays = {link.array: source.fields[link.array] for link in links}
    flat = [name for name, field in arrays.items() if not field.shape]
    if flat:
        message = f"`{flat[0]}` is a single number, not rows of data"
        return [Problem("data-shape", message, help="the first axis counts the rows", file=source.path)]
    counts = {name: field.shape[0] for name, field in arrays.items()}
    if len(set(counts.values())) > 1:
        shown = ", ".join(f"`{name}` has {count:,}" for name, count in counts.items())
        message = f"the arrays differ in rows: {shown}"
        return [Problem("data-match", message, help="every array needs one row for each example", file=source.path)]
    if not all(counts.values()):
        message = f"there are no rows: `{next(iter(counts))}` is {arrays[next(iter(counts))].shape}"
        return [Problem("data-shape", message, help="give at least one row", file=source.path)]
    return []


def _dtypes(source: Source, links: list[Link]) -> list[Problem]:
    problems: list[Problem] = []
    for name in dict.fromkeys(link.array for link in links):
        try:
            refuse_dtype(source.path, name, source.fields[name])
        except FileError as error:
            problems += error.problems
    return problems


def _memory(source: Source, links: list[Link]) -> list[Problem]:
    import numpy as np

    fields = [source.fields[name] for name in {link.array for link in links}]
    size = sum(math.prod(field.shape) * np.dtype(field.dtype).itemsize for field in fields)
    bound = memory_bound()
    if size <= bound:
        return []
    message = f"the arrays take {size_text(size)}, and there are {size_text(bound)} of memory"
    return [Problem("too-large", message, help="train on a part of the rows", file=source.path)]


def _input_shapes(source: Source, links: list[Link], interface: Interface) -> list[Problem]:
    problems = []
    ports = {port.name: port for port in interface.inputs}
    for link in links:
        array = source.fields[link.array]
        if link.role == "input" and array.shape and fitted(array.shape[1:], ports[link.port].shape) is None:
            problems.append(_shape_problem(source.path, link.array, array, ports[link.port]))
    return problems


def fitted(given: tuple[int, ...], wanted: Shape) -> tuple[int, ...] | None:
    """The shape that Keras would take `given` for: a last axis of 1 is added or dropped; None where nothing fits."""
    candidates = [given]
    if len(given) == len(wanted) + 1 and given[-1] == 1:
        candidates = [given[:-1]]
    elif len(given) == len(wanted) - 1 and wanted[-1] == 1:
        candidates = [(*given, 1)]
    return next((c for c in candidates if agrees(c, wanted)), None)


def agrees(given: tuple[int, ...], wanted: Shape) -> bool:
    """Whether shapes are equal but for axes of any size."""
    return len(given) == len(wanted) and all(w is None or g == w for g, w in zip(given, wanted, strict=True))


def _shape_problem(path: str, name: str, array: Field, port: Port) -> Problem:
    message = f"`{name}` is {array.shape}, and the input `{port.name}` takes {(None, *port.shape)}"
    given, wanted = array.shape[1:], port.shape
    help = f"each row must have the shape {wanted}, or the spec's `inputs` say `{port.name}: {list(given)}`"
    if None not in wanted and math.prod(given) == math.prod(size or 0 for size in wanted):
        target = ", ".join(str(size) for size in wanted)
        help = f"as many numbers: reshape by `{name}.reshape(-1, {target})`, or say `{port.name}: {list(given)}`"
        help += " and begin with `Flatten`" if len(wanted) == 1 else " in the spec's `inputs`"
    elif len(given) == len(wanted) == 3 and given[-1:] + given[:-1] == wanted:
        help = f"the channels stand last: `{name}.transpose(0, 3, 1, 2)`"
    elif len(given) == len(wanted) == 3 and given[1:] + given[:1] == wanted:
        help = f"the channels stand first: `{name}.transpose(0, 2, 3, 1)`"
    return Problem("data-shape", message, help=help, file=path)


def _read(source: Source, links: list[Link], interface: Interface, family: str) -> Matched:
    arrays = {name: source.read(name) for name in dict.fromkeys(link.array for link in links)}
    by_role: dict[str, dict[str, np.ndarray]] = {"input": {}, "target": {}, "weight": {}}
    for link in links:
        by_role[link.role][link.port] = arrays[link.array]
    for port in interface.inputs:
        if port.name in by_role["input"]:
            array = by_role["input"][port.name]
            shape = fitted(array.shape[1:], port.shape)
            by_role["input"][port.name] = array.reshape(len(array), *(shape or ()))
    rows = len(next(iter(arrays.values())))
    return Matched(source.path, tuple(links), rows, by_role["input"], by_role["target"], by_role["weight"], family)
