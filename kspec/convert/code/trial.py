"""Generated code, tried before it is given out: it is run with nothing allocated, and must make the spec's own model.

What runs is text that kspec has made of checked data: identifiers are plain words, texts are literals. It reads no file:
where the code loads a model or weights, the trial has kspec's own, admitted as everywhere. Modules of the person's own are
imported only where they are trusted, which is the caller's question.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kspec.convert.code.program import Program
from kspec.convert.sameness import difference
from kspec.model.archive import load_shapes
from kspec.model.backend import load_keras
from kspec.model.private import abstract_variables

LOADED = "__loaded__"


def tried(text: str, program: Program, built: Any, folder: Path, classes: Sequence[str] = ()) -> str:
    """Where the code's model is not `built`, the spec's; an empty text where it is.

    The code is that of a file in `folder`. `classes` are its own layers, whose calls are looked into.
    """
    keras = load_keras()
    before = keras.config.dtype_policy()
    try:
        with abstract_variables():
            namespace = run(text, folder, program.shared, classes)
            made = namespace["build_model"]()
            one, other = ends(built, program, built), ends(made, program, built)
            if program.shared:  # their first calls were those of the models themselves
                other = keras.models.clone_model(other)
            return difference(one, other)
    except Exception as error:  # whatever the code does, it is not the model then
        return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
    finally:
        keras.config.set_dtype_policy(before)


def run(text: str, folder: Path, shared: frozenset[str], classes: Sequence[str] = ()) -> dict[str, Any]:
    """The code's names, after its text has run; calls of the models `shared` and of `classes` are looked into."""
    tree = ast.fix_missing_locations(_Tame(shared).visit(ast.parse(text)))
    file = str(folder / "generated.py")
    namespace: dict[str, Any] = {"__name__": "generated", "__file__": file, LOADED: _loaded}
    exec(compile(tree, "generated.py", "exec"), namespace)
    for name in classes:
        namespace[name].__call__ = lambda self, *args, **more: self.call(*args, **more)
    return namespace


def ends(model: Any, program: Program, built: Any) -> Any:
    """The model with its outputs in one list, in the spec's order."""
    keras = load_keras()
    outputs = model.output if hasattr(model, "output") else model.outputs
    if isinstance(outputs, Mapping):
        names = list(built.output) if isinstance(built.output, Mapping) else [name for name, _ in program.outputs]
        outputs = [outputs[name] for name in names]
    return keras.Model(model.inputs, outputs)


def _loaded(path: Any, **more: Any) -> Any:
    return load_shapes(Path(path))


class _Tame(ast.NodeTransformer):
    """Code that reads no file, and whose shared models are looked into: `tower(x)` is `tower.call(x)`."""

    def __init__(self, shared: frozenset[str]) -> None:
        self.shared = shared

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        name = ast.unparse(node.func)
        if name == "keras.saving.load_model":
            return ast.Call(ast.Name(LOADED, ast.Load()), node.args, node.keywords)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "load_weights":
            return ast.Constant(None)
        if isinstance(node.func, ast.Name) and name in self.shared:
            node.func = ast.Attribute(node.func, "call", ast.Load())
        return node
