"""What the command line does, from Python: load a spec, look at it, build it, train it, use what was trained."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kspec.diagnostics import FileError, Problem, SpecError, UsageError
from kspec.loaded import Loaded, Result, load, loads

if TYPE_CHECKING:
    import numpy as np

    from kspec.loaded import Pathlike
    from kspec.training.listing import Listed
    from kspec.training.loop import LoopName
    from kspec.training.run import Run

__all__ = [
    "Loaded",
    "Opened",
    "Result",
    "audit",
    "describe",
    "evaluate",
    "fix",
    "load",
    "loads",
    "open_model",
    "predict",
    "run_spec",
    "runs",
    "verify",
]


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
    target: Pathlike,
    *,
    sets: Sequence[str] = (),
    trust: Sequence[str] = (),
    weights: Pathlike | None = None,
    fresh: bool = False,
    max_memory: int | None = None,
) -> Opened:
    """The model of a run folder, a .keras file, or a spec with weights; where `fresh` ones will do, of any spec.

    `max_memory` bounds what a spec is built of, as `Loaded.build` says.

    Raises FileError, SpecError, UsageError.
    """
    path = Path(target)
    if path.name.endswith((".weights.h5", ".safetensors")):
        help = "weights need their spec: `kspec evaluate SPEC --weights FILE`, and `predict` likewise"
        raise UsageError(Problem("usage", f"`{path}` holds weights alone", help=help))
    if path.is_dir() or path.suffix == ".keras":
        check_unset(path, sets)
        if weights is not None:
            help = "leave `--weights` out, or name a spec"
            raise UsageError(Problem("usage", f"`{path}` has its own weights", help=help))
    if path.is_dir():
        return _open_run(path, trust)
    if path.suffix == ".keras":
        from kspec.model.archive import load_model
        from kspec.model.objects import search_also

        _check_there(path)
        if trust:
            search_also((Path.cwd(), path.resolve().parent))
        return Opened(load_model(path, trust=tuple(trust)), None, None)
    from kspec.model.weights import check_adapted

    loaded = load(path, sets=sets, trust=trust)
    if weights is not None:
        _check_there(Path(weights))
        loaded = loaded.updated(weights=str(Path(weights).resolve()))
    if loaded.compiled.spec.weights is None and not fresh:
        help = "give `--weights FILE`, or a run folder or a .keras file in place of the spec"
        raise UsageError(Problem("weights", "a spec alone has no trained weights", help=help))
    model = loaded.build(max_memory=max_memory)
    if not fresh or loaded.compiled.spec.weights is not None:
        check_adapted(model)
    return Opened(model, loaded, None)


def check_unset(path: Path, sets: Sequence[str]) -> None:
    """Raise UsageError for `--set` with a model that was saved."""
    if sets:
        help = "what it is made of is in the file; `--set` changes specs"
        raise UsageError(Problem("usage", f"nothing of `{path}` can be set", help=help))


def _check_there(path: Path) -> None:
    from kspec.training.data.source import missing

    if not path.is_file():
        raise FileError(missing(str(path)))


def run_spec(folder: Path, *, sets: Sequence[str] = (), trust: Sequence[str] = ()) -> Loaded:
    """The spec that a run trained; the run may lie far from the data that it was trained on.

    Raises SpecError, UsageError.
    """
    from kspec.spec.compiled import compile_file
    from kspec.spec.project import find_project
    from kspec.training.run import SPEC, Run

    root, modules = Path(folder.resolve().anchor), Run(folder).modules
    project = dataclasses.replace(find_project(folder, tuple(trust)), root=root, modules=modules)
    return Loaded(compile_file(folder / SPEC, sets=sets, project=project))


def _open_run(path: Path, trust: Sequence[str]) -> Opened:
    from kspec.model.archive import load_model
    from kspec.model.compile import compile_model
    from kspec.model.objects import search_also
    from kspec.training.run import model_file, open_run

    run = open_run(path)
    file = model_file(path)
    loaded = run_spec(path, trust=trust)
    search_also(loaded.compiled.folders)
    spec = loaded.compiled.spec
    model = load_model(file, trust=loaded.compiled.project.trust(), modules=spec.custom)
    if spec.compile is not None:  # of some losses Keras saves not all: Huber's `delta`, an `axis`
        compile_model(model, spec.compile)
    return Opened(model, loaded, run)


def evaluate(
    target: Pathlike,
    data: Pathlike | None = None,
    *,
    sets: Sequence[str] = (),
    trust: Sequence[str] = (),
    weights: Pathlike | None = None,
    batch_size: int | None = None,
    tell: Callable[[str], None] | None = None,
    allow_nan: bool = False,
    loop: LoopName = "auto",
    keep: bool = True,
    max_memory: int | None = None,
) -> dict[str, Any]:
    """Loss and metrics, by Keras's own keys, of a trained model on `data`, else on the spec's own test data; a metric
    of a number for each class is a list.

    Where the spec has none, its validation data, else its training data; `tell` is told which arrays were taken.

    Raises FileError, SpecError, UsageError, TrainingError.
    """
    from kspec.model.compilations import prepare_compiling
    from kspec.model.interface import interface_of
    from kspec.training import apply
    from kspec.training.data.check import checked

    prepare_compiling(keep)
    opened = open_model(target, sets=sets, trust=trust, weights=weights, max_memory=max_memory)
    matched = _matched(opened, data, targets=True, tell=tell)
    if opened.model.optimizer is None and not getattr(opened.model, "compiled", False):
        help = "evaluate a run folder, or a spec with `compile`"
        raise UsageError(Problem("compile-missing", "the model has no loss to evaluate", help=help))
    matched = checked(matched, opened.model, interface_of(opened.model), allow_nan=allow_nan)
    return apply.evaluate(opened.model, matched, batch_size=batch_size, loop=loop)


def predict(
    target: Pathlike,
    data: Pathlike | None = None,
    *,
    sets: Sequence[str] = (),
    trust: Sequence[str] = (),
    weights: Pathlike | None = None,
    batch_size: int | None = None,
    tell: Callable[[str], None] | None = None,
    loop: LoopName = "auto",
    keep: bool = True,
    max_memory: int | None = None,
) -> Mapping[str, np.ndarray]:
    """A trained model's outputs by name, a row for each example of `data`, else of the data that `evaluate` takes.

    Raises FileError, SpecError, UsageError, TrainingError.
    """
    from kspec.model.compilations import prepare_compiling
    from kspec.model.interface import interface_of
    from kspec.training import apply
    from kspec.training.data.check import checked

    prepare_compiling(keep)
    opened = open_model(target, sets=sets, trust=trust, weights=weights, max_memory=max_memory)
    matched = _matched(opened, data, targets=False, tell=tell)
    # NaN among the features shows in the row's prediction; a token beyond an embedding, say, need not.
    matched = checked(matched, opened.model, interface_of(opened.model), allow_nan=True)
    return apply.predict(opened.model, matched, batch_size=batch_size, loop=loop)


def describe(
    source: Pathlike, *, spec: Pathlike | None = None, sets: Sequence[str] = (), trust: Sequence[str] = ()
) -> dict[str, Any]:
    """What data hold, as plain data: ``fields`` with shapes, dtypes, ranges, missing values and counts of values.

    `source` is a file, a pattern of files, a folder, or a spec that names its training data. With a spec, `fits` says
    for each field which inputs and outputs it is not for, and why; `matched` is what training would take, `problems`
    why it would not.

    Raises FileError, SpecError, UsageError.
    """
    from kspec.feeding import data_parts, data_section, fitting
    from kspec.training.data.describe import describe as look
    from kspec.training.data.opening import open_source

    named = Path(source).suffix in (".yaml", ".yml")
    loaded = load(spec if spec is not None else source, sets=sets, trust=trust) if spec is not None or named else None
    if named:
        assert loaded is not None
        data_section(loaded.compiled, None, None)  # there are data to train on
        parts = data_parts(loaded.compiled)
        trained, fields = parts.source("train"), parts.fields("train")
        assert trained is not None  # `data_section` has made sure of it
        opened = trained
    else:
        opened = open_source(os.fspath(source))
        section = loaded.compiled.spec.data if loaded is not None else None
        fields = {**section.fields, **(section.train.fields if section.train is not None else {})} if section else {}
    interface = loaded.interface() if loaded is not None else None
    found: dict[str, Any] = {"source": opened.path, "files": len(opened.files)}
    facts = look(opened, interface, fields)
    found["fields"] = [each.as_json() for each in facts]
    if interface is not None and loaded is not None:
        found |= fitting(loaded.compiled, opened, interface, fields, facts)
    return found


def audit(path: Pathlike, *, trust: Sequence[str] = ()) -> dict[str, Any]:
    """What a ``.keras``, ``.weights.h5`` or ``.safetensors`` file would do, as plain data, without doing it:
    ``admitted`` and ``refusals``, ``members``, ``classes`` and functions with how often, ``code``, and its
    ``weights``' count and bytes.

    Raises FileError where there is no such file, or it is of another kind.
    """
    from kspec.model.audit import audit as look

    file = Path(path)
    if not file.is_file():
        raise FileError(Problem("file-missing", f"there is no file `{file}`", file=str(file)))
    if not file.name.endswith((".keras", ".h5", ".safetensors")):
        help = "a `.keras`, a `.weights.h5` or a `.safetensors` file"
        raise FileError(Problem("file-format", f"`{file.name}` is no model file", help=help, file=str(file)))
    return look(file, trust).as_json()


def runs(folder: Pathlike = "runs") -> list[Listed]:
    """The runs in a folder, or the run that it is, in the order in which they were begun: state, progress, last
    checkpoint, best metrics.

    Raises FileError where there is no such folder; a run that cannot be read is ``unreadable``.
    """
    from kspec.training.listing import listed

    return listed(folder)


def verify(folder: Pathlike = "runs") -> dict[str, list[str]]:
    """Hash the checkpoints, models and weights of the runs in a folder, or of the run that it is, again: by each run's
    folder what is not as it was written.

    Raises FileError where there is no such folder.
    """
    from kspec.training.listing import damages, runs_in

    return {str(run.folder): list(damages(run)) for run in runs_in(folder)}


def _matched(opened: Opened, data: Pathlike | None, *, targets: bool, tell: Callable[[str], None] | None) -> Any:
    """The data to use: given, or the spec's test, validation or training data, in that order."""
    from kspec.feeding import data_parts
    from kspec.model.interface import interface_of
    from kspec.spec.schema import Data, DataFile
    from kspec.training.data.match import match, weights_in
    from kspec.training.data.parts import Parts

    section = opened.loaded.compiled.spec.data if opened.loaded is not None else None
    section = section if section is not None else Data()
    part = next((part for part in ("test", "validation", "train") if getattr(section, part) is not None), "")
    if data is None and not part:
        raise UsageError(Problem("data-missing", "no data to work on", help="give it with `--data FILE`"))
    parts = data_parts(opened.loaded.compiled) if opened.loaded is not None else Parts(section)
    if data is not None:
        fields = parts.fields(part) if part else dict(section.fields)
        given = Parts(Data(train=DataFile(path=os.path.abspath(data)), fields=fields))
        source, fields = given.source("train"), given.fields("train")
    else:
        source, fields = parts.source(part), parts.fields(part)
    assert source is not None
    asked = opened.loaded.compiled.spec.fit if opened.loaded is not None else None
    weights = weights_in(source, asked.sample_weight) if asked is not None and targets else None
    found = match(
        source,
        interface_of(opened.model),
        fields=fields,
        sample_weight=weights,
        part="test",
        targets=targets,
        labels=(opened.run.facts.get("labels") if opened.run is not None else None) or section.labels,
        learn=lambda: parts.source("train"),
    )
    if tell is not None:
        known = {"train": "on the training data: ", "validation": "on the validation data: "}
        # `x_test` beside `x_train` in one file is no training data.
        label = known.get(part, "") if data is None and found.family != "test" else ""
        tell(f"{label}{found.told()}")
    return found
