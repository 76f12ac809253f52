"""The fewest arguments that make the same layer: defaults left out, lists of one number written as that number.

Which arguments have no effect is found by asking Keras: the layer is made without them, and must have the same
configuration. So derived defaults (the strides of a pooling) are left out too, and nothing is lost unseen.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

from kspec import catalog
from kspec.convert.notation import BESIDE, frozen_text, kind_and_name, written
from kspec.convert.problems import Unwritable
from kspec.model.admission import serialized as objects_of
from kspec.model.backend import load_keras
from kspec.model.objects import factory, make
from kspec.model.private import abstract_variables
from kspec.model.quiet import serializing
from kspec.model.walk import with_policy
from kspec.spec.objects import Object

_Check = Callable[[Any], bool]
"""Whether a value makes the same layer."""


class Minimal:
    """Operations of layers, each kind of configuration worked out once."""

    def __init__(self) -> None:
        self._known: dict[str, Object] = {}

    def operation(self, saved: Mapping[str, Any], policy: Any, name: str) -> Object:
        """The layer `name` that Keras saves so as an Object; `policy` is written beside it. Raises Unwritable."""
        wanted = comparable(saved)
        key = frozen_text([saved["module"], saved["class_name"], wanted, policy])
        search = _Search(name, saved, wanted, policy)
        if key not in self._known:
            self._known[key] = search.found()
        found = self._known[key]
        resolved = search.maybe_resolved(found)
        if not resolved or not saved.get("build_config"):
            return found
        key = frozen_text([key, saved["build_config"]])
        if key not in self._known:
            self._known[key] = search.unresolved(found, resolved)
        return self._known[key]


def serialized(layer: Any) -> dict[str, Any]:
    """What Keras saves of a layer. Raises Unwritable where its class does not tell."""
    try:
        with serializing():
            found: dict[str, Any] = json.loads(json.dumps(load_keras().saving.serialize_keras_object(layer)))
    except MemoryError:
        raise
    except Exception:  # a class of one's own may fail in any way
        help = "give its class a `get_config` with all that its constructor takes"
        raise Unwritable(layer.name, f"({type(layer).__name__}) does not say how it was made", help) from None
    return found


def comparable(saved: Mapping[str, Any]) -> Any:
    """A layer's configuration without names and what only counts objects."""
    return {key: _without_names(item) for key, item in saved["config"].items() if key not in BESIDE}


def _without_names(value: Any) -> Any:
    if isinstance(value, dict):
        left = {key: _without_names(item) for key, item in value.items() if key not in ("shared_object_id", "name")}
        if "class_name" in value and isinstance(value.get("name"), str):
            left["name"] = value["name"]
        if value.get("class_name") == "DTypePolicy":
            left["config"] = value["config"]
        left.pop("build_config", None)
        return left
    return [_without_names(item) for item in value] if isinstance(value, list) else value


