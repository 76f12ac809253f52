"""Lines are broken as `ruff format` breaks them, strings and expressions come back as what they were."""

from __future__ import annotations

import ast
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kspec
from kspec.convert.code.expr import Argument, Call, Expr, Items, Pairs, Text, flat
from kspec.convert.code.formulas import formula
from kspec.convert.code.layout import signature, statement
from kspec.convert.code.names import Words, class_name, identifier
from kspec.convert.code.program import Unsaid
from kspec.convert.literals import number, quoted
from kspec.spec.expressions import ExpressionError, substitute

WORDS = ("x", "units", "kernel_initializer", "a_rather_long_name_of_something", "0.25", '"same"', "4 * width")


def nested(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    keys = st.sampled_from(("", "", "name", "kernel_regularizer", "data"))
    argument = st.builds(Argument, keys, inner)
    arguments = st.lists(argument, max_size=5).map(lambda found: tuple(sorted(found, key=lambda each: bool(each.key))))
    items = st.lists(inner, max_size=6).map(tuple)
    call = st.builds(Call, st.sampled_from([Text("layers.Conv2D"), Text("keras.optimizers.AdamW")]), arguments)
    return st.one_of(
        call,
        st.builds(Items, items, st.booleans()),
        st.lists(st.tuples(st.just(Text('"key"')), inner), min_size=1, max_size=3).map(lambda p: Pairs(tuple(p))),
    )


EXPRESSIONS = st.recursive(st.sampled_from(WORDS).map(Text), nested, max_leaves=14)


def unique(value: Any) -> bool:
    """Whether no call names an argument twice."""
    tree = ast.parse(flat(value))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return all(len({each.arg for each in node.keywords}) == len(node.keywords) for node in calls)


LOOP = """kspec: 1
inputs: {x: [8, 16]}
layers:
  - repeat: 3
    layers:
      - residual: [LayerNormalization, {MultiHeadAttention: {num_heads: 2, key_dim: 8}, from: [previous, previous]}]
      - residual: [LayerNormalization, {Dense: {units: 32, activation: gelu}}, {Dense: 16}, {Dropout: 0.1}]
"""


def test_ruff_leaves_a_loop_of_many_layers_as_it_is() -> None:
    text = kspec.code(kspec.loads(LOOP), style="subclass")
    assert "        for (\n            layer_normalization,\n" in text
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "-"]
    assert subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout == text


@pytest.mark.slow
def test_ruff_leaves_it_as_it_is() -> None:
    """Many statements at once: ruff takes longer to start than to format."""
    found: list[str] = []

    @given(EXPRESSIONS.filter(unique), st.sampled_from(("x = ", "return ")))
    def collect(value: Expr, prefix: str) -> None:
        found.extend(["def function():", *statement(prefix, value, indent=4), "", ""])

    collect()
    text = "\n".join(found).rstrip() + "\n"
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "-"]
    made = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    assert made == text


def test_layouts() -> None:
    conv = Call(
        Text("layers.Conv2D"),
        (Argument("", Text("filters")), Argument("", Text("3")), Argument("padding", Text('"same"'))),
    )
    long = conv._replace(arguments=(*conv.arguments, Argument("kernel_initializer", Text('"he_normal"'))))
    called = Call(long, (Argument("", Text("x")),))
    assert statement("x = ", Call(conv, (Argument("", Text("x")),)), indent=4) == [
        '    x = layers.Conv2D(filters, 3, padding="same")(x)'
    ]
    assert statement("a_long_variable = ", called, indent=4) == [
        "    a_long_variable = layers.Conv2D(",
        '        filters, 3, padding="same", kernel_initializer="he_normal"',
        "    )(x)",
    ]
    assert signature("f", ["a: int"], "None") == ["def f(a: int) -> None:"]


@given(st.text())
def test_texts_come_back(text: str) -> None:
    assert ast.literal_eval(quoted(text)) == text


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_numbers_come_back(value: float) -> None:
    assert ast.literal_eval(number(value)) == value


@given(st.text(max_size=60))
def test_identifiers_are_plain_words(text: str) -> None:
    words = Words()
    for found in (words.fresh(text), words.fresh(text), words.fresh_class(text)):
        assert found.isidentifier()
        assert found.isascii()
    assert identifier(text).isidentifier()
    assert class_name(text)[0].isalpha()


@pytest.mark.parametrize(
    "name", ["class", "keras", "import os", "print", "x", "HERE", "__import__", "", "1", "é", "a-b"]
)
def test_no_name_means_something_else(name: str) -> None:
    import builtins
    import keyword

    found = Words().fresh(name)
    assert found.isidentifier()
    assert not keyword.iskeyword(found)
    assert found not in dir(builtins)
    assert found not in ("keras", "x", "HERE")


def test_many_of_a_word_are_counted_once() -> None:
    """Each search for a number goes on where the last one stopped; a loop's variable may be taken again."""

    class Counting(Words):
        asked = 0

        def __contains__(self, word: object) -> bool:
            self.asked += 1
            return super().__contains__(word)

    words = Counting()
    found = [words.fresh("dense") for _ in range(100)]
    classes = [words.fresh_class("dense") for _ in range(100)]
    assert (found[0], found[-1], classes[0], classes[1], classes[-1]) == (
        "dense",
        "dense_99",
        "Dense",
        "Dense2",
        "Dense100",
    )
    assert words.asked < 800
    for released in ("dense", "dense_7"):
        words.release(released)
        assert words.fresh("dense") == released
    assert words.fresh("dense") == "dense_100"


ATOMS = st.sampled_from(["a", "b", "c", "1", "2", "0.5", "true", "'text'", "items[1]", "len(items)"])


def expressions(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    binary = st.tuples(
        inner, st.sampled_from(["+", "-", "*", "/", "//", "%", "**", "<", ">=", "==", "and", "or"]), inner
    )
    return st.one_of(
        binary.map(lambda parts: f"({parts[0]}) {parts[1]} ({parts[2]})"),
        inner.map(lambda text: f"-({text})"),
        inner.map(lambda text: f"not ({text})"),
        st.tuples(inner, inner, inner).map(lambda parts: f"({parts[0]}) if ({parts[1]}) else ({parts[2]})"),
        st.tuples(inner, inner).map(lambda parts: f"min({parts[0]}, {parts[1]})"),
    )


@given(st.recursive(ATOMS, expressions, max_leaves=8))
def test_expressions_mean_the_same(text: str) -> None:
    """Python computes what kspec computes."""
    variables = {"a": 3, "b": 2, "c": 7, "items": [4, 5, 6]}
    try:
        wanted = substitute(f"$({text})", variables)
    except ExpressionError:
        return
    found = eval(formula(f"$({text})", lambda name: name), dict(variables))
    assert found == wanted
    assert type(found) is type(wanted)


@given(st.text(alphabet="ab{}'\"\\ $", max_size=12))
def test_names_with_a_variable_in_them(text: str) -> None:
    try:
        wanted = substitute(f"{text}_$(n + 1)", {"n": 4})
        made = formula(f"{text}_$(n + 1)", lambda name: name)
    except (ExpressionError, Unsaid):
        return
    assert eval(made, {"n": 4}) == wanted
