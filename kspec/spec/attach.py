"""Files that a spec names: found, kept inside the project, and other specs compiled to graphs of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kspec import catalog, reads
from kspec.diagnostics import Note, Problem, Route, SpecError, listing, suggestion
from kspec.spec.datasection import PARTS, check_code
from kspec.spec.graph import Saved, held_in, with_models
from kspec.spec.objects import Object
from kspec.spec.project import Project, confined, resolve
from kspec.spec.steps import UNKNOWN, Expanded, Nested, Step
from kspec.spec.walk import MAX_STEPS

if TYPE_CHECKING:
    from kspec.spec.graph import Graph
    from kspec.spec.objects import Checker
    from kspec.spec.places import Source
    from kspec.spec.schema import Spec

_WHOLE = (".weights.h5", ".keras", ".safetensors")
_BESIDE = (*_WHOLE, ".npz", ".npy")
"""How files of weights end: for a whole model, and for a step."""


class Other(NamedTuple):
    """Another spec as a step."""

    graph: Graph
    weights: str | None
    """The weights that it names."""
    steps: int
    """How many it has, those of the models in it too."""
    problems: tuple[Problem, ...] = ()
    """What is wrong with it, located."""


class Surroundings(NamedTuple):
    """What a spec's paths are resolved in: its text, its project, the files on the way to it, and how another spec
    is compiled."""

    source: Source
    project: Project
    stack: tuple[Path, ...]
    compile: Callable[[Path, str], Other]
    """From a spec's path and its name for messages; raises SpecError."""


def files(spec: Spec, expanded: Expanded, around: Surroundings, checker: Checker) -> tuple[Spec, Expanded, int]:
    """The spec and its steps with every path absolute, and every `model: other.yaml` a graph; how many steps those
    have."""
    attacher = _Attacher(around, checker)
    steps = expanded.steps
    if any(_may_name_files(step) for step in steps):
        steps = tuple(attacher.step(step) for step in steps)
    update: dict[str, Any] = {}
    if spec.weights is not None:
        path = attacher.path(spec.weights, ("weights",))
        if path is not None:
            attacher.weights(path, ("weights",), _WHOLE)
            update["weights"] = str(path)
    if spec.data is not None:
        update["data"] = attacher.data(spec.data)
    if spec.fit is not None and spec.fit.callbacks:
        update["fit"] = spec.fit.model_copy(update={"callbacks": tuple(map(attacher.callback, spec.fit.callbacks))})
    return (
        spec.model_copy(update=update),
        expanded._replace(steps=steps, named=expanded.named and attacher.named),
        attacher.steps,
    )


def _may_name_files(step: Step) -> bool:
    return step.weights is not None or step.operation.__class__ in (Saved, Nested) or bool(held_in(step.operation))


