"""A small spec for every layer and function that a spec can name: what ``kspec layers NAME`` shows.

The tests build each of them and hold it against the layer or function called directly in Keras.
"""

from __future__ import annotations

from typing import Any

from kspec.catalog.entry import Entry
from kspec.catalog.samples.layers import ARGUMENTS, INPUTS
from kspec.catalog.samples.ops import PARAMETERS, TENSORS

__all__ = ["SEVERAL", "sample"]

SEVERAL = frozenset(
    {
        *("GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"),
        *("array_split", "ctc_decode", "dsplit", "eig", "eigh", "fft", "fft2", "hsplit", "ifft2", "lu_factor"),
        *("meshgrid", "moments", "qr", "rfft", "slogdet", "split", "stft", "svd", "top_k", "unique"),
        *("unravel_index", "unstack", "vsplit"),
    }
)
"""What gives several tensors; the sample's output is the first."""


def sample(entry: Entry) -> dict[str, Any]:
    """A spec, as plain data, whose one step is this layer or function, called on tensors that suit it."""
    short = entry.name.removeprefix("ops.")
    if entry.kind == "layers":
        arguments, tensors = ARGUMENTS.get(short, {}), INPUTS.get(short, {_first(entry): (2, 8)})
    else:
        arguments = PARAMETERS.get(short, {})
        tensors = {each.name: _default(each.tensor) for each in entry.call if each.required} | TENSORS.get(short, {})
    inputs: dict[str, Any] = {}
    wires = {name: _wire(name, shape, inputs, entry.kind == "layers") for name, shape in tensors.items()}
    operation = {key: _plain(value) for key, value in arguments.items()}
    step: dict[str, Any] = {entry.name: operation}
    if entry.variadic:
        step["from"] = wires[entry.variadic]
    elif len(wires) > 1 or len(inputs) > 1:
        only = next(iter(wires.values()))
        step["from"] = only if len(wires) == 1 and isinstance(only, list) else wires
    found = {"kspec": 1, "inputs": inputs, "layers": [step if operation or "from" in step else entry.name]}
    if short in SEVERAL:
        step["name"], found["layers"] = "made", [step]
        found["outputs"] = "made.0"
    return found


def _first(entry: Entry) -> str:
    return entry.call[0].name if entry.call else "inputs"


def _default(tensor: str | None) -> Any:
    return [(2, 3), (2, 3)] if tensor == "list" else (2, 3)


def _wire(name: str, shape: Any, inputs: dict[str, Any], batched: bool) -> Any:
    """The name of an input of that shape, or a list of such; what is written down is `shape` or `(shape, dtype)`."""
    if isinstance(shape, list):
        return [_wire(f"{name}_{index}", each, inputs, batched) for index, each in enumerate(shape)]
    size, dtype = shape if len(shape) == 2 and isinstance(shape[1], str) else (shape, "float32")
    name = {"input": "given", "previous": "before"}.get(name, name)
    axes = list(size[1:]) if batched else list(size)
    if batched and dtype == "float32":
        inputs[name] = axes[0] if len(axes) == 1 else axes
    else:
        inputs[name] = {"shape" if batched else "batch_shape": axes} | ({} if dtype == "float32" else {"dtype": dtype})
    return name


def _plain(value: Any) -> Any:
    """A nested Keras object, `("Name", {argument: value})`, in the spec's notation."""
    if isinstance(value, tuple):
        name, arguments = value
        return {name: {key: _plain(item) for key, item in arguments.items()}} if arguments else name
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
