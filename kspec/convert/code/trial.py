"""Generated code, tried before it is given out: it is run with nothing allocated, and must make the spec's own model.

What runs is text that kspec has made of checked data: identifiers are plain words, texts are literals. It reads no file
by itself: where the code loads a model the trial has kspec's own, admitted as everywhere, and it loads no weights.
Modules of the person's own are imported only where they are trusted: without that there is no spec to try.
"""

from __future__ import annotations

import ast
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kspec.convert.code.fed import ZEROS
from kspec.convert.code.program import Program
from kspec.convert.ordering import ordered_calls
from kspec.convert.problems import Unwritable
from kspec.convert.sameness import difference, keeps_order
from kspec.model.archive import load_shapes
from kspec.model.backend import load_keras
from kspec.model.errors import brief
from kspec.model.private import (
    abstract_variables,
    call_arguments,
    graph_of,
    layers_in,
    made_by,
    names_counted_anew,
    rename,
    structure_of_outputs,
)

LOADED, FLAT = "__loaded__", "__flat__"


def tried(text: str, program: Program, built: Any, folder: Path, classes: Sequence[str] = ()) -> str:
    """Where the code's model is not `built`, the spec's; an empty text where it is.

    The code is that of a file in `folder`. `classes` are its own layers, whose calls are looked into.
    """
    keras = load_keras()
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("float32")
        with abstract_variables(), names_counted_anew(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Keras cannot trace, it says twice
            with _what_code_raises():
                modes: list[Any] = []
                made = run(text, folder, program.shared, classes, modes)["build_model"]()
                modes.clear()  # of the calls that made its weights
                if classes:
                    made = traced(made, built)
            if classes and Counter([*modes, *_modes(made)]) != Counter(_modes(built)):
                return "what a model inside is called with differs"
            one, other = ends(built, program, built), ends(made, program, built)
            what = difference(flattened(one), flattened(other)) if classes else difference(one, other)
            if not what and not classes and program.reads_weights and not keeps_order(built, made, (one, other)):
                return "its layers come in another order, in which files of weights are read"
            if what or not classes:
                return what
            with _what_code_raises():  # and as it will be used
                made = run(text, folder, frozenset())["build_model"]()
            return _weights_differ(built, made)
    except (_Raised, Unwritable) as error:
        return str(error)
    finally:
        keras.config.set_dtype_policy(before)


class _Raised(Exception):
    """What generated code has raised."""


@contextmanager
def _what_code_raises() -> Iterator[None]:
    """Whatever the code in the block raises, it does not make the model then: `_Raised`, in one line."""
    try:
        yield
    except MemoryError:  # which is about this machine
        raise
    except Exception as error:
        raise _Raised(f"{type(error).__name__}: {brief(error)}") from error


def run(
    text: str, folder: Path, shared: frozenset[str], classes: Sequence[str] = (), modes: list[Any] | None = None
) -> dict[str, Any]:
    """The code's names, after its text has run; calls of the models `shared` and of `classes` are looked into. `modes`
    gets what these are told of `training`."""
    tree = ast.fix_missing_locations(_Tame(shared).visit(ast.parse(text)))
    file = str(folder / "generated.py")
    namespace: dict[str, Any] = {"__name__": "generated", "__file__": file, LOADED: _loaded, FLAT: _flat}
    exec(compile(tree, "generated.py", "exec"), namespace)
    for name in classes:
        namespace[name].__call__ = looking_into(modes if modes is not None else [])
    return namespace


def looking_into(modes: list[Any]) -> Callable[..., Any]:
    """A layer's `__call__` that does what its `call` does, and no more; what it is told of `training` goes to `modes`:
    Keras hands that to the layers inside by itself."""

    def called(self: Any, *args: Any, training: Any = None, **more: Any) -> Any:
        if training is not None:
            modes.append(training)
        return self.call(*args, **more)

    return called


def _modes(model: Any) -> Iterator[Any]:
    """What models inside are told of `training`."""
    for each in ordered_calls(model):
        if isinstance(each.operation, load_keras().Model):
            training = call_arguments(each.operation, each.place)[1].get("training")
            yield from () if training is None else (training,)
            yield from _modes(each.operation)


def ends(model: Any, program: Program, built: Any) -> Any:
    """The model with its outputs in one list, in the spec's order."""
    keras = load_keras()
    outputs = model.output if hasattr(model, "output") else model.outputs
    if isinstance(outputs, Mapping):
        names = list(built.output) if isinstance(built.output, Mapping) else [name for name, _ in program.outputs]
        outputs = [outputs[name] for name in names]
    return keras.Model(model.inputs, outputs)


def traced(model: Any, built: Any) -> Any:
    """The functional model of what a subclassed model's `call` does."""
    keras = load_keras()
    inputs = {
        tensor.name: keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name)
        for tensor in built.inputs
    }
    fed = next(iter(inputs.values())) if len(inputs) == 1 else inputs
    return keras.Model(list(inputs.values()), model.call(fed))


