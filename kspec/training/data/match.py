"""Which array is which input, output or weight.

In this order: what the spec's ``fields`` say, the names of inputs and outputs, ``x`` and ``y`` (for a single input
or output), and then ``x_train`` and ``y_train``, or ``x_test`` and ``y_test``, as Keras's own data sets call them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict, Unpack

from kspec.diagnostics import FileError, Note, Problem, listing, suggestion
from kspec.model.interface import Interface, Port
from kspec.model.memory import data_budget, size_text
from kspec.training.data.images import sized
from kspec.training.data.labels import encoded
from kspec.training.data.matched import Classes, Link, Matched
from kspec.training.data.shapes import fitted
from kspec.training.data.source import Field, Source, refuse_dtype
from kspec.training.data.stacked import stacked
from kspec.training.data.stream import Streamed

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Classes", "Link", "Matched", "Streamed", "held_out", "linked", "match", "weights_in"]

Part = Literal["train", "test"]
WEIGHT = "sample_weight"


class Asked(TypedDict, total=False):
    """What may be asked of `match`.

    `fields` maps names of inputs, outputs and ``sample_weight`` or ``sample_weight_OUTPUT`` to names of arrays, to
    lists of such that stand side by side, or to patterns of them; `sample_weight` names the array of weights for all
    outputs, or one for each output. `part` says which of ``x_train`` and ``x_test`` is meant, and without `targets`
    inputs alone are. `labels` are known classes by the names of inputs and outputs; others are taken from the texts of
    the source that `learn` gives.
    """

    fields: Mapping[str, str | Sequence[str]] | None
    sample_weight: str | Mapping[str, str] | None
    part: Part
    targets: bool
    labels: Mapping[str, Sequence[str]] | None
    learn: Callable[[], Source | None]


def match(
    source: Source, interface: Interface, *, budget: int | None = None, **asked: Unpack[Asked]
) -> Matched | Streamed:
    """The arrays for every input, and with `targets` for every output and its sample weights.

    What takes more than `budget` bytes (by default `data_budget()`) is streamed.

    Raises `FileError`: ``data-match`` for arrays that are not there or disagree in rows, ``data-shape`` for inputs of
    another shape, ``data-dtype``, ``data-labels``, ``too-large``.
    """
    given = linked(source, interface, **asked)
    bound = data_budget() if budget is None else budget
    return (_read if _size(given.source, given.links) <= bound else _stream)(given, interface)


def weights_in(source: Source, asked: str | Mapping[str, str] | None) -> str | Mapping[str, str] | None:
    """The sample weights that are asked for in training, where a source that is tested on has them all; else None."""
    names = [asked] if isinstance(asked, str) else list((asked or {}).values())
    return asked if names and all(name in source.fields for name in names) else None


class Given(NamedTuple):
    """A source as a model takes it, before any row is read: texts are numbers, columns stand side by side."""

    source: Source
    links: list[Link]
    family: str
    classes: Classes


def linked(
    source: Source,
    interface: Interface,
    *,
    fields: Mapping[str, str | Sequence[str]] | None = None,
    sample_weight: str | Mapping[str, str] | None = None,
    part: Part = "train",
    targets: bool = True,
    labels: Mapping[str, Sequence[str]] | None = None,
    learn: Callable[[], Source | None] = lambda: None,
) -> Given:
    """What `match` finds by the headers alone; it takes and raises the same."""
    problems: list[Problem] = []
    source, single = stacked(source, _of_model(fields or {}, interface, targets))
    finder = _Finder(source, interface, single, problems)
    finder.check_fields(targets)
    links, family = finder.links(part, targets)
    if targets:
        links += finder.weights(sample_weight, links)
    classes: Classes = {}
    source = sized(source, links, interface)
    if not problems:
        problems += _rows(source, links)
    if not problems:
        source, classes = encoded(source, links, interface, labels or {}, learn)
        problems += _dtypes(source, links) or _input_shapes(source, links, interface)
    if problems:
        raise FileError(problems)
    return Given(source, links, family, classes)


def _of_model(
    fields: Mapping[str, str | Sequence[str]], interface: Interface, targets: bool
) -> Mapping[str, str | Sequence[str]]:
    """Without `targets`, columns for outputs need not be there."""
    outputs = {output.name for output in interface.outputs} - {port.name for port in interface.inputs}
    return fields if targets else {name: given for name, given in fields.items() if name not in outputs}


def held_out(
    source: Source, interface: Interface, train: Matched | Streamed, *, budget: int | None = None
) -> Matched | Streamed | None:
    """``x_test`` and ``y_test`` of the file whose ``x_train`` and ``y_train`` are trained on, where it has them."""
    if train.family != "train" or not all(
        _partner(link.array) in source.fields for link in train.links if _split(link)
    ):
        return None
    fields = {link.port: _partner(link.array) for link in train.links if _split(link)}
    if any(link.role != "weight" and link.port not in fields for link in train.links):
        return None  # an array by its own name has the rows of the training part
    return match(source, interface, fields=fields, part="test", labels=train.labels, budget=budget)


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
        file = f'"{file}"' if set(file) & set("*?") else file  # a star would be YAML's own
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
    for link in {link.array: link for link in links}.values():
        try:
            refuse_dtype(source.path, link.array, source.fields[link.array])
        except FileError as error:
            problems += error.problems
            if source.fields[link.array].is_text and link.role == "input":
                message = f"`{link.array}` holds text, and the input `{link.port}` takes real numbers"
                help = f"declare it as `{link.port}: {{shape: [1], dtype: int32}}`, and each text is a whole number"
                problems[-1] = Problem("data-dtype", message, help=help, file=source.path)
    return problems


def _size(source: Source, links: Sequence[Link]) -> int:
    """The bytes of all arrays in memory."""
    fields = [source.fields[name] for name in {link.array for link in links}]
    return sum(field.shape[0] * field.row_bytes for field in fields)


def _input_shapes(source: Source, links: list[Link], interface: Interface) -> list[Problem]:
    problems = []
    ports = {port.name: port for port in interface.inputs}
    for link in links:
        array = source.fields[link.array]
        if link.role == "input" and array.shape and fitted(array.shape[1:], ports[link.port].shape) is None:
            problems.append(_shape_problem(source.path, link.array, array, ports[link.port]))
    return problems


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


def _shapes(source: Source, links: Sequence[Link], interface: Interface) -> dict[str, tuple[int, ...]]:
    """The shape of a row that each input takes, where it is not the array's own."""
    ports = {port.name: port for port in interface.inputs}
    given = {link.port: source.fields[link.array].shape[1:] for link in links if link.role == "input"}
    shapes = {name: fitted(shape, ports[name].shape) or () for name, shape in given.items()}
    return {name: shape for name, shape in shapes.items() if shape != given[name]}


