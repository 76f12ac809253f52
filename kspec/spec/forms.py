"""The five forms beside layers, functions and blocks: reuse, repeat, residual, parallel, model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kspec.diagnostics import Route, suggestion
from kspec.spec.blocks import call_again
from kspec.spec.graph import Ref, Saved
from kspec.spec.objects import shown
from kspec.spec.stepform import refuse
from kspec.spec.steps import UNKNOWN, Shared, Step, Unknown
from kspec.spec.walk import MAX_STEPS, Context, Here, Walk


def reuse(value: Any, words: Mapping[str, Any], here: Here, walk: Walk) -> Any:
    """Call an earlier layer or block use again."""
    target = walk.filled(value, here.route, here.context)
    if target is UNKNOWN:
        return None
    if not isinstance(target, str):
        walk.wrong("wrong-type", f"`reuse` is the name of a step, not {shown(target)}", here.route, here.context)
        return None
    message = f"`{{word}}` belongs to the layer, which `{target}` makes"
    refuse(words, ("trainable", "dtype", "weights"), here, walk, message, f"write it at `{target}`")
    scope = here.context.scope
    full = scope.prefix + target
    made = scope.taken.get(full)
    if made is None or made[:1] == ("inputs",) or full in scope.tensors:
        layers = {name: route for name, route in scope.taken.items() if name not in scope.tensors}
        known = [name[len(scope.prefix) :] for name, route in layers.items() if route[:1] != ("inputs",)]
        named = f"`{target}` names a tensor, not a layer or a block use"
        message = named if full in scope.tensors else f"there is no earlier layer or block use `{target}`"
        walk.wrong("unknown-name", message, here.route, here.context, suggestion(target, known))
        return None
    wires = walk.wires(words, here)
    name = walk.name(words, target, here)
    if full in scope.uses:
        return call_again(scope.uses[full], name, wires, here, walk)
    walk.steps.append(_step(name, Shared(full), wires, words, here))
    return Ref(name)


def repeat(value: Any, words: Mapping[str, Any], here: Here, walk: Walk) -> Any:
    """A chain several times over, with a variable that walks."""
    if "layers" not in words:
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
        previous = walk.chain(words["layers"], here.beside("layers"), previous, inner._replace(uses=uses))
    scope.variables = saved
    return _named(words, previous, here, walk)


def _copies(value: Any, here: Here, walk: Walk) -> tuple[str | None, list[Any]]:
    """The walking variable and its values: ``12``, ``{i: 12}``, ``{filters: [64, 128]}``."""
    value = walk.filled(value, here.route, here.context)
    route, variable = here.route, None
    if isinstance(value, dict):
        if len(value) != 1 or not str(next(iter(value))).isidentifier():
            help = "write `{i: 12}` or `{filters: [64, 128]}`"
            walk.wrong("wrong-value", "`repeat` has one variable", route, here.context, help)
            return None, []
        ((variable, value),) = value.items()
        route = (*route, variable)
    if isinstance(value, list) and variable is not None:
        return variable, value
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        if value is not UNKNOWN:
            help = "write a count, `{i: 12}` or `{filters: [64, 128]}`"
            walk.wrong("wrong-type", f"`repeat` is a count, not {shown(value)}", route, here.context, help)
        return None, []
    if value > MAX_STEPS:
        raise walk.too_many(route, here.context)
    return variable, list(range(value))


def residual(value: Any, words: Mapping[str, Any], here: Here, walk: Walk) -> Any:
    """A chain and its input, added (or merged otherwise)."""
    begin = walk.start(words, here)
    end = walk.chain(_as_chain(value), here.route, begin, inherit(words, here.context))
    return _merged(words, "Add", [end, begin], here, walk)


def parallel(value: Any, words: Mapping[str, Any], here: Here, walk: Walk) -> Any:
    """Several chains on one input; merged, or a list of tensors."""
    begin = walk.start(words, here)
    inner = inherit(words, here.context)
    if not isinstance(value, (list, dict)) or not value:
        help = "`parallel: [[…], […]]`, or a mapping that names the chains"
        walk.wrong("wrong-type", f"`parallel` is a list of chains, not {shown(value)}", here.route, here.context, help)
        return None
    ends = []
    for key, branch in value.items() if isinstance(value, dict) else enumerate(value):
        end = walk.chain(_as_chain(branch), (*here.route, key), begin, inner)
        if isinstance(value, dict):
            walk.alias(str(key), end, (*here.route, key), here.context)
        ends.append(end)
    if "merge" not in words:
        return _named(words, ends, here, walk)
    return _merged(words, None, ends, here, walk)


def _merged(words: Mapping[str, Any], default: Any, ends: list[Any], here: Here, walk: Walk) -> Any:
    """The layer that joins chains: `merge`, or `default`."""
    value = words.get("merge", default)
    beside = here.beside("merge")
    place: Route = beside if "merge" in words else here.route
    key, args = value, None
    if isinstance(value, dict) and len(value) == 1:
        ((key, args),) = value.items()
        place = (*beside, key)
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
    if path is UNKNOWN:
        return None
    if not isinstance(path, str) or not path:
        walk.wrong("wrong-type", f"`model` is a file, not {shown(path)}", here.route, here.context)
        return None
    output = words.get("output")
    if output is not None and not isinstance(output, str):
        walk.wrong("wrong-type", f"`output` is a name, not {shown(output)}", here.beside("output"), here.context)
        return None
    base = re.sub(r"\W+", "_", path.rsplit("/", 1)[-1].rsplit(".", 1)[0]) or "model"
    name = walk.name(words, base, here)
    operation = shared(Saved(path, output), name, here.context)
    walk.steps.append(_step(name, operation, walk.wires(words, here), words, here))
    return Ref(name)


def _step(name: str, operation: Any, wires: Any, words: Mapping[str, Any], here: Here) -> Step:
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
    )


def shared(operation: Any, name: str, context: Context) -> Any:
    """The operation, or in a block that is used again the layer of its first use."""
    if context.shares is None:
        return operation
    return Shared(context.shares + name[len(context.scope.prefix) :])


def inherit(words: Mapping[str, Any], context: Context) -> Context:
    """`trainable` and `dtype` of a form or block hold for everything in it."""
    return context._replace(
        trainable=words.get("trainable", context.trainable), dtype=words.get("dtype", context.dtype)
    )


def _named(words: Mapping[str, Any], value: Any, here: Here, walk: Walk) -> Any:
    """A form's result; its `name` names that tensor."""
    name = words.get("name")
    if isinstance(name, str):
        walk.alias(name, value, here.beside("name"), here.context)
    return value


def _as_chain(value: Any) -> Any:
    return [value] if isinstance(value, (str, dict)) else value
