"""A stranger's .keras file, read as data and admitted only by the catalogue.

Keras's own `safe_mode` refuses a list of names; kspec admits a list. A model's `config.json` is read without Keras,
every class and function in it is looked up in the catalogue, and only then may Keras make the model.
"""

from __future__ import annotations

import functools
import importlib
import json
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kspec import catalog
from kspec.diagnostics import FileError, Problem, Route, SpecError
from kspec.model.backend import load_keras
from kspec.model.initial import values_put_off
from kspec.spec.graph import Saved

MAX_CONFIG = 64 * 2**20
_COMPRESSION = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MEMBERS = ("config.json", "metadata.json", "model.weights.h5")
_STRUCTURE = frozenset(
    {
        *(f"keras>{name}" for name in ("Sequential", "Functional", "Model", "DTypePolicy", "Variable", "Input")),
        *(f"keras.models>{name}" for name in ("Sequential", "Functional", "Model")),
        *("keras.src.models.functional>Functional", "keras.src.models.model>Model"),
        *("keras.layers>InputLayer", "keras.src.models.sequential>Sequential"),
        *("keras.dtype_policies>DTypePolicyMap", "keras.dtype_policies>QuantizedDTypePolicy"),
    }
)
_DATA = frozenset(
    {"__keras_tensor__", "__tensor__", "__numpy__", "__ellipsis__", "__tuple__", "__set__", "__typespec__"}
)


def read_config(path: Path, trust: Iterable[str] = ()) -> dict[str, Any]:
    """The configuration of a .keras file, every class in it admitted; `trust` names packages whose classes are too.

    Raises FileError where the file is no such archive, is damaged, or holds a class that is not in the catalogue.
    """
    config = _raw_config(path)
    trusted = frozenset(trust)
    refused = [reason for reason in (_refusal(item, trusted) for item in _classes(config)) if reason]
    if refused:
        help = "kspec loads Keras's own classes; code of your own needs `--trust PACKAGE`"
        raise _wrong(path, "; ".join(dict.fromkeys(refused[:5])), help)
    return config


def _wrong(path: Path, message: str, help: str = "") -> FileError:
    return FileError(Problem("model-file", message, help=help, file=str(path)))


def _raw_config(path: Path) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(set(names)) < len(names):
                raise _wrong(path, "a member stands twice in the archive")
            strange = [name for name in names if name not in _MEMBERS and not _is_asset(name)]
            if strange:
                raise _wrong(path, f"the archive holds `{strange[0]}`, which no Keras model has")
            if "config.json" not in names or "model.weights.h5" not in names:
                raise _wrong(path, "the archive is not a Keras model: it has no config.json or no weights")
            if any(member.compress_type not in _COMPRESSION for member in archive.infolist()):
                raise _wrong(path, "a member is compressed in a way that Keras never does")
            if archive.getinfo("config.json").file_size > MAX_CONFIG:
                raise _wrong(path, f"config.json is larger than {MAX_CONFIG:,} bytes")
            config = json.loads(archive.read("config.json"))
    except (ValueError, RecursionError) as error:
        raise _wrong(path, f"config.json cannot be read: {error}") from None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise _wrong(path, f"this is not a whole .keras file: {error}") from None
    if not isinstance(config, dict):
        raise _wrong(path, "config.json is not a model's configuration")
    return config


def _is_asset(name: str) -> bool:
    return name.startswith("assets/") and ".." not in name.split("/")


