"""YAML that a person would have written: a line where one is enough, a line an argument where it is not."""

from __future__ import annotations

import random
from typing import Any

import pytest

from kspec.spec.source import read
from kspec.spec.writing import WIDTH, dump


def step(count: int) -> dict[str, Any]:
    return {"layers": [{"Dense": {f"argument_{index}": index for index in range(count)}, "name": "d"}]}


def test_a_step_of_one_line() -> None:
    assert dump(step(2)) == "layers:\n  - Dense: {argument_0: 0, argument_1: 1}\n    name: d\n"


def test_a_line_may_be_as_long_as_the_width_and_no_longer() -> None:
    data: dict[str, Any] = {"layers": [{"Dense": {"a": 1, "text": ""}}]}
    room = WIDTH - len("  - Dense: {a: 1, text: }")
    data["layers"][0]["Dense"]["text"] = "x" * room
    text = dump(data)
    assert text.count("\n") == 2
    assert max(map(len, text.splitlines())) == WIDTH
    data["layers"][0]["Dense"]["text"] += "x"
    assert dump(data) == f"layers:\n  - Dense:\n      a: 1\n      text: {'x' * (room + 1)}\n"


def test_numbers_fill_their_lines() -> None:
    text = dump({"layers": [{"Normalization": {"mean": [0.25] * 60, "axis": -1}}]})
    assert text.startswith("layers:\n  - Normalization:\n      mean: [0.25, 0.25, ")
    assert text.endswith("]\n      axis: -1\n")
    assert 4 <= text.count("\n") <= 8


def test_names_that_are_too_many_for_a_line_have_one_each() -> None:
    names = [f"a_name_{index}" for index in range(20)]
    text = dump({"outputs": names, "layers": [{"Add": {}, "from": names}]})
    assert "outputs:\n  - a_name_0\n  - a_name_1\n" in text
    assert "    from:\n      - a_name_0\n      - a_name_1\n" in text


TEXTS = ["relu", "1e-3", "it's", "a: b", "", "$(dim // 2)", "ä" * 9, "x y " * 9, "a\nb"]
SCALARS: list[Any] = [None, True, 3, -2.5, 1e-5, *TEXTS]


def made(chance: random.Random, depth: int) -> Any:
    kind = chance.choice("sml" if depth else "s")
    if kind == "s":
        return chance.choice(SCALARS)
    if kind == "l":
        return [made(chance, depth - 1) for _ in range(chance.randrange(5))]
    return {f"key_{index}": made(chance, depth - 1) for index in range(chance.randrange(5))}


@pytest.mark.parametrize("seed", range(150))
def test_what_is_written_reads_back(seed: int) -> None:
    """Any data at all comes back, in lines that are no longer than the width."""
    chance = random.Random(seed)
    names = chance.sample(("layers", "compile", "vars", "outputs", "blocks", "fit"), 3)
    data = {name: made(chance, 5) for name in names}
    text = dump(data)
    assert read(text, "x").data == data
    assert max(map(len, text.splitlines())) <= WIDTH
