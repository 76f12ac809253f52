"""A stranger's .keras file, read as data and admitted only by the catalogue.

Keras's own `safe_mode` refuses a list of names; kspec admits a list. A model's `config.json` is read without Keras,
every class and function in it is looked up in the catalogue, and only then may Keras make the model.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import json
import math
import re
import sys
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kspec import catalog
from kspec.diagnostics import FileError, Problem, Route, SpecError
from kspec.model.backend import load_keras
from kspec.model.initial import Room, values_put_off, within
from kspec.model.private import layers_by_path
from kspec.model.weightsfile import FREE, MOST, Array, arrays, is_swollen
from kspec.spec.graph import Saved
from kspec.spec.project import OF_KERAS

MAX_CONFIG = 16 * 2**20
MAX_VALUES = {b",": 1_000_000, b"{": 200_000, b"[": 200_000}
"""How often JSON's marks may stand in a configuration: a list of nothing takes twenty times the memory of its text."""
MAX_MEMBERS = 10_000
_RANKED = 2**24
"""Numbers that a matrix of LoRA may have, whatever is in the file."""
_UNFILLED = 8
"""How many times its arrays' bytes a model may need beside them: an optimizer that was not saved has five at most, of
Adam's three, averages and sums of gradients."""
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
    return _read(path, trust)[0]


def _read(path: Path, trust: Iterable[str]) -> tuple[dict[str, Any], list[Array]]:
    """The same and the arrays beside it."""
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
            raise _wrong(
                path, f"it declares LoRA of rank {shortened(str(rank))}, and its arrays are too small for that"
            )


def check_classes(config: dict[str, Any], path: Path, trust: Iterable[str] = ()) -> None:
    """Raise FileError where a configuration names a class or function that is not admitted."""
    trusted = frozenset(trust)
    refused = [reason for reason in (_refusal(item, trusted) for item in serialized(config)) if reason]
    if refused:
        help = "kspec loads Keras's own classes; code of your own needs `--trust PACKAGE`"
        if all(reason == _LAMBDA for reason in refused):
            help = "no trust lets it run: use functions of `keras.ops`, or a layer class of your own, and save anew"
        raise _wrong(path, "; ".join(dict.fromkeys(refused[:5])), help)


def _wrong(path: Path, message: str, help: str = "") -> FileError:
    return FileError(Problem("model-file", _whole(message), help=help, file=str(path)))


def raw_config(path: Path) -> dict[str, Any]:
    """The configuration of a .keras file as it stands there; the archive has what Keras writes, and nothing else.

    Raises FileError.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(set(names)) < len(names):
                raise _wrong(path, "a member stands twice in the archive")
            strange = [name for name in names if name not in _MEMBERS and not _is_asset(name)]
            if strange:
                raise _wrong(path, f"the archive holds `{shortened(strange[0])}`, which no Keras model has")
            if len(names) > MAX_MEMBERS:
                raise _wrong(path, f"the archive holds {len(names):,} members, and {MAX_MEMBERS:,} at most are read")
            size, packed = sum(member.file_size for member in archive.infolist()), path.stat().st_size
            if is_swollen(size, packed):
                raise _wrong(path, f"its members are said to be {size:,} bytes, of {packed:,}")
            if "config.json" not in names or "model.weights.h5" not in names:
                raise _wrong(path, "the archive is not a Keras model: it has no config.json or no weights")
            if any(member.compress_type not in _COMPRESSION for member in archive.infolist()):
                raise _wrong(path, "a member is compressed in a way that Keras never does")
            if archive.getinfo("config.json").file_size > MAX_CONFIG:
                raise _wrong(path, f"config.json is larger than {MAX_CONFIG:,} bytes")
            text = archive.read("config.json")
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise _wrong(path, f"this is not a whole .keras file: {error}") from None
    return parsed(text, path, "config.json")


def parsed(text: bytes, path: Path, name: str) -> dict[str, Any]:
    """The configuration that a stranger's JSON is, which is called `name`; not one that would fill the memory.

    Raises FileError.
    """
    if len(text) > MAX_CONFIG:
        raise _wrong(path, f"{name} is larger than {MAX_CONFIG:,} bytes")
    if any(text.count(mark) > most for mark, most in MAX_VALUES.items()):
        raise _wrong(path, f"{name} holds more than {max(MAX_VALUES.values()):,} values, or too many lists")
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong(path, f"{name} cannot be read: {error}") from None
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        raise _wrong(path, f"{name} is not a model's configuration")
    return config


def check_version(path: Path) -> None:
    """Raise FileError where an archive says that it was saved by a Keras that nobody knows."""
    with zipfile.ZipFile(path) as archive:
        try:
            found = json.loads(archive.read("metadata.json"))["keras_version"]
        except (KeyError, ValueError, TypeError, RecursionError):
            return
    if not isinstance(found, str) or found.split(".")[0] not in ("2", "3"):
        shown = str(found)[:40]
        raise _wrong(path, f"it was saved by Keras `{shown}`, which kspec does not know", "save it with Keras 3")


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
    if module is not None and (_is_operation(module, name) or _is_trusted(module, trusted)):
        return ""
    if name in OF_KERAS.get(module or "", ()):
        return ""
    return f"`{shortened(f'{module}.{name}' if module else name)}` is not in kspec's catalogue"


def shortened(text: str) -> str:
    """A stranger's name, which may be of any length, and of halves of characters."""
    return _whole(text if len(text) <= _NAME else text[:_NAME] + "…")


