"""Losses, metrics, optimizers and the rest of the catalogue against Keras's."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from kspec import catalog

from . import made

ARGUMENTS: dict[str, dict[str, Any]] = {
    "metrics.IoU": {"num_classes": 2, "target_class_ids": [0]},
    "metrics.MeanIoU": {"num_classes": 2},
    "metrics.OneHotIoU": {"num_classes": 2, "target_class_ids": [0]},
    "metrics.OneHotMeanIoU": {"num_classes": 2},
    "metrics.PrecisionAtRecall": {"recall": 0.5},
    "metrics.RecallAtPrecision": {"precision": 0.5},
    "metrics.SensitivityAtSpecificity": {"specificity": 0.5},
    "metrics.SpecificityAtSensitivity": {"sensitivity": 0.5},
    "schedules.CosineDecay": {"initial_learning_rate": 0.1, "decay_steps": 10},
    "schedules.CosineDecayRestarts": {"initial_learning_rate": 0.1, "first_decay_steps": 10},
    "schedules.ExponentialDecay": {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.9},
    "schedules.InverseTimeDecay": {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.9},
    "schedules.PiecewiseConstantDecay": {"boundaries": [10], "values": [0.1, 0.01]},
    "schedules.PolynomialDecay": {"initial_learning_rate": 0.1, "decay_steps": 10},
    "callbacks.BackupAndRestore": {"backup_dir": "backup"},
    "callbacks.CSVLogger": {"filename": "log.csv"},
    "callbacks.ModelCheckpoint": {"filepath": "model.keras"},
    "dtype_policies.AWQDTypePolicy": {"mode": "awq/4/128", "source_name": "float32"},
    "dtype_policies.GPTQDTypePolicy": {"mode": "gptq/4/128", "source_name": "float32"},
    "dtype_policies.Int4DTypePolicy": {"mode": "int4/128", "source_name": "float32"},
    "dtype_policies.QuantizedDTypePolicy": {"mode": "int8", "source_name": "float32"},
    "dtype_policies.QuantizedFloat8DTypePolicy": {"mode": "float8", "source_name": "float32"},
    "dtype_policies.DTypePolicy": {"name": "mixed_float16"},
    "dtype_policies.FloatDTypePolicy": {"name": "float32"},
    "distributions.DeviceMesh": {"shape": [1], "axis_names": ["batch"]},
    "distributions.TensorLayout": {"axes": [None]},
}
OF_OBJECTS = {
    "optimizers.LossScaleOptimizer": {"inner_optimizer": ("optimizers", "SGD")},
    "optimizers.MultiOptimizer": {"optimizer_map": ("optimizers", "OptimizerMap")},
    "optimizers.OptimizerMap": {"default_optimizer": ("optimizers", "SGD")},
    "distributions.LayoutMap": {"device_mesh": ("distributions", "DeviceMesh")},
    "distributions.ModelParallel": {"layout_map": ("distributions", "LayoutMap")},
}
CLASSES = [
    (kind, name)
    for kind in catalog.KINDS
    if kind not in ("layers", "ops", "activations")
    for name, entry in catalog.entries(kind).items()
    if not entry.jax
]
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")


def _make(keras: ModuleType, kind: str, name: str, /, **changed: Any) -> Any:
    key = f"{kind}.{name}"
    nested = {argument: _make(keras, *other) for argument, other in OF_OBJECTS.get(key, {}).items()}
    path = catalog.entries(kind)[name].path
    return made.symbol(keras, path)(**{**ARGUMENTS.get(key, {}), **nested, **changed})


@pytest.mark.parametrize(("kind", "name"), CLASSES)
def test_object_is_made_and_saved(keras: ModuleType, kind: str, name: str) -> None:
    entry = catalog.entries(kind)[name]
    thing = _make(keras, kind, name)
    if kind not in ("callbacks", "distributions") and name != "OptimizerMap":
        saved = keras.saving.serialize_keras_object(thing)
        assert entry.config == f"{saved['module']}>{saved['class_name']}"
        config = thing.get_config()
        known = {parameter.name for parameter in entry.parameters}
        assert set(config) - {"is_legacy_optimizer"} <= known
        for parameter in entry.parameters:
            if parameter.type and not parameter.object and parameter.name in config:
                assert made.conforms(config[parameter.name], parameter.type), parameter


@pytest.mark.parametrize(("kind", "name"), CLASSES)
def test_least_arguments_are_those_required(keras: ModuleType, kind: str, name: str) -> None:
    required = {each.name for each in catalog.entries(kind)[name].parameters if each.required}
    least = {*ARGUMENTS.get(f"{kind}.{name}", {}), *OF_OBJECTS.get(f"{kind}.{name}", {})}
    assert required <= least


@pytest.mark.parametrize(("kind", "name"), CLASSES)
def test_optional_arguments_take_their_defaults(keras: ModuleType, kind: str, name: str) -> None:
    given = {each.name: each.default for each in catalog.entries(kind)[name].parameters if not each.required}
    least = {*ARGUMENTS.get(f"{kind}.{name}", {}), *OF_OBJECTS.get(f"{kind}.{name}", {})}
    _make(keras, kind, name, **{key: value for key, value in given.items() if key not in least})


def _choices() -> Iterator[tuple[str, str, str, str]]:
    for kind, name in CLASSES:
        for parameter in catalog.entries(kind)[name].parameters:
            for choice in parameter.choices or ():
                yield kind, name, parameter.name, choice


@pytest.mark.parametrize(("kind", "name", "parameter", "choice"), list(_choices()))
def test_choice_is_accepted_and_another_is_not(
    keras: ModuleType, kind: str, name: str, parameter: str, choice: str
) -> None:
    _make(keras, kind, name, **{parameter: choice})
    if kind in ("callbacks", "quantizers"):
        return  # Keras takes another mode for `auto`, and looks at a quantizer only later
    with pytest.raises((ValueError, TypeError)):
        _make(keras, kind, name, **{parameter: "no such choice"})


@pytest.mark.parametrize(("kind", "name"), [each for each in CLASSES if each[0] == "losses"])
def test_every_reduction_is_computed(keras: ModuleType, kind: str, name: str) -> None:
    entry = catalog.entries(kind)[name]
    reduction = entry.parameter("reduction")
    assert reduction is not None
    assert reduction.choices
    if name in ("CTC", "CategoricalGeneralizedCrossEntropy", "Circle", "SparseCategoricalCrossentropy"):
        pytest.skip("takes targets of another shape")
    for choice in reduction.choices:
        _make(keras, kind, name, reduction=choice)(keras.ops.ones((2, 3)), keras.ops.full((2, 3), 0.5))


@pytest.mark.parametrize("kind", [kind for kind in catalog.KINDS if kind not in ("layers", "ops")])
def test_identifiers_are_keras_own(keras: ModuleType, kind: str) -> None:
    """Each identifier means its entry to Keras's `get`, or is an exported alias."""
    module = importlib.import_module(next(iter(catalog.entries(kind).values())).path.rsplit(".", 1)[0])
    for entry in catalog.entries(kind).values():
        symbol = made.symbol(keras, entry.path)
        for identifier in entry.identifiers:
            if inspect.isclass(getattr(module, identifier, None)):
                assert getattr(module, identifier) is symbol
                continue
            got = module.get(identifier)
            if kind == "losses" and inspect.isfunction(got):
                assert got.__name__ in entry.identifiers
            else:
                assert got is symbol or type(got) is symbol


