"""Everything that a spec can say, as code; and names that are chosen to do harm."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kspec
from kspec.convert.code import trial, whole
from kspec.diagnostics import UsageError
from kspec.spec.variables import needed_by


def code(text: str, style: Any = "functional", **more: Any) -> tuple[str, list[str]]:
    """The code of a spec's text, which has made the spec's model, and what is told of it."""
    notes: list[str] = []
    return kspec.code(kspec.loads("kspec: 1\n" + text), style=style, tell=notes.append, **more), notes


STRUCTURES = {
    "a block that is called again by the name that it has by itself": """
inputs: {x: 5}
blocks: {b1: {layers: [{Dense: 5}, ReLU]}}
layers: [b1, {repeat: 2, layers: [{residual: [{reuse: b1}, {Dropout: 0.1}]}]}, {Dense: 3}]
""",
    "a list of names for outputs, in the middle of a chain": """
inputs: {x: [5, 3]}
layers:
  - LSTM: {units: 4, return_state: true, return_sequences: true}
    name: [all, last, cell]
  - ops.add:
    from: [last, cell]
""",
    "an output by its place": """
inputs: {x: [5, 3]}
layers:
  - GRU: {units: 4, return_state: true}
    name: gru
  - Add:
    from: [gru.0, gru.1]
""",
    "an index, a constant, a function of several": """
inputs: {x: [5, 3]}
layers:
  - ops.get_item: {key: ":, 1:3"}
  - ops.multiply:
    from: [previous, 0.5]
  - ops.einsum: {subscripts: "bij,bkj->bik"}
    from: [previous, previous]
  - ops.concatenate: {axis: -1}
    from: [previous, previous]
""",
    "objects within objects": """
inputs: {x: 4}
vars: {rate: 1e-4}
layers:
  - Dense:
      units: 3
      kernel_initializer: {RandomNormal: {stddev: 0.02, seed: 3}}
      kernel_regularizer: {L1L2: {l1: $rate, l2: 1e-5}}
      activation: {LeakyReLU: 0.3}
  - TimeDistributed: {Dense: 2}
    when: false
""",
    "objects that variables stand for, of a block's own too": """
inputs: {x: 4}
vars: {init: {RandomNormal: {stddev: 0.02}}, width: 3}
blocks:
  plain: {layers: [{Dense: {units: $width, kernel_initializer: $init}}]}
  own: {vars: {init: zeros}, layers: [{Dense: {units: 2, kernel_initializer: $init}}]}
layers:
  - repeat: 2
    layers: [plain]
  - own
  - Dense: {units: 2, kernel_initializer: $init}
""",
    "blocks in blocks, defaults made of others, a block of two inputs and two outputs": """
inputs: {a: 4, b: 4}
vars: {width: 3}
blocks:
  inner:
    vars: {units: null, twice: $(2 * units)}
    layers: [{Dense: $twice}, {Dense: $width}]
  outer:
    inputs: [left, right]
    outputs: {sum: total, first: one}
    layers:
      - inner: 5
        from: left
        name: one
      - inner: {units: 2, twice: 7}
        from: right
      - Add:
        from: [one, previous]
        name: total
layers:
  - outer:
    from: [a, b]
    name: both
  - Multiply:
    from: [both.sum, both.first]
""",
    "a frozen nested block, used twice, and one that is called again": """
inputs: {x: 4}
blocks:
  net: {nested: true, vars: {n: 2}, layers: [{Dense: $n}, {Dense: 4}]}
layers:
  - net: 3
    trainable: false
    name: first
  - net: {}
    name: second
  - reuse: second
""",
    "a layer that is called again": """
inputs: {x: 4}
layers:
  - Dense: 4
    name: shared
  - reuse: shared
  - reuse: shared
    name: third
""",
    "input, residuals within residuals, another merge": """
inputs: {x: 4}
blocks:
  b:
    layers:
      - Dense: 4
      - residual:
          - Dense: 4
          - residual: [{Dense: 4}, ReLU]
            merge: Multiply
      - Add:
        from: [previous, input]
layers: [b, {residual: {b: {}}}]
""",
    "parallel without a merge, in loops": """
inputs: {x: 4}
layers:
  - repeat: {n: [2, 3]}
    layers:
      - parallel: [[{Dense: $n}], {Dense: 4}, ReLU]
      - Concatenate
      - Dense: 4
""",
    "names in loops, from the same round and from another loop": """
