"""Functions that load data by NumPy and the like, without kspec: which columns are what has been settled."""

from __future__ import annotations

from typing import Literal, NamedTuple

from kspec.convert.code.expr import Argument, Call, Expr, Items, Pairs, Text, call, flat, quoted
from kspec.convert.code.layout import signature, statement

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


class Part(NamedTuple):
    """The data of one file."""

    path: str
    kind: Kind
    columns: tuple[Column, ...]


def is_simple(part: Part) -> bool:
    """Whether there is one input and one output's targets: two arrays."""
    return [column.role for column in part.columns] == ["input", "target"]


def loader(name: str, part: Part) -> list[str]:
    """A function that loads a file, as its lines."""
    simple = is_simple(part)
    weighted = any(column.role == "weight" for column in part.columns)
    one = ARRAY if simple else f"dict[str, {ARRAY}]"
    lines = signature(name, ["path: Path"], f"tuple[{', '.join([one] * (3 if weighted else 2))}]")
    inner, opening = _opened(part)
    lines += opening
    if simple:
        values = [_value(column, part) for column in part.columns]
        for variable, value in zip(("x", "y"), values, strict=True):
            lines += statement(f"{variable} = ", value, indent=inner)
        return [*lines, "    return x, y"]
    results = [("inputs", "input"), ("targets", "target"), *([("weights", "weight")] if weighted else [])]
    for variable, role in results:
        chosen = [column for column in part.columns if column.role == role]
        made = Pairs(tuple((Text(quoted(column.port)), _value(column, part)) for column in chosen))
        lines += statement(f"{variable} = ", made, indent=inner if role != "weight" or _reads(chosen) else 4)
    return [*lines, f"    return {', '.join(variable for variable, _ in results)}"]


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
    more = ', delimiter="\\t"' if part.kind == "tsv" else ""
    return 4, [
        '    with path.open(encoding="utf-8", newline="") as file:',
        f"        rows = list(csv.DictReader(file{more}))",
    ]


def _value(column: Column, part: Part) -> Expr:
    """The array of a column."""
    if column.table:
        labels = Text(f"targets[{quoted(column.port)}].reshape(-1).astype(int)")
        weights = Text(f"np.array({list(column.table)})[{labels.text}]")
        return weights if not column.names else Text(f"{weights.text} * {_plain_text(column, part)}")
    if not column.names:  # an output whose rows all count
        return Text('np.ones(len(next(iter(targets.values()))), "float32")')
    if column.classes:
        return _coded(column, part)
    if part.kind in ("csv", "tsv"):
        dtype = Text(quoted(column.dtype))
        if len(column.names) == 1:
            return call("np.array", Text(f"[row[{quoted(column.names[0])}] for row in rows]"), dtype)
        names = Items(tuple(Text(quoted(name)) for name in column.names))
        return call("np.array", Text(f"[[row[name] for name in {flat(names)}] for row in rows]"), dtype)
    made = [_one(name, column, part) for name in column.names]
    return made[0] if len(made) == 1 else Call(Text("np.column_stack"), (Argument("", Items(tuple(made))),))


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
    name = column.names[0]
    if part.kind in ("csv", "tsv"):
        texts = f"row[{quoted(name)}] for row in rows"
        each, over = texts.split(" for ", 1)
        made = f"classes.index({each}) for {over}"
    else:
        values = {"parquet": f"data[{quoted(name)}].to_pylist()", "h5": f"data[{quoted(name)}].asstr()[:]"}
        made = f"classes.index(text) for text in {values.get(part.kind, f'data[{quoted(name)}]')}"
    listed = ", ".join(quoted(text) for text in column.classes)
    inner = f"[{made.replace('classes.index', f'[{listed}].index')}]"
    if column.is_row:
        return Text(f'np.eye({len(column.classes)}, dtype="float32")[{inner}]')
    return call("np.array", Text(inner), Text('"int32"'))
