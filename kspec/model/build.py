"""Graph -> keras.Model, with weights or abstract: the same walk, in the order a Keras script would make its layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from kspec.diagnostics import Problem, SpecError
from kspec.model.adapting import adapt, asked, load_and_adapt
from kspec.model.backend import deeply, load_keras
from kspec.model.heads import float32_heads
from kspec.model.initial import values_put_off
from kspec.model.objects import custom, faults, make
from kspec.model.private import abstract_variables, names_counted_anew
from kspec.model.signatures import remembered
from kspec.model.walk import Walk
from kspec.model.weights import load_all
from kspec.spec.graph import Graph
from kspec.spec.schema import Spec
from kspec.spec.walk import snake_case


class Abstract(NamedTuple):
    """A model without weights, the tensors that each call gives, by step, and what cannot be built.

    `model` is None where something is wrong.
    """

    model: Any
    tensors: Mapping[str, Any]
    problems: tuple[Problem, ...]


def abstract(graph: Graph, spec: Spec) -> Abstract:
    """The model with shapes and dtypes and no weights: nothing is allocated, nothing is computed."""

    def work() -> Abstract:
        with abstract_variables(), remembered(), _policy(spec):
            walk, tensors = Walk(with_weights=False), dict[str, Any]()
            model = _model(graph, spec, walk, tensors)
            if model is not None and asked(graph):
                walk.problems += adapt(model, graph, with_weights=False)
                model = None if walk.problems else model
            return Abstract(model, tensors, (*faults(spec.dtype_policy), *walk.problems))

    return deeply(work, _calls(graph))


def build(graph: Graph, spec: Spec, fill: Callable[[Any], None] | None = None) -> Any:
    """The keras.Model of a graph, its weights initialized as the same script in Keras would under the spec's seed.

    Then those are loaded that the spec names files for. A model that is then quantized, or given LoRA, `fill` is given
    before.

    Raises SpecError with a problem for every step that cannot be built, or where a file does not fit.
    """
    keras = load_keras()

    def work() -> Any:
        if spec.seed is not None:
            keras.utils.set_random_seed(spec.seed)
        walk = Walk(with_weights=True)
        with values_put_off(), remembered():
            with _policy(spec):
                model = _model(graph, spec, walk, {})
            if walk.problems:
                raise SpecError(walk.problems)
            if not asked(graph):
                load_all(model, graph, spec.weights)
            elif problems := load_and_adapt(model, graph, spec.weights, fill):
                raise SpecError(problems)
        return model

    return deeply(work, _calls(graph))


@contextmanager
def _policy(spec: Spec) -> Iterator[None]:
    """The spec's dtype policy while its layers are made."""
    keras = load_keras()
    before = keras.config.dtype_policy()
    wanted = spec.dtype_policy if spec.dtype_policy is not None and not faults(spec.dtype_policy) else "float32"
    keras.config.set_dtype_policy(make(wanted))
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _calls(graph: Graph) -> int:
    return len(graph.nodes) + sum(map(_calls, graph.levels()))


def _model(graph: Graph, spec: Spec, walk: Walk, tensors: dict[str, Any]) -> Any:
    """The model of a whole spec; None, with the walk's problems, where something is wrong."""
    heads = float32_heads(graph) if _is_short() else frozenset()
    cls = None
    if spec.class_ is not None and graph.complete:  # else it may be code that is not trusted
        try:
            cls = _model_class(spec.class_)
        except SpecError as error:
            walk.problems.extend(error.problems)
    if graph.name is None:  # two of them may be called in a third
        graph = graph._replace(name=_counted(snake_case(cls.__name__) if cls is not None else "functional"))
    with names_counted_anew(_names(graph)):  # Keras names what masks are computed by, in the same graph
        return walk.model(graph, heads, tensors, cls)


def _counted(base: str) -> str:
    """The name that Keras gives to the next model."""
    count = load_keras().backend.get_uid(base) - 1
    return f"{base}_{count}" if count else base


def _names(graph: Graph) -> Iterator[str]:
    """The names of layers and steps, of models inside too."""
    yield from graph.layers
    yield from (node.name for node in graph.nodes)
    for inner in graph.levels():
        yield from _names(inner)


def _model_class(path: str) -> Any:
    """The model's own class."""
    cls = custom(path, ("class",))
    if not (isinstance(cls, type) and issubclass(cls, load_keras().Model)):
        raise SpecError(Problem("custom-code", f"`{path}` is not a subclass of keras.Model", ("class",)))
    return cls


def _is_short() -> bool:
    """Whether layers without a policy of their own compute in sixteen bits."""
    return load_keras().config.dtype_policy().compute_dtype in ("float16", "bfloat16")
