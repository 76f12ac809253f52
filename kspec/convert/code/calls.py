"""Calls of layers, of functions and of models: what is made, what it is given, and what the result is called."""

from __future__ import annotations

from typing import Any, NamedTuple

from kspec.convert.code.expr import Argument, Expr, Text
from kspec.convert.code.facts import Facts, gives_several
from kspec.convert.code.frames import Bound, Frame, Tensor, split
from kspec.convert.code.given import function_call, layer_arguments, tensor, word
from kspec.convert.code.names import is_counted
from kspec.convert.code.program import Apply, Kept, Make, New, Op, Saved, Unsaid
from kspec.convert.code.values import Writer, has_variables, plain
from kspec.convert.literals import quoted
from kspec.diagnostics import Route
from kspec.spec.calling import Caller
from kspec.spec.compiled import Compiled
from kspec.spec.graph import Graph, Held, with_held
from kspec.spec.graph import Saved as SavedModel
from kspec.spec.objects import Checker, Object
from kspec.spec.steps import Nested, Step
from kspec.spec.walk import snake_case


class Here(NamedTuple):
    """Where a step stands: what is written there, and what it begins with."""

    item: dict[str, Any]
    route: Route
    previous: Tensor
    start: Tensor
    frame: Frame
    chain: str

    def beside(self, word: str) -> Route:
        """The route of a word beside the operation."""
        return (*self.route[:-1], word)


