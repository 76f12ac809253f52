"""Kurfiles as specs: whole texts, the same models as written by hand in Keras, and what is refused."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kspec as library
from kspec.convert.foreigntext import Beyond
from kspec.convert.kur.jinja import Variables
from kspec.convert.sameness import difference
from kspec.convert.texts import rewritten
from kspec.diagnostics import MAX_PROBLEMS, FileError
from kspec.importing import import_model
from kspec.spec.expressions import substitute
from tests.conftest import check_golden, run_kspec
from tests.convert.same import keras

CASES = sorted((Path(__file__).parent / "cases").glob("*.yml"))
layers, ops = keras.layers, keras.ops


def shapes(path: Path) -> list[str]:
    found = re.findall(r"(?m)^# shape: (.*)$", path.read_text(encoding="utf-8"))
    return [word for each in found for word in ("--shape", each)]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_cases(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    outcome = run_kspec("import", path.name, *shapes(path))
    check_golden(path.with_suffix(".txt"), outcome.text)


def digits() -> Any:
    x = keras.Input((28, 28), name="images")
    y = layers.Conv2D(64, 2, padding="same", activation="relu")(ops.expand_dims(x, -1))
    y = layers.Dense(10)(layers.Dense(32)(layers.Flatten()(y)))
    return keras.Model(x, layers.Activation("softmax", name="labels")(y))


def speech() -> Any:
    x = keras.Input((None, 81), name="utterance")
    y = layers.BatchNormalization()(layers.Activation("relu")(layers.Conv1D(100, 11, strides=2)(x)))
    for _ in range(3):
        y = layers.BatchNormalization()(layers.GRU(64, activation="relu", return_sequences=True)(y))
    y = layers.TimeDistributed(layers.Dense(29))(y)
    return keras.Model(x, layers.Activation("softmax", name="asr")(y))


def branches() -> Any:
    words, picture = keras.Input((12,), dtype="int32", name="words"), keras.Input((16, 16, 3), name="picture")
    text = layers.Bidirectional(layers.GRU(7, activation="relu"))(layers.Embedding(100, 16)(words))
    y = layers.LeakyReLU(0.3)(layers.Conv2D(8, (3, 5), strides=(2, 1), name="conv")(picture))
    y = layers.AveragePooling2D(2, strides=2, trainable=False)(layers.MaxPooling2D(2, strides=1)(y))
    y = layers.Dense(14)(layers.Flatten()(layers.Dropout(0.25)(y)))
    both = layers.Add(name="both")([text, y])
    sure = layers.Activation("softmax", name="sure")(layers.Dense(2)(both))
    return keras.Model([words, picture], [layers.Dense(5, name="kind")(both), sure])


@pytest.mark.parametrize(
    "made", [digits, branches, pytest.param(speech, marks=pytest.mark.slow)], ids=lambda made: made.__name__
)
def test_the_model_is_the_one_by_hand(made: Any) -> None:
    path = next(each for each in CASES if each.stem == made.__name__)
    given = dict(each.rpartition("=")[::2] for each in shapes(path)[1::2])
    sizes = {name: [None if size == "none" else int(size) for size in text.split(",")] for name, text in given.items()}
    text = import_model(path, shapes=sizes)
    built = library.loads(text).abstract()[0].model
    model = made()
    assert built.count_params() == model.count_params()
    assert [tuple(each.shape) for each in built.outputs] == [tuple(each.shape) for each in model.outputs]
    kinds = [[type(layer).__name__ for layer in each.layers] for each in (built, model)]
    assert sorted(kinds[0]) == sorted(kinds[1])
    assert not difference(model, built)


MODEL = "settings: {odd: '{{ 2j }}'}\nmodel:\n  - input: {shape: [8]}\n    name: x\n  - %s\n"


@pytest.mark.parametrize(
    ("container", "said"),
    [
        ("lambda: 3", "`lambda` is no container with a counterpart in Keras"),
        ("dense: {sizes: 3}", "`dense` has no argument `sizes`"),
        ("dense:", "`dense` needs `size`"),
        ("dense: []", "`dense` needs `size`"),
        ("dense: many", "`many` is no number"),
        ("dense: '{{ size }}'", "`size` stands nowhere in the settings"),
        ("dense: '{{ model }}'", '`["model"]`'),
        ("dense: '{% if x %}3{% endif %}'", "is a Jinja statement"),
        ("dense: '{{ 3 | tojson }}'", "the filter `tojson` is beyond"),
        ("dense: '{{ [3] | map(attribute=1) }}'", "the filter `map(attribute=1)` is beyond"),
        ("dense: '{{ 2 ** 2 ** 3 }}'", "`2 ** 2 ** 3`: `**` binds otherwise in Jinja than in a spec"),
        ("dense: '{{ -2 ** 2 | abs }}'", "`-2 ** 2`: `**` binds otherwise in Jinja than in a spec"),
        ("dense: '{{ 7.5 | int * 2 }}'", "the filter `int * 2` is beyond what a spec can compute"),
        ("dense: '{{ self.__class__ }}'", "`self.__class__` stands nowhere"),
        ("dense: '{{ (lambda: 3)() }}'", "is beyond what a spec can compute"),
        (f"dense: 'x{'{{' * 100_000}'", "a text of 200,001 characters with expressions"),
        ("dense: '{{ ] }}'", "is beyond what a spec can compute"),
        ("convolution: {kernels: 3, size: [1, 2, 3, 4]}", "the sizes of 4 axes"),
        ("recurrent: {size: 3, type: elman}", "of the type lstm or gru"),
        ("merge: {mode: dot}", "`merge` is one of"),
        ("for: {range: [3], iterate: [flatten]}", "`range` cannot be a list"),
        ("for_each: {items: 1000000000000, iterate: [flatten]}", "more than 200,000 steps"),
        ("for: {range: 3}", "`for` needs `range` and `iterate`"),
        ("for: {range: 3, with_index: 'a b', iterate: [flatten]}", "is the name of a variable"),
        ("transpose: [0, 0]", "every axis once"),
        ("transpose: ['0', '1']", "every axis once"),
        ("transpose: [false, true]", "every axis once"),
        ("transpose: {axes: [], include_batch: true}", "every axis once"),
        ("expand: true", "`True` is no number"),
        ("expand: 1.5", "`1.5` is no whole number"),
        ("recurrent: {size: 3.5, bidirectional: true, merge: concat}", "`3.5` is no whole number"),
        ("recurrent: {size: $3}", "`$$3` is no number"),
        ("dense: 3.5", "`3.5` is no whole number"),
        ("dense: [3, true]", "`True` is no number"),
        ("convolution: {kernels: 3.5, size: 2}", "`3.5` is no whole number"),
        ("convolution: {kernels: 3, size: 2.5}", "`2.5` is no whole number"),
        ("embedding: {vocab_size: 3, size: [4]}", "`[4]` is no number"),
        ("repeat: 1.5", "`1.5` is no whole number"),
        ("dense: '{{ 2j }}'", "`2j` is no value that a spec can have"),
        ("dense: '{{ ... }}'", "`...` is no value that a spec can have"),
        ("""activation: "{{ b'x' }}\"""", "`b'x'` is no value that a spec can have"),
        ("dropout: '{{ 1e999 }}'", "is no value that a spec can have"),
        ("dense: '{{ settings.odd }}'", "`2j` is no value that a spec can have"),
        ("1: x", "a container's kind is a name, not 1"),
        ("{dense: 3, flatten: 1}", "a container has one kind, here: `dense`, `flatten`"),
        ("[1, 2]", "a container is a name or a mapping"),
        ("{dense: 3, inputs: '{{ tags.none }}'}", "names no container above"),
        ("{dense: 3, inputs: nowhere}", "there is no step or input `nowhere`"),
        ("{dense: 3, when: perhaps}", "`when` is yes or no"),
        ("{dense: 3, when: $x}", "`when` is yes or no"),
        ("input: x", "the input `x` stands here twice"),
        ("convolution: {kernels: 3, size: [2, 2]}", "Conv2D"),
    ],
)
def test_what_is_refused(in_tmp: Path, container: str, said: str) -> None:
    Path("Kurfile.yml").write_text(MODEL % container, encoding="utf-8")
    outcome = run_kspec("import", "Kurfile.yml", "-o", "made.yaml")
    assert outcome.status == 3, outcome.text
    assert "[import-model]" in outcome.err
    if '["' not in said:
        assert said in outcome.err, outcome.err
    assert not Path("made.yaml").exists()


