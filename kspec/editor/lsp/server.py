"""The protocol: requests of an editor -> the functions beside this file -> answers. Only wiring stands here."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path

from kspec.diagnostics import KspecError, Problem, one_line
from kspec.editor.lsp import convert
from kspec.editor.lsp.actions import actions
from kspec.editor.lsp.completion import complete, documented, ordered, warm
from kspec.editor.lsp.definition import definition, references
from kspec.editor.lsp.hover import hover
from kspec.editor.lsp.outline import outline
from kspec.editor.lsp.rename import rename, renameable
from kspec.editor.lsp.session import Open, Session

T = TypeVar("T")

DELAY = 0.3
"""Seconds without a change before shapes are looked at."""
SLOW = 0.1
"""Seconds that a check of the text may take while somebody types; one that takes longer waits too."""


class Server(LanguageServer):
    """A language server for specs."""

    def __init__(self) -> None:
        # A change is the whole text: specs are small, and no two programs count lines alike.
        super().__init__("kspec", metadata.version("kspec"), text_document_sync_kind=lsp.TextDocumentSyncKind.Full)
        self.session = Session()
        self.worker = ThreadPoolExecutor(1, "kspec-check")
        """Where Keras lives, one check at a time."""
        self.waiting: dict[str, asyncio.Task[None]] = {}
        self.asked_to_end = False

    def document(self, uri: str) -> Open | None:
        """An open spec; None for another file."""
        return self.session.open.get(uri)

    def changed(self, uri: str, text: str, version: int | None, delay: float = DELAY) -> None:
        """Take a new text: tell at once what the text alone shows, and have shapes looked at when nobody types."""
        before = self.document(uri)
        found = self.session.change(uri, _path(uri), text, version, check=self.session.last_seconds(uri) < SLOW)
        if self.session.news(before, found):
            self.publish(found)
        self.recheck(uri, delay)

    def recheck(self, uri: str, delay: float) -> None:
        """Look at the whole spec after a while, unless it changes again."""
        if (task := self.waiting.pop(uri, None)) is not None:
            task.cancel()
        self.waiting[uri] = asyncio.get_running_loop().create_task(self._check(uri, delay))

    async def _check(self, uri: str, delay: float) -> None:
        await asyncio.sleep(delay)
        opened = self.document(uri)
        if opened is None or not opened.document.is_spec:
            return
        loop = asyncio.get_running_loop()
        checked = await loop.run_in_executor(self.worker, self.session.look, uri, opened)
        if checked is not None and self.session.take(uri, opened, checked):
            self.publish(self.document(uri))

    def at(self, params: Any) -> tuple[Open, int] | None:
        """The document of a request and the offset of its place; None for a file that is not open."""
        opened, place = self.document(params.text_document.uri), params.position
        return (opened, opened.document.text.offset(place.line, place.character, self.encoding)) if opened else None

    def placed(self, params: Any, answer: Callable[[Open, int], T]) -> T | None:
        """An answer about a place of a spec, or of an empty file that may become one."""
        opened = self.document(params.text_document.uri)
        if opened is None or not (opened.document.is_spec or not opened.document.text.text.strip()):
            return None
        try:
            found = self.at(params)
            return answer(*found) if found is not None else None
        except Exception as error:  # a defect of ours: the editor goes on without an answer
            self.defect(error)
            return None

    def publish(self, opened: Open | None) -> None:
        """Send what is wrong with a document."""
        if opened is not None:
            found = convert.diagnostics(opened, self.encoding, from_fs_path)
            self.text_document_publish_diagnostics(
                lsp.PublishDiagnosticsParams(uri=opened.uri, version=opened.version, diagnostics=found)
            )

    def defect(self, error: Exception) -> None:
        """Tell of a defect in the editor's log."""
        if os.environ.get("KSPEC_TRACEBACK"):
            traceback.print_exception(error, file=sys.stderr)
        message = f"kspec: a defect of kspec itself: {one_line(error)}"
        self.window_log_message(lsp.LogMessageParams(lsp.MessageType.Error, message))

    @property
    def encoding(self) -> str:
        """How columns are counted."""
        found = self.workspace.position_encoding
        return str(getattr(found, "value", found) or "utf-16")


def _path(uri: str) -> Path:
    found = to_fs_path(uri) if uri.startswith("file:") else None
    return Path(found) if found else Path.cwd() / "untitled.yaml"


def make() -> Server:
    """A server with everything that it answers."""
    server = Server()
    _documents(server)
    _words(server)
    _places(server)
    _changes(server)
    return server


def _documents(server: Server) -> None:
    """What happens to open files."""

    @server.feature(lsp.INITIALIZED)
    def ready(_: lsp.InitializedParams) -> None:
        asyncio.get_running_loop().run_in_executor(server.worker, warm)

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: lsp.DidOpenTextDocumentParams) -> None:
        document = params.text_document
        server.changed(document.uri, document.text, document.version)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: lsp.DidChangeTextDocumentParams) -> None:
        uri = params.text_document.uri
        server.changed(uri, server.workspace.get_text_document(uri).source, params.text_document.version)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: lsp.DidSaveTextDocumentParams) -> None:
        for uri, opened in list(server.session.open.items()):  # any of them may include the file that was written
            server.changed(uri, opened.document.text.text, opened.version, 0)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: lsp.DidCloseTextDocumentParams) -> None:
        uri = params.text_document.uri
        if (task := server.waiting.pop(uri, None)) is not None:
            task.cancel()
        server.session.close(uri)
        server.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri=uri, diagnostics=[]))

    @server.feature(lsp.SHUTDOWN)
    def shutdown(*_: Any) -> None:
        server.asked_to_end = True


