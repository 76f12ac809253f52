"""Private names of Keras, each with the reason why nothing public serves. tests/model/test_private.py names them."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FunctionType
from typing import Any

from kspec.model.backend import load_keras
from kspec.model.draws import Draw

_PENDING = "uninitialized_variables"


@contextmanager
def abstract_variables() -> Iterator[None]:
    """Variables made inside have shapes and dtypes and never get values.

    `keras.StatelessScope(initialize_variables=False)` puts them off only: Keras keeps a list of them, and gives all of
    them values, in full size, when the next scope ends, such as that of the next real layer. The list is put back
    as it was; only `keras.utils.clear_session` would do that publicly, with everything else of the session.
    """
    keras = load_keras()
    from keras.src.backend.common import global_state

    before = list(global_state.get_global_attribute(_PENDING, []))
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute(_PENDING, before)


def operation_of(tensor: Any) -> Any:
    """The operation that made a symbolic tensor.

    A call of a keras.ops function makes its operation out of sight and Keras offers no argument for its name;
    the history of the result is the only way to it.
    """
    return tensor._keras_history.operation


def rename(operation: Any, name: str) -> None:
    """Give an operation a name after it was made; `Operation.name` is a plain attribute, written once by Keras."""
    operation.name = name


def tensor_name(tensor: Any, name: str) -> None:
    """Name a symbolic tensor as its operation is named: Keras names outputs of ops by counting."""
    tensor.name = name


def mask_of(tensor: Any) -> Any:
    """The mask that a symbolic tensor carries, or None; layers hand it on out of sight, and Keras exports nothing that
    reads it."""
    return getattr(tensor, "_keras_mask", None)


def made_by(tensor: Any) -> tuple[Any, int, int]:
    """The operation that made a symbolic tensor, which of its calls did, and which of that call's outputs it is."""
    history = tensor._keras_history
    return history.operation, history.node_index, history.tensor_index


def graph_of(model: Any) -> Any:
    """The functional model that a model is, or that a Sequential one wraps."""
    return getattr(model, "_functional", None) or model


def calls(model: Any) -> Iterator[tuple[Any, int, tuple[Any, ...], tuple[Any, ...]]]:
    """Each call in a functional model's graph, from the inputs on, as Keras runs them.

    The operation, which of its calls it is, the tensors that it takes, and those that it gives. Keras's public
    `Layer.input` knows layers that are called once only, and a shared layer is called more often.
    """
    graph = graph_of(model)
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            if not node.is_input:
                given = tuple(node.outputs)
                yield node.operation, made_by(given[0])[1], tuple(node.input_tensors), given


def layers_in(target: Any) -> list[Any]:
    """A model or layer and every layer inside it, those of wrappers too, which publicly tell no layers."""
    return list(target._flatten_layers())


def trained_by_nature(layer: Any) -> list[Any]:
    """The weights that a layer and those inside it train where nothing is frozen.

    Publicly a frozen layer has none, and its moving averages look as its kernel does.
    """
    found = {id(weight): weight for each in layer._flatten_layers() for weight in each._trainable_variables}
    return list(found.values())


Scope = Callable[[str, str, int], AbstractContextManager[Any]]
Instead = Callable[[tuple[str, str, int], tuple[Any, ...], Any], Any]
After = Callable[[tuple[str, str, int], Any], None]


@contextmanager
def scoped(model: Any, scope: Scope, instead: Instead | None = None, after: After | None = None) -> Iterator[None]:
    """While a model runs, each call in it and in models inside runs within `scope(model, layer, which of its calls)`.

    `instead` may give what a call gives, without running it, from what the call is given and its symbolic tensors; or
    None. `after` is told what a call that was run gave.

    Keras offers no hook around a call: a layer's own name scope does not tell its calls apart, and functions of
    keras.ops have none.
    """
    found = {id(graph_of(each)): each for each in model._flatten_layers() if hasattr(graph_of(each), "_nodes_by_depth")}
    graphs = [(graph_of(each), each.name) for each in found.values()]
    try:
        for graph, name in graphs:
            graph.__dict__["_run_through_graph"] = _within(graph, name, scope, instead, after)
        yield
    finally:
        for graph, _ in graphs:
            graph.__dict__.pop("_run_through_graph", None)


