"""Blocks: sub-graphs with variables, put in place at each use or made a nested model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from kspec.diagnostics import Route, listing, nearest, suggestion
from kspec.spec import adapting
from kspec.spec.blockinputs import input_names, like
from kspec.spec.expressions import UNREAD, WRONG
from kspec.spec.graph import Held, Ref, indexed
from kspec.spec.objects import Known
from kspec.spec.stepform import WORDS, refuse
from kspec.spec.steps import UNKNOWN, Nested, Shared, Step, Unknown
from kspec.spec.values import shown
from kspec.spec.variables import resolve_variables
from kspec.spec.walk import Context, Here, Scope, Use, Walk, name_problem

MAX_DEPTH = 50
KEYS = ("vars", "inputs", "outputs", "layers", "nested")


def use(block: str, value: Any, words: Mapping[str, Any], here: Here, walk: Walk) -> Any:
    """A use of a block; the tensor (or tensors) it gives."""
    context = here.context
    if not _may_be_used(block, here, walk):
        return None
    words = _without_words_inside(block, value, words, here, walk)
    if isinstance(words.get("name"), list):
        help = f"name the use, as in `name: x`, and take `x.output` by the names of `outputs` in `{block}`"
        walk.wrong("wrong-type", "`name` is one text beside a block", here.beside("name"), context, help)
    name = walk.name(words, block, here)
    if name in walk.tally.doubled:
        return UNKNOWN
    body = _body(block, walk)
    variables = _variables(block, value, here, walk) if body is not None else None
    if body is None or variables is None:
        walk.aliases[name] = UNKNOWN
        return UNKNOWN
    wires = walk.wires(words, here)
    if UNREAD in input_names(block, walk):
        wires = UNKNOWN
    if body.get("nested") is True:
        return _nest(Use(block, variables, ""), name, wires, words, here, walk)
    message = f"`{{word}}` needs one layer, and `{block}` is several"
    words = refuse(words, ("call", "weights"), here, walk, message, "make the block `nested: true`")
    inner = context._replace(
        trainable=words.get("trainable", context.trainable),
        dtype=words.get("dtype", context.dtype),
        lora=words.get("lora", context.lora),
        quantize=words.get("quantize", context.quantize),
        uses=(*context.uses, here.route),
    )
    if context.shares is not None:
        inner = inner._replace(shares=context.shares + name[len(context.scope.prefix) :] + ".")
    return _inline(Use(block, variables, f"{name}."), name, wires, inner, here, walk)


def _may_be_used(block: str, here: Here, walk: Walk) -> bool:
    """Whether a block neither is inside itself nor too deep in others."""
    around = here.context.blocks
    if block in around:
        chain = " → ".join((*around, block))
        walk.wrong("block-recursion", f"a block cannot use itself: {chain}", here.route, here.context, at="key")
        return False
    if len(around) >= MAX_DEPTH:
        message, help = f"blocks use each other more than {MAX_DEPTH} deep", "put some of them into one"
        walk.wrong("block-recursion", message, here.route, here.context, help, at="key")
        return False
    return True


class Place(NamedTuple):
    """What stands in the place of a layer: its name, what is given to it, and the other arguments of the layer
    around."""

    block: str
    value: Any
    route: Route
    rest: dict[str, Any]


def place(known: Known, value: Any, route: Route) -> Place | None:
    """What may be a block behind a layer's colon: `TimeDistributed: frame`, or `{layer: {frame: {width: 8}}}`."""
    if not known.first or known.parameters[known.first].object != "layers":
        return None
    rest: dict[str, Any] = {}
    if isinstance(value, dict) and known.first in value:
        rest = {key: item for key, item in value.items() if key != known.first}
        value, route = value[known.first], (*route, known.first)
    if isinstance(value, str):
        return Place(value, None, route, rest)
    if isinstance(value, dict) and len(value) == 1:
        ((block, given),) = value.items()
        return Place(str(block), given, (*route, block), rest)
    return None