class _Search:
    """The search for one layer's arguments."""

    def __init__(self, name: str, saved: Mapping[str, Any], wanted: Any, policy: Any) -> None:
        self.name, self.saved, self.wanted, self.policy = name, saved, wanted, policy
        self.kind, self.known = kind_and_name(saved)
        self.entry = catalog.find("layers", self.known)

    def found(self) -> Object:
        config = {key: item for key, item in self.saved["config"].items() if key not in BESIDE}
        if self.entry is not None and not self.entry.open:
            config = {key: item for key, item in config.items() if self.entry.parameter(key) is not None}
        args = {key: written(item, self.name) for key, item in config.items()}
        if not self._is_same(args):
            self._check_wrapped(config)
            message = f"({self.known}) has something that its arguments do not say"
            raise Unwritable(self.name, message, "set it where the model is made, or write a layer class of your own")
        return self._object(_fewest(self.entry, args, self._is_same))

    def _check_wrapped(self, config: Mapping[str, Any]) -> None:
        """Raise Unwritable where an argument is a model: a spec has layers alone there, but for TimeDistributed."""
        if any(str(each["class_name"]) in ("Functional", "Sequential", "Model") for each in objects_of(config)):
            message = f"({self.known}) is a layer around a model, which no spec can say"
            help = (
                "put it into a model (`keras.Model`) that TimeDistributed is around, or write a layer class of your own"
            )
            raise Unwritable(self.name, message, help)

    def maybe_resolved(self, found: Object) -> list[str]:
        """The arguments that Keras may have put in the place of others when the layer was built, such as the `axis` of
        a LayerNormalization, -1 and then [-1]: those of another kind than the default."""
        parameters = self.entry.parameters if self.entry is not None else ()
        return [
            each.name
            for each in parameters
            if each.name in found.args
            and not each.required
            and (each.default is None or isinstance(each.default, list) != isinstance(found.args[each.name], list))
        ]

    def unresolved(self, found: Object, names: list[str]) -> Object:
        """Without those of the named arguments that come by building the layer for the same shapes."""
        args = dict(found.args)
        for name in names:
            left = {other: item for other, item in args.items() if other != name}
            if self._is_same(left, built=True):
                args = left
        return self._object(args)

    def _object(self, args: dict[str, Any]) -> Object:
        return Object("layers", self.known, args, ())

    def _is_same(self, args: dict[str, Any], *, built: bool = False) -> bool:
        """Whether these arguments make the same layer; `built` for the shapes that it was built for, in abstract."""
        given = args if self.policy is None else {**with_policy(args, self.policy), "dtype": self.policy}
        try:
            layer = factory(self._object(args))(**make(given))
            if built:
                with abstract_variables():
                    layer.build_from_config(self.saved["build_config"])
            return bool(comparable(serialized(layer)) == self.wanted)
        except MemoryError:
            raise
        except Exception:  # constructors check their arguments with any exception they like
            return False


def _fewest(entry: catalog.Entry | None, args: dict[str, Any], is_same: _Check) -> dict[str, Any]:
    """The fewest arguments, in the shortest form, that make the same; those of layers among them likewise."""
    args = _without_defaults(entry, args, is_same) if entry is not None else args
    for key in list(args):
        is_same_with = _at(args, key, is_same)
        args = {**args, key: _inside(args[key], is_same_with)}
        short = _shortest(args[key])
        if short is not args[key] and is_same_with(short):
            args[key] = short
    return args


def _inside(value: Any, is_same: _Check) -> Any:
    """An argument in which layers (what is wrapped, a cell) have the fewest arguments."""
    if isinstance(value, list) and any(isinstance(item, Object) for item in value):
        value = list(value)
        for place, item in enumerate(value):
            value[place] = _inside(item, _at(value, place, is_same))
    if isinstance(value, Object) and value.kind == "layers":
        entry = catalog.find("layers", value.name)
        return value._replace(args=_fewest(entry, value.args, lambda args: is_same(value._replace(args=args))))
    return value


def _at(around: Any, place: Any, is_same: _Check) -> _Check:
    """Whether a value makes the same layer in one place among others."""

    def is_same_with(value: Any) -> bool:
        changed = copy.copy(around)
        changed[place] = value
        return is_same(changed)

    return is_same_with


def _without_defaults(entry: catalog.Entry, args: dict[str, Any], is_same: _Check) -> dict[str, Any]:
    """The arguments without those that change nothing: all at once where that will do, else one by one."""
    required = [p.name for p in entry.parameters if p.required]
    by_default = {key: item for key, item in args.items() if key in required or not _is_default(entry, key, item)}
    if by_default != args and is_same(by_default):
        args = by_default
    for key in [key for key in args if key not in required]:
        left = {other: item for other, item in args.items() if other != key}
        if is_same(left):
            args = left
    return args


def _is_default(entry: catalog.Entry, key: str, value: Any) -> bool:
    parameter = entry.parameter(key)
    if parameter is None:
        return False
    plain = not isinstance(value, Object) or not value.args
    return value == parameter.default or (plain and parameter.object is not None)


def _shortest(value: Any) -> Any:
    """A number for a list of that number: `3` for `[3, 3]`, `1` for `[[1, 1], [1, 1]]`."""
    if not isinstance(value, list) or not value:
        return value
    items = [_shortest(item) for item in value]
    first = items[0]
    if type(first) is int and all(type(item) is int and item == first for item in items):
        return first
    return value