class _Attacher:
    def __init__(self, around: Surroundings, checker: Checker) -> None:
        self.around, self.checker = around, checker
        self.graphs: dict[tuple[Path, str | None], Other | None] = {}
        self.named = True
        """Whether every model was found whose step is named after its file."""
        self.told: set[Path] = set()
        """Specs with problems, which are told at their first use."""
        self.steps = 0

    def folder(self, route: Route) -> Path:
        """The folder of the file in which a value was written."""
        file = self.around.source.file_of(route)
        return Path.cwd() if file.path is None else file.path.parent

    def path(self, text: str, route: Route, uses: tuple[Route, ...] = (), *, exists: bool = True) -> Path | None:
        """The file of a value, relative to the file in which the value was written."""
        try:
            return resolve(self.around.project, self.folder(route), text, route, exists=exists)
        except SpecError as error:
            self.checker.problems.extend(replace(problem, uses=uses) for problem in error.problems)
            return None

    def callback(self, made: Any) -> Any:
        """A callback; the path of one that writes files is absolute."""
        parameter = catalog.PATHS.get(made.name) if isinstance(made, Object) else None
        if parameter is None or parameter not in made.args:
            return made
        route = (*made.route, parameter)
        try:
            path = confined(self.around.project, self.folder(route), made.args[parameter], route)
        except SpecError as error:
            self.checker.problems.extend(error.problems)
            return made
        return made._replace(args={**made.args, parameter: str(path)})

    def weights(self, path: Path, route: Route, endings: tuple[str, ...]) -> None:
        if not path.name.endswith(endings):
            help = f"a weights file ends in {listing(endings)}"
            self.checker.wrong("file-format", f"`{path.name}` is not a weights file", route, help)

    def data(self, data: Any) -> Any:
        """The data section with absolute paths; a file that is not there yet is said when it is needed.

        A path may name a folder, or several files by a pattern, so it is only kept inside the project here.
        """
        update = {}
        check_code(data, self.around.project, self.checker)
        for key in PARTS:
            file = getattr(data, key)
            if file is not None and file.path is not None:
                route: Route = ("data", key, "path")
                try:
                    path = confined(self.around.project, self.folder(route), file.path, route)
                except SpecError as error:
                    self.checker.problems.extend(error.problems)
                    continue
                reads.note(Path(self.folder(route), file.path))
                update[key] = file.model_copy(update={"path": str(path)})
        return data.model_copy(update=update)

    def step(self, step: Step) -> Step:
        if step.weights is not None:
            route = (*step.route[:-1], "weights")
            path = self.path(step.weights, route, step.uses)
            if path is not None:
                self.weights(path, route, _BESIDE)
                step = step._replace(weights=str(path))
        operation = step.operation
        if isinstance(operation, Nested):
            return step._replace(operation=self._inside(operation))
        if isinstance(operation, Saved):
            return self._saved(step, operation)
        return step._replace(operation=with_models(operation, self._inside)) if held_in(operation) else step

    def _inside(self, nested: Nested) -> Nested:
        return nested._replace(steps=tuple(map(self.step, nested.steps)))

    def _saved(self, step: Step, operation: Saved) -> Step:
        path = self.path(operation.path, step.route, step.uses)
        if path is None:
            self.named = False
            return step._replace(operation=UNKNOWN)
        if path.suffix in (".yaml", ".yml"):
            key = (path, operation.output)
            if key not in self.graphs:
                self.graphs[key] = self._other(path, step, operation.output)
            other = self.graphs[key]
            if other is None:
                return step._replace(operation=UNKNOWN)
            graph, weights, steps, problems = other
            self.steps += steps
            if self.steps > MAX_STEPS:
                told = any(problem.code == "too-many-steps" for problem in problems)
                if self.steps - steps <= MAX_STEPS and not told:
                    message = f"with the models in it the spec has more than {MAX_STEPS:,} steps"
                    self.checker.wrong("too-many-steps", message, step.route, at="key")
                return step._replace(operation=UNKNOWN)
            return step._replace(operation=graph, weights=step.weights if step.weights is not None else weights)
        if path.suffix == ".h5":
            help = "load it in Keras and save it as `.keras`: keras.models.load_model(…).save('model.keras')"
            self.checker.wrong("model-file", f"`{path.name}` is a legacy HDF5 model", step.route, help)
            return step._replace(operation=UNKNOWN)
        if path.suffix != ".keras":
            help = "a saved model (`.keras`) or another spec (`.yaml`)"
            self.checker.wrong("file-format", f"`{path.name}` is not a model", step.route, help)
            return step._replace(operation=UNKNOWN)
        return step._replace(operation=operation._replace(path=str(path)))

    def _other(self, path: Path, step: Step, output: str | None) -> Other | None:
        """Another spec, cut at `output`; None, with the problem noted, where it cannot be a step."""
        stack = self.around.stack
        if path in stack:
            names = " → ".join(f"`{file.name}`" for file in (*stack[stack.index(path) :], path))
            self.checker.wrong("extends-cycle", f"these specs contain each other: {names}", step.route)
            return None
        shown = str(Path(self.around.source.file_of(step.route).name).parent / str(step.operation.path))  # type: ignore[union-attr]
        try:
            other = self.around.compile(path, shown)
        except SpecError as error:
            self._tell(error.problems, path, step)
            return None
        self._tell(other.problems, path, step)
        if not other.graph.inputs:
            message, help = f"`{path.name}` has no `layers`, and is no model", "`import` it, and use a block of it"
            self.checker.wrong("file-format", message, step.route, help)
            return None
        if output is not None:
            cut = other.graph.cut(output)
            if cut is None:
                if not other.graph.complete:
                    return None
                known = [node.name for node in other.graph.nodes]
                help = suggestion(output, known, f"its steps: {listing(known, 8)}")
                route = (*step.route[:-1], "output")
                self.checker.wrong("unknown-output", f"`{path.name}` has no step `{output}`", route, help)
                return None
            return other._replace(graph=cut)
        return other

    def _tell(self, problems: Sequence[Problem], path: Path, step: Step) -> None:
        """The problems of another spec; they lead nowhere in this one."""
        if path not in self.told:
            self.told.add(path)
            note = Note("used here", span=self.around.source.span(step.route, "key"))
            self.checker.problems.extend(
                replace(problem, route=(), notes=(*problem.notes, note)) for problem in problems
            )


