"""The catalogue's layers against Keras's: they are made, called and saved as the catalogue says."""

from __future__ import annotations

import inspect
from types import ModuleType

import pytest

from kspec import catalog
from kspec.catalog.samples.layers import ARGUMENTS

from . import made

LAYERS = [name for name, entry in catalog.entries("layers").items() if not entry.jax]
CHOICES = [
    (name, parameter.name, choice)
    for name in LAYERS
    for parameter in catalog.entries("layers")[name].parameters
    for choice in parameter.choices or ()
    if parameter.name not in ("data_format", "bounding_box_format")
]
PARTNERS = {
    ("STFTSpectrogram", "mode", "stft"): {"expand_dims": False},
    ("CategoryEncoding", "output_mode", "one_hot"): {},
}
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.mark.parametrize("name", LAYERS)
def test_layer_is_made_called_and_saved(keras: ModuleType, name: str) -> None:
    entry = catalog.entries("layers")[name]
    layer = made.layer(keras, name)
    assert made.shapes(keras, made.call_layer(keras, layer, name))
    saved = keras.saving.serialize_keras_object(layer)
    assert entry.config == f"{saved['module']}>{saved['class_name']}"
    known = {parameter.name for parameter in entry.parameters}
    assert set(layer.get_config()) <= known, "a saved layer has arguments that the catalogue lacks"


@pytest.mark.parametrize("name", LAYERS)
def test_saved_values_have_the_types_of_the_catalogue(keras: ModuleType, name: str) -> None:
    entry = catalog.entries("layers")[name]
    config = made.layer(keras, name).get_config()
    for parameter in entry.parameters:
        if parameter.type and not parameter.object and parameter.name in config:
            value = config[parameter.name]
            assert made.conforms(value, parameter.type), (parameter.name, value, parameter.type)
            if parameter.choices and isinstance(value, str):
                assert catalog.allows(parameter, value)


@pytest.mark.parametrize(("name", "parameter", "choice"), CHOICES)
def test_choice_is_accepted(keras: ModuleType, name: str, parameter: str, choice: str) -> None:
    changed = PARTNERS.get((name, parameter, choice), {})
    layer = made.layer(keras, name, **{parameter: choice, **changed})
    symbolic = made.call_layer(keras, layer, name)
    if parameter not in ("padding", "score_mode", "merge_mode", "use_cudnn"):  # these are decided when traced
        real = made.call_layer(keras, layer, name, real=True)
        assert made.shapes(keras, real) == made.shapes(keras, symbolic)


@pytest.mark.parametrize("name", LAYERS)
def test_unknown_argument_is_refused_by_keras_too(keras: ModuleType, name: str) -> None:
    assert not catalog.entries("layers")[name].open
    with pytest.raises((TypeError, ValueError), match=r"no_such_argument|[Uu]nexpected|[Uu]nrecognized"):
        made.layer(keras, name, no_such_argument=1)


@pytest.mark.parametrize("name", LAYERS)
def test_optional_arguments_take_their_defaults(keras: ModuleType, name: str) -> None:
    """Every parameter of the catalogue is one of Keras's, with that default; a list does for a tuple."""
    entry = catalog.entries("layers")[name]
    given = {each.name: each.default for each in entry.parameters if not each.required}
    least = set(ARGUMENTS.get(name, {}))
    made.layer(keras, name, **{key: value for key, value in given.items() if key not in least})


@pytest.mark.parametrize(
    "name", ["TextVectorization", "StringLookup", "IntegerLookup", "Hashing", "HashedCrossing", "TFSMLayer"]
)
def test_what_needs_tensorflow_does_not_run(keras: ModuleType, name: str) -> None:
    assert "TensorFlow" in catalog.entries("layers")[name].jax
    arguments = {"num_bins": 3} if name.startswith("Hash") else {"filepath": "x"} if name == "TFSMLayer" else {}
    with pytest.raises(Exception, match=r"(?i)tensorflow"):
        getattr(keras.layers, name)(**arguments)


def test_every_exported_layer_class_is_known(keras: ModuleType) -> None:
    exported = {name for name, each in vars(keras.layers).items() if inspect.isclass(each)} - {"InputSpec"}
    known = {*catalog.names("layers")} | {
        each for entry in catalog.entries("layers").values() for each in entry.identifiers
    }
    assert exported == known
    assert len(known) >= 163
    for name in exported:
        entry = catalog.find("layers", name)
        assert entry is not None
        assert made.symbol(keras, entry.path) is getattr(keras.layers, name)
