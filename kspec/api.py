"""What the command line does, from Python: load a spec, look at it, build it, train it, use what was trained."""

from __future__ import annotations

import dataclasses
import os
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kspec.diagnostics import FileError, Problem, SpecError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from kspec.model.plan import Plan
    from kspec.report.plot.write import Direction
    from kspec.spec.compiled import Compiled
    from kspec.spec.origins import Origin
    from kspec.training.run import Run
    from kspec.training.watch import Progress

    Pathlike = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True)
class Result:
    """A finished training: its folder, its history (a row an epoch, Keras's own keys) and the trained model."""

    folder: Path
    history: tuple[dict[str, Any], ...]
    best: dict[str, Any]
    model: Any


@dataclasses.dataclass(frozen=True)
class Loaded:
    """A spec that is right as far as can be known without Keras; loaded `partly`, what is right of one."""

    compiled: Compiled

    @property
    def name(self) -> str:
        """The spec's name, or its file's."""
        given = self.compiled.spec.name
        return given if given is not None else Path(self.compiled.source.file.name).stem

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What works and is seldom meant: steps and inputs that lead to no output."""
        return self.compiled.warnings

    def show(self, stage: str = "canonical", folder: Pathlike | None = None) -> str:
        """The spec at a stage of its way: canonical, source, spec, steps, graph or plan.

        Paths are relative to `folder`, which is the spec's own where it is left out.
        """
        from kspec.spec import stages

        if stage == "plan":
            from kspec.report.summary import flat_table

            return flat_table(self.plan()) + "\n"
        return stages.show(self.compiled, stage, Path(folder).resolve() if folder is not None else None)

    def origins(self) -> tuple[Origin, ...]:
        """For every value of the canonical spec the place it came from."""
        from kspec.spec.origins import origins

        return origins(self.compiled)

    def plan(self) -> Plan:
        """Shapes, dtypes and parameters, without weights.

        Raises SpecError with every problem: what loading noted, steps that cannot be built, expectations that do not
        hold.
        """
        return self.abstract()[1]

    def abstract(self, *, expectations: bool = True) -> tuple[Any, Plan]:
        """The keras.Model with variables that have shapes and dtypes and no values, and its plan; raises as `plan`.

        Without `expectations` it does not matter whether they hold.
        """
        from kspec.model.build import abstract
        from kspec.model.compile import check_compile
        from kspec.model.expectations import check_expectations, check_size
        from kspec.model.planning import plan

        spec, graph, noted = self.compiled.spec, self.compiled.graph, self.compiled.problems
        with self._located():
            if spec.is_part:
                help = "it is a part: `extends` takes it as a base, `import` takes its blocks"
                raise SpecError(Problem("missing-key", "this file has no `layers`, so no model of its own", (), help))
            try:
                self._ready()
                built = abstract(graph, spec)
            except UsageError:  # Keras cannot be imported, say: what the text has is told all the same
                if noted:
                    raise SpecError(noted) from None
                raise
            found = plan(built, graph) if built.model is not None else None
            broken = check_expectations(spec, built, found, graph) if expectations else []
            problems = [*noted, *built.problems, *broken, *check_compile(spec)]
            problems += self._left_out()
            if problems or found is None:
                raise SpecError(problems)
            check_size(found)
            return built.model, found

    def plot(
        self, path: Pathlike, *, depth: int | None = None, unfold: bool = False, direction: Direction = "TB"
    ) -> None:
        """Draw the model: the ending of `path` is the format, ``.svg``, ``.png``, ``.dot``, ``.mmd`` or ``.html``.

        `depth` levels of blocks are unfolded, by default as many as stay readable; with `unfold` every copy of what
        repeats is shown. `direction` is ``TB``, from top to bottom, ``LR``, ``BT`` or ``RL``.
        Raises SpecError, UsageError, FileError.
        """
        from kspec.drawing import check, draw

        check(path)
        draw(self.plan(), path, source=self.compiled.source, depth=depth, unfold=unfold, direction=direction)

    def partial_plan(self) -> Plan | None:
        """The plan of what can be built of a spec in which something is wrong; None where nothing can."""
        from kspec.diagnostics import KspecError
        from kspec.model.build import abstract
        from kspec.model.planning import plan

        try:
            return plan(abstract(self.compiled.graph, self.compiled.spec), self.compiled.graph)
        except KspecError:
            return None

    def _left_out(self) -> list[Problem]:
        """What is wrong where the text can be taken in several ways."""
        from kspec.spec.compiled import inside

        found: list[Problem] = []
        for reading in self.compiled.readings:
            try:
                Loaded(reading).plan()
            except SpecError as error:
                found += inside(error.problems, self.compiled.source)
        return found

    def build(self, *, compile: bool = True, max_memory: int | None = None) -> Any:
        """The keras.Model, with weights, compiled where the spec says how.

        `max_memory` bounds the bytes of the weights and of one example's activations; by default the machine's memory.
        Raises SpecError.
        """
        from kspec.model.build import build
        from kspec.model.compile import compile_model
        from kspec.model.expectations import check_size
        from kspec.model.memory import memory_bound

        found = self.plan()
        with self._located():
            check_size(found, max_memory if max_memory is not None else memory_bound())
            model = build(self.compiled.graph, self.compiled.spec)
            if compile and self.compiled.spec.compile is not None:
                compile_model(model, self.compiled.spec.compile)
        return model

    def fit(
        self,
        data: Pathlike | None = None,
        *,
        validation: Pathlike | None = None,
        output: Pathlike | None = None,
        progress: Progress | None = None,
        command: Sequence[str] = (),
        allow_nan: bool = False,
        max_memory: int | None = None,
    ) -> Result:
        """Train in a run folder (`output`, or a new one under `runs`).

        Raises SpecError, FileError (data), TrainingError.
        """
        from kspec.files import write_atomically
        from kspec.report.curves import curves_svg
        from kspec.spec.schema import Fit
        from kspec.training.adapt import check_wrapped
        from kspec.training.data.opening import open_source
        from kspec.training.run import begin, check_free
        from kspec.training.train import prepare, train

        if self.compiled.spec.compile is None:
            problem = Problem(
                "compile-missing", "training needs `compile`", (), "add `compile: {optimizer: adam, loss: …}`"
            )
            raise SpecError(self.compiled.source.locate(problem))
        loaded = self._seeded()
        spec = loaded.compiled.spec
        settings = spec.fit if spec.fit is not None else Fit()
        files = loaded._data(data, validation, "train")
        loaded = loaded._with(data=files, fit=settings)
        with loaded._located():  # what can be refused at once is refused before the model is built
            check_wrapped(self.compiled.graph)
            if output is not None:
                check_free(output)
            for file in (files.train, files.validation):
                if file is not None:
                    open_source(file.path)
        if progress is not None:
            progress.waiting("building the model")
        model = loaded.build(max_memory=max_memory)
        with loaded._located():
            prepared = prepare(model, settings, files, allow_nan=allow_nan)
            if progress is not None:
                progress.message(prepared.describe())
            parts = {"train": prepared.train, "validation": prepared.validation}
            run = begin(
                loaded.name,
                lambda folder: loaded.show(folder=folder),
                folder=output,
                command=command,
                seed=spec.seed,
                data=parts,
            )
            history = train(model, settings, prepared, run, progress)
        write_atomically(run.folder / "curve.svg", curves_svg(history.rows, title=loaded.name))
        return Result(run.folder, history.rows, history.best, model)

    # ----------------------------------------------------------------------------------------------------------

    def _ready(self) -> None:
        """Custom modules can be found."""
        if self.compiled.spec.custom or self.compiled.spec.class_ is not None:
            from kspec.model.objects import search_also

            search_also(self.compiled.folders)

    def _located(self) -> Any:
        from kspec.spec.places import placing

        return placing(self.compiled.source)

    def _with(self, **sections: Any) -> Loaded:
        spec = self.compiled.spec.model_copy(update=sections)
        return Loaded(dataclasses.replace(self.compiled, spec=spec))

    def _seeded(self) -> Loaded:
        """A spec without a seed is given one, so that the run's spec repeats the run."""
        return self if self.compiled.spec.seed is not None else self._with(seed=random.SystemRandom().randrange(2**32))

    def _data(self, data: Pathlike | None, validation: Pathlike | None, needed: str) -> Any:
        """The spec's data section under the files given here; what `needed` names must be there."""
        from kspec.spec.schema import Data, DataFile

        section = self.compiled.spec.data if self.compiled.spec.data is not None else Data()
        update = {}
        for key, path in ((needed, data), ("validation", validation)):
            if path is not None:
                known = getattr(section, key)
                fields = known.fields if known is not None else {}
                update[key] = DataFile(path=os.path.abspath(path), fields=fields)
        if data is not None and validation is None and needed == "train":
            # the spec's own validation belongs to the spec's own training data
            section = section.model_copy(update={"validation": None})
        section = section.model_copy(update=update)
        if getattr(section, needed) is None:
            help = "give it with `--data FILE.npz`, or in the spec: `data: {train: FILE.npz}`"
            raise UsageError(Problem("data-missing", "no data to work on", help=help))
        return section


