"""The canonical spec is its own."""

from __future__ import annotations

import yaml

from kspec import api

EXPECTING = """\
kspec: 1
inputs: {x: 4}
layers:
  - Dense: 3
    name: a
  - Dense: 2
    name: b
outputs: [a, b]
expect:
  params: {min: 1, max: 100}
  train_memory: 8GiB
  outputs: {a: [null, 3], b: {shape: [null, 2], dtype: float32}}
"""


def test_what_is_expected_of_outputs() -> None:
    text = api.loads(EXPECTING).show()
    expected = yaml.safe_load(text)["expect"]
    assert expected["outputs"] == {"a": [None, 3], "b": {"shape": [None, 2], "dtype": "float32"}}
    assert expected["train_memory"] == 8 * 2**30
    assert api.loads(text).show() == text
    text = api.loads(EXPECTING, sets=["expect.train_memory={max: 1GiB, batch_size: 64}"]).show()
    assert yaml.safe_load(text)["expect"]["train_memory"] == {"max": 2**30, "batch_size": 64}
