"""What to do about a wrong name: the word that is meant, in the exact text to write.

Only computed for what is wrong. A name is looked for in this order: a call of Python, Keras's own old name (`renamed`),
the name without the modules before it, another library's word for it (`foreign`), another spelling, the nearest word.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from kspec import catalog
from kspec.catalog import Entry, Parameter
from kspec.diagnostics import listing, proposed, suggestion
from kspec.spec import foreign, python, renamed
from kspec.spec.values import one

_LONGEST = 100
"""Names beyond it are not compared with every other: a stranger's file is answered in milliseconds."""


def for_object(kind: str, name: str, custom: Iterable[str] = ()) -> str:
    """Help for a name where an object of `kind` is expected, which is none."""
    if kind in _NULL_WILL_DO and name in ("None", "none", "nil"):
        return "write `null`, or leave it out"
    parts = [part.strip() for part in name.split(",")]
    if len(parts) > 1 and all(part.isidentifier() for part in parts):
        return f"write a list: `[{', '.join(parts)}]`"
    if python.is_call(name):
        last = python.called(name)
        if foreign.canonical(kind, last):
            return f"write `{python.as_object(name, kind)}`"
        return for_object(kind, last, custom)
    if (old := renamed.name(kind, name)) is not None:
        return renamed.said(name, old)
    bare = foreign.bare(name)
    if bare != name and catalog.find(kind, bare) is not None:
        return _meant(bare)
    found = foreign.remark(kind, bare)
    if found or (found := _written(foreign.meant(kind, bare))):
        return found
    return _nearest(bare, (*_words(kind, bare), *custom)) or _elsewhere(kind, bare)


def for_operation(name: str, own: Collection[str]) -> str:
    """Help for a step's operation that is nothing; `own` are forms, blocks and custom classes."""
    if python.is_call(name):
        last = python.called(name)
        canonical = foreign.canonical("layers", last)
        return f"write `{python.as_step(name)}`" if canonical else for_operation(last, own)
    if name not in own and (old := renamed.name("layers", name)) is not None:
        return renamed.said(name, old)
    if name in renamed.REMOVED:
        return f"Keras {renamed.REMOVED[name]} removed it: write a layer class and name its module under `custom`"
    bare = foreign.bare(name)
    ops = catalog.names("ops")
    if name.startswith("ops."):
        return _nearest(name, ops)
    if bare != name and bare not in own:
        return _prefixed(name, bare, ops) or for_operation(bare, own)
    found = foreign.remark("layers", name)
    if found:
        return found
    folded = foreign.fold(name)
    activation = foreign.spelled("activations").get(folded, "")
    if name[:1].isupper() and (found := _written(foreign.meant("layers", name))):
        return found  # PyTorch's Linear is a layer, Keras's linear an activation
    if activation or catalog.find("activations", name) is not None:
        return f"write `Activation: {activation or name}`"
    found = _written(foreign.meant("layers", name))
    if found:
        return found
    layer, function = foreign.spelled("layers").get(folded, ""), f"ops.{name.lower()}"
    if function in ops:
        return f"did you mean `{layer}` or `{function}`?" if layer else _meant(function)
    if layer:
        return _meant(layer)
    return _nearest(name, (*_words("layers", name), *own)) or _elsewhere("layers", name) or _of_a_module(name)


class Meaning(NamedTuple):
    """What an unknown argument stands for, and what to say."""

    parameter: str
    """The parameter that is meant, if there is one."""
    help: str


def for_argument(entry: Entry, parameters: Mapping[str, Parameter], key: object) -> Meaning:
    """What is meant by an argument that `entry` does not have; both are empty where nothing can be told."""
    if not isinstance(key, str):
        return Meaning("", "")
    argument = entry.argument(key)
    if argument is not None and argument.tensor is None:
        return Meaning("", f"it belongs to the call: `call: {{{key}: …}}` beside {entry.name}")
    if argument is not None:
        return Meaning("", f"tensors come by `from`: `from: {{{key}: …}}`")
    if (old := renamed.argument(entry.kind, entry.name, key, parameters)) is not None:
        return Meaning(old.new, renamed.said(key, old))
    remark = foreign.argument_remark(entry.kind, key)
    gone = renamed.dropped(entry.kind, entry.name, key)
    if gone is not None and not remark:
        return Meaning("", f"Keras {gone.since} removed it: {gone.why}")
    meant = foreign.argument(key, parameters)
    if remark and (not meant or entry.kind != "layers"):
        return Meaning("", remark)
    if meant:
        return Meaning(meant, _meant(meant))
    help = _nearest(key, parameters)
    return Meaning(proposed(help), help)


def arguments_of(entry: Entry) -> str:
    """Help that lists what an object takes."""
    if not entry.parameters:
        return f"{entry.name} takes no arguments"
    return f"its arguments: {listing(parameter.name for parameter in entry.parameters)}"


_NULL_WILL_DO = frozenset({"activations", "initializers", "regularizers", "constraints", "losses", "metrics"})


def _meant(name: str) -> str:
    return f"did you mean `{name}`?"


def _written(text: str) -> str:
    """Help for a text from the tables: a name, or a whole notation."""
    if not text:
        return ""
    return _meant(text) if text.replace(".", "").replace("_", "").isalnum() else f"write `{text}`"


def _prefixed(name: str, bare: str, ops: Collection[str]) -> str:
    """Help for a name with modules before it, where it is right without them."""
    function = f"ops.{bare}"
    if catalog.find("layers", bare) is not None:
        return _meant(bare)
    return _meant(function) if function in ops else ""


def _words(kind: str, name: str) -> tuple[str, ...]:
    """Names and identifiers of a kind; of those that differ in spelling only, the ones written as `name` is."""
    names, identifiers = catalog.names(kind), _identifiers(kind)
    return (*names, *identifiers) if name[:1].islower() else (*identifiers, *names)


@functools.cache
def _identifiers(kind: str) -> tuple[str, ...]:
    found = [identifier for entry in catalog.entries(kind).values() for identifier in entry.identifiers]
    return (*found, *catalog.COMPILE_METRICS) if kind == "metrics" else tuple(found)


def _nearest(name: str, words: Iterable[str]) -> str:
    return suggestion(name, words) if len(name) <= _LONGEST else ""


def _elsewhere(kind: str, name: str) -> str:
    """Where a name does belong."""
    return next((f"`{name}` is {one(other)}" for other in catalog.kinds_of(name) if other != kind), "")


def _of_a_module(name: str) -> str:
    """Help for a dotted name: a class of one's own is brought by its module."""
    module, _, last = name.rpartition(".")
    known = module and last.isidentifier() and all(part.isidentifier() for part in module.split("."))
    return f"if it is a class of your own, write `custom: [{module}]`" if known else ""
