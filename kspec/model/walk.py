"""A graph's calls, one after another, on Keras: the same with weights and without."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from kspec import catalog
from kspec.diagnostics import Problem, Route, SpecError, listing, suggestion
from kspec.model import errors
from kspec.model.archive import load_saved
from kspec.model.backend import load_keras
from kspec.model.calls import call_function, call_layer
from kspec.model.heads import float32_heads
from kspec.model.levels import layers_of
from kspec.model.objects import factory, faults, make
from kspec.model.private import operation_of, rename, tensor_name
from kspec.spec.graph import Graph, Held, Input, Layer, Node, Ref, Saved, refs
from kspec.spec.objects import Object
from kspec.spec.places import placing
from kspec.spec.values import MAX_SIZE


class Walk:
    """One building of a graph and the graphs nested in it; problems are collected, wrong steps are passed by."""

    def __init__(self, with_weights: bool) -> None:
        self.keras, self.with_weights = load_keras(), with_weights
        self.problems: list[Problem] = []
        self.outputs: dict[str, tuple[str, ...]] = {}
        """What models that are steps call their outputs, by the step's name."""

    def model(self, graph: Graph, heads: frozenset[str], tensors: dict[str, Any], cls: Any = None) -> Any:
        """The keras.Model of `graph`; None where a step is wrong. `heads` are layers whose outputs stay float32, and
        `tensors` is filled with what each step gives."""
        before = len(self.problems)
        for given in graph.inputs:
            tensor = self._input(given) if given.arguments else None  # without any, it is wrong and was reported
            if tensor is not None:
                tensors[given.name] = tensor
        layers: dict[str, Any] = {}
        routes = {given.name: given.route for given in graph.inputs} | {node.name: node.route for node in graph.nodes}
        for node in graph.nodes:
            if any(ref.name not in tensors for ref in refs(node)):
                continue  # a step before it is wrong, and is reported
            result = self._call(graph, node, layers, tensors, routes, heads)
            if result is not None:
                tensors[node.name] = result
        if len(self.problems) > before or not graph.complete or any(node.name not in tensors for node in graph.nodes):
            for layer in graph.layers.values():
                self._only_make(layer, layers, heads)
            if graph.outputs is not None:  # those that are there are looked at all the same
                self._outputs(graph, tensors, heads)
            return None
        inputs = [tensors[given.name] for given in graph.inputs]
        outputs = self._outputs(graph, tensors, heads)
        if outputs is None:
            return None
        fed = inputs[0] if len(inputs) == 1 else inputs
        try:
            return (cls or self.keras.Model)(fed, outputs, name=graph.name)
        except MemoryError:
            raise
        except Exception as error:  # a person's own constructor may raise anything at all
            name, code, route = (cls.__name__, "custom-code", "class") if cls else ("the model", "wiring", "layers")
            message = f"{name} cannot be made: {type(error).__name__}: {errors.cleaned(error)}"
            self.problems.append(Problem(code, message, (route,), at="key"))
            return None

    # -- inputs and outputs ------------------------------------------------------------------------------------

    def _input(self, given: Input) -> Any:
        """A symbolic tensor; None, with the problem noted, where Keras refuses it."""
        arguments = dict(given.arguments)
        if "like" in arguments:  # a nested block's input takes the shape of what reaches it
            like = arguments["like"]
            return self.keras.Input(batch_shape=like.shape, dtype=like.dtype, name=given.name)
        if "shape" in arguments:
            arguments["shape"] = tuple(arguments["shape"])
        if "batch_shape" in arguments:
            arguments["batch_shape"] = tuple(arguments["batch_shape"])
        try:
            return self.keras.Input(**arguments, name=given.name)
        except (ValueError, TypeError) as error:
            message = f"this input cannot be made: {errors.brief(error)}"
            self.problems.append(Problem("wrong-value", message, given.route, at="key"))
            return None

    def _outputs(self, graph: Graph, tensors: dict[str, Any], heads: frozenset[str]) -> Any:
        def tensor(ref: Ref, route: Route) -> Any:
            if ref.name not in tensors:
                return None
            value = self._pick(tensors[ref.name], ref)
            if ref.output is not None and value is None:
                self.problems.append(self._no_output(ref, tensors[ref.name], route, ()))
                return None
            if isinstance(value, (list, tuple, dict)):
                message = f"`{ref.name}` gives {len(value)} tensors"
                self.problems.append(Problem("unknown-output", message, route, f"pick one: `{ref.name}.0`"))
                return None
            return self._as_float32(value, ref) if ref.name in heads else value

        if isinstance(graph.outputs, Ref):
            return tensor(graph.outputs, ("outputs",))
        if isinstance(graph.outputs, dict):
            named = {name: tensor(ref, ("outputs",)) for name, ref in graph.outputs.items()}
            return None if any(value is None for value in named.values()) else named
        found = [tensor(ref, ("outputs", index)) for index, (_, ref) in enumerate(graph.outputs)]
        return None if any(value is None for value in found) else found

    def _as_float32(self, tensor: Any, ref: Ref) -> Any:
        """A head that no layer's policy can keep in float32 (a keras.ops function) is cast."""
        if str(tensor.dtype) not in ("float16", "bfloat16"):
            return tensor
        made = operation_of(tensor)
        result = self.keras.ops.cast(tensor, "float32")
        name = made.name
        rename(made, f"{name}_compute")
        rename(operation_of(result), name)
        tensor_name(result, name)
        return result

    # -- one call ----------------------------------------------------------------------------------------------

    def _call(
        self,
        graph: Graph,
        node: Node,
        layers: dict[str, Any],
        tensors: dict[str, Any],
        routes: dict[str, Route],
        heads: frozenset[str],
    ) -> Any:
        """The tensors that a node gives; None, with the problem noted, where it cannot be built."""
        layer = graph.layers[node.layer]
        operation = layer.operation
        before = len(self.problems)
        picked = {ref: self._tensor(ref, tensors, node, operation) for ref in refs(node)}
        if len(self.problems) > before:
            return None
        positional = [_filled(item, picked) for item in node.positional]
        named = {key: _filled(item, picked) for key, item in node.named.items()}
        if not isinstance(operation, Object) or operation.kind != "ops":
            if node.layer not in layers:
                reaching = positional or [tensor for key, tensor in named.items() if key == "inputs"]
                layers[node.layer] = self._layer(layer, reaching, heads)
            if layers[node.layer] is None:
                return None
            if isinstance(operation, Graph):
                named, self.outputs[node.name] = {}, operation.output_names()
            elif isinstance(operation, Saved):
                self.outputs[node.name] = tuple(getattr(layers[node.layer], "output_names", ()))
        if isinstance(operation, Object) and not named and _is_alone(operation, positional):
            message = f"{operation.name} takes several tensors, and one reaches it"
            help = "write `from: [previous, …]`"
            self.problems.append(Problem("wiring", message, node.route, help, "key", uses=node.uses))
            return None
        try:
            if isinstance(operation, Object) and operation.kind == "ops":
                made = call_function(operation, positional, named, node, careful=not self.with_weights)
            else:
                if isinstance(operation, Saved) and named:
                    positional, named = [_by_name(layers[node.layer], named, node)], {}
                elif isinstance(operation, (Graph, Saved)) and len(positional) > 1:
                    positional = [positional]
                careful = not self.with_weights
                made = call_layer(layers[node.layer], operation, positional, named, node, careful=careful)
        except (MemoryError, SpecError):
            raise
        except Exception as error:  # Keras and JAX raise whatever they like for shapes that do not fit
            operands = [
                (str(ref), tensor, routes.get(ref.name))
                for ref in refs(node)
                for tensor in self.keras.tree.flatten(picked[ref])
            ]
            self.problems.append(errors.call(error, node, operation, operands))
            return None
        return made if self._is_right(made, node) else None

    def _is_right(self, made: Any, node: Node) -> bool:
        """Whether what a call gives can be indexed, and is as much as the step names."""
        outputs = list(made.values()) if isinstance(made, dict) else made if isinstance(made, (list, tuple)) else [made]
        for tensor in outputs:
            if max((axis or 0 for axis in getattr(tensor, "shape", ())), default=0) > MAX_SIZE:
                message = f"`{node.name}` gives {errors.shown_shape(tensor)}"
                help = f"an axis has at most {MAX_SIZE:,}"
                self.problems.append(Problem("too-large", message, node.route, help, "key", uses=node.uses))
                return False
        if len(node.names) > len(outputs):
            gives = "one tensor" if len(outputs) == 1 else f"{len(outputs)} tensors"
            message = f"`{node.name}` gives {gives}, and {len(node.names)} names are given"
            route = (*node.route[:-1], "name")
            self.problems.append(Problem("wiring", message, route, uses=node.uses))
            return False
        return True

    def _tensor(self, ref: Ref, tensors: dict[str, Any], node: Node, operation: Any) -> Any:
        made = tensors[ref.name]
        value = self._pick(made, ref)
        if value is None:
            self.problems.append(self._no_output(ref, made, (*node.route[:-1], "from"), node.uses))
        elif isinstance(value, (list, tuple, dict)):
            if len(value) == 1 and not _takes_list(operation):
                return next(iter(value.values() if isinstance(value, dict) else value))
            if not _takes_list(operation):
                message = f"`{ref.name}` gives {len(value)} tensors, and one is taken here"
                help = f"pick one, such as `from: {ref.name}.0`"
                self.problems.append(Problem("wiring", message, node.route, help, "key", uses=node.uses))
            return list(value.values()) if isinstance(value, dict) else list(value)
        return value

    def _pick(self, made: Any, ref: Ref) -> Any:
        """One output of a call; None where there is no such output."""
        if ref.output is None:
            return made
        if isinstance(ref.output, str):
            if isinstance(made, dict):
                return made.get(ref.output)
            names = self.outputs.get(ref.name, ())
            if ref.output not in names:
                return None
            return made[names.index(ref.output)] if isinstance(made, (list, tuple)) else made
        items = list(made.values()) if isinstance(made, dict) else made if isinstance(made, (list, tuple)) else [made]
        return items[ref.output] if ref.output < len(items) else None

    def _no_output(self, ref: Ref, made: Any, route: Route, uses: tuple[Route, ...]) -> Problem:
        if isinstance(ref.output, str):
            names = list(made) if isinstance(made, dict) else self.outputs.get(ref.name, ())
            message = f"`{ref.name}` has no output `{ref.output}`"
            help = suggestion(ref.output, names, f"its outputs: {listing(names)}")
            return Problem("unknown-name", message, route, help, uses=uses)
        count = len(made) if isinstance(made, (list, tuple, dict)) else 1
        have = "one output" if count == 1 else f"{count} outputs"
        message = f"`{ref.name}` has {have}; there is no `{ref.name}.{ref.output}`"
        return Problem("unknown-name", message, route, "they count from 0", uses=uses)

    def _only_make(self, layer: Layer, layers: dict[str, Any], heads: frozenset[str]) -> None:
        """Make a layer that no tensor reaches, because a step before it is wrong: its own arguments may be too."""
        operation = layer.operation
        if layer.name in layers or not isinstance(operation, (Object, Graph)):
            return
        if not isinstance(operation, Object) or operation.kind != "ops":
            layers[layer.name] = self._layer(layer, None, heads)

    # -- layers ------------------------------------------------------------------------------------------------

    def _layer(self, layer: Layer, positional: list[Any] | None, heads: frozenset[str]) -> Any:
        """The Keras layer, made at its first call; without `positional` no tensors reach it."""
        operation = layer.operation
        try:
            if isinstance(operation, Graph):
                with placing(operation.source) if operation.source is not None else nullcontext():
                    made = self._nested(operation, layer, positional, heads)
            elif isinstance(operation, Saved):
                made = load_saved(operation, layer.name, layer.route, self.with_weights)
            else:
                made = self._object(operation, layer, positional, heads)
        except SpecError as error:
            self.problems.extend(error.problems)
            return None
        if made is not None and layer.trainable is not None:
            made.trainable = layer.trainable
            _thaw(made, operation)
        return made

    def _object(self, operation: Object, layer: Layer, positional: list[Any] | None, heads: frozenset[str]) -> Any:
        policy = layer.dtype
        if policy is None and layer.name in heads:
            policy = "float32"
        given = operation.args if policy is None else {**with_policy(operation.args, policy), "dtype": policy}
        for key, value in given.items():
            if isinstance(value, Held):
                model = self._held(value, layer, positional[0], heads) if positional else None
                if model is None:
                    return None  # no tensor reaches it, or something in it is wrong, and is reported
                given = {**given, key: model}
        try:
            arguments = make(given)
        except SpecError:
            raise SpecError(faults(given, layer.uses)) from None
        make_layer = factory(operation)
        if isinstance(make_layer, type) and not issubclass(make_layer, self.keras.layers.Layer):
            problem = Problem("custom-code", f"`{operation.name}` is not a Keras layer", operation.route, at="key")
            raise SpecError(problem)
        try:
            made = make_layer(**arguments, name=layer.name)
        except (MemoryError, SpecError):
            raise
        except Exception as error:  # constructors check their arguments with any exception they like
            raise SpecError(errors.construction(error, operation, layer.uses)) from None
        return made

    def _nested(self, graph: Graph, layer: Layer, positional: list[Any] | None, heads: frozenset[str]) -> Any:
        """A block (or another spec) as a model of its own; its open inputs take the shapes that reach it."""
        inputs = graph.inputs
        if positional is not None:
            tensors = positional[0] if len(positional) == 1 and isinstance(positional[0], list) else positional
            if len(tensors) != len(inputs):
                message = f"`{layer.name}` takes {len(inputs)} inputs, and {len(tensors)} reach it"
                raise SpecError(Problem("wiring", message, layer.route, at="key", uses=layer.uses))
            inputs = tuple(
                given if given.arguments else given._replace(arguments={"like": tensor})
                for given, tensor in zip(inputs, tensors, strict=True)
            )
        inner = frozenset(float32_heads(graph)) if layer.name in heads else frozenset()
        return self._inner(graph._replace(name=layer.name, inputs=inputs), inner)

    def _held(self, held: Held[Graph], layer: Layer, tensor: Any, heads: frozenset[str]) -> Any:
        """The model that TimeDistributed is around: its input is one step in time of the tensor that reaches it."""
        graph = held.model
        if len(tensor.shape) < 3:
            message = f"`{layer.name}` takes (batch, time, …), and {errors.shown_shape(tensor)} reaches it"
            raise SpecError(Problem("shape", message, layer.route, at="key", uses=layer.uses))
        (given,) = graph.inputs
        if not given.arguments:
            shape = (tensor.shape[0], *tensor.shape[2:])
            given = given._replace(arguments={"batch_shape": shape, "dtype": str(tensor.dtype)})
        inner = frozenset(float32_heads(graph)) if layer.name in heads else frozenset()
        made = self._inner(graph._replace(name=held.name, inputs=(given,)), inner)
        if made is not None and held.trainable is not None:
            made.trainable = held.trainable
            _thaw(made, graph)
        return made

    def _inner(self, graph: Graph, heads: frozenset[str]) -> Any:
        """A model inside, with names of its own. Raises SpecError for what is wrong in it."""
        walk = Walk(self.with_weights)
        made = walk.model(graph, heads, {})
        if walk.problems:
            raise SpecError(walk.problems)
        return made


