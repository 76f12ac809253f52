"""`kspec import`: a model that was made elsewhere -> a spec that builds the same one, checked before it is written."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kspec.diagnostics import FileError, Note, Problem, SpecError, UsageError

if TYPE_CHECKING:
    from kspec.convert.imported import Imported
    from kspec.convert.sources import Found
    from kspec.convert.texts import Text

    Pathlike = str | os.PathLike[str]


def import_model(
    source: Pathlike | Any,
    *,
    output: Pathlike | None = None,
    names: Literal["needed", "all"] = "needed",
    trust: Sequence[str] = (),
    weights: Pathlike | None = None,
    shapes: Mapping[str, Sequence[int | None]] | None = None,
    scale: str | None = None,
    tell: Callable[[str], None] | None = None,
) -> str:
    """The text of a spec that builds the model `source` again: the same but for names.

    `source` is a .keras file, a JSON file of `model.to_json()`, ``keras.applications.NAME``, a Python object
    ``package.module:name`` whose package is in `trust`, a keras.Model, or another tool's YAML: a Kurfile, or a model of
    Ultralytics. For those, `shapes` are the inputs' (without the batch; the only input's may stand under ``""``), and
    `scale` is the letter of a compound scaling. With `output` the text is written there.
    `names` keeps all names of layers, or those only that are needed to say what takes what. `weights` is a file,
    .weights.h5 or .safetensors, for the source's weights under the spec's names; the spec loads them from there. `tell`
    is told what a person should know.

    Raises FileError where the source cannot be read or holds something that no spec can say; UsageError.
    """
    from kspec.files import check_name, check_other, check_target
    from kspec.model.backend import deeply

    if names not in ("needed", "all"):
        raise UsageError(Problem("usage", f"names are `needed` or `all`, not `{names}`"))
    label = str(source) if isinstance(source, (str, os.PathLike)) else "the model"
    path = label if _is_path(source) else None
    whole: Any = None
    if output is not None:
        check_name(output, "a spec", ".yaml", ".yml")
        check_other(output, path)
        check_target(output)
    if weights is not None:
        _check_weights(Path(weights), label)
        check_other(weights, path)
        check_target(weights)
    folder = Path(output).resolve().parent if output is not None else Path.cwd()
    found: Imported | Text
    if _is_path(source) and _is_text(label):
        if names != "needed":
            message = f"`--names` is for models; in `{label}` what it names keeps its name"
            raise UsageError(Problem("usage", message, help="leave out `--names`"))
        found = deeply(lambda: _rewritten(label, folder, shapes or {}, scale, weights))
    else:
        _check_flags(label, shapes, scale)
        found = made = deeply(lambda: _imported(source, label, folder, names, tuple(trust)))
        if weights is not None:
            whole = deeply(lambda: _with_weights(source, made.text, folder, tuple(trust)))
            found = made.with_weights(os.path.relpath(weights, folder))
    deeply(lambda: _write(found.text, output, whole, weights))
    if tell is not None:
        for note in found.notes:
            tell(note)
    return found.text


def _is_path(source: Any) -> bool:
    return isinstance(source, (str, os.PathLike))


def _is_text(label: str) -> bool:
    """Whether a source's name is that of YAML: another tool's, then."""
    return label.endswith((".yaml", ".yml")) or Path(label).name.lower() == "kurfile"


def _check_flags(label: str, shapes: Mapping[str, Any] | None, scale: str | None) -> None:
    for flag, given in (("--shape", shapes), ("--scale", scale)):
        if given:
            message = f"`{flag}` is for other tools' YAML; `{label}` says by itself what it is"
            raise UsageError(Problem("usage", message, help=f"leave out `{flag}`"))


def _rewritten(
    label: str, folder: Path, shapes: Mapping[str, Sequence[int | None]], scale: str | None, weights: Pathlike | None
) -> Text:
    """Another tool's text as a spec's, built with nothing allocated before it is given out."""
    from kspec.convert.texts import rewritten
    from kspec.loaded import loads

    if weights is not None:
        raise UsageError(Problem("usage", f"`{label}` has no weights", help="leave out `--weights`"))
    made = rewritten(label, {name: list(shape) for name, shape in shapes.items()}, scale)
    try:
        loads(made.text, folder=folder).plan()
    except SpecError as error:
        raise FileError([_of_the_source(each, label) for each in error.problems]) from None
    return made


def _of_the_source(problem: Problem, label: str) -> Problem:
    """A problem of a spec that nobody has seen yet, with the line that it is about."""
    line = f"in the spec's `{problem.span.text.strip()}`" if problem.span is not None else "in the spec"
    notes = tuple(Note(each.text) for each in problem.notes)
    return Problem("import-model", f"{line}: {problem.message}", help=problem.help, notes=notes, file=label)


def _imported(source: Any, label: str, folder: Path, names: Any, trust: tuple[str, ...]) -> Imported:
    from kspec.convert.imported import imported
    from kspec.convert.inlined import NOTE, inlined
    from kspec.convert.problems import Unwritable, refused
    from kspec.model.private import abstract_variables
    from kspec.model.signatures import remembered

    try:
        with contextlib.ExitStack() as stack:
            with abstract_variables(), remembered():
                found = _found(source, trust)
                model = stack.enter_context(inlined(found.model))
                made = imported(model, found.compiled, folder, names)
            ordered = _check_same(model, made, folder, trust)
        apart = () if model is found.model else (NOTE,)
        order = () if ordered else (_ORDER,)
        return made._replace(notes=(*found.notes, *apart, *made.notes, *order))
    except Unwritable as error:
        raise refused(label, error) from None


def _found(source: Any, trust: tuple[str, ...]) -> Found:
    from kspec.convert.sources import find, of_model

    if isinstance(source, (str, os.PathLike)):
        return find(os.fspath(source), trust)
    return of_model(source)


_ORDER = "the spec's model has its layers in another order: a file of weights that Keras wrote is not for it"


def _check_same(model: Any, made: Imported, folder: Path, trust: tuple[str, ...]) -> bool:
    """Whether the spec's model has its layers in the order of the model that it is of; raises Unwritable where it is
    not that model."""
    from kspec.convert.problems import Unwritable
    from kspec.convert.sameness import difference, keeps_order
    from kspec.loaded import loads

    try:
        built = loads(made.text, folder=folder, trust=trust).abstract()[0].model
    except SpecError as error:
        first = error.problems[0]
        raise Unwritable("", f"the spec of this model would be wrong: {first.message}", first.help) from None
    what = difference(model, built)
    if what:
        raise Unwritable("", f"no spec says all of this model: {what}")
    return keeps_order(model, built)


def _check_weights(path: Path, label: str) -> None:
    if not path.name[1:].endswith((".weights.h5", ".safetensors")):  # an ending alone is a hidden file's name
        help = "its name ends in `.weights.h5` or `.safetensors`"
        raise UsageError(Problem("usage", f"`{path}` does not say what kind of weights to write", help=help))
    if label.endswith(".json") or label.startswith("keras.applications."):
        raise UsageError(Problem("usage", f"`{label}` has no weights", help="leave out `--weights`"))


def _with_weights(source: Any, text: str, folder: Path, trust: tuple[str, ...]) -> Any:
    """The spec's model with the weights of the source, under the names that the spec's layers have."""
    from kspec.convert.inlined import inlined
    from kspec.convert.sameness import paired
    from kspec.convert.sources import find
    from kspec.loaded import loads

    is_named = isinstance(source, (str, os.PathLike))
    whole = find(os.fspath(source), trust, with_weights=True).model if is_named else source
    built = loads(text, folder=folder, trust=trust).build(compile=False)
    with inlined(whole) as flat:
        for layer, twin in paired(flat, built):
            for variable, value in _weight_pairs(twin, layer):
                variable.assign(value)
    return built


def _weight_pairs(one: Any, other: Any) -> Iterator[tuple[Any, Any]]:
    """The weights of two layers that are the same: by name where each has one of its own, since Keras lists those of
    float8 otherwise in a layer that was loaded."""
    found = {variable.name: variable for variable in other.weights}
    names = [variable.name for variable in one.weights]
    if len(found) == len(other.weights) and sorted(names) == sorted(found):
        return ((variable, found[variable.name]) for variable in one.weights)
    return zip(one.weights, other.weights, strict=True)


def _write(text: str, output: Pathlike | None, model: Any, weights: Pathlike | None) -> None:
    """Write the spec, and the model's weights, where they are wanted."""
    from kspec.files import atomic_path
    from kspec.model.save import save

    with contextlib.ExitStack() as stack:
        # Both are on the disk before either takes its name.
        if output is not None:
            content = text.encode()
            stack.enter_context(atomic_path(output, needed=len(content))).write_bytes(content)
        if weights is not None:
            save(model, Path(weights))
