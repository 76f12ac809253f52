"""The language server's functions, without a server: a text and a place in it give plain values."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kspec.diagnostics import UsageError
from kspec.editor.lsp import checks
from kspec.editor.lsp.actions import actions
from kspec.editor.lsp.completion import complete, documented, ordered
from kspec.editor.lsp.definition import definition, references
from kspec.editor.lsp.document import Document
from kspec.editor.lsp.hover import hover
from kspec.editor.lsp.known import Known, Shapes
from kspec.editor.lsp.outline import outline
from kspec.editor.lsp.positions import UTF8, UTF16, UTF32, Range, Text
from kspec.editor.lsp.rename import rename, renameable
from kspec.editor.lsp.session import Session
from kspec.editor.lsp.tolerant import tolerant
from tests.conftest import SPECS
from tests.spec.fuzzing import examples

HERE = SPECS / "editing.yaml"
SPEC = """\
kspec: 1
vars: {width: 64, twice: $(2 * width)}
inputs: {image: [28, 28], meta: 8}
blocks:
  tower:
    vars: {dim: null, rate: 0.1}
    inputs: [x]
    layers:
      - Dense: {units: $dim, activation: relu}
        name: inner
      - Dropout: $rate
        from: inner
layers:
  - Flatten:
    from: image
  - tower: {dim: $width}
    name: left
  - Dense: {units: $twice}
    from: meta
    name: right
  - Concatenate:
    from: [left, right]
  - repeat: {i: 2}
    layers:
      - Dense: $(width + i)
  - Dense: {units: 10, activation: softmax}
    name: digit
outputs: [digit]
compile:
  optimizer: {AdamW: {learning_rate: 1e-3}}
  loss: {digit: sparse_categorical_crossentropy}
