"""Which arrays of a file are inputs, which are targets, and which belong to the training, validation or test part."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kspec.diagnostics import FileError, Note, Problem, listing, suggestion
from kspec.training.data.source import Field, Source, refuse_dtype

PARTS = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
_TARGETS = {
    *("y", "label", "labels", "target", "targets", "class", "classes", "output", "outputs", "answer", "answers"),
    *("truth", "mask", "masks"),
}
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


@dataclass(frozen=True, slots=True)
class Port:
    """One input or target: its name in the spec, and the names of its arrays; a part without one has an empty name."""

    name: str
    train: str
    validation: str = ""
    test: str = ""


@dataclass(frozen=True, slots=True)
class Roles:
    """What every array of a file is for; `aside` are those that are for nothing, each with the reason."""

    inputs: tuple[Port, ...]
    targets: tuple[Port, ...]
    rows: int
    guessed: bool
    aside: tuple[str, ...]


def roles(source: Source, targets: Sequence[str] = ()) -> Roles:
    """The roles of a file's arrays; `targets` names targets where the names of the arrays do not give them away.

    Raises `FileError`: ``data-match`` where inputs or targets are not to be found, ``data-dtype``, ``data-shape``.
    """
    families, alone = _families(source.fields)
    rows = _most_rows(source, families)
    why = {port: _unusable(source.fields[port.train], rows) for port in families}
    aside = [f"`{port.train}` ({reason})" for port, reason in why.items() if reason]
    aside += [f"`{name}` (in no part)" for name in alone]
    used = [port for port in families if not why[port]]
    weights = [port for port in used if _is_weight(port, families) and not {port.name, port.train} & {*targets}]
    aside += [
        f"`{port.train}` (weights, by its name; `fit: {{sample_weight: {port.train}}}` uses them)" for port in weights
    ]
    chosen, guessed = _targets(source, families, [port for port in used if port not in weights], targets)
    inputs = [port for port in used if port not in chosen and port not in weights]
    numbers = [port for port in inputs if not source.fields[port.train].is_text]
    if numbers:  # texts beside them are names or remarks; a text alone is refused below, with what to do
        aside += [f"`{port.train}` (texts)" for port in inputs if port not in numbers]
        inputs = numbers
    if not inputs or not chosen:
        raise FileError(_nothing_left(source, chosen, targets))
    _refuse(source, [*inputs, *chosen], rows)
    return Roles(*_complete(source, inputs, chosen), rows, guessed, tuple(aside))


def _families(names: Iterable[str]) -> tuple[list[Port], list[str]]:
    """Arrays by what they hold, each with its parts (``x_train`` and ``x_test``), and those left over."""
    names = list(names)
    split = {name: _part(name) for name in names}
    bases = {base: name for name, (base, part) in split.items() if part == "train"}
    if not bases:  # the training part may do without a word: `x` and `x_test`
        held = {base for base, part in split.values() if part}
        plain = [name for name, (_, part) in split.items() if not part]
        if not held & set(plain):
            return _ports({name: name for name in names}, {}), []
        bases = {name: name for name in plain}
    others = {(base, part): name for name, (base, part) in split.items() if part != "train" and base in bases}
    taken = {*bases.values(), *(name for (_, part), name in others.items() if part)}
    return _ports(bases, others), [name for name in names if name not in taken]


def _ports(bases: dict[str, str], others: dict[tuple[str, str], str]) -> list[Port]:
    names: list[str] = []
    for base in bases:
        names.append(unused(_clean(base), names))
    return [
        Port(name, array, others.get((base, "validation"), ""), others.get((base, "test"), ""))
        for name, (base, array) in zip(names, bases.items(), strict=True)
    ]


def _part(name: str) -> tuple[str, str]:
    """``x_train`` and ``train_x`` as ``x`` and its part; the part is empty where the name has none."""
    head, _, tail = name.rpartition("_")
    start, _, rest = name.partition("_")
    for part, words in PARTS.items():
        if head and tail.lower() in words:
            return head, part
        if rest and start.lower() in words:
            return rest, part
    return name, ""


def _clean(name: str) -> str:
    """A name that can stand in `from` and in a layer's name."""
    clean = re.sub(r"[^\w-]+", "_", name)[:100].strip("_-") or "array"
    return f"array_{clean}" if not clean[0].isalpha() or clean in ("input", "previous") else clean


def unused(name: str, names: Iterable[str]) -> str:
    """`name`, with a number where it is among `names` already."""
    names = {other.casefold() for other in names}
    return next(n for n in (name, *(f"{name}_{i}" for i in range(2, 10_000))) if n.casefold() not in names)


