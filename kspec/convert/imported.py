"""A Keras model -> the text of a spec that builds it, held against the model before it is given out."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from kspec import catalog
from kspec.convert.adapted import hoisted
from kspec.convert.decompile import decompile
from kspec.convert.policy import common_policy, in_force, with_heads
from kspec.convert.problems import Unwritable
from kspec.convert.spell import WIDTH, spelled
from kspec.convert.training import compile_section
from kspec.convert.words import uncounted
from kspec.model.ends import names_of_ends
from kspec.model.jit import keras_compiles
from kspec.spec.adapting import written
from kspec.spec.canonical import canonical
from kspec.spec.graph import Graph
from kspec.spec.objects import objects_in
from kspec.spec.schema import Spec
from kspec.spec.writing import dump

Names = Literal["needed", "all"]


class Imported(NamedTuple):
    """A spec as plain data, and what a person should know of it, a line each."""

    data: Mapping[str, Any]
    notes: tuple[str, ...]

    @property
    def text(self) -> str:
        """The spec as a file has it."""
        return dump(dict(self.data), WIDTH)

    def with_weights(self, path: str) -> Imported:
        """With a file of weights, relative to the spec's folder, that it loads."""
        given = {"weights": path.replace("$", "$$")}
        before = {key: self.data[key] for key in itertools.takewhile(lambda key: key != "inputs", self.data)}
        return self._replace(data={**before, **given, **self.data})


def imported(model: Any, compiled: Mapping[str, Any] | None, folder: Path, names: Names = "needed") -> Imported:
    """The spec of a model; `compiled` is its saved compile configuration, and paths are relative to `folder`.

    Raises Unwritable where something in the model cannot be said in a spec.
    """
    policy = common_policy(model)
    with in_force(policy):
        found = decompile(model, policy, all_names=names == "all")
    graph, words = hoisted(with_heads(found.graph, policy))
    given: dict[str, Any] = {
        "kspec": 1,
        "name": _title(graph.name, names),
        "compile": compile_section(compiled, names_of_ends(model), keras_compiles(model)),
    }
    if modules := sorted(_modules(graph)):
        given["custom"] = modules
    own, notes = _own_class(model)
    if own is not None:
        given["class"] = own
    if policy != "float32":
        given["dtype_policy"] = policy
    spec = Spec(**given)
    data = canonical(spec, graph, folder, {word: written(value) for word, value in words.items()})
    if names == "needed":
        sections = {key: value for key, value in data.items() if key not in ("inputs", "blocks", "layers", "outputs")}
        data = spelled(graph, sections)
    return Imported(data, (*found.notes, *notes))


def _own_class(model: Any) -> tuple[str | None, tuple[str, ...]]:
    """The full name of a model's class, where it is not one of Keras's: a `train_step` of its own, say; and notes.

    Raises Unwritable for one that a spec's graph cannot be given to, and that is needed.
    """
    cls = type(model)
    if _is_of_keras(cls):
        return None, ()
    if _takes_graph(cls):
        return f"{cls.__module__}.{cls.__qualname__}", ()
    if not _changes(cls):
        return None, (f"`{cls.__name__}` only makes its graph, which is all in the spec: its class is left out",)
    message = f"`{cls.__name__}` makes its graph itself, and a spec's class is given inputs and outputs"
    help = "let its `__init__` take `(inputs, outputs, **kwargs)`, or import `keras.Model(model.inputs, model.outputs)`"
    raise Unwritable("", message, help)


def _is_of_keras(cls: type) -> bool:
    return cls.__module__.split(".")[0] == "keras"


def _takes_graph(cls: type) -> bool:
    """Whether a model's class can be made of inputs and outputs."""
    try:
        inspect.signature(cls.__init__).bind(None, None, None, name=None)  # type: ignore[misc]
    except TypeError:
        return False
    return True


def _changes(cls: type) -> bool:
    """Whether a model's class does anything otherwise than keras.Model, but for how it is made."""
    own = {name for base in cls.__mro__ if base is not object and not _is_of_keras(base) for name in vars(base)}
    made = {"get_config", "from_config"}
    return any(name == "__call__" or not (name.startswith("__") or name in made) for name in own)


def _title(name: str | None, names: Names) -> str | None:
    """The model's name, unless Keras has made it up."""
    return name if name is None or names == "all" or uncounted(name) not in ("functional", "sequential") else None


def _modules(graph: Graph) -> set[str]:
    """The Python modules of classes that are not Keras's."""
    found: set[str] = set()
    for layer in graph.layers.values():
        if isinstance(layer.operation, Graph):
            found |= _modules(layer.operation)
            continue
        for each in objects_in([layer.operation, layer.dtype]):
            if catalog.find(each.kind, each.name) is None:
                found.add(each.name.rpartition(".")[0])
    return found