def _thaw(model: Any, operation: Any) -> None:
    """What says of itself that it is trained, in a model that is frozen as a whole: Keras freezes all that is in it."""
    if not isinstance(operation, Graph):
        return
    for made, layer in layers_of(model, operation):
        if layer.trainable is True:
            made.trainable = True
        elif layer.trainable is None:
            _thaw(made, layer.operation)


def _by_name(model: Any, named: Mapping[str, Any], node: Node) -> Any:
    """Tensors for a saved model's inputs, in the structure that it takes.

    Raises SpecError where they are not the inputs that it has.
    """
    names = list(model.input) if isinstance(model.input, dict) else [tensor.name for tensor in model.inputs]
    if set(named) != set(names):
        message = f"`{node.name}` takes {listing(names)}, not {listing(named)}"
        raise SpecError(Problem("wiring", message, (*node.route[:-1], "from"), uses=node.uses))
    return dict(named) if isinstance(model.input, dict) else [named[name] for name in names]


def with_policy(value: Any, policy: Any) -> Any:
    """Arguments in which layers (what is wrapped, an activation) have the policy of the layer around them."""
    if isinstance(value, dict):
        return {key: with_policy(item, policy) for key, item in value.items()}
    if isinstance(value, list):
        return [with_policy(item, policy) for item in value]
    if isinstance(value, Object) and value.kind == "layers":
        return value._replace(args={"dtype": policy, **with_policy(value.args, policy)})
    return value


def _takes_list(operation: Any) -> bool:
    """Whether the first thing that a call takes may be several tensors."""
    entry = catalog.find(operation.kind, operation.name) if isinstance(operation, Object) else None
    return entry is None or not entry.call or entry.call[0].tensor in ("list", "any")


def _is_alone(operation: Object, tensors: list[Any]) -> bool:
    """Whether one tensor reaches a layer whose call takes a list of them."""
    entry = catalog.find("layers", operation.name)
    if entry is None or not entry.call or entry.call[0].tensor != "list":
        return False
    return len(tensors) == 1 and not isinstance(tensors[0], (list, tuple))


def _filled(item: Any, tensors: dict[Ref, Any]) -> Any:
    if isinstance(item, Ref):
        return tensors[item]
    if isinstance(item, list):
        return [_filled(part, tensors) for part in item]
    return item
