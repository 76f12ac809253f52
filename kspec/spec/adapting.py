"""`lora` and `quantize`: what they may say, and which layers have them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from kspec import catalog
from kspec.diagnostics import Problem, Route, listing, suggestion
from kspec.spec.graph import Graph, Layer, Lora, Quantize, held_in
from kspec.spec.objects import Checker, Object
from kspec.spec.steps import Nested, Shared, Step, Unknown
from kspec.spec.values import shown
from kspec.spec.walk import Context, Here, Walk

MODES = ("int8", "int4", "float8")
"""Those that Keras takes without more; `gptq` and `awq` want data to calibrate."""
WHOLE = ("int8", "int4")
"""Modes whose weights are whole numbers, which no training changes."""
_CALIBRATED = ("gptq", "awq")
_MOST = 2**20
_WITHIN = frozenset({"MultiHeadAttention", "GroupQueryAttention"})
"""Layers that make others of which Keras's own arguments say nothing."""
_NOT_FLOAT8 = frozenset({"Embedding", "ReversibleEmbedding"})


class Fault(NamedTuple):
    """What is wrong with a value, and where inside it."""

    code: str
    message: str
    help: str
    inside: Route = ()
    at: Any = "value"


def lora(value: Any, route: Route) -> Lora | Fault | None:
    """The value of `lora`, a rank or Keras's arguments of `enable_lora`; None for false, which is none."""
    if value is False or value is None:
        return None
    given = value if isinstance(value, dict) else {"rank": value}
    for key in given:
        if key not in ("rank", "lora_alpha"):
            help = suggestion(key, ("rank", "lora_alpha"), "`lora: {rank: 8, lora_alpha: 16}`")
            return Fault("unknown-key", f"`{key}` means nothing in `lora`", help, (key,), "key")
    inside: Route = ("rank",) if isinstance(value, dict) else ()
    rank, alpha = given.get("rank"), given.get("lora_alpha")
    if "rank" not in given:
        return Fault("missing-key", "`lora` has no `rank`", "write `lora: {rank: 8, lora_alpha: 16}`", (), "key")
    if not isinstance(rank, int) or isinstance(rank, bool):
        return Fault("wrong-type", f"a rank is a whole number, not {shown(rank)}", "such as `lora: 8`", inside)
    if not 0 < rank <= _MOST:
        return Fault("wrong-value", f"a rank is at least 1 and at most {_MOST:,}, not {rank:,}", "", inside)
    if alpha is not None and (
        not isinstance(alpha, (int, float)) or isinstance(alpha, bool) or not 0 < alpha < math.inf
    ):
        message = f"`lora_alpha` is a number above 0, not {shown(alpha)}"
        return Fault("wrong-value", message, "what is learned counts `lora_alpha / rank` times", ("lora_alpha",))
    return Lora(rank, alpha, route)


def quantize(value: Any, route: Route) -> Quantize | Fault | None:
    """The value of `quantize`, a mode of Keras's; None for false, which is none."""
    if value is False or value is None:
        return None
    if not isinstance(value, str):
        return Fault("wrong-type", f"`quantize` is a mode, not {shown(value)}", f"one of {listing(MODES)}")
    if value in _CALIBRATED:
        help = f"one of {listing(MODES)}; or quantize the built model in Python"
        return Fault("not-supported", f"`{value}` wants data to calibrate with", help)
    if value not in MODES:
        help = suggestion(value, MODES, f"one of {listing(MODES)}")
        return Fault("wrong-value", f"Keras has no quantization `{value}`", help)
    return Quantize(value, route)


READERS = {"lora": lora, "quantize": quantize}


def of_step(words: dict[str, Any], route: Route, walk: Walk, context: Context) -> None:
    """The two words beside a step as values; what is wrong is noted, and left away."""
    for word, reader in READERS.items():
        if word in words and not isinstance(words[word], Unknown):
            found = reader(words[word], (*route, word))
            if isinstance(found, Fault):
                walk.wrong(found.code, found.message, (*route, word, *found.inside), context, found.help, found.at)
                del words[word]
            else:
                words[word] = found


def of_spec(word: str, value: Any, checker: Checker) -> Any:
    """A word at the top, for all layers that have it."""
    found = READERS[word](value, (word,))
    if isinstance(found, Fault):
        checker.wrong(found.code, found.message, (word, *found.inside), found.help, found.at)
        return None
    return found