def _words(server: Server) -> None:
    """What is told of a place."""

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    def told(params: lsp.HoverParams) -> lsp.Hover | None:
        def answer(opened: Open, offset: int) -> lsp.Hover | None:
            found = hover(opened.document, opened.known, offset)
            return convert.hover(found, opened, server.encoding) if found is not None else None

        return server.placed(params, answer)

    options = lsp.CompletionOptions(trigger_characters=["$", ".", " ", "[", "{", "/"], resolve_provider=True)

    @server.feature(lsp.TEXT_DOCUMENT_COMPLETION, options)
    def completed(params: lsp.CompletionParams) -> lsp.CompletionList | None:
        def answer(opened: Open, offset: int) -> lsp.CompletionList:
            found = complete(opened.document, opened.known, offset)
            items = [convert.item(each, found, opened, server.encoding) for each in ordered(found.items)]
            return lsp.CompletionList(is_incomplete=False, items=items)

        return server.placed(params, answer)

    @server.feature(lsp.COMPLETION_ITEM_RESOLVE)
    def resolved(item: lsp.CompletionItem) -> lsp.CompletionItem:
        text = documented(item.label, str(item.data or "")) if item.documentation is None else ""
        if text:
            item.documentation = lsp.MarkupContent(lsp.MarkupKind.Markdown, text)
        return item


def _places(server: Server) -> None:
    """Where things stand."""

    @server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    def defined(params: lsp.DefinitionParams) -> lsp.Location | None:
        def answer(opened: Open, offset: int) -> lsp.Location | None:
            found = definition(opened.document, opened.known, offset)
            return convert.location(found, opened, server.encoding, from_fs_path) if found is not None else None

        return server.placed(params, answer)

    @server.feature(lsp.TEXT_DOCUMENT_REFERENCES)
    def referred(params: lsp.ReferenceParams) -> list[lsp.Location] | None:
        def answer(opened: Open, offset: int) -> list[lsp.Location]:
            found = references(opened.document, opened.known, offset)
            return [lsp.Location(opened.uri, convert.piece(each, opened, server.encoding)) for each in found]

        return server.placed(params, answer)

    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def outlined(params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol] | None:
        opened = server.document(params.text_document.uri)
        if opened is None or not opened.document.is_spec:
            return None
        found = outline(opened.document, opened.known)
        return [convert.symbol(each, opened, server.encoding) for each in found]


def _changes(server: Server) -> None:
    """What changes the text."""

    @server.feature(lsp.TEXT_DOCUMENT_PREPARE_RENAME)
    def prepared(params: lsp.PrepareRenameParams) -> lsp.Range | None:
        if (found := server.at(params)) is None:
            return None
        opened, offset = found
        with _refusing():
            return convert.piece(renameable(opened.document, opened.known, offset), opened, server.encoding)

    @server.feature(lsp.TEXT_DOCUMENT_RENAME, lsp.RenameOptions(prepare_provider=True))
    def renamed(params: lsp.RenameParams) -> lsp.WorkspaceEdit | None:
        if (found := server.at(params)) is None:
            return None
        opened, offset = found
        with _refusing():
            places = rename(opened.document, opened.known, offset, params.new_name)
        edits = [lsp.TextEdit(convert.piece(each, opened, server.encoding), params.new_name) for each in places]
        return lsp.WorkspaceEdit(changes={opened.uri: edits})

    kinds = [lsp.CodeActionKind.QuickFix, lsp.CodeActionKind.SourceFixAll]

    @server.feature(lsp.TEXT_DOCUMENT_CODE_ACTION, lsp.CodeActionOptions(code_action_kinds=kinds))
    def offered(params: lsp.CodeActionParams) -> list[lsp.CodeAction] | None:
        opened = server.document(params.text_document.uri)
        if opened is None:
            return None
        place = convert.unplaced(params.range, opened, server.encoding)
        found = actions(opened.document, opened.problems, place)
        made = [convert.action(each, opened, server.encoding) for each in found]
        only = params.context.only
        return [each for each in made if not only or any(_is_of(each.kind, wanted) for wanted in only)]


def _is_of(kind: Any, wanted: Any) -> bool:
    """Whether a kind of action is the wanted one, or under it."""
    one, other = (str(getattr(each, "value", each)) for each in (kind, wanted))
    return one == other or one.startswith(f"{other}.")


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """What cannot be done, said in the editor."""
    try:
        yield
    except KspecError as error:
        raise JsonRpcInvalidParams(message=_said(error.problems)) from None


def _said(problems: tuple[Problem, ...]) -> str:
    return "; ".join(problem.message for problem in problems)


def serve() -> int:
    """Serve one editor over standard input and output, to its end; the exit status."""
    if not os.environ.get("KSPEC_TRACEBACK"):  # pygls prints tracebacks of what an editor is only refused
        logging.getLogger("pygls").setLevel(logging.CRITICAL + 1)
    with _own_output() as output:
        server = make()
        server.start_io(sys.stdin.buffer, output)
    return 0 if server.asked_to_end else 1


@contextlib.contextmanager
def _own_output() -> Iterator[BinaryIO]:
    """Standard output for the protocol alone: whatever else is printed, by C code too, goes to standard error."""
    sys.stdout.flush()
    protocol = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with contextlib.redirect_stdout(sys.stderr):
        yield protocol
