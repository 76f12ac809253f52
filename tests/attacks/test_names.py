"""Every name that Keras would look up in a model file, against what kspec admits: the catalogue and no more."""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path
from typing import Any

import keras
import pytest
from keras.src.api_export import REGISTERED_NAMES_TO_OBJS
from keras.src.saving import object_registration, serialization_lib

from kspec import api, catalog
from kspec.diagnostics import FileError, SpecError
from kspec.model import admission
from kspec.spec.project import OF_KERAS

KINDS = [kind for kind in catalog.KINDS if kind != "callbacks"]
CODE = {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}


def is_admitted(module: str | None, name: str, config: Any = None, **words: Any) -> bool:
    item = {"module": module, "class_name": name, "config": config or {}, **words}
    try:
        admission.check_classes(
            {"class_name": "Sequential", "module": "keras", "config": {"layers": [item]}}, Path("x")
        )
    except FileError:
        return False
    return True


def allowed() -> set[str]:
    """What runs on JAX of the catalogue, without what holds code; and what models are made of."""
    entries = [entry for kind in KINDS for entry in catalog.entries(kind).values()]
    found = {entry.config.replace(">", ".") for entry in entries if entry.config and not entry.jax}
    return {name for name in found if name.rpartition(".")[2] not in CODE}


STRUCTURE = {
    *(
        "keras.Sequential",
        "keras.Model",
        "keras.Variable",
        "keras.DTypePolicy",
        "keras.Input",
        "keras.layers.InputLayer",
    ),
    *("keras.models.Sequential", "keras.models.Model", "keras.models.Functional", "keras.Functional"),
    *("keras.dtype_policies.DTypePolicyMap", "keras.dtype_policies.QuantizedDTypePolicy"),
    *("keras.random.SeedGenerator", "keras.metrics.MeanMetricWrapper"),
    *(f"{module}.{name}" for module, names in OF_KERAS.items() for name in names),
}


def test_of_all_that_keras_registers_the_catalogue_is_admitted_and_no_more() -> None:
    assert len(REGISTERED_NAMES_TO_OBJS) > 700
    admitted = {name for name in REGISTERED_NAMES_TO_OBJS if is_admitted(*name.rpartition(".")[::2])}
    assert not admitted - allowed() - STRUCTURE
    assert not admitted & {name for name in REGISTERED_NAMES_TO_OBJS if name.rpartition(".")[2] in CODE}
    assert not allowed() & set(REGISTERED_NAMES_TO_OBJS) - admitted
    assert not admitted & serialization_lib.NON_MODELING_APIS


def test_no_function_of_keras_is_a_class_or_of_another_module() -> None:
    functions = {name for name, found in REGISTERED_NAMES_TO_OBJS.items() if inspect.isfunction(found)}
    assert len(functions) > 300
    for name in functions:
        module, _, function = name.rpartition(".")
        assert not is_admitted(module, "function", function, registered_name=function), name
        assert not is_admitted(module, function) or name in STRUCTURE, name


def test_of_functions_by_their_bare_name_activations_losses_metrics_and_operations_are_admitted() -> None:
    of = {"keras.activations", "keras.losses", "keras.metrics", "keras.ops"}
    loaders = {"get", "serialize", "deserialize"}
    for name in REGISTERED_NAMES_TO_OBJS:
        function = name.rpartition(".")[2]
        known = any(inspect.isfunction(vars(sys.modules[each]).get(function)) for each in of)
        assert is_admitted("builtins", "function", function) == (known and function not in loaders), name
    for name in ("eval", "exec", "open", "__import__", "getattr", "compile", "print", *loaders):
        assert not is_admitted("builtins", "function", name)


def test_every_class_in_every_module_of_keras_that_could_be_imported() -> None:
    """`keras.src.…` and a class: Keras imports any such module. Operations alone are admitted by it, where they are."""
    root = Path(keras.__path__[0])
    files = [path.relative_to(root.parent).with_suffix("") for path in root.rglob("*.py")]
    names = [".".join(path.parts).removesuffix(".__init__") for path in files]
    assert len(names) > 500
    operations = 0
    for name in names:
        if name not in sys.modules:  # a test, or for another backend: kspec does not know what is in it
            assert not is_admitted(name, "Anything")
            continue
        for word, found in vars(importlib.import_module(name)).items():
            if not isinstance(found, type) or not is_admitted(name, word):
                continue
            own = name.startswith("keras.src.ops.") and issubclass(found, keras.Operation) and found.__module__ == name
            operations += own
            public = f"{name}.{word}"
            assert own or public in allowed() | STRUCTURE or public.startswith("keras.src.models."), public
    assert operations > 200


def test_bare_names_are_those_of_the_catalogue() -> None:
    known = {name.rpartition(".")[2] for name in allowed() | STRUCTURE}
    for name in {name.rpartition(".")[2] for name in REGISTERED_NAMES_TO_OBJS}:
        assert is_admitted(None, name) == (name in known), name
        assert not is_admitted(None, name, registered_name=f"package>{name}"), name


def test_what_somebody_else_registers_is_not_admitted() -> None:
    before = dict(object_registration.GLOBAL_CUSTOM_OBJECTS)

    @keras.saving.register_keras_serializable("stranger")
    class Mine(keras.layers.Layer):
        pass

    try:
        for module in ("stranger", "builtins", None, Mine.__module__, "keras.layers", "keras.src.ops.numpy"):
            assert not is_admitted(module, "Mine", registered_name="stranger>Mine")
    finally:
        for name in set(object_registration.GLOBAL_CUSTOM_OBJECTS) - set(before):
            del object_registration.GLOBAL_CUSTOM_OBJECTS[name]


@pytest.mark.parametrize(
    "module", ["os", "subprocess", "builtins", "keras_hub", "keras_cv.x", "", "tests", "kspec.api"]
)
def test_other_modules_are_no_places_for_layers(module: str) -> None:
    for name in ("Dense", "system", "eval", "Popen", "Lambda"):
        assert not is_admitted(module, name)


def test_of_the_modules_of_applications_their_layers_alone_are_trusted() -> None:
    """A function there makes a whole application, with weights from the network if its arguments say so."""
    module = "keras.src.applications.convnext"
    text = f"kspec: 1\ninputs: {{x: [32, 32, 3]}}\ncustom: [{module}]\nlayers: [{{STEP}}]\n"
    api.loads(text.replace("STEP", f"{module}.LayerScale: {{init_values: 1.0, projection_dim: 3}}")).plan()
    for name in ("ConvNeXtTiny", "PreStem", "preprocess_input"):
        for step in (f"{module}.{name}: {{weights: imagenet}}", f"{name}: {{weights: imagenet}}"):
            with pytest.raises(SpecError) as refused:
                api.loads(text.replace("STEP", step)).plan()
            assert refused.value.problems[0].code == "untrusted-code"
    with pytest.raises(SpecError, match="not trusted"):
        api.loads(
            f"kspec: 1\ninputs: {{x: 2}}\nlayers: [Dense: 1]\ndata: {{train: {{source: {module}.ConvNeXtTiny}}}}\n"
        )
