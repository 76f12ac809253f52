"""Memory of training: the estimate's parts; XLA's plan against the executable that trains; large models."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kspec
from kspec.model.cost.flows import Flows, Kept, remat
from tests.conftest import SPECS
from tests.model.cost.test_flops import known

FIVE = ["digits_mlp", "digits_cnn", "bidirectional_lstm", "decoder", "residual_cnn"]


@pytest.mark.parametrize("name", FIVE)
def test_parts_are_those_of_the_built_model(name: str) -> None:
    model = kspec.load(SPECS / f"{name}.yaml").build()
    model.optimizer.build(model.trainable_variables)
    memory = known(name).cost(16).memory
    assert memory.weights == sum(weight.value.nbytes for weight in model.weights)
    assert memory.gradients == sum(weight.value.nbytes for weight in model.trainable_variables)
    assert memory.optimizer == sum(variable.value.nbytes for variable in model.optimizer.variables)
    assert memory.total == sum(memory)


@pytest.mark.slow
@pytest.mark.parametrize("name", FIVE)
def test_the_planned_peak_is_that_of_the_executable_that_trains(name: str) -> None:
    """`memory_analysis` of Keras's own compiled step, of the real model on real arrays."""
    import jax

    batch = 32
    loaded = kspec.load(SPECS / f"{name}.yaml")
    planned = known(name).planned(batch)
    model = loaded.build()
    x, y = _batch(model, batch)
    model._symbolic_build(data_batch=(x, y))
    model.optimizer.build(model.trainable_variables)
    lists = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )
    state = tuple([variable.value for variable in each] for each in lists)
    found = jax.jit(model.train_step, donate_argnums=0).lower(state, (x, y)).compile().memory_analysis()
    peak = (
        found.argument_size_in_bytes + found.output_size_in_bytes - found.alias_size_in_bytes + found.temp_size_in_bytes
    )
    assert planned.peak == pytest.approx(peak, rel=0.1)


def _batch(model: Any, size: int) -> tuple[Any, Any]:
    from kspec.model.interface import interface_of

    interface = interface_of(model)
    rng = np.random.default_rng(0)
    x = {port.name: np.ones((size, *port.shape), port.dtype) for port in interface.inputs}
    y: dict[str, Any] = {}
    for output in interface.outputs:
        classes = any(loss.kind == "classes" for loss in output.losses)
        shape = (size, *output.shape[:-1]) if classes else (size, *output.shape)
        y[output.name] = rng.integers(0, 2, shape).astype("int32" if classes else "float32")
    return interface.pack_inputs(x), interface.pack_outputs(y)


def test_activations_grow_with_the_batch() -> None:
    sizes = [known("digits_cnn").cost(size).memory for size in (8, 16, 32)]
    assert sizes[0].activations < sizes[1].activations < sizes[2].activations
    assert sizes[2].activations - sizes[1].activations == pytest.approx(
        2 * (sizes[1].activations - sizes[0].activations), rel=0.01
    )


@pytest.mark.parametrize("limit", [5 * 10**6])
def test_the_largest_batch_is_the_largest(limit: int) -> None:
    size = known("digits_cnn").largest_batch(limit)
    assert known("digits_cnn").cost(size).memory.total <= limit < known("digits_cnn").cost(size + 1).memory.total


def test_the_largest_batch_of_too_little_memory() -> None:
    with pytest.raises(kspec.SpecError, match=r"training takes .* with one example, and 1000 bytes are allowed"):
        known("digits_cnn").largest_batch(1000)


def test_rematerialisation_keeps_what_blocks_take() -> None:
    """Two blocks of two calls: what is of use inside alone is dropped, but for the largest block's."""
    nobody = frozenset[int]()
    kept = (
        Kept(100, 0, frozenset({1}), frozenset({1})),  # inside the first block
        Kept(10, 1, frozenset({2}), frozenset({2})),  # from the first to the second
        Kept(70, 2, frozenset({3}), frozenset({3})),  # inside the second
        Kept(5, 4, frozenset({4}), nobody),  # of no block
        Kept(3, 1, nobody, frozenset({2})),  # taken by the second block, and kept for it alone
    )
    found = remat(Flows(kept, 0, {}), {0: 0, 1: 0, 2: 1, 3: 1})
    assert (found.kept, found.largest, found.again) == (18, 100, frozenset({0, 1, 2, 3}))


@pytest.mark.slow
def test_rematerialisation_of_a_decoder_saves_with_depth() -> None:
    saved = []
    for depth in (2, 4):
        cost = known("decoder", sets=[f"depth={depth}", "expect=null"]).cost(8)
        assert cost.rematerialized is not None
        saved.append(cost.memory.activations - cost.rematerialized.activations)
        assert 0.25 * cost.training < cost.again < 0.4 * cost.training
    assert saved[1] > 2 * saved[0]


LARGEST = """
import pathlib, sys
from kspec.cli import cli
cli.main(sys.argv[1:], standalone_mode=False)
peak = next(line for line in pathlib.Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
print(int(peak.split()[1]) * 1024, file=sys.stderr)
"""
"""`getrusage` would tell the peak of the process that started this one, where that is larger."""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a process's own peak")
def test_a_model_of_66_billion_parameters_takes_little_memory() -> None:
    """At most 0.9 GB, where its weights alone would take 247."""
    spec = str(Path("specs/large_decoder.yaml"))
    run = subprocess.run(
        [sys.executable, "-c", LARGEST, "summary", spec, "--format", "json"],
        cwd=SPECS.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(run.stdout)
    assert 66e9 < found["params"] < 67e9
    assert found["flops"] > 5e14
    assert int(run.stderr.splitlines()[-1]) < 0.9e9
