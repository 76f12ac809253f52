"""Functions that load data by NumPy and the like, without kspec: which columns are what has been settled."""

from __future__ import annotations

from typing import Literal, NamedTuple

from kspec.convert.code.expr import Argument, Call, Expr, Items, Pairs, Text, call, flat
from kspec.convert.code.layout import signature, statement
from kspec.convert.literals import quoted

Kind = Literal["npz", "npy", "h5", "csv", "tsv", "parquet"]
ARRAY = "np.ndarray"


class Column(NamedTuple):
    """What is loaded for an input, an output's targets or an output's weights: one array, or several side by side."""

    role: Literal["input", "target", "weight"]
    port: str
    names: tuple[str, ...]
    dtype: str
    classes: tuple[str, ...] = ()
    """Texts that stand for numbers."""
    is_row: bool = False
    """Whether each is a row with a one, not a number."""
    is_nested: bool = False
    """Whether each row of a table's column is an array."""
    table: tuple[float, ...] = ()
    """Weights of classes, by their numbers."""
    is_flat: bool = False
    """Whether it is one number for each row, and the model's input has an axis for it."""


class Part(NamedTuple):
    """The data of one file. `one_input` and `one_output` say that the model takes, and gives, one array."""

    path: str
    kind: Kind
    columns: tuple[Column, ...]
    one_input: bool
    one_output: bool
    split: float = 0.0
    """What part of the rows is validated on, the last ones: weights of classes are not for them."""
    separator: str = ","
    """What separates the cells of a table of texts."""
    is_spaced: bool = False
    """Whether there are spaces around the names of its columns."""

    def of(self, role: str) -> list[Column]:
        """The columns of a role."""
        return [column for column in self.columns if column.role == role]

    def variables(self) -> list[tuple[str, str, bool]]:
        """What is loaded: the variable, the role, and whether it is one array."""
        found = [("x" if self.one_input else "inputs", "input", self.one_input)]
        if self.of("target") or not self.one_output:
            found.append(("y" if self.one_output else "targets", "target", self.one_output))
        if self.of("weight"):
            found.append(("weights", "weight", self.one_output))
        return found


def loader(name: str, part: Part, with_axes: bool = False) -> list[str]:
    """A function that loads a file, as its lines; `with_axes` every input has its axes, which a functional model gives
    it by itself."""
    results = part.variables()
    kinds = [ARRAY if is_one else f"dict[str, {ARRAY}]" for _, _, is_one in results]
    returns = kinds[0] if len(kinds) == 1 else f"tuple[{', '.join(kinds)}]"
    lines = signature(name, ["path: Path"], returns)
    for column in part.columns:
        if column.classes:
            numbers = Pairs(tuple((Text(quoted(text)), Text(str(at))) for at, text in enumerate(column.classes)))
            lines += statement(f"{_classes(column, part)} = ", numbers, indent=4)
    inner, opening = _opened(part)
    lines += opening
    for variable, role, is_one in results:
        columns = part.of(role)
        values = [_value(column, part) for column in columns]
        if with_axes:
            values = [_with_axis(value) if c.is_flat else value for c, value in zip(columns, values, strict=True)]
        made: Expr = values[0]
        if role == "weight" and part.split and any(column.table for column in columns):
            count = "len(y)" if part.one_output else "len(next(iter(targets.values())))"
            pad = " " * (inner if _reads(columns) else 4)
            lines += [f"{pad}count = {count}", f"{pad}trained = np.arange(count) < int(count * (1 - {part.split:g}))"]
        if not is_one:
            made = Pairs(tuple((Text(quoted(c.port)), value) for c, value in zip(columns, values, strict=True)))
        lines += statement(f"{variable} = ", made, indent=inner if role != "weight" or _reads(columns) else 4)
    return [*lines, f"    return {', '.join(variable for variable, _, _ in results)}"]


def _with_axis(value: Expr) -> Expr:
    return Text(f"{flat(value)}[:, None]")


