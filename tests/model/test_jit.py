"""Models whose steps Keras does not compile, and JAX can."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kspec
from kspec.importing import import_model
from kspec.model.archive import load_model
from kspec.model.backend import load_keras
from kspec.model.jit import _COMPILED, compile_what_can_be
from kspec.model.quiet import without_keras_warnings

keras = load_keras()
SPEC = """kspec: 1
inputs: {x: [8, 8, 3]}
layers: [{RandomRotation: 0.1}, Flatten, {Dense: 1}]
"""
COMPILED = SPEC + "compile: {optimizer: sgd, loss: mse}\n"


def test_a_spec_is_compiled_and_saves_what_keras_saves(tmp_path: Path) -> None:
    model = kspec.loads(COMPILED).build()
    assert model.jit_compile is True
    with without_keras_warnings():
        assert model.get_compile_config()["jit_compile"] is False
        model.save(tmp_path / "m.keras")
        assert keras.saving.load_model(tmp_path / "m.keras").jit_compile is False
    assert load_model(tmp_path / "m.keras").jit_compile is True
    assert "jit_compile" not in import_model(tmp_path / "m.keras")
    assert "jit_compile" not in import_model(model)


@pytest.mark.parametrize("word", ["jit_compile: false", "run_eagerly: true"])
def test_who_wants_no_compiling_has_none(word: str) -> None:
    assert not kspec.loads(COMPILED.replace("loss:", f"{word}, loss:")).build().jit_compile


@pytest.mark.parametrize("other", ["RandomCrop: {height: 8, width: 8}", "AugMix", "RandomElasticTransform"])
def test_beside_layers_that_jax_cannot_compile(other: str) -> None:
    text = COMPILED.replace("Flatten", f"{{{other}}}, Flatten" if ":" in other else f"{other}, Flatten")
    assert kspec.loads(text).build().jit_compile is False


IMAGES: dict[str, dict[str, Any]] = {
    "RandomCrop": {"height": 6, "width": 6},
    "RandomPerspective": {},
    "RandomRotation": {"factor": 0.2},
    "RandomShear": {"x_factor": 0.2, "y_factor": 0.2},
    "RandomTranslation": {"height_factor": 0.2, "width_factor": 0.2},
    "RandomZoom": {"height_factor": 0.2},
}
FACTORS = ("Brightness", "ColorDegeneration", "Contrast", "Hue", "Posterization", "Saturation", "Sharpness")


@pytest.mark.parametrize("name", sorted(name for name in dir(keras.layers) if name.startswith("Random")))
def test_the_layers_that_keras_does_not_compile(name: str) -> None:
    """Where a new Keras has a further one, this tells of it."""
    factor: Any = 4 if name == "RandomPosterization" else 0.2
    given = IMAGES.get(name, {"factor": factor} if name.removeprefix("Random") in FACTORS else {})
    assert getattr(keras.layers, name)(**given).supports_jit is (name not in IMAGES)


@pytest.mark.parametrize("name", _COMPILED)
def test_what_is_compiled_computes_the_same(name: str) -> None:
    import jax

    images = np.random.default_rng(0).random((4, 8, 8, 3), "float32")
    layer: Any = getattr(keras.layers, name)(**IMAGES[name])
    layer(images)
    state = [variable.value for variable in layer.non_trainable_variables]
    run: Any = lambda state, images: layer.stateless_call([], state, images, training=True)  # noqa: E731
    (one, after), (other, then) = run(state, images), jax.jit(run)(state, images)
    np.testing.assert_allclose(np.asarray(one), np.asarray(other), atol=2e-5)
    for variable, another in zip(after, then, strict=True):
        np.testing.assert_array_equal(np.asarray(variable), np.asarray(another))


def test_what_cannot_be_compiled_trains() -> None:
    """Keras would compile it, and fail."""
    model = kspec.loads(COMPILED.replace("RandomRotation: 0.1", "RandomElasticTransform: {}")).build()
    assert model.jit_compile is False
    images = np.zeros((4, 8, 8, 3), "float32")
    with without_keras_warnings():
        assert np.isfinite(model.fit(images, np.zeros((4, 1)), verbose=0).history["loss"][0])


def test_a_model_that_was_never_compiled_predicts_by_programs() -> None:
    model = kspec.loads(SPEC).build()
    compile_what_can_be(model)
    assert model.jit_compile is True