def _read(given: Given, interface: Interface) -> Matched:
    source, links, family, classes = given
    arrays = source.gather(list(dict.fromkeys(link.array for link in links)))
    shapes = _shapes(source, links, interface)
    by_role: dict[str, dict[str, np.ndarray]] = {"input": {}, "target": {}, "weight": {}}
    for link in links:
        array = arrays[link.array]
        if link.role == "input" and link.port in shapes:
            array = array.reshape(len(array), *shapes[link.port])
        by_role[link.role][link.port] = array
    rows = len(next(iter(arrays.values())))
    x, y, weights = by_role["input"], by_role["target"], by_role["weight"]
    return Matched(source.path, tuple(links), rows, x, y, weights, family, 0, classes, source.origin, source.files)


def _stream(given: Given, interface: Interface) -> Streamed:
    source, links, family, classes = given
    names = list(dict.fromkeys(link.array for link in links))
    try:
        source.blocks(names)
    except FileError as error:
        size = f"the arrays take {size_text(_size(source, links))}, and {size_text(data_budget())} are for data"
        raise FileError([replace(each, notes=(*each.notes, Note(size))) for each in error.problems]) from error
    rows, shapes = source.fields[names[0]].shape[0], _shapes(source, links, interface)
    return Streamed(source.path, tuple(links), rows, source, shapes, family, classes)
