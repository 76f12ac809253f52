"""The documentation of problem codes: its form, and that no code is without."""

from __future__ import annotations

import ast
import io
import re
import zipfile
from pathlib import Path

import pytest

import kspec.report
from kspec.diagnostics import KspecError, UsageError
from kspec.report.explain import codes, explain, print_explanation, title

HOUSE = Path(kspec.report.__file__).parents[1]
RAISERS = {"Problem", "wrong", "note", "_wrong", "_once", "ExpressionError"}


def raised() -> dict[str, str]:
    """The codes that kspec's source gives to problems, and a file for each."""
    found = {}
    for path in HOUSE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in RAISERS:
                for argument in node.args[:1] + [keyword.value for keyword in node.keywords if keyword.arg == "code"]:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        found[argument.value] = path.name
    return {code: file for code, file in found.items() if re.fullmatch("[a-z]+(-[a-z]+)*", code)}


def test_every_code_is_documented() -> None:
    missing = {code: file for code, file in raised().items() if code not in codes()}
    assert not missing, "these codes need a file in kspec/report/explanations"


@pytest.mark.parametrize("code", codes())
def test_the_form_of_an_explanation(code: str) -> None:
    text = explain(code)
    lines = text.split("\n")
    assert re.fullmatch(rf"# {code}: [^A-Z].{{8,60}}[^.]|# {code}: .*(JAX|UTF-8|YAML|NaN|Keras|Embedding).*", lines[0])
    assert lines[1] == ""
    assert text.endswith("```\n") or re.search(r"```\n\n[^`\n][^\n]*\n$", text)
    assert all(len(line) <= 100 for line in lines)
    assert text.count("```") % 2 == 0
    assert text.count("\n```\n") >= 2, "an example that causes it, and the mended one"
    assert "Mended" in text
    assert title(code) == lines[0].partition(": ")[2]


def test_a_wrong_code_names_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        explain("unknown-arguments")
    assert caught.value.problems[0].help == "did you mean `unknown-argument`?"
    for code in ("", "../report/problems", "shape.md", "Shape", "\0"):
        with pytest.raises(UsageError):
            explain(code)


# Their cause is a whole build, data, another file, or more than fits on a page.
ELSEWHERE = {
    *("cannot-adapt", "compile-missing", "data-match", "expect", "file-missing", "file-outside-root", "import"),
    *("model-file", "shape", "spec-version", "untrusted-code", "weights", "custom-code"),
}
WARNINGS = {
    *("decay-steps", "frozen-batchnorm", "loss-mismatch", "no-validation", "silence-reason", "sixteen-bits"),
    *("overridden-training", "unknown-monitor", "untrained-output", "unused"),
}


def whole_specs(code: str) -> list[str]:
    """The examples of a code that are whole specs; empty where its first example is not."""
    blocks = re.findall(r"```yaml\n(.*?)```", explain(code), re.DOTALL)
    return [text for text in blocks if text.startswith("kspec: ")] if blocks[:1] and "inputs:" in blocks[0] else []


# What else follows from the mistake, and may be reported with it.
WITH = {
    "misplaced-word": {"step-form"},
    "missing-key": {"wiring"},
    "too-many-steps": {"missing-key"},
    "unknown-argument": {"missing-argument"},
}


@pytest.mark.parametrize("code", [code for code in codes() if code not in ELSEWHERE | WARNINGS and whole_specs(code)])
def test_the_examples_do_what_they_say(code: str) -> None:
    """The first spec causes the problem and no other, the others have none."""
    from kspec import api

    cause, *mended = whole_specs(code)
    with pytest.raises(KspecError) as caught:
        api.loads(cause)
    assert {problem.code for problem in caught.value.problems} - WITH.get(code, set()) == {code}
    for text in mended:
        api.loads(text)


@pytest.mark.parametrize("code", sorted(WARNINGS))
def test_the_examples_of_warnings_do_what_they_say(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kspec import api

    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile("x.npz", "w") as archive:  # data without a part to validate on
        archive.writestr("x.npy", b"")
    cause, *mended = whole_specs(code)
    assert {problem.code for problem in api.loads(cause).warnings} == {code}
    for text in mended:
        assert api.loads(text).warnings == ()


class Terminal(io.StringIO):
    """A terminal of a hundred columns, as far as the printer can tell."""

    def isatty(self) -> bool:
        return True


def test_plain_when_piped(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    print_explanation("shape", stream)
    assert stream.getvalue() == explain("shape")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    stream = Terminal()
    print_explanation("shape", stream)
    assert stream.getvalue() == explain("shape")


def test_laid_out_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "72")
    for code in codes():
        stream = Terminal()
        print_explanation(code, stream)
        plain = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
        assert stream.getvalue() != plain
        assert plain.startswith(f"{code}: ")
        assert all(len(line) <= 72 for line in plain.splitlines()[1:])
        assert "```" not in plain


def test_the_list_of_codes() -> None:
    stream = io.StringIO()
    print_explanation(None, stream)
    lines = stream.getvalue().splitlines()
    assert len(lines) == len(codes())
    assert lines[codes().index("shape")] == "shape                a step cannot take the shapes that reach it"
