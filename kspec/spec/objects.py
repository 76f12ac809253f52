"""The one notation for Keras objects, checked against the catalogue.

``Name`` · ``{Name: value}`` (the value of its first parameter) · ``{Name: {parameter: value, …}}``, wherever a Keras
object is expected: a layer, an initializer, an optimizer inside ``compile``, a schedule inside the optimizer.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

from kspec import catalog
from kspec.diagnostics import Problem, Route, listing, nearest, suggestion
from kspec.spec import advice, python
from kspec.spec.values import MAX_SIZE, expected, fits, instead, items_fit, one, oversized, shown, singular, spaced

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from kspec.catalog import Entry, Parameter

_NAMED = frozenset({"activations", "initializers", "regularizers", "constraints", "losses", "metrics", "optimizers"})
"""Kinds whose bare identifiers (`relu`, `adam`) Keras takes as they are."""


_LAYERS_TOO = frozenset({"ReLU", "LeakyReLU", "ELU", "Softmax"})
"""Layers that are an activation, with arguments: https://keras.io/api/layers/activation_layers/.

PReLU is none of them: it has weights, which Keras would make at the first batch only."""


class Object(NamedTuple):
    """A Keras object, checked: its kind, Keras's own name, and the arguments as plain data and further objects."""

    kind: str
    name: str
    args: dict[str, Any]
    route: Route


class Known(NamedTuple):
    """A catalogue entry with its parameters at hand."""

    entry: Entry
    parameters: Mapping[str, Parameter]
    first: str
    required: tuple[str, ...]


@functools.cache
def known(kind: str, name: str) -> Known | None:
    """The catalogue's entry of that kind, by name or identifier."""
    entry = catalog.find(kind, name)
    return None if entry is None else describe(entry)


def describe(entry: Entry) -> Known:
    """An entry with its parameters indexed."""
    parameters = {parameter.name: parameter for parameter in entry.parameters}
    required = tuple(parameter.name for parameter in entry.parameters if parameter.required)
    return Known(entry, parameters, next(iter(parameters), ""), required)


class Registry:
    """What names mean in one spec: Keras's catalogue, and the custom classes that the spec brings.

    `untrusted` maps each custom class that may not run to the module that would have to be trusted.
    """

    def __init__(self, custom: Mapping[str, Entry] | None = None, untrusted: Mapping[str, str] | None = None) -> None:
        self.custom = {name: describe(entry) for name, entry in (custom or {}).items()}
        self.untrusted = dict(untrusted or {})
        self.whole = True
        """Whether every custom module was read: without it a name that seems unknown may be one of its."""

    def find(self, kind: str, name: str) -> Known | None:
        return known(kind, name) or self.custom.get(name)