@pytest.mark.parametrize(
    ("container", "steps"),
    [
        (
            "{dense: [64, 32], freeze: yes, name: last}",
            ["- Dense: 64", "  trainable: false", "- Dense: 32", "  name: last", "  trainable: false"],
        ),
        (
            "{dense: {size: 10, flatten: yes}, when: no}",
            ["- Flatten: {}", "  when: false", "- Dense: 10", "  when: false"],
        ),
        (
            "{parallel: {apply: [{dense: 4, when: '{{ few }}'}, {dense: 5}]}, freeze: yes, when: '{{ 2 * few > 1 }}'}",
            [
                *("- TimeDistributed: {Dense: 4}", "  when: $(few and (2 * few > 1))", "  trainable: false"),
                *("- TimeDistributed: {Dense: 5}", "  when: $(2 * few > 1)", "  trainable: false"),
            ],
        ),
        (
            "{parallel: {apply: [{dense: 4, when: no}, {dense: 5, when: yes}]}, when: '{{ few }}'}",
            ["- TimeDistributed: {Dense: 4}", "  when: false", "- TimeDistributed: {Dense: 5}", "  when: $few"],
        ),
        ("{dense: 3, freeze: '{{ few > 0 }}'}", ["- Dense: 3", "  trainable: $(not (few > 0))"]),
        ("{dense: 3, freeze: no}", ["- Dense: 3"]),
        ("{expand: -1, freeze: yes}", ["- ops.expand_dims: {axis: -1}"]),
    ],
)
def test_freeze_and_when_are_for_all_steps_of_a_container(in_tmp: Path, container: str, steps: list[str]) -> None:
    Path("x.yml").write_text(MODEL.replace("odd: '{{ 2j }}'", "few: 2") % container, encoding="utf-8")
    assert rewritten("x.yml", {}).text.partition("layers:\n")[2].splitlines() == [f"  {step}" for step in steps]


