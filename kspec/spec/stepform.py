"""What a step's YAML says: one operation, and kspec's words beside it. The slips YAML invites are answered here."""

from __future__ import annotations

from collections.abc import Container
from typing import Any, NamedTuple

from kspec.diagnostics import Route, listing, suggestion
from kspec.spec.objects import shown
from kspec.spec.schema import dtype
from kspec.spec.steps import UNKNOWN
from kspec.spec.walk import Context, Walk

WORDS = frozenset({"name", "from", "call", "when", "trainable", "dtype", "weights"})
"""kspec's words beside every operation."""

BESIDE: dict[str, frozenset[str]] = {
    "reuse": frozenset(),
    "repeat": frozenset({"layers"}),
    "residual": frozenset({"merge"}),
    "parallel": frozenset({"merge"}),
    "model": frozenset({"output"}),
}
"""The five forms, and the further words beside each."""

_EVERY_BESIDE = frozenset().union(*BESIDE.values())
_NOT_FILLED = ("layers", "merge", "when")


class Form(NamedTuple):
    """A step taken apart."""

    key: str
    value: Any
    words: dict[str, Any]


def read(item: Any, route: Route, walk: Walk, context: Context) -> Form | None:
    """Take a step apart; None, with the problem noted, where it is no step."""
    if isinstance(item, str):
        if "$" in item:
            item = walk.filled(item, route, context)
        return Form(item, None, {}) if isinstance(item, str) and _is_word(item, route, walk, context) else None
    if not isinstance(item, dict):
        help = "a step is a name, or a mapping with one operation"
        walk.wrong("step-form", f"{shown(item)} is not a step", route, context, help)
        return None
    if len(item) == 1:
        ((key, value),) = item.items()
        if key not in WORDS and isinstance(key, str):
            return Form(key, value, {})
    operations = [key for key in item if key not in WORDS]
    if len(operations) > 1:
        operations = _one_operation(operations, item, route, walk, context)
    elif not operations:
        message = "this step has no operation" if item else "an empty step"
        help = "a step has one operation, such as `Dense: 10`, and kspec's words beside it"
        walk.wrong("step-form", message, route, context, help, "key")
    if len(operations) != 1:
        return None
    key = operations[0]
    if not isinstance(key, str):
        walk.wrong("step-form", f"{shown(key)} is not an operation", (*route, key), context, at="key")
        return None
    return Form(key, item[key], {word: value for word, value in item.items() if word != key})


def _one_operation(keys: list[Any], item: dict[Any, Any], route: Route, walk: Walk, context: Context) -> list[Any]:
    """Of several keys that are no words the operation; the others are the form's, or problems."""
    forms = [key for key in keys if key in BESIDE]
    if len(forms) == 1:
        form = forms[0]
        words = WORDS | BESIDE[form]
        strange = [key for key in keys if key != form and key not in words]
        for key in strange:
            help = suggestion(key, words, f"beside `{form}` stand {listing(sorted(words))}")
            walk.wrong("unknown-key", f"`{key}` means nothing beside `{form}`", (*route, key), context, help, "key")
        return [] if strange else [form]
    operations = [key for key in keys if _is_operation(key, walk)]
    first = operations[0] if operations else keys[0]
    for key in keys:
        if key == first:
            continue
        if key in operations:
            message, help = f"a step has one operation; `{first}` and `{key}` are two", "begin a new step with `- `"
            walk.wrong("step-form", message, (*route, key), context, help, "key")
        elif key in _EVERY_BESIDE:
            walk.wrong("unknown-key", f"`{key}` means nothing beside `{first}`", (*route, key), context, at="key")
        else:
            _beside(first, key, item, route, walk, context)
    return []


def _beside(operation: Any, key: Any, item: dict[Any, Any], route: Route, walk: Walk, context: Context) -> None:
    """An argument that stands beside its operation, or a misspelled word."""
    registry = walk.checker.registry
    found = registry.find("layers", operation) or registry.find("ops", operation)
    if found is not None and key in found.parameters:
        value = item[operation]
        first = f"{found.first}: {value}, " if isinstance(value, (int, float, str)) and found.first else ""
        help = f"arguments go inside: `{operation}: {{{first}{key}: …}}`"
        message = f"`{key}` is an argument of {operation} and stands beside it"
        walk.wrong("misplaced-word", message, (*route, key), context, help, "key")
        return
    help = suggestion(key, WORDS, f"beside an operation stand {listing(sorted(WORDS))}")
    walk.wrong("unknown-key", f"`{key}` means nothing beside `{operation}`", (*route, key), context, help, "key")


def _is_operation(key: Any, walk: Walk) -> bool:
    if not isinstance(key, str):
        return False
    registry = walk.checker.registry
    return key in walk.blocks or registry.find("layers", key) is not None or registry.find("ops", key) is not None


def _is_word(text: str, route: Route, walk: Walk, context: Context) -> bool:
    """Whether a bare step is one word; `Dense:64` lacks a space."""
    name, colon, rest = text.partition(":")
    if colon and name.isidentifier():
        help = f"a space is missing after the colon: `{name}: {rest.strip()}`"
        walk.wrong("step-form", f"`{text}` is one text, not a name and a value", route, context, help)
        return False
    if text in BESIDE:
        walk.wrong("step-form", f"`{text}` needs a value", route, context, f"write `{text}: …`")
        return False
    return True


def words(given: dict[str, Any], route: Route, walk: Walk, context: Context) -> dict[str, Any] | None:
    """kspec's words with variables put in and their types checked; None where `when` leaves the step out."""
    if "when" in given:
        when = walk.filled(given["when"], (*route, "when"), context)
        if not isinstance(when, bool):
            if when is not UNKNOWN:
                help = "write an expression such as `$(depth > 2)`"
                message = f"`when` is true or false, not {shown(when)}"
                walk.wrong("wrong-type", message, (*route, "when"), context, help)
            return None
        if not when:
            return None
    result = {
        word: value if word in _NOT_FILLED else walk.filled(value, (*route, word), context)
        for word, value in given.items()
    }
    for word, (types, phrase) in _TYPES.items():
        if word in result and not isinstance(result[word], types) and result[word] is not UNKNOWN:
            message = f"`{word}` is {phrase}, not {shown(result[word])}"
            walk.wrong("wrong-type", message, (*route, word), context)
            del result[word]
    if result.get("dtype", UNKNOWN) is not UNKNOWN:
        dtype(result["dtype"], (*route, "dtype"), walk.checker)
    return {word: value for word, value in result.items() if value is not UNKNOWN}


_TYPES: dict[str, tuple[Any, str]] = {
    "name": ((str, list), "a text"),
    "call": (dict, "a mapping of constant arguments"),
    "trainable": (bool, "true or false"),
    "dtype": ((str, dict), "a dtype policy"),
    "weights": (str, "a file"),
}


def refuse(words: Container[str], refused: tuple[str, ...], here: Any, walk: Walk, message: str, help: str) -> None:
    """Note words that mean nothing for this operation; `{word}` in the message is the word."""
    for word in refused:
        if word in words:
            text = message.format(word=word)
            walk.wrong("misplaced-word", text, here.beside(word), here.context, help, "key")
