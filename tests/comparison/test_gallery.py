"""Every spec of the gallery is itself, and what is saved of it is it too."""

from __future__ import annotations

from pathlib import Path

import pytest

import kspec
from kspec.model.quiet import without_keras_warnings
from tests.comparison.helpers import told
from tests.conftest import SPECS

ALL = sorted(SPECS.glob("*.yaml"))
LARGE = ("large_decoder",)
"""Too large to be built with weights."""


LONG = ("decoder", "inception", "large_decoder", "resnet50", "unet")
"""They take half a minute."""
CASES = [pytest.param(path, marks=[pytest.mark.slow] if path.stem in LONG else [], id=path.stem) for path in ALL]


@pytest.mark.parametrize("path", CASES)
def test_a_spec_is_what_was_saved_of_it(path: Path, tmp_path: Path) -> None:
    assert not kspec.diff(path, path, trust=["custom_layers"])
    if path.stem in LARGE:
        return
    model = kspec.load(path, trust=["custom_layers"]).build()
    with without_keras_warnings():
        model.save(tmp_path / "model.keras")
    found = kspec.diff(path, tmp_path / "model.keras", trust=["custom_layers"])
    assert not found, told(found)
    assert found.weights.complete
    assert found.a.numbers == found.b.numbers


@pytest.mark.slow
def test_costs_are_told_where_anything_differs() -> None:
    """The numbers of `kspec cost`; of axes that are open where their size is given."""
    from kspec.targets import know

    path, more = SPECS / "digits_mlp.yaml", ["layers.1.Dense.units=64"]
    found = kspec.diff(path, path, sets_b=more, batch_size=16)
    for side, sets in ((found.a, ()), (found.b, more)):
        known = know(path, sets=sets)
        assert side.numbers.flops == known.forward(1).flops
        assert side.numbers.train_memory == known.cost(16).memory.total
        assert side.numbers.train_batch == 16
    text = "kspec: 1\ninputs: {x: [null, 4]}\nlayers: [{Dense: 4}]"
    one, other = kspec.loads(text), kspec.loads(text.replace("Dense: 4", "Dense: 8"))
    assert kspec.diff(one, other).b.numbers.flops is None
    flops = kspec.diff(one, other, length=10).b.numbers.flops
    assert flops is not None
    assert flops >= 2 * 10 * 4 * 8