class Checker:
    """Checks values in the notation; problems are collected, never raised."""

    def __init__(self, registry: Registry, problems: list[Problem]) -> None:
        self.registry, self.problems = registry, problems
        self.filled = 0
        """How many values variables have put in so far; bounded."""

    def wrong(self, code: str, message: str, route: Route, help: str = "", at: Any = "value") -> None:
        self.problems.append(Problem(code, message, route, help, at))

    def object(self, value: Any, kind: str, route: Route) -> Any:
        """A value where an object of `kind` is expected: an identifier as it is, else an Object; None when wrong."""
        if isinstance(value, str):
            return self._named(value, kind, route)
        if isinstance(value, dict) and len(value) == 1:
            ((name, args),) = value.items()
            if isinstance(name, str):
                return self.operation(kind, name, args, (*route, name))
        if isinstance(value, dict) and {"class_name", "config"} <= set(value):
            self.wrong("wrong-value", f"{one(kind)} is written `{{Name: {{parameter: value}}}}`", route)
            return None
        if isinstance(value, dict) and value:
            help = self._one_name(value, kind) or f"write `{{Name: {{…}}}}` with one name; here: {listing(value)}"
            self.wrong("wrong-value", f"{one(kind)} has one name, this mapping has {len(value)}", route, help)
            return None
        self.wrong("wrong-type", f"expected {one(kind)}, not {shown(value)}", route, "write `Name` or `{Name: {…}}`")
        return None

    def _one_name(self, value: dict[Any, Any], kind: str) -> str:
        """Help for a mapping with a name and its arguments side by side, in the two ways that people write it."""
        name = next((key for key in value if isinstance(key, str) and self.registry.find(kind, key) is not None), None)
        rest = {key: item for key, item in value.items() if key != name}
        if name is not None and value[name] is None:
            return f"indent {listing(rest)} further than `{name}`, or write `{python.flow({name: rest})}`"
        word = next((key for key in ("name", "type", "class_name") if isinstance(value.get(key), str)), None)
        if word is None or self.registry.find(kind, value[word]) is None:
            return ""
        return f"write `{python.flow({value[word]: {key: item for key, item in value.items() if key != word}})}`"

    def _named(self, name: str, kind: str, route: Route) -> Any:
        found = self.registry.find(kind, name)
        if found is not None and kind in _NAMED and known(kind, name) is found:
            self._runs(found, name, route, "value")
            if found.required and kind not in ("activations", "losses", "metrics"):
                self._missing(found, (), route, "value")
            return name
        return self.operation(kind, name, None, route, at="value")

    def operation(self, kind: str, name: str, value: Any, route: Route, at: Any = "key") -> Object | None:
        """`name` with the value behind its colon; `route` leads to the name itself."""
        found = self.registry.find(kind, name)
        if found is None and kind == "activations" and name in _LAYERS_TOO:
            return self.operation("layers", name, value, route, at)
        if found is None:
            self.unknown(kind, name, route, at)
            return None
        if not self._runs(found, name, route, at):
            return None
        raw = self._arguments(found, kind, value, route)
        if raw is None:
            return None
        before = len(self.problems)
        scalar = not isinstance(value, dict) or raw is not value
        if None in raw.values():  # `(3, 3)` in braces is cut at its comma
            raw = python.rejoined(raw)
        args: dict[str, Any] = {}
        meant: set[str] = set()
        unknown: list[tuple[Any, Route]] = []
        for key, item in raw.items():
            parameter = found.parameters.get(key)
            place = route if scalar else (*route, key)
            if parameter is None:
                if found.entry.open and isinstance(key, str):
                    args[key] = item
                else:
                    unknown.append((key, place))
            else:
                args[key] = self.argument(found.entry.name, parameter, item, place)
        if unknown and kind == "activations":
            self._no_arguments(found.entry.name, unknown[0][1])
            return None
        for key, place in unknown:
            apart = spaced(key) if raw[key] is None else ""
            if apart.partition(":")[0] in found.parameters:
                self.wrong("step-form", "a space is missing after the colon", place, f"write `{apart}`", "key")
                meant.add(apart.partition(":")[0])
            else:
                meant.add(self._unknown_argument(found, key, place, raw))
        if "" not in meant:  # else the wrong argument's help says what is missing
            self._missing(found, {*raw, *meant}, route, at)
        if len(self.problems) > before:
            return None
        return Object(found.entry.kind if found.entry.kind != "custom" else kind, found.entry.name, args, route)

    def _no_arguments(self, name: str, route: Route) -> None:
        """Arguments of an activation, which is a function without any in Keras."""
        layer = next((each for each in _LAYERS_TOO if each.lower() == name.replace("_", "")), "")
        instead = f"write the layer, `{{{layer}: {{…}}}}`, or " if layer else ""
        help = f"{instead}let a step of its own take them: `ops.{name}: {{…}}`"
        self.wrong("unknown-argument", f"the activation `{name}` takes no arguments", route, help, "key")

    def _arguments(self, found: Known, kind: str, value: Any, route: Route) -> Mapping[str, Any] | None:
        """The arguments by name; a lone value is the first parameter's."""
        if value is None:
            return {}
        if isinstance(value, dict) and not self._is_first(found, value):
            return value
        if isinstance(value, list) and value and all(isinstance(item, dict) and len(item) == 1 for item in value):
            names = {key for item in value for key in item}
            if names <= set(found.parameters):
                self.wrong(
                    "wrong-type", f"{found.entry.name}'s arguments are a mapping, not a list", route, _braces(value)
                )
                return None
        if not found.first and kind == "activations":
            self._no_arguments(found.entry.name, route)
            return None
        if not found.first:
            self.wrong("wrong-value", f"{found.entry.name} takes no value", route, f"write `{found.entry.name}` alone")
            return None
        return {found.first: value}

    def _is_first(self, found: Known, value: dict[Any, Any]) -> bool:
        """Whether a mapping is itself an object, meant for the first parameter: ``Bidirectional: {LSTM: 32}``.

        Classes begin with a capital letter and parameters do not, so a misspelt class is one too.
        """
        if len(value) != 1 or not found.first:
            return False
        (key,) = value
        kind = found.parameters[found.first].object
        if kind is None or key in found.parameters:
            return False
        return str(key)[:1].isupper() or self.registry.find(kind, str(key)) is not None

    def argument(self, owner: str, parameter: Parameter, value: Any, route: Route) -> Any:
        """One argument's value, checked as far as the catalogue knows."""
        if isinstance(value, tuple):
            return value  # a block in the place of a layer, which was read before
        if value.__class__ is int and parameter.object == "schedules" and abs(value) <= MAX_SIZE:
            value = float(value)  # Keras refuses a whole number as a learning rate
        if parameter.object is not None and isinstance(value, (str, dict, list)):
            return self._object_argument(parameter, value, route)
        type = parameter.type if parameter.type is not None or parameter.object is None else ""
        if type is not None and not fits(value, type):
            wanted = expected(parameter.type, parameter.object, parameter.choices)
            message = f"{owner}'s `{parameter.name}` is {wanted}, not {shown(value)}"
            self.wrong("wrong-type", message, route, instead(value, type, parameter.choices))
        elif type and isinstance(value, list) and (odd := items_fit(value, type)) is not None:
            place, item = odd
            wanted = "numbers" if "float" in type else "whole numbers"
            message = f"{owner}'s `{parameter.name}` is a list of {wanted}, not {shown(item)}"
            self.wrong("wrong-type", message, (*route, *place), instead(item, "float" if "float" in type else "int"))
        elif isinstance(value, str) and not catalog.allows(parameter, value):
            choices = parameter.choices or ()
            help = suggestion(value, choices, f"one of {listing(choices)}")
            self.wrong("wrong-value", f"{owner}'s `{parameter.name}` cannot be `{value}`", route, help)
        elif oversized(value):
            message = f"{owner}'s `{parameter.name}` is beyond any tensor's size: {shown(value)}"
            self.wrong("too-large", message, route, f"at most {MAX_SIZE:,}")
        return value

    def _object_argument(self, parameter: Parameter, value: Any, route: Route) -> Any:
        kind = parameter.object
        assert kind is not None
        if isinstance(value, list):
            return [self._object_argument(parameter, item, (*route, index)) for index, item in enumerate(value)]
        if isinstance(value, str) and parameter.choices is not None and value in parameter.choices:
            return value
        if kind == "dtype_policies" and isinstance(value, str):
            return value
        if isinstance(value, str) and "float" in (parameter.type or "") and self.registry.find(kind, value) is None:
            message = f"`{parameter.name}` is {expected(parameter.type, kind, None)}, not {shown(value)}"
            help = instead(value, "float") or advice.for_object(kind, value, self.registry.custom)
            self.wrong("wrong-type", message, route, help)
            return None
        return self.object(value, kind, route)

    def _runs(self, found: Known, name: str, route: Route, at: Any) -> bool:
        if name in self.registry.untrusted and found is self.registry.custom.get(name):
            module = self.registry.untrusted[name]
            help = f"if you trust that code, add `--trust {module.split('.')[0]}`"
            self.wrong("untrusted-code", f"`{name}` is code of `{module}`, which is not trusted", route, help, at)
            return False
        if found.entry.jax:
            reason, _, help = found.entry.jax.partition(": ")
            self.wrong("not-supported", f"{found.entry.name} {reason}", route, help, at)
            return False
        return True

    def _missing(self, found: Known, given: Container[str], route: Route, at: Any) -> None:
        missing = [name for name in found.required if name not in given]
        if missing:
            example = ", ".join(f"{name}: …" for name in found.required)
            help = f"write `{found.entry.name}: {{{example}}}`"
            self.wrong("missing-argument", f"{found.entry.name} needs {listing(missing)}", route, help, at)

    def _unknown_argument(self, found: Known, key: Any, route: Route, given: Container[str]) -> str:
        """Note an argument that there is not; the parameter that is meant by it, or an empty text."""
        name = found.entry.name
        if key in ("from", "call", "when", "weights", "output", "merge"):
            message = f"`{key}` stands inside {name}; it is kspec's word and stands beside it"
            self.wrong("misplaced-word", message, route, f"indent it like `{name}`, without the dash", "key")
            return ""
        meaning = advice.for_argument(found.entry, found.parameters, key)
        missing = [name for name in found.required if name not in given]
        needs = f"{name} needs {listing(missing)}" if missing else ""
        help = meaning.help or needs or advice.arguments_of(found.entry)
        self.wrong("unknown-argument", f"{name} has no argument `{key}`", route, help, "key")
        return meaning.parameter

    def unknown(self, kind: str, name: str, route: Route, at: Any) -> None:
        """A name that is none of its kind's: the one that is meant, or where it does belong."""
        if not self.registry.whole:
            return
        help = advice.for_object(kind, name, self.registry.custom)
        if kind == "activations" and name[:1].isupper():
            layer = nearest(name, _LAYERS_TOO) if at == "key" else ""  # with arguments
            help = f"did you mean `{layer}`?" if layer else help
            help = "it has weights: let it be a step of its own" if name == "PReLU" else help
        self.wrong("unknown-object", f"there is no {singular(kind)} `{name}`", route, help, at)


def _braces(items: list[dict[Any, Any]]) -> str:
    pairs = [f"{key}: …" for item in items for key in item]
    return f"write `{{{', '.join(pairs)}}}`"


def objects_in(value: Any) -> list[Object]:
    """Every Object in a checked value, outermost first; those of the models that a layer is around too."""
    if isinstance(value, Object):
        return [value, *objects_in(value.args)]
    if isinstance(value, dict):
        return [found for item in value.values() for found in objects_in(item)]
    if isinstance(value, (list, tuple)):
        return [found for item in value for found in objects_in(item)]
    return []