def load(
    path: Pathlike,
    *,
    sets: Sequence[str] = (),
    trust: Sequence[str] = (),
    name: str | None = None,
    partly: bool = False,
) -> Loaded:
    """Read and check a spec's file, as `kspec check --fast` does.

    With `partly` a spec with problems is loaded as far as it is right, for `plan` to tell of them and of what is wrong
    beside them.
    Raises SpecError with every problem, each with its place; UsageError where there is no such file.
    """
    from kspec.spec.compiled import compile_file

    return Loaded(compile_file(Path(path), name=name or str(path), sets=sets, trust=trust, partly=partly))


def loads(
    text: str,
    *,
    sets: Sequence[str] = (),
    trust: Sequence[str] = (),
    name: str = "<text>",
    folder: Pathlike | None = None,
    partly: bool = False,
) -> Loaded:
    """The same for a text; paths in it are relative to `folder`, by default the current one."""
    from kspec.spec.compiled import compile_text

    where = Path(folder) if folder is not None else None
    return Loaded(compile_text(text, name=name, folder=where, sets=sets, trust=trust, partly=partly))


def fix(path: Pathlike, *, sets: Sequence[str] = (), trust: Sequence[str] = (), fast: bool = False) -> int:
    """Correct the misspelt words of a spec, and of the files it is made of, in place; how many there were.

    Comments and layout stay; what `kspec check` still has to say is not raised here. Raises FileError where a file
    cannot be written.
    """
    from kspec.files import write_atomically
    from kspec.spec import mend
    from kspec.spec.textfile import contents, decode

    count = 0
    for _ in range(_ROUNDS):  # a correction may bring further words to light
        try:
            loaded = load(path, sets=sets, trust=trust, partly=not fast)
            if not fast and not loaded.compiled.spec.is_part:
                loaded.plan()
            problems = loaded.warnings
        except SpecError as error:
            problems = error.problems
        fixes = {found for problem in problems if (found := mend.fix(problem)) is not None}
        changed = 0
        for file in {found.file for found in fixes}:
            if os.path.isfile(file):
                text = decode(contents(Path(file)), file)
                better = mend.mended(text, [found for found in fixes if found.file == file])
                if better != text:
                    write_atomically(file, better)
                    changed += sum(found.file == file for found in fixes)
        count += changed
        if not changed:
            break
    return count


