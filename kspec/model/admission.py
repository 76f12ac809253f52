"""A stranger's .keras file, read as data and admitted only by the catalogue.

Keras's own `safe_mode` refuses a list of names; kspec admits a list. A model's `config.json` is read without Keras,
every class and function in it is looked up in the catalogue, and only then may Keras make the model.
"""

from __future__ import annotations

import functools
import inspect
import json
import math
import sys
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kspec import catalog
from kspec.diagnostics import FileError, Problem, encodable, shortened
from kspec.model.backend import load_keras
from kspec.model.weightsfile import MOST, Array, arrays, is_swollen
from kspec.spec.project import OF_KERAS

MAX_CONFIG = 16 * 2**20
MAX_VALUES = {b",": 1_000_000, b"{": 200_000, b"[": 200_000}
"""How often JSON's marks may stand in a configuration: a list of nothing takes twenty times the memory of its text."""
MAX_MEMBERS = 10_000
_RANKED = 2**24
"""Numbers that a matrix of LoRA may have, whatever is in the file."""
_COMPRESSION = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MEMBERS = ("config.json", "metadata.json", "model.weights.h5")
_STRUCTURE = frozenset(
    {
        *(f"keras>{name}" for name in ("Sequential", "Functional", "Model", "DTypePolicy", "Variable", "Input")),
        *(f"keras.models>{name}" for name in ("Sequential", "Functional", "Model")),
        *("keras.src.models.functional>Functional", "keras.src.models.model>Model"),
        *("keras.layers>InputLayer", "keras.src.models.sequential>Sequential"),
        *("keras.random>SeedGenerator", "keras.metrics>MeanMetricWrapper"),
        *("keras.dtype_policies>DTypePolicyMap", "keras.dtype_policies>QuantizedDTypePolicy"),
    }
)
_LAMBDA = "a Lambda layer holds Python code"
_DATA = frozenset({"__keras_tensor__", "__tensor__", "__numpy__", "__ellipsis__", "__slice__", "__bytes__"})


def read_config(path: Path, trust: Iterable[str] = ()) -> dict[str, Any]:
    """The configuration of a .keras file, every class in it admitted; `trust` names packages whose classes are too.

    Raises FileError where the file is no such archive, is damaged, or holds a class that is not in the catalogue.
    """
    return read_archive(path, trust)[0]


def read_archive(path: Path, trust: Iterable[str] = ()) -> tuple[dict[str, Any], list[Array]]:
    """The same and the arrays beside it: all bytes of the archive have their checksum."""
    config = raw_config(path)
    check_classes(config, path, trust)
    held = arrays(path, most_arrays(config))
    check_ranks(config, held, path)
    return config, held


def check_ranks(config: dict[str, Any], held: Iterable[Array], path: Path) -> None:
    """Raise FileError for LoRA of a rank that no kernel in the file has: Keras makes its matrices in full, of zeros,
    and a number in a configuration would fill the memory."""
    held = list(held)
    axis = max((size for array in held for size in array.shape), default=1)
    most = max(_RANKED, sum(math.prod(array.shape) for array in held)) // max(1, axis)
    for item in serialized(config):
        inner = item.get("config")
        rank = inner.get("lora_rank") if isinstance(inner, dict) else None
        if rank is not None and not (isinstance(rank, int) and 0 <= rank <= most):
            raise wrong(path, f"it declares LoRA of rank {shortened(str(rank))}, and its arrays are too small for that")


def check_classes(config: dict[str, Any], path: Path, trust: Iterable[str] = ()) -> None:
    """Raise FileError where a configuration names a class or function that is not admitted."""
    trusted = frozenset(trust)
    refused = [reason for reason in (_refusal(item, trusted) for item in serialized(config)) if reason]
    if refused:
        help = "kspec loads Keras's own classes; code of your own needs `--trust PACKAGE`"
        if all(reason == _LAMBDA for reason in refused):
            help = "no trust lets it run: use functions of `keras.ops`, or a layer class of your own, and save anew"
        raise wrong(path, "; ".join(dict.fromkeys(refused[:5])), help)


def wrong(path: Path, message: str, help: str = "") -> FileError:
    """Why a file is not admitted; the message may hold a stranger's words."""
    return FileError(Problem("model-file", encodable(message), help=help, file=str(path)))


def raw_config(path: Path) -> dict[str, Any]:
    """The configuration of a .keras file as it stands there. Raises FileError."""
    return parsed(_member(path, "config.json"), path, "config.json")


