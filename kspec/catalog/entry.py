"""The values of the catalogue: what one Keras name is, what it takes and what its call takes."""

from __future__ import annotations

from typing import Any, NamedTuple


class Parameter(NamedTuple):
    """One argument of a constructor, or one argument of a function of `keras.ops` that is not a tensor."""

    name: str
    required: bool
    default: Any
    """As JSON (a tuple is a list); `None` where the parameter is required."""
    type: str | None
    """Kinds of plain data accepted, where known: `int`, `float` (an int will do), `bool`, `str`, `list`, `dict`,
    `null`, joined by `|`. Beside `object` it says what else is accepted: a number, null, and with `list` or `dict`
    such objects in a list or a mapping; `None` there means nothing else."""
    choices: tuple[str, ...] | None
    """The only strings accepted, where Keras has a closed set; see `allows`."""
    object: str | None
    """The kind of Keras object expected here, a kind of the catalogue: `initializers`, `layers` …"""
    doc: str
    """First sentence of what Keras says of it; may be empty."""


class Argument(NamedTuple):
    """One argument of a call."""

    name: str
    required: bool
    tensor: str | None
    """`one`: a tensor; `list`: a list of tensors; `any`: a tensor, a number or a (nested) list or mapping of
    tensors; `None`: not a tensor (`training`, `use_causal_mask` …)."""
    default: Any


class Entry(NamedTuple):
    """One name that a spec may write."""

    kind: str
    name: str
    """As a spec writes it: `Dense`, `ops.matmul`, `ops.image.resize`."""
    identifiers: tuple[str, ...]
    """Other names of the same thing: `adam`, `mse`, `Convolution2D`, `ops.nn.relu`."""
    parameters: tuple[Parameter, ...]
    """In Keras's order: the first is the one that `{Name: value}` sets."""
    call: tuple[Argument, ...]
    """Of a layer: its `call`; of a function: its tensors, and only these."""
    variadic: str | None
    """Name of `*args` that are tensors (the `operands` of `ops.einsum`)."""
    open: bool
    """Takes further keyword arguments with a meaning, so that unknown names cannot be refused."""
    jax: str
    """Empty where a spec can use it on JAX; else why not, and what to do instead."""
    doc: str
    """First sentence of the docstring."""
    path: str
    """Where Python finds it: `keras.layers.Dense`."""
    config: str
    """Module and class name in a saved config, joined by `>`: `keras.layers>Dense`; empty where nothing is saved."""

    def parameter(self, name: str) -> Parameter | None:
        """The parameter called `name`, if there is one."""
        return next((each for each in self.parameters if each.name == name), None)

    def argument(self, name: str) -> Argument | None:
        """The call argument called `name`, if there is one."""
        return next((each for each in self.call if each.name == name), None)


def allows(parameter: Parameter, value: str) -> bool:
    """Whether a string is one of the parameter's choices; true where there is no closed set.

    Keras takes `padding` and `data_format` in any case, other choices as they are written.
    """
    if parameter.choices is None or value in parameter.choices:
        return True
    return parameter.name in ("padding", "data_format") and value.lower() in parameter.choices
