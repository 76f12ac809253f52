"""Small models as programs, and two ways to carry one out: as a spec's data, and by calling Keras directly.

The second knows nothing of kspec: it makes each layer where a person's script would, so that a spec can be held against
it, weights and all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.model.twins import keras

Env = dict[str, Any]


@dataclass(frozen=True)
class Var:
    """An argument's value that is a variable of the block around, or of a repeat."""

    name: str


@dataclass(frozen=True)
class Call:
    """One layer or function; `wires` are names (`previous` too), else the step before."""

    op: str
    args: dict[str, Any] = field(default_factory=dict)
    first: str = ""
    """The parameter that may stand alone."""
    wires: tuple[str, ...] | dict[str, str] = ()
    name: str = ""
    words: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Residual:
    chain: tuple[Any, ...]
    merge: str


@dataclass(frozen=True)
class Parallel:
    chains: tuple[tuple[Any, ...], ...]
    merge: str
    named: tuple[str, ...] = ()


@dataclass(frozen=True)
class Repeat:
    """`values` walk under `variable`; without a variable their number counts."""

    variable: str
    values: tuple[Any, ...]
    chain: tuple[Any, ...]


@dataclass(frozen=True)
class Block:
    name: str
    variables: Env
    chain: tuple[Any, ...]
    nested: bool
    shape: tuple[int | None, ...] = ()
    """That of its input, where it is a model and says one."""


@dataclass(frozen=True)
class Use:
    block: Block
    given: Env
    name: str
    words: dict[str, Any] = field(default_factory=dict)
    each: bool = False
    """Whether TimeDistributed is around it."""


@dataclass(frozen=True)
class Again:
    """Calls an earlier use or layer once more."""

    target: str


@dataclass(frozen=True)
class Program:
    """`inputs` by name; `joined` chains, one for each input, meet in a Concatenate before `tail`."""

    inputs: dict[str, tuple[int, ...]]
    heads: tuple[tuple[Any, ...], ...]
    tail: tuple[Any, ...]
    outputs: tuple[str, ...] = ()
    seed: int = 0


# -- as a spec ---------------------------------------------------------------------------------------------------------


def to_spec(program: Program, variables: Env) -> dict[str, Any]:
    """The program as a spec's data; whole numbers that stand in `variables` are written as variables."""
    writer = _Writer({value: name for name, value in variables.items()})
    layers: list[Any] = []
    for (name, _), head in zip(program.inputs.items(), program.heads, strict=True):
        steps = writer.chain(head)
        if len(program.inputs) > 1:
            steps = [{"Flatten": None, "from": name}, *steps]
            steps.append({"Activation": "linear", "name": f"end_{name}"})
        layers += steps
    if len(program.inputs) > 1:
        layers.append({"Concatenate": None, "from": [f"end_{name}" for name in program.inputs]})
    layers += writer.chain(program.tail)
    spec: dict[str, Any] = {"kspec": 1, "name": "program", "seed": program.seed, "vars": variables}
    spec["inputs"] = {name: list(shape) for name, shape in program.inputs.items()}
    if writer.blocks:
        spec["blocks"] = writer.blocks
    spec["layers"] = layers
    if program.outputs:
        spec["outputs"] = list(program.outputs)
    return spec


class _Writer:
    def __init__(self, names: dict[Any, str]) -> None:
        self.names, self.blocks = names, dict[str, Any]()

    def value(self, value: Any) -> Any:
        if isinstance(value, Var):
            return f"${value.name}"
        if isinstance(value, dict):
            return {key: self.value(item) for key, item in value.items()}
        if type(value) is int and value in self.names:
            return f"${self.names[value]}" if value % 2 else f"$({self.names[value]} + 0)"
        return list(value) if isinstance(value, tuple) else value

    def chain(self, steps: tuple[Any, ...]) -> list[Any]:
        return [self.step(step) for step in steps]

    def step(self, step: Any) -> Any:
        if isinstance(step, Call):
            return self.call(step)
        if isinstance(step, Residual):
            merge = {} if step.merge == "Add" else {"merge": step.merge}
            return {"residual": self.chain(step.chain), **merge}
        if isinstance(step, Parallel):
            chains: Any = [self.chain(chain) for chain in step.chains]
            if step.named:
                chains = dict(zip(step.named, chains, strict=True))
            return {"parallel": chains, "merge": step.merge}
        if isinstance(step, Repeat):
            over = {step.variable: list(step.values)} if step.variable else len(step.values)
            return {"repeat": over, "layers": self.chain(step.chain)}
        if isinstance(step, Use):
            return self.use(step)
        assert isinstance(step, Again)
        return {"reuse": step.target}

    def call(self, step: Call) -> Any:
        value: Any = {key: self.value(item) for key, item in step.args.items()} or None
        if step.first and set(step.args) == {step.first}:
            value = self.value(step.args[step.first])
        words: dict[str, Any] = {**({"name": step.name} if step.name else {}), **step.words}
        if step.wires:
            words["from"] = dict(step.wires) if isinstance(step.wires, dict) else list(step.wires)
        return {step.op: value, **words} if value is not None or words else step.op

    def use(self, step: Use) -> Any:
        block = step.block
        if block.name not in self.blocks:
            body: dict[str, Any] = {"vars": block.variables} if block.variables else {}
            if block.nested:
                body["nested"] = True
            if block.shape:
                body["inputs"] = {"input": list(block.shape)}
            outer, self.names = self.names, {}
            body["layers"] = self.chain(block.chain)
            self.names = outer
            self.blocks[block.name] = body
        given = dict(step.given) or None
        if step.each:
            held = {block.name: given} if given else block.name
            return {"TimeDistributed": held, "name": step.name, **step.words}
        return {block.name: given, "name": step.name, **step.words}


