"""Texts as whole numbers, or as one-hot rows where the loss asks for a distribution."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from kspec.diagnostics import FileError, Problem, listing, suggestion
from kspec.model.interface import Interface, Output
from kspec.training.data.codes import codes
from kspec.training.data.matched import Classes, Link
from kspec.training.data.source import Field, Piece, Source
from kspec.training.data.wrapped import Wrapped

if TYPE_CHECKING:
    import numpy as np

_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Coding:
    """How a field of texts becomes numbers: the texts in their order, and whether each is a number or a row."""

    classes: tuple[str, ...]
    form: Literal["number", "row"]


class Encoded(Wrapped):
    """A source whose texts are numbers, by the codings of its fields."""

    def __init__(self, inner: Source, fields: Mapping[str, Field], codings: Mapping[str, Coding]) -> None:
        super().__init__(inner, fields)
        self.codings = codings
        self.tables = {name: {text: n for n, text in enumerate(c.classes)} for name, c in codings.items()}

    def gather(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        return self._coded(self.inner.gather(names), 0)

    def pieces(self, names: Sequence[str], index: int) -> Iterator[Piece]:
        for piece in self.inner.pieces(names, index):
            yield Piece(piece.start, self._coded(piece.arrays, piece.start))

    def _coded(self, arrays: dict[str, Any], start: int) -> dict[str, Any]:
        return {name: self._one(name, a, start) if name in self.codings else a for name, a in arrays.items()}

    def _one(self, name: str, array: np.ndarray, start: int) -> np.ndarray:
        import numpy as np

        texts, table = array.reshape(-1).tolist(), self.tables[name]
        numbers = np.fromiter(map(table.get, texts, repeat(-1)), np.int32, len(texts))
        if len(numbers) and numbers.min() < 0:
            place = int(np.argmin(numbers))
            file, row = self.origin(start + place // max(len(texts) // len(array), 1))
            raise FileError(_unknown(file, name, row, texts[place], self.codings[name].classes))
        numbers = numbers.reshape(array.shape)
        if self.codings[name].form == "number":
            return numbers
        rows: np.ndarray = np.eye(len(table), dtype=np.float32)[numbers]
        return rows


def encoded(
    source: Source,
    links: Sequence[Link],
    interface: Interface,
    known: Mapping[str, Sequence[str]],
    learn: Callable[[], Source | None],
) -> tuple[Source, Classes]:
    """A source in which texts that can be numbers are, and the classes by the names of inputs and outputs.

    `known` classes are used where there are any; else the different texts of the source that `learn` gives, sorted.
    Texts for an input of real numbers, or for weights, are left as they are.
    Raises `FileError`: ``data-labels`` for texts that cannot be the classes of an output.
    """
    codings: dict[str, Coding] = {}
    labels: dict[str, tuple[str, ...]] = {}
    inputs = {port.name: port for port in interface.inputs}
    outputs = {output.name: output for output in interface.outputs}
    for link in links:
        field = source.fields[link.array]
        if not field.is_text or link.role == "weight":
            continue
        if link.role == "input" and not inputs[link.port].dtype.startswith(("int", "uint")):
            continue
        classes = _classes(source, link, known, learn)
        form: Literal["number", "row"] = "number"
        if link.role == "target":
            form = _form(source, link, outputs[link.port], classes)
        labels[link.port] = classes
        codings[link.array] = Coding(classes, form)
    if not codings:
        return source, {}
    fields = dict(source.fields)
    for name, coding in codings.items():
        shape = fields[name].shape
        row = coding.form == "row"
        fields[name] = Field((*shape, len(coding.classes)) if row else shape, "float32" if row else "int32")
    return Encoded(source, MappingProxyType(fields), codings), labels


def _classes(
    source: Source, link: Link, known: Mapping[str, Sequence[str]], learn: Callable[[], Source | None]
) -> tuple[str, ...]:
    if link.port in known:
        return tuple(known[link.port])
    taught = learn()
    if taught is None or link.array not in taught.fields:
        message = f"`{link.array}` holds text, and it is not known which number stands for which"
        help = "a run's folder knows it, from its training; in a spec it is `data: {labels: {…}}`"
        raise FileError(Problem("data-labels", message, help=help, file=source.path))
    return tuple(sorted(str(text) for text in codes(taught, link.array)[1] if text is not None))


def _form(source: Source, link: Link, output: Output, classes: tuple[str, ...]) -> Literal["number", "row"]:
    """A number for each class, or a row of them, as the output's loss asks."""
    kind = output.losses[0].kind if output.losses else "unknown"
    units = output.shape[-1] if output.shape else None
    several = f"`{link.array}` has {len(classes)} different texts ({_some(classes)})"
    if kind == "elementwise":
        message = f"`{link.array}` holds text, and {output.losses[0].name} of output `{output.name}` needs numbers"
        help = "classes go with `sparse_categorical_crossentropy`"
        raise FileError(Problem("data-dtype", message, help=help, file=source.path))
    if units == 1 and kind in ("probability", "by shape") and len(classes) > 2:
        message = f"{several}, and output `{output.name}` is one probability: that is of two classes"
        help = f"use `sparse_categorical_crossentropy` and {len(classes)} units"
        raise FileError(Problem("data-labels", message, help=help, file=source.path))
    if units is not None and units > 1 and len(classes) > units and kind != "unknown":
        message = f"{several}, and output `{output.name}` has {units} classes"
        help = f"the last layer would need {len(classes)} units"
        raise FileError(Problem("data-labels", message, help=help, file=source.path))
    if kind == "distribution" or (kind == "probability" and units != 1):
        if len(classes) != units and units is not None:
            message = f"{several}, and output `{output.name}` has {units} classes"
            help = "name all classes in their order: `data: {labels: {…}}`"
            raise FileError(Problem("data-labels", message, help=help, file=source.path))
        return "row"
    return "number"


def _some(classes: Sequence[str]) -> str:
    return listing(classes, _SHOWN)


def _unknown(file: str, name: str, row: int, text: Any, classes: tuple[str, ...]) -> Problem:
    if text is None:
        message, help = f"`{name}[{row}]` is missing", "fill or drop those rows"
        return Problem("data-nan", message, help=help, file=file)
    message = f"`{name}[{row}]` is `{text}`, which is none of the known classes: {_some(classes)}"
    return Problem("data-labels", message, help=suggestion(text, classes, "train on data that have it"), file=file)
