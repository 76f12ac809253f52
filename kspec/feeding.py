"""The data of a spec: its section under what a command line gives, the sources that are named, and what fits of one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kspec.diagnostics import FileError, Problem, UsageError

if TYPE_CHECKING:
    from kspec.model.interface import Interface
    from kspec.spec.compiled import Compiled
    from kspec.spec.schema import Data
    from kspec.training.data.describe import Facts
    from kspec.training.data.parts import Parts
    from kspec.training.data.source import Source

    Pathlike = str | os.PathLike[str]


def data_section(compiled: Compiled, data: Pathlike | None, validation: Pathlike | None) -> Data:
    """The spec's data section under the files given here.

    Raises `UsageError` where there are no data to train on.
    """
    from kspec.spec.schema import Data, DataFile

    section = compiled.spec.data or Data()
    update = {}
    for key, path in (("train", data), ("validation", validation)):
        if path is not None:
            known = getattr(section, key) or DataFile()
            where = known.where if key == "train" else {}
            update[key] = DataFile(path=os.path.abspath(path), fields=known.fields, where=where)
    held = section.validation
    if data is not None and validation is None and held is not None and (held.path or held.source):
        # the spec's own validation file belongs to the spec's own training data
        section = section.model_copy(update={"validation": None})
    section = section.model_copy(update=update)
    if section.train is None:
        help = "give it with `--data FILE`, or in the spec: `data: {train: FILE}`"
        raise UsageError(Problem("data-missing", "no data to work on", help=help))
    return section


def data_parts(compiled: Compiled, *given: Pathlike | None) -> Parts:
    """The sources of the spec's data section; those `given` on the command line may lie outside the project."""
    from kspec.model.objects import custom, search_also
    from kspec.spec.schema import Data
    from kspec.training.data.parts import Parts

    def object_of(name: str) -> Any:
        search_also(compiled.folders)
        return custom(name, ("data",))

    free = frozenset(os.path.abspath(path) for path in given if path is not None)
    spec = compiled.spec
    return Parts(spec.data or Data(), spec.seed, compiled.project.root, free, object_of)


def fitting(
    compiled: Compiled, source: Source, interface: Interface, fields: Mapping[str, Any], facts: Sequence[Facts]
) -> dict[str, Any]:
    """What training would take of a source whose `facts` are known, and why it would refuse that."""
    from kspec.training.data.match import linked
    from kspec.training.data.stacked import meant

    labels = compiled.spec.data.labels if compiled.spec.data is not None else {}
    try:
        found = linked(source, interface, fields=fields, labels=labels, learn=lambda: source)
    except FileError as error:
        problems = [{"message": each.message, "help": each.help} for each in error.problems]
        return {"matched": None, "problems": problems}
    train = compiled.spec.data.train if compiled.spec.data is not None else None
    known = {} if train is not None and train.where else {each.name: each for each in facts}  # those are of all rows
    problems = []
    for link in found.links:
        columns = meant(source, fields[link.port]) if link.port in fields else (link.array,)
        for column in columns:
            reason = _reason(known[column], "" if link.role == "weight" else link.port) if column in known else ""
            if reason:
                problems.append({"message": f"`{column}` is not for `{link.port}`: {reason}", "help": _REFUSED})
    return {"matched": ", ".join(map(str, found.links)), "problems": problems}


_REFUSED = "`fit` refuses it"


def _reason(facts: Facts, port: str) -> str:
    if reason := facts.fits.get(port):
        return reason
    count = facts.missing + facts.infinite
    what = "texts" if facts.given.is_text else "numbers"
    return f"{count:,} of its values are missing, or are no {what}" if count else ""
