"""What a model computes of a batch, as a function of arrays: by name for people, by position for programs."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from kspec.convert.export.problems import Unexportable
from kspec.diagnostics import shortened
from kspec.model.backend import load_keras
from kspec.model.interface import Interface, interface_of
from kspec.model.private import graph_of, layers_in, scoped

Run = Callable[..., tuple[Any, ...]]
"""Takes an array for each input, gives one for each output."""
_UNWRITABLE = re.compile("[\0\ud800-\udfff]")
"""What may stand in a name of Keras's, and in none of a file's: halves of characters, and what ends a text in C."""


@dataclasses.dataclass(frozen=True)
class Forward:
    """A model that is to be exported, in inference mode."""

    model: Any
    interface: Interface
    run: Run
    at: list[str]
    """The layers that were running when something failed, the innermost first."""

    @property
    def inputs(self) -> list[str]:
        """The names of the inputs, in their order."""
        return [port.name for port in self.interface.inputs]

    @property
    def shapes(self) -> list[tuple[int | None, ...]]:
        """The whole shapes of the inputs; the batch's axis is the first, and may be of a size that is fixed."""
        return [tuple(tensor.shape) for tensor in self.model.inputs]

    @property
    def has_open_batch(self) -> bool:
        """Whether every input has a batch of any size."""
        return all(shape and shape[0] is None for shape in self.shapes)

    @property
    def outputs(self) -> list[str]:
        """The names of the outputs, in their order; none of them is that of an input."""
        taken = set(self.inputs)
        return [f"{each.name}_out" if each.name in taken else each.name for each in self.interface.outputs]


def forward(model: Any) -> Forward:
    """The function that a built model is.

    It changes nothing: what layers would update, the state of a generator for one, is left out.
    Raises Unexportable where an input or output has a name that no file can hold.
    """
    interface = interface_of(model)
    names = [port.name for port in interface.inputs]
    _check_names([*names, *(each.name for each in interface.outputs)])
    trainable = [variable.value for variable in model.trainable_variables]
    other = [variable.value for variable in model.non_trainable_variables]
    at: list[str] = []

    def run(*arrays: Any) -> tuple[Any, ...]:
        given = interface.pack_inputs(dict(zip(names, arrays, strict=True)))
        del at[:]
        with scoped(model, _scope(at)):
            made, _ = model.stateless_call(trainable, other, given, training=False)
        return tuple(load_keras().tree.flatten(made))

    return Forward(model, interface, run, at)


def _scope(at: list[str]) -> Any:
    """Marks what a layer computes with its name, and notes it where it fails."""
    import jax

    @contextmanager
    def scope(model: str, layer: str, index: int) -> Iterator[None]:
        try:
            with jax.named_scope(f"kspec.{re.sub(r'[/()]', '.', layer)}"):
                yield
        except Exception:
            at.append(layer)
            raise

    return scope


def precision(model: Any) -> str:
    """The dtype in which the model computes least exactly: float32, float16 or bfloat16."""
    found = {str(getattr(layer, "compute_dtype", "float32")) for layer in layers_in(model)}
    return next((each for each in ("bfloat16", "float16") if each in found), "float32")


def check_built(model: Any) -> None:
    """Raise Unexportable for a model that has no weights yet, or of which a part has a name that no file can hold."""
    if not model.built:
        raise Unexportable(
            "nobody knows the shapes of its inputs yet", help="begin it with an `Input`, or call it once"
        )
    layers = layers_in(model)
    _check_names(each.name for layer in layers for each in (layer, *getattr(layer, "operations", ())))


def _check_names(names: Iterable[str]) -> None:
    for name in names:
        if (bad := _UNWRITABLE.search(name)) is not None:
            message = f"no file can hold U+{ord(bad[0]):04X}, which is in its name"
            raise Unexportable(message, shortened(name), help="give it another name")


def check_graph(model: Any) -> None:
    """Raise Unexportable for a model whose inputs have no shapes, or no numbers, or that keeps states."""
    check_built(model)
    if not hasattr(graph_of(model), "_nodes_by_depth") or not getattr(model, "inputs", None):
        help = "export a functional or Sequential model with an `Input`"
        raise Unexportable("its class computes in a `call` of its own, so its inputs have no shapes", help=help)
    for tensor in model.inputs:
        if str(tensor.dtype) == "string":
            help = "cut the model behind what looks texts up: `kspec slice`"
            raise Unexportable(f"its input `{tensor.name}` is of texts", help=help)
    for layer in layers_in(model):
        if getattr(layer, "stateful", False) is True:  # one call would be compared, and only later ones differ
            help = "set `stateful: false`, or take the weights alone: `-o model.npz`"
            raise Unexportable("it is `stateful`, and a file keeps no state from call to call", layer.name, help=help)