def _most_rows(source: Source, families: list[Port]) -> int:
    """The number of rows that most arrays have; of two such numbers the greater."""
    fields = [source.fields[port.train] for port in families]
    counts = Counter(field.shape[0] for field in fields if field.shape)
    return max(counts, key=lambda rows: (counts[rows], rows), default=0)


def _unusable(field: Field, rows: int) -> str:
    """Why an array cannot be an input or a target, or nothing."""
    if not field.shape:
        return "a single value"
    if field.shape[0] != rows:
        return f"{field.shape[0]:,} rows" if not field.is_text else f"{field.shape[0]:,} texts"
    return ""


def _is_weight(port: Port, families: list[Port]) -> bool:
    """``sample_weight``, and ``digit_weight`` where there is a ``digit``."""
    head, _, tail = port.train.rpartition("_")
    named = any(head in (other.name, other.train) for other in families)
    return port.train.startswith("sample_weight") or (tail in ("weight", "weights") and named)


def _targets(source: Source, families: list[Port], used: list[Port], asked: Sequence[str]) -> tuple[list[Port], bool]:
    """The targets that were asked for, else those that are called so, else the last array: a guess."""
    if asked:
        return [_asked(source, families, name) for name in dict.fromkeys(asked)], False
    named = [port for port in used if _sounds_like_target(port.train)]
    if named:
        return named, False
    elsewhere = [port for port in families if port not in used and _sounds_like_target(port.train)]
    if elsewhere and len(used) < 2:
        return elsewhere, False
    numbers = [port for port in used if not source.fields[port.train].is_text]
    return numbers[-1:] if len(used) > 1 else [], True


def _asked(source: Source, families: list[Port], name: str) -> Port:
    for port in families:
        if name in (port.train, port.name):
            return port
    known = [port.train for port in families]
    help = suggestion(name, known, f"its arrays: {listing(known)}")
    message = f"`{Path(source.path).name}` has no array `{name}` for a target"
    raise FileError(Problem("data-match", message, help=help, file=source.path))


def _sounds_like_target(name: str) -> bool:
    words = [word.lower() for word in _WORD.findall(name)]
    return bool(_TARGETS & set(words)) and not {"name", "names"} & set(words)


def _nothing_left(source: Source, chosen: list[Port], asked: Sequence[str]) -> Problem:
    name, count = Path(source.path).name, len(source.fields)
    help = 'a starter needs inputs and targets in one file: `numpy.savez("data.npz", x=x, y=y)`'
    message = f"`{name}` has only one array with rows to learn from" if not chosen else f"`{name}` has only targets"
    if asked and count > 1:
        message, help = f"with {listing(asked)} as targets `{name}` has no inputs left", "name fewer with `--target`"
    notes = tuple(Note(f"`{array}` {field}") for array, field in list(source.fields.items())[:20])
    return Problem("data-match", message, help=help, notes=notes, file=source.path)


def _refuse(source: Source, ports: list[Port], rows: int) -> None:
    """Raise for what no model can be trained on: other numbers of rows, no rows, no numbers."""
    problems: list[Problem] = []
    counts = {port.train: source.fields[port.train].shape[:1] for port in ports}
    if len(set(counts.values())) > 1:
        shown = ", ".join(f"`{name}` has {f'{count[0]:,}' if count else 'none'}" for name, count in counts.items())
        message = f"the arrays differ in rows: {shown}"
        problems.append(
            Problem("data-match", message, help="every array needs one row for each example", file=source.path)
        )
    for name in counts:
        field = source.fields[name]
        if field.shape and 0 in field.shape:
            help = "give at least one row" if not rows else "every axis needs a size of 1 or more"
            problems.append(Problem("data-shape", f"`{name}` is empty: {field.shape}", help=help, file=source.path))
        try:
            refuse_dtype(source.path, name, field)
        except FileError as error:
            problems += error.problems
    if problems:
        raise FileError(problems)


def _complete(source: Source, inputs: list[Port], targets: list[Port]) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """Without the parts that not every array has, or that are of another form than the training part."""
    ports, missing = [*inputs, *targets], set()
    for part in ("validation", "test"):
        arrays = [(source.fields[port.train], source.fields.get(getattr(port, part))) for port in ports]
        rows = {other.shape[:1] for _, other in arrays if other is not None}
        alike = all(other is not None and other.shape[1:] == one.shape[1:] for one, other in arrays)
        if not alike or len(rows) > 1 or (0,) in rows:
            missing.add(part)
    kept = [replace(port, **dict.fromkeys(missing, "")) for port in ports]
    return tuple(kept[: len(inputs)]), tuple(kept[len(inputs) :])
