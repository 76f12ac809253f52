"""A graph -> Program: call after call, whatever the spec's text was. What the structure cannot say is written so."""

from __future__ import annotations

from collections import Counter
from typing import Any

from kspec.convert.code.expr import Argument, Expr, Items, Text, arguments
from kspec.convert.code.facts import Facts, gives_several
from kspec.convert.code.given import function_call, layer_arguments, tensor, word
from kspec.convert.code.names import CHAIN, Words, beside, is_counted
from kspec.convert.code.outputs import of_layers, outputs_of
from kspec.convert.code.program import (
    Apply,
    Function,
    Given,
    Kept,
    Make,
    Model,
    New,
    Op,
    Program,
    Saved,
    Statement,
    Unsaid,
)
from kspec.convert.code.values import Writer, plain
from kspec.convert.literals import quoted
from kspec.model.heads import float32_heads
from kspec.spec.canonical import is_function
from kspec.spec.compiled import Compiled
from kspec.spec.graph import Graph, Held, Input, Layer, Node, Ref, refs, with_held
from kspec.spec.graph import Saved as SavedModel
from kspec.spec.objects import Object
from kspec.spec.walk import snake_case


def unrolled(compiled: Compiled, facts: Facts, asked: frozenset[str], by_name: bool) -> Program:
    """The program of a spec's graph; the layers `asked` for have their names, and outputs that are asked for
    `by_name`. Raises Unsaid."""
    spec, graph = compiled.spec, compiled.graph
    modules: dict[str, set[str]] = {}
    writer, functions = Writer(modules), list[Function]()
    outer = beside([*compiled.registry.custom, spec.class_ or ""])
    form, pairs = outputs_of(graph, by_name)
    named = (asked | of_layers(graph)) if form == "list" else asked
    heads = float32_heads(graph) if facts.short else frozenset[str]()
    level = Level(writer, Words(outer), outer, functions, facts, named)
    inputs = [level.input(given, len(graph.inputs) == 1) for given in graph.inputs]
    level.calls(graph, heads)
    outputs = [(name, facts.output(ref, level.text(ref))) for name, ref in pairs]
    policy = None if spec.dtype_policy is None else writer.value(spec.dtype_policy)
    own = writer.own(spec.class_) if spec.class_ is not None else ""
    weights = spec.weights or ""
    body = level.body
    nested = frozenset(function.block for function in functions)
    return Program(
        spec.name,
        [],
        inputs,
        body,
        outputs,
        form,
        functions,
        policy,
        facts.short,
        weights,
        own,
        nested=nested,
        modules=modules,
    )


