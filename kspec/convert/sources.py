"""What can be imported: a .keras file, a JSON configuration, `keras.applications.NAME`, a Python object."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kspec.convert.older import check_version, is_older, modernized
from kspec.convert.training import saved_compile
from kspec.diagnostics import FileError, Problem, UsageError, listing, one_line, shortened, suggestion
from kspec.model.admission import MAX_CONFIG, check_classes, parsed, raw_config, saved_by, serialized
from kspec.model.archive import load_model, load_shapes, make_model
from kspec.model.backend import load_keras
from kspec.model.objects import search_also
from kspec.model.private import spares_decay
from kspec.model.quiet import serializing

APPLICATIONS = "keras.applications."


class Found(NamedTuple):
    """A model, and its saved compile configuration where it has one; `notes` are what a person should know of it."""

    model: Any
    compiled: Mapping[str, Any] | None
    notes: tuple[str, ...] = ()


def find(source: str, trust: Sequence[str] = (), *, with_weights: bool = False) -> Found:
    """The model that `source` names, without its weights unless they are wanted; a Python object keeps its own.

    Raises FileError, UsageError.
    """
    if source.startswith(APPLICATIONS):
        return Found(_application(source.removeprefix(APPLICATIONS)), None)
    path = Path(source)
    if path.suffix in (".keras", ".json"):
        if not path.is_file():
            raise FileError(Problem("file-missing", "there is no such file", file=source))
        if trust:
            search_also((Path.cwd(), path.resolve().parent))
        return _json(path, trust) if path.suffix == ".json" else _archive(path, trust, with_weights)
    if path.suffix in (".h5", ".hdf5"):
        help = 'convert it once, where you trust it: `keras.saving.load_model("old.h5").save("new.keras")`'
        raise FileError(
            Problem("model-file", "whole models in the older .h5 format are not read", help=help, file=source)
        )
    if ":" in source and not path.exists():
        return _object(source, trust)
    help = "name a .keras, .json or .yaml file, `keras.applications.NAME`, or `package.module:model`"
    raise UsageError(Problem("usage", f"`{source}` is nothing that can be imported", help=help))


def _archive(path: Path, trust: Sequence[str], with_weights: bool) -> Found:
    raw = raw_config(path)
    check_version(saved_by(path))
    if is_older(raw):
        return _older(raw, path, trust, with_weights)
    _check_shared(raw, path)
    model = load_model(path, compile=False, trust=trust) if with_weights else load_shapes(path, trust)
    compiled = raw.get("compile_config")
    lost = '"Huber"' in json.dumps(compiled)
    notes = ("Keras saves no `delta` of Huber: the spec has the default, 1.0",) if lost else ()
    return Found(model, compiled, notes)


def _older(raw: dict[str, Any], path: Path, trust: Sequence[str], with_weights: bool) -> Found:
    """An archive of Keras 2: its model, in the form that Keras 3 has."""
    if with_weights:
        help = 'save it once with Keras 3: `keras.saving.load_model("old.keras").save("new.keras")`'
        message = "the weights of an archive of Keras 2 are not taken along"
        raise FileError(Problem("model-file", message, help=help, file=str(path)))
    notes = ["what it was compiled with is left out"] if raw.get("compile_config") else []
    config = modernized(raw, notes.append)
    check_classes(config, path, trust)
    return Found(make_model(config, path, trust), None, tuple(notes))


def _json(path: Path, trust: Sequence[str]) -> Found:
    """The configuration that `model.to_json()` gives, of Keras 3 or older, admitted as one in an archive is."""
    with path.open("rb") as file:
        config = parsed(file.read(MAX_CONFIG + 1), path, path.name)
    notes: list[str] = []
    config = modernized(config, notes.append)
    check_classes(config, path, trust)
    model = make_model(config, path, trust)
    return Found(model, config.get("compile_config"), (*notes, *_namesakes(model)))


def _check_shared(config: Mapping[str, Any], path: Path) -> None:
    """Raise FileError for an archive with a layer that stands in it twice, in two models or in a wrapper too: Keras
    makes two of it, one of which has no weights in the file."""
    for item in serialized(config):
        inner = item["config"] if isinstance(item.get("config"), Mapping) else {}
        if "shared_object_id" in item and "trainable" in inner:
            message = f"`{shortened(str(inner.get('name')))}` is shared across models or layers, which Keras loses"
            help = "import the model where it is made: `package.module:name`"
            raise FileError(Problem("import-model", message, help=help, file=str(path)))


def _namesakes(model: Any) -> Iterator[str]:
    """What to say of a layer that has a namesake in another model inside: a configuration would not say it was one."""
    keras = load_keras()
    known: dict[tuple[type, str], tuple[Any, str]] = {}
    levels = [model]
    for level in levels:
        for layer in level.layers:
            first, home = known.setdefault((type(layer), layer.name), (layer, level.name))
            if first is not layer and layer.weights:
                pair = f"`{layer.name}` of `{home}` and `{layer.name}` of `{level.name}`"
                yield f"{pair} are two layers, as Keras reads this; if it was one, import the model where it is made"
                return
            if isinstance(layer, keras.Model) and first is layer:
                levels.append(layer)


def _application(name: str) -> Any:
    """A model of keras.applications as it is made without weights."""
    keras = load_keras()
    known = [each for each, made in vars(keras.applications).items() if each[:1].isupper() and callable(made)]
    if name not in known:
        help = suggestion(name, known, f"one of {listing(known, 50)}")
        raise UsageError(Problem("usage", f"there is no `{APPLICATIONS}{name}`", help=help))
    return getattr(keras.applications, name)(weights=None)


def _object(source: str, trust: Sequence[str]) -> Found:
    """A model in a Python module, or what a function there gives; importing it runs it, which is for trusted code."""
    module, _, name = source.partition(":")
    package = module.split(".")[0]
    if package not in trust and module not in trust:
        help = f"importing it runs it; if you trust that code, add `--trust {package}`"
        raise UsageError(
            Problem("untrusted-code", f"`{source}` is code of `{package}`, which is not trusted", help=help)
        )
    search_also((Path.cwd(),))
    keras = load_keras()
    try:
        made: Any = importlib.import_module(module)
        for part in name.split("."):
            made = getattr(made, part)
        if not isinstance(made, keras.Model) and callable(made):
            made = made()
    except MemoryError:
        raise
    except Exception as error:  # a person's own code may raise anything at all
        raise UsageError(Problem("custom-code", f"`{source}` fails: {one_line(error)}")) from None
    if not isinstance(made, keras.Model):
        help = "name a keras.Model, or a function without arguments that gives one"
        raise UsageError(Problem("usage", f"`{source}` is {type(made).__name__}, not a model", help=help))
    return of_model(made)


def of_model(model: Any) -> Found:
    """A model at hand, with what it was compiled with."""
    if not model.compiled:
        return Found(model, None)
    with serializing():
        compiled = saved_compile(model)
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    spared = "all weights decay in the spec: what `exclude_from_weight_decay` says of the optimizer is left out"
    return Found(model, compiled, (spared,) if spares_decay(optimizer) else ())
