"""What Keras says about a step that cannot be built, in the words of a spec."""

from __future__ import annotations

import re
from typing import Any

from kspec.diagnostics import Note, Problem
from kspec.spec.graph import Node
from kspec.spec.objects import Object

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_WRAPPED = re.compile(r"Exception encountered when calling [^\n]*\n+(.*?)\n+Arguments received by", re.DOTALL)
_INPUT = re.compile(r"Input (\d+) with name '[^']*' of layer '[^']*' is incompatible with the layer: ")
_TENSOR = re.compile(r"<KerasTensor shape=(\([^)]*\))[^>]*>")


def cleaned(error: BaseException) -> str:
    """Keras's message without colours, wrapping and the repetition of its arguments; one line."""
    text = _ANSI.sub("", str(error))
    if (wrapped := _WRAPPED.search(text)) is not None:
        text = wrapped[1]
    text = _INPUT.sub(lambda found: f"input {found[1]}: " if found[1] != "0" else "", text)
    text = _TENSOR.sub(r"\1", text)
    text = re.sub(r"\s*Full shape received: \([^)]*\)\.?", "", text)
    text = text.replace("keras.src.", "keras.")
    text = " ".join(text.split())
    return (text if len(text) <= 400 else text[:400] + "…").rstrip(".") or type(error).__name__


def construction(error: BaseException, operation: Object, uses: tuple[Any, ...]) -> Problem:
    """A layer that could not be made from its arguments."""
    said = cleaned(error)
    said = re.sub(r"^(Received an invalid value|Invalid value received) for (argument )?", "a wrong value for ", said)
    argument = next((name for name in operation.args if f"`{name}`" in said), None)
    route = (*operation.route, argument) if argument is not None else operation.route
    message = f"{short(operation)} cannot be made: {said}"
    return Problem("wrong-value", message, route, at="value" if argument else "key", uses=uses)


def call(
    error: BaseException, node: Node, what: str, operands: list[tuple[str, Any, Any]], call: bool = False
) -> Problem:
    """A step that cannot take its tensors; `operands` are (name, tensor, route) of what reaches it."""
    shapes = [tuple(tensor.shape) for _, tensor, _ in operands]
    said = cleaned(error)
    message, help = _explained(what, said, shapes)
    notes = tuple(Note(f"`{name}` gives {shown_shape(tensor)}", route) for name, tensor, route in _distinct(operands))
    return Problem("shape", message, node.route, help, "key", notes, node.uses)


def _distinct(operands: list[tuple[str, Any, Any]]) -> list[tuple[str, Any, Any]]:
    return list({name: (name, tensor, route) for name, tensor, route in operands}.values())


def shown_shape(tensor: Any) -> str:
    """A tensor's shape, with its dtype where that is not a float."""
    dtype = str(tensor.dtype)
    return f"{tuple(tensor.shape)}" + ("" if "float" in dtype else f" {dtype}")


def short(operation: Any) -> str:
    """An operation's name for a message."""
    return operation.name if isinstance(operation, Object) else str(operation)


_NDIM = re.compile(r"expected (min_|max_)?ndim=(\d+), found ndim=(\d+)")
_AXIS = re.compile(r"expected axis (-?\d+) of input shape to have value (\d+)")


def _explained(what: str, said: str, shapes: list[tuple[Any, ...]]) -> tuple[str, str]:
    """Message and help for the failures that people meet; Keras's own words for the rest."""
    both = " and ".join(str(shape) for shape in shapes[:3])
    if len(shapes) > 1 and ("matching shapes" in said or "incompatible shapes" in said or "Incompatible" in said):
        reason = f": {_difference(shapes)}" if len({len(shape) for shape in shapes}) > 1 else ""
        verb = "join" if what == "Concatenate" else "combine"
        return f"{what} cannot {verb} {both}{reason or ': ' + _difference(shapes)}", ""
    if (found := _NDIM.search(said)) is not None and shapes:
        bound = {"min_": "at least ", "max_": "at most ", None: ""}[found[1]]
        wanted = int(found[2])
        help = _rank_help(wanted, shapes[0])
        return f"{what} needs a tensor of {bound}{wanted} axes with the batch, and {shapes[0]} has {found[3]}", help
    if (found := _AXIS.search(said)) is not None and shapes:
        return f"{what} needs {found[2]} at axis {found[1]}, and gets {both}", ""
    if "zero or negative" in said:
        return (
            f"{what} leaves nothing of {both}: its window is larger than what reaches it",
            "make it smaller, or `padding: same`",
        )
    if "total size of the tensor must be unchanged" in said and shapes:
        target = said.rpartition("target_shape=")[2]
        return f"Reshape cannot turn {shapes[0]} into {target}: the sizes differ", "-1 stands for one axis that fits"
    if "fully-defined" in said:
        return f"{what} needs axes of known size, and gets {both}", "give the input a size in place of null"
    if said == "tuple index out of range":
        return f"{what} has an axis that {both} does not have", "check `axis`"
    return f"{what} cannot take {both or 'what reaches it'}: {said}", ""


def _difference(shapes: list[tuple[Any, ...]]) -> str:
    if len({len(shape) for shape in shapes}) > 1:
        return "ranks differ"
    axes = [axis for axis in range(len(shapes[0])) if len({shape[axis] for shape in shapes}) > 1]
    return "axis " + " and ".join(str(axis) for axis in axes) + (" differ" if len(axes) > 1 else " differs")


def _rank_help(wanted: int, shape: tuple[Any, ...]) -> str:
    if len(shape) > wanted:
        return "`Flatten` or a pooling layer takes axes away; `return_sequences: false` too"
    if wanted == 3 and len(shape) == 2:
        return "a recurrent layer before it needs `return_sequences: true`; `Reshape` adds an axis"
    return "`Reshape` adds axes"
