"""Custom classes, read as text: which modules define them and what their constructors take.

Nothing runs here: a module's source is parsed, so that a spec with custom layers is checked without trusting them.
"""

from __future__ import annotations

import ast
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kspec import reads
from kspec.catalog import Argument, Entry, Parameter
from kspec.diagnostics import Problem, Route, suggestion
from kspec.spec.expressions import UNREAD
from kspec.spec.objects import Registry
from kspec.spec.project import OF_KERAS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kspec.spec.project import Project

MAX_SOURCE = 4 * 2**20
_UNREADABLE = (SyntaxError, ValueError, OSError, RecursionError, MemoryError)  # MemoryError: Python's parser's depth
_BASE = ("name", "dtype", "trainable", "activity_regularizer", "autocast")


def read_modules(
    modules: Iterable[str], folders: Iterable[Path], project: Project, problems: list[Problem]
) -> Registry:
    """The registry with every class of `modules`, found in `folders` or on Python's own path."""
    classes: dict[str, Entry] = {}
    untrusted: dict[str, str] = {}
    own = tuple(folders)
    places = _places(own)
    for index, module in enumerate(modules):
        route: Route = ("custom", index)
        if module == UNREAD:
            continue
        if not _is_module(module):
            given = module.removesuffix(".py").strip("/").replace("/", ".")
            help = f"write `{given}`" if _is_module(given) else ""
            problems.append(Problem("custom-code", f"`{module}` is not the name of a Python module", route, help))
            continue
        path = _find(module, places)
        if path is None:
            looked = ", ".join(f"`{place}`" for place in own)
            message = f"there is no Python module `{module}`"
            problems.append(Problem("custom-code", message, route, f"looked in {looked} and Python's path"))
            continue
        try:
            found = _classes(module, path)
        except _UNREADABLE as error:
            problems.append(Problem("custom-code", f"`{module}` cannot be read: {_reason(error)}", route))
            continue
        for name, entry in found.items():
            classes[name] = entry
            classes[f"{module}.{name}"] = entry
            if name not in OF_KERAS.get(module, ()) and not project.trusts(module):
                untrusted[name] = untrusted[f"{module}.{name}"] = module
    return Registry(classes, untrusted)


def check_class(path: str, folders: Iterable[Path], project: Project, problems: list[Problem]) -> None:
    """The model's own class, by its full name: it has to be trusted, and to be there."""
    route: Route = ("class",)
    module, _, name = path.rpartition(".")
    if not module or not all(part.isidentifier() for part in path.split(".")):
        help = "write `class: my_package.MyModel`"
        problems.append(Problem("custom-code", f"`{path}` is not the full name of a Python class", route, help))
    elif module.split(".")[0] == "keras":
        message = "`class` names a subclass of keras.Model of your own, not one of Keras"
        problems.append(Problem("custom-code", message, route, "leave `class` out"))
    elif not project.trusts(module):
        help = f"if you trust that code, add `--trust {module.split('.')[0]}`"
        problems.append(Problem("untrusted-code", f"`{path}` is code, which is not trusted", route, help))
    elif (found := _find(module, _places(folders))) is None:
        problems.append(Problem("custom-code", f"there is no Python module `{module}`", route))
    else:
        try:
            known = _classes(module, found)
        except _UNREADABLE as error:
            problems.append(Problem("custom-code", f"`{module}` cannot be read: {_reason(error)}", route))
            return
        if name not in known:
            help = suggestion(name, known)
            problems.append(Problem("custom-code", f"`{module}` has no class `{name}`", route, help))


def _is_module(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _reason(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, (RecursionError, MemoryError)) else str(error)


def _places(folders: Iterable[Path]) -> list[Path]:
    return [*folders, *(Path(entry) for entry in sys.path if entry)]


def _find(module: str, folders: list[Path]) -> Path | None:
    reads.note_more()  # the module imports what it likes
    parts = module.split(".")
    for folder in folders:
        for candidate in (folder.joinpath(*parts).with_suffix(".py"), folder.joinpath(*parts, "__init__.py")):
            reads.note(candidate)
            if candidate.is_file():
                return candidate
    return None


def _classes(module: str, path: Path) -> dict[str, Entry]:
    """Top-level classes, and the names that a module takes from elsewhere."""
    if path.stat().st_size > MAX_SOURCE:
        raise ValueError("the file is too large")
    found: dict[str, Entry] = {}
    with warnings.catch_warnings():  # Python's own remarks on the module's spelling
        warnings.simplefilter("ignore")
        body = ast.parse(path.read_text(encoding="utf-8")).body
    for node in body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = _entry(module, node)
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            found[node.name] = _made(module, node.name, (), (), True)
        elif isinstance(node, ast.ImportFrom) and path.name == "__init__.py":
            for name in node.names:
                found[name.asname or name.name] = _made(module, name.asname or name.name, (), (), True)
    return found


def _made(
    module: str, name: str, parameters: tuple[Parameter, ...], call: tuple[Argument, ...], open: bool, doc: str = ""
) -> Entry:
    path = f"{module}.{name}"
    return Entry("custom", path, (name,), parameters, call, None, open, "", doc, path, f"{module}>{name}")


def _entry(module: str, node: ast.ClassDef) -> Entry:
    methods = {item.name: item for item in node.body if isinstance(item, ast.FunctionDef)}
    doc = (ast.get_docstring(node) or "").partition("\n")[0]
    if "__init__" not in methods:
        return _made(module, node.name, (), (), True, doc)
    arguments = methods["__init__"].args
    parameters = _parameters(arguments)
    plain = any(ast.unparse(base).split(".")[-1] == "Layer" for base in node.bases)
    names = {parameter.name for parameter in parameters}
    if arguments.kwarg is not None and plain:
        parameters += tuple(Parameter(n, False, None, None, None, None, "") for n in _BASE if n not in names)
    open = arguments.kwarg is not None and not plain
    call = _call(methods["call"].args) if "call" in methods else ()
    return _made(module, node.name, parameters, call, open, doc)


def _parameters(arguments: ast.arguments) -> tuple[Parameter, ...]:
    positional = [*arguments.posonlyargs, *arguments.args][1:]
    defaults: list[Any] = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    pairs = [*zip(positional, defaults, strict=False), *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    return tuple(
        Parameter(argument.arg, default is None, _literal(default), None, None, None, "") for argument, default in pairs
    )


def _literal(node: ast.expr | None) -> Any:
    try:
        return None if node is None else ast.literal_eval(node)
    except ValueError:
        return None


def _call(arguments: ast.arguments) -> tuple[Argument, ...]:
    """The call's arguments: those without a default are tensors, as a Keras layer's are."""
    positional = [*arguments.posonlyargs, *arguments.args][1:]
    required = len(positional) - len(arguments.defaults)
    found = []
    for index, argument in enumerate(positional):
        tensor = None if argument.arg in ("training",) else "any" if index < required else "one"
        found.append(Argument(argument.arg, index < required, tensor, None))
    return tuple(found)