def held(place: Place, words: Mapping[str, Any], owner: str, here: Here, walk: Walk) -> Held[Nested] | None:
    """The model that the layer `owner` is around, with Keras's `name` and `trainable` inside, as layers have them
    there; None, with the problem noted, where it is wrong. `words` are those beside the owner."""
    block, context = place.block, here.context
    if owner not in TAKE_MODELS:
        message, help = f"{owner} is around a layer, and `{block}` is a model", f"{listing(TAKE_MODELS)} takes one"
        walk.wrong("wrong-value", message, here.route, context, help, "key")
        return None
    own = _own(block, walk) if _may_be_used(block, here, walk) and _body(block, walk) is not None else None
    if own is None:
        return None
    given = place.value if isinstance(place.value, dict) else {}
    strange = [word for word in given if word in WORDS and word not in own and word not in _OF_MODEL]
    for word in strange:
        message, help = f"`{word}` stands inside {block}; it is kspec's word", f"write it beside {owner}"
        walk.wrong("misplaced-word", message, (*here.route, word), context, help, "key")
    if strange:
        return None
    words_inside = {word: given[word] for word in _OF_MODEL if word in given and word not in own}
    inside = walk.filled(words_inside, here.route, context)
    left = {key: item for key, item in given.items() if key not in words_inside}
    variables = _variables(block, left if words_inside else place.value, here, walk)
    if variables is None or inside is UNKNOWN:
        return None
    for word, item in inside.items():
        if not isinstance(item, _OF_MODEL[word]):
            what = "a text" if word == "name" else "true or false"
            walk.wrong("wrong-type", f"`{word}` is {what}, not {shown(item)}", (*here.route, word), context)
            return None
    name, trainable = inside.get("name", block), inside.get("trainable")
    if (wrong := name_problem(name)) is not None:
        walk.wrong("wrong-value", wrong[0], (*here.route, "name"), context, wrong[1])
        return None
    names = input_names(block, walk)
    if len(names) != 1:
        message = f"{owner} gives one tensor, and `{block}` takes {len(names)} ({listing(names)})"
        walk.wrong("wiring", message, here.route, context, "let the block have one input", "key")
        return None
    nested = _nested(Use(block, variables, ""), names, words, here, walk)
    if isinstance(nested.outputs, (list, dict)) and len(nested.outputs) > 1:
        message = f"{owner} takes one tensor, and `{block}` gives {len(nested.outputs)}"
        walk.wrong("wiring", message, here.route, context, "let the block have one output", "key")
        return None
    if isinstance(nested.outputs, (list, dict)):  # the layer around wants a tensor, and no list or mapping of one
        (only,) = nested.outputs.values() if isinstance(nested.outputs, dict) else nested.outputs
        nested = nested._replace(outputs=only)
    frozen = trainable if trainable is not None else words.get("trainable", context.trainable)
    adapting.check_frozen(words.get("lora", context.lora), name, frozen, context, walk)
    return Held(name, nested, trainable, here.route, context.uses)


TAKE_MODELS = ("TimeDistributed",)
"""Layers that can be around a model; others want a recurrent layer, a cell, or a kernel."""
_OF_MODEL = {"name": str, "trainable": bool}
"""Arguments of keras.Model that stand among a block's variables where it is in the place of a layer."""


def _without_words_inside(
    block: str, value: Any, words: Mapping[str, Any], here: Here, walk: Walk
) -> Mapping[str, Any]:
    """kspec's words that stand among a block's variables are noted, and known for what they say of wiring and name."""
    body = walk.blocks[block]
    variables = body.get("vars") if isinstance(body, dict) else None
    inside = [key for key in value if key in WORDS and key not in (variables or ())] if isinstance(value, dict) else []
    for word in inside:
        message = f"`{word}` stands inside {block}; it is kspec's word and stands beside it"
        help = f"indent it like `{block}`, without the dash"
        walk.wrong("misplaced-word", message, (*here.route, word), here.context, help, "key")
    if "from" in inside:
        words = {**words, "from": UNKNOWN}
    return {"name": value["name"], **words} if "name" in inside else words