def flattened(model: Any) -> Any:
    """A model whose layers are called one by one, those of models in it too."""
    keras = load_keras()
    inputs = [keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype) for tensor in model.inputs]
    for place, layer in enumerate(layers_in(model)):  # names of models inside are those of others too
        if not isinstance(layer, keras.layers.InputLayer):
            rename(layer, f"layer_{place}")
    return keras.Model(inputs, _flat(model, inputs, inside=True))


def _weights_differ(built: Any, made: Any) -> str:
    shapes = [sorted(str(variable.shape) for variable in model.weights) for model in (built, made)]
    return "" if shapes[0] == shapes[1] else "its weights have other shapes"


def _flat(model: Any, tensors: Any, inside: bool = False) -> Any:
    """What a model gives, by calls of its layers and not of itself; `inside`, models in it are treated likewise."""
    keras = load_keras()
    known: dict[tuple[int, int, int], Any] = {}
    for given, tensor in zip(model.inputs, keras.tree.flatten(tensors), strict=True):
        known[_key(given)] = tensor

    def there(value: Any) -> Any:
        return known[_key(value)] if hasattr(value, "_keras_history") else value

    for each in ordered_calls(model):
        given, named = call_arguments(each.operation, each.place)
        given = keras.tree.map_structure(there, given)
        # masks are made of no call, and are made again
        told = {key: item for key, item in named.items() if item is not None and _is_of(known, item)}
        named = {key: keras.tree.map_structure(there, item) for key, item in told.items()}
        into = inside and isinstance(each.operation, keras.Model)
        made = _flat(each.operation, given, True) if into else each.operation(*given, **named)
        for index, tensor in enumerate(keras.tree.flatten(made)):
            known[id(each.operation), each.place, index] = tensor
    return keras.tree.map_structure(there, structure_of_outputs(graph_of(model)))


def _is_of(known: Mapping[tuple[int, int, int], Any], value: Any) -> bool:
    """Whether every tensor in a value comes of the calls that are known."""
    tensors = [each for each in load_keras().tree.flatten(value) if hasattr(each, "_keras_history")]
    return all(_key(each) in known for each in tensors)


def _key(tensor: Any) -> tuple[int, int, int]:
    operation, place, output = made_by(tensor)
    return id(operation), place, output


def _loaded(path: Any, **more: Any) -> Any:
    return load_shapes(Path(path))


class _Tame(ast.NodeTransformer):
    """Code that reads no file, and in whose shared models the layers are called one by one."""

    def __init__(self, shared: frozenset[str]) -> None:
        self.shared = shared

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        name = ast.unparse(node.func)
        if name == ZEROS:  # nothing is computed here
            words = [ast.keyword("batch_shape", node.args[0]), *node.keywords]
            return ast.Call(ast.parse("keras.Input", mode="eval").body, [], words)
        if name == "keras.saving.load_model":
            return ast.Call(ast.Name(LOADED, ast.Load()), node.args, node.keywords)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "load_weights":
            return ast.Constant(None)
        if isinstance(node.func, ast.Name) and name in self.shared:
            return ast.Call(ast.Name(FLAT, ast.Load()), [node.func, *node.args], node.keywords)
        return node
