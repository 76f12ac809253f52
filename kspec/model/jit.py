"""Which models' steps are compiled. Keras judges layers by what TensorFlow can compile, and JAX can more."""

from __future__ import annotations

from typing import Any

from kspec.model.backend import load_keras
from kspec.model.private import layers_in

_COMPILED = ("RandomPerspective", "RandomRotation", "RandomShear", "RandomTranslation", "RandomZoom")
"""Layers of `keras.layers` that say `supports_jit = False`, and compute the same where JAX compiles them."""
_RUN = ("AugMix", "RandomElasticTransform")
"""Layers that do not say so, and that JAX cannot compile, or not to the same."""


def keras_compiles(model: Any) -> bool:
    """Whether Keras takes `jit_compile="auto"` as true for this model's layers."""
    known = _classes(_COMPILED)
    return all(layer.supports_jit and type(layer) not in known for layer in layers_in(model))


def compile_what_can_be(model: Any) -> None:
    """Have a model compiled that Keras would run operation by operation, for layers that JAX compiles well; not one
    that runs eagerly, nor one with other layers that speak against it. What cannot be compiled is run so in any case.

    A configuration of `compile` that was made before stays as it is: with Keras alone the model runs as ever.
    """
    if model.run_eagerly:
        return
    known, layers = _classes(_COMPILED), layers_in(model)
    if any(type(layer) in _classes(_RUN) for layer in layers):
        model.jit_compile = False
        return
    refused = [layer for layer in layers if not layer.supports_jit]
    if refused and known.issuperset(map(type, refused)):
        for layer in refused:
            layer.supports_jit = True
        model.jit_compile = True


def _classes(names: tuple[str, ...]) -> set[type]:
    layers = load_keras().layers
    return {getattr(layers, name) for name in names}
