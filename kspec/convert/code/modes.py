"""What of generated code computes differently in training, and so has to be told of it."""

from __future__ import annotations

from kspec import catalog
from kspec.convert.code.expr import Call, Expr, Items, Pairs
from kspec.convert.code.program import Apply, For, If, Kept, Make, Model, New, Op, Saved, Statement, Use
from kspec.spec.lint.modes import RATES, SAME


def trained(body: list[Statement]) -> frozenset[str]:
    """The variables of layers and models that differ in training, made in a body."""
    found: set[str] = set()
    for each in body:
        if isinstance(each, (For, If)):
            found |= trained(each.body)
        elif isinstance(each, Saved) or (isinstance(each, Make) and _made_differs(each.made)):
            found.add(each.variable)
    return frozenset(found)


def differs(what: New | Kept | Op | Use, kept: frozenset[str]) -> bool:
    """Whether what is called computes differently in training; `kept` are the variables that do."""
    if isinstance(what, Kept):
        return what.variable in kept
    if isinstance(what, New):
        return _expression_differs(what.made)
    return isinstance(what, Use) and any(map(_statement_differs, what.function.body))


def _statement_differs(each: Statement) -> bool:
    if isinstance(each, (For, If)):
        return any(map(_statement_differs, each.body))
    if isinstance(each, Apply):
        return differs(each.what, frozenset())
    return isinstance(each, Saved) or (isinstance(each, Make) and _made_differs(each.made))


def _made_differs(made: New | Model) -> bool:
    return _expression_differs(made.made) if isinstance(made, New) else any(map(_statement_differs, made.function.body))


def _expression_differs(value: Expr) -> bool:
    """Whether an expression makes a layer that does, or one around such."""
    if isinstance(value, Items):
        return any(map(_expression_differs, value.items))
    if isinstance(value, Pairs):
        return any(_expression_differs(item) for _, item in value.pairs)
    if not isinstance(value, Call):
        return False
    return _layer_differs(value) or any(_expression_differs(item) for _, item in value.arguments)


def _layer_differs(made: Call) -> bool:
    module, _, name = getattr(made.callee, "text", "").rpartition(".")
    if module != "layers":
        return module.split(".")[0] not in ("keras", "np")  # a class of the person's own
    entry = catalog.find("layers", name)
    given = {key for key, _ in made.arguments}
    if entry is None or any(key in ("layer", "layers", "cell", "cells") for key in given) or name in _AROUND:
        return False  # what it is around says it
    rates = [rate for rate in RATES if entry.parameter(rate) is not None]
    told = any(argument.name == "training" for argument in entry.call)
    return told and name not in SAME and (not rates or not given.isdisjoint(rates))


_AROUND = ("Bidirectional", "TimeDistributed", "RNN", "StackedRNNCells", "Pipeline")
