"""A functional or sequential keras.Model -> the Graph that a spec of it would have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kspec.convert.adapted import apart
from kspec.convert.calls import bind, fed
from kspec.convert.functions import function
from kspec.convert.minimal import Minimal, serialized
from kspec.convert.notation import BESIDE, written
from kspec.convert.ordering import Call, ordered_calls
from kspec.convert.problems import Unwritable
from kspec.convert.words import Words, uncounted
from kspec.model.backend import load_keras
from kspec.model.ends import is_flat_mapping, source
from kspec.model.levels import held_model
from kspec.model.private import graph_of, made_by, outputs_made, structure_of_inputs, structure_of_outputs
from kspec.spec.graph import Graph, Held, Input, Layer, Node, Ref
from kspec.spec.objects import Object

MAX_CONSTANT = 100_000
"""Numbers that a call may be given as a constant; more belong in weights."""
_MANY = 1_000
"""Numbers from which on that is said."""


Like = tuple[tuple[int | None, ...], str]
"""The shape and dtype of a tensor that reaches a model inside."""


class Decompiled(NamedTuple):
    """A model's graph, and what of it a person should know to be otherwise in the spec."""

    graph: Graph
    notes: tuple[str, ...]


def decompile(model: Any, policy: str, *, all_names: bool = False) -> Decompiled:
    """The graph of a model. `policy` is the spec's dtype policy, in force while this runs: layers that have it say
    nothing of it. With `all_names` inputs keep the numbers that Keras has counted for them.

    Raises Unwritable where something cannot be said in a spec.
    """
    notes: list[str] = []
    graph = _Level(policy, Minimal(), notes, all_names, _Homes()).graph(model, model.name)
    return Decompiled(graph, tuple(dict.fromkeys(notes)))


def check_functional(model: Any) -> None:
    """Raise Unwritable for a model without a graph."""
    name, kind = model.name, type(model).__name__
    if isinstance(model, load_keras().Sequential) and not model.built:
        raise Unwritable(name, "has no input shape yet", "add a `keras.Input`, or call it once, before it is saved")
    if not hasattr(graph_of(model), "_nodes_by_depth"):
        help = (
            "call its layers in a functional model (`keras.Model(inputs, outputs)`) and import that, "
            "or keep the class and write a step with it: `custom: [its_module]`"
        )
        raise Unwritable(name, f"is a subclassed model ({kind}): what it computes is in its code, not in a graph", help)


class _Homes:
    """The model that each layer is in, and the layer that each weight is of: in a spec they have but one."""

    def __init__(self) -> None:
        self.model_of: dict[int, str] = {}
        self.layer_of: dict[int, str] = {}

    def settle(self, layer: Any, model: str) -> None:
        """Note a layer that is met in `model` for the first time.

        Raises Unwritable where it, or a weight of it, was met elsewhere: the spec would have two of it.
        """
        if id(layer) in self.model_of:
            message = f"is in the models `{self.model_of[id(layer)]}` and `{model}`: no spec shares it across models"
            raise Unwritable(layer.name, message, "call the layers of the model inside one by one, where it is called")
        self.model_of[id(layer)] = model
        for weight in () if _holds_models(layer) else layer.weights:
            if id(weight) in self.layer_of:
                message = f"has the weight `{weight.name}` of `{self.layer_of[id(weight)]}` too, which no spec can say"
                raise Unwritable(layer.name, message, "let one layer hold it, and call that one wherever it is needed")
            self.layer_of[id(weight)] = layer.name


def _holds_models(layer: Any) -> bool:
    """Whether a layer's weights are those of layers that are met by themselves."""
    return isinstance(layer, load_keras().Model) or held_model(layer) is not None


