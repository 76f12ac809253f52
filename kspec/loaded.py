"""A spec that was loaded, and what can be done with it: look at it, build it, train it."""

from __future__ import annotations

import dataclasses
import os
import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kspec.diagnostics import Problem, SpecError, UsageError

if TYPE_CHECKING:
    from kspec.model.build import Abstract
    from kspec.model.plan import Plan
    from kspec.report.plot.write import Direction
    from kspec.spec.compiled import Compiled
    from kspec.spec.origins import Origin
    from kspec.training.data.match import Matched, Streamed
    from kspec.training.loop import LoopName
    from kspec.training.resuming import Resumed
    from kspec.training.run import Run
    from kspec.training.train import Prepared
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

    def abstract(self, *, expectations: bool = True) -> tuple[Abstract, Plan]:
        """The model whose variables have shapes and dtypes and no values, and its plan; raises as `plan`.

        Without `expectations` it does not matter whether they hold.
        """
        from kspec.model.build import abstract
        from kspec.model.compile import check_compile
        from kspec.model.expectations import check_expectations, check_size
        from kspec.model.planning import plan

        spec, graph, noted = self.compiled.spec, self.compiled.graph, self.compiled.problems
        with self.located():
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
            return built, found

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

    def slice(
        self,
        start: str | Sequence[str] = (),
        end: str | Sequence[str] = (),
        *,
        output: Pathlike | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> str:
        """The part of the model from the steps or inputs `start` to the steps `end`, as the text of a spec of its own.

        It begins with the steps `start` (without any, at the inputs): what they take becomes its inputs, and so does
        every other tensor from outside. It ends with the steps `end` (without any, at the outputs). With `output` it is
        written to that file, and paths in it are relative to the file's folder; else to the spec's own. `tell` is told
        what a person should know of it.

        Raises UsageError where there is no such step or no way from `start` to `end`, or the slice is not right where
        it is to be written; FileError where it cannot be written; SpecError as `plan` does.
        """
        from kspec.files import check_target, write_atomically
        from kspec.model.slicing import sliced
        from kspec.spec.slicing.target import check_name, check_there

        own = self.compiled.source.file.path
        folder = own.parent if own is not None else self.compiled.project.root
        if output is not None:
            check_name(self.compiled, Path(output))
            check_target(output)
            folder = Path(output).resolve().parent
        first, last = ([given] if isinstance(given, str) else given for given in (start, end))
        found = sliced(self.compiled, self.abstract()[0], first, last, folder)
        if output is not None:
            check_there(self.compiled, found.text, Path(output))
            write_atomically(output, found.text)
        if tell is not None:
            for note in found.notes:
                tell(note)
        return found.text

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

    def build(
        self, *, compile: bool = True, max_memory: int | None = None, fill: Callable[[Any], None] | None = None
    ) -> Any:
        """The keras.Model, with weights, compiled where the spec says how.

        `max_memory` bounds the bytes of the weights and of one example's activations; by default the machine's memory.
        `fill` may change the weights of a model that is then quantized, or given LoRA: it is given the model before.
        Raises SpecError.
        """
        from kspec.model.build import build
        from kspec.model.compile import compile_model
        from kspec.model.expectations import check_size
        from kspec.model.memory import memory_bound

        found = self.plan()
        with self.located():
            check_size(found, max_memory if max_memory is not None else memory_bound())
            model = build(self.compiled.graph, self.compiled.spec, fill)
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
        loop: LoopName = "auto",
        keep: bool = True,
        resume: Pathlike | None = None,
        accept_changes: bool = False,
    ) -> Result:
        """Train in a run folder (`output`, or a new one under `runs`).

        `loop` says how steps are run: ``single``, one by one, ``scan``, many in a program, ``packed``, likewise with
        all weights in one array where the optimizer allows it, or ``auto``, by measuring.
        With `keep`, compiled programs are kept in the cache folder for the next time. `resume` goes on with a run that
        was broken off, or finished with fewer epochs, from its last checkpoint: its folder; ``auto``, the one in
        `output` if it was begun; empty, the last one of this spec. Where the training is not the same any more it is
        refused, unless `accept_changes`.
        Raises SpecError, FileError (data, the run's files), TrainingError, UsageError.
        """
        from kspec.drawing.curve import draw_curve
        from kspec.feeding import data_parts
        from kspec.model.compilations import prepare_compiling
        from kspec.model.save import check_told
        from kspec.training.adapt import check_wrapped
        from kspec.training.resuming import begun
        from kspec.training.run import check_free
        from kspec.training.shortage import explaining
        from kspec.training.train import prepare, train

        self.check_trained()
        run = begun(resume, output, self.name) if resume is not None else None
        loaded = self._to_train(run, data, validation)
        spec = loaded.compiled.spec
        assert spec.fit is not None
        assert spec.seed is not None
        with loaded.located():  # what can be refused at once is refused before the model is built
            check_wrapped(self.compiled.graph)
            if run is not None:
                run.lock()
            elif output is not None:
                check_free(output)
            parts = data_parts(loaded.compiled, data, validation)
            parts.check()
        if progress is not None:
            progress.waiting("building the model")
        prepare_compiling(keep)
        model = loaded.build(max_memory=max_memory)
        check_told(model)
        with loaded.located():
            prepared = prepare(model, spec.fit, parts, allow_nan=allow_nan)
            told = progress.message if progress is not None else lambda text: None
            told(prepared.describe())
            place = loaded._entered(run, output, prepared, command, accept_changes, told)
            if place.is_complete(spec.fit.epochs):
                told(f"{place.run.folder}: already complete, {spec.fit.epochs} epochs")
                return loaded._complete(place.run, model)
            with explaining(loaded.abstract, spec.compile, spec.fit.batch_size or 32):
                history = train(model, spec.fit, prepared, place, progress, seed=spec.seed, loop=loop)
        draw_curve(place.run.folder, history.rows, self.name)
        return Result(place.run.folder, history.rows, history.best, model)

    def training_data(self, data: Pathlike | None = None) -> Matched | Streamed:
        """The rows that `fit` would train on, matched and checked.

        Raises SpecError, FileError, UsageError.
        """
        from kspec.feeding import data_parts, data_section
        from kspec.spec.schema import Fit
        from kspec.training.train import prepare

        loaded = self.updated(data=data_section(self.compiled, data, None))
        with loaded.located():
            return prepare(self.build(), self.compiled.spec.fit or Fit(), data_parts(loaded.compiled, data)).train

    def check_trained(self) -> None:
        """The spec says how its model is trained, and nothing in it is quantized that would have to learn.

        Raises SpecError.
        """
        from kspec.spec.adapting import untrained

        if self.compiled.spec.compile is None:
            help = "add `compile: {optimizer: adam, loss: …}`"
            problem = Problem("compile-missing", "training needs `compile`", (), help)
            raise SpecError(self.compiled.source.locate(problem))
        with self.located():
            if problems := list(untrained(self.compiled.graph)):
                raise SpecError(problems)

    # ----------------------------------------------------------------------------------------------------------

    def _ready(self) -> None:
        """Custom modules can be found."""
        if self.compiled.spec.custom or self.compiled.spec.class_ is not None:
            from kspec.model.objects import search_also

            search_also(self.compiled.folders)

    def located(self) -> AbstractContextManager[None]:
        """Problems that are raised inside are given their places in the spec."""
        from kspec.spec.places import placing

        return placing(self.compiled.source)

    def updated(self, **sections: Any) -> Loaded:
        """With other sections in the spec."""
        spec = self.compiled.spec.model_copy(update=sections)
        return Loaded(dataclasses.replace(self.compiled, spec=spec))

    def _to_train(self, run: Run | None, data: Pathlike | None, validation: Pathlike | None) -> Loaded:
        """As it is trained: with its data and settings. One without a seed is given one, so that the run's spec repeats
        the run."""
        from kspec.feeding import data_section
        from kspec.spec.schema import Fit

        spec = self.compiled.spec
        seed = spec.seed if spec.seed is not None or run is None else run.facts.get("seed")
        seed = seed if seed is not None else random.SystemRandom().randrange(2**32)
        return self.updated(data=data_section(self.compiled, data, validation), fit=spec.fit or Fit(), seed=seed)

    def _complete(self, run: Run, model: Any) -> Result:
        """What came of a run that is over; its picture is drawn where there was no room for it."""
        from kspec.drawing.curve import draw_curve
        from kspec.model.weights import load_into
        from kspec.training.run import WEIGHTS

        load_into(model, run.folder / WEIGHTS, ("weights",))
        draw_curve(run.folder, run.history, self.name, again=False)
        return Result(run.folder, run.history, run.facts["best"], model)

    def _entered(
        self,
        run: Run | None,
        output: Pathlike | None,
        prepared: Prepared,
        command: Sequence[str],
        accept: bool,
        tell: Callable[[str], None],
    ) -> Resumed:
        """The run to train in: a new one where there is none to go on with."""
        from kspec.training.resuming import Resumed, go_on
        from kspec.training.run import begin, facts_of

        spec = self.compiled.spec
        assert spec.fit is not None
        data = {"train": prepared.train, "validation": prepared.validation}
        own = self.compiled.folders if spec.custom or spec.class_ is not None else ()
        told: Any = {"data": data, "labels": prepared.labels, "modules": own}
        facts = facts_of(self.name, command=command, seed=spec.seed, epochs=spec.fit.epochs, **told)

        def text(folder: Path) -> str:
            return self.show(folder=folder)

        if run is None:
            return Resumed(begin(facts, text, folder=output), None)
        return go_on(run, facts, text, accept=accept, tell=tell)

    def interface(self) -> Any:
        """The inputs and outputs of the model, which is not given weights."""
        from kspec.model.compile import compile_model
        from kspec.model.interface import interface_of

        built, _ = self.abstract(expectations=False)
        with self.located():
            if self.compiled.spec.compile is not None:
                compile_model(built.model, self.compiled.spec.compile)
        return interface_of(built.model)


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
