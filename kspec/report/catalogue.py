"""What Keras offers, for people: a list of names, and everything about one of them (``kspec layers``)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kspec import catalog
from kspec.catalog import Argument, Entry, Parameter
from kspec.catalog.samples import sample
from kspec.diagnostics import Problem, UsageError, suggestion
from kspec.report.ansi import paint
from kspec.report.cells import wide
from kspec.spec.values import singular
from kspec.spec.writing import dump

__all__ = ["described", "found", "listed"]


def found(search: str | None) -> list[Entry]:
    """Every layer; with `search` every name of any kind that has it, or has it in its first sentence, in any case.

    Raises UsageError where there is none.
    """
    if search is None:
        return list(catalog.entries("layers").values())
    text = search.casefold()
    everything = [entry for kind in catalog.KINDS for entry in catalog.entries(kind).values()]
    named = [each for each in everything if any(text in name.casefold() for name in (each.name, *each.identifiers))]
    told = [each for each in everything if each not in named and text in each.doc.casefold()]
    if not named and not told:
        raise UsageError(Problem("usage", f"nothing in Keras is called or described by `{search}`"))
    return [*named, *told]


def listed(entries: Sequence[Entry], *, colour: bool, width: int) -> str:
    """One line for each entry: its name, its kind where that is not a layer, and Keras's first sentence."""
    longest = max(len(entry.name) for entry in entries)
    several = len({entry.kind for entry in entries}) > 1
    lines = []
    for entry in entries:
        kind = f"{singular(entry.kind)}: " if several and entry.kind not in ("layers", "ops") else ""
        text = _cut(
            f"{kind}{'not here: it ' + entry.jax.partition(': ')[0] if entry.jax else entry.doc}", width - longest - 2
        )
        lines.append(f"{paint(f'{entry.name:<{longest}}', 'bold', colour)}  {text}".rstrip() + "\n")
    return "".join(lines)


def described(name: str, *, colour: bool, width: int) -> str:
    """Everything that is known of a name: parameters, the call, and a spec with it, which checks.

    Raises UsageError for a name that Keras does not have.
    """
    kinds = catalog.kinds_of(name) or catalog.kinds_of(f"ops.{name}")
    entries = [each for kind in kinds if (each := catalog.find(kind, name) or catalog.find(kind, f"ops.{name}"))]
    if not entries:
        names = [each for kind in ("layers", "ops") for each in catalog.names(kind)]
        help = suggestion(name, names, f"`kspec layers --search {name}` looks further")
        raise UsageError(Problem("usage", f"Keras has no `{name}`", help=help))
    return "\n".join("".join(_entry(entry, colour, width)) for entry in entries)


def _entry(entry: Entry, colour: bool, width: int) -> Iterator[str]:
    yield f"{paint(entry.name, 'bold', colour)}: {singular(entry.kind)}, {entry.path}\n"
    if entry.identifiers:
        yield f"also written {', '.join(entry.identifiers)}\n"
    yield f"{entry.doc}\n"
    if entry.jax:
        reason, _, help = entry.jax.partition(": ")
        yield (
            f"\n{paint('It cannot be used', 'bold yellow', colour)}: it {reason}"
            + (f"; {help}" if help else "")
            + ".\n"
        )
    if entry.parameters:
        yield "\n"
        yield from _table([_row(each) for each in entry.parameters], width)
    if entry.call:
        yield f"\ncall: {', '.join(map(_argument, entry.call))}\n"
    if entry.kind in ("layers", "ops") and not entry.jax:
        yield "\n" + dump(sample(entry))


def _row(parameter: Parameter) -> tuple[str, str, str, str]:
    what = "|".join(filter(None, (singular(parameter.object) if parameter.object else "", parameter.type or "")))
    if parameter.choices and not parameter.object and len(parameter.choices) <= 6:
        what = "|".join(parameter.choices)
    default = "required" if parameter.required else dump(parameter.default).strip().removesuffix("\n...")
    return parameter.name, what, default, parameter.doc


def _table(rows: list[tuple[str, str, str, str]], width: int) -> Iterator[str]:
    sizes = [min(max(wide(row[column]) for row in rows), 28) for column in range(3)]
    for name, what, default, doc in rows:
        start = "  ".join(f"{cell:<{size}}" for cell, size in zip((name, what, default), sizes, strict=True))
        yield f"  {start}  {_cut(doc, max(width - len(start) - 4, 24))}".rstrip() + "\n"


def _argument(argument: Argument) -> str:
    kind = {"one": "tensor", "list": "list of tensors", "any": "tensor or number"}.get(argument.tensor or "", "")
    text = f"{argument.name} ({kind})" if kind else argument.name
    return text if argument.required else f"[{text}]"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(width - 1, 1)].rstrip()}…"