def _reads(columns: list[Column]) -> bool:
    return any(column.names for column in columns)


def _opened(part: Part) -> tuple[int, list[str]]:
    """How a file is opened, and how far what reads it is indented."""
    if part.kind == "npz":
        return 8, ["    with np.load(path) as data:"]
    if part.kind == "npy":
        return 4, ["    data = np.load(path)"]
    if part.kind == "h5":
        return 8, ['    with h5py.File(path, "r") as data:']
    if part.kind == "parquet":
        return 4, ["    data = pq.read_table(path)"]
    more = f", delimiter={quoted(part.separator)}" if part.separator != "," else ""
    rows = f"csv.DictReader(file{more})"
    if part.is_spaced:
        rows = f"({{name.strip(): cell for name, cell in row.items()}} for row in {rows})"
    opened = ['    with path.open(encoding="utf-8-sig", newline="") as file:']
    return 4, [*opened, *statement("rows = ", call("list", Text(rows)), indent=8)]


def _value(column: Column, part: Part) -> Expr:
    """The array of a column."""
    if column.table:
        targets = "y" if part.one_output else f"targets[{quoted(column.port)}]"
        labels = Text(f"{targets}.reshape(-1).astype(int)")
        weights: Expr = Text(f"np.array({list(column.table)})[{labels.text}]")
        if part.split:
            weights = call("np.where", Text("trained"), weights, Text("1.0"))
        return weights if not column.names else Text(f"{flat(weights)} * {_plain_text(column, part)}")
    if not column.names:  # an output whose rows all count
        return Text('np.ones(len(next(iter(targets.values()))), "float32")')
    if column.classes:
        return _coded(column, part)
    if part.kind in ("csv", "tsv"):
        if len(column.names) == 1:
            cell = _number(f"row[{quoted(column.names[0])}]", part)
            return call("np.array", Text(f"[{cell} for row in rows]"), _dtype(column))
        names = Items(tuple(Text(quoted(name)) for name in column.names))
        number = _number("row[name]", part)
        return call("np.array", Text(f"[[{number} for name in {flat(names)}] for row in rows]"), _dtype(column))
    made = [_one(name, column, part) for name in column.names]
    return made[0] if len(made) == 1 else Call(Text("np.column_stack"), (Argument("", Items(tuple(made))),))


def _number(cell: str, part: Part) -> str:
    """A cell as Python reads numbers: beside semicolons, commas may stand for points."""
    return cell if part.separator != ";" else f'{cell}.replace(",", ".")'


def _dtype(column: Column) -> Expr:
    return Text(quoted(column.dtype))


def _one(name: str, column: Column, part: Part) -> Expr:
    taken = f"data[{quoted(name)}]"
    if part.kind == "h5":
        return Text(f"{taken}[:]")
    if part.kind == "parquet":
        return Text(f"np.stack({taken}.to_pylist())" if column.is_nested else f"{taken}.to_numpy()")
    return Text(taken)


def _plain_text(column: Column, part: Part) -> str:
    return flat(_value(column._replace(table=()), part))


def _coded(column: Column, part: Part) -> Expr:
    """Texts as whole numbers, or as rows with a one."""
    name = quoted(column.names[0])
    each, variable, over = "text", "text", f"data[{name}]"
    if part.kind in ("csv", "tsv"):
        each, variable, over = f"row[{name}]", "row", "rows"
    elif part.kind == "parquet":
        over += ".to_pylist()"
    elif part.kind == "h5":
        over += ".asstr()[:]"
    classes = _classes(column, part)
    numbers = f"[{classes}[{each}] for {variable} in {over}]"
    if column.is_row:
        return Text(f'np.eye(len({classes}), dtype="float32")[{numbers}]')
    return call("np.array", Text(numbers), Text('"int32"'))


def _classes(column: Column, part: Part) -> str:
    """The variable for a column's texts and their numbers."""
    ports = [each.port for each in part.columns if each.classes]
    return "classes" if len(ports) == 1 else f"classes_{ports.index(column.port) + 1}"
