"""Checked Objects -> Keras objects."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from kspec import catalog
from kspec.diagnostics import Problem, Route, SpecError
from kspec.model.backend import load_keras
from kspec.model.errors import construction
from kspec.spec.objects import Object, objects_in

_CALLED_BY_KERAS = frozenset({"losses", "metrics", "activations", "initializers", "regularizers", "constraints"})


def keras_class(kind: str, name: str) -> Callable[..., Any]:
    """The Keras class or function of a catalogue entry."""
    entry = catalog.find(kind, name)
    assert entry is not None, (kind, name)
    found: Any = load_keras()
    for part in entry.path.split(".")[1:]:
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]


def make(value: Any) -> Any:
    """A Keras object from an Object; anything else is data, with the Objects inside made.

    Raises SpecError at the innermost object that cannot be made.
    """
    if isinstance(value, Object):
        made = factory(value)
        if inspect.isfunction(made) and not value.args and value.kind in _CALLED_BY_KERAS:
            return made  # a function of one's own is the loss (metric …) itself
        arguments = {key: make(item) for key, item in value.args.items()}
        try:
            return made(**arguments)
        except (MemoryError, SpecError):
            raise
        except Exception as error:  # constructors check their arguments with any exception they like
            raise SpecError(construction(error, value)) from None
    if isinstance(value, (list, tuple)):
        return [make(item) for item in value]
    if isinstance(value, dict):
        return {key: make(item) for key, item in value.items()}
    return value


def faults(value: Any, uses: tuple[Route, ...] = ()) -> list[Problem]:
    """The problems of every object in a value that cannot be made, found by making each once."""
    problems: list[Problem] = []
    failed: set[int] = set()
    for found in reversed(objects_in(value)):
        if any(id(inner) in failed for inner in objects_in(found.args)):
            failed.add(id(found))
            continue
        try:
            make(found)
        except SpecError as error:
            failed.add(id(found))
            problems.extend(replace(problem, uses=uses) for problem in error.problems)
    return problems


def factory(value: Object) -> Callable[..., Any]:
    """What makes an Object: Keras's class, or a trusted custom one."""
    entry = catalog.find(value.kind, value.name)
    if entry is not None:
        return keras_class(value.kind, value.name)
    return custom(value.name, value.route)


def custom(path: str, route: tuple[str | int, ...]) -> Callable[..., Any]:
    """A custom class by its full name. Its module runs: the spec's checks have made sure that it is trusted."""
    module, _, name = path.rpartition(".")
    load_keras()
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    except AttributeError:
        raise SpecError(Problem("custom-code", f"`{module}` has no `{name}`", route)) from None
    except Exception as error:  # importing a person's own module may raise anything at all
        message = f"importing `{module}` failed: {type(error).__name__}: {error}"
        raise SpecError(Problem("custom-code", message, route)) from error
    return found


def search_also(folders: Iterable[Path]) -> None:
    """Let custom modules be found in `folders`, after Python's own path."""
    for folder in folders:
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
