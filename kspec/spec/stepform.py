"""What a step's YAML says: one operation, and kspec's words beside it. The slips YAML invites are answered here."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any, NamedTuple

from kspec import catalog
from kspec.diagnostics import Route, listing, nearest, suggestion
from kspec.spec import adapting
from kspec.spec.sections import dtype
from kspec.spec.steps import UNKNOWN
from kspec.spec.values import shown
from kspec.spec.walk import Context, Here, Walk

WORDS = frozenset({"name", "from", "call", "when", "trainable", "dtype", "weights", "lora", "quantize"})
"""kspec's words beside every operation."""

OF_FORMS = frozenset({"layers", "merge", "output"})
"""Words that stand beside some of kspec's own operations only."""

_MEANT = frozenset({"name", "from", "when", "lora", "quantize"})
BESIDE: dict[str, frozenset[str]] = {
    "reuse": WORDS,
    "repeat": _MEANT | {"trainable", "dtype", "layers"},
    "residual": _MEANT | {"trainable", "dtype", "merge"},
    "parallel": _MEANT | {"trainable", "dtype", "merge"},
    "model": _MEANT | {"call", "trainable", "weights", "output"},
}
"""The five forms, and the words that mean something beside each."""

_OWNERS = {"layers": "`repeat`", "merge": "`residual` and `parallel`", "output": "`model`"}
"""Words that are a form's alone."""
_NOT_FILLED = ("layers", "merge", "when")


class Form(NamedTuple):
    """A step taken apart."""

    key: str
    value: Any
    words: dict[str, Any]
    sure: bool = True
    """Whether every word beside the operation is one: a misspelled one may change what the step gives."""


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
        if key not in WORDS and isinstance(key, str) and key not in _OWNERS:
            return Form(key, value, {})
    operations = [key for key in item if key not in WORDS]
    if not operations:
        message = "this step has no operation" if item else "an empty step"
        help = "a step has one operation, such as `Dense: 10`, and kspec's words beside it"
        walk.wrong("step-form", message, route, context, help, "key")
        return None
    key = operations[0] if len(operations) == 1 else _operation(operations, item, route, walk, context)
    if key is None:
        return None
    if not isinstance(key, str):
        walk.wrong("step-form", f"{shown(key)} is not an operation", (*route, key), context, at="key")
        return None
    if key in _OWNERS and not _is_operation(key, walk):
        walk.wrong("misplaced-word", f"`{key}` is no operation", (*route, key), context, _belongs(key), "key")
        return None
    if (
        key not in BESIDE
        and not _is_operation(key, walk)
        and walk.tally.operations
        and (form := _misspelt_form(key, walk))
    ):
        message = f"there is no layer, function or block `{key}`"
        walk.wrong("unknown-operation", message, (*route, key), context, f"did you mean `{form}`?", "key")
        walk.tally.named = False  # a form may give many names
        return None
    words = _beside(key, item, route, walk, context)
    if key in BESIDE and any(each not in WORDS and each not in BESIDE[key] for each in item if each != key):
        return None  # what the form seems to lack may be misspelled there
    return Form(key, item[key], words, all(each == key or each in words or each in WORDS for each in item))


def _operation(keys: list[Any], item: dict[Any, Any], route: Route, walk: Walk, context: Context) -> Any:
    """Of several keys that are no words the operation; None, with the problem noted, where that cannot be told."""
    forms = [key for key in keys if key in BESIDE]
    operations = [key for key in keys if _is_operation(key, walk)]
    first = forms[0] if len(forms) == 1 else operations[0] if operations else None
    if first is None:
        named = next((key for key in ("type", "class_name", "layer", "op") if key in keys), None)
        if named is not None:
            help = f"write `{item[named]}: {{…}}`" if isinstance(item[named], str) else "write `Dense: {…}`"
            walk.wrong("step-form", "a step is written by its operation's name", (*route, named), context, help, "key")
            return None
        first = keys[0]
    for key in keys:
        if key != first and key in operations and first not in BESIDE:
            message, help = f"a step has one operation; `{first}` and `{key}` are two", "begin a new step with `- `"
            walk.wrong("step-form", message, (*route, key), context, help, "key")
            return None
    inside = [key for key in keys if key != first and key in _inside(first, walk)]
    if inside:
        _misplaced(first, inside, item[first], route, walk, context)
        return None
    if first not in BESIDE and item[first] is None:
        _beside(first, item, route, walk, context)  # what the operation seems to lack may be misspelled there
        return None
    return first


def _misspelt_form(key: str, walk: Walk) -> str:
    """The form that a key is, misspelt; an empty text where it is nearer to something else, or to nothing."""
    close = nearest(key, (*BESIDE, *catalog.names("layers"), *walk.blocks))
    return close if close in BESIDE else ""


def _inside(operation: str, walk: Walk) -> Container[str]:
    """The arguments of an operation, or a block's variables."""
    if operation in walk.blocks:
        body = walk.blocks[operation]
        variables = body.get("vars") if isinstance(body, dict) else None
        return variables if isinstance(variables, dict) else ()
    registry = walk.checker.registry
    found = registry.find("layers", operation) or registry.find("ops", operation)
    return found.parameters if found is not None else ()


