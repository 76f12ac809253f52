"""The program beside a StableHLO file says what it says for a harmless model, whatever names a model has."""

from __future__ import annotations

import ast

import pytest

from kspec.convert.export.loader import loader

NAMES = [
    "x\rimport os; os.system('echo pwned')\r#",
    "x\nimport os\n#",
    "x\x0cimport os\x0c#",
    "x\u2028import os\u2029#\x85",
    'x"]; import os; ["',
    "x']; import os; ['",
    '"""; import os; """',
    "x\\",
    "{file} {0} $x %s",
    "\x1b[2J\x00",
    "x\udce9",
]


def parsed(*names: str) -> tuple[str, list[str]]:
    """The program's tree without its texts, and these, but for its documentation."""
    text = loader(names[0], names[1], [names[2]], [names[3]])
    tree = ast.parse(text.encode())
    assert isinstance(tree.body[0], ast.Expr)  # the documentation
    del tree.body[0]
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    found = [str(each.value) for each in texts]
    for each in texts:
        each.value = ""
    return ast.dump(tree), found


@pytest.mark.parametrize("name", NAMES)
def test_names_are_literals_and_nothing_else(name: str) -> None:
    plain, texts = parsed("model.stablehlo", "load.py", "x", "y")
    hostile, others = parsed(name, name, name, name)
    assert hostile == plain
    assert others == [name if each in ("model.stablehlo", "x", "y") else each for each in texts]
    assert loader(name, name, [name], [name]).replace("\n", "").isprintable()
