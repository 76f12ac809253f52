"""A step, input, output, block or variable under another name, everywhere in a document."""

from __future__ import annotations

from kspec import catalog
from kspec.diagnostics import Problem, SpecError, UsageError
from kspec.editor.lsp import checks, names
from kspec.editor.lsp.definition import occurrences
from kspec.editor.lsp.document import Document
from kspec.editor.lsp.known import Known
from kspec.editor.lsp.places import Meaning, Reader
from kspec.editor.lsp.positions import Range
from kspec.spec.places import SECTIONS
from kspec.spec.source import read
from kspec.spec.stepform import BESIDE, WORDS
from kspec.spec.walk import name_problem, snake_case

_KINDS = ("name", "output", "block", "variable")


def renameable(document: Document, known: Known, offset: int) -> Range:
    """The word at an offset, which can be renamed.

    Raises UsageError where it cannot.
    """
    return _meaning(Reader(document, known), offset).range


def rename(document: Document, known: Known, offset: int, new: str) -> list[Range]:
    """The places at which `new` is to be written instead of what stands there.

    Raises UsageError where the word cannot be renamed, or not to that.
    """
    reader = Reader(document, known)
    meaning = _meaning(reader, offset)
    if new != meaning.name:
        _check(reader, meaning, new)
    places = sorted({each.range for each in occurrences(reader, meaning)} | set(_from_outside(reader, meaning)))
    _check_whole(document, places, new)
    return places


def _meaning(reader: Reader, offset: int) -> Meaning:
    meaning = reader.at(offset)
    document = reader.document
    if not document.whole:
        raise _refused("the file cannot be read as it is: mend its syntax first")
    if meaning is None or meaning.what not in _KINDS:
        raise _refused("steps, inputs, outputs, blocks and variables can be renamed; this is none of them")
    given = meaning.given
    if given is None:
        raise _refused(f"there is no {meaning.what} `{meaning.name}`")
    if given.what == "automatic":
        raise _refused(f"`{meaning.name}` is an automatic name: give the step a `name` of its own first")
    if document.range_of(given.route, given.at) is None:
        raise _refused(f"`{meaning.name}` is given in another file")
    if "$" in meaning.name:
        raise _refused(f"`{meaning.name}` is made of variables")
    return meaning


def _check(reader: Reader, meaning: Meaning, new: str) -> None:
    """Refuse a name that is not one, or is taken."""
    if meaning.what == "variable":
        if not new.isascii() or not new.isidentifier() or new in names.KEYWORDS or new in names.FUNCTIONS:
            raise _refused(f"`{new}` cannot be a variable's name: it has letters, digits and `_`")
        route = meaning.given.route if meaning.given is not None else ()
        taken = names.variables_in(reader.document.everything, (*route, ""))
        seen = {
            name
            for each in occurrences(reader, meaning)
            for name in names.variables_in(reader.document.everything, each.spot.route)
        }
        if new in taken or new in seen:
            raise _refused(f"there is a variable `{new}` already")
        return
    wrong = name_problem(new)
    if wrong is not None or not _is_text(new):
        raise _refused("; ".join(wrong) if wrong is not None else f"`{new}` cannot be written without quotes")
    if meaning.what == "block":
        _check_block(reader, meaning.name, new)
        return
    taken = reader.outputs if meaning.what == "output" else {**reader.automatic(meaning.scope)}
    if new in taken or new in reader.names(meaning.scope):
        raise _refused(f"the name `{new}` is taken")


def _from_outside(reader: Reader, meaning: Meaning) -> list[Range]:
    """Where a step of a block is named from outside: the end of `tower.dense`."""
    if meaning.what != "name" or not meaning.scope or meaning.given is None:
        return []
    step = reader.grammar.step(reader.document.everything, meaning.given.route)
    return [
        Range(each.range.end - len(meaning.name), each.range.end)
        for spot in reader.document.spots
        if f".{meaning.name}" in str(spot.value)
        for each in reader.meanings(spot)
        if each.given is not None and each.given.what == "automatic" and each.name.endswith(f".{meaning.name}")
        if step is not None and each.given.route[: len(step)] == step
    ]


def _check_whole(document: Document, places: list[Range], new: str) -> None:
    """Refuse what would leave the spec with an error more: a name that is used in a way not seen here."""
    text = document.text.text
    after = text
    for each in reversed(places):
        after = after[: each.start] + new + after[each.end :]
    before, now = (_errors(each, document) for each in (text, after))
    if len(now) > len(before):
        known = {problem.message for problem in before}
        problem = next((problem for problem in now if problem.message not in known), now[0])
        raise _refused(f"it would leave an error: {problem.message}")


def _errors(text: str, document: Document) -> list[Problem]:
    return [each for each in checks.fast(text, document.path).problems if each.severity == "error"]


def _check_block(reader: Reader, old: str, new: str) -> None:
    others = {*BESIDE, *WORDS, *SECTIONS, *reader.grammar.blocks, "layers", "merge", "output"}
    if new in others or catalog.find("layers", new) or catalog.find("ops", new):
        raise _refused(f"the name `{new}` is taken")
    base = snake_case(old)
    for spot in reader.document.spots:
        for each in reader.meanings(spot):
            if each.what == "name" and each.given is not None and each.given.what == "automatic":
                head = each.name.split(".")[0]
                if head == base or head.rpartition("_")[0] == base:
                    raise _refused(f"`{each.name}` is named after this block: give that step a `name` first")


def _is_text(word: str) -> bool:
    """Whether YAML reads a word as it stands as that text, as a key and in a list."""
    try:
        return bool(read(f"- [{word}, {{{word}: {word}}}]", "").data == [[word, {word: word}]])
    except SpecError:
        return False


def _refused(message: str) -> UsageError:
    return UsageError(Problem("usage", message))