def call_again(used: Use, name: str, wires: Any, here: Here, walk: Walk) -> Any:
    """An earlier use of a block once more, with the same layers."""
    context = here.context._replace(shares=used.prefix, uses=(*here.context.uses, here.route))
    return _inline(used._replace(prefix=f"{name}."), name, wires, context, here, walk)


def _inline(used: Use, name: str, wires: Any, context: Context, here: Here, walk: Walk) -> Any:
    """The block's steps in place, named after the use; `context` is theirs but for the scope."""
    block = used.block
    context.scope.uses[name] = used._replace(prefix=context.shares or used.prefix)
    scope = Scope(used.prefix, used.variables, context.scope.taken)
    inputs = _inputs(block, wires, scope, here, walk)
    inner = context._replace(scope=scope, blocks=(*context.blocks, block))
    result = _outputs(block, _steps(block, inputs, inner, walk), scope, walk)
    walk.aliases[name] = result
    if isinstance(result, dict):
        walk.aliases.update((f"{name}.{key}", item) for key, item in result.items())
        return list(result.values())
    return result


def _nest(used: Use, name: str, wires: Any, words: Mapping[str, Any], here: Here, walk: Walk) -> Any:
    """A use of the block as a nested model."""
    context = here.context
    made = _nested(used, input_names(used.block, walk), words, here, walk)
    shared = context.shares
    operation = made if shared is None else Shared(shared + name[len(context.scope.prefix) :])
    outputs = made.outputs
    trainable, weights = words.get("trainable", context.trainable), words.get("weights")
    adapting.check_frozen(words.get("lora", context.lora), name, trainable, context, walk)
    call, prefix = words.get("call", {}), context.scope.prefix
    walk.steps.append(Step(name, operation, wires, call, trainable, None, weights, here.route, context.uses, prefix))
    if isinstance(outputs, (dict, list)):
        if isinstance(outputs, dict):
            walk.aliases.update((f"{name}.{key}", Ref(name, index)) for index, key in enumerate(outputs))
        return [Ref(name, index) for index in range(len(outputs))]
    return Ref(name)


def _nested(used: Use, names: tuple[str, ...], words: Mapping[str, Any], here: Here, walk: Walk) -> Nested:
    """The block as a model: its own walk, its own names; `words` are those beside the step.

    `trainable` freezes the model itself, and is not for here; a policy is its layers'.
    """
    context, block = here.context, used.block
    inner = walk.inside()
    scope = Scope("", used.variables, dict.fromkeys(names, ("blocks", block, "inputs")))
    policy = words.get("dtype", context.dtype)
    more = (words.get("lora", context.lora), words.get("quantize", context.quantize))
    below = Context(scope, (*context.uses, here.route), None, policy, None, (*context.blocks, block), *more)
    last = _steps(block, {key: Ref(key) for key in names}, below, inner)
    outputs = _outputs(block, last, scope, inner)
    own = like(block, used.variables, below.uses, walk)
    return Nested(block, names, tuple(inner.steps), inner.aliases, outputs, own)


def look(block: str, walk: Walk) -> tuple[Nested, ...]:
    """A block that nobody uses, so that its mistakes are found: variables that a use would give are not known."""
    variables = _own(block, walk) if _body(block, walk) is not None else None
    if variables is None:
        return ()
    given = {name: WRONG if value is None else value for name, value in variables.items()}
    done = {name for name, value in variables.items() if value is None}
    resolved = resolve_variables(given, done, walk.variables, ("blocks", block, "vars"), walk.checker)
    values = {name: WRONG if name in variables else value for name, value in resolved.items()}
    names = input_names(block, walk)
    inner = walk.inside()
    scope = Scope("", values, dict.fromkeys(names, ("blocks", block, "inputs")))
    last = _steps(block, {key: Ref(key) for key in names}, Context(scope, blocks=(block,)), inner)
    like(block, values, (), walk)
    return (Nested(block, names, tuple(inner.steps), inner.aliases, _outputs(block, last, scope, inner)),)