SETTINGS = """\
settings: {rnn: {type: gru, size: 8, kind: "{{ rnn.type }}", both: yes}, act: none, leaky: leakyrelu, flat: true,
  mean: average, deep: 3}
"""


@pytest.mark.parametrize(
    ("container", "steps"),
    [
        (
            "recurrent: {size: '{{ rnn.size }}', type: '{{ rnn.kind }}', outer_activation: '{{ act }}'}",
            ["- GRU: {units: $rnn_size, activation: linear, return_sequences: true}"],
        ),
        (
            "recurrent: {size: 4, type: '{{ ''lstm'' if deep > 2 else ''gru'' }}', bidirectional: '{{ rnn.both }}',"
            " merge: '{{ mean }}', sequence: '{{ flat }}'}",
            [
                "- Bidirectional: {layer: {LSTM: {units: 4, activation: relu, return_sequences: $flat}}, "
                "merge_mode: ave}"
            ],
        ),
        ("pool: {size: 2, type: '{{ mean }}'}", ["- AveragePooling1D: {pool_size: 2, strides: 1}"]),
        ("dense: {size: 3, flatten: '{{ flat }}'}", ["- Flatten", "- Dense: 3"]),
        ("activation: '{{ leaky }}'", ["- LeakyReLU: 0.3"]),
        ("activation: {name: '{{ leaky }}', alpha: 0.2}", ["- LeakyReLU: 0.2"]),
        ("expand: '{{ deep - 2 }}'", ["- ops.expand_dims: {axis: 2}"]),
        ("{dense: 3, freeze: '{{ rnn.both }}'}", ["- Dense: 3", "  trainable: false"]),
    ],
)
def test_a_setting_decides_what_is_written(in_tmp: Path, container: str, steps: list[str]) -> None:
    Path("x.yml").write_text(SETTINGS + MODEL.partition("\n")[2] % container, encoding="utf-8")
    text = rewritten("x.yml", {}).text
    assert text.partition("layers:\n")[2].splitlines()[: len(steps)] == [f"  {step}" for step in steps]
    known = {"$rnn_size": "vars: {rnn_size: 8}\n", "sequence": "vars: {flat: true}\n"}
    assert next((each for word, each in known.items() if word in text or word in container), "\ninputs") in text


