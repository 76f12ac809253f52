"""FLOPs: against XLA's number for the whole program, and against counts by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest

from kspec.model.cost.measure import measure, measure_forward
from kspec.model.cost.programs import Program, forward, training
from kspec.model.cost.value import Batch
from kspec.model.cost.xla import Prices, live
from kspec.model.planning import plan_model
from kspec.targets import Known, know
from tests.conftest import SPECS

GALLERY = sorted(path for path in SPECS.glob("*.yaml") if path.stem not in ("transfer", "large_decoder"))
UNADAPTED = {"class_weights": 0.04, "wide_and_deep": 0.004}
"""Where nothing has been adapted, Normalization takes 0 away, and XLA leaves that out."""
QUICK = ("digits_mlp", "lstm_states", "siamese_distance")
WHOLE = [pytest.param(path, marks=[] if path.stem in QUICK else [pytest.mark.slow], id=path.stem) for path in GALLERY]


def known(name: str | Path, **options: Any) -> Known:
    return know(SPECS / f"{name}.yaml" if isinstance(name, str) else name, trust=["custom_layers"], **options)


def _once(program: Program) -> float:
    """The FLOPs of a program, loops counted once, as XLA does."""
    return sum(operation.flops for operation in Prices().operations(program.jaxpr))


def _whole(program: Program) -> float:
    return float(program.traced.lower().cost_analysis()["flops"])


@pytest.mark.parametrize("path", WHOLE)
def test_parts_are_the_whole_that_xla_counts(path: Path) -> None:
    """The operations' sum is XLA's number for the lowered program, and each belongs to a call or to a named rest."""
    target = known(path)
    section = target.loaded.compiled.spec.compile if target.loaded is not None else None
    for program in (forward(target.model, Batch(8)), training(target.model, section, Batch(8))):
        assert _once(program) == pytest.approx(_whole(program), rel=UNADAPTED.get(path.stem, 1e-3))
    cost = target.cost(8)
    parts = [share for place, share in cost.shares.items() if len(place) == 1]
    assert sum(share.forward for share in parts) + cost.forward_rest == pytest.approx(cost.forward, rel=1e-9)
    rest = sum(flops for _, flops in cost.rest)
    assert sum(share.training for share in parts) + rest == pytest.approx(cost.training, rel=1e-9)
    assert rest < 0.5 * cost.training or cost.training < 1e6


@pytest.mark.parametrize("name", ["digits_mlp", "lstm_states"])
def test_the_optimizer_costs_what_xla_counts(name: str) -> None:
    """A step with its updates is the step without them and the optimizer."""
    target = known(name)
    assert target.loaded is not None
    section = target.loaded.compiled.spec.compile
    with_updates = _once(training(target.model, section, Batch(4), updates=True))
    cost = known(name).cost(4)
    without = _once(training(known(name).model, section, Batch(4)))
    assert dict(cost.rest)["optimizer"] == pytest.approx(with_updates - without, rel=0.02)


def _cost(outputs: Any, inputs: Any, batch: int = 4) -> tuple[float, float]:
    model = keras.Model(inputs, outputs)
    cost = measure(model, plan_model(model), None, Batch(batch))
    return cost.forward, cost.training


def test_dense_by_hand() -> None:
    x = keras.Input((100,))
    forward_flops, trained = _cost(keras.layers.Dense(200)(x), x)
    products, biases = 2 * 4 * 100 * 200, 4 * 200
    assert forward_flops == pytest.approx(products + biases, rel=0.01)
    # the first layer's input needs no gradient: one product more for the kernel's, and sums for the bias's
    assert trained == pytest.approx(2 * products + 3 * biases, rel=0.01)


def test_convolution_by_hand() -> None:
    x = keras.Input((32, 32, 8))
    forward_flops, _ = _cost(keras.layers.Conv2D(16, 3, use_bias=False)(x), x)
    assert forward_flops == pytest.approx(2 * 4 * 30 * 30 * 16 * 3 * 3 * 8, rel=0.01)


def test_attention_by_hand() -> None:
    x = keras.Input((64, 128))
    layer = keras.layers.MultiHeadAttention(4, 32, use_bias=False)
    forward_flops, _ = _cost(layer(x, x), x)
    projections = 4 * 2 * 4 * 64 * 128 * 128
    scores = 2 * 2 * 4 * 4 * 64 * 64 * 32
    softmax = 4 * 4 * 64 * 64 * 5  # scale, largest, difference, sum, quotient; exp is no FLOP in XLA's count
    assert forward_flops == pytest.approx(projections + scores + softmax, rel=0.01)


@pytest.mark.parametrize("steps", [7, 70])
def test_lstm_by_hand(steps: int) -> None:
    """A loop is counted as often as it runs."""
    x = keras.Input((steps, 20))
    forward_flops, _ = _cost(keras.layers.LSTM(48)(x), x)
    products = 2 * 4 * steps * 4 * 48 * (20 + 48)
    # two sums for each gate, the cell's three products and a sum, three for each of three sigmoids but their exp
    elements = 4 * steps * 48 * (4 * 2 + 4 + 3 * 3)
    assert forward_flops == pytest.approx(products + elements, rel=0.01)


def test_embedding_by_hand() -> None:
    """Looking up costs nothing; that an index may be out of range does: a choice for each number."""
    x = keras.Input((50,), dtype="int32")
    forward_flops, _ = _cost(keras.layers.Embedding(1000, 64)(x), x)
    chosen, indices = 4 * 50 * 64, 4 * 50
    assert forward_flops == pytest.approx(chosen + 6 * indices, rel=0.01)


def test_a_loop_without_a_known_end_is_said() -> None:
    x = keras.Input((3,))
    layer = _Loop()
    model = keras.Model(x, layer(x))
    _, _, endless = measure_forward(model, plan_model(model), Batch(1))
    assert endless


class _Loop(keras.layers.Layer):  # type: ignore[misc]
    def compute_output_shape(self, shape: Any) -> Any:
        return shape

    def call(self, x: Any) -> Any:
        return keras.ops.while_loop(lambda value: keras.ops.sum(value) < 100, lambda value: (value * 2 + 1,), (x,))[0]


@pytest.mark.parametrize("name", ["decoder", "resnet50", "unet", "large_decoder"])
def test_equal_copies_are_looked_at_once(name: str) -> None:
    """Passing over copies gives what looking at all gives."""
    target = known(
        name, sets=["depth=3", "width=64", "hidden=96", "heads=2", "length=16"] if name == "large_decoder" else []
    )
    total, shares, _ = measure_forward(target.model, target.plan, Batch(2))
    whole = _once(forward(target.model, Batch(2)))
    assert total == pytest.approx(whole, rel=1e-6)
    assert sum(value for place, value in shares.items() if len(place) == 1) == pytest.approx(whole, rel=1e-3)


def test_what_leads_nowhere_is_not_counted() -> None:
    import jax

    def work(x: Any) -> Any:
        x @ x  # thrown away
        return x + 1

    program = jax.make_jaxpr(work)(jax.ShapeDtypeStruct((8, 8), "float32")).jaxpr
    assert [equation.primitive.name for equation, _ in live(program)] == ["add"]
