"""A real session: `kspec lsp` in a process of its own, spoken to over its pipes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Outcome, run_kspec
from tests.editor.lsp.client import Editor

WRONG = """\
kspec: 1
# 🙂 a smile before: 𝔘
inputs: {image: [28, 28, 1]}
layers:
  - Flatten
  - Dense: {units: 64, activation: relu}
    name: "🙂"
  - Reshape: {name: '𝔘𝔘', target_shape: [8, 16]}
    from: "🙂"
  - Dense: {units: 10, activation: softmax}
    name: digit
"""
RIGHT = WRONG.replace("[8, 16]", "[8, 8]")


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    folder = tmp_path_factory.mktemp("session")
    (folder / "pyproject.toml").touch()
    with Editor(folder) as found:
        yield found
        assert found.end() == 0
        assert b"Traceback" not in found.errors


def covered(text: str, place: dict[str, Any]) -> str:
    """The piece of a text that a range of the protocol names, in UTF-16."""
    start, end = place["start"], place["end"]
    assert start["line"] == end["line"]
    line = text.split("\n")[start["line"]].encode("utf-16-le")
    return line[2 * start["character"] : 2 * end["character"]].decode("utf-16-le")


def at(editor: Editor, name: str, text: str, word: str, nth: int = 0) -> dict[str, Any]:
    """A position inside a word, in UTF-16."""
    offset = -1
    for _ in range(nth + 1):
        offset = text.index(word, offset + 1)
    before = text[: offset + 1].split("\n")
    return editor.at(name, len(before) - 1, len(before[-1].encode("utf-16-le")) // 2)


def applied(text: str, edits: list[dict[str, Any]]) -> str:
    """A text with edits of the protocol."""
    lines = text.split("\n")
    for edit in sorted(edits, key=lambda each: tuple(each["range"]["start"].values()), reverse=True):
        start, end = edit["range"]["start"], edit["range"]["end"]
        line = lines[start["line"]].encode("utf-16-le")
        new = edit["newText"].encode("utf-16-le")
        lines[start["line"]] = (line[: 2 * start["character"]] + new + line[2 * end["character"] :]).decode("utf-16-le")
    return "\n".join(lines)


def test_a_wrong_shape_comes_and_goes(editor: Editor) -> None:
    editor.open("shape.yaml", WRONG)
    assert editor.diagnostics("shape.yaml", 1) == []
    # an answer while Keras is still being imported
    assert editor.request("textDocument/hover", at(editor, "shape.yaml", WRONG, "units"))
    (found,) = editor.diagnostics("shape.yaml", 1, count=2)
    assert (found["code"], found["severity"], found["source"]) == ("shape", 1, "kspec")
    assert found["range"]["start"]["line"] == 7
    assert covered(WRONG, found["range"]) == "Reshape"
    (related,) = found["relatedInformation"]
    assert "(None, 64)" in related["message"]
    assert covered(WRONG, related["location"]["range"]) == "Dense"
    editor.change("shape.yaml", RIGHT, 2)
    assert editor.diagnostics("shape.yaml", 2) == []
    found = editor.request("textDocument/hover", at(editor, "shape.yaml", RIGHT, "Dense", 1))
    assert found["contents"]["value"].startswith("output: `(None, 8, 10) float32`")
    assert covered(RIGHT, found["range"]) == "Dense"


def test_columns_behind_astral_characters(editor: Editor) -> None:
    text = RIGHT.replace("target_shape", "targt_shape")
    editor.open("astral.yaml", text)
    found = next(each for each in editor.diagnostics("astral.yaml", 1) if each["code"] == "unknown-argument")
    assert covered(text, found["range"]) == "targt_shape"
    assert found["range"]["start"]["character"] == text.split("\n")[7].index("targt") + 2
    hover = editor.request("textDocument/hover", at(editor, "astral.yaml", text, "Reshape"))
    assert covered(text, hover["range"]) == "Reshape"


def test_a_text_that_is_being_typed(editor: Editor) -> None:
    text = RIGHT
    editor.open("typed.yaml", text)
    for version, line in enumerate(("  - D", "  - Dense: {", "  - Dense: {units: 3, act", "  - Dense: {units: 3}"), 2):
        typed = f"{RIGHT}{line}"
        editor.change("typed.yaml", typed, version)
        found = editor.request("textDocument/completion", editor.at("typed.yaml", 11, len(line)))
        labels = {each["label"] for each in found["items"]}
        assert {2: "Dense", 3: "units", 4: "activation", 5: "name"}[version] in labels or version == 5
    editor.diagnostics("typed.yaml", 5)
    assert [each for each in editor.published if each.get("version") == 4 and "typed" in each["uri"]]


def test_completion_edits_what_was_typed(editor: Editor) -> None:
    text = f"{RIGHT}  - Dro"
    editor.open("complete.yaml", text)
    found = editor.request("textDocument/completion", editor.at("complete.yaml", 11, 7))
    item = next(each for each in found["items"] if each["label"] == "Dropout")
    assert applied(text, [item["textEdit"]]).endswith("  - Dropout: ")
    resolved = editor.request("completionItem/resolve", item)
    assert "keras.layers.Dropout" in resolved["documentation"]["value"]


def test_definition_references_rename(editor: Editor) -> None:
    editor.open("names.yaml", RIGHT)
    use = at(editor, "names.yaml", RIGHT, '🙂"', 1)
    found = editor.request("textDocument/definition", use)
    assert (found["uri"], found["range"]["start"]["line"]) == (editor.uri("names.yaml"), 6)
    found = editor.request("textDocument/references", {**use, "context": {"includeDeclaration": True}})
    assert [each["range"]["start"]["line"] for each in found] == [6, 8]
    assert covered(RIGHT, editor.request("textDocument/prepareRename", use)) == "🙂"
    found = editor.request("textDocument/rename", {**use, "newName": "flat"})
    assert applied(RIGHT, found["changes"][editor.uri("names.yaml")]) == RIGHT.replace('"🙂"', '"flat"')
    refused = editor.ask("textDocument/rename", {**use, "newName": "digit"})
    assert refused["error"]["message"] == "the name `digit` is taken"


def test_definition_in_an_imported_file(editor: Editor) -> None:
    (editor.folder / "blocks.yaml").write_text("kspec: 1\nblocks:\n  tower: {layers: [ReLU]}\n", encoding="utf-8")
    text = "kspec: 1\nimport: [blocks.yaml]\ninputs: {x: 3}\nlayers:\n  - tower\n"
    editor.open("importing.yaml", text)
    found = editor.request("textDocument/definition", at(editor, "importing.yaml", text, "tower"))
    assert found["uri"] == editor.uri("blocks.yaml")
    assert found["range"]["start"] == {"line": 2, "character": 2}
    found = editor.request("textDocument/definition", at(editor, "importing.yaml", text, "blocks.yaml"))
    assert found["uri"] == editor.uri("blocks.yaml")
    assert editor.diagnostics("importing.yaml", 1) == []
    (editor.folder / "blocks.yaml").write_text("kspec: 1\nblocks:\n  tower: {layers: [Dens]}\n", encoding="utf-8")
    editor.published.clear()
    editor.notify("textDocument/didSave", {"textDocument": {"uri": editor.uri("blocks.yaml")}})
    found, *_ = editor.diagnostics("importing.yaml", 1)
    assert "(blocks.yaml:3:" in found["message"]
    assert found["relatedInformation"][0]["location"]["uri"] == editor.uri("blocks.yaml")


def test_outline(editor: Editor) -> None:
    editor.open("outline.yaml", RIGHT)
    document = {"textDocument": {"uri": editor.uri("outline.yaml")}}
    found = editor.request("textDocument/documentSymbol", document)
    assert [each["name"] for each in found] == ["kspec", "inputs", "layers"]
    assert [each["name"] for each in found[2]["children"]] == ["Flatten", "🙂", "Reshape", "digit"]


def test_quick_fixes(editor: Editor) -> None:
    text = RIGHT.replace("Flatten", "Flaten").replace("units: 64", "unit: 64")
    editor.open("fixes.yaml", text)
    first = next(each for each in editor.diagnostics("fixes.yaml", 1) if each["code"] == "unknown-operation")
    document = {"textDocument": {"uri": editor.uri("fixes.yaml")}, "range": first["range"]}
    found = editor.request("textDocument/codeAction", {**document, "context": {"diagnostics": [first]}})
    assert [each["kind"] for each in found] == ["quickfix", "source.fixAll"]
    one, everything = (each["edit"]["changes"][editor.uri("fixes.yaml")] for each in found)
    assert applied(text, one) == text.replace("Flaten", "Flatten")
    assert applied(text, everything) == RIGHT
    only = {"diagnostics": [], "only": ["source"]}
    found = editor.request("textDocument/codeAction", {**document, "context": only})
    assert [each["kind"] for each in found] == ["source.fixAll"]


def test_other_files_are_left_alone(editor: Editor) -> None:
    editor.open("other.yaml", "a: [1\n")
    assert editor.diagnostics("other.yaml", 1) == []
    assert editor.request("textDocument/hover", editor.at("other.yaml", 0, 0)) is None
    editor.notify("textDocument/didClose", {"textDocument": {"uri": editor.uri("other.yaml")}})


def test_what_custom_code_prints_stays_out_of_the_protocol(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.kspec]\ntrust = ["loud"]\n', encoding="utf-8")
    code = [
        "import os, keras",
        "print('from Python')",
        "os.write(1, b'from C')",
        "class Loud(keras.layers.Layer):",
        "    def call(self, inputs):",
        "        print('while it is called')",
        "        return inputs",
    ]
    (tmp_path / "loud.py").write_text("\n".join(code) + "\n", encoding="utf-8")
    text = "kspec: 1\ncustom: [loud]\ninputs: {x: 3}\nlayers:\n  - Loud\n"
    with Editor(tmp_path) as editor:
        editor.open("a.yaml", text)
        assert editor.diagnostics("a.yaml", 1, count=2) == []
        found = editor.request("textDocument/hover", editor.at("a.yaml", 4, 5))
        assert found["contents"]["value"].startswith("output: `(None, 3) float32`")
        assert editor.end() == 0
    assert b"from Python" in editor.errors
    assert b"from C" in editor.errors


def test_other_encodings_and_an_early_end(tmp_path: Path) -> None:
    with Editor(tmp_path, "utf-32", "utf-16") as editor:
        assert editor.capabilities["positionEncoding"] == "utf-32"
        text = RIGHT.replace("target_shape", "targt_shape")
        editor.open("a.yaml", text)
        found = next(each for each in editor.diagnostics("a.yaml", 1) if each["code"] == "unknown-argument")
        assert found["range"]["start"]["character"] == text.split("\n")[7].index("targt")
        editor.notify("exit", None)  # without `shutdown`
        assert editor.process.wait(300) == 1


def test_nobody_there_any_more(tmp_path: Path) -> None:
    with Editor(tmp_path) as editor:
        assert editor.process.stdin is not None
        editor.process.stdin.close()
        assert editor.process.wait(300) == 1


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name in [name for name in sys.modules if name.startswith(("pygls", "kspec.editor.lsp.server"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pygls", None)
    found: Outcome = run_kspec("lsp")
    assert found.status == 2
    assert "pip install 'kspec[lsp]'" in found.err
    assert "Traceback" not in found.err