class Level:
    """The calls of one graph; models inside have functions of their own."""

    def __init__(
        self,
        writer: Writer,
        words: Words,
        outer: Words,
        functions: list[Function],
        facts: Facts,
        named: frozenset[str],
    ) -> None:
        self.writer, self.words, self.outer, self.functions = writer, words, outer, functions
        self.facts, self.named = facts, named
        self.several: set[str] = set()
        """Steps that give several tensors."""
        self.variables: dict[str, str] = {}
        """The variable of each step's result, or of each input."""
        self.unpacked: dict[Ref, str] = {}
        self.makers: dict[str, str] = {}
        self.body: list[Statement] = []

    def input(self, given: Input, alone: bool) -> Given:
        """An input of the model, all that it has or one of several."""
        found: dict[str, Expr] = {}
        for key, value in given.arguments.items():
            made = self.writer.value(value)
            found[key] = Items(made.items, True) if isinstance(made, Items) else made
        variable = self.variables[given.name] = self.words.fresh_input(given.name, alone)
        return Given(given.name, variable, arguments({**found, "name": plain(given.name)}.items()))

    def calls(self, graph: Graph, heads: frozenset[str]) -> None:
        """Write every call."""
        uses = Counter(node.layer for node in graph.nodes)
        asked: Counter[str] = Counter(ref.name for node in graph.nodes for ref in refs(node))
        asked.update(ref.name for ref in graph.output_refs())
        for place, node in enumerate(graph.nodes):
            following = graph.nodes[place + 1] if place + 1 < len(graph.nodes) else None
            passing = following is not None and asked[node.name] == 1 and refs(following) == [Ref(node.name)]
            self._call(node, graph.layers[node.layer], uses[node.layer] > 1, passing, heads)

    def text(self, value: Any) -> Any:
        """A tensor's expression; what is no tensor stays as it is."""
        if isinstance(value, list):
            return [self.text(item) for item in value]
        if not isinstance(value, Ref):
            return value
        if value in self.unpacked:
            return self.unpacked[value]
        variable = self.variables[value.name]
        if value.output is None:
            return variable
        if isinstance(value.output, str):
            raise Unsaid(f"`{value}` is an output of a saved model")
        return f"{variable}[{value.output}]" if value.name in self.several else variable

    def _call(self, node: Node, layer: Layer, several: bool, passing: bool, heads: frozenset[str]) -> None:
        operation = layer.operation
        if id(node) in self.facts.several_nodes:
            self.several.add(node.name)
        positional = tuple(self.text(item) for item in node.positional)
        named = {key: self.text(item) for key, item in node.named.items()}
        constants = {key: self.writer.value(item) for key, item in node.call.items()}
        what: Any
        given: tuple[Argument, ...] = ()
        if is_function(layer):
            assert not isinstance(operation, (Graph, SavedModel))
            made = self.writer.object(operation)
            what = Op(function_call(operation, made, positional, named, constants))
        elif isinstance(operation, (Graph, SavedModel)):
            what = Kept(self._model(layer, operation, positional, layer.name in heads))
            if named:
                raise Unsaid(f"`{node.name}` is given its tensors by name")
            tensors = positional[0] if len(positional) == 1 else list(positional)
            given = (Argument("", tensor(tensors)), *(Argument(word(key), item) for key, item in constants.items()))
        else:
            given = layer_arguments(operation, positional, named, constants)
            what = self._layer(layer, several, layer.name in heads, positional or (named.get("inputs"),))
        self._result(node, what, given, passing)

    def _result(self, node: Node, what: Any, given: tuple[Argument, ...], passing: bool) -> None:
        made: Any = self.facts.tensors.get(node.name)
        if node.names and gives_several(made) and len(made) == len(node.names):
            targets = tuple(self.words.fresh(name) for name in node.names)
            self.unpacked.update({Ref(node.name, index): each for index, each in enumerate(targets)})
        else:
            variable = CHAIN if passing else self.words.fresh(node.name)
            self.variables[node.name] = variable
            targets = (variable,)
        self.body.append(Apply(targets, what, given, node.name, node.route))

    def _layer(self, layer: Layer, several: bool, is_head: bool, tensors: tuple[Any, ...]) -> New | Kept:
        """A layer: made where it is called, or kept where it is called again."""
        if layer.name in self.makers:
            return Kept(self.makers[layer.name])
        policy = self.writer.value(layer.dtype) if layer.dtype is not None else Text('"float32"') if is_head else None
        assert isinstance(layer.operation, Object)
        operation = with_held(layer.operation, lambda _, held: self._held(held, layer, is_head, tensors))
        made = self.writer.object(operation, policy=policy)
        extra = [] if layer.trainable is not False else [Argument("trainable", Text("False"))]
        if layer.name in self.named or not _is_automatic(layer):
            extra.append(Argument("name", Text(quoted(layer.name))))
        if layer.weights is not None:
            raise Unsaid(f"`{layer.name}` loads weights")
        new = New(
            made._replace(arguments=(*made.arguments, *extra)), snake_case(layer.operation.name.rpartition(".")[2])
        )
        if not several:
            return new
        variable = self.makers[layer.name] = self.words.fresh(f"{layer.name}_layer")
        self.body.append(Make(variable, new, layer.name, layer.route))
        return Kept(variable)

    def _held(self, held: Held[Graph], layer: Layer, is_head: bool, tensors: tuple[Any, ...]) -> Text:
        """A model that a layer is around, in a variable."""
        if len(tensors) != 1 or not isinstance(tensors[0], str):
            raise Unsaid(f"`{layer.name}` is around a model, and is given several tensors")
        variable = self.words.fresh(f"{held.name}_model")
        function = self._function(held.name, held.model, is_head)
        made = Model(function, () if function.given else (f"{tensors[0]}[:, 0]",), ())
        thawed = self.facts.thawed_layers.get(id(layer), ())
        self.body.append(Make(variable, made, held.name, layer.route, held.trainable, held=True, thawed=thawed))
        return Text(variable)

    def _model(self, layer: Layer, operation: Graph | SavedModel, tensors: tuple[Any, ...], is_head: bool) -> str:
        """A model inside: from a file, or by a function."""
        if layer.name in self.makers:
            return self.makers[layer.name]
        variable = self.makers[layer.name] = self.words.fresh(f"{layer.name}_model")
        load, frozen = layer.weights or "", layer.trainable
        if isinstance(operation, SavedModel):
            path, cut = operation.path, operation.output or ""
            self.body.append(Saved(variable, path, cut, frozen, layer.name, layer.route, load, layer.name))
            return variable
        function = self._function(layer.name, operation, is_head)
        like = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], list) else tensors
        made = Model(function, () if function.given else tuple(like), ())
        thawed = self.facts.thawed_layers.get(id(layer), ())
        self.body.append(Make(variable, made, layer.name, layer.route, frozen, load, thawed=thawed))
        return variable

    def _function(self, title: str, graph: Graph, is_head: bool) -> Function:
        words = Words(self.outer)
        level = Level(self.writer, words, self.outer, self.functions, self.facts._replace(tensors={}), frozenset())
        given: list[Given] = []
        names: list[str] = []
        for each in graph.inputs:
            if each.arguments:
                given.append(level.input(each, len(graph.inputs) == 1))
            else:
                names.append(words.fresh("inputs" if each.name == "input" else each.name))
                level.variables[each.name] = names[-1]
        if given and names:
            raise Unsaid(f"`{title}` has inputs of two kinds")
        level.calls(graph, float32_heads(graph) if is_head else frozenset())
        name = self.outer.fresh(f"make_{title}")
        outputs = tuple(str(level.text(ref)) for ref in graph.output_refs())
        function = Function(name, "model", title, tuple(names), body=level.body, results=outputs, title=title)
        function.given = given
        if isinstance(graph.outputs, dict):
            function.names = tuple(graph.outputs)
        self.functions.append(function)
        return function


def _is_automatic(layer: Layer) -> bool:
    """Whether a layer's name is one that it has by itself, or one within a block."""
    return "." in layer.name or is_counted(layer.name, getattr(layer.operation, "name", None) or "")