# -- by calling Keras --------------------------------------------------------------------------------------------------


def to_keras(program: Program) -> Any:
    """The program as a script of Keras calls."""
    keras.utils.set_random_seed(program.seed)
    script = _Script()
    scope = _Scope("", {}, {name: keras.Input(shape, name=name) for name, shape in program.inputs.items()})
    inputs = list(scope.tensors.values())
    ends = []
    for number, (tensor, head) in enumerate(zip(inputs, program.heads, strict=True)):
        if len(inputs) > 1:
            tensor = keras.layers.Flatten()(tensor)
        tensor = script.chain(head, tensor, scope, f"head{number}")
        if len(inputs) > 1:
            tensor = keras.layers.Activation("linear")(tensor)
        ends.append(tensor)
    tensor = keras.layers.Concatenate()(ends) if len(inputs) > 1 else ends[0]
    tensor = script.chain(program.tail, tensor, scope, "tail")
    outputs = [scope.tensors[name] for name in program.outputs] if program.outputs else tensor
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs, name="program")


@dataclass
class _Scope:
    """Names in reach: of the program, or of one use of a block; `path` tells a use's layers from another's."""

    path: str
    env: Env
    tensors: dict[str, Any]
    uses: dict[str, tuple[str, Use]] = field(default_factory=dict)
    trainable: bool | None = None


class _Script:
    def __init__(self) -> None:
        self.layers: dict[str, Any] = {}

    def chain(self, steps: tuple[Any, ...], tensor: Any, scope: _Scope, place: str) -> Any:
        for number, step in enumerate(steps):
            tensor = self.step(step, tensor, scope, f"{place}.{number}")
        return tensor

    def step(self, step: Any, tensor: Any, scope: _Scope, place: str) -> Any:
        if isinstance(step, Call):
            made = self.call(step, tensor, scope, place)
            if step.name:
                scope.tensors[step.name] = made
                scope.uses[step.name] = (place, step)  # type: ignore[assignment]
            return made
        if isinstance(step, Residual):
            end = self.chain(step.chain, tensor, scope, place)
            return self.layer(f"{place}.merge", step.merge, {}, scope, {})([end, tensor])
        if isinstance(step, Parallel):
            ends = [self.chain(c, tensor, scope, f"{place}.{n}") for n, c in enumerate(step.chains)]
            return self.layer(f"{place}.merge", step.merge, {}, scope, {})(ends)
        if isinstance(step, Repeat):
            outer = scope.env
            for number, value in enumerate(step.values):
                scope.env = {**outer, step.variable: value}
                tensor = self.chain(step.chain, tensor, scope, f"{place}.{number}")
            scope.env = outer
            return tensor
        if isinstance(step, Use):
            scope.uses[step.name] = (place, step)
            scope.tensors[step.name] = made = self.use(step, tensor, scope, place)
            return made
        assert isinstance(step, Again)
        first, used = scope.uses[step.target]
        return self.call(used, tensor, scope, first) if isinstance(used, Call) else self.use(used, tensor, scope, first)

    def call(self, step: Call, tensor: Any, scope: _Scope, place: str) -> Any:
        args = {key: _value(item, scope.env) for key, item in step.args.items()}
        if isinstance(step.wires, dict):
            named = {key: tensor if name == "previous" else scope.tensors[name] for key, name in step.wires.items()}
            # The first one by its place, as people write it, and kspec calls it.
            return self.layer(place, step.op, args, scope, step.words)(named.pop(next(iter(named))), **named)
        given = [tensor if name == "previous" else scope.tensors[name] for name in step.wires] or [tensor]
        if step.op.startswith("ops."):
            function = getattr(keras.ops, step.op[4:])
            return function(given, **args) if step.op == "ops.concatenate" else function(*given, **args)
        return self.layer(place, step.op, args, scope, step.words)(given if len(given) > 1 else given[0])

    def layer(self, place: str, name: str, args: Env, scope: _Scope, words: dict[str, Any]) -> Any:
        path = scope.path + place
        if path not in self.layers:
            made = self.layers[path] = getattr(keras.layers, name)(**args)
            trainable = words.get("trainable", scope.trainable)
            if trainable is not None:
                made.trainable = trainable
        return self.layers[path]

    def use(self, step: Use, tensor: Any, scope: _Scope, place: str) -> Any:
        block, path = step.block, f"{scope.path}{place}/"
        env = {**block.variables, **step.given}
        trainable = step.words.get("trainable", scope.trainable)
        if not block.nested and not step.each:
            return self.chain(block.chain, tensor, _Scope(path, env, {}, trainable=trainable), "")
        if path not in self.layers:
            shape = (tensor.shape[0], *tensor.shape[2:]) if step.each else tensor.shape
            shape = (None, *block.shape) if block.shape else shape
            start = keras.Input(batch_shape=shape, dtype=tensor.dtype, name="input")
            made = keras.Model(start, self.chain(block.chain, start, _Scope(path, env, {}), ""))
            if step.each:
                made = keras.layers.TimeDistributed(made, name=step.name)
            if trainable is not None:
                made.trainable = trainable
            self.layers[path] = made
        return self.layers[path](tensor)


def _value(value: Any, env: Env) -> Any:
    if isinstance(value, Var):
        return env[value.name]
    if isinstance(value, dict):  # one layer inside another: {"LSTM": {…}}
        ((name, args),) = value.items()
        return getattr(keras.layers, name)(**args)
    return value
