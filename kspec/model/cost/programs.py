"""An abstract model -> the programs that JAX would run of it, traced and not run; every operation says whose it is."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

from kspec.diagnostics import KspecError, Problem, SpecError, UsageError
from kspec.model.backend import load_keras
from kspec.model.compile import compile_model
from kspec.model.cost.value import Batch
from kspec.model.errors import brief
from kspec.model.interface import Interface, interface_of
from kspec.model.planning import flat
from kspec.model.private import abstract_variables, mask_of, prepare_training, scoped, without_updates
from kspec.model.signatures import remembered
from kspec.spec.schema import Compile

Call = tuple[str, str, int]
"""A call: the model's name, the layer's in it, and which of the layer's calls it is."""


class Program(NamedTuple):
    """A traced program: JAX's `Traced`, and where in it the calls of the model are."""

    traced: Any
    calls: Mapping[Call, int]
    """The number of each call."""
    weights: int
    """How many of the program's arguments are weights that are trained; they come first."""

    @property
    def jaxpr(self) -> Any:
        return self.traced.jaxpr.jaxpr


def forward(model: Any, batch: Batch, copies: Collection[Call] = ()) -> Program:
    """What the model computes of a batch, as `predict` runs it; calls in `copies` are passed over."""
    import jax

    interface = interface_of(model)
    with abstract_variables(), remembered(), _scopes(model, _passing_over(batch, copies)) as calls:
        values = [_avals(model.trainable_variables), _avals(model.non_trainable_variables)]

        def run(trainable: Any, other: Any, x: Any) -> Any:
            return model.stateless_call(trainable, other, x, training=False)[0]

        traced = _traced(lambda: jax.jit(run).trace(*values, _inputs(interface, model, batch)))
    return Program(traced, calls, len(values[0]))


def training(model: Any, section: Compile | None, batch: Batch, *, updates: bool = False) -> Program:
    """A training step: loss, metrics and gradients, as Keras's `fit` runs it; with `updates` the optimizer's work too.

    A model that has no `compile` is trained towards the mean of its outputs, and has no optimizer.
    Raises SpecError where Keras refuses.
    """
    import jax

    if section is not None and section.loss is not None:
        compile_model(model, section)  # makes a few scalars, which Keras wants to have values
    with abstract_variables(), remembered(), _scopes(model) as calls:
        if section is None or section.loss is None:
            return Program(_traced(lambda: _gradients(model, batch)), calls, len(model.trainable_variables))
        interface = interface_of(model)
        x = _inputs(interface, model, batch)
        y = _targets(interface, model, batch)
        _traced(lambda: prepare_training(model, (x, y)))
        lists = (
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
            model.metrics_variables,
        )
        state = tuple(map(_avals, lists))
        with nullcontext() if updates else without_updates(model.optimizer):
            traced = _traced(lambda: jax.jit(model.train_step, donate_argnums=0).trace(state, (x, y)))
    return Program(traced, calls, len(state[0]))


def _gradients(model: Any, batch: Batch) -> Any:
    import jax
    import jax.numpy as jnp

    interface = interface_of(model)
    values = [_avals(model.trainable_variables), _avals(model.non_trainable_variables)]

    def loss(trainable: Any, other: Any, x: Any) -> Any:
        made, updated = model.stateless_call(trainable, other, x, training=True)
        return sum(jnp.mean(each.astype("float32")) for each in flat(made)), updated

    step = jax.jit(jax.value_and_grad(loss, has_aux=True))
    return step.trace(*values, _inputs(interface, model, batch))


def _traced(work: Any) -> Any:
    """What `work` traces; what cannot be traced, sizes that no program can have say, is a problem. Raises SpecError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a person would be warned of in training, they will be
            return work()
    except KspecError:
        raise
    except (OverflowError, MemoryError) as error:
        raise SpecError(Problem("too-large", f"JAX cannot write this program: {brief(error)}", ("layers",))) from None
    except Exception as error:  # layers, and losses of one's own, raise whatever they like
        message = f"JAX cannot trace the model: {type(error).__name__}: {brief(error)}"
        raise SpecError(Problem("shape", message, ("layers",), at="key")) from None


def _inputs(interface: Interface, model: Any, batch: Batch) -> Any:
    import jax

    made = {
        port.name: jax.ShapeDtypeStruct(_whole(batch, tensor.shape, port.name), tensor.dtype)
        for port, tensor in zip(interface.inputs, model.inputs, strict=True)
    }
    return interface.pack_inputs(made)


def _targets(interface: Interface, model: Any, batch: Batch) -> Any:
    """Targets as the losses take them: classes are whole numbers, everything else is as the output is."""
    import jax

    made: dict[str, Any] = {}
    for output, tensor in zip(interface.outputs, model.outputs, strict=True):
        if not output.needed:
            continue
        shape = _whole(batch, tensor.shape, output.name)
        classes = any(loss.kind == "classes" for loss in output.losses)
        made[output.name] = jax.ShapeDtypeStruct(shape[:-1] if classes else shape, "int32" if classes else "float32")
    return interface.pack_outputs(made)


def _whole(batch: Batch, shape: tuple[int | None, ...], name: str) -> tuple[int, ...]:
    """A complete shape. Raises UsageError where an axis is open and no length is given."""
    first, *rest = shape
    if None in rest and batch.length is None:
        message = f"`{name}` has axes of any size, and the cost depends on them"
        raise UsageError(Problem("usage", message, help="say how long they are: `--length 128`"))
    whole = (batch.size if first is None else first, *(batch.length if axis is None else axis for axis in rest))
    return tuple(axis or 0 for axis in whole)


def _avals(variables: Any) -> list[Any]:
    import jax

    return [jax.ShapeDtypeStruct(variable.shape, variable.dtype) for variable in variables]


# -- whose an operation is ---------------------------------------------------------------------------------------------

_TAG = re.compile(r"kspec\.(\d+)")


@contextmanager
def _scopes(model: Any, instead: Any = None) -> Iterator[dict[Call, int]]:
    """JAX notes for every operation in which call of the model it is computed; the calls by number."""
    import jax

    numbers: dict[Call, int] = {}

    def scope(*call: Any) -> Any:
        return jax.named_scope(f"kspec.{numbers.setdefault(call, len(numbers))}")

    with scoped(model, scope, instead):
        yield numbers


def _passing_over(batch: Batch, copies: Collection[Call]) -> Any:
    """What stands for a call that is passed over: tensors of the right form that depend on what it is given."""
    if not copies:
        return None
    import jax
    import jax.numpy as jnp

    tree = load_keras().tree

    def instead(call: Call, args: tuple[Any, ...], given: Any) -> Any:
        tensors = tree.flatten(args)
        if call not in copies or any(mask_of(each) is not None for each in tensors):
            return None
        blank = [jnp.zeros(_whole(batch, each.shape, call[1]), each.dtype) for each in given]
        return jax.lax.optimization_barrier((blank, [each for each in tensors if hasattr(each, "shape")]))[0]

    return instead


def tags(stack: str) -> list[int]:
    """The numbers of the calls in which an operation is computed, the outermost first."""
    return [int(found) for found in _TAG.findall(stack)]
