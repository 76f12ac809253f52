"""Models of .keras files: what was admitted, as Keras makes it."""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kspec.diagnostics import FileError, Problem, Route, SpecError, first_line, listing, one_line, suggestion
from kspec.model.admission import is_trusted, read_archive, read_config, serialized, wrong
from kspec.model.backend import load_keras
from kspec.model.initial import Room, values_put_off, within
from kspec.model.jit import compile_what_can_be
from kspec.model.private import layers_by_path
from kspec.model.weightsfile import FREE
from kspec.spec.graph import Saved
from kspec.spec.project import OF_KERAS

_UNFILLED = 8
"""How many times its arrays' bytes a model may need beside them: an optimizer that was not saved has five at most, of
Adam's three, averages and sums of gradients."""


def load_model(path: Path, *, compile: bool = True, trust: Iterable[str] = (), modules: Iterable[str] = ()) -> Any:
    """A whole .keras file, admitted first, with its weights.

    Functions of one's own are looked for in `modules`, as far as they are trusted.

    Raises FileError.
    """
    config, held = read_archive(path, trust)
    keras = load_keras()
    own, alphas = _own_objects(config, frozenset(trust), modules, path), _alphas(config)
    room = Room(max(FREE, _UNFILLED * sum(array.bytes for array in held)))
    try:
        with _whole_or_refused(path), within(room), values_put_off():  # the file's own come next
            made = keras.saving.load_model(path, custom_objects=own, compile=compile, safe_mode=True)
            model = _with_alphas(_model(made, path), alphas)
            if compile:
                compile_what_can_be(model)
            return model
    except (ValueError, TypeError, KeyError, OSError, RuntimeError, AttributeError) as error:
        if room.left < 0:
            message = "it declares variables that it does not hold, and its arrays are too small for that"
            raise wrong(path, message) from None
        raise wrong(path, f"Keras cannot load this model: {reason(error)}") from None


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
            raise wrong(path, f"Keras cannot load this model: {str(each.message)[:300]}")
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
            places = [_imported(each, path) for each in (*modules, *trusted) if is_trusted(each, trusted)]
            made = next((getattr(place, name) for place in places if hasattr(place, name)), None)
        elif isinstance(module, str) and (is_trusted(module, trusted) or name in OF_KERAS.get(module, ())):
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
        message = f"`{module}` cannot be imported: {one_line(error)}"
        raise wrong(path, message, "run kspec where the module can be found") from None


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
        raise wrong(path, f"Keras cannot make this model: {first_line(error)}") from None


def _model(made: Any, path: Path) -> Any:
    if not isinstance(made, load_keras().Model):
        raise wrong(path, "config.json is not a model's configuration")
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
    names = [layer.name for layer in model.layers]
    if output not in names:
        help = suggestion(output, names, f"its layers: {listing(names, 8)}")
        place = (*route[:-1], "output")
        raise SpecError(Problem("unknown-output", f"`{path.name}` has no layer `{output}`", place, help))
    return model.get_layer(output).output
