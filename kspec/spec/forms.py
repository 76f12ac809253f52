"""The five forms beside layers, functions and blocks: reuse, repeat, residual, parallel, model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from kspec.diagnostics import Route, suggestion
from kspec.spec import adapting
from kspec.spec.blocks import call_again
from kspec.spec.expressions import OTHERS, WRONG
from kspec.spec.graph import Saved
from kspec.spec.stepform import refuse
from kspec.spec.steps import UNKNOWN, Shared, Step, Unknown
from kspec.spec.values import shown
from kspec.spec.walk import MAX_STEPS, Context, Here, Walk, tensors


def reuse(value: Any, words: Mapping[str, Any], here: Here, walk: Walk) -> Any:
    """Call an earlier layer or block use again."""
    target = walk.filled(value, here.route, here.context)
    if target is UNKNOWN:
        walk.tally.named = False
        return None
    if not isinstance(target, str):
        walk.wrong("wrong-type", f"`reuse` is the name of a step, not {shown(target)}", here.route, here.context)
        return None
    message = f"`{{word}}` belongs to the layer, which `{target}` makes"
    own = ("trainable", "dtype", "weights", "lora", "quantize")
    words = refuse(words, own, here, walk, message, f"write it at `{target}`")
    scope = here.context.scope
    full = scope.prefix + target
    if not _is_made(target, here, walk):
        return None
    if walk.aliases.get(full) is UNKNOWN:
        if "name" in words:
            return walk.lost(words, here.route, here.context)
        walk.aliases[walk.name(words, target, here)] = UNKNOWN
        return UNKNOWN
    wires = walk.wires(words, here)
    name = walk.name(words, target, here)
    if full in scope.uses:
        return call_again(scope.uses[full], name, wires, here, walk)
    outputs = walk.outputs(words, name, here)
    walk.steps.append(step(name, Shared(full), wires, words, here, outputs, walk))
    return tensors(name, outputs)


def _is_made(target: str, here: Here, walk: Walk) -> bool:
    """Whether an earlier step made the layer (or the block use) that `reuse` names."""
    scope = here.context.scope
    full = scope.prefix + target
    made = scope.taken.get(full)
    if full in scope.tensors:
        message, help = f"`{target}` names a tensor, not a layer or a block use", ""
    elif made is not None and made[:1] == ("inputs",):
        message, help = f"`{target}` is an input, not a layer or a block use", ""
    elif made is not None:
        return True
    elif not walk.tally.named:
        return False
    elif target in scope.reserved:
        message, help = f"`{target}` is made further down", "`reuse` comes after what it calls again"
    else:
        layers = [name for name, route in scope.taken.items() if name not in scope.tensors and route[:1] != ("inputs",)]
        message = f"there is no earlier layer or block use `{target}`"
        help = suggestion(target, [name[len(scope.prefix) :] for name in layers if name.startswith(scope.prefix)])
    walk.wrong("unknown-name", message, here.route, here.context, help)
    return False


def repeat(value: Any, words: Mapping[str, Any], here: Here, walk: Walk) -> Any:
    """A chain several times over, with a variable that walks."""
    if "layers" not in words:
        if isinstance(value, dict) and "layers" in value:
            help = "indent it like `repeat`, without the dash"
            message = "`layers` stands inside `repeat`, and belongs beside it"
            walk.wrong("misplaced-word", message, (*here.route, "layers"), here.context, help, "key")
        else:
            help = "write `layers: [ … ]` beside `repeat`"
            walk.wrong("missing-key", "`repeat` needs `layers`", here.route, here.context, help, "key")
        return None
    variable, items = _copies(value, here, walk)
    previous = walk.start(words, here)
    inner = inherit(words, here.context)
    scope = here.context.scope
    saved = scope.variables
    for index, item in enumerate(items):
        if variable is not None:
            scope.variables = {**saved, variable: item}
        uses = (*here.context.uses, (*here.route, index))
        walk.count(here.route, here.context)
        previous = walk.chain(words["layers"], here.beside("layers"), previous, inner._replace(uses=uses))
    scope.variables = saved
    if items is _ONE:  # what as many copies as are meant would give is not known
        previous = UNKNOWN
    return _named(words, previous, here, walk)


_ONE = (WRONG,)
"""A copy for the sake of the mistakes in it, where it is not known how many there are."""


def _copies(value: Any, here: Here, walk: Walk) -> tuple[str | None, Sequence[Any]]:
    """The walking variable and its values: ``12``, ``{i: 12}``, ``{filters: [64, 128]}``."""
    variable = next(iter(value)) if isinstance(value, dict) and len(value) == 1 else None
    if variable is not None and not str(variable).isidentifier():
        help = "a variable's name has letters, digits and `_`: `{i: 12}`"
        message = f"`{variable}` cannot be a variable's name"
        walk.wrong("wrong-value", message, (*here.route, variable), here.context, help, "key")
        walk.tally.named = False
        return OTHERS, _ONE
    items = _walked(walk.filled(value, here.route, here.context), variable, here, walk)
    if items is _ONE:
        walk.tally.unsure = True
        variable = variable if variable is not None else OTHERS
    return variable, items


def _walked(value: Any, variable: str | None, here: Here, walk: Walk) -> Sequence[Any]:
    """The values that a repeat's variable takes."""
    if value is UNKNOWN:
        return _ONE
    route = here.route
    if isinstance(value, dict):
        if variable is None:
            help = "write `{i: 12}` or `{filters: [64, 128]}`"
            walk.wrong("wrong-value", f"`repeat` has one variable, not {len(value)}", route, here.context, help)
            walk.tally.named = False
            return _ONE
        value, route = value[variable], (*route, variable)
    if isinstance(value, list) and variable is not None:
        return value
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        help = "write a count, `{i: 12}` or `{filters: [64, 128]}`"
        walk.wrong("wrong-type", f"`repeat` is a count, not {shown(value)}", route, here.context, help)
        return _ONE
    if value > MAX_STEPS:
        raise walk.too_many(route, here.context)
    return range(value)


