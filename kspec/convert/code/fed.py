"""What a class is called with to make its weights: symbolic inputs, or zeros, which Keras computes layer by layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kspec.convert.code.expr import Call, Expr, Items, Text, call
from kspec.convert.code.program import Given, Unsaid
from kspec.spec.graph import Graph, held_in
from kspec.spec.objects import Object

ZEROS = "keras.ops.zeros"
_ONE, _OPEN = Text("1"), Text("None")
_SIZES = (16, 64, 256)
"""Of open axes: a model of convolutions and pools may want many."""


def sizes(graph: Graph) -> Iterator[int | None]:
    """The sizes of open axes with which zeros may be tried; None for symbolic inputs, where those will do.

    Keras traces a class as a whole, with unknown numbers for open axes, which not every layer can compute with, and
    in which no layer can make states that it keeps.
    """
    needed = _keeps(graph)
    if not needed:
        yield None
    shapes = [given.arguments.get("batch_shape", [1, *given.arguments.get("shape", ())]) for given in graph.inputs]
    if any(size is None for shape in shapes for size in shape[1:]):
        yield from _SIZES
    elif needed:
        yield 1


def _keeps(graph: Graph) -> bool:
    """Whether a layer keeps states of its own from call to call."""
    operations = [layer.operation for layer in graph.layers.values()]
    inside = [held.model for operation in operations for held in held_in(operation)]
    return any(map(_object_keeps, operations)) or any(map(_keeps, [*graph.levels(), *inside]))


def _object_keeps(operation: Any) -> bool:
    if not isinstance(operation, Object):
        return False
    args = operation.args
    return args.get("stateful") is True or any(map(_object_keeps, args.values()))


def fed(given: Given, size: int | None) -> Expr:
    """What the model is called with for an input; `size` is that of open axes of zeros. Raises Unsaid."""
    if size is None:
        return Call(Text("keras.Input"), given.arguments)
    known = {argument.key: argument.value for argument in given.arguments}
    shape = known.get("batch_shape", known.get("shape"))
    if not isinstance(shape, Items):
        raise Unsaid(f"the shape of `{given.name}` is made of variables, and the model is made by calling it on zeros")
    batch, *rest = shape.items if "batch_shape" in known else (_OPEN, *shape.items)
    items = [_ONE if batch == _OPEN else batch, *(Text(str(size)) if item == _OPEN else item for item in rest)]
    made = call(ZEROS, Items(tuple(items), is_tuple=True))
    return made._replace(arguments=(*made.arguments, *(each for each in given.arguments if each.key == "dtype")))