@pytest.mark.parametrize("kind", ["activations", "losses", "metrics", "initializers", "regularizers", "constraints"])
def test_no_identifier_of_keras_is_missing(keras: ModuleType, kind: str) -> None:
    """Against Keras's own tables, which are private: a new alias shows here."""
    table = importlib.import_module(f"keras.src.{kind}").ALL_OBJECTS_DICT
    unmakeable = {"loss_function_wrapper", "LossFunctionWrapper"}
    for identifier, symbol in table.items():
        if identifier in unmakeable or (identifier.islower() and inspect.isclass(symbol) and _needs_arguments(symbol)):
            continue
        assert catalog.find(kind, identifier), identifier


def _needs_arguments(symbol: type) -> bool:
    return any(
        each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD
        for each in list(inspect.signature(symbol.__init__).parameters.values())[1:]  # type: ignore[misc]
    )


def test_every_optimizer_of_keras_table_is_known(keras: ModuleType) -> None:
    table = importlib.import_module("keras.src.optimizers").ALL_OBJECTS_DICT
    for identifier in table:
        if identifier not in ("optimizer", "lossscaleoptimizer", "multioptimizer", "optimizermap"):
            assert catalog.find("optimizers", identifier), identifier


def test_tensorboard_needs_tensorflow(keras: ModuleType) -> None:
    assert "TensorFlow" in catalog.entries("callbacks")["TensorBoard"].jax
    callback = keras.callbacks.TensorBoard()
    with pytest.raises(ImportError):
        callback._train_writer  # noqa: B018


def test_base_optimizer_arguments_are_each_optimizer_s() -> None:
    base = {"weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema", "ema_momentum"}
    base |= {"ema_overwrite_frequency", "loss_scale_factor", "gradient_accumulation_steps", "name"}
    for name, entry in catalog.entries("optimizers").items():
        if name not in ("LossScaleOptimizer", "MultiOptimizer", "OptimizerMap"):
            assert base <= {each.name for each in entry.parameters}, name
