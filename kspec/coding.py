"""`kspec code`: a spec -> plain Keras code, which is tried before it is given out."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kspec.diagnostics import Problem, UsageError

if TYPE_CHECKING:
    from kspec.loaded import Loaded

    Pathlike = str | os.PathLike[str]

_STYLES = ("functional", "sequential", "subclass")


def code(
    spec: Pathlike | Loaded,
    *,
    style: Literal["functional", "sequential", "subclass"] = "functional",
    train: bool = False,
    data: Pathlike | None = None,
    output: Pathlike | None = None,
    sets: Sequence[str] = (),
    trust: Sequence[str] = (),
    tell: Callable[[str], None] | None = None,
) -> str:
    """The text of a Python module whose ``build_model()`` makes the model of `spec`, with Keras alone.

    `style` is ``functional``, ``sequential`` (chains only) or ``subclass``. With `train` it is a whole script, which
    loads the spec's data (or `data`), trains and saves the model. With `output` the text is written there, and files
    that the code reads are named as seen from its folder; else from the current one. `tell` is told what a person
    should know. The code has made the same model, with nothing allocated, before it is given out.

    Raises SpecError; UsageError where the style cannot say what the spec says; FileError where it cannot be written.
    """
    from kspec.convert.code.write import write
    from kspec.files import check_name, check_other, check_target, write_atomically
    from kspec.loaded import Loaded, load
    from kspec.model.backend import deeply
    from kspec.scripting import training_of
    from kspec.spec.places import located

    if style not in _STYLES:
        raise UsageError(Problem("usage", f"there is no style `{style}`", help=f"styles: {', '.join(_STYLES)}"))
    if output is not None:
        check_name(output, "Python code", ".py")
        check_other(output, spec.compiled.source.file.name if isinstance(spec, Loaded) else spec, data)
        check_target(output)
    if data is not None and not train:
        raise UsageError(Problem("usage", "data are for a script that trains", help="add `--train`"))
    loaded = spec if isinstance(spec, Loaded) else load(spec, sets=sets, trust=trust)
    folder = Path(output).resolve().parent if output is not None else Path.cwd()
    built = loaded.abstract(expectations=False)[0]
    try:
        training = training_of(loaded, data) if train else None
        found = deeply(lambda: write(loaded.compiled, built, folder, style, training), loaded.compiled.steps)
    except UsageError as error:
        raise UsageError(located(loaded.compiled.source, error.problems)) from None
    if output is not None:
        write_atomically(output, found.text)
    if tell is not None:
        for note in found.notes:
            tell(note)
    return found.text
