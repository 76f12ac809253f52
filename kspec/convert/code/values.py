"""Checked values -> Python expressions, with the variables that stood in the text wherever the text had some."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kspec import catalog
from kspec.convert.code.expr import Argument, Call, Expr, Items, Pairs, Text
from kspec.convert.code.formulas import Rename, formula
from kspec.convert.code.names import TAKEN
from kspec.convert.code.program import Unsaid
from kspec.convert.literals import number, quoted
from kspec.spec.objects import Object
from kspec.spec.stepform import WORDS

_BY_PLACE = frozenset(
    {"units", "filters", "kernel_size", "rate", "input_dim", "output_dim", "target_shape", "scale", "pool_size"}
    | {"layer", "stddev", "padding", "dims", "size", "cropping", "n", "initial_learning_rate", "value"}
    | {"power", "num_tokens", "height", "width"}
)
"""Parameters that people give by their place, where they come first."""


class Writer:
    """Writes values; what is imported for them is noted in `modules`."""

    def __init__(self, modules: dict[str, set[str]]) -> None:
        self.modules = modules

    def value(self, value: Any, raw: Any = None, rename: Rename | None = None, policy: Expr | None = None) -> Expr:
        """A checked value. `raw` is the text's own, in which variables stand; `policy` the dtype of a layer around."""
        if isinstance(value, Text):
            return value  # a model that was made before
        if rename is not None and isinstance(raw, str) and has_variables(raw) and not isinstance(value, Object):
            return self.variable(value, raw, rename)
        if isinstance(value, Object):
            return self.object(value, _behind(raw), rename, policy)
        if isinstance(value, (list, tuple)):
            raws = raw if isinstance(raw, list) and len(raw) == len(value) else _none(raw) * len(value)
            items = tuple(self.value(item, r, rename, policy) for item, r in zip(value, raws, strict=True))
            return Items(items, bool(value) and all(_is_size(item) for item in value))
        if isinstance(value, dict):
            inner = raw if isinstance(raw, dict) and set(raw) == set(value) else dict.fromkeys(value, *_none(raw))
            return Pairs(
                tuple(
                    (self.value(key), self.value(item, inner.get(key), rename, policy)) for key, item in value.items()
                )
            )
        return plain(value)

    def variable(self, value: Any, raw: str, rename: Rename) -> Expr:
        """A value that variables gave."""
        if isinstance(value, (list, dict)) and _holds_objects(value):
            raise Unsaid(f"`{raw}` stands for a Keras object")
        return Text(formula(raw, rename))

    def object(
        self, value: Object, inner: Any = None, rename: Rename | None = None, policy: Expr | None = None
    ) -> Call:
        """The call that makes a Keras object; `inner` is what stands behind its name in the text."""
        given = _given(value, inner)
        args: dict[str, Expr] = {}
        for key, item in value.args.items():
            args[key] = self.value(item, given.get(key), rename, policy)
        if value.kind == "layers" and policy is not None and "dtype" not in value.args:
            args["dtype"] = policy
        return Call(Text(self.callee(value)), placed(value, args))

    def callee(self, value: Object) -> str:
        """How code reaches a class or function."""
        entry = catalog.find(value.kind, value.name)
        if entry is not None:
            for module in ("layers", "ops"):
                if entry.path.startswith(f"keras.{module}."):
                    return entry.path.removeprefix("keras.")
            return entry.path
        return self.own(value.name)

    def own(self, path: str) -> str:
        """How code reaches a class or function of the person's own: by its name, where that means nothing else."""
        module, _, name = path.rpartition(".")
        if not all(part.isidentifier() for part in path.split(".")):
            raise Unsaid(f"`{path}` is no name of Python's")
        if name not in TAKEN and all(name not in names for other, names in self.modules.items() if other != module):
            self.modules.setdefault(module, set()).add(name)
            return name
        if path.partition(".")[0] in TAKEN:
            raise Unsaid(f"`{path}` means something else in the code")
        self.modules.setdefault(module, set()).add("")
        return path


def placed(value: Object, args: Mapping[str, Expr]) -> tuple[Argument, ...]:
    """Arguments in Keras's order, those by place that people give so."""
    entry = catalog.find(value.kind, value.name)
    order = [parameter.name for parameter in entry.parameters] if entry is not None else []
    found: list[Argument] = []
    leading = True
    for name in order:
        if name in args:
            leading = leading and len(found) < 2 and (name in _BY_PLACE or (not found and _is_first(entry, name)))
            found.append(Argument("" if leading else name, args[name]))
        else:
            leading = False
    for name, item in args.items():
        if name not in order:
            if not name.isidentifier():
                raise Unsaid(f"`{name}` is no argument's name in Python")
            found.append(Argument(name, item))
    return tuple(found)


def _is_first(entry: Any, name: str) -> bool:
    """Whether a parameter is given by its place because its layer is about nothing else."""
    first = entry.parameters[0] if entry is not None else None
    return first is not None and first.required and first.name == name != "num_heads"


def plain(value: Any) -> Expr:
    """A constant."""
    if isinstance(value, str):
        return Text(quoted(value))
    if value is None or isinstance(value, bool):
        return Text(repr(value))
    if isinstance(value, (int, float)):
        return Text(number(value))
    raise Unsaid(f"{type(value).__name__} is no constant")


def has_variables(raw: Any) -> bool:
    """Whether variables stand in a value of a spec's text."""
    if isinstance(raw, str):
        return "$" in raw.replace("$$", "")
    if isinstance(raw, dict):
        return any(has_variables(key) or has_variables(item) for key, item in raw.items())
    return isinstance(raw, list) and any(map(has_variables, raw))


def _behind(raw: Any) -> Any:
    """What stands behind the name of a Keras object."""
    if isinstance(raw, dict) and len(raw) == 1:
        ((key, inner),) = raw.items()
        if not has_variables(key):
            return inner
    return _none(raw)[0]


def _none(raw: Any) -> list[None]:
    """Nothing in place of a text without variables."""
    if has_variables(raw):
        raise Unsaid("variables stand where an object or a list is made")
    return [None]


def _given(value: Object, inner: Any) -> Mapping[str, Any]:
    """The text's own values of an object's arguments, where variables stand in them."""
    if not has_variables(inner):
        return {}
    if isinstance(inner, dict) and set(inner) - set(WORDS) <= set(value.args):
        return inner
    if len(value.args) == 1:
        return {next(iter(value.args)): inner}
    raise Unsaid(f"variables stand for arguments of `{value.name}`")


def _holds_objects(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_objects, value.values()))
    return isinstance(value, Object) or (isinstance(value, list) and any(map(_holds_objects, value)))


def _is_size(value: Any) -> bool:
    """Whether a list of such values is a shape or the like, which Python has as a tuple."""
    if isinstance(value, (list, tuple)):
        return bool(value) and all(map(_is_size, value))
    return value is None or (isinstance(value, int) and not isinstance(value, bool))


def type_of(value: Any) -> str:
    """A variable's type, as a signature says it."""
    if isinstance(value, bool):
        return "bool"
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind.__name__
    if isinstance(value, list) and value and len({type_of(item) for item in value}) == 1:
        inner = type_of(value[0])
        return f"tuple[{inner}, ...]" if inner != "None" else "tuple"
    return "dict" if isinstance(value, dict) else "tuple" if isinstance(value, list) else "Any"
