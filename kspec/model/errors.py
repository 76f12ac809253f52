"""What Keras says about a step that cannot be built, in the words of a spec."""

from __future__ import annotations

import re
from typing import Any

from kspec import catalog
from kspec.diagnostics import Note, Problem
from kspec.spec.graph import Node
from kspec.spec.objects import Object

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_WRAPPED = re.compile(r"Exception encountered when calling [^\n]*\n+(.*?)\n+Arguments received by", re.DOTALL)
_INPUT = re.compile(r"Input (\d+) with name '[^']*' of layer '[^']*' is incompatible with the layer: ")
_TENSOR = re.compile(r"<KerasTensor shape=(\([^)]*\))[^>]*>")


_INFERRED = re.compile(r"^Could not automatically infer the output shape.*Error encountered:\s+(.*)$", re.DOTALL)
_UNSATISFIED = re.compile(r"\.? Received:? .* that do not satisfy `value >(=?) 0`\.?$")
_RECEIVED = re.compile(r"[.,;] ?(but )?([Rr]eceived|[Gg]ot)[: ].*$")


def brief(error: BaseException) -> str:
    """Keras's message without what was received: the excerpt and the notes show it."""
    said = _UNSATISFIED.sub(lambda found: " of at least 0" if found[1] else " above 0", cleaned(error))
    return _RECEIVED.sub("", said)


def cleaned(error: BaseException) -> str:
    """Keras's message without colours, wrapping and the repetition of its arguments; one line."""
    text = _ANSI.sub("", str(error))
    if (wrapped := _WRAPPED.search(text)) is not None:
        text = wrapped[1]
    if (inferred := _INFERRED.search(text)) is not None:
        text = inferred[1]
    text = _INPUT.sub(lambda found: f"input {found[1]}: " if found[1] != "0" else "", text)
    text = _TENSOR.sub(r"\1", text)
    text = re.sub(r"\s*Full shape received: \([^)]*\)\.?", "", text)
    text = text.replace("keras.src.", "keras.")
    text = " ".join(text.split())
    return (text if len(text) <= 400 else text[:400] + "…").rstrip(".") or type(error).__name__


def construction(error: BaseException, operation: Object, uses: tuple[Any, ...] = ()) -> Problem:
    """An object that could not be made from its arguments."""
    said = brief(error)
    said = re.sub(
        r"^(Received an invalid value|Invalid value(?: received)?) for (argument )?", "a wrong value for ", said
    )
    argument = next((name for name in operation.args if f"`{name}`" in said), None)
    route = (*operation.route, argument) if argument is not None else operation.route
    wrapped = [value.name for value in operation.args.values() if isinstance(value, Object)]
    if wrapped and "could not be deserialized" in said:  # Keras copies what it wraps, and says so at length
        said = f"it cannot wrap {wrapped[0]}"
    message = f"{operation.name} cannot be made: {said}"
    return Problem("wrong-value", message, route, at="value" if argument else "key", uses=uses)


def call(error: BaseException, node: Node, operation: Any, operands: list[tuple[str, Any, Any]]) -> Problem:
    """A step that cannot take its tensors; `operands` are (name, tensor, route) of what reaches it."""
    what = operation.name if isinstance(operation, Object) else node.layer
    shapes = [tuple(tensor.shape) for _, tensor, _ in operands]
    notes = tuple(Note(f"`{name}` gives {shown_shape(tensor)}", route) for name, tensor, route in _distinct(operands))
    if isinstance(operation, Object) and catalog.find(operation.kind, operation.name) is None:
        message = f"the call of {what} failed: {cleaned(error)}"
        return Problem("custom-code", message, node.route, "", "key", notes, node.uses)
    args = operation.args if isinstance(operation, Object) else {}
    message, help = _explained(what, args, error, shapes)
    return Problem("shape", message, node.route, help, "key", notes, node.uses)