def _within(graph: Any, name: str, scope: Scope, instead: Instead | None, after: After | None) -> Callable[..., Any]:
    original = graph._run_through_graph
    order = [((name, operation.name, index), given) for operation, index, _, given in calls(graph)]

    def run(inputs: Any, operation_fn: Callable[[Any], Any] = lambda operation: operation, call_fn: Any = None) -> Any:
        places = iter(order)

        def within(operation: Any) -> Callable[..., Any]:
            (place, given), function = next(places), operation_fn(operation)

            def call(*args: Any, **keywords: Any) -> Any:
                made = instead(place, args, given) if instead is not None else None
                if made is not None:
                    return made
                with scope(*place):
                    made = function(*args, **keywords)
                if after is not None:
                    after(place, made)
                return made

            return call

        return original(inputs, operation_fn=within, call_fn=call_fn)

    return run


def prepare_training(model: Any, batch: Any) -> None:
    """Make the variables of a compiled model's metrics, loss and optimizer, from the shapes of a batch.

    Publicly only `fit` and `evaluate` do that, on data.
    """
    model._symbolic_build(data_batch=batch)
    if not model.optimizer.built:  # a second time would give a LossScaleOptimizer its own variables twice
        model.optimizer.build(model.trainable_variables)


def steps_are_keras_own(model: Any) -> bool:
    """Whether a model's steps, and the logs they give, are those of Keras, which are the results of its metrics."""
    own = load_keras().Model
    names = ("train_step", "test_step", "compute_metrics", "get_metrics_result", "_update_metrics_variables")
    return all(getattr(type(model), name) is getattr(own, name) for name in names)


def lend_state(model: Any, state: tuple[Any, Any, Any, Any]) -> None:
    """Note the state of a training where callbacks find it: whoever asks a callback for its model gets the arrays
    (trainable, other, optimizer's, metrics') put into the variables first, by `Model.jax_state_sync`.

    That is how `Model.fit` does it; publicly the variables alone can be set, which takes too long for every step.
    As plain attributes, past `Layer.__setattr__`, which would look through all of it for layers each time.
    """
    names = ("trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables")
    vars(model).update(_jax_state=dict(zip(names, state, strict=True)), _jax_state_synced=False)


def state_is_back(model: Any) -> bool:
    """Whether somebody has had the state put into the variables, and may have changed it there."""
    return bool(model._jax_state_synced)


def forget_state(model: Any) -> None:
    """No training is under way any more."""
    vars(model).update(_jax_state=None, _jax_state_synced=True)


def first_epoch(model: Any) -> int:
    """The epoch that the callback `BackupAndRestore` has restored, from which `Model.fit` goes on; 0 for none."""
    return getattr(model, "_initial_epoch", None) or 0


def global_seed() -> Any:
    """The state of the generator from which Keras draws where nobody gives a seed; None where it was never asked.

    Keras makes it when it is first asked, and exports nothing that tells whether it was.
    """
    from keras.src.backend.common import global_state
    from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR

    generator = global_state.get_global_attribute(GLOBAL_SEED_GENERATOR)
    return generator.state if generator is not None else None


def restore_global_seed(value: Any) -> None:
    """Put that generator, made where it is not there, into a state."""
    from keras.src.random.seed_generator import global_seed_generator

    global_seed_generator().state.assign(value)


def prepare_testing(model: Any, batch: Any) -> None:
    """Make the variables of a compiled model's metrics and loss, from the shapes of a batch; publicly only `evaluate`
    and `fit` do that."""
    model._symbolic_build(data_batch=batch)


@contextmanager
def without_updates(optimizer: Any) -> Iterator[None]:
    """Training steps give gradients where the updated weights would be: the optimizer does nothing inside.

    `Model.train_step` is public, and the gradients do not leave it.
    """
    optimizer.__dict__["stateless_apply"] = lambda state, gradients, weights: (gradients, state)
    try:
        yield
    finally:
        optimizer.__dict__.pop("stateless_apply", None)