_ROUNDS = 5


@dataclasses.dataclass(frozen=True)
class Opened:
    """A model that can be used: with weights, and the spec that it came from where that is known."""

    model: Any
    loaded: Loaded | None
    run: Run | None


def open_model(
    target: Pathlike, *, sets: Sequence[str] = (), trust: Sequence[str] = (), weights: Pathlike | None = None
) -> Opened:
    """The model of a run folder, a .keras file, or a spec with weights.

    Raises FileError, SpecError, UsageError.
    """
    path = Path(target)
    if path.name.endswith(".weights.h5"):
        help = "weights need their spec: `kspec evaluate SPEC --weights FILE`, and `predict` likewise"
        raise UsageError(Problem("usage", f"`{path}` holds weights alone", help=help))
    if path.is_dir():
        return _open_run(path, trust)
    if path.suffix == ".keras":
        from kspec.model.archive import load_model
        from kspec.model.objects import search_also
        from kspec.training.data.source import missing

        if not path.is_file():
            raise FileError(missing(str(path)))
        if trust:
            search_also((Path.cwd(), path.resolve().parent))
        return Opened(load_model(path, trust=tuple(trust)), None, None)
    from kspec.model.weights import check_adapted

    loaded = load(path, sets=sets, trust=trust)
    if weights is not None:
        loaded = loaded._with(weights=str(Path(weights).resolve()))
    if loaded.compiled.spec.weights is None:
        help = "give `--weights FILE`, or a run folder or a .keras file in place of the spec"
        raise UsageError(Problem("weights", "a spec alone has no trained weights", help=help))
    model = loaded.build()
    check_adapted(model)
    return Opened(model, loaded, None)