def _misplaced(operation: str, keys: list[str], value: Any, route: Route, walk: Walk, context: Context) -> None:
    """Arguments that stand beside their operation."""
    kind = "variable" if operation in walk.blocks else "argument"
    if value is None:
        help = f"indent {'it' if len(keys) == 1 else 'them'} further than `{operation}`"
    else:
        found = walk.checker.registry.find("layers", operation)
        first = f"{found.first}: {value}, " if found is not None and isinstance(value, (int, float, str)) else ""
        help = f"{kind}s go inside: `{operation}: {{{first}{', '.join(f'{key}: …' for key in keys)}}}`"
    if len(keys) == 1:
        message = f"`{keys[0]}` is {'a' if kind == 'variable' else 'an'} {kind} of {operation} and stands beside it"
    else:
        message = f"{listing(keys)} are {kind}s of {operation} and stand beside it"
    walk.wrong("misplaced-word", message, (*route, keys[0]), context, help, "key")


def _beside(operation: str, item: dict[Any, Any], route: Route, walk: Walk, context: Context) -> dict[str, Any]:
    """The words beside an operation; those that mean nothing there are noted and left away."""
    words = {}
    allowed = BESIDE.get(operation, WORDS)
    for key, value in item.items():
        if key in allowed:
            words[key] = value
        elif key != operation:
            if key in WORDS:
                code, help = "misplaced-word", "write it beside the layer that it is meant for"
            else:
                code, help = "unknown-key", _belongs(key) or _suggested(key, operation, allowed)
            message = f"`{key}` means nothing beside `{operation}`"
            walk.wrong(code, message, (*route, key), context, help, "key")
            if nearest(key, ["from"]) or key in _FROM:
                words.setdefault("from", UNKNOWN)
            if nearest(key, ["name"]) and "name" not in item:
                words["name"] = value
    return words


_FROM = ("input", "inputs")


def _suggested(key: Any, operation: str, allowed: Iterable[str]) -> str:
    if key in _FROM:
        return "did you mean `from`?"
    beside = f"`{operation}`" if operation in BESIDE else "an operation"
    return suggestion(key, allowed, f"beside {beside} stand {listing(sorted(allowed))}")


def _belongs(key: Any) -> str:
    return f"`{key}` stands beside {_OWNERS[key]}" if key in _OWNERS else ""


def _is_operation(key: Any, walk: Walk) -> bool:
    if not isinstance(key, str):
        return False
    registry = walk.checker.registry
    return key in walk.blocks or registry.find("layers", key) is not None or registry.find("ops", key) is not None


def _is_word(text: str, route: Route, walk: Walk, context: Context) -> bool:
    """Whether a bare step is one word; `Dense:64` lacks a space."""
    name, colon, rest = text.partition(":")
    if colon and name.isidentifier():
        message, help = f"`{text}` is one text, not a name and a value", f"write `{name}: {rest.strip()}`"
        if rest[:1] == "\xa0":
            message = "what follows this colon is a no-break space, not a space"
        elif not rest[:1].isspace():
            message = "a space is missing after the colon"
        walk.wrong("step-form", message, route, context, help)
        return False
    if text in BESIDE:
        walk.wrong("step-form", f"`{text}` needs a value", route, context, f"write `{text}: …`")
        return False
    if text in WORDS or text in _OWNERS:
        help = _belongs(text) or f"`{text}: …` stands beside an operation, without a dash"
        walk.wrong("step-form", f"`{text}` is no operation", route, context, help)
        return False
    return True


def words(given: dict[str, Any], route: Route, walk: Walk, context: Context) -> dict[str, Any] | None:
    """kspec's words with variables put in and their types checked; None where `when` leaves the step out."""
    if "when" in given:
        when = walk.filled(given["when"], (*route, "when"), context)
        if when is False:
            return None
        if when is not True:
            given = {**given, "from": UNKNOWN}  # whether the step is there is not known, nor what follows from it
        if when is not True and when is not UNKNOWN:
            help = "write an expression such as `$(depth > 2)`"
            message = f"`when` is true or false, not {shown(when)}"
            walk.wrong("wrong-type", message, (*route, "when"), context, help)
    result = {
        word: value if word in _NOT_FILLED or value is UNKNOWN else walk.filled(value, (*route, word), context)
        for word, value in given.items()
    }
    for word, (types, phrase) in _TYPES.items():
        if word in result and not isinstance(result[word], types) and result[word] is not UNKNOWN:
            message = f"`{word}` is {phrase}, not {shown(result[word])}"
            walk.wrong("wrong-type", message, (*route, word), context)
            result[word] = UNKNOWN
    if result.get("dtype", UNKNOWN) is not UNKNOWN:
        result["dtype"] = dtype(result["dtype"], (*route, "dtype"), walk.checker)
    adapting.of_step(result, route, walk, context)
    if result.get("name") is UNKNOWN:
        walk.tally.named = False
    return {word: value for word, value in result.items() if value is not UNKNOWN or word == "from"}


_TYPES: dict[str, tuple[Any, str]] = {
    "name": ((str, list), "a text"),
    "call": (dict, "a mapping of constant arguments"),
    "trainable": (bool, "true or false"),
    "dtype": ((str, dict), "a dtype policy"),
    "weights": (str, "a file"),
}


def refuse(
    words: Mapping[str, Any], refused: tuple[str, ...], here: Here, walk: Walk, message: str, help: str
) -> Mapping[str, Any]:
    """Note words that mean nothing for this operation, and leave them away; `{word}` in the message is the word."""
    if not any(word in words for word in refused):
        return words
    for word in refused:
        if word in words:
            text = message.format(word=word)
            walk.wrong("misplaced-word", text, here.beside(word), here.context, help, "key")
    return {word: value for word, value in words.items() if word not in refused}