def _steps(block: str, inputs: Mapping[str, Any], context: Context, walk: Walk) -> Any:
    walk.tally.used.add(block)
    start = next(iter(inputs.values())) if len(inputs) == 1 else None
    return walk.chain(walk.blocks[block]["layers"], ("blocks", block, "layers"), start, context)


def _body(block: str, walk: Walk) -> dict[str, Any] | None:
    """The block's definition, its own form checked once."""
    body = walk.blocks[block]
    base: Route = ("blocks", block)
    if not isinstance(body, dict):
        help = f"write `{block}: {{layers: [ … ]}}`"
        walk.once("wrong-type", f"a block is a mapping, not {shown(body)}", base, help)
        return None
    for key in body:
        if key not in KEYS:
            help = suggestion(key, KEYS, f"a block has {listing(KEYS)}")
            walk.once("unknown-key", f"`{key}` means nothing in a block", (*base, key), help, "key")
    if "nested" in body and not isinstance(body["nested"], bool):
        walk.once("wrong-type", f"`nested` is true or false, not {shown(body['nested'])}", (*base, "nested"))
    if not isinstance(body.get("layers"), list):
        if "layers" in body:
            help = "begin each step with `- `"
            walk.once("wrong-type", f"`layers` is a list, not {shown(body['layers'])}", (*base, "layers"), help, "key")
        elif not any(key not in KEYS and nearest(key, ["layers"]) for key in body):
            walk.once("missing-key", f"the block `{block}` has no `layers`", base, "add `layers:`", "key")
        return None
    return body


def _own(block: str, walk: Walk) -> dict[str, Any] | None:
    """The block's variables with their defaults."""
    defaults = walk.blocks[block].get("vars") or {}
    if not isinstance(defaults, dict):
        walk.once("wrong-type", f"`vars` is a mapping, not {shown(defaults)}", ("blocks", block, "vars"))
        return None
    if any(nearest(key, ["vars"]) and key not in KEYS for key in walk.blocks[block]):
        return None  # misspelt, and reported
    wrong = [key for key in defaults if not isinstance(key, str)]
    for key in wrong:
        help = "a name has letters, digits and `_`"
        walk.once("wrong-value", f"`{key}` cannot be a variable's name", ("blocks", block, "vars", key), help, "key")
    if wrong:
        return None
    return defaults


def _variables(block: str, value: Any, here: Here, walk: Walk) -> dict[str, Any] | None:
    """The block's variables: the caller's values over its own defaults, over the spec's variables."""
    defaults = _own(block, walk)
    given = walk.filled(value, here.route, here.context)
    if defaults is None or given is UNKNOWN:
        return None
    if given is not None and not isinstance(given, dict):
        if not defaults:
            walk.wrong("wrong-value", f"the block `{block}` has no variables", here.route, here.context)
            return None
        if isinstance(given, list) and given and all(isinstance(item, dict) and len(item) == 1 for item in given):
            pairs = ", ".join(f"{key}: …" for item in given for key in item)
            message, help = f"the variables of `{block}` are a mapping, not a list", f"write `{{{pairs}}}`"
            walk.wrong("wrong-type", message, here.route, here.context, help)
            return None
        given = {next(iter(defaults)): given}
    given = given or {}
    strange = [key for key in given if key not in defaults]
    for key in strange:
        if key not in WORDS:
            help = suggestion(key, defaults, f"its variables: {listing(defaults)}" if defaults else "it has none")
            message = f"the block `{block}` has no variable `{key}`"
            walk.wrong("unknown-argument", message, (*here.route, key), here.context, help, "key")
    meant = {nearest(key, defaults) for key in strange}  # what is misspelled is not missing too
    missing = [key for key, default in defaults.items() if default is None and given.get(key) is None]
    if missing and not meant.issuperset(missing):
        help = f"write `{block}: {{{', '.join(f'{key}: …' for key in missing)}}}`"
        message = f"the block `{block}` needs {listing(missing)}"
        walk.wrong("missing-variable", message, here.route, here.context, help, "key")
    if missing:
        return None
    base: Route = ("blocks", block, "vars")
    return resolve_variables({**defaults, **given}, set(given), walk.variables, base, walk.checker)


