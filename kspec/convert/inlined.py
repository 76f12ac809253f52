"""Models inside a model, taken apart where they share layers with what is around them.

A spec shares layers within one model. The steps of such a model can stand in the place of its call, where `reuse` says
it, as long as its call does nothing but call them.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kspec.convert.calls import bind
from kspec.convert.ordering import Call, ordered_calls
from kspec.model.backend import load_keras
from kspec.model.private import (
    call_arguments,
    calls_forgotten,
    graph_of,
    made_by,
    mask_of,
    rename,
    structure_of_inputs,
    structure_of_outputs,
)

NOTE = "models inside that share layers with what is around them are taken apart: their steps stand in their place"


@contextmanager
def inlined(model: Any) -> Iterator[Any]:
    """The model itself, or the same one without models inside that share layers with what is around them.

    Where that would compute anything otherwise it is the model itself. The layers are the same objects; Keras notes the
    new calls in them, and all of that is forgotten at the end.
    """
    levels = list(_levels(model))
    apart = _to_take_apart(levels) if len(levels) > 1 else []
    if not apart or not all(type(level).__module__.startswith("keras.") for level in (model, *apart)):
        yield model
        return
    with calls_forgotten([made_by(tensor)[0] for tensor in model.inputs] + [each for _, each in _operations(levels)]):
        flat = _flat(model, apart)
        if flat is not None:
            yield flat
            return
    yield model


class _Otherwise(Exception):
    """The steps of a model would not compute what its call does."""


def _levels(model: Any) -> Iterator[Any]:
    """The model and those inside, each once, as far as they have graphs."""
    levels = [model]
    for level in levels:
        if hasattr(graph_of(level), "_nodes_by_depth"):
            yield level
            inside = (each for each in level.layers if isinstance(each, load_keras().Model))
            levels += [each for each in inside if each not in levels]


def _operations(levels: list[Any]) -> Iterator[tuple[Any, Any]]:
    """What each model calls, with the model; once, however often it does."""
    for level in levels:
        for operation in dict.fromkeys(call.operation for call in ordered_calls(level)):
            yield level, operation


def _to_take_apart(levels: list[Any]) -> list[Any]:
    """The models inside that share a layer with another one, and the models that those are in."""
    called = [(level, each) for level, each in _operations(levels) if isinstance(each, load_keras().layers.Layer)]
    apart: list[Any] = []
    while True:
        homes: dict[Any, set[Any]] = {}
        for level, layer in called:
            homes.setdefault(layer, set()).add(levels[0] if level in apart else level)
        more = [level for level, layer in called if len(homes[layer]) > 1 or layer in apart]
        more = [each for each in dict.fromkeys(more) if each is not levels[0] and each not in apart]
        if not more:
            return apart
        apart += more


def _flat(model: Any, apart: list[Any]) -> Any:
    """The model with the steps of the models `apart` in their place; None where they would compute something else."""
    keras, graph = load_keras(), graph_of(model)
    _make_unique(model, apart)
    try:
        outputs = iter(_called(model, list(model.inputs), apart))
    except _Otherwise:
        return None
    named = keras.tree.map_structure(lambda _: next(outputs), structure_of_outputs(graph))
    flat = keras.Model(structure_of_inputs(graph), named, name=model.name)
    if {id(weight) for weight in flat.weights} != {id(weight) for weight in model.weights}:
        return None
    _keep_output_names(flat, graph.output_names)
    return flat


def _keep_output_names(flat: Any, names: list[str]) -> None:
    """Name the layers that make outputs as the models that made them, by which losses may be given."""
    calls = Counter(call.operation for call in ordered_calls(flat))
    taken = {each.name for each in (*calls, *(made_by(tensor)[0] for tensor in flat.inputs))}
    for tensor, name in zip(flat.outputs, names, strict=True):
        maker = made_by(tensor)[0]
        if calls[maker] == 1 and name not in taken:
            rename(maker, name)
            taken.add(name)


def _make_unique(model: Any, apart: list[Any]) -> None:
    """Give operations of several models other names, where they have the same: one model has each name once."""
    home_of: dict[Any, Any] = {}
    for level, each in _operations([model, *apart]):
        if each not in apart:
            home_of.setdefault(each, level)
    taken = {made_by(tensor)[0].name for tensor in model.inputs}
    for each, home in home_of.items():
        longer = f"{home.name}_{each.name}"
        names = itertools.chain([each.name, longer], (f"{longer}_{count}" for count in itertools.count(2)))
        name = next(name for name in names if name not in taken)
        taken.add(name)
        rename(each, name)


def _called(model: Any, tensors: list[Any], apart: list[Any]) -> list[Any]:
    """What a model gives of tensors, by calls of what it calls. Raises _Otherwise."""
    tree = load_keras().tree
    known = {made_by(given): tensor for given, tensor in zip(model.inputs, tensors, strict=True)}

    def there(value: Any) -> Any:
        if not hasattr(value, "_keras_history"):
            return value
        if made_by(value) not in known:
            raise _Otherwise  # a mask that was given by hand
        return known[made_by(value)]

    for call in ordered_calls(model):
        operation = call.operation
        args, kwargs = call_arguments(operation, call.place)
        if isinstance(operation, load_keras().layers.Layer):  # masks that Keras hands on are made again
            kwargs = {name: value for name, value in kwargs.items() if name in bind(operation, call.place).values}
        args, kwargs = tree.map_structure(there, (args, kwargs))
        made: Any
        if operation in apart:
            given = tree.flatten(args)
            _check_alike(call, args, given)
            made = _called(operation, given, apart)
        else:
            try:
                made = operation(*args, **kwargs)
            except MemoryError:
                raise
            except Exception as error:  # a layer of one's own may fail in any way where it is called anew
                raise _Otherwise from error
        for index, tensor in enumerate(tree.flatten(made)):
            known[operation, call.place, index] = tensor
    return [there(tensor) for tensor in graph_of(model).outputs]


def _check_alike(call: Call, args: tuple[Any, ...], given: list[Any]) -> None:
    """Raise _Otherwise where a model's call does more than to call its layers: convert what it is given, tell them
    whether they train, hand on masks, or freeze them."""
    model = call.operation
    inputs, mapped = model.inputs, isinstance(structure_of_inputs(graph_of(model)), Mapping)
    alike = (
        len(args) == 1
        and len(bind(model, call.place).values) == 1
        and isinstance(args[0], Mapping) == mapped
        and [(each.dtype, len(each.shape)) for each in given] == [(each.dtype, len(each.shape)) for each in inputs]
        and not any(mask_of(each) is not None for each in (*given, *model.outputs))
        and (model.trainable or not any(layer.trainable for layer in model.layers if layer.weights))
    )
    if not alike:
        raise _Otherwise
