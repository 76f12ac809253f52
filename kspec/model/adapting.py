"""LoRA and quantization of a model's layers, by Keras's own `enable_lora` and `quantize`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from kspec.diagnostics import Note, Problem, Route, SpecError
from kspec.model import errors
from kspec.model.levels import layers_of, levels
from kspec.model.private import layers_in, quantized_abstractly
from kspec.model.quiet import without_keras_warnings
from kspec.model.weights import load_all
from kspec.spec.graph import Graph, Layer, Lora, Quantize


def adapt(model: Any, graph: Graph, *, with_weights: bool) -> list[Problem]:
    """Quantize a model's layers, then give them LoRA, as its graph says: with values, or only in shapes and dtypes.

    What cannot be done is told, each at its line.
    """

    def work(made: Any, layer: Layer) -> Iterator[Problem]:
        if layer.quantize is not None:
            yield from _quantized(made, layer, layer.quantize, with_weights)

    found = [*_each(model, graph, work), *_each(model, graph, _adapted)]
    return found or [
        *_in_vain(model, graph, "lora", lambda layer: getattr(layer, "lora_enabled", False)),
        *_in_vain(model, graph, "quantize", lambda layer: getattr(layer, "quantization_mode", None)),
    ]


def _in_vain(model: Any, graph: Graph, word: str, has: Callable[[Any], Any]) -> list[Problem]:
    """What is asked for where no layer has it: of saved models, and of code, nobody knows before."""
    routes = [asked.route for layer in graph.layers.values() if (asked := getattr(layer, word)) is not None]
    if not routes or any(has(layer) for layer in layers_in(model)):
        return []
    return [Problem("misplaced-word", f"`{word}` finds no layer that has it", routes[0], at="key")]


def load_and_adapt(
    model: Any, graph: Graph, weights: str | None, fill: Callable[[Any], None] | None = None
) -> list[Problem]:
    """Load the weights, then quantize and give LoRA; but a file that was saved of the model when it had been quantized,
    or with its LoRA apart, fits afterwards only. `fill` is given the model between the two.

    Raises SpecError where a file does not fit.
    """
    try:
        load_all(model, graph, weights)
    except SpecError as before:
        if problems := adapt(model, graph, with_weights=True):
            return problems
        try:
            load_all(model, graph, weights)
        except SpecError:
            raise before from None
        return []
    if fill is not None:
        fill(model)
    return adapt(model, graph, with_weights=True)


def asked(graph: Graph) -> bool:
    """Whether a graph says anything of the kind."""
    own = any(layer.lora is not None or layer.quantize is not None for layer in graph.layers.values())
    return own or any(asked(inner) for inner in graph.levels())


def _each(model: Any, graph: Graph, work: Callable[[Any, Layer], Iterator[Problem]]) -> list[Problem]:
    """`work` on every layer of a graph, on those of models inside first."""
    found = [problem for made, inner in levels(model, graph) for problem in _each(made, inner, work)]
    for made, layer in layers_of(model, graph):
        if layer.lora is not None or layer.quantize is not None:
            found += work(made, layer)
    return found


def _quantized(made: Any, layer: Layer, asked: Quantize, with_weights: bool) -> Iterator[Problem]:
    """As Keras's `Model.quantize`: every layer inside that holds no other."""
    for each in layers_in(made):
        if not hasattr(each, "quantization_config") or (each is not made and len(layers_in(each)) > 1):
            continue
        try:
            with without_keras_warnings():
                if with_weights:
                    each.quantize(asked.mode)
                else:
                    quantized_abstractly(each, asked.mode)
        except NotImplementedError:
            if each is made:
                message = f"Keras cannot quantize `{layer.name}` to {asked.mode}"
                yield Problem("not-supported", message, asked.route, notes=_layer(layer, asked.route), uses=layer.uses)
        except ValueError as error:
            message = f"`{each.name}` cannot be quantized: {errors.brief(error)}"
            yield Problem("wrong-value", message, asked.route, notes=_layer(layer, asked.route), uses=layer.uses)


def _adapted(made: Any, layer: Layer) -> Iterator[Problem]:
    if layer.lora is None:
        return
    for each in layers_in(made):
        if not hasattr(each, "enable_lora") or each.lora_enabled:
            continue
        if problem := _too_high(each, layer.lora, layer):
            yield problem
            continue
        try:
            with without_keras_warnings():
                each.enable_lora(layer.lora.rank, lora_alpha=layer.lora.lora_alpha)
        except (ValueError, NotImplementedError) as error:
            message = f"`{each.name}` cannot have LoRA: {errors.brief(error)}"
            yield Problem(
                "wrong-value", message, layer.lora.route, notes=_layer(layer, layer.lora.route), uses=layer.uses
            )


def _too_high(layer: Any, lora: Lora, step: Layer) -> Problem | None:
    """Two matrices of a rank above the kernel's own learn nothing that the kernel could not."""
    *taken, given = _kernel_shape(layer)
    most = min(math.prod(taken), given)
    if lora.rank <= most:
        return None
    shape = (*taken, given)
    message = f"rank {lora.rank} is more than the kernel of `{layer.name}`, {shape}, has: {most}"
    help = "write a lower rank, or `lora: false` beside that layer"
    return Problem("wrong-value", message, lora.route, help, notes=_layer(step, lora.route), uses=step.uses)


def _layer(layer: Layer, asked: Route) -> tuple[Note, ...]:
    """Where the layer is, for a word that stands around it."""
    return () if asked[:-1] in (layer.route, layer.route[:-1]) else (Note(f"`{layer.name}`", layer.route),)


def _kernel_shape(layer: Any) -> tuple[int, ...]:
    """As it was before it was packed."""
    if hasattr(layer, "embeddings"):
        return int(layer.input_dim), int(layer.output_dim)
    shape = getattr(layer, "original_kernel_shape", None) or layer.kernel.shape
    return tuple(int(axis) for axis in shape)