def _whole(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


_NAME = 100


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


def load_model(path: Path, *, compile: bool = True, trust: Iterable[str] = (), modules: Iterable[str] = ()) -> Any:
    """A whole .keras file, admitted first, with its weights.

    Functions of one's own are looked for in `modules`, as far as they are trusted.

    Raises FileError.
    """
    config, held = _read(path, trust)
    keras = load_keras()
    own, alphas = _own_objects(config, frozenset(trust), modules, path), _alphas(config)
    room = Room(max(FREE, _UNFILLED * sum(array.bytes for array in held)))
    try:
        with _whole_or_refused(path), within(room), values_put_off():  # the file's own come next
            made = keras.saving.load_model(path, custom_objects=own, compile=compile, safe_mode=True)
            return _with_alphas(_model(made, path), alphas)
    except (ValueError, TypeError, KeyError, OSError, RuntimeError, AttributeError) as error:
        if room.left < 0:
            message = "it declares variables that it does not hold, and its arrays are too small for that"
            raise _wrong(path, message) from None
        raise _wrong(path, f"Keras cannot load this model: {reason(error)}") from None


@contextmanager
def _whole_or_refused(path: Path) -> Iterator[None]:
    """Raise FileError where Keras passed over layers with a warning alone: they would keep their random weights.

    It passes over the numbers of an optimizer that never made a step, too: nothing is amiss then.
    """
    with warnings.catch_warnings(record=True) as told:
        warnings.filterwarnings("always", "Skipping nested container", UserWarning)
        warnings.filterwarnings("ignore", "Skipping variable loading for optimizer", UserWarning)
        yield
    for each in told:
        if str(each.message).startswith("Skipping nested container"):
            raise _wrong(path, f"Keras cannot load this model: {str(each.message)[:300]}")
        warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)


def _own_objects(config: dict[str, Any], trusted: frozenset[str], modules: Iterable[str], path: Path) -> dict[str, Any]:
    """The trusted classes and functions of one's own, by the names under which Keras looks for them.

    Keras imports modules of its own family alone, and knows classes only that were registered by a decorator. Of a
    function it writes the name without the module: it is looked for in `modules` and in the trusted packages.
    """
    found: dict[str, Any] = {}
    for item in serialized(config):
        module, name = item.get("module"), item["class_name"]
        if name == "function" and module == "builtins" and isinstance(item.get("config"), str):
            name = item["config"]
            places = [_imported(each, path) for each in (*modules, *trusted) if _is_trusted(each, trusted)]
            made = next((getattr(place, name) for place in places if hasattr(place, name)), None)
        elif isinstance(module, str) and (_is_trusted(module, trusted) or name in OF_KERAS.get(module, ())):
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
    return make_model(read_config(path, trust), path, trust, modules)