inputs: {x: 4}
layers:
  - repeat: {i: 3}
    layers:
      - Dense: 4
        name: a_$i
      - Dense: 4
      - Add:
        from: [previous, a_$i]
        name: level_$(i + 1)
  - repeat: {j: 2}
    layers:
      - Add:
        from: [previous, level_$(j + 1)]
  - Add:
    from: [previous, level_3]
    name: end
outputs: {y: end, z: level_1}
""",
    "automatic names": """
inputs: {x: 4}
layers: [{Dense: 4}, {Dense: 4}, {Dense: 4}, {Add: , from: [dense, dense_1, previous]}]
outputs: [dense_1, add]
""",
    "conditions around loops, steps that are not there": """
inputs: {x: 4}
vars: {deep: true, kind: a}
layers:
  - repeat: 2
    when: $(deep and kind in ['a', 'b'])
    layers: [{Dense: 4}]
  - {Dense: 3, when: "$(kind == 'c')"}
  - {Dense: 2, name: last}
""",
    "sixteen bits: heads stay float32, functions are cast": """
dtype_policy: mixed_bfloat16
inputs: {x: 4}
layers:
  - Dense: 4
    dtype: float32
  - Dense: {units: 4, activation: {LeakyReLU: 0.1}}
    name: one
  - ops.softmax:
    name: two
outputs: {one: one, two: two}
""",
}
UNROLLED = {
    "a name from within a block": """
inputs: {x: 4}
blocks: {b: {layers: [{Dense: {units: 4}, name: inside}, ReLU]}}
layers: [{b: , name: use}, {Add: , from: [previous, use.inside]}]
""",
    "a block of which only the last copy makes the output": """
dtype_policy: mixed_float16
inputs: {x: 4}
layers: [{repeat: 3, layers: [{Dense: 4}]}]
""",
    "a step that stands before what it takes": """
inputs: {x: 4}
layers: [{Add: , from: [late, x], name: sum}, {Dense: 4, from: x, name: late}]
outputs: sum
""",
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_structures(name: str) -> None:
    text, notes = code(STRUCTURES[name])
    assert not notes
    code(STRUCTURES[name], "subclass")
    compile(text, name, "exec")


@pytest.mark.parametrize("name", UNROLLED)
def test_what_the_structure_cannot_say_is_written_out(name: str) -> None:
    (note,) = code(UNROLLED[name])[1]
    assert note.startswith("every step is written out: ")


HOSTILE = [
    *("');import_os;os.system('x');('", '";import_os;"', "x\\", "a'b\"c", '"""', "#", "__import__('os')", "%s", "x"),
    *("class", "keras", "layers", "build_model", "self", "é", "日本", "a-b", "1st", "\\N", "call", "HERE", "name"),
]


