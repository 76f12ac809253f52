"""What a script of plain Keras trains on: files and columns of a spec's data, settled before any code is written."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kspec.convert.code.loading import Column, Kind, Part
    from kspec.convert.code.script import Training
    from kspec.loaded import Loaded
    from kspec.model.interface import Interface
    from kspec.spec.schema import DataFile
    from kspec.training.data.match import Given
    from kspec.training.data.parts import Parts
    from kspec.training.data.source import Source

    Pathlike = str | os.PathLike[str]

_KINDS: Mapping[str, Kind] = {
    ".npz": "npz",
    ".npy": "npy",
    ".h5": "h5",
    ".hdf5": "h5",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}
_HELP = "write the arrays to an `.npz`, or train with `kspec fit`"


def training_of(loaded: Loaded, data: Pathlike | None) -> Training:
    """What the spec is trained on, by the headers of its files (`data` in place of its own training data).

    Raises UsageError for data that only kspec loads, and FileError, SpecError where they do not fit the model.
    """
    from kspec.convert.code.script import Training
    from kspec.feeding import data_parts, data_section
    from kspec.training.data.match import linked, weights_in

    loaded.check_trained()
    loaded = loaded.updated(data=data_section(loaded.compiled, data, None))
    section, fit = loaded.compiled.spec.data, loaded.compiled.spec.fit
    assert section is not None
    assert section.train is not None
    kind = _kind(section.train, "train")
    interface, outputs = loaded.interface(), loaded.compiled.graph.outputs
    with loaded.located():
        parts = data_parts(loaded.compiled, data)
        source = parts.source("train")
        assert source is not None
        fields, asked = parts.fields("train"), fit.sample_weight if fit is not None else None
        found = linked(
            source, interface, fields=fields, sample_weight=asked, labels=section.labels, learn=lambda: source
        )
        split = fit.validation_split if fit is not None else 0.0
        table = _table(loaded, interface)
        train = _part(section.train, kind, source, found, fields, parts, interface, table, outputs, split)
        validation = None
        if section.validation is not None:
            held = _kind(section.validation, "validation")
            opened = parts.source("validation")
            assert opened is not None
            more = parts.fields("validation")
            weights = weights_in(opened, asked)
            labels = {**section.labels, **found.classes}
            other = linked(opened, interface, fields=more, sample_weight=weights, part="test", labels=labels)
            validation = _part(section.validation, held, opened, other, more, parts, interface, {}, outputs)
        elif found.family == "train" and not (fit is not None and fit.validation_split):
            validation = _beside(train)
            validation = validation if _has(source.fields, validation) else None
    return Training(train, validation, _adapted(loaded), loaded.name)


def _kind(file: DataFile, part: str) -> Kind:
    """The kind of a part's file. Raises UsageError for what plain Python has no few lines for."""
    from kspec.convert.code.refusal import refuse

    for word in ("source", "where", "fraction", "stratify", "group"):
        if getattr(file, word):
            help = "name a file of its own, or write `fit: {validation_split: 0.2}`" if part == "validation" else _HELP
            refuse(f"`{word}` of data is kspec's own", ("data", part, word), help)
    path = Path(file.path or "")
    if path.suffix not in _KINDS or path.is_dir():
        what = "a folder" if path.is_dir() else f"`{path.name}`"
        refuse(f"code that loads {what} is not written", ("data", part), _HELP)
    return _KINDS[path.suffix]