class _Level:
    """The graph of one model; models inside have levels of their own."""

    def __init__(self, policy: str, minimal: Minimal, notes: list[str], all_names: bool, homes: _Homes) -> None:
        self.policy, self.minimal, self.notes, self.all_names, self.homes = policy, minimal, notes, all_names, homes
        self.words = Words()
        self.frozen = False
        """Whether the whole model is frozen where it is called, and its layers with it."""
        self.is_fed_one = True
        """Whether the model has one input."""
        self.node_of: dict[tuple[int, int], str] = {}
        """The step's name of an operation's call."""

    def graph(self, model: Any, name: str, reaching: Sequence[Like] | None = None) -> Graph:
        """The graph of a model, or of one inside another with what reaches its inputs there first."""
        check_functional(model)
        nested = reaching is not None
        self.frozen = nested and model.trainable is False
        inner = graph_of(model)
        self.is_fed_one = len(inner.inputs) == 1
        is_like = reaching is not None and list(reaching) == list(map(_like, inner.inputs))
        is_like = is_like and not any(getattr(made_by(tensor)[0], "optional", False) for tensor in inner.inputs)
        inputs = tuple(self._input(tensor, nested, is_like) for tensor in inner.inputs)
        if isinstance(structure_of_inputs(inner), Mapping) and not nested:
            self.notes.append("the inputs are a mapping in Keras, and a list here: both take them by name")
        calls = ordered_calls(model)
        layers: dict[str, Layer] = {}
        made: dict[int, str] = {}
        nodes: list[Node] = []
        for call in calls:
            operation = call.operation
            step = self.words.fresh(operation.name)
            self.node_of[id(operation), call.place] = step
            if not isinstance(operation, load_keras().layers.Layer):
                node, layer = self._function(call, step)
                layers[step] = layer
            else:
                if id(operation) not in made:
                    self.homes.settle(operation, name)
                    made[id(operation)] = step
                    layers[step] = self._layer(operation, step, call)
                node = self._call(call, step, made[id(operation)])
            nodes.append(node)
        return Graph(name, inputs, layers, tuple(nodes), self._outputs(inner, nodes))

    # -- ends --------------------------------------------------------------------------------------------------

    def _input(self, tensor: Any, nested: bool, is_like: bool) -> Input:
        """An input; nothing is said of one that is like what reaches it."""
        operation, index, _ = made_by(tensor)
        own = operation.name if self.all_names else uncounted(operation.name)
        # A block's only input is `input` by itself.
        is_own = nested and not self.all_names and own in ("input_layer", "input") and self.is_fed_one
        name = "input" if is_own else self.words.fresh(own)
        if name != own and own == operation.name and not nested:
            self.notes.append(f"the input `{operation.name}` is called `{name}`: a name has no spaces, and is no word")
        self.node_of[id(operation), index] = name
        if is_like:
            return Input(name, {}, ("inputs", name))
        shape = list(tensor.shape)
        arguments: dict[str, Any] = {"shape": shape[1:]} if shape[0] is None else {"batch_shape": shape}
        if str(tensor.dtype) != "float32":
            arguments["dtype"] = str(tensor.dtype)
        for word in ("sparse", "ragged"):
            if getattr(tensor, word, False):
                arguments[word] = True
        if getattr(operation, "optional", False):
            arguments["optional"] = True
        return Input(name, arguments, ("inputs", name))

    def _outputs(self, inner: Any, nodes: list[Node]) -> Any:
        """The outputs in the structure that a spec has: one, a list, or a mapping."""
        made = structure_of_outputs(inner)
        layer_of = {node.name: node.layer for node in nodes}
        if hasattr(made, "_keras_history"):
            return self.ref(made)
        flat = made
        if is_flat_mapping(made):
            return {str(key): self.ref(item) for key, item in made.items()}
        if isinstance(made, Mapping) or not all(hasattr(item, "_keras_history") for item in flat):
            flat = load_keras().tree.flatten(made)
            self.notes.append("the outputs are nested in Keras, and in one list here: they come in the same order")
        refs = [self.ref(item) for item in flat]
        if all(layer_of.get(ref.name) == ref.name and ref.output is None for ref in refs) and len(set(refs)) == len(
            refs
        ):
            return [(ref.name, ref) for ref in refs]
        self.notes.append("the outputs are a list in Keras, and a mapping by name here")
        return self._by_name(refs)

    def _by_name(self, refs: list[Ref]) -> dict[str, Ref]:
        words = Words()
        return {words.fresh(str(ref).replace(".", "_")): ref for ref in refs}

    # -- calls -------------------------------------------------------------------------------------------------

    def _call(self, call: Call, step: str, layer: str) -> Node:
        bound = bind(call.operation, call.place)
        wires = {key: item for key, item in bound.values.items() if _has_tensor(item)}
        constants = {key: self._constant(item, step) for key, item in bound.values.items() if not _has_tensor(item)}
        if isinstance(call.operation, load_keras().Model):
            flat = fed(call.operation, wires.pop(next(iter(wires))))
            if wires:
                raise Unwritable(step, f"is a model that is called with {', '.join(wires)}, which no spec can say")
            return Node(step, layer, tuple(map(self.ref, flat)), {}, constants, (), ())
        if list(wires) == list(bound.leading)[: len(wires)] and (len(wires) == 1 or bound.by_place >= len(wires)):
            positional = tuple(self._wired(item, step) for item in wires.values())
            return Node(step, layer, positional, {}, constants, (), ())
        named = {key: self._wired(item, step) for key, item in wires.items()}
        return Node(step, layer, (), named, constants, (), ())

    def _function(self, call: Call, step: str) -> tuple[Node, Layer]:
        made = function(call, step)
        positional = tuple(self._wired(item, step) for item in made.positional)
        named = {key: self._wired(item, step) for key, item in made.named.items()}
        layer = Layer(step, made.operation, None, None, None, (), ())
        return Node(step, step, positional, named, {}, (), ()), layer

    def _wired(self, value: Any, step: str) -> Any:
        if hasattr(value, "_keras_history"):
            return self.ref(value)
        if isinstance(value, (list, tuple)):
            return [self._wired(item, step) for item in value]
        if isinstance(value, Mapping):
            raise Unwritable(step, "takes a mapping of tensors, which no spec can write", "let it take a list of them")
        return self._constant(value, step)

    def _constant(self, value: Any, step: str) -> Any:
        if getattr(value, "size", 0) > MAX_CONSTANT:
            raise Unwritable(step, f"takes an array of {value.size:,} numbers", "make it the weight of a layer")
        if type(value).__module__.partition(".")[0] in ("jax", "jaxlib", "numpy") and hasattr(value, "tolist"):
            if value.size > _MANY:
                what = f"the step `{step}` takes an array of {value.size:,} numbers, which all stand in the spec"
                self.notes.append(f"{what}: the weight of a layer is a better place for them")
            return value.tolist()
        return written(value, step)

    def ref(self, tensor: Any) -> Ref:
        """A tensor by the step that makes it."""
        operation, index, output = source(tensor)
        name = self.node_of[id(operation), index]
        several = outputs_made(operation, index) > 1
        return Ref(name, output if several else None)

    # -- layers ------------------------------------------------------------------------------------------------

    def _inside(self) -> _Level:
        return _Level(self.policy, self.minimal, self.notes, self.all_names, self.homes)

    def _layer(self, layer: Any, name: str, call: Call) -> Layer:
        frozen = None if layer.trainable is not self.frozen else layer.trainable  # what is not as around it says so
        if isinstance(layer, load_keras().Model):
            inner = self._inside().graph(layer, name, list(map(_like, fed(layer, _given(call)))))
            return Layer(name, inner, frozen, None, None, (), ())
        if (model := held_model(layer)) is not None:
            saved = serialized(layer)
            policy = self._policy(saved, name)
            own = {key: item for key, item in saved["config"].items() if key not in (*BESIDE, "layer")}
            args = {"layer": self._held(call, model, frozen, policy), **{key: written(own[key], name) for key in own}}
            operation = Object("layers", type(layer).__name__, args, ())
            return Layer(name, operation, frozen, policy, None, (), ())
        found = apart(serialized(layer), layer.name)
        policy = self._policy(found.saved, name)
        operation = self.minimal.operation(found.saved, policy, layer.name)
        return Layer(name, operation, frozen, policy, None, (), (), found.lora, found.quantize)

    def _policy(self, saved: Mapping[str, Any], name: str) -> Any:
        """A layer's dtype policy, where it is not the spec's."""
        found = saved["config"].get("dtype")
        own = written(found, name) if found is not None else None
        return None if own == self.policy else own

    def _held(self, call: Call, model: Any, frozen: bool | None, policy: Any) -> Held[Graph]:
        """The model that a layer is around; the layer's `policy` is that of the layers inside, as a spec has it."""
        self.homes.settle(model, call.operation.name)
        inside = self._inside()
        inside.policy = policy if policy is not None else self.policy
        graph = inside.graph(model, model.name, [_like(_given(call), step=True)])
        trainable = False if model.trainable is False and frozen is None and not self.frozen else None
        return Held(Words().fresh(model.name), graph, trainable, (), ())


def _like(tensor: Any, *, step: bool = False) -> Like:
    """What a tensor, or a `step` in time of it, is like."""
    shape = tuple(tensor.shape)
    return (shape[0], *shape[2:]) if step else shape, str(tensor.dtype)


def _given(call: Call) -> Any:
    """What a model, or a layer around one, is called with first."""
    return next(iter(bind(call.operation, call.place).values.values()))


def _has_tensor(value: Any) -> bool:
    return any(hasattr(item, "_keras_history") for item in load_keras().tree.flatten(value))
