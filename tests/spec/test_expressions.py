"""``$name`` and ``$(…)``: what they compute, what they refuse, and that nothing gets out."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kspec.spec.expressions import ExpressionError, substitute
from tests.spec.fuzzing import examples

VARIABLES: dict[str, Any] = {"w": 64, "heads": 4, "rate": 0.5, "sizes": [1, 2, 3], "on": True, "kind": "conv"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$w", 64),
        ("$(w // heads)", 16),
        ("$(w / heads)", 16.0),
        ("enc_$w", "enc_64"),
        ("enc_$(w + 1)_x", "enc_65_x"),
        ("$$5 and $w", "$5 and 64"),
        ("$(min(w, 3))", 3),
        ("$(sizes[1])", 2),
        ("$(sizes[-1])", 3),
        ("$(w if on else 2)", 64),
        ("$(not on)", False),
        ("$(kind == 'conv' and w > 3)", True),
        ("$(len(sizes) * [0][0] + round(2.6))", 3),
        ("$(range(2, 5))", [2, 3, 4]),
        ("$(null)", None),
        ("$(2 ** 10)", 1024),
        ("$rate", 0.5),
        ("a", "a"),
    ],
)
def test_values(text: str, value: Any) -> None:
    found = substitute(text, VARIABLES)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        *("$nothing", "$(nothing)", "${w}", "$", "$ 5", "$(w", "$(", "$()", "$(1/0)", "$(w.real)", "$(().__class__)"),
        *("$(__import__('os'))", "$(open('/etc/passwd'))", "$(lambda: 1)", "$([x for x in sizes])", "$(w := 3)"),
        *("$('a' * 10**9)", "$(9**9**9)", "$([0] * 10**9)", "$(range(10**12))", "$('%1000000d' % 1)", "$(f'{w}')"),
        *("$(sizes[w])", "$('a' + 1)", "$(10**40)", "$(-(-8)**0.5)", "$(" + "(" * 500 + ")" * 500 + ")"),
        *("$(" + "-" * 900 + "1)", "$(" + "1+" * 5000 + "1)", "$(round(5, -999999999))", "$(1 2)", "$(min())"),
    ],
)
def test_refusals(text: str) -> None:
    with pytest.raises(ExpressionError):
        substitute(text, VARIABLES)


numbers = st.one_of(st.integers(-1000, 1000), st.sampled_from(["w", "heads", "rate"]))
arithmetic = st.recursive(
    numbers.map(str),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} > 0 else {t[2]})"),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
        inner.map(lambda text: f"abs({text})"),
    ),
    max_leaves=8,
)


@examples(200)
@given(text=arithmetic)
def test_arithmetic_is_python_s(text: str) -> None:
    names = {name: value for name, value in VARIABLES.items() if isinstance(value, (int, float))}
    assert substitute(f"$({text})", VARIABLES) == eval(
        text, {"__builtins__": {}, "min": min, "max": max, "abs": abs}, names
    )


@examples(500)
@given(text=st.text(alphabet="$(){}[].,:'\"+-*/%<>=! wheadsrt0159_eifnol", max_size=40))
def test_any_text_gives_a_value_or_a_problem(text: str) -> None:
    with contextlib.suppress(ExpressionError):  # anything else is a failure
        substitute(text, VARIABLES)
