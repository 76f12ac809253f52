"""Keras's applications as specs: as short as people write them, and the same models."""

from __future__ import annotations

import functools
import gc
from pathlib import Path

import jax
import pytest

from kspec import api
from kspec.importing import import_model
from kspec.model.private import abstract_variables
from tests.conftest import check_golden
from tests.convert.same import assert_same_numbers, form, keras

GOLDEN = Path(__file__).parent / "golden"
LINES = {"ResNet50": 120, "MobileNetV2": 60, "EfficientNetB0": 74, "InceptionV3": 160}
SMALL = ("VGG16", "MobileNet", "ConvNeXtTiny")
FURTHER = ("ResNet50V2", "Xception", "DenseNet121", "MobileNetV3Small")
EVERY = sorted(name for name, made in vars(keras.applications).items() if name[:1].isupper() and callable(made))


@functools.cache
def text_of(name: str) -> str:
    return import_model(f"keras.applications.{name}")


@pytest.mark.parametrize("name", LINES)
def test_golden(name: str) -> None:
    text = text_of(name)
    assert len(text.splitlines()) <= LINES[name]
    check_golden(GOLDEN / f"{name}.yaml", text)


def check_form(name: str) -> None:
    """Equal configurations but for names, and as many parameters; nothing is allocated."""
    with abstract_variables():
        model = getattr(keras.applications, name)(weights=None)
    again = api.loads(text_of(name)).abstract()[0].model
    assert form(again) == form(model)
    assert again.count_params() == model.count_params()
    assert import_model(again) == text_of(name)


@pytest.mark.parametrize("name", [*SMALL, *(pytest.param(name, marks=pytest.mark.slow) for name in FURTHER)])
def test_small_ones(name: str) -> None:
    check_form(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MobileNetV2", "MobileNet", "ResNet50"])
def test_some_in_numbers(name: str) -> None:
    check_numbers(name)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", EVERY)
def test_every_one(name: str) -> None:
    check_form(name)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", EVERY)
def test_every_one_in_numbers(name: str) -> None:
    check_numbers(name)


def check_numbers(name: str) -> None:
    """With the weights of one in the other, the same numbers."""
    keras.utils.clear_session()
    model = getattr(keras.applications, name)(weights=None)
    assert_same_numbers(model, api.loads(text_of(name)).build())
    del model
    jax.clear_caches()  # forty large models, and what was compiled for them, are more than a machine's memory
    gc.collect()