def _distinct(operands: list[tuple[str, Any, Any]]) -> list[tuple[str, Any, Any]]:
    return list({(name, tuple(tensor.shape)): (name, tensor, route) for name, tensor, route in operands}.values())


def shown_shape(tensor: Any) -> str:
    """A tensor's shape, with its dtype where that is not a float."""
    dtype = str(tensor.dtype)
    return f"{tuple(tensor.shape)}" + ("" if "float" in dtype else f" {dtype}")


_NDIM = re.compile(r"expected (min_|max_)?ndim=(\d+), found ndim=(\d+)")
_AXIS = re.compile(r"expected axis (-?\d+) of input shape to have value (\d+)")


_BROADCAST = ("matching shapes", "incompatible shapes", "Incompatible", "Cannot broadcast shape")


def _explained(what: str, args: Any, error: BaseException, shapes: list[tuple[Any, ...]]) -> tuple[str, str]:
    """Message and help for the failures that people meet; Keras's own words for the rest."""
    said = cleaned(error)
    both = _listed(shapes)
    axis = args.get("axis", -1) if what in ("Concatenate", "ops.concatenate") else None
    if isinstance(axis, int) and any(not -len(shape) <= axis < len(shape) for shape in shapes):
        return f"{what} has no axis {axis} to join {both} at", "axes count from 0, the batch"
    if len(shapes) > 1 and any(words in said for words in _BROADCAST) and _difference(shapes, axis):
        verb = "combine" if axis is None else "join"
        return f"{what} cannot {verb} {both}: {_difference(shapes, axis)}", ""
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
    if what == "RNN" and "fully-defined" in said:
        return "RNN needs a cell, such as LSTMCell, in place of a layer", "the layer itself is a step: `LSTM: 8`"
    if ("fully-defined" in said or "NoneType" in said) and any(None in shape[1:] for shape in shapes):
        return f"{what} needs axes of known size, and gets {both}", "give the input a size in place of null"
    if what == "MultiHeadAttention" and any(len(shape) < 3 for shape in shapes):
        return f"{what} needs sequences, of at least 3 axes with the batch, and gets {both}", "`Reshape` adds axes"
    if said == "tuple index out of range":
        return f"{what} has an axis that {both} does not have", "check `axis`"
    return f"{what} cannot take {both or 'what reaches it'}: {brief(error)}", ""


def _listed(shapes: list[tuple[Any, ...]]) -> str:
    """Up to four shapes in words."""
    texts = [str(shape) for shape in shapes[:4]]
    if len(shapes) > 4:
        texts.append(f"{len(shapes) - 4} more")
    return f"{', '.join(texts[:-1])} and {texts[-1]}" if len(texts) > 1 else "".join(texts)


def _difference(shapes: list[tuple[Any, ...]], joined: int | None) -> str:
    """How shapes differ, an empty text where they do not; `joined` is the axis at which they may."""
    if len({len(shape) for shape in shapes}) > 1:
        return "ranks differ"
    rank = len(shapes[0])
    free = joined % rank if joined is not None else None
    axes = [axis for axis in range(rank) if axis != free and len({shape[axis] for shape in shapes} - {None}) > 1]
    names = [str(axis) for axis in axes]
    if len(names) < 2:
        return f"axis {names[0]} differs" if names else ""
    return f"axes {', '.join(names[:-1])} and {names[-1]} differ"


def _rank_help(wanted: int, shape: tuple[Any, ...]) -> str:
    if len(shape) > wanted:
        return "`Flatten` or a pooling layer takes axes away; `return_sequences: false` too"
    if wanted == 3 and len(shape) == 2:
        return "a recurrent layer before it needs `return_sequences: true`; `Reshape` adds an axis"
    if wanted == len(shape) + 1 and None not in shape[1:]:
        return f"`Reshape: {[*shape[1:], 1]}` adds one"
    return "`Reshape` adds axes"
