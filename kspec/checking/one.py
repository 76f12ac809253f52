"""One spec's check, as a value that can be kept and sent."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, NamedTuple

from kspec.diagnostics import KspecError, Problem, one_line

if TYPE_CHECKING:
    from kspec.api import Loaded

DEFECT = 70
"""The exit status of a defect of kspec."""


class Request(NamedTuple):
    """What is to be checked, and how.

    `path` is the file as the person named it. `text` stands for a file's content, as from standard input, and `path`
    then is what it is called. `fix` corrects misspelt words in the file first, and goes with no `text`.
    """

    path: str
    sets: tuple[str, ...] = ()
    trust: tuple[str, ...] = ()
    fast: bool = False
    fix: bool = False
    text: bytes | None = None


class Outcome(NamedTuple):
    """What a check found.

    `params` are the model's parameters where they are known; `problems` have their places, and warnings are among
    them; `status` is the exit status for this file alone; `fixed` words were corrected. `trace` is the traceback of
    what was raised, and `defect` says in a line what a defect of ours raised.
    """

    params: int | None = None
    is_part: bool = False
    problems: tuple[Problem, ...] = ()
    status: int = 0
    fixed: int = 0
    defect: str = ""
    trace: str = ""


def check(request: Request) -> Outcome:
    """Check a spec, with shapes by Keras unless it is to be `fast`; whatever is wrong is in the outcome."""
    fixed = 0
    problems: tuple[Problem, ...] = ()
    try:
        if request.fix:
            fixed = _fixed(request)
        loaded = _loaded(request)
        problems = loaded.warnings
        is_part = loaded.compiled.spec.is_part
        params = None if request.fast or is_part else loaded.plan().params
        return Outcome(params, is_part, problems, fixed=fixed)
    except KspecError as error:
        found = (*problems, *error.problems)
        return Outcome(None, False, found, error.status, fixed, trace=traceback.format_exc())
    except Exception as error:  # a defect in one file hides nothing of the others
        return Outcome(status=DEFECT, defect=one_line(error), trace=traceback.format_exc())


def _loaded(request: Request) -> Loaded:
    from kspec import api

    path, sets, trust, partly = request.path, request.sets, request.trust, not request.fast
    if request.text is None:
        return api.load(path, sets=sets, trust=trust, partly=partly)
    from kspec.spec.textfile import decode

    return api.loads(decode(request.text, path), name=path, sets=sets, trust=trust, partly=partly)


def _fixed(request: Request) -> int:
    from kspec import api

    return api.fix(request.path, sets=request.sets, trust=request.trust, fast=request.fast)
