"""Our values as the protocol's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lsprotocol import types as lsp

from kspec.diagnostics import Span
from kspec.editor.lsp import checks
from kspec.editor.lsp.actions import Action
from kspec.editor.lsp.completion import Completion
from kspec.editor.lsp.definition import Target
from kspec.editor.lsp.hover import Hover
from kspec.editor.lsp.offers import Item
from kspec.editor.lsp.outline import Symbol
from kspec.editor.lsp.positions import Range, Text, units
from kspec.editor.lsp.session import Open

Uris = Callable[[str], "str | None"]

_ITEMS = {
    "layer": lsp.CompletionItemKind.Class,
    "function": lsp.CompletionItemKind.Function,
    "block": lsp.CompletionItemKind.Module,
    "word": lsp.CompletionItemKind.Keyword,
    "argument": lsp.CompletionItemKind.Property,
    "choice": lsp.CompletionItemKind.EnumMember,
    "object": lsp.CompletionItemKind.Class,
    "name": lsp.CompletionItemKind.Reference,
    "variable": lsp.CompletionItemKind.Variable,
    "section": lsp.CompletionItemKind.Struct,
    "file": lsp.CompletionItemKind.File,
}
_SYMBOLS = {
    "section": lsp.SymbolKind.Namespace,
    "input": lsp.SymbolKind.Interface,
    "variable": lsp.SymbolKind.Variable,
    "block": lsp.SymbolKind.Module,
    "step": lsp.SymbolKind.Object,
    "form": lsp.SymbolKind.Package,
}


def piece(found: Range, opened: Open, encoding: str) -> lsp.Range:
    """A piece of a document."""
    return _range(found, opened.document.text, encoding)


def unplaced(given: lsp.Range, opened: Open, encoding: str) -> Range:
    """A piece of a document, from the protocol's."""
    text = opened.document.text
    start = text.offset(given.start.line, given.start.character, encoding)
    return Range(start, text.offset(given.end.line, given.end.character, encoding))


def _range(found: Range, text: Text, encoding: str) -> lsp.Range:
    start, end = text.position(found.start, encoding), text.position(found.end, encoding)
    return lsp.Range(lsp.Position(*start), lsp.Position(*end))


def _elsewhere(span: Span, encoding: str) -> lsp.Range:
    """A span of a file that is not open: it carries its first line, and ends there."""
    start = units(span.text[: span.column - 1], encoding)
    end = units(span.text[: span.end_column - 1], encoding) if span.end_line == span.line else start
    return lsp.Range(lsp.Position(span.line - 1, start), lsp.Position(span.line - 1, max(start, end)))


def location(target: Target, opened: Open, encoding: str, uris: Uris) -> lsp.Location:
    """A place in this file or another."""
    own = target.path == opened.document.path
    uri = opened.uri if own else uris(str(target.path)) or opened.uri
    if target.span is None:
        return lsp.Location(uri, lsp.Range(lsp.Position(0, 0), lsp.Position(0, 0)))
    if own:
        return lsp.Location(uri, piece(opened.document.text.range(target.span), opened, encoding))
    return lsp.Location(uri, _elsewhere(target.span, encoding))


def diagnostics(opened: Open, encoding: str, uris: Uris) -> list[lsp.Diagnostic]:
    """A document's problems."""
    document = opened.document
    found = []
    for each in checks.diagnostics(opened.problems, document.text, document.name):
        related = []
        for fact in each.related:
            if fact.file == document.name or Path(fact.file).is_absolute():  # `--set` is no file
                target = Target(Path(fact.file), fact.span)
                place = location(target, opened, encoding, uris)
                related.append(lsp.DiagnosticRelatedInformation(place, fact.text))
        severity = lsp.DiagnosticSeverity.Warning if each.warning else lsp.DiagnosticSeverity.Error
        place_here = piece(each.range, opened, encoding)
        found.append(
            lsp.Diagnostic(
                place_here,
                each.message,
                severity,
                each.code,
                source="kspec",
                related_information=related or None,
                tags=[lsp.DiagnosticTag.Unnecessary] if each.code == "unused" else None,
            )
        )
    return found


def hover(found: Hover, opened: Open, encoding: str) -> lsp.Hover:
    content = lsp.MarkupContent(lsp.MarkupKind.Markdown, found.text)
    return lsp.Hover(content, piece(found.range, opened, encoding))


def item(found: Item, completion: Completion, opened: Open, encoding: str) -> lsp.CompletionItem:
    place = piece(completion.range, opened, encoding)
    return lsp.CompletionItem(
        found.label,
        kind=_ITEMS[found.kind],
        detail=found.detail or None,
        documentation=lsp.MarkupContent(lsp.MarkupKind.Markdown, found.doc) if found.doc else None,
        sort_text=f"{found.rank}{found.label.casefold() if found.rank > 2 else ''}",
        filter_text=found.label,
        text_edit=lsp.TextEdit(place, found.insert or found.label),
        data=found.kind,
    )


def symbol(found: Symbol, opened: Open, encoding: str) -> lsp.DocumentSymbol:
    return lsp.DocumentSymbol(
        found.name,
        _SYMBOLS[found.kind],
        piece(found.range, opened, encoding),
        piece(found.selection, opened, encoding),
        detail=found.detail or None,
        children=[symbol(each, opened, encoding) for each in found.children],
    )


def action(found: Action, opened: Open, encoding: str) -> lsp.CodeAction:
    edits = [lsp.TextEdit(piece(each.range, opened, encoding), each.new) for each in found.edits]
    mended = None
    if found.problem is not None:
        problems = checks.diagnostics((found.problem,), opened.document.text, opened.document.name)
        mended = [
            lsp.Diagnostic(piece(each.range, opened, encoding), each.message, code=each.code or None, source="kspec")
            for each in problems
        ]
    return lsp.CodeAction(
        found.title,
        kind=lsp.CodeActionKind.QuickFix if found.problem is not None else lsp.CodeActionKind.SourceFixAll,
        diagnostics=mended,
        is_preferred=found.problem is not None,
        edit=lsp.WorkspaceEdit(changes={opened.uri: edits}),
    )