@pytest.mark.parametrize(
    ("container", "said"),
    [
        ("for: {range: 2, iterate: [{expand: '{{ index }}'}]}", "`expand` depends on a variable that is no setting"),
        (
            "for_each: {items: [lstm, gru], iterate: [{recurrent: {size: 3, type: '{{ item }}'}}]}",
            "`type` of `recurrent` depends on a variable that is no setting",
        ),
        ("recurrent: {size: 3, type: '{{ odd }}'}", "`type` of `recurrent` depends on a variable that is no setting"),
    ],
)
def test_what_decides_is_no_variable_of_a_loop(in_tmp: Path, container: str, said: str) -> None:
    text = MODEL.replace("odd: '{{ 2j }}'", "odd: '{{ odd }}'") % container
    Path("x.yml").write_text(text, encoding="utf-8")
    with pytest.raises(FileError) as caught:
        rewritten("x.yml", {})
    assert caught.value.problems[0].message == said


def test_a_kurfile_needs_no_ending(in_tmp: Path) -> None:
    Path("Kurfile").write_text(MODEL % "dense: 3", encoding="utf-8")
    assert "name:" not in import_model("Kurfile").partition("layers:")[0]


@pytest.mark.parametrize(
    ("container", "said"),
    [
        ("{dense: 3, name: input}", "`input` has a meaning of its own in `from`"),
        ("{dense: 3, name: previous}", "`previous` has a meaning of its own in `from`"),
        ("{output: input}", "`input` has a meaning of its own in `from`"),
        ("{input: {shape: [3]}, name: input}", "`input` has a meaning of its own in `from`"),
        ("{dense: 3, name: a b}", "`a b` cannot be a name"),
        ("{for: {range: 2, iterate: [{dense: 3, name: input}]}}", "`input` has a meaning of its own in `from`"),
    ],
)
def test_a_name_that_a_spec_does_not_allow_is_told_in_its_line(in_tmp: Path, container: str, said: str) -> None:
    Path("x.yml").write_text(MODEL % container, encoding="utf-8")
    outcome = run_kspec("import", "x.yml")
    assert outcome.status == 3, outcome.text
    assert "x.yml:5:" in outcome.err
    assert f"error[import-model] {said}" in outcome.err


def test_an_input_without_a_name(in_tmp: Path) -> None:
    """`input` itself is no name in a spec."""
    Path("x.yml").write_text("model:\n  - input: {shape: [4]}\n  - dense: 3\n", encoding="utf-8")
    assert import_model("x.yml") == "kspec: 1\nname: x\ninputs:\n  x: [4]\nlayers:\n  - Dense: 3\n"


def test_all_that_is_wrong_is_told_at_once(in_tmp: Path) -> None:
    text = "model:\n  - input: x\n  - lamda: 3\n  - dense:\n  - parallel: {apply: [{gru: 3}]}\n"
    Path("wrong.yml").write_text(text, encoding="utf-8")
    outcome = run_kspec("import", "wrong.yml")
    check_golden(Path(__file__).parent / "wrong.txt", outcome.text)


def test_reading_stops_after_a_thousand_problems(in_tmp: Path) -> None:
    text = "model:\n  - input: {shape: [4]}\n    name: x\n" + "".join(f"  - kind{i}: 3\n" for i in range(4000))
    Path("wrong.yml").write_text(text, encoding="utf-8")
    start = time.process_time()
    with pytest.raises(FileError) as caught:
        rewritten("wrong.yml", {})
    assert time.process_time() - start < 1.5
    assert len(caught.value.problems) == MAX_PROBLEMS
    assert [note.text for note in caught.value.problems[-1].notes] == [
        "and perhaps more: after 1,000 problems kspec reads no further"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "model: [{input: {shape: [4]}}, {dense: 3}]\ntemplates:\n"
        + "".join(f"  block{i}: [{{dense: '{{{{ size }}}}'}}, {{block{i + 1}: {{size: 3}}}}]\n" for i in range(2000))
        + "  block2000: [flatten]\n",
        "model:\n  - input: {shape: [4]}\n" + "".join(f"  - dense: 3\n    tag: t{i}\n" for i in range(4000)),
    ],
    ids=["templates", "names"],
)
def test_the_time_is_in_proportion_to_the_file(in_tmp: Path, text: str) -> None:
    Path("long.yml").write_text(text, encoding="utf-8")
    start = time.process_time()
    with contextlib.suppress(FileError):
        rewritten("long.yml", {})
    assert time.process_time() - start < 2