def _classes(config: Any) -> list[dict[str, Any]]:
    """Every serialized object in a configuration."""
    found: list[dict[str, Any]] = []
    stack = [config]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            if "class_name" in item and item["class_name"] not in _DATA:
                found.append(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return found


def _refusal(item: dict[str, Any], trusted: frozenset[str]) -> str:
    """Why a serialized object is not admitted; empty where it is."""
    name, module = item["class_name"], item.get("module")
    if not isinstance(name, str) or not isinstance(module, (str, type(None))):
        return "a class without a name"
    if name in ("Lambda", "__lambda__"):
        return "a Lambda layer holds Python code"
    if f"{module}>{name}" in _STRUCTURE or f"{module}>{name}" in _admitted():
        return ""
    if module is None and item.get("registered_name") is None and name in _by_class():
        return ""
    if module is not None and module.startswith("keras.src.ops.") and name.isidentifier() and name[0].isupper():
        return ""
    if module is not None and _is_trusted(module, trusted):
        return ""
    return f"`{module}.{name}` is not in kspec's catalogue" if module else f"`{name}` is not in kspec's catalogue"


@functools.cache
def _admitted() -> frozenset[str]:
    """Module and class of everything in the catalogue that runs on JAX without code."""
    return frozenset(
        entry.config
        for kind in catalog.KINDS
        for entry in catalog.entries(kind).values()
        if entry.config and (not entry.jax or entry.name == "InputLayer")
    )


@functools.cache
def _by_class() -> frozenset[str]:
    return frozenset(each.rpartition(">")[2] for each in _admitted() | _STRUCTURE)


def load_model(path: Path, *, compile: bool = True, trust: Iterable[str] = (), modules: Iterable[str] = ()) -> Any:
    """A whole .keras file, admitted first, with its weights.

    Functions of one's own are looked for in `modules`, as far as they are trusted.

    Raises FileError.
    """
    config = read_config(path, trust)
    keras = load_keras()
    own = _own_objects(config, frozenset(trust), modules, path)
    try:
        with values_put_off():  # the file's own come next
            return keras.saving.load_model(path, custom_objects=own, compile=compile, safe_mode=True)
    except (ValueError, TypeError, KeyError, OSError, RuntimeError, AttributeError) as error:
        raise _wrong(path, f"Keras cannot load this model: {_first_line(error)}") from None


def _own_objects(config: dict[str, Any], trusted: frozenset[str], modules: Iterable[str], path: Path) -> dict[str, Any]:
    """The trusted classes and functions of one's own, by the names under which Keras looks for them.

    Keras imports modules of its own family alone, and knows classes only that were registered by a decorator. Of a
    function it writes the name without the module: it is looked for in `modules` and in the trusted packages.
    """
    found: dict[str, Any] = {}
    for item in _classes(config):
        module, name = item.get("module"), item["class_name"]
        if name == "function" and module == "builtins" and isinstance(item.get("config"), str):
            name = item["config"]
            places = [_imported(each, path) for each in (*modules, *trusted) if _is_trusted(each, trusted)]
            made = next((getattr(place, name) for place in places if hasattr(place, name)), None)
        elif isinstance(module, str) and _is_trusted(module, trusted):
            made = getattr(_imported(module, path), name, None)
        else:
            continue
        if made is not None:
            found |= {name: made, str(item.get("registered_name") or name): made}
    return found


def _imported(module: str, path: Path) -> Any:
    try:
        return importlib.import_module(module)
    except Exception as error:  # importing a person's own module may raise anything at all
        message = f"`{module}` cannot be imported: {type(error).__name__}: {_first_line(error)}"
        raise _wrong(path, message, "run kspec where the module can be found") from None


def _is_trusted(module: str, trusted: frozenset[str]) -> bool:
    return module.split(".")[0] in trusted - {"keras", "builtins"}


def load_shapes(path: Path, trust: Iterable[str] = (), modules: Iterable[str] = ()) -> Any:
    """The model of a .keras file without its weights.

    Raises FileError.
    """
    config = read_config(path, trust)
    keras = load_keras()
    own = _own_objects(config, frozenset(trust), modules, path)
    try:
        return keras.saving.deserialize_keras_object({**config, "compile_config": None}, custom_objects=own)
    except (ValueError, TypeError, KeyError, RuntimeError, AttributeError) as error:
        raise _wrong(path, f"Keras cannot make this model: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def load_saved(operation: Saved, name: str, route: Route, with_weights: bool) -> Any:
    """A saved model as one layer called `name`, cut at the operation's output."""
    keras = load_keras()
    path = Path(operation.path)
    try:
        model = load_model(path, compile=False) if with_weights else load_shapes(path)
    except FileError as error:
        raise SpecError([Problem(each.code, each.message, route, each.help) for each in error.problems]) from None
    outputs = model.output if hasattr(model, "output") else None
    if outputs is None:
        raise SpecError(Problem("model-file", f"`{path.name}` is a subclassed model and has no graph", route))
    if operation.output is not None:
        outputs = _cut(model, operation.output, path, route)
    return keras.Model(model.input, outputs, name=name)


def _cut(model: Any, output: str, path: Path, route: Route) -> Any:
    from kspec.diagnostics import listing, suggestion

    names = [layer.name for layer in model.layers]
    if output not in names:
        help = suggestion(output, names, f"its layers: {listing(names, 8)}")
        place = (*route[:-1], "output")
        raise SpecError(Problem("unknown-output", f"`{path.name}` has no layer `{output}`", place, help))
    return model.get_layer(output).output
