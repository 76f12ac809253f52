"""An editor in a few lines: JSON-RPC over the pipes of a real `kspec lsp`, framed by hand."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

PATIENCE = 300
"""Seconds: Keras is imported on a machine that others use too."""


class Editor:
    """A session with the server: requests, notifications, and what it publishes."""

    def __init__(self, folder: Path, *encodings: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kspec", "lsp", "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self.messages: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.published: list[dict[str, Any]] = []
        self.count = 0
        self.errors = b""
        self.readers = [threading.Thread(target=each, daemon=True) for each in (self._listen, self._drain)]
        for reader in self.readers:
            reader.start()
        general = {"general": {"positionEncodings": list(encodings)}} if encodings else {}
        self.capabilities = self.request(
            "initialize",
            {
                "processId": None,
                "rootUri": folder.as_uri(),
                "capabilities": {"textDocument": {"publishDiagnostics": {"relatedInformation": True}}, **general},
            },
        )["capabilities"]
        self.notify("initialized", {})

    def _listen(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        while header := stream.readline():
            name, _, value = header.partition(b": ")
            assert name == b"Content-Length", header  # anything else on standard output is a defect
            assert stream.readline() == b"\r\n" or stream.readline() == b"\r\n"
            self.messages.put(json.loads(stream.read(int(value))))
        self.messages.put(None)

    def _drain(self) -> None:
        assert self.process.stderr is not None
        self.errors = self.process.stderr.read()

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def _next(self, deadline: float) -> dict[str, Any]:
        message = self.messages.get(timeout=max(deadline - time.monotonic(), 0.01))
        assert message is not None, f"the server has ended: {self.errors.decode()}"
        if message.get("method") == "textDocument/publishDiagnostics":
            self.published.append(message["params"])
        return message

    def notify(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def ask(self, method: str, params: Any) -> dict[str, Any]:
        """The whole response, an error too."""
        self.count += 1
        self._send({"id": self.count, "method": method, "params": params})
        deadline = time.monotonic() + PATIENCE
        while True:
            message = self._next(deadline)
            if message.get("id") == self.count and "method" not in message:
                return message

    def request(self, method: str, params: Any) -> Any:
        response = self.ask(method, params)
        assert "error" not in response, response
        return response["result"]

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def open(self, name: str, text: str, version: int = 1) -> None:
        document = {"uri": self.uri(name), "languageId": "yaml", "version": version, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})

    def change(self, name: str, text: str, version: int) -> None:
        document = {"uri": self.uri(name), "version": version}
        self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})

    def diagnostics(self, name: str, version: int, *, count: int = 1) -> list[dict[str, Any]]:
        """What is published for a version, the `count`-th time: the text's own problems, then those with shapes."""
        deadline = time.monotonic() + PATIENCE
        while True:
            found = [each for each in self.published if (each["uri"], each.get("version")) == (self.uri(name), version)]
            if len(found) >= count:
                return list(found[count - 1]["diagnostics"])
            self._next(deadline)

    def at(self, name: str, line: int, column: int) -> dict[str, Any]:
        return {"textDocument": {"uri": self.uri(name)}, "position": {"line": line, "character": column}}

    def end(self) -> int:
        """Shut the server down; its exit status."""
        self.request("shutdown", None)
        self.notify("exit", None)
        return self.process.wait(PATIENCE)

    def __enter__(self) -> Editor:
        return self

    def __exit__(self, *_: Any) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for reader in self.readers:
            reader.join(PATIENCE)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