"""


def opened(text: str, shapes: bool = False) -> tuple[Document, Known]:
    checked = checks.whole(text, HERE) if shapes else checks.fast(text, HERE)
    assert not checked.problems, checked.problems
    assert checked.compiled is not None
    known = Known(checked.compiled)
    if checked.plan is not None:
        known = known._replace(shapes=Shapes(checked.plan, checked.compiled))
    return Document(text, HERE), known


def place(text: str, word: str, nth: int = 0) -> int:
    """The offset inside the nth occurrence of a word."""
    start = -1
    for _ in range(nth + 1):
        start = text.index(word, start + 1)
    return start + 1


def completed(text: str, known: Known | None = None) -> dict[str, str]:
    """What is offered at `|`, in order: label and what is written."""
    offset = text.index("|")
    document = Document(text.replace("|", "", 1), HERE)
    found = complete(document, known if known is not None else Known(), offset)
    return {item.label: item.insert or item.label for item in ordered(found.items)}


@pytest.fixture(scope="module")
def plain() -> tuple[Document, Known]:
    return opened(SPEC)


@pytest.fixture(scope="module")
def shaped() -> tuple[Document, Known]:
    return opened(SPEC, shapes=True)


# -- positions -----------------------------------------------------------------------------------------------------


def test_columns_are_code_units() -> None:
    text = Text("ab\r\n🙂x: é𝔘y\n")
    y = text.text.index("y")
    assert text.position(y, UTF16) == (1, 8)
    assert text.position(y, UTF8) == (1, 13)
    assert text.position(y, UTF32) == (1, 6)
    for encoding in (UTF8, UTF16, UTF32):
        for offset in range(len(text.text)):
            if text.text[offset - 1 : offset + 1] != "\r\n":
                assert text.offset(*text.position(offset, encoding), encoding) == offset


def test_a_place_beyond_the_line_is_its_end() -> None:
    text = Text("one\ntwo\n")
    assert text.offset(0, 99) == 3
    assert text.offset(99, 0) == 8


@examples(100)
@given(st.text(alphabet="a🙂é\r\n\x85\u2028: ", max_size=40), st.sampled_from([UTF8, UTF16, UTF32]))
def test_every_offset_comes_back(written: str, encoding: str) -> None:
    text = Text(written)
    for offset in range(len(written) + 1):
        if written[offset - 1 : offset + 1] != "\r\n":
            assert text.offset(*text.position(offset, encoding), encoding) == offset


def test_a_diagnostic_after_an_emoji() -> None:
    text = "kspec: 1\ninputs: {x: 3}\nlayers:\n  - Dense: {units: 3, name: '🙂', unit: 4}\n"
    (found,) = [
        each
        for each in checks.diagnostics(checks.fast(text, HERE).problems, Text(text), str(HERE))
        if each.code == "unknown-argument"
    ]
    assert text[found.range.start : found.range.end] == "unit"
    assert Text(text).position(found.range.start)[1] == text.splitlines()[3].index("unit:") + 1


# -- texts that are being typed ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: {b: 1, \nc: 2\n", {"a": {"b": 1}, "c": 2}),
        ("a: [1, {b: 2\nc: 3\n", {"a": [1, {"b": 2}], "c": 3}),
        ("a: {b: 'x\nc: 3\n", {"a": {"b": "x"}, "c": 3}),
        ("l:\n  - A: {u: 3,  # so\n  - B\n", {"l": [{"A": {"u": 3}}, "B"]}),
        ("a: 1\n}\nb: 2\n", {"a": 1, "b": 2}),
        ("a: 1\n\tb: 2\nc: 3\n", {"a": 1, "c": 3}),
    ],
)
def test_a_broken_text_is_read(text: str, data: object) -> None:
    reading = tolerant(text, "x")
    assert reading is not None
    assert not reading.whole
    assert reading.source.data == data


def test_places_behind_what_was_put_in_are_right() -> None:
    text = "layers:\n  - A: {u: 3,\n  - B: {v: [4\nname: foo\n"
    document = Document(text, HERE)
    assert {document.raw(spot) for spot in document.spots} >= {"A", "u", "3", "B", "v", "4", "name", "foo"}


# -- completion ----------------------------------------------------------------------------------------------------

START = (
    "kspec: 1\nvars: {width: 8}\ninputs: {image: 3}\nblocks: {tower: {vars: {dim: null}, layers: [ReLU]}}\nlayers:\n"
)


@pytest.mark.parametrize(
    ("text", "there", "missing"),
    [
        ("|", ["kspec"], []),
        ("kspec: 1\nlay|\n", ["layers", "compile"], ["kspec"]),
        (f"{START}  - Den|\n", ["Dense", "ops.matmul", "tower", "repeat"], ["units", "Lambda"]),
        (f"{START}  - |\n  - ReLU\n", ["Dense", "Flatten"], []),
        (f"{START}  - Dense: {{|\n  - ReLU\n", ["units", "activation"], ["name:"]),
        (f"{START}  - Dense: {{units: 3, |\n  - ReLU\n", ["activation"], ["units"]),
        (f"{START}  - Dense: {{units: 3, activation: |\n  - ReLU\n", ["relu", "gelu"], ["units"]),
        (f"{START}  - Dense:\n      units: 3\n      ac|\n", ["activation"], ["units"]),
        (f"{START}  - Dense: 3\n    |\n  - ReLU\n", ["from", "name", "when"], ["units", "Dense", "merge"]),
        (f"{START}  - residual: [ReLU]\n    m|\n", ["merge", "name"], ["call"]),
        (f"{START}  - Conv2D: {{padding: |, filters: 3}}\n", ["same", "valid"], ["relu"]),
        (f"{START}  - Dense: {{units: 3, use_bias: |\n", ["true", "false"], []),
        (f"{START}  - Dense: 3\n    quantize: |\n", ["int8", "int4", "float8", "false"], ["gptq"]),
        (f"{START}  - Dense: 3\n    l|\n", ["lora"], []),
        (f"{START}  - Dense: 3\n    name: foo\n  - Dense: 3\n    from: |\n", ["foo", "image", "previous"], ["Dense"]),
        (f"{START}  - Dense: 3\n    name: foo\n  - Add:\n    from: [image, |\n", ["foo", "image"], ["Dense"]),
        (f"{START}  - MultiHeadAttention: {{num_heads: 1, key_dim: 2}}\n    from: {{|\n", ["query", "value"], []),
        (f"{START}  - Dense: 3\n    name: foo\n  - reuse: |\n", ["foo"], ["image"]),
        (f"{START}  - Dense: $|\n", ["width"], ["relu"]),
        (f"{START}  - Dense: $(2 * wi|\n", ["width"], ["relu"]),
        (f"{START}  - repeat: {{i: 2}}\n    layers:\n      - Dense: $|\n", ["i", "width"], []),
        (f"{START}  - tower: {{|\n", ["dim"], ["units"]),
        (f"{START}  - ReLU\ncompile:\n  opt|\n", ["optimizer"], ["epochs"]),
        (f"{START}  - ReLU\ncompile:\n  optimizer: |\n", ["adam", "AdamW"], ["mse"]),
        (f"{START}  - ReLU\ncompile: {{optimizer: {{AdamW: {{learning_rate: {{Cos|\n", ["CosineDecay"], ["AdamW"]),
        (f"{START}  - ReLU\ncompile: {{loss: |\n", ["mse", "MeanSquaredError"], ["adam"]),
        (f"{START}  - ReLU\n    name: out\noutputs: [out]\ncompile: {{loss: {{|\n", ["out"], ["image"]),
        (f"{START}  - ReLU\nfit:\n  callbacks:\n    - Ear|\n", ["EarlyStopping"], ["adam"]),
        (f"{START}  - ReLU\noutputs: |\n", ["image"], ["previous"]),
        (f"{START}  - ReLU\nextends: |\n", ["base/", "digits_mlp.yaml"], ["README.md"]),
        (f"{START}  - ReLU\ndata: {{train: data/dig|\n", ["digits.npz"], ["base/"]),
        (f"{START}  - Dense: 3  # na|\n", [], ["name"]),
    ],
)  # fmt: skip
def test_completion(text: str, there: list[str], missing: list[str]) -> None:
    found = completed(text)
    assert [word for word in there if word not in found] == []
    assert [word for word in missing if word in found] == []


def test_completion_writes_a_colon_where_one_is_needed() -> None:
    assert completed(f"{START}  - Den|\n")["Dense"] == "Dense: "
    assert completed(f"{START}  - Fla|\n")["Flatten"] == "Flatten"
    assert completed(f"{START}  - Den|: 3\n")["Dense"] == "Dense"
    assert completed(f"{START}  - Dense: {{un|: 3}}\n")["units"] == "units"


def test_completion_offers_automatic_names_with_shapes(shaped: tuple[Document, Known]) -> None:
    text = SPEC.replace("from: [left, right]", "from: [left, |]")
    found = completed(text, shaped[1])
    assert list(found)[:4] == ["image", "meta", "left", "right"]
    assert {"flatten", "left.inner"} <= set(found)
    assert "keras.layers.Dense" in documented("Dense", "layer")


# -- hover ---------------------------------------------------------------------------------------------------------


def told(given: tuple[Document, Known], word: str, nth: int = 0) -> str:
    found = hover(*given, place(given[0].text.text, word, nth))
    return found.text if found is not None else ""


def test_hover_on_a_step(shaped: tuple[Document, Known]) -> None:
    text = told(shaped, "Dense: {units: 10")
    assert text.startswith("output: `(None, 10) float32`  \n")
    assert "parameters" in text
    assert "units" in text
    assert "activation=None" in text


def test_hover_on_the_rest(shaped: tuple[Document, Known]) -> None:
    assert told(shaped, "activation: softmax").startswith("`activation` of Dense: activation|")
    assert "one of" not in told(shaped, "units")
    assert told(shaped, "$width").startswith("variable `width` = `64`")
    assert told(shaped, "$twice") == "variable `twice` = `$(2 * width)` = `128`"
    assert "by default `0.1`" in told(shaped, "$rate")
    assert told(shaped, "image", 1) == "input `image`: `(None, 28, 28) float32`"
    assert "`(None, 64) float32`" in told(shaped, "left", 1)
    assert "`(None, 128) float32`" in told(shaped, "right", 1)
    use = told(shaped, "tower: {dim")
    assert "`(None, 64) float32`" in use
    assert "`dim`: to be given" in use
    assert "walks" in told(shaped, "i)")
    assert "keras.optimizers.AdamW" in told(shaped, "AdamW")
    assert "SparseCategorical" in told(shaped, "sparse_categorical") or "sparse" in told(shaped, "sparse_categorical")
    assert told(shaped, "outputs").startswith("`outputs`: ")
    assert told(shaped, "optimizer").startswith("`optimizer` of keras.Model.compile")
    attention = "kspec: 1\ninputs: {x: [3, 4]}\nlayers:\n  - MultiHeadAttention: {num_heads: 1, key_dim: 2}\n"
    attention += "    from: {query: x, value: x}\n    call: {use_causal_mask: true}\n"
    assert told(opened(attention), "query: x") == "`query` of the call: a tensor, to be given"
    assert told(opened(attention), "use_causal") == "`use_causal_mask` of the call: a constant, by default `false`"
    assert told(shaped, "from: meta").endswith("by default the previous step")


def test_hover_outlives_an_insertion_and_a_broken_line(shaped: tuple[Document, Known]) -> None:
    document, known = shaped
    text = SPEC.replace("  - Dense: {units: 10", "  - Dro\n  - Dropout: {rate: 0.1,\n  - Dense: {units: 10")
    later = Document(text, HERE, document)
    assert not later.whole
    assert told((later, known), "Dense: {units: 10").startswith("output: `(None, 10) float32`")


def test_shapes_beside_an_error() -> None:
    text = SPEC.replace("[left, right]", "[left, image]")
    checked = checks.whole(text, HERE)
    assert [problem.code for problem in checked.problems if problem.severity == "error"] == ["shape"]
    assert checked.compiled is not None
    assert checked.plan is not None
    known = Known(checked.compiled, Shapes(checked.plan, checked.compiled))
    assert "`(None, 128) float32`  \n1,152 parameters" in told((Document(text, HERE), known), "Dense: {units: $twice")


# -- definition, references, rename --------------------------------------------------------------------------------


def target(given: tuple[Document, Known], word: str, nth: int = 0) -> tuple[str, int]:
    found = definition(*given, place(given[0].text.text, word, nth))
    assert found is not None
    return found.path.name, found.span.line if found.span is not None else 0


def test_definition(plain: tuple[Document, Known]) -> None:
    lines = SPEC.splitlines()

    def line(text: str) -> tuple[str, int]:
        return HERE.name, lines.index(text) + 1

    assert target(plain, "left", 1) == line("    name: left")
    assert target(plain, "image", 1) == line("inputs: {image: [28, 28], meta: 8}")
    assert target(plain, "digit", 1) == line("    name: digit")
    assert target(plain, "digit", 2) == line("    name: digit")
    assert target(plain, "tower", 1) == line("  tower:")
    assert target(plain, "$width") == line("vars: {width: 64, twice: $(2 * width)}")
    assert target(plain, "$dim") == line("    vars: {dim: null, rate: 0.1}")
    assert target(plain, "dim: $") == line("    vars: {dim: null, rate: 0.1}")
    assert target(plain, "inner", 1) == line("        name: inner")
    assert target(plain, "i)") == line("  - repeat: {i: 2}")


def test_definition_of_an_automatic_name() -> None:
    text = SPEC.replace("[left, right]", "[left.inner, right, flatten]")
    given = opened(text)
    lines = text.splitlines()
    assert target(given, "flatten") == (HERE.name, lines.index("  - Flatten:") + 1)
    assert target(given, "left.inner") == (HERE.name, lines.index("    name: left") + 1)
    inner = lines.index("      - Dense: {units: $dim, activation: relu}") + 1
    assert target(given, "inner, right") == (HERE.name, inner)


def test_definition_in_other_files() -> None:
    path = SPECS / "multi_file.yaml"
    text = path.read_text(encoding="utf-8")
    document, known = Document(text, path), Known(checks.fast(text, path).compiled)
    for word, file in (("base/mnist", "mnist.yaml"), ("blocks/conv", "conv.yaml"), ("squeeze:", "conv.yaml")):
        found = definition(document, known, place(text, word))
        assert found is not None
        assert found.path.name == file
    with pytest.raises(UsageError, match="another file"):
        rename(document, known, place(text, "squeeze:"), "narrow")


def renamed(text: str, word: str, new: str, nth: int = 0) -> str:
    document, known = opened(text)
    offset = place(text, word, nth)
    assert renameable(document, known, offset).start <= offset
    for each in sorted(set(rename(document, known, offset, new)), reverse=True):
        text = text[: each.start] + new + text[each.end :]
    return text


HELD = """\
kspec: 1
inputs: {x: [4, 8]}
blocks:
  frame:
    vars: {units: null, rate: 0.5}
    layers: [{Dense: $units}, {Dropout: $rate}]
