"""What a constructor takes: its own parameters and those that it hands on to its bases."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any, NamedTuple

_LEGACY = {"input_dim", "input_shape", "input_length", "batch_input_shape", "decay", "alpha", "dynamic", "device_mesh"}
"""Keywords that Keras pops only to warn of them or to load models of other days."""
_CLOSED = {
    "BaseOptimizer",
    "HashedCrossing",
    "IndexLookup",
    "InputLayer",
    "Layer",
    "LossScaleOptimizer",
    "ModelParallel",
    "ReduceLROnPlateau",
}
"""Classes whose constructor raises on a keyword that it does not know, or drops it."""


class Raw(NamedTuple):
    """A parameter as the signature has it."""

    name: str
    required: bool
    default: Any
    owner: type
    """The class that declares it: whose docstring tells of it."""


class _Handed(NamedTuple):
    """How a constructor calls its base's."""

    positional: int
    keywords: frozenset[str]
    rest: bool
    """Whether `**kwargs` goes on."""


def constructor(cls: type) -> tuple[tuple[Raw, ...], bool]:
    """Parameters of a class's constructor in Keras's order, and whether unknown keywords mean something."""
    found: dict[str, Raw] = {}
    fixed: set[str] = set()
    skip = 0
    for owner in (each for each in cls.__mro__ if "__init__" in vars(each) and each is not object):
        declared = list(inspect.signature(owner.__init__).parameters.values())[1:]  # type: ignore[misc]
        for each in declared[skip:]:
            if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL) and each.name not in fixed:
                found.setdefault(each.name, _raw(each, owner))
        keywords = next((each.name for each in declared if each.kind is each.VAR_KEYWORD), None)
        if keywords is None:
            return tuple(found.values()), False
        tree = _source(owner)
        for name, default in _popped(tree, keywords):
            if name not in found and name not in _LEGACY:
                found[name] = Raw(name, False, default, owner)
        handed = _handed(tree, keywords)
        if not handed.rest:
            return tuple(found.values()), owner.__name__ not in _CLOSED
        skip = handed.positional
        fixed |= handed.keywords
    return tuple(found.values()), False


def _raw(each: inspect.Parameter, owner: type) -> Raw:
    required = each.default is each.empty
    return Raw(each.name, required, None if required else each.default, owner)


def _source(owner: type) -> ast.AST:
    return ast.parse(textwrap.dedent(inspect.getsource(owner.__init__)))  # type: ignore[misc]


def _handed(tree: ast.AST, keywords: str) -> _Handed:
    for call in _calls(tree, "__init__"):
        rest = any(each.arg is None and _is_name(each.value, keywords) for each in call.keywords)
        if rest:
            return _Handed(len(call.args), frozenset(each.arg for each in call.keywords if each.arg), True)
    return _Handed(0, frozenset(), False)


def _popped(tree: ast.AST, keywords: str) -> Iterator[tuple[str, Any]]:
    for call in _calls(tree, "pop"):
        name = call.args[0] if call.args else None
        if _is_name(call.func.value, keywords) and isinstance(name, ast.Constant):  # type: ignore[attr-defined]
            default = call.args[1] if len(call.args) > 1 else None
            yield str(name.value), default.value if isinstance(default, ast.Constant) else None


def _calls(tree: ast.AST, attribute: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == attribute:
            yield node


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