def _open_run(path: Path, trust: Sequence[str]) -> Opened:
    from kspec.model.archive import load_model
    from kspec.model.objects import search_also
    from kspec.spec.compiled import compile_file
    from kspec.spec.project import find_project
    from kspec.training.run import SPEC, model_file, open_run

    run = open_run(path)
    file = model_file(path)
    # the run may lie far from the data that it was trained on
    project = dataclasses.replace(find_project(path, tuple(trust)), root=Path(path.resolve().anchor))
    compiled = compile_file(path / SPEC, project=project)
    search_also(compiled.folders)
    model = load_model(file, trust=project.trust(), modules=compiled.spec.custom)
    return Opened(model, Loaded(compiled), run)


def evaluate(
    target: Pathlike,
    data: Pathlike | None = None,
    *,
    sets: Sequence[str] = (),
    trust: Sequence[str] = (),
    weights: Pathlike | None = None,
    batch_size: int | None = None,
    tell: Callable[[str], None] | None = None,
) -> dict[str, float]:
    """Loss and metrics, by Keras's own keys, of a trained model on `data`, else on the spec's own test data.

    Where the spec has none, its validation data, else its training data; `tell` is told which arrays were taken.

    Raises FileError, SpecError, UsageError, TrainingError.
    """
    from kspec.model.interface import interface_of
    from kspec.training import apply
    from kspec.training.data.check import check

    opened = open_model(target, sets=sets, trust=trust, weights=weights)
    matched = _matched(opened, data, targets=True, tell=tell)
    if opened.model.optimizer is None and not getattr(opened.model, "compiled", False):
        help = "evaluate a run folder, or a spec with `compile`"
        raise UsageError(Problem("compile-missing", "the model has no loss to evaluate", help=help))
    check(matched, opened.model, interface_of(opened.model))
    return apply.evaluate(opened.model, matched, batch_size=batch_size)


def predict(
    target: Pathlike,
    data: Pathlike | None = None,
    *,
    sets: Sequence[str] = (),
    trust: Sequence[str] = (),
    weights: Pathlike | None = None,
    batch_size: int | None = None,
    tell: Callable[[str], None] | None = None,
) -> Mapping[str, np.ndarray]:
    """A trained model's outputs by name, a row for each example of `data`, else of the data that `evaluate` takes.

    Raises FileError, SpecError, UsageError, TrainingError.
    """
    from kspec.training import apply

    opened = open_model(target, sets=sets, trust=trust, weights=weights)
    matched = _matched(opened, data, targets=False, tell=tell)
    return apply.predict(opened.model, matched, batch_size=batch_size)


def _matched(opened: Opened, data: Pathlike | None, *, targets: bool, tell: Callable[[str], None] | None) -> Any:
    """The data to use: given, or the spec's test, validation or training data, in that order."""
    from kspec.model.interface import interface_of
    from kspec.spec.schema import DataFile
    from kspec.training.data.match import match
    from kspec.training.data.opening import open_source

    section = opened.loaded.compiled.spec.data if opened.loaded is not None else None
    parts = ("test", "validation", "train") if section is not None else ()
    part = next((part for part in parts if getattr(section, part) is not None), "")
    own = getattr(section, part) if part else None
    fields = own.fields if own is not None else {}
    file = DataFile(path=os.path.abspath(data), fields=fields) if data is not None else own
    if file is None:
        raise UsageError(Problem("data-missing", "no data to work on", help="give it with `--data FILE.npz`"))
    source = open_source(file.path)
    asked = opened.loaded.compiled.spec.fit if opened.loaded is not None else None
    weights = asked.sample_weight if asked is not None else None
    names = [weights] if isinstance(weights, str) else list((weights or {}).values())
    given = weights if targets and names and all(name in source.fields for name in names) else None
    found = match(
        source, interface_of(opened.model), fields=file.fields, sample_weight=given, part="test", targets=targets
    )
    if tell is not None:
        known = {"train": "on the training data: ", "validation": "on the validation data: "}
        # `x_test` beside `x_train` in one file is no training data.
        label = known.get(part, "") if data is None and found.family != "test" else ""
        tell(f"{label}{found.told()}")
    return found