@pytest.mark.parametrize("style", ["functional", "sequential", "subclass"])
def test_hostile_names(style: str) -> None:
    """Names are literals, or words of their own: nothing in them is code."""
    layers = "".join(f"  - Dense: 4\n    name: {quoted(name)}\n" for name in HOSTILE)
    if style != "sequential":
        layers += "".join(f"  - Add:\n    from: [previous, {quoted(name)}]\n" for name in HOSTILE)
    text, notes = code(f"inputs: {{{quoted(HOSTILE[0] + '_')}: 4}}\nlayers:\n{layers}", style)
    assert not notes
    tree = ast.parse(text)
    imported = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))}
    assert imported <= {"import keras", "from keras import layers", "from typing import Any"}
    called = {ast.unparse(node.func).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert not called & {"os", "eval", "exec", "__import__", "open", "getattr"}


def quoted(name: str) -> str:
    """As YAML has it."""
    return "'" + name.replace("'", "''") + "'"


def test_hostile_values() -> None:
    """Texts among variables, conditions and blocks' names stay texts."""
    evil = "\"); raise SystemExit('\\"
    text, _ = code(
        f"vars: {{mode: {quoted(evil)}}}\ninputs: {{x: 4}}\n"
        f"blocks: {{{quoted('b(); raise SystemExit')}: {{layers: [{{Dense: 3}}]}}}}\n"
        f"layers:\n  - {quoted('b(); raise SystemExit')}\n  - Dense: 4\n    name: a\n    when: $(mode != 'b')\n"
    )
    assert "SystemExit" in text
    assert not any(isinstance(node, ast.Raise) for node in ast.walk(ast.parse(text)))


OWN = """import keras

class Path(keras.layers.Layer):
    def call(self, x):
        return x

class Any(Path): ...
class Scale(Path): ...
class Twice(Path): ...
"""


@pytest.mark.parametrize("style", ["functional", "subclass"])
def test_what_code_imports_means_nothing_else(style: str, in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Classes of one's own that are called as what the module imports, and steps and blocks as classes of one's own."""
    monkeypatch.syspath_prepend(in_tmp)
    Path("own_names.py").write_text(OWN, encoding="utf-8")
    np.savez("train.npz", x=np.zeros((2, 4)), y=np.zeros((2, 4)))
    Path("own.yaml").write_text(
        "kspec: 1\ncustom: [own_names]\ninputs: {own_names: 4}\n"
        "blocks: {twice: {layers: [{Dense: 4}, own_names.Twice, {Dense: 4}]}}\n"
        "layers: [own_names.Path, {own_names.Scale: {}, name: Twice}, {own_names.Any: {}, name: Scale},\n"
        "  twice, twice, {Add: {}, from: [previous, Scale, Twice]}]\n"
        "compile: {optimizer: sgd, loss: mse}\ndata: {train: train.npz}\n",
        encoding="utf-8",
    )
    notes: list[str] = []
    text = kspec.code("own.yaml", style=style, train=True, trust=["own_names"], tell=notes.append)  # type: ignore[arg-type]
    assert not any("written out" in note for note in notes)
    assert "own_names.Path()" in text
    assert "own_names.Any(" in text
    assert "from own_names import Scale, Twice\n" in text


def test_a_class_out_of_reach(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name and its module's both mean something else in the code."""
    monkeypatch.syspath_prepend(in_tmp)
    Path("call.py").write_text(OWN, encoding="utf-8")
    spec = "custom: [call]\ninputs: {x: 4}\nlayers: [call.Path]\n"
    with pytest.raises(UsageError, match=r"`call\.Path` means something else in the code"):
        kspec.code(kspec.loads(f"kspec: 1\n{spec}", trust=["call"]))


@pytest.mark.parametrize("block", ["csv", "load_validation_data"])
def test_functions_of_a_script_are_no_blocks(block: str, in_tmp: Path) -> None:
    Path("train.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    text, _ = code(
        f"inputs: {{x: 1}}\nblocks: {{{block}: {{layers: [{{Dense: 1}}]}}}}\nlayers: [{block}, {{Dense: 1, name: y}}]\n"
        "compile: {optimizer: sgd, loss: mse}\ndata: {train: train.csv, fields: {x: a, y: b}}\n",
        train=True,
    )
    assert f"def {block}_1(" in text


@pytest.mark.parametrize(
    ("text", "style", "message", "line"),
    [
        ("inputs: {x: 4}\nlayers:\n  - residual: [{Dense: 4}]\n", "sequential", "`add` takes several tensors", 4),
        ("inputs: {x: 4}\nlayers:\n  - Dense: 4\n  - ops.abs\n", "sequential", "is a function, not a layer", 5),
        ("inputs: {x: 4}\nlayers:\n  - Dense: 4\n    lora: 2\n", "functional", "`lora` is done to a model", 5),
        ("inputs: {x: 4, y: 4}\nlayers:\n  - Add: \n    from: [x, y]\n", "sequential", "has 2 inputs", 2),
    ],
)
def test_what_a_style_cannot_say(text: str, style: str, message: str, line: int) -> None:
    with pytest.raises(UsageError) as refused:
        code(text, style)
    (problem,) = refused.value.problems
    assert message in problem.message
    assert problem.span is not None
    assert problem.span.line == line


FROZEN_IN_PART = """
inputs: {x: 4}
blocks:
  head: {nested: true, layers: [{Dense: 3}, {Dense: 4, trainable: true}, ReLU]}
  base:
    nested: true
    layers: [{Dense: 4}, {Dense: 4, trainable: true}, head, {Dense: 5, trainable: true}, {Dense: 4, trainable: true}]
layers: [{base: {}, trainable: false}, {Dense: 2}, {Dense: 4}, {base: {}, trainable: false}]
"""


@pytest.mark.parametrize("style", ["functional", "sequential", "subclass"])
def test_a_base_that_is_frozen_in_part(style: str) -> None:
    text, notes = code(FROZEN_IN_PART, style)
    variable, pad = ("self.base", 8) if style == "subclass" else ("base_model", 4)
    lines = [
        f"{variable}.trainable = False",
        f"{variable}.layers[-3].layers[-2].trainable = True",
        f"{variable}.layers[-4].trainable = True",
        f"for layer in {variable}.layers[-2:]:",
        "    layer.trainable = True",
    ]
    assert "".join(f"{' ' * pad}{line}\n" for line in lines) in text
    assert not notes
    made = trial.run(text, Path(), frozenset())["build_model"]()
    assert len(made.trainable_variables) == 2 * (4 + 2 + 4)


@pytest.mark.parametrize("style", ["functional", "subclass"])
def test_a_model_inside_is_told_of_training(style: str) -> None:
    text, notes = code(
        """
inputs: {x: 4}
blocks:
  base: {nested: true, layers: [{Dense: 4}, {Dropout: 0.5}]}
layers: [{base: {}, call: {training: false}}, {repeat: 2, layers: [{base: {}, call: {training: true}}]}, base]
""",
        style,
    )
    assert text.count(", training=False)") == 1
    assert text.count(", training=True)") == 1
    assert not notes


def test_a_frozen_model_in_a_layer_that_is_trained_in_part() -> None:
    text, _ = code(
        """
inputs: {x: [5, 4]}
blocks: {step: {nested: true, layers: [{Dense: 4}, {Dense: 3, trainable: true}]}}
layers: [{TimeDistributed: {layer: {step: {trainable: false}}}}]
"""
    )
    assert "    step_model.trainable = False\n    step_model.layers[-1].trainable = True\n" in text


OPEN = """
inputs: {x: {shape: [null], dtype: int32}}
layers: [{Embedding: {input_dim: 20, output_dim: 4}}, {Conv1D: {filters: 8, kernel_size: KERNEL}}, GlobalMaxPooling1D]
"""
KEPT = """
inputs: {x: {batch_shape: [4, 5, 3]}}
layers: [{LSTM: {units: 8, stateful: true}}, {Dense: 1}]
"""


@pytest.mark.parametrize(
    ("spec", "zeros", "shape"),
    [
        (OPEN.replace("KERNEL", "3"), '((1, 16), dtype="int32")', (2, 30)),
        (OPEN.replace("KERNEL", "20"), '((1, 64), dtype="int32")', (2, 30)),
        (KEPT, "((4, 5, 3))", (4, 5, 3)),
    ],
)
def test_a_class_that_keras_cannot_trace_is_made_by_zeros(
    spec: str, zeros: str, shape: tuple[int, ...], recwarn: pytest.WarningsRecorder
) -> None:
    text, notes = code(spec, "subclass")
    assert f"model(keras.ops.zeros{zeros})\n" in text
    assert not notes
    assert not recwarn.list
    namespace: dict[str, Any] = {"__name__": "generated"}
    exec(text, namespace)
    model = namespace["build_model"]()
    assert model.count_params() == kspec.loads("kspec: 1\n" + spec).build().count_params()
    assert model(np.ones(shape)).shape[0] == shape[0]


@pytest.mark.parametrize("error", [MemoryError, AssertionError])
def test_only_what_code_raises_speaks_against_it(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison's own mistakes are not the code's, and memory is the machine's."""
    spec = "inputs: {x: 4}\nlayers: [{Dense: 4}]\n"

    def raising(*_: Any) -> Any:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(trial, "difference", raising)
        with pytest.raises(error):
            code(spec)
    monkeypatch.setattr(trial, "run", lambda *_: {"build_model": raising})
    with pytest.raises(MemoryError if error is MemoryError else UsageError):
        code(spec)


def test_a_class_that_does_not_say_how_it_was_made(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(in_tmp)
    Path("silent.py").write_text(
        OWN + "class Plus(Path):\n    def get_config(self):\n        raise ValueError\n", encoding="utf-8"
    )
    loaded = kspec.loads("kspec: 1\ncustom: [silent]\ninputs: {x: 4}\nlayers: [silent.Plus]\n", trust=["silent"])
    with pytest.raises(UsageError, match=r"in this style: `plus` \(Plus\) does not say how it was made$"):
        kspec.code(loaded)


def test_variables_are_ordered_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each after those that it needs, else in the spec's order; what one needs is asked once."""
    asked: list[Any] = []
    monkeypatch.setattr(whole, "needed_by", lambda value: asked.append(value) or needed_by(value))
    chained: dict[str, Any] = {f"v{n}": f"$(v{n + 1} + 1)" for n in range(50)}
    raw = {"last": "$v9", **chained, "v50": 1, "free": 2}
    found = whole._in_order(raw, {name: name for name in raw if name != "v0"})
    assert found == ["v50", "free", *(f"v{n}" for n in range(49, 8, -1)), "last", *(f"v{n}" for n in range(8, 0, -1))]
    assert len(asked) == len(found)


@pytest.mark.parametrize(
    ("words", "help"),
    [
        ("quantize: int8\n", '`model.quantize("int8")` after `build_model`'),
        ("lora: 2\n", "`enable_lora(2)` on each layer that has it, after `build_model`"),
        ("", '`model.get_layer("kind").quantize("int8")`'),
    ],
)
def test_what_is_done_to_the_whole_model_is_told_of_all_of_it(words: str, help: str) -> None:
    own = "" if words else "    quantize: int8\n"
    with pytest.raises(UsageError) as refused:
        code(f"{words}inputs: {{x: 4}}\nlayers:\n  - Dense: 4\n    name: kind\n{own}")
    (problem,) = refused.value.problems
    assert problem.help.startswith("leave it out, ")
    assert problem.help.endswith(f"and call {help}")


def test_usage(tmp_path: Path) -> None:
    spec = "inputs: {x: 4}\nlayers: [{Dense: 4}]\n"
    for more, message in (
        ({"style": "poetic"}, "there is no style"),
        ({"output": tmp_path / "model.txt"}, "does not say that Python code is in it"),
        ({"data": "x.npz"}, "data are for a script that trains"),
    ):
        with pytest.raises(UsageError, match=message):
            code(spec, **more)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


WIDTHS = st.sampled_from(["2", "$n", "$(n + 1)", "$(2 * n)"])


def steps(inner: st.SearchStrategy[list[Any]]) -> st.SearchStrategy[list[Any]]:
    """Chains of steps that keep their width, which residuals ask for."""
    same = {"Dense": "$n"}
    one = st.one_of(
        WIDTHS.map(lambda width: {"repeat": 1, "layers": [{"Dense": int(width) if width == "2" else width}, same]}),
        inner.map(lambda chain: {"residual": [*chain, same]}),
        st.tuples(inner, inner).map(lambda two: {"parallel": [[*two[0], same], [same, *two[1], same]], "merge": "Add"}),
        st.tuples(st.integers(1, 3), inner).map(lambda two: {"repeat": two[0], "layers": [*two[1], same]}),
        inner.map(lambda chain: {"repeat": 2, "when": "$(n > 3)", "layers": [*chain, same]}),
        st.sampled_from(["ReLU", "LayerNormalization", {"Dropout": 0.5}, {"block": "$n"}, {"nested": "$n"}]),
    )
    return st.lists(one, min_size=1, max_size=3)


CHAINS = st.recursive(st.just([{"Dense": "$n"}]), steps, max_leaves=5)


@settings(max_examples=12)
@given(CHAINS, st.sampled_from(["functional", "subclass"]), st.integers(3, 4))
def test_random_specs(chain: list[Any], style: str, n: int) -> None:
    """The code makes the spec's model, or it is not given out."""
    import yaml

    spec = {
        "vars": {"n": n},
        "inputs": {"x": "$n"},
        "blocks": {
            "block": {"vars": {"m": None}, "layers": [{"Dense": "$m"}, {"residual": [{"Dense": "$(m)"}]}]},
            "nested": {"nested": True, "vars": {"m": None}, "layers": [{"Dense": "$m"}]},
        },
        "layers": [*chain, {"Dense": "$n"}],
    }
    text, _ = code(yaml.safe_dump(spec, sort_keys=False), style)
    compile(text, "random", "exec")


def test_an_input_that_is_called_as_the_tensor_of_a_chain() -> None:
    spec = "inputs: {x: 8}\nlayers: [{residual: [{Dense: 8}]}, {Dense: 3}]\n"
    functional, _ = code(spec)
    assert 'inputs = keras.Input(shape=(8,), name="x")\n    x = layers.Dense(8)(inputs)\n' in functional
    assert "return keras.Model(inputs, x)\n" in functional
    subclass, _ = code(spec, "subclass")
    assert "def call(self, inputs: Any) -> Any:\n        x = self.dense(inputs)\n" in subclass
    assert "        return self.dense_1(x)\n" in subclass