def check_outputs(spec: Spec, graph: Graph, checker: Checker, *, named: bool) -> None:
    """Words of `compile`, `fit`, `data` and `expect` that name inputs or outputs do name some.

    Where not every name is known (`named`), nothing is said of what the last step is called.
    """
    if spec.is_part or (spec.outputs is None and not named):
        return  # those of a part are the inputs and outputs of whoever extends it
    told = any(problem.route[:1] == ("outputs",) for problem in checker.problems)
    known = graph.output_names() or (() if told else _names(spec.outputs))
    if not known:
        return  # something else is wrong, and it is not known what they are
    for section, key in _BY_OUTPUT:
        value = getattr(getattr(spec, section), key, None)
        if isinstance(value, list) and key in ("loss", "loss_weights") and len(value) != len(known):
            has = "one output" if len(known) == 1 else f"{len(known)} outputs"
            message = f"`{key}` lists {len(value)}, and the model has {has}"
            checker.wrong("wrong-value", message, (section, key), f"one for each output: {listing(known)}")
        if not isinstance(value, dict):
            continue
        for name in value:
            told = any(problem.route == (section, key, name) for problem in checker.problems)
            if isinstance(name, str) and name not in known and not told:
                help = suggestion(name, known, f"outputs: {listing(known)}")
                checker.wrong("unknown-output", f"the model has no output `{name}`", (section, key, name), help, "key")
    weights = getattr(spec.fit, "sample_weight", None)
    fed = [given.name for given in graph.inputs] + [*known]
    fed += [weights] if isinstance(weights, str) else list((weights or {}).values())
    if spec.data is None:
        return
    given = [((part, "fields"), file.fields) for part in PARTS if (file := getattr(spec.data, part)) is not None]
    for route, names in [*given, (("fields",), spec.data.fields), (("labels",), spec.data.labels)]:
        for name in names:
            if name not in fed:
                help = suggestion(name, fed, f"names: {listing(fed)}")
                message = f"the model has no input or output `{name}`"
                checker.wrong("unknown-name", message, ("data", *route, name), help, "key")


def _names(outputs: Any) -> tuple[str, ...]:
    """What a spec calls its outputs, where a list or a mapping says so."""
    return tuple(outputs) if isinstance(outputs, (list, dict)) else ()


_BY_OUTPUT = (
    *(("compile", key) for key in ("loss", "loss_weights", "metrics", "weighted_metrics")),
    *(("fit", key) for key in ("class_weight", "sample_weight")),
    ("expect", "outputs"),
)