layers:
  - TimeDistributed: {frame: 8}
  - TimeDistributed: {layer: {frame: {units: 8, trainable: false}}}
  - TimeDistributed: {layer: frame2}
  - TimeDistributed: frame2
""".replace("layers:\n  - Time", "  frame2: {layers: [{Dense: 8}]}\nlayers:\n  - Time", 1)


def test_blocks_in_the_place_of_layers() -> None:
    text = renamed(HELD, "frame:", "eye")
    assert text.count("frame") == 3
    assert text.count("eye") == 3
    assert not checks.fast(text, HERE).problems
    assert renamed(HELD, "frame2", "last").count("last") == 3
    assert renamed(HELD, "units: 8", "size").count("size") == 3
    lines = HELD.splitlines()
    for word, block in (("frame: 8", "frame:"), ("frame: {units", "frame:"), ("frame2}", "frame2:")):
        assert lines[target(opened(HELD), word)[1] - 1].startswith(f"  {block}")


@pytest.mark.parametrize(
    ("word", "new", "count"),
    [("left", "port", 2), ("image", "picture", 2), ("digit", "number", 3), ("tower", "mast", 2), ("$width", "size", 4),
     ("$dim", "size", 3), ("inner", "core", 2), ("i)", "copy", 2)],
)  # fmt: skip
def test_rename(word: str, new: str, count: int) -> None:
    text = renamed(SPEC, word, new)
    checked = checks.fast(text, HERE)
    assert not checked.problems
    assert text.count(new) - SPEC.count(new) == count
    assert renamed(text, new + ")" if word == "i)" else new, word.strip("$)")) == SPEC


@pytest.mark.parametrize(
    ("word", "new", "why"),
    [
        ("left", "right", "taken"),
        ("left", "image", "taken"),
        ("left", "flatten", "taken"),
        ("left", "previous", "meaning of its own"),
        ("left", "a b", "cannot be a name"),
        ("left", "12", "quotes"),
        ("left", "true", "quotes"),
        ("left", "#x", "quotes"),
        ("left", "", "cannot be a name"),
        ("tower", "Dense", "taken"),
        ("tower", "repeat", "taken"),
        ("$width", "twice", "already"),
        ("$width", "a-b", "letters"),
        ("$width", "if", "letters"),
        ("$dim", "rate", "already"),
        ("Flatten", "x", "none of them"),
        ("activation", "x", "none of them"),
    ],
)
def test_rename_refuses(plain: tuple[Document, Known], word: str, new: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        rename(*plain, place(SPEC, word), new)


def test_rename_of_a_step_that_is_named_from_outside_its_block() -> None:
    text = SPEC.replace("[left, right]", "[left.inner, right]")
    assert renamed(text, "inner", "core") == text.replace("inner", "core")
    assert renamed(text, "left", "port") == text.replace("left", "port")


def test_rename_refuses_what_would_break() -> None:
    text = SPEC.replace("    name: left\n", "").replace("[left, right]", "[tower.inner, right]")
    given = opened(text)
    with pytest.raises(UsageError, match="named after this block"):
        rename(*given, place(text, "tower"), "mast")


def test_rename_refuses_an_automatic_name() -> None:
    given = opened(SPEC.replace("[left, right]", "[left, right, flatten]"))
    with pytest.raises(UsageError, match="automatic"):
        renameable(*given, place(given[0].text.text, "flatten"))


def test_references(plain: tuple[Document, Known]) -> None:
    found = references(*plain, place(SPEC, "right"))
    assert [SPEC[each.start : each.end] for each in found] == ["right", "right"]


# -- outline, actions ----------------------------------------------------------------------------------------------


def test_outline(plain: tuple[Document, Known]) -> None:
    found = {each.name: each for each in outline(*plain)}
    assert list(found) == ["kspec", "vars", "inputs", "blocks", "layers", "outputs", "compile"]
    (block,) = found["blocks"].children
    assert [each.name for each in block.children] == ["dim", "rate", "inner", "Dropout"]
    names = [each.name for each in found["layers"].children]
    assert names == ["Flatten", "left", "right", "Concatenate", "repeat", "digit"]
    repeat = found["layers"].children[4]
    assert [(each.name, each.detail) for each in repeat.children] == [("Dense", "$(width + i)")]

    def within(symbol: object) -> None:
        assert symbol.range.start <= symbol.selection.start <= symbol.selection.end <= symbol.range.end  # type: ignore[attr-defined]
        for child in symbol.children:  # type: ignore[attr-defined]
            assert symbol.range.start <= child.range.start <= child.range.end <= symbol.range.end  # type: ignore[attr-defined]
            within(child)

    for each in found.values():
        within(each)


def test_actions_correct_words() -> None:
    text = SPEC.replace("units: $twice", "unit: $twice").replace("Flatten", "Flaten")
    document = Document(text, HERE)
    problems = checks.fast(text, HERE).problems
    offset = place(text, "Flaten")
    one, everything = actions(document, problems, Range(offset, offset))
    assert one.title == "Change to `Flatten`"
    assert everything.problem is None
    for edit in sorted(everything.edits, reverse=True):
        text = text[: edit.range.start] + edit.new + text[edit.range.end :]
    assert text == SPEC
    assert actions(Document(SPEC, HERE), problems, Range(0, len(SPEC)))[:0] == []


def test_a_problem_of_an_imported_file_stands_at_the_import(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "blocks.yaml").write_text("kspec: 1\nblocks: {b: {layers: [Dens]}}\n")
    text = "kspec: 1\nimport: [blocks.yaml]\ninputs: {x: 3}\nlayers: [b]\n"
    path = tmp_path / "a.yaml"
    (found, *_) = checks.diagnostics(checks.fast(text, path).problems, Text(text), str(path))
    assert text[found.range.start : found.range.end] in ("blocks.yaml", "b", "import")
    assert "blocks.yaml:2" in found.message
    assert found.related[0].file == str(tmp_path / "blocks.yaml")


# -- sessions ------------------------------------------------------------------------------------------------------


def test_a_stale_answer_is_not_taken() -> None:
    session = Session()
    first = session.change("u", HERE, SPEC, 1)
    checked = session.look("u", first)
    assert checked is not None
    second = session.change("u", HERE, SPEC + "#", 2)
    assert not session.take("u", first, checked)
    assert session.look("u", first) is None
    assert session.take("u", second, checked)
    assert session.open["u"].known.shapes is not None


def test_problems_that_only_shapes_show_do_not_flicker() -> None:
    session = Session()
    text = SPEC.replace("[left, right]", "[left, image]")
    first = session.change("u", HERE, text, 1)
    assert session.news(None, first)
    checked = session.look("u", first)
    assert checked is not None
    session.take("u", first, checked)
    before = session.open["u"]
    assert not session.news(before, session.change("u", HERE, text + "\n", 2))
    assert session.news(before, session.change("u", HERE, text.replace("Flatten", "Flaten"), 3))


# -- whatever is typed ---------------------------------------------------------------------------------------------

GALLERY = sorted(path for path in SPECS.glob("*.yaml"))


def everything(text: str, offset: int, last: Document | None = None, known: Known | None = None) -> Document:
    """Every request of an editor at one place; nothing may fail."""
    document = Document(text, HERE, last)
    known = known if known is not None else Known()
    hover(document, known, offset)
    complete(document, known, offset)
    definition(document, known, offset)
    references(document, known, offset)
    outline(document, known)
    try:
        renameable(document, known, offset)
        rename(document, known, offset, "other")
    except UsageError:
        pass
    return document


@pytest.mark.parametrize("path", random.Random(5).sample(GALLERY, 6), ids=lambda path: path.stem)
def test_typing_a_spec_never_fails(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    known, last = Known(checks.fast(text, HERE).compiled), None
    for end in range(0, len(text), max(len(text) // 60, 1)):
        last = everything(text[:end], end, last, known)


TYPED = [
    *("", "{", "}", "[", "\n", "  ", "- ", ": ", "$", "$(", "'", '"', "#", "🙂", "&a ", "*a", "<<: ", "\t", "!x ", "x"),
    *("null", "? ", "| ", ", ", "\r\n", "\ufeff", "from", "7"),
]


@examples(60, shrink=False)
@given(st.data())
def test_random_edits_never_fail(data: st.DataObject) -> None:
    text = SPEC
    known = Known(checks.fast(SPEC, HERE).compiled)
    last = None
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(start + 12, len(text))))
        new = data.draw(st.sampled_from(TYPED))
        text = text[:start] + new + text[end:]
        last = everything(text, min(start + len(new), len(text)), last, known)


SHAPED = """\
kspec: 1
inputs: {x: [4, 8]}
blocks:
  frame:
    nested: true
    inputs: {seen: [4, 8], other: }
    layers: [{Add: , from: [seen, other]}]
layers: [{frame: , from: [x, x]}]
"""


def test_names_of_a_models_inputs_that_have_shapes() -> None:
    text = renamed(SHAPED, "seen", "first")
    assert text == SHAPED.replace("seen", "first")
    assert not checks.fast(text, HERE).problems