def settled(
    operation: Any, name: str, words: Mapping[str, Any], here: Here, walk: Walk
) -> tuple[Lora | None, Quantize | None]:
    """What a step is given: its own words, else those around it where its layer has them."""
    found: dict[str, Any] = {}
    for word in READERS:
        value = words.get(word, getattr(here.context, word))
        if value is None or isinstance(operation, (Shared, Unknown, Graph)) or held_in(operation):
            continue  # of a block that a layer is around the layers have them
        if isinstance(operation, Object) and not has(operation, value):
            if word in words and operation.kind != "ops":
                _refuse(operation, value, here, walk)
            continue
        found[word] = value
    adapter = found.get("lora")
    check_frozen(adapter, name, words.get("trainable", here.context.trainable), here.context, walk)
    mode = found.get("quantize")
    if adapter is not None and mode is not None and mode.mode == "float8":
        message = "Keras has no LoRA in float8"
        help = f"write `lora: false` or `quantize: false` beside the layer, or {listing(WHOLE)}"
        walk.wrong("not-supported", message, adapter.route, here.context, help, "key")
    return adapter, mode


def check_taken(around: Mapping[str, Any], steps: Sequence[Step], checker: Checker) -> None:
    """Note a word at the top that no step has."""
    for word, value in around.items():
        if value is not None and not _is_taken(word, steps):
            help = f"layers that have it: {listing(having(value))}"
            checker.wrong("misplaced-word", f"no step has `{word}`", (word,), help, "key")


def _is_taken(word: str, steps: Sequence[Step]) -> bool:
    return any(
        getattr(step, word) is not None
        or (isinstance(step.operation, Nested) and _is_taken(word, step.operation.steps))
        or any(_is_taken(word, held.model.steps) for held in held_in(step.operation))
        for step in steps
    )


def check_frozen(adapter: Lora | None, name: str, trainable: bool | None, context: Context, walk: Walk) -> None:
    """Note LoRA in what is frozen: nothing of it would be trained."""
    if adapter is not None and trainable is False:
        message = f"`trainable: false` freezes what `lora` adds to `{name}`"
        help = "write `lora: false` beside the layer, or take `trainable: false` away: `lora` freezes the kernel itself"
        walk.wrong("wrong-value", message, adapter.route, context, help, "key")


def _refuse(operation: Object, value: Lora | Quantize, here: Here, walk: Walk) -> None:
    if isinstance(value, Quantize) and has(operation, value._replace(mode=WHOLE[0])):
        message, help = f"Keras cannot quantize {operation.name} to {value.mode}", f"it can to {listing(WHOLE)}"
        walk.wrong("not-supported", message, value.route, here.context, help)
        return
    word = "lora" if isinstance(value, Lora) else "quantize"
    help = f"layers that have it: {listing(having(value))}, and what holds one of them"
    walk.wrong(
        "misplaced-word", f"`{word}` means nothing beside {operation.name}", value.route, here.context, help, "key"
    )


def has(operation: Object, value: Lora | Quantize) -> bool:
    """Whether a layer, or one inside it, has LoRA or can be quantized; Keras says so by an argument of each."""
    if operation.kind == "ops" or held_in(operation):
        return False
    entry = catalog.find(operation.kind, operation.name)
    if entry is None and operation.kind == "layers":
        return True  # code of one's own: nobody knows
    if entry is not None and operation.kind == "layers" and (entry.name in _WITHIN or entry.name in having(value)):
        return True
    return any(has(each, value) for each in _inside(operation.args))


def having(value: Lora | Quantize) -> list[str]:
    """The layers of Keras that have it themselves."""
    parameter = "lora_rank" if isinstance(value, Lora) else "quantization_config"
    layers = catalog.entries("layers").values()
    found = [entry.name for entry in layers if entry.parameter(parameter) is not None]
    return [
        name for name in found if not (isinstance(value, Quantize) and value.mode == "float8" and name in _NOT_FLOAT8)
    ]


def _inside(value: Any) -> list[Object]:
    if isinstance(value, Object):
        return [value] if value.kind == "layers" else []
    items = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return [found for item in items for found in _inside(item)]


def written(value: Lora | Quantize) -> Any:
    """As the canonical spec writes it."""
    if isinstance(value, Quantize):
        return value.mode
    return value.rank if value.lora_alpha is None else {"rank": value.rank, "lora_alpha": value.lora_alpha}


def untrained(graph: Graph, frozen: bool = False) -> Iterator[Problem]:
    """Layers of whole numbers that training would leave as they are, though nothing freezes them."""
    for layer in graph.layers.values():
        yield from _untrained(layer, frozen)


def _untrained(layer: Layer, frozen: bool) -> Iterator[Problem]:
    frozen = frozen or layer.trainable is False
    if isinstance(layer.operation, Graph):
        yield from untrained(layer.operation, frozen)
    elif layer.quantize is not None and layer.quantize.mode in WHOLE and layer.lora is None and not frozen:
        message = f"{layer.quantize.mode} is for models that are trained: `{layer.name}` would not learn"
        help = "quantize what was trained without it; or write `lora: 8` or `trainable: false` beside it"
        yield Problem("not-supported", message, layer.quantize.route, help, uses=layer.uses)
    for held in held_in(layer.operation):
        yield from untrained(held.model, frozen or held.trainable is False)