def _member(path: Path, name: str) -> bytes:
    """A JSON text in an archive that has what Keras writes, and nothing else; empty where it has no such member."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(set(names)) < len(names):
                raise wrong(path, "a member stands twice in the archive")
            strange = [each for each in names if each not in _MEMBERS and not _is_asset(each)]
            if strange:
                raise wrong(path, f"the archive holds `{shortened(strange[0])}`, which no Keras model has")
            if len(names) > MAX_MEMBERS:
                raise wrong(path, f"the archive holds {len(names):,} members, and {MAX_MEMBERS:,} at most are read")
            size, packed = sum(member.file_size for member in archive.infolist()), path.stat().st_size
            if is_swollen(size, packed):
                raise wrong(path, f"its members are said to be {size:,} bytes, of {packed:,}")
            if "config.json" not in names or "model.weights.h5" not in names:
                raise wrong(path, "the archive is not a Keras model: it has no config.json or no weights")
            if any(member.compress_type not in _COMPRESSION for member in archive.infolist()):
                raise wrong(path, "a member is compressed in a way that Keras never does")
            if name not in names:
                return b""
            if archive.getinfo(name).file_size > MAX_CONFIG:
                raise wrong(path, f"{name} is larger than {MAX_CONFIG:,} bytes")
            return archive.read(name)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise wrong(path, f"this is not a whole .keras file: {error}") from None


def parsed(text: bytes, path: Path, name: str) -> dict[str, Any]:
    """The configuration that a stranger's JSON is, which is called `name`; not one that would fill the memory.

    Raises FileError.
    """
    config = _values(text, path, name)
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        raise wrong(path, f"{name} is not a model's configuration")
    return config


def _values(text: bytes, path: Path, name: str) -> Any:
    if len(text) > MAX_CONFIG:
        raise wrong(path, f"{name} is larger than {MAX_CONFIG:,} bytes")
    if any(text.count(mark) > most for mark, most in MAX_VALUES.items()):
        raise wrong(path, f"{name} holds more than {max(MAX_VALUES.values()):,} values, or too many lists")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise wrong(path, f"{name} cannot be read: {error}") from None


def saved_by(path: Path) -> Any:
    """The version of Keras that an archive names, which may be anything; None where it names none. Raises FileError."""
    metadata = _values(_member(path, "metadata.json") or b"{}", path, "metadata.json")
    return metadata.get("keras_version") if isinstance(metadata, dict) else None


def _is_asset(name: str) -> bool:
    return name.startswith("assets/") and ".." not in name.split("/")


def serialized(config: Any) -> list[dict[str, Any]]:
    """Every object in a configuration that Keras would make: what has a class."""
    found: list[dict[str, Any]] = []
    stack = [config]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            if "class_name" in item and not (isinstance(item["class_name"], str) and item["class_name"] in _DATA):
                found.append(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return found


def most_arrays(config: dict[str, Any]) -> int:
    """Groups and arrays that the weights of a model of this configuration, and its optimizer's, may be in."""
    return max(MOST, 4 * len(serialized(config)))


def _refusal(item: dict[str, Any], trusted: frozenset[str]) -> str:
    """Why a serialized object is not admitted; empty where it is."""
    name, module = item["class_name"], item.get("module")
    if not isinstance(name, str) or not isinstance(module, (str, type(None))):
        return "a class without a name"
    if name in ("Lambda", "__lambda__"):
        return _LAMBDA
    if (module, name) == ("builtins", "function"):
        function = item.get("config")
        if isinstance(function, str) and (trusted or function in _functions()):  # one's own is looked for where trusted
            return ""
        return f"the function `{shortened(str(function))}` is not in kspec's catalogue"
    if f"{module}>{name}" in _STRUCTURE or f"{module}>{name}" in _admitted():
        return ""
    if module is None and item.get("registered_name") is None and name in _by_class():
        return ""
    if module is not None and (_is_operation(module, name) or is_trusted(module, trusted)):
        return ""
    if name in OF_KERAS.get(module or "", ()):
        return ""
    return f"`{shortened(f'{module}.{name}' if module else name)}` is not in kspec's catalogue"


def is_trusted(module: str, trusted: frozenset[str]) -> bool:
    """Whether a module is in one of the packages that a person trusts; Keras's own are looked up all the same."""
    return module.split(".")[0] in trusted - {"keras", "builtins"}


def _is_operation(module: str, name: str) -> bool:
    """Whether a module of Keras's operations, one that Keras itself has imported, defines this one."""
    if not module.startswith("keras.src.ops."):
        return False
    operations = load_keras().Operation
    found = getattr(sys.modules.get(module), name, None)
    if module.rpartition(".")[2] in ("function", "operation") or getattr(found, "__module__", "") != module:
        return False
    return isinstance(found, type) and issubclass(found, operations)


@functools.cache
def _admitted() -> frozenset[str]:
    """Module and class of everything in the catalogue that runs on JAX without code."""
    return frozenset(
        entry.config
        for kind in catalog.KINDS
        if kind != "callbacks"  # those belong to training, and some write files
        for entry in catalog.entries(kind).values()
        if entry.config and (not entry.jax or entry.name == "InputLayer")
    )


@functools.cache
def _functions() -> frozenset[str]:
    """Activations, operations, and the functions of losses and metrics: what Keras writes by its bare name."""
    keras = load_keras()
    modules = (keras.activations, keras.losses, keras.metrics, keras.ops)
    found = {name for module in modules for name, each in vars(module).items() if inspect.isfunction(each)}
    return frozenset(found - {"get", "serialize", "deserialize"})


@functools.cache
def _by_class() -> frozenset[str]:
    return frozenset(each.rpartition(">")[2] for each in _admitted() | _STRUCTURE)
