"""`x[:, 0]` of a model, which Keras saves as lists, comes back as the index that it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kspec import api
from kspec.importing import import_model
from kspec.model.quiet import without_keras_warnings
from tests.convert.same import assert_same_numbers, keras

KEYS = (
    (slice(None), 0),
    (slice(None), slice(None, 2)),
    (slice(None), slice(None, None, 2), slice(1, 3)),
    (slice(None), slice(-3, -1), -1),
    (slice(None), slice(None, None, -1)),
    (..., None, -1),
    (slice(None), None, ..., 0),
    (slice(None, None, 2),),
    (...,),
    (0,),
    -1,
)


@pytest.mark.parametrize("source", ["memory", "g.keras", "g.json"])
def test_indices(in_tmp: Path, source: str) -> None:
    inputs = keras.Input(batch_shape=(4, 6, 4))
    model = keras.Model(inputs, [inputs[key] for key in KEYS])
    if source == "g.keras":
        with without_keras_warnings():
            model.save(source)
    Path("g.json").write_text(model.to_json(), encoding="utf-8")
    text = import_model(model if source == "memory" else source)
    for key in (":, 0", ":, :2", ":, ::2, 1:3", ":, -3:-1, -1", ":, ::-1", "..., None, -1", "[0]"):
        assert key in text
    assert_same_numbers(model, api.loads(text).build())


def test_an_index_of_one_axis_from_a_spec() -> None:
    spec: Any = api.loads('kspec: 1\ninputs: {x: {batch_shape: [4, 6]}}\nlayers: [ops.get_item: {key: "1::2"}]\n')
    assert spec.build().output_shape == (2, 6)
