"""What stands in the `data` section, checked beyond its form; the data themselves are not looked at."""

from __future__ import annotations

from typing import Any

from kspec.diagnostics import Route
from kspec.spec.objects import Checker
from kspec.spec.project import Project
from kspec.spec.schema import Data, DataFile
from kspec.spec.values import shown

PARTS = ("train", "validation", "test")


def check_data(data: Data, checker: Checker) -> Data:
    """The section without what is wrong in it; each part's `fields` are those of the section where it has none."""
    fields = _fields(data.fields, ("data", "fields"), checker)
    update: dict[str, Any] = {"fields": fields, "labels": _labels(data.labels, checker)}
    for part in PARTS:
        file = getattr(data, part)
        if file is not None:
            _part(part, file, checker)
            own = _fields(file.fields, ("data", part, "fields"), checker)
            where = {name: item for name, item in file.where.items() if _is_wanted(part, name, item, checker)}
            update[part] = file.model_copy(update={"fields": own, "where": where})
    return data.model_copy(update=update)


def fields_of(data: Data, file: DataFile) -> dict[str, Any]:
    """A part's fields: its own over those of the section."""
    return {**data.fields, **file.fields}


def check_code(data: Data, project: Project, checker: Checker) -> None:
    """Note the Python objects whose packages are not trusted."""
    for part in PARTS:
        file = getattr(data, part)
        if file is None or file.source is None:
            continue
        route: Route = ("data", part, "source")
        module = file.source.rpartition(".")[0]
        if not module or not all(word.isidentifier() for word in file.source.split(".")):
            help = "write `source: my_package.my_data`"
            checker.wrong("custom-code", f"`{file.source}` is not the full name of a Python object", route, help)
        elif not project.trusts(module):
            help = f"if you trust that code, add `--trust {module.split('.')[0]}`"
            checker.wrong("untrusted-code", f"`{file.source}` is code, which is not trusted", route, help)


def _part(part: str, file: DataFile, checker: Checker) -> None:
    """One origin of the rows, and what goes with it."""
    route: Route = ("data", part)
    origins = [key for key in ("path", "source", "fraction") if getattr(file, key) is not None]
    if not origins and not (file.where and part != "train"):
        wanted = "`path`" if part == "train" else "`path`, `fraction` or `where`"
        checker.wrong("missing-key", f"`{part}` needs {wanted}", route, "a file's path alone will do", "key")
    elif len(origins) > 1 or (file.fraction is not None and part == "train"):
        message = f"`{part}` has both `{origins[0]}` and `{origins[-1]}`"
        help = "a fraction is of the training data"
        if "fraction" not in origins:
            help = "name one"
        elif part == "train":
            message = "`train` is what `validation` and `test` leave"
            help = "give them a `fraction` each"
        checker.wrong("wrong-value", message, (*route, origins[-1]), help, "key")
    elif file.fraction is not None and file.where:
        message = f"`{part}` has both `where` and `fraction`"
        checker.wrong("wrong-value", message, (*route, "fraction"), "choose one", "key")
    if file.fraction is None:
        for key in ("stratify", "group", "seed"):
            if getattr(file, key) is not None:
                message = f"`{key}` says how a `fraction` is chosen, and there is none"
                checker.wrong("wrong-value", message, (*route, key), "add `fraction: 0.2`", "key")
    elif file.stratify is not None and file.group is not None:
        message = "rows are chosen by `stratify` or by `group`, not by both"
        checker.wrong("wrong-value", message, (*route, "group"), "leave one out", "key")


def _fields(fields: dict[str, Any], route: Route, checker: Checker) -> dict[str, Any]:
    """The fields that are names, or lists of names."""
    right = {}
    for name, given in fields.items():
        if isinstance(given, str) or (isinstance(given, list) and given and all(isinstance(e, str) for e in given)):
            right[name] = given
        else:
            message = f"`{name}` is the name of an array, or a list of columns, not {shown(given)}"
            checker.wrong("wrong-type", message, (*route, name))
    return right


def _labels(labels: dict[str, Any], checker: Checker) -> dict[str, Any]:
    """The labels that are lists of different texts."""
    right = {}
    for name, given in labels.items():
        route: Route = ("data", "labels", name)
        if not (isinstance(given, list) and len(given) > 1 and all(isinstance(each, str) for each in given)):
            message = f"the labels of `{name}` are a list of two texts or more, not {shown(given)}"
            checker.wrong("wrong-type", message, route, "a number becomes a text in quotes")
        elif len(set(given)) < len(given):
            twice = next(each for each in given if given.count(each) > 1)
            checker.wrong("wrong-value", f"`{twice}` is listed twice", route, "each class once")
        else:
            right[name] = given
    return right


def _is_wanted(part: str, name: str, given: Any, checker: Checker) -> bool:
    """Whether a value, or a list of values, can be looked for in a column."""
    values = given if isinstance(given, list) else [given]
    if values and all(isinstance(each, (str, int, float)) for each in values):
        return True
    message = f"`{name}` is a value or a list of values, not {shown(given)}"
    checker.wrong("wrong-type", message, ("data", part, "where", name))
    return False
