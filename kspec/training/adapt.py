"""Preprocessing layers that must see data, `Normalization` and `Discretization`, given their statistics.

Keras leaves it to a person to call ``adapt`` with the right array before a model is made. Here the array is what
reaches the layer in the model: an input, or what the layers before it make of the training data.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from kspec.diagnostics import FileError, Problem, SpecError
from kspec.model.backend import load_keras
from kspec.model.interface import Interface
from kspec.model.private import calls
from kspec.spec.graph import Graph, Held, held_in
from kspec.spec.objects import Object, objects_in
from kspec.spec.places import placing
from kspec.training.data.match import Matched, Streamed

_STATISTICS = {"Normalization": "mean", "Discretization": "bin_boundaries"}
_HELP = "give its statistics: `mean` and `variance`, or `bin_boundaries`"


def check_wrapped(graph: Graph) -> None:
    """Refuse layers that must see data and stand inside other layers, where data cannot be followed to them.

    Raises `SpecError` (``cannot-adapt``).
    """
    problems: list[Problem] = []
    _note_wrapped(graph, "", problems)
    if problems:
        raise SpecError(problems)


def _note_wrapped(graph: Graph, around: str, problems: list[Problem]) -> None:
    """Note them; the layer `around` is around all of the graph."""
    for layer in graph.layers.values():
        inner = layer.operation
        for model, owner in [(inner, around), *((held.model, layer.name) for held in held_in(inner))]:
            if isinstance(model, Graph):
                with placing(model.source) if model.source is not None else nullcontext():
                    _note_wrapped(model, owner, problems)
        args = [item for item in getattr(inner, "args", {}).values() if not isinstance(item, Held)]
        for found, owner in [(inner, around), *((each, layer.name) for each in objects_in(args))]:
            statistics = _STATISTICS.get(found.name, "") if isinstance(found, Object) else ""
            if owner and isinstance(found, Object) and statistics and found.args.get(statistics) is None:
                message = f"{found.name} must see data before training, and `{owner}` wraps it"
                problems.append(Problem("cannot-adapt", message, found.route, _HELP, "key", uses=layer.uses))


def adapt(
    model: Any, interface: Interface, train: Matched | Streamed, batch_size: int | None = None, *, seed: int = 0
) -> tuple[str, ...]:
    """Adapt every layer of `model` that has no statistics yet; the names of those that were adapted, in order.

    Of streamed data layers see a sample that fits in memory, a function of `seed`.

    Raises `SpecError` (``cannot-adapt``) for a layer that data cannot be followed to, and `FileError` (``data-shape``)
    for data with too few different values.
    """
    hidden = [layer for layer in model.layers if _hides(layer)]
    if hidden:
        message = f"`{hidden[0].name}` holds a layer that must see data before training, and wraps it"
        raise SpecError(Problem("cannot-adapt", message, help=_HELP))
    if not _waiting(model):
        return ()
    if isinstance(train, Streamed):
        train = train.sample(seed)
    names = tuple(_adapt(model, [train.x.get(port.name) for port in interface.inputs], batch_size, train.path))
    _forget_compiled(model)
    return names


def needs_data(layer: Any) -> bool:
    """Whether a layer is to be adapted: it was given no statistics, and is as new."""
    keras = load_keras()
    if isinstance(layer, keras.layers.Normalization):
        if layer.input_mean is not None:
            return False
        # The counter that Keras keeps beside them stays 0: only the values tell a new layer from an adapted one.
        mean, variance = (keras.ops.convert_to_numpy(v.value) for v in (layer.adapt_mean, layer.adapt_variance))
        return bool((mean == 0).all() and (variance == 1).all())
    return isinstance(layer, keras.layers.Discretization) and layer.bin_boundaries is None


def _waiting(model: Any) -> bool:
    return any(needs_data(layer) or (_is_model(layer) and _waiting(layer)) for layer in model.layers)


def _hides(layer: Any) -> bool:
    inner = getattr(layer, "layer", None)
    return inner is not None and (needs_data(inner) or (_is_model(inner) and _waiting(inner)))


def _is_model(layer: Any) -> bool:
    return isinstance(layer, load_keras().Model) and bool(getattr(layer, "inputs", None))


def _adapt(model: Any, feed: list[Any], batch_size: int | None, path: str) -> list[str]:
    """Adapt a model's layers in the order of its graph, so that each sees what adapted layers give."""
    made: dict[int, list[tuple[Any, ...]]] = {}
    for operation, _, tensors, _ in calls(model):
        made.setdefault(id(operation), []).append(tensors)
    names: list[str] = []
    for operation, *_ in calls(model):
        reaching = made.pop(id(operation), None)  # at its first call, with all the calls of a shared layer
        if reaching is None:
            continue
        if needs_data(operation):
            _see(operation, _joined(model, feed, [tensors[:1] for tensors in reaching], batch_size)[0], path)
            names.append(operation.name)
        elif _is_model(operation) and _waiting(operation):
            inner = _joined(model, feed, reaching, batch_size)
            names += [f"{operation.name}.{name}" for name in _adapt(operation, inner, batch_size, path)]
    return names


def _joined(model: Any, feed: list[Any], reaching: list[tuple[Any, ...]], batch_size: int | None) -> list[Any]:
    """The values of tensors on all the data, those of several calls one after the other."""
    import numpy as np

    values = [_values(model, feed, tensors, batch_size) for tensors in reaching]
    if len(values) == 1:
        return values[0]
    return [np.concatenate(column) for column in zip(*values, strict=True)]


def _values(model: Any, feed: list[Any], tensors: tuple[Any, ...], batch_size: int | None) -> list[Any]:
    keras = load_keras()
    given = {id(tensor): array for tensor, array in zip(model.inputs, feed, strict=True)}
    wanted = [tensor for tensor in tensors if id(tensor) not in given]
    if wanted:
        made = keras.Model(model.inputs, wanted).predict(feed, batch_size=batch_size, verbose=0)
        # Flattened: Keras takes a list of one tensor for that tensor.
        given |= {id(tensor): array for tensor, array in zip(wanted, keras.tree.flatten(made), strict=True)}
    return [given[id(tensor)] for tensor in tensors]


def _see(layer: Any, array: Any, path: str) -> None:
    if isinstance(layer, load_keras().layers.Discretization):
        # Its `adapt` asks whether the data are TensorFlow's, and so needs TensorFlow: these are the steps it takes.
        layer.reset_state()
        layer.update_state(array)
        layer.finalize_state()
    else:
        layer.adapt(array)
    bins = getattr(layer, "num_bins", None)
    if bins is not None and layer.output_mode != "int" and len(layer.bin_boundaries) + 1 != bins:
        message = f"`{layer.name}` wants {bins} bins, and the training data give {len(layer.bin_boundaries) + 1}"
        raise FileError(Problem("data-shape", message, help="give more rows, or fewer `num_bins`", file=path))


def _forget_compiled(model: Any) -> None:
    """Statistics are constants of a compiled step: one made before them must not be used again."""
    for kind in ("train", "test", "predict"):
        if getattr(model, f"{kind}_function", None) is not None:
            getattr(model, f"make_{kind}_function")(force=True)
