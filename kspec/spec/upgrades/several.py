"""Changes of Keras that take several entries at once: two arguments that became one, a layer that became several."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from kspec import catalog
from kspec.diagnostics import Route
from kspec.spec import renamed
from kspec.spec.traces import value_at
from kspec.spec.upgrades.edits import Edit, Page

Edited = tuple[str, tuple[Edit, ...]] | None


def combined(page: Page, route: Route, owner: str) -> Edited:
    """The edits for an argument (or a layer) at `route` that changes together with others; None for any other."""
    key = route[-1]
    rule = _RULES.get(key if isinstance(key, str) else owner) or _RULES.get(owner)
    return rule(page, route) if rule is not None else None


def _sizes(page: Page, route: Route) -> Edited:
    """What says the size of each axis by itself is `kernel_size`."""
    *around, key = route
    given = value_at(page.source.data, tuple(around))
    names = next((each for each in renamed.KERNEL_SIZES if key == each[0]), None)
    if names is None or not isinstance(given, dict) or "kernel_size" in given or not set(names) <= set(given):
        return None
    texts = [page.value((*around, name)) for name in names]
    first, *others = (each for each in given if each in names)
    edits = [page.rewritten((*around, first), "kernel_size", f"[{', '.join(map(str, texts))}]")]
    edits += [page.without((*around, name)) for name in others]
    if None in texts:
        return None
    return _whole(f"`{'`, `'.join(names)}` are `kernel_size` since Keras 2.0", edits)


def _decay(page: Page, route: Route) -> Edited:
    """An optimizer's `decay` divided the learning rate by 1 + decay * step: `InverseTimeDecay` does so."""
    *around, owner, _ = route
    given = value_at(page.source.data, (*around, owner))
    entry = catalog.find("optimizers", str(owner))
    amount = given.get("decay") if isinstance(given, dict) else None
    if not isinstance(given, dict) or entry is None or amount is None or isinstance(amount, bool):
        return None
    if amount == 0:  # which is left out
        return None
    name = next((each for each in ("learning_rate", "lr") if each in given), None)
    parameter = entry.parameter("learning_rate")
    if name is None and parameter is not None:
        rate: str | None = str(parameter.default)
    elif isinstance(given.get(name), (int, float, str)):
        rate = page.value((*around, owner, str(name)))
    else:
        return None
    decay = page.value(route)
    schedule = f"{{InverseTimeDecay: {{initial_learning_rate: {rate}, decay_steps: 1, decay_rate: {decay}}}}}"
    if rate is None or decay is None:
        return None
    if name is None:
        edits = [page.rewritten(route, "learning_rate", schedule)]
    else:
        edits = [page.rewritten((*around, owner, name), "learning_rate", schedule), page.without(route)]
    return _whole("`decay` is the schedule `InverseTimeDecay` since Keras 3.0", edits)


_MERGED = {
    "sum": "Add",
    "mul": "Multiply",
    "concat": "Concatenate",
    "ave": "Average",
    "max": "Maximum",
    "dot": "Dot",
}


def _merge(page: Page, route: Route) -> Edited:
    """`Merge: {mode: …}` is a layer for each mode; without one it added."""
    given = value_at(page.source.data, route)
    if route[-1] != "Merge":
        edit = page.word(route, "Add", "value") if given == "Merge" else None
        return _whole(_told_of("Add"), [edit])
    mode = given.get("mode", "sum") if isinstance(given, dict) else given if given is not None else "sum"
    new = _MERGED.get(mode) if isinstance(mode, str) else None
    if new is None or (isinstance(given, dict) and not set(given) <= {"mode", "concat_axis"}):
        return None
    axis = page.value((*route, "concat_axis")) if isinstance(given, dict) and "concat_axis" in given else None
    node = page.entry(route)
    if node is None or (page.value(route) is None and given is not None):
        return None
    if axis is None and isinstance(given, dict) and "concat_axis" in given:
        return None
    arguments = f"{{axis: {axis}}}" if axis is not None and new == "Concatenate" else ""
    if not arguments and page.is_flow(route[:-1]):
        arguments = "{}"  # a key's colon alone reads only where a blank follows
    text = f"{new}: {arguments}".rstrip()
    return _whole(_told_of(new), [Edit(node.start, max(node.end, _colon(page, node.end)), text)])


def _told_of(new: str) -> str:
    return f"`Merge` is `{new}` since Keras 2.0"


def _colon(page: Page, index: int) -> int:
    """Behind the colon of a key without a value."""
    return index + 1 if page.text[index : index + 1] == ":" else index


def _wrapped(page: Page, route: Route) -> Edited:
    """`TimeDistributedDense: …` is a Dense in a TimeDistributed."""
    text = page.value(route) if route[-1] == "TimeDistributedDense" else None
    if not text:
        return None
    edits = [page.rewritten(route, "TimeDistributed", f"{{Dense: {text}}}")]
    return _whole("`TimeDistributedDense` is `TimeDistributed: {Dense: …}` since Keras 2.0", edits)


def _whole(what: str, edits: list[Any]) -> Edited:
    return None if None in edits else (what, tuple(edits))


_RULES: dict[str, Callable[[Page, Route], Edited]] = {
    **dict.fromkeys(itertools.chain(*renamed.KERNEL_SIZES), _sizes),
    "decay": _decay,
    "Merge": _merge,
    "TimeDistributedDense": _wrapped,
}