@contextmanager
def variables_ask(first: Callable[[Any, Any, str], bool]) -> Iterator[None]:
    """`first(variable, initializer, dtype)` is asked where a variable of this thread would get its initial value.

    Where it answers True it has taken care of the value. Keras has no public place between a variable and its
    initializer, which it calls as soon as it makes the variable: `Variable._initialize_with_initializer`. The dtype is
    that of the value; `Variable.dtype` is what a layer of mixed precision sees while it computes.
    """
    _asked.first = first
    with _lock:
        _users.append(first)
        load_keras().Variable._initialize_with_initializer = _initialize
    try:
        yield
    finally:
        _asked.first = None
        with _lock:
            _users.remove(first)
            if not _users:
                del load_keras().Variable._initialize_with_initializer  # what it inherits is Keras's own


def is_asked() -> bool:
    """Whether `variables_ask` is in force in this thread."""
    return getattr(_asked, "first", None) is not None


_asked = threading.local()
_users: list[Any] = []
_lock = threading.Lock()


def _initialize(variable: Any, initializer: Any) -> None:
    first = getattr(_asked, "first", None)
    if first is None or not first(variable, initializer, variable._dtype):
        super(load_keras().Variable, variable)._initialize_with_initializer(initializer)


def put_off(variable: Any, value: Callable[..., Any]) -> bool:
    """Leave a new variable without a value, `value(shape, dtype=…)` being called where it is read; whether that may be.

    That is how Keras treats variables made in a `keras.StatelessScope`: `_value` is None, and `_initializer` is called
    in its place. One that waits already (Keras forgets its `_initializer` right after) is given its value at once.
    """
    if variable._initializer is not None or variable._layout is not None:
        return False
    variable._initializer, variable._value = value, None
    return True


def is_put_off(variable: Any) -> bool:
    """Whether a variable has no value yet."""
    return variable._value is None


def give(variable: Any, value: Any) -> Any:
    """Give a variable its initial value; that value.

    `Variable.assign` would do so publicly, but inside a `keras.StatelessScope`, where Keras looks at shapes, it keeps
    the value for the scope alone.
    """
    if variable._value is None:
        variable._initialize(variable._convert_to_tensor(value))
    variable._initializer = None
    return variable._value


def asked_of(initializer: Any, shape: tuple[int, ...], dtype: str) -> Draw | None:
    """The random numbers that one of Keras's own initializers asks for, without making them; None for any other.

    Its method is called under another `random` than its module's, which only notes the call: so the formulas, of
    fans and scales, stay Keras's. Publicly there is only the finished value.
    """
    method = _noting().get(type(initializer).__call__)
    return method(initializer, shape, dtype=dtype) if method is not None else None


@functools.cache
def _noting() -> dict[Any, Callable[..., Any]]:
    of = load_keras().initializers
    methods = [each.__call__ for each in (of.RandomNormal, of.TruncatedNormal, of.RandomUniform, of.VarianceScaling)]
    return {
        each: FunctionType(each.__code__, {**each.__globals__, "random": _Note}, each.__name__, each.__defaults__)
        for each in methods
    }


class _Note:
    """Keras's random functions, with the signatures that they have, noting what they are asked for."""

    @staticmethod
    def normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None) -> Draw:
        return Draw("normal", tuple(shape), mean, stddev, dtype, seed)

    @staticmethod
    def truncated_normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None) -> Draw:
        return Draw("truncated_normal", tuple(shape), mean, stddev, dtype, seed)

    @staticmethod
    def uniform(shape: Any, minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: Any = None) -> Draw:
        return Draw("uniform", tuple(shape), minval, maxval, dtype, seed)


