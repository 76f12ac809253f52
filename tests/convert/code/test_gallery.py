"""The gallery as code: every spec, in every style that can say it, is formatted, typed, and makes the spec's model."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kspec
from tests.conftest import SPECS, check_golden
from tests.convert.code.twins import twins

GOLDEN = Path(__file__).parent.parent / "golden" / "code"
ALL = sorted(path.stem for path in SPECS.glob("*.yaml"))
CHAINS = {
    *("bidirectional_lstm", "class_weights", "custom_layer", "digits_cnn", "digits_mlp", "mixed_precision"),
    *("mlp_784", "mnist_cnn", "switches", "tapered_mlp", "three_ways", "transfer"),
}
STYLES = ("functional", "sequential", "subclass")
WHOLE = {"decoder": "functional", "unet": "functional", "three_ways": "sequential", "multi_file": "subclass"}
QUICK = {"siamese_twin", "autoencoder", "two_headed_mlp", "three_ways"}


@pytest.fixture(autouse=True)
def _there(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(SPECS)
    yield
    import keras

    keras.config.set_dtype_policy("float32")  # the code that a test runs may have set another


def written(name: str, style: Any = "functional", **more: Any) -> str:
    notes: list[str] = []
    text = kspec.code(SPECS / f"{name}.yaml", style=style, trust=["custom_layers"], tell=notes.append, **more)
    assert not notes, notes  # the spec's own structure, not every step written out
    return text


@pytest.mark.parametrize("style", ["functional", *(pytest.param(each, marks=pytest.mark.slow) for each in STYLES[1:])])
def test_the_code_of_every_spec(style: str, tmp_path: Path) -> None:
    """That it makes the spec's model is found by `kspec.code` itself, or it would not give it out."""
    (tmp_path / "custom_layers.py").write_text("")
    for name in ALL:
        if (style == "sequential" and name not in CHAINS) or (style, name) == ("subclass", "vae"):
            with pytest.raises(kspec.UsageError) as refused:
                written(name, style)
            (problem,) = refused.value.problems
            assert problem.code == "code-style"
            assert problem.span is not None
            continue
        (tmp_path / f"{name}.py").write_text(written(name, style), encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["check", "--select", "E,F,W,I,B,UP,SIM"], ["format", "--check"]):
        given = [*ruff, *command, "--isolated", "--no-cache", "."]
        found = subprocess.run(given, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
def test_types(style: str, tmp_path: Path) -> None:
    (tmp_path / "custom_layers.py").write_text((SPECS / "custom_layers.py").read_text())
    names = [name for name in ALL if style != "sequential" or name in CHAINS]
    files = [f"{name}.py" for name in names if (style, name) != ("subclass", "vae")]
    for file in files:
        (tmp_path / file).write_text(written(file[:-3], style), encoding="utf-8")
    mypy = [sys.executable, "-m", "mypy", "--ignore-missing-imports", "--cache-dir", str(tmp_path / "cache"), *files]
    found = subprocess.run(mypy, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("name", [*WHOLE, "residual_cnn", "lstm_states"])
def test_whole_files(name: str) -> None:
    style = WHOLE.get(name, "functional")
    check_golden(GOLDEN / f"{name}.{style}.py.txt", written(name, style))


def test_a_whole_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_golden(GOLDEN / "class_weights.train.py.txt", written("class_weights", train=True))


SAME = [
    pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow])
    for name in ALL
    if name not in ("large_decoder", "resnet50", "vae")
]


@pytest.mark.parametrize("name", SAME)
def test_outputs_with_the_same_weights(name: str) -> None:
    """Layer by layer the weights of the spec's model, and the same numbers out, in all styles."""
    import keras

    loaded = kspec.load(SPECS / f"{name}.yaml", trust=["custom_layers"])
    model = loaded.build(compile=False)
    rng = np.random.default_rng(5)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(size=variable.shape, scale=0.2))
    given = {tensor.name: values(tensor, rng) for tensor in model.inputs}
    names = sorted(model.output) if isinstance(model.output, dict) else list(model.output_names)
    wanted = outputs(model, given, names)
    for style in STYLES:
        if style == "sequential" and name not in CHAINS:
            continue
        namespace: dict[str, Any] = {"__name__": "made", "__file__": str(SPECS / "made.py")}
        exec(compile(written(name, style), "made.py", "exec"), namespace)
        made = namespace["build_model"]()
        assert made.count_params() == model.count_params()
        for layer, twin in twins(model, made):
            for variable, other in zip(layer.weights, twin.weights, strict=True):
                other.assign(variable)
            if isinstance(twin, keras.layers.Normalization):
                twin.finalize_state()  # built in a trace of `call` it has that trace's statistics, until it is adapted
        for one, other in zip(wanted, outputs(made, given, names), strict=True):
            np.testing.assert_array_equal(one, other)
        keras.config.set_dtype_policy("float32")


def values(tensor: Any, rng: np.random.Generator) -> Any:
    shape = (3, *(axis or 4 for axis in tensor.shape[1:]))
    whole = "int" in str(tensor.dtype)
    return rng.integers(0, 2, shape).astype("int32") if whole else rng.normal(size=shape).astype("float32")


def outputs(made: Any, given: dict[str, Any], names: list[str]) -> list[Any]:
    import keras

    found = made(given if len(given) > 1 else next(iter(given.values())))
    if isinstance(found, dict):
        found = [found[name] for name in names]
    return [keras.ops.convert_to_numpy(each) for each in keras.tree.flatten(found)]