def make_model(config: dict[str, Any], path: Path, trust: Iterable[str] = (), modules: Iterable[str] = ()) -> Any:
    """The model of a configuration that was admitted, without weights. Raises FileError."""
    keras = load_keras()
    own, alphas = _own_objects(config, frozenset(trust), modules, path), _alphas(config)
    try:
        made = keras.saving.deserialize_keras_object({**config, "compile_config": None}, custom_objects=own)
        return _with_alphas(_model(made, path), alphas)
    except (ValueError, TypeError, KeyError, IndexError, RuntimeError, AttributeError) as error:
        raise _wrong(path, f"Keras cannot make this model: {_first_line(error)}") from None


def _model(made: Any, path: Path) -> Any:
    if not isinstance(made, load_keras().Model):
        raise _wrong(path, "config.json is not a model's configuration")
    return made


def _alphas(config: dict[str, Any]) -> dict[tuple[str, ...], Any]:
    """The `lora_alpha` of each layer that has one, by the names of the model's layers around it and its own: making the
    model empties its configuration."""
    found: dict[tuple[str, ...], Any] = {}
    stack: list[tuple[tuple[str, ...], Any]] = [((), config.get("config"))]
    while stack:
        path, item = stack.pop()
        if isinstance(item, dict):
            inner = item.get("config")
            if "class_name" in item and isinstance(inner, dict):
                path = (*path, str(inner.get("name")))
                if isinstance(inner.get("lora_alpha"), (int, float)):
                    found[path] = inner["lora_alpha"]
            stack.extend((path, each) for each in item.values())
        elif isinstance(item, list):
            stack.extend((path, each) for each in item)
    return found


def _with_alphas(model: Any, alphas: dict[tuple[str, ...], Any]) -> Any:
    """The model with the `lora_alpha` that its configuration had: Keras reads it, and then forgets it."""
    for path, layer in layers_by_path(model) if alphas else ():
        if getattr(layer, "lora_enabled", False) and path in alphas:
            layer.lora_alpha = alphas[path]
    return model


_SHAPES = re.compile(r"variable\.shape=(\(.*?\)).*value\.shape=(\(.*?\)).*path=([^,>]+)")
"""What Keras says of a variable and a value of two shapes."""


def reason(error: Exception) -> str:
    """What Keras says of the first object that could not be loaded, on one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    said = lines[1] if lines[0].startswith("A total of") and len(lines) > 1 else lines[0]
    shapes = _SHAPES.search(said)
    return f"{shapes[3]} has shape {shapes[1]}, the file's is {shapes[2]}" if shapes else said[:300]


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
    ends = _ends(model)
    if ends is None:
        raise SpecError(Problem("model-file", f"`{path.name}` is a subclassed model and has no graph", route))
    inputs, outputs = ends
    if operation.output is not None:
        outputs = _cut(model, operation.output, path, route)
    return keras.Model(inputs, outputs, name=name)


def _ends(model: Any) -> tuple[Any, Any] | None:
    """What goes into a model and what comes out; a Sequential that nobody has called has lists of them only."""
    if hasattr(model, "output"):
        return model.input, model.output
    inputs, outputs = getattr(model, "inputs", None), getattr(model, "outputs", None)
    return (inputs[0], outputs[0]) if inputs and outputs else None


def _cut(model: Any, output: str, path: Path, route: Route) -> Any:
    from kspec.diagnostics import listing, suggestion

    names = [layer.name for layer in model.layers]
    if output not in names:
        help = suggestion(output, names, f"its layers: {listing(names, 8)}")
        place = (*route[:-1], "output")
        raise SpecError(Problem("unknown-output", f"`{path.name}` has no layer `{output}`", place, help))
    return model.get_layer(output).output