def call_arguments(operation: Any, index: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What one of an operation's calls was given: symbolic tensors and constants, by place and by name.

    Publicly a model's configuration has them, deep in a form that is made for saving.
    """
    arguments = operation._inbound_nodes[index].arguments
    return tuple(arguments.args), dict(arguments.kwargs)


def outputs_made(operation: Any, index: int) -> int:
    """How many tensors one of an operation's calls gives; publicly only an operation that was called once tells."""
    return len(operation._inbound_nodes[index].output_tensors)


def structure_of_outputs(graph: Any) -> Any:
    """The outputs of a functional model in the structure that they were given in; `Model.outputs` is flat, and a
    `Sequential` one has no `output` of its own."""
    return graph._outputs_struct


def structure_of_inputs(graph: Any) -> Any:
    """The inputs of a functional model in the structure that they were given in; `Model.inputs` is flat."""
    return graph._inputs_struct


def spares_decay(optimizer: Any) -> bool:
    """Whether some weights are spared the optimizer's decay; `exclude_from_weight_decay` says it, and nothing tells."""
    return any(getattr(optimizer, f"_exclude_from_weight_decay{end}", None) for end in ("", "_pattern"))


@contextmanager
def weights_opened(opened: Callable[[Any], Any]) -> Iterator[None]:
    """HDF5 files that Keras makes inside, of weights, are those that `opened` gives for their paths.

    `Model.save_weights` takes a path only, and a model that memory has no room for a second time is saved by way of
    one; `h5py` then has HDF5 write to the disk itself.
    """
    from keras.src.saving.saving_lib import H5IOStore

    own = H5IOStore._get_h5_file

    def replaced(self: Any, path_or_io: Any, mode: str | None = None) -> Any:
        if self.archive or (mode or self.mode) != "w":
            return own(self, path_or_io, mode)
        return opened(path_or_io)

    H5IOStore._get_h5_file = replaced
    try:
        yield
    finally:
        H5IOStore._get_h5_file = own


def kept_at(model: Any) -> tuple[list[tuple[str, Any]], dict[str, str]]:
    """Where a file of Keras's has each variable of a model, `layers/dense/vars/0`, with the variable; and the names of
    what the groups there are of, `{"layers/dense": "digit"}`.

    Keras writes files by walking a model in an order of its own, and exports neither the walk nor the places. So it
    writes into a store that only notes what it is given. A layer that gives numbers of its own making, and not its
    variables, is passed over; LoRA, which it would merge, is off meanwhile.
    """
    from keras.src.saving.saving_lib import H5IOStore, _save_state

    found: list[tuple[str, Any]] = []
    names: dict[str, str] = {}

    class Noting(H5IOStore):  # type: ignore[misc]
        def __init__(self) -> None:
            self.path = ""

        def __bool__(self) -> bool:
            return True

        def make(self, path: str, metadata: Any = None) -> Any:
            self.path = path.removeprefix("/")
            if metadata is not None and self.path:
                names[self.path] = metadata["name"]
            return self

        def __setitem__(self, key: str, value: Any) -> None:
            found.append((f"{self.path}/vars/{key}".removeprefix("/"), value))

    adapted = [layer for layer in model._flatten_layers() if getattr(layer, "lora_enabled", False)]
    optimizer = getattr(model, "optimizer", None)
    try:
        for layer in adapted:
            layer.lora_enabled = False
        if optimizer is not None:
            model.optimizer = None
        _save_state(model, Noting(), None, "", set())
    finally:
        for layer in adapted:
            layer.lora_enabled = True
        if optimizer is not None:
            model.optimizer = optimizer
    return found, names


def quantized_abstractly(layer: Any, mode: str) -> None:
    """`layer.quantize(mode)` for a layer whose variables have shapes and no values, within `abstract_variables`.

    It runs traced, so that nothing is computed. Keras quantizes in NumPy to save the device's memory, which cannot be
    traced: its functions are asked to do it by the backend's operations. And of packing two numbers into a byte, which
    is NumPy alone, only the shape is done.
    """
    import jax
    from keras.src import quantizers
    from keras.src.quantizers import quantizers as functions

    def half(array: Any, axis: int = 0, dtype: str = "int8") -> tuple[Any, Any, int]:
        places = tuple(slice(None, None, 2 if each == axis % array.ndim else 1) for each in range(array.ndim))
        return array[places], None, array.shape[axis]

    names = ("abs_max_quantize", "abs_max_quantize_grouped_with_zero_point", "pack_int4")
    before = {(module, name): getattr(module, name) for module in (quantizers, functions) for name in names}
    scope, weights = load_keras().StatelessScope, list(layer.weights)

    def work(values: list[Any]) -> None:
        with scope(state_mapping=list(zip(weights, values, strict=True)), initialize_variables=False):
            layer.quantize(mode)

    try:
        for (module, name), function in before.items():
            setattr(module, name, half if name == "pack_int4" else _by_backend(function))
        jax.eval_shape(work, [jax.ShapeDtypeStruct(each.shape, each.dtype) for each in weights])
    finally:
        for (module, name), function in before.items():
            setattr(module, name, function)


def _by_backend(function: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(function)

    def called(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs)
        given.arguments["to_numpy"] = False
        return function(*given.args, **given.kwargs)

    return called
