"""The layers of a spec's model, each with its twin in the model that the spec's code makes, whatever its style."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kspec.convert.code.trial import flattened, looking_into, traced
from kspec.convert.sameness import paired


def twins(built: Any, made: Any) -> list[tuple[Any, Any]]:
    """Both models are followed layer by layer; the code's own classes are looked into."""
    if type(made).__module__.split(".")[0] == "keras" or not hasattr(type(made), "call"):
        return list(paired(flattened(listed(built)), flattened(listed(made, built))))
    with looked_into(type(made)):
        return list(paired(flattened(listed(built)), flattened(listed(traced(made, built), built))))


def listed(model: Any, built: Any = None) -> Any:
    """The model with its outputs in a list, in the order of the spec's."""
    import keras

    outputs = model.outputs
    if isinstance(getattr(model, "output", None), dict):
        first = built if built is not None else model
        names = list(first.output) if isinstance(first.output, dict) else first.output_names
        outputs = [model.output[name] for name in names]
    return keras.Model(model.inputs, outputs)


@contextmanager
def looked_into(cls: type) -> Iterator[None]:
    """Calls of the classes of the module of `cls` are what their `call` does."""
    names: dict[str, Any] = vars(cls)["call"].__globals__
    own = [each for each in names.values() if isinstance(each, type) and each.__module__ == cls.__module__]
    for each in own:
        each.__call__ = looking_into([])  # type: ignore[attr-defined]
    yield
    for each in own:
        del each.__call__  # type: ignore[attr-defined]