def _inputs(block: str, wires: Any, scope: Scope, here: Here, walk: Walk) -> dict[str, Any]:
    """The caller's tensors under the block's own names for them."""
    names = input_names(block, walk)
    if isinstance(walk.blocks[block].get("inputs"), dict):
        message = f"`{block}` is no model here, and its inputs are what reaches it"
        help = "make it `nested: true`, or list the names alone"
        walk.once("wrong-value", message, ("blocks", block, "inputs"), help, "key")
    if isinstance(wires, Unknown):
        values: dict[str, Any] = dict.fromkeys(names, wires)
    elif isinstance(wires, dict):
        values = {name: wires.get(name, UNKNOWN) for name in names}
        if set(wires) != set(names):
            message = f"the block `{block}` takes {listing(names)}; `from` gives {listing(wires)}"
            walk.wrong("wiring", message, here.beside("from"), here.context)
    elif len(names) == 1:
        values = {names[0]: wires}
    elif isinstance(wires, list) and len(wires) == len(names):
        values = dict(zip(names, wires, strict=True))
    else:
        count = len(wires) if isinstance(wires, list) else 1
        message = f"the block `{block}` takes {len(names)} inputs ({listing(names)}), not {count}"
        help = f"`from: [{', '.join(names)}]`, with the names of your tensors"
        walk.wrong("wiring", message, here.route, here.context, help, "key")
        values = dict.fromkeys(names, UNKNOWN)
    for name, value in values.items():
        scope.taken.setdefault(scope.prefix + name, ("blocks", block, "inputs"))
        scope.tensors.add(scope.prefix + name)
        walk.aliases[scope.prefix + name] = value
    return values


def _outputs(block: str, last: Any, scope: Scope, walk: Walk) -> Any:
    """The block's result: its last step, or what `outputs` names."""
    outputs = walk.blocks[block].get("outputs")
    if outputs is None:
        return last
    route: Route = ("blocks", block, "outputs")
    if outputs == UNREAD or (isinstance(outputs, list) and UNREAD in outputs):
        walk.tally.named = False
        return UNKNOWN
    if isinstance(outputs, str):
        return _output(outputs, route, scope, walk)
    if isinstance(outputs, list) and outputs and all(isinstance(name, str) for name in outputs):
        found = {name: _output(name, (*route, index), scope, walk) for index, name in enumerate(outputs)}
        return found if len(found) > 1 else found[outputs[0]]
    if isinstance(outputs, dict) and outputs and all(isinstance(name, str) for name in outputs.values()):
        return {str(key): _output(name, (*route, key), scope, walk) for key, name in outputs.items()}
    message = "`outputs` is a name, a list of names, or a mapping to names"
    walk.once("wrong-type", message, route)
    return last


def _output(name: str, route: Route, scope: Scope, walk: Walk) -> Any:
    """The tensor of one output, which is a step or an input of the block."""
    full = scope.prefix + name
    names = (full, indexed(full)[0])
    if any(each in scope.taken or each in walk.aliases for each in names) or not walk.tally.named:
        return Ref(full)
    known = {each for each in (*scope.taken, *walk.aliases) if each.startswith(scope.prefix)}
    local = sorted(each[len(scope.prefix) :] for each in known)
    help = suggestion(name, local, f"names here: {listing(local, 8)}")
    walk.once("unknown-output", f"the block `{route[1]}` has no step `{name}`", route, help)
    return UNKNOWN