def residual(value: Any, words: Mapping[str, Any], here: Here, walk: Walk) -> Any:
    """A chain and its input, added (or merged otherwise)."""
    begin = walk.start(words, here)
    end = walk.branch(value, here.route, begin, inherit(words, here.context))
    return _merged(words, "Add", [end, begin], here, walk)


def parallel(value: Any, words: Mapping[str, Any], here: Here, walk: Walk) -> Any:
    """Several chains on one input; merged, or a list of tensors."""
    begin = walk.start(words, here)
    inner = inherit(words, here.context)
    if not isinstance(value, (list, dict)) or not value:
        help = "`parallel: [[…], […]]`, or a mapping that names the chains"
        message = f"`parallel` is a list of chains, not {shown(value)}"
        if value in ([], {}):
            message = "`parallel` has no chains"
        walk.tally.named = False
        walk.wrong("wrong-type", message, here.route, here.context, help)
        return None
    ends: list[Any] = []
    for key, branch in value.items() if isinstance(value, dict) else enumerate(value):
        end = walk.branch(branch, (*here.route, key), begin, inner)
        if isinstance(value, dict):
            walk.alias(str(key), end, (*here.route, key), here.context, "key")
        ends += end if isinstance(end, list) else [end]
    if "merge" not in words:
        return _named(words, ends, here, walk)
    return _merged(words, None, ends, here, walk)


def _merged(words: Mapping[str, Any], default: Any, ends: list[Any], here: Here, walk: Walk) -> Any:
    """The layer that joins chains: `merge`, or `default`."""
    value = words.get("merge", default)
    beside = here.beside("merge")
    key, args = value, None
    if isinstance(value, dict) and len(value) == 1:
        ((key, args),) = value.items()
    place: Route = (*beside, key) if "merge" in words else here.route
    if not isinstance(key, str):
        help = "`merge: Multiply`, or `merge: {Concatenate: {axis: 1}}`"
        walk.wrong("wrong-type", f"`merge` is a layer, not {shown(value)}", beside, here.context, help)
        return None
    own = {word: words[word] for word in ("name", "dtype", "trainable") if word in words}
    if isinstance(own.get("name"), list):
        walk.wrong("wrong-type", "`name` is one text here", here.beside("name"), here.context)
        del own["name"]
    if any(isinstance(end, Unknown) or end is None for end in ends):
        ends = UNKNOWN  # type: ignore[assignment]
    return walk.layer(key, args, own, Here(place, ends, None, here.context))


def model(value: Any, words: Mapping[str, Any], here: Here, walk: Walk) -> Any:
    """A saved model, or another spec, as one layer."""
    path = walk.filled(value, here.route, here.context)
    if not isinstance(path, str) or not path:  # without one it is not known what the step is called
        walk.tally.named = False
        if path is not UNKNOWN:
            walk.wrong("wrong-type", f"`model` is a file, not {shown(path)}", here.route, here.context)
        return None
    output = words.get("output")
    if output is not None and not isinstance(output, str):
        walk.wrong("wrong-type", f"`output` is a name, not {shown(output)}", here.beside("output"), here.context)
        return None
    base = re.sub(r"\W+", "_", path.rsplit("/", 1)[-1].rsplit(".", 1)[0]) or "model"
    name = walk.name(words, base, here)
    operation = shared(Saved(path, output), name, here.context)
    outputs = walk.outputs(words, name, here)
    walk.steps.append(step(name, operation, walk.wires(words, here), words, here, outputs, walk))
    return tensors(name, outputs)


def step(
    name: str, operation: Any, wires: Any, words: Mapping[str, Any], here: Here, outputs: tuple[str, ...], walk: Walk
) -> Step:
    """A step at its place in the spec, with its words, else those of the chain around."""
    context = here.context
    return Step(
        name,
        operation,
        wires,
        words.get("call", {}),
        words.get("trainable", context.trainable),
        words.get("dtype", context.dtype),
        words.get("weights"),
        here.route,
        context.uses,
        context.scope.prefix,
        outputs,
        *adapting.settled(operation, name, words, here, walk),
    )


def shared(operation: Any, name: str, context: Context) -> Any:
    """The operation, or in a block that is used again the layer of its first use."""
    if context.shares is None:
        return operation
    return Shared(context.shares + name[len(context.scope.prefix) :])


def inherit(words: Mapping[str, Any], context: Context) -> Context:
    """`trainable`, `dtype`, `lora` and `quantize` of a form or block hold for everything in it."""
    return context._replace(**{word: words[word] for word in INHERITED if word in words})


INHERITED = ("trainable", "dtype", "lora", "quantize")


def _named(words: Mapping[str, Any], value: Any, here: Here, walk: Walk) -> Any:
    """A form's result; its `name` names that tensor, a list in it each of several."""
    name = words.get("name")
    if isinstance(name, str):
        walk.alias(name, value, here.beside("name"), here.context)
    elif isinstance(name, list):
        count = len(value) if isinstance(value, list) else 1
        if count == len(name) and all(isinstance(each, str) for each in name):
            for index, each in enumerate(name):
                walk.alias(each, value[index] if isinstance(value, list) else value, here.beside("name"), here.context)
        elif not isinstance(value, Unknown):
            message = f"this gives {count} tensor{'s' * (count != 1)}, and {len(name)} names are given"
            walk.wrong("wiring", message, here.beside("name"), here.context)
    return value