class Calls:
    """Writes single steps; `Reader` adds the forms."""

    def __init__(self, compiled: Compiled, facts: Facts, writer: Writer, named: frozenset[str]) -> None:
        self.compiled, self.facts, self.writer, self.named = compiled, facts, writer, named
        self.blocks = compiled.spec.blocks

    # -- tensors -----------------------------------------------------------------------------------------------

    def wires(self, here: Here) -> Any:
        """`from` with expressions in place of names; the previous step where it is left out."""
        if "from" not in here.item:
            return self._previous(here)
        return self._wire(here.item["from"], here)

    def _previous(self, here: Here) -> Tensor:
        if here.previous is None:
            raise Unsaid("no single input to begin with")
        return here.previous

    def _wire(self, value: Any, here: Here) -> Any:
        if isinstance(value, str):
            if value == "previous":
                return self._previous(here)
            if value == "input" and here.start is not None:
                return here.start
            return here.frame.find(value)
        if isinstance(value, list):
            found: list[Any] = []
            for item in value:
                each = self._wire(item, here)
                found += each if isinstance(each, list) and isinstance(item, str) else [each]
            return found
        if isinstance(value, dict):
            return {key: self._wire(item, here) for key, item in value.items()}
        return value

    # -- what is known of a place -------------------------------------------------------------------------------

    def copies(self, here: Here) -> tuple[Step, ...]:
        """The flat steps that were made of this one."""
        return self.facts.copies.get(here.route, ())

    def only(self, here: Here) -> Step | None:
        """One of them, where they do not differ in what stands beside them."""
        copies = self.copies(here)
        if not copies:
            return None
        first = copies[0]
        for key in ("trainable", "dtype", "weights"):
            if any(getattr(each, key) != getattr(first, key) for each in copies):
                raise Unsaid(f"copies of `{first.name}` differ in `{key}`")
        if first.weights is not None and (len(copies) > 1 or here.frame.rounds):
            raise Unsaid(f"`{first.name}` loads weights")
        return first

    def thawed(self, here: Here) -> tuple[str, ...]:
        """What is trained in the model of this step, which is frozen."""
        found = self.facts.thawed.get(here.route, frozenset([()]))
        if len(found) > 1:
            raise Unsaid("what is trained in copies of a model differs")
        return next(iter(found))

    def policy(self, step: Step | None, here: Here) -> Expr | None:
        """The dtype policy that stands beside a layer, or that it has as one that makes outputs."""
        raw = here.item.get("dtype")
        if has_variables(raw):
            return self.writer.value(here.frame.filled(raw), raw, here.frame.rename)
        if step is None:
            return None if raw is None else self.writer.value(raw)
        if step.dtype is not None:
            return self.writer.value(step.dtype)
        heads = self.facts.heads.get(here.route, frozenset())
        if len(heads) > 1:
            raise Unsaid(f"one of the copies of `{step.name}` makes an output, and stays float32")
        return Text('"float32"') if True in heads else None

    # -- layers and functions -----------------------------------------------------------------------------------

    def layer(self, key: str, value: Any, here: Here) -> Tensor:
        """A call of a layer or a function."""
        step = self.only(here)
        copies = [each.operation for each in self.copies(here) if isinstance(each.operation, Object)]
        operation = copies[0] if copies else self._checked(key, value, here)
        if operation.kind == "ops":
            return self.function(operation, value, step, here)
        operation = with_held(operation, lambda key, held: self.held(operation.name, held, value, here))
        arguments = self._arguments(operation, here)
        policy = self.policy(step, here)
        made = self.writer.object(operation, value, here.frame.rename, policy)
        if policy is not None:
            made = made._replace(arguments=_last(made.arguments, "dtype", policy))
        if step is not None and step.trainable is False:
            made = made._replace(arguments=(*made.arguments, Argument("trainable", Text("False"))))
        name = self.name_argument(operation.name, step, value, here)
        if name is not None:
            made = made._replace(arguments=(*made.arguments, Argument("name", name)))
        new = New(made, snake_case(operation.name.rpartition(".")[2]))
        own = self.own_name(value, here)
        if step is not None and step.weights is not None:
            self.refuse_weights(step)
        if not isinstance(own, str) or own not in here.frame.again:
            return self.applied(step, new, arguments, here, own)
        variable = here.frame.words.fresh(f"{own}_layer")
        here.frame.body.append(Make(variable, new, own, here.route))
        here.frame.makers[own] = lambda there: self._again(operation, variable, there)
        return self.applied(step, Kept(variable), arguments, here, own)

    def held(self, owner: str, held: Held[Nested], value: Any, here: Here) -> Text:
        """A model that the layer `owner` is around, in a variable; `value` is what stands behind the layer's colon."""
        raise NotImplementedError

    def load_step(self, step: Step, made: Any) -> None:
        """A model's own file of weights."""
        if step.weights is not None:
            made.load = step.weights

    def refuse_weights(self, step: Step) -> None:
        """A layer's own file of weights."""
        raise Unsaid(f"`{step.name}` loads weights")

    def _again(self, operation: Object, variable: str, here: Here) -> Tensor:
        """A kept layer, called once more."""
        copies = self.copies(here)
        step = copies[0] if copies else None
        return self.applied(step, Kept(variable), self._arguments(operation, here), here, here.item.get("name"))

    def _checked(self, key: str, value: Any, here: Here) -> Object:
        """The operation of a step that no copy is made of."""
        kind = "ops" if key.startswith("ops.") else "layers"
        found = Checker(self.compiled.registry, []).operation(kind, key, here.frame.filled(value), here.route)
        if found is None:
            raise Unsaid(f"`{key}` is not known without its variables")
        return found._replace(args={name: item for name, item in found.args.items() if name not in _OWN})

    def own_name(self, value: Any, here: Here) -> Any:
        """The name (or the names of the outputs) that a step is given in the text."""
        if "name" in here.item:
            return here.item["name"]
        return value["name"] if isinstance(value, dict) and isinstance(value.get("name"), str) else None

    def name_argument(self, kind: str, step: Step | None, value: Any, here: Here) -> Expr | None:
        """The name that a layer is given: the spec's, and where outputs are known by it; none within blocks, whose
        layers are many, and none that it may have by itself."""
        if not here.frame.is_top:
            return None
        own = self.own_name(value, here)
        if isinstance(own, str) and (own in self.named or not is_counted(own, kind)):
            return Text(here.frame.name_of(own)) if has_variables(own) else plain(here.frame.filled(own))
        copies = self.copies(here)
        if step is not None and len(copies) == 1 and not here.frame.rounds and step.name in self.named:
            return Text(quoted(step.name))
        return None

    def _placed(self, operation: Object, here: Here) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The tensors of a call by their place, and by name."""
        wires = self.wires(here)
        if isinstance(wires, dict):
            return (), wires
        fake = Step("", operation, wires, here.item.get("call", {}), None, None, None, here.route, (), "")
        return Caller(Checker(self.compiled.registry, [])).placed(wires, fake, fake)[0], {}

    def _constants(self, here: Here) -> dict[str, Expr]:
        """The constants of a call."""
        raw = here.item.get("call", {})
        filled = here.frame.filled(raw)
        return {key: self.writer.value(item, raw.get(key), here.frame.rename) for key, item in filled.items()}

    def _arguments(self, operation: Object, here: Here) -> tuple[Argument, ...]:
        """What a layer's call is given."""
        positional, named = self._placed(operation, here)
        return layer_arguments(operation, positional, named, self._constants(here))

    def function(self, operation: Object, value: Any, step: Step | None, here: Here) -> Tensor:
        """A function of keras.ops."""
        positional, named = self._placed(operation, here)
        if operation.name == "ops.get_item" and has_variables(value):
            raise Unsaid("an index with variables in it")
        made = self.writer.object(operation, value, here.frame.rename)
        expression = function_call(operation, made, positional, named, self._constants(here))
        return self.applied(step, Op(expression), (), here, here.item.get("name"))

    # -- results -----------------------------------------------------------------------------------------------

    def applied(
        self, step: Step | None, what: Any, arguments: tuple[Argument, ...], here: Here, own: Any, chain: bool = True
    ) -> Tensor:
        """Write the call; the tensor (or tensors) it gives, bound to the step's names."""
        frame = here.frame
        label = step.name if step is not None else str(own or "")
        is_chain = chain and "from" not in here.item and isinstance(here.previous, str) and len(arguments) == 1
        if isinstance(own, list):
            targets = tuple(frame.words.fresh(str(each)) for each in own)
            frame.body.append(Apply(targets, what, arguments, label, here.route))
            given: Any = self.facts.tensors.get(step.name) if step is not None else None
            if not gives_several(given) or len(given) != len(own):
                raise Unsaid(f"`{label}` does not name each of its outputs")
            for name, variable in zip(own, targets, strict=True):
                frame.bind(str(name), Bound(variable))
            return list(targets)
        automatic = self._automatic(here)
        target = self.target(own, automatic, here)
        frame.body.append(Apply((target,), what, arguments, label, here.route, is_chain))
        given = self.facts.tensors.get(step.name) if step is not None else None
        if isinstance(given, dict):
            raise Unsaid(f"`{label}` gives a mapping")
        bound = Bound(target, step is not None and step.route in self.facts.several)
        for name in (own, automatic):
            if isinstance(name, str):
                frame.bind(name, bound)
        if isinstance(own, str) and has_variables(own) and frame.is_far(own) and not target.endswith("]"):
            raise Unsaid(f"`{own}` is kept nowhere")
        return target

    def target(self, own: Any, automatic: str | None, here: Here) -> str:
        """The variable of a result: its own where it is asked for by name, else that of its chain."""
        frame = here.frame
        if isinstance(own, str) and has_variables(own):
            if frame.is_far(own):
                return frame.table(own)
            return frame.words.fresh(split(own)[0] or "step") if own in frame.mentioned else here.chain
        for name in (own, automatic):
            if isinstance(name, str) and name in frame.mentioned:
                return frame.words.fresh(name)
        return here.chain

    def _automatic(self, here: Here) -> str | None:
        """The name that an unnamed step has by itself, where all copies have the same."""
        names = {each.name.removeprefix(each.scope) for each in self.copies(here)}
        return names.pop() if len(names) == 1 and "name" not in here.item else None

    # -- models ------------------------------------------------------------------------------------------------

    def called(self, step: Step | None, what: Kept, variable: str, here: Here) -> Tensor:
        """A model's call."""
        wires = self.wires(here)
        inputs = list(wires.values()) if isinstance(wires, dict) else wires if isinstance(wires, list) else [wires]
        argument: Expr = tensor(inputs) if len(inputs) > 1 else tensor(inputs[0])
        if isinstance(wires, dict) and step is not None and isinstance(step.operation, SavedModel) and len(wires) > 1:
            raise Unsaid("a saved model is given its tensors by name")
        found = [Argument("", argument)]
        for key, item in here.frame.filled(here.item.get("call", {})).items():
            found.append(Argument(word(key), self.writer.value(item)))
        here.frame.makers[str(here.item.get("name") or self._automatic(here))] = lambda there: self._model_again(
            step, what, variable, there
        )
        return self.applied(step, what, tuple(found), here, here.item.get("name"))

    def _model_again(self, owner: Step | None, what: Kept, variable: str, here: Here) -> Tensor:
        copies = self.copies(here)
        return self.called(copies[0] if copies else owner, what, variable, here)

    def saved(self, step: Step, frame: Frame) -> tuple[str, Saved]:
        """A saved model in a variable."""
        operation = step.operation
        if isinstance(operation, Graph) or not isinstance(operation, SavedModel):
            raise Unsaid(f"`{step.name}` is another spec")
        if len(self.facts.copies.get(step.route, ())) != 1 or frame.rounds:
            raise Unsaid(f"`{step.name}` is there several times")
        local = step.name.removeprefix(step.scope)
        variable = frame.words.fresh(f"{local}_model")
        title = step.name if frame.is_top else ""
        made = Saved(
            variable, operation.path, operation.output or "", step.trainable, step.name, step.route, title=title
        )
        frame.body.append(made)
        return variable, made


_OWN = ("name", "dtype", "trainable")


def _last(arguments: tuple[Argument, ...], key: str, value: Expr) -> tuple[Argument, ...]:
    return (*(each for each in arguments if each.key != key), Argument(key, value))
