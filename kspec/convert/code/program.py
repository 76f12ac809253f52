"""What generated code says, whatever its style: functions, loops, and calls of layers in their order.

Tensors are identifiers (or short expressions such as ``skips[i]``): what a name of the spec stands for is settled.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Union

from kspec.convert.code.expr import Argument, Call, Expr
from kspec.diagnostics import Route

Form = Literal["one", "list", "mapping"]
"""What a model gives: one tensor, several in a list, or by name."""


class Unsaid(Exception):
    """Something in a spec that this way of writing code cannot say: another way is tried."""


@dataclass
class New:
    """A layer that is made where it is called. `hint` is what it would be called."""

    made: Call
    hint: str


@dataclass
class Kept:
    """A layer or model that was made before."""

    variable: str


@dataclass
class Op:
    """A function of keras.ops, or an index: the whole expression."""

    value: Expr


@dataclass
class Use:
    """A block whose steps are called in place: `variables` are its arguments."""

    function: Function
    variables: tuple[Argument, ...]
    hint: str


@dataclass
class Apply:
    """One call: ``targets = what(arguments)``. `chain` says whether it takes the tensor before it and no other."""

    targets: tuple[str, ...]
    what: New | Kept | Op | Use
    arguments: tuple[Argument, ...]
    label: str
    route: Route
    chain: bool = False


@dataclass
class Make:
    """A layer, or a model that a function makes, that is kept in a variable to be called."""

    variable: str
    made: New | Model
    label: str
    route: Route
    frozen: bool | None = None
    load: str = ""
    """The weights file that a model loads."""
    shared: bool = False
    """Whether it is a model only because the block is used again."""
    held: bool = False
    """Whether it is the model that a layer is around."""
    thawed: tuple[str, ...] = ()
    """What is trained in a model that is frozen, as code reaches it: ``.layers[-1]``, or several, ``.layers[-2:]``."""


@dataclass
class Model:
    """A model that a function gives: `like` are the tensors that it will be called with."""

    function: Function
    like: tuple[str, ...]
    variables: tuple[Argument, ...]


@dataclass
class Saved:
    """A model from a file, cut at a layer's output."""

    variable: str
    path: str
    cut: str
    frozen: bool | None
    label: str
    route: Route
    load: str = ""
    title: str = ""


@dataclass
class Copy:
    """``target = source``."""

    target: str
    source: str


@dataclass
class Table:
    """An empty dict for tensors that a loop makes."""

    variable: str


@dataclass
class For:
    """A loop; `variable` is empty where nothing asks for it."""

    variable: str
    over: Expr
    body: list[Statement]


@dataclass
class If:
    """Steps that are there when `condition` holds."""

    condition: str
    body: list[Statement]


Statement = Union[Apply, Make, Saved, Copy, Table, For, If]  # noqa: UP007


@dataclass
class Parameter:
    """An argument of a function. `default` is None where it must be given; with `later` it is computed from others."""

    name: str
    type: str
    default: Expr | None = None
    later: bool = False


@dataclass
class Given:
    """An input of the model."""

    name: str
    variable: str
    arguments: tuple[Argument, ...]


@dataclass
class Function:
    """A block as a function: `inline` calls its steps on tensors, `model` makes a keras.Model of them."""

    name: str
    kind: Literal["inline", "model"]
    block: str
    inputs: tuple[str, ...]
    parameters: list[Parameter] = field(default_factory=list)
    body: list[Statement] = field(default_factory=list)
    results: tuple[str, ...] = ()
    title: str = ""
    """What a model is called."""
    names: tuple[str, ...] = ()
    """The outputs' names, where the spec gives them."""
    given: list[Given] = field(default_factory=list)
    """Inputs with shapes of their own: those of another spec."""


@dataclass
class Program:
    """A whole model. `outputs` is one tensor, or pairs of names and tensors; `by_name` says that it is a mapping."""

    name: str | None
    parameters: list[Parameter]
    inputs: list[Given]
    body: list[Statement]
    outputs: list[tuple[str, str]]
    form: Form
    functions: list[Function]
    policy: Expr | None = None
    short: bool = False
    """Whether layers compute in sixteen bits."""
    weights: str = ""
    own: str = ""
    """The model's own class."""
    nested: frozenset[str] = frozenset()
    """Blocks that are models of their own."""
    shared: frozenset[str] = frozenset()
    """Variables of models that are there only because a block is used again."""
    modules: dict[str, set[str]] = field(default_factory=dict)
    """Classes of the person's own, by their modules."""

    trains: bool = False
    """Whether a layer computes differently in training."""
    size: int | None = None
    """Of a class that makes its weights by being called on zeros, the size of their open axes; None where it is called
    on symbolic inputs."""

    @property
    def reads_weights(self) -> bool:
        """Whether a file of weights is read, by the model or by one inside it."""
        bodies = [self.body, *(function.body for function in self.functions)]
        return bool(self.weights) or any(_loads(each) for body in bodies for each in body)


def _loads(each: Statement) -> bool:
    if isinstance(each, (For, If)):
        return any(map(_loads, each.body))
    return isinstance(each, (Make, Saved)) and bool(each.load)