def test_includes_are_merged_as_kur_says(in_tmp: Path) -> None:
    Path("top.yml").write_text(
        "include: [{source: parts/base.yml, method: merge}, parts/more.yml]\nsettings: {size: 4}\nmodel:\n"
        "  - input: {shape: [3]}\n    name: x\n  - dense: '{{ size }}'\n  - dense: '{{ depth }}'\n",
        encoding="utf-8",
    )
    Path("parts").mkdir()
    Path("parts/base.yml").write_text("settings: {size: 9, depth: 2}\nmodel: [{input: other}]\n", encoding="utf-8")
    Path("parts/more.yml").write_text("settings: {seed: 3}\n", encoding="utf-8")
    text = import_model("top.yml")
    assert "vars: {size: 4, depth: 2}" in text
    assert "seed: 3" in text
    for name, said in (
        ("../out.yml", "outside the Kurfile's folder"),
        ("none.yml", "there is no file `none.yml`"),
        ("n" * 999, "is no file's name"),
    ):
        Path("bad.yml").write_text(f"include: {name}\nmodel: []\n", encoding="utf-8")
        assert said in run_kspec("import", "bad.yml").err


def test_the_method_of_an_include_is_its_own(in_tmp: Path) -> None:
    """One without a method is blended: lists element by element, and on to the end of the longer one."""
    Path("top.yml").write_text(
        "include: [{source: base.yml, method: concat}, more.yml]\nmodel: [{input: {shape: [3]}}]\n", encoding="utf-8"
    )
    Path("base.yml").write_text("model: []\n", encoding="utf-8")
    Path("more.yml").write_text("model: [{name: y}, {dense: 2}]\n", encoding="utf-8")
    text = import_model("top.yml")
    assert "inputs:\n  y: [3]" in text
    assert text.count("Dense") == 1


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"settings: \xff", "parts/base.yml:1:11: error[yaml-encoding] the byte 0xff is not UTF-8"),
        ("settings: 1".encode("utf-16"), "parts/base.yml:1:1: error[yaml-encoding] the file is UTF-16 or UTF-32"),
        (b"settings: \x01", "parts/base.yml:1:11: error[yaml-encoding] the character U+0001 is not allowed"),
        (b"settings: [{", "parts/base.yml:1:"),
    ],
)
def test_an_included_file_that_cannot_be_read(in_tmp: Path, data: bytes, said: str) -> None:
    Path("top.yml").write_text("include: parts/base.yml\n" + MODEL % "dense: 3", encoding="utf-8")
    Path("parts").mkdir()
    Path("parts/base.yml").write_bytes(data)
    outcome = run_kspec("import", "top.yml")
    assert outcome.status == 3, outcome.text
    assert said in outcome.err


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["x.yml", "--shape", "a,b"], 2, "is no shape"),
        (["x.yml", "--shape", "y=3"], 2, "there is no input `y`"),
        (["x.yml", "--scale", "n"], 2, "`--scale` is for models of Ultralytics"),
        (["x.yml", "--names", "all"], 2, "`--names` is for models"),
        (["x.yml", "--weights", "w.weights.h5"], 2, "has no weights"),
        (["nothing.yml"], 3, "there is no such file"),
        (["n" * 999 + ".yml"], 3, "there is no such file"),
        (["spec.yaml"], 2, "is a spec already"),
        (["other.yaml"], 3, "of no tool that kspec knows"),
        (["tagged.yaml"], 3, "a tag (`!!python/object:os.system`) is not allowed"),
        (["broken.yaml"], 3, "[yaml-syntax]"),
        (["bytes.yaml"], 3, "[yaml-encoding]"),
        (["twice.yaml"], 3, "[duplicate-key]"),
        (["keras.applications.ResNet50", "--shape", "3"], 2, "is for other tools' YAML"),
    ],
)
def test_wrong_use(in_tmp: Path, arguments: list[str], status: int, said: str) -> None:
    Path("x.yml").write_text(MODEL % "dense: 3", encoding="utf-8")
    Path("spec.yaml").write_text("kspec: 1\n", encoding="utf-8")
    Path("other.yaml").write_text("services: {web: 1}\n", encoding="utf-8")
    Path("tagged.yaml").write_text("model: [!!python/object:os.system {}]\n", encoding="utf-8")
    Path("broken.yaml").write_text("model: [{", encoding="utf-8")
    Path("bytes.yaml").write_bytes(b"model: \xff")
    Path("twice.yaml").write_text("model: []\nmodel: []\n", encoding="utf-8")
    outcome = run_kspec("import", *arguments)
    assert outcome.status == status, outcome.text
    assert said in outcome.err, outcome.err