def _part(
    file: DataFile,
    kind: Kind,
    source: Source,
    found: Given,
    fields: Mapping[str, Any],
    parts: Parts,
    interface: Interface,
    tables: Mapping[str, tuple[float, ...]],
    outputs: Any,
    split: float = 0.0,
) -> Part:
    """A file's columns by what they are for."""
    from kspec.convert.code.loading import Column, Part
    from kspec.training.data.stacked import meant

    shapes = {port.name: tuple(port.shape) for port in interface.inputs}
    columns: list[Column] = []
    for link in found.links:
        given = fields.get(link.port) if link.role != "weight" else None
        names = meant(source, given) if given is not None else (link.array,)
        field = found.source.fields[link.array]
        classes = found.classes.get(link.port, ()) if link.role != "weight" else ()
        is_nested = kind == "parquet" and len(field.shape) > 1 and len(names) == 1 and not classes
        is_row = bool(classes) and len(field.shape) > 1
        column = Column(link.role, link.port, names, field.dtype, classes, is_row, is_nested)
        shape = shapes.get(link.port) if link.role == "input" else None
        columns.append(column._replace(is_flat=shape == (1,) and len(field.shape) == 1))
    targets = [column.port for column in columns if column.role == "target"]
    weighted = [column.port for column in columns if column.role == "weight"]
    one_output = len(interface.outputs) == 1 and not isinstance(outputs, dict)
    if weighted or (tables and not one_output):
        columns = [_with_table(column, tables) for column in columns]
        columns += [
            Column("weight", port, (), "float32", table=tables.get(port, ()))
            for port in targets
            if port not in weighted
        ]
    order = [column.port for column in columns if column.role == "target"]
    weights = sorted((each for each in columns if each.role == "weight"), key=lambda each: order.index(each.port))
    columns = [*(each for each in columns if each.role != "weight"), *weights]
    assert file.path is not None
    part = Part(file.path, kind, tuple(columns), len(interface.inputs) == 1, one_output, split)
    return _in_dialect(part) if kind in ("csv", "tsv") else part


def _in_dialect(part: Part) -> Part:
    """A table of texts, as Python's own reader finds its columns. Raises UsageError where it does not."""
    from kspec.convert.code.refusal import refuse
    from kspec.training.data.separated import dialect

    separator, names = dialect(part.path)
    stripped = {name.strip() for name in names}
    part = part._replace(separator=separator, is_spaced=stripped != set(names))
    lost = [name for column in part.columns for name in column.names if name not in stripped]
    if lost:
        refuse(f"Python's own reader finds no column `{lost[0]}` in `{Path(part.path).name}`", ("data",), _HELP)
    return part


def _with_table(column: Column, tables: Mapping[str, tuple[float, ...]]) -> Column:
    return column._replace(table=tables.get(column.port, ())) if column.role == "weight" else column


def _table(loaded: Loaded, interface: Interface) -> dict[str, tuple[float, ...]]:
    """Weights of classes by their numbers, for each output."""
    from kspec.convert.code.refusal import refuse
    from kspec.training.weights import weights_by_class

    fit = loaded.compiled.spec.fit
    found = weights_by_class(fit.class_weight if fit is not None else None, interface)
    for output in interface.outputs:
        if output.name in found and len(output.shape) > 1:
            help = "give weights of rows: `sample_weight`"
            refuse(f"Keras has no class weights for `{output.name}`", ("fit", "class_weight"), help)
    return {
        name: tuple(table.get(label, 1.0) for label in range(max(table) + 1)) for name, table in found.items() if table
    }


def _beside(train: Part) -> Part:
    """`x_test` and `y_test` of the file whose `x_train` and `y_train` are trained on."""
    columns = tuple(
        column._replace(names=tuple(name.replace("_train", "_test") for name in column.names))
        for column in train.columns
    )
    return train._replace(columns=columns)


def _has(fields: Mapping[str, Any], part: Part) -> bool:
    return all(name in fields for column in part.columns for name in column.names)


def _adapted(loaded: Loaded) -> tuple[tuple[str, str, str], ...]:
    """The layers that must see data, and the input that each is given.

    Raises UsageError for one that other layers stand before.
    """
    from kspec.convert.code.refusal import refuse
    from kspec.spec.graph import Graph, Ref
    from kspec.training.adapt import check_wrapped

    graph = loaded.compiled.graph
    check_wrapped(graph)
    inputs = {given.name for given in graph.inputs}
    found = []
    for name, layer in graph.layers.items():
        operation = layer.operation
        inner: Sequence[Any] = list(operation.layers.values()) if isinstance(operation, Graph) else [layer]
        for each in inner:
            kind = _STATISTICS.get(getattr(each.operation, "name", ""))
            args = getattr(each.operation, "args", {})
            if kind is None or args.get(kind[1]) is not None or each.weights is not None:
                continue
            node = next(node for node in graph.nodes if node.layer == name)
            taken = node.positional[0] if node.positional else None
            if each is not layer or "." in name or not (isinstance(taken, Ref) and taken.name in inputs):
                help = "let it take an input, or give its statistics"
                refuse(f"`{each.name}` is adapted to what other layers give", each.route, help)
            found.append((name, kind[0], taken.name))
    return tuple(found)


_STATISTICS = {"Normalization": ("normalization", "mean"), "Discretization": ("discretization", "bin_boundaries")}
