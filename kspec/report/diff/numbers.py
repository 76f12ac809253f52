"""What two models weigh, side by side."""

from __future__ import annotations

from typing import NamedTuple

from kspec.comparison.difference import Difference
from kspec.comparison.sketch import Numbers
from kspec.model.memory import size_text


class Figure(NamedTuple):
    """One number before and after, as text; `change` is empty where there is none."""

    name: str
    before: str
    after: str
    change: str
    more: int
    """1 where it grew, -1 where it shrank, else 0."""


def figures(difference: Difference) -> list[Figure]:
    """The numbers that are known and say something: parts of the parameters only where there are such parts."""
    a, b = difference.a.numbers, difference.b.numbers
    found = [_figure("parameters", a.params, b.params)]
    if a.trainable != a.params or b.trainable != b.params:
        found.append(_figure("trainable", a.trainable, b.trainable))
    for name, field in (("frozen", "frozen"), ("never trained", "other")):
        if getattr(a, field) or getattr(b, field):
            found.append(_figure(name, getattr(a, field), getattr(b, field)))
    found.append(_figure("weights", a.weight_bytes, b.weight_bytes, bytes=True))
    found.append(_figure("steps", a.steps, b.steps))
    found.append(_figure("depth", a.depth, b.depth))
    found += _costs(a, b)
    return found


def _costs(a: Numbers, b: Numbers) -> list[Figure]:
    found = []
    if a.flops is not None and b.flops is not None:
        found.append(_figure("FLOPs", a.flops, b.flops))
    if a.train_memory is not None and b.train_memory is not None:
        name = f"training, batch of {b.train_batch:,}" if b.train_batch is not None else "training"
        found.append(_figure(name, a.train_memory, b.train_memory, bytes=True))
    return found


def _figure(name: str, before: int, after: int, *, bytes: bool = False) -> Figure:
    shown = [size_text(number) if bytes else f"{number:,}" for number in (before, after)]
    more = (after > before) - (after < before)
    return Figure(name, shown[0], shown[1], _change(before, after, bytes), more)


def _change(before: int, after: int, bytes: bool) -> str:
    if before == after:
        return ""
    amount = size_text(abs(after - before)) if bytes else f"{abs(after - before):,}"
    sign = "+" if after > before else "-"
    if not before:
        return f"{sign}{amount}"
    if after >= 10 * before:
        return f"{sign}{amount} (× {after / before:,.0f})"
    return f"{sign}{amount} ({percent(100 * (after - before) / before, sign=True)})"


def percent(value: float, *, sign: bool = False) -> str:
    """`12.5 %`; what is not all of it is never told as 100, and what is something never as 0."""
    text = f"{abs(value):.1f}"
    if text == "100.0" and abs(value) < 100:
        text = "99.9"
    elif text == "0.0" and value:
        text = "0.1"
    return f"{('+' if value > 0 else '-') if sign else ''}{text.removesuffix('.0')} %"


def headline(difference: Difference) -> str:
    """What happened, in a line: `1 step added, 2 changed; outputs changed`."""
    counts = [(difference.tally(kind), kind) for kind in ("added", "removed", "moved", "renamed", "changed")]
    parts = [f"{count} {kind}" for count, kind in counts if count]
    if parts:
        first, _, rest = parts[0].partition(" ")
        parts[0] = f"{first} step{'' if first == '1' else 's'} {rest}"
    parts += [f"{_more(difference.outputs, 'output')}"] if difference.outputs else []
    parts += [f"{_more(difference.sections, 'setting')}"] if difference.sections else []
    return ", ".join(parts) or "only shapes changed"


def _more(changes: tuple[object, ...], word: str) -> str:
    return f"{len(changes)} {word}{'' if len(changes) == 1 else 's'} changed"


def same(difference: Difference) -> str:
    """The sentence for two equal models."""
    params = difference.b.numbers.params
    return f"no differences ({params:,} parameter{'' if params == 1 else 's'})"


def unrelated(difference: Difference) -> str:
    """The sentence for two models that share nothing worth a list."""
    a, b = difference.a.numbers.steps, difference.b.numbers.steps
    many = difference.matched
    share = "no step" if not many else f"only {many} step{'' if many == 1 else 's'}"
    return f"the two models have next to nothing in common: of {a:,} and {b:,} steps, {share} could be the same"