def test_the_text_needs_no_keras(in_tmp: Path) -> None:
    Path("x.yml").write_text(MODEL % "dense: 3", encoding="utf-8")
    code = "import sys; from kspec.convert.texts import rewritten; print(rewritten('x.yml', {}).text); "
    code += "sys.exit(bool({'keras', 'jax', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "- Dense: 3" in done.stdout


# -- expressions -------------------------------------------------------------------------------------------------

Pair = tuple[str, str]
"""An expression in Jinja, and in Python."""
NUMBERS = st.sampled_from([("a", "3"), ("b.c", "5"), ("b['c']", "5"), ("2", "2"), ("0.5", "0.5"), ("list[1]", "6")])
OPERATORS, FILTERS = st.sampled_from(["+", "-", "*", "//", "%"]), st.sampled_from(["int", "abs", "float"])


def combined(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    def binary(one: Pair, operator: str, other: Pair) -> Pair:
        return f"({one[0]} {operator} {other[0]})", f"({one[1]} {operator} {other[1]})"

    def choice(one: Pair, test: Pair, other: Pair) -> Pair:
        texts = [f"({one[i]} if {test[i]} > {other[i]} else {other[i]})" for i in (0, 1)]
        return texts[0], texts[1]

    def filtered(one: Pair, name: str) -> Pair:
        return f"({one[0]} | {name})", f"{name}({one[1]})"

    return st.one_of(
        st.builds(binary, inner, OPERATORS, inner),
        st.builds(choice, inner, inner, inner),
        st.builds(filtered, inner, FILTERS),
    )


def loose(one: Pair, operators: tuple[str, str], other: Pair, sign: str, last: Pair, names: list[str]) -> Pair:
    """Without parentheses, a filter is of the operand before it alone, with that operand's sign."""
    text, python = " | ".join([sign + last[0], *names]), sign + last[1]
    for name in names:
        python = f"{name}({python})"
    before = [f"{one[i]} {operators[0]} {other[i]} {operators[1]}" for i in (0, 1)]
    return f"({before[0]} {text})", f"({before[1]} {python})"


SMALL = st.one_of(NUMBERS, combined(NUMBERS))
LOOSE = st.builds(
    loose,
    *(NUMBERS, st.tuples(OPERATORS, OPERATORS), NUMBERS, st.sampled_from(["", "-"]), SMALL),
    st.lists(FILTERS, min_size=1, max_size=2),
)


@given(st.one_of(SMALL, combined(SMALL), combined(combined(SMALL)), LOOSE, combined(LOOSE)))
def test_expressions_have_the_value_that_jinja_gives(pair: Pair) -> None:
    """Jinja's grammar for these is Python's, but for filters, which bind tighter than any operator."""
    text, python = pair
    try:
        expected = eval(python)
    except ZeroDivisionError:
        return
    variables = Variables({"settings": {"a": 3, "b": {"c": 5}, "list": [4, 6]}})
    found = variables.value("{{ " + text + " }}")
    result = substitute(found, variables.used) if isinstance(found, str) else found
    assert result == pytest.approx(expected)


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ("plain", "plain"),
        ("costs $3", "costs $$3"),
        ("{{ a }}", "$a"),
        ("{{- a -}}", "$a"),
        ("{{ 3 }}", 3),
        ("{{ true }}", True),
        ("layer_{{ a }}", "layer_$a"),
        ("{{ a }}_layer", "$(a)_layer"),
        ("$ {{ a + 1 }}!", "$$ $(a + 1)!"),
        ("{{ b.c }}", "$b_c"),
        ("{{ missing | default(4) }}", 4),
        ("{{ a | default(4) }}", "$a"),
        ("{{ deep }}", "$deep"),
        ("{{ a }} and {{- a -}}", "$a and $a"),
        ("x{{ a", "x{{ a"),
        ("{{ '$name' }}", "$$name"),
        ("{{ missing | default('$name') }}", "$$name"),
        ("is {{ '$name' }}", "is $('$name')"),
        ("{{ 3.5 }}", 3.5),
        ("{{ none }}", None),
        ("{{ 3 * 2.5 | int }}", "$(3 * int(2.5))"),
        ("{{ 3 - 2 * a ** 2.5 | int | abs }}", "$(3 - 2 * a ** abs(int(2.5)))"),
        ("{{ (3 * 2.5) | int }}", "$(int(3 * 2.5))"),
        ("{{ a * (a + 0.5) | int }}", "$(a * int(a + 0.5))"),
        ("{{ (a) * 2.5 | int == 6 }}", "$(a * int(2.5) == 6)"),
        ("{{ -a | abs }}", "$(abs(-a))"),
        ("{{ a * missing | default(4) }}", "$(a * 4)"),
        ("{{ (a ** 2) ** 3 + a ** (2 ** 3) }}", "$((a ** 2) ** 3 + a ** 2 ** 3)"),
        ("{{ -(a ** 2) + (-a) ** 2 }}", "$(-a ** 2 + (-a) ** 2)"),
        ("x" + "{{" * 4000, "x" + "{{" * 4000),
        (["{{ a }}", {"x": "{{ a }}"}], ["$a", {"x": "$a"}]),
    ],
)
def test_texts(raw: Any, found: Any) -> None:
    variables = Variables({"settings": {"a": 3, "b": {"c": 5}, "deep": "{{ a * 2 }}"}})
    assert variables.value(raw) == found
    if raw == "{{ deep }}":
        assert variables.used == {"deep": "$(a * 2)", "a": 3}


