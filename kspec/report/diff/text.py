"""A Difference on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kspec.comparison.difference import Difference
from kspec.report.ansi import paint
from kspec.report.cells import escaped, wide
from kspec.report.diff.entries import Entry, entries, followers, section_entries
from kspec.report.diff.numbers import figures, same, unrelated
from kspec.report.diff.weights import carried, left_behind

_COLOURS = {"+": "green", "-": "red", "~": "yellow"}
_MOST = 200
"""So many lines of one kind are shown."""
_FEW = 6
"""So many weights or shapes are named."""


def text(difference: Difference, colour: bool, width: int) -> str:
    """The whole difference: what changed, the numbers, the weights."""
    title = escaped(f"{difference.a.label} → {difference.b.label}")
    if not difference:
        return f"{paint(title, 'bold', colour)}: {same(difference)}\n"
    parts = [[paint(title, "bold", colour)]]
    if difference.related:
        parts += [list(part) for part in _changes(difference, colour, width)]
    else:
        parts.append([unrelated(difference)])
    parts.append(list(_numbers(difference, colour)))
    if difference.related:
        parts.append(list(_weights(difference, colour, width)))
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _changes(difference: Difference, colour: bool, width: int) -> Iterator[Iterator[str]]:
    yield _lines(entries(difference), colour, width)
    yield _followers(followers(difference), colour, width)
    for name, changes in (("outputs", difference.outputs), ("settings", difference.sections)):
        if changes:
            yield _titled(name, section_entries(changes), colour, width)


def _titled(name: str, found: Sequence[Entry], colour: bool, width: int) -> Iterator[str]:
    yield paint(name, "bold", colour)
    yield from _lines(found, colour, width)


def _lines(found: Sequence[Entry], colour: bool, width: int) -> Iterator[str]:
    for entry in found[:_MOST]:
        lead = f"{paint(entry.sign, _COLOURS[entry.sign], colour)} {paint(escaped(entry.head), 'bold', colour)}"
        yield from hanging(lead, wide(f"{entry.sign} {escaped(entry.head)}"), entry.facts, width)
    if len(found) > _MOST:
        yield f"… and {len(found) - _MOST:,} more"


def hanging(lead: str, size: int, facts: Sequence[str], width: int) -> Iterator[str]:
    """`lead: fact; fact`, with facts that do not fit on lines of their own."""
    if not facts:
        yield lead
        return
    whole = escaped("; ".join(facts))
    if size + 2 + wide(whole) <= width:
        yield f"{lead}: {whole}"
        return
    yield f"{lead}:"
    yield from (f"    {escaped(fact)}" for fact in facts)


def _followers(found: Sequence[str], colour: bool, width: int) -> Iterator[str]:
    if found:
        yield from hanging(paint("shapes that follow", "dim", colour), 18, _few(found), width)


def _few(items: Sequence[str]) -> list[str]:
    rest = len(items) - _FEW
    return [*items[:_FEW], *([f"and {rest:,} more"] if rest > 0 else [])]


def _numbers(difference: Difference, colour: bool) -> Iterator[str]:
    found = figures(difference)
    widths = [max(map(len, column)) for column in zip(*(each[:4] for each in found), strict=True)]
    for each in found:
        change = paint(each.change, "red" if each.more > 0 else "green", colour)
        line = f"{each.name:<{widths[0]}}  {each.before:>{widths[1]}} → {each.after:>{widths[2]}}  {change}"
        yield line.rstrip()


def _weights(difference: Difference, colour: bool, width: int) -> Iterable[str]:
    yield carried(difference)
    for name, found in left_behind(difference.weights):
        yield from hanging(f"  {name}", 2 + len(name), _few(found), width)