def test_the_default_of_an_argument_is_a_text(in_tmp: Path) -> None:
    text = MODEL % "block: {other: 3}" + "templates:\n  block:\n    - activation: \"{{ args.kind | default('$a') }}\"\n"
    Path("x.yml").write_text(text.replace("{other: 3}", "{kind: relu}"), encoding="utf-8")
    assert "kind: $$a" in rewritten("x.yml", {}).text


@pytest.mark.parametrize(("length", "status"), [(150, 0), (5000, 3)])
def test_chains_of_settings(in_tmp: Path, length: int, status: int) -> None:
    settings = "".join(f"  a{i}: '{{{{ a{i + 1} + 1 }}}}'\n" for i in range(length)) + f"  a{length}: 3\n"
    text = "settings:\n" + settings + "model:\n  - input: {shape: [8]}\n    name: x\n  - dense: '{{ a0 }}'\n"
    Path("x.yml").write_text(text, encoding="utf-8")
    outcome = run_kspec("import", "x.yml")
    assert outcome.status == status, outcome.text
    if status:
        assert f"x.yml:{length + 6}:12: error[import-model] more than 200 settings" in outcome.err
    else:
        assert library.loads(outcome.out).plan().trainable == 9 * 153


def test_the_kind_of_a_template_is_a_name(in_tmp: Path) -> None:
    Path("x.yml").write_text(MODEL % "dense: 3" + "templates: {1: [flatten]}\n", encoding="utf-8")
    outcome = run_kspec("import", "x.yml")
    assert outcome.status == 3, outcome.text
    assert "x.yml:6:" in outcome.err
    assert "a template's name is a text, not 1" in outcome.err


@given(st.text("{}%|()[]ab.1 +'\"_", max_size=30))
def test_any_text_is_translated_or_refused(text: str) -> None:
    with contextlib.suppress(Beyond):
        Variables({"settings": {"a": 1}}).value("{{" + text + "}}")


@pytest.mark.parametrize(
    "text", ["{{ " + "(" * 500 + ")" * 500 + " }}", "{{ " + "a+" * 400 + "a }}", "{{ " + "-" * 900 + "a }}"]
)
def test_deep_expressions(text: str) -> None:
    with contextlib.suppress(Beyond):
        Variables({"settings": {"a": 1}}).value(text)
