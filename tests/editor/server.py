"""A session with the real yaml-language-server: installed by npm, spoken to over its standard streams."""

from __future__ import annotations

import json
import queue
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

VERSION = "1.25.0"
"""The server whose words the tests know."""
PATIENCE = 300.0
"""Seconds to wait for an answer: machines of a CI are slow, a server that is well takes a second at most."""


def install(folder: Path) -> Path:
    """Install the server into a folder; its program."""
    npm = shutil.which("npm")
    assert npm is not None
    command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), f"yaml-language-server@{VERSION}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"


class Session:
    """An editor's side: opens documents, and waits for what the server says of them."""

    def __init__(self, program: Path, schemas: dict[str, str], folder: Path) -> None:
        node = shutil.which("node")
        assert node is not None
        self.folder, self.schemas = folder, schemas
        self.process = subprocess.Popen(
            [node, str(program), "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.answers: queue.Queue[Any] = queue.Queue()
        self.diagnostics: queue.Queue[Any] = queue.Queue()
        self.count = 0
        threading.Thread(target=self._listen, daemon=True).start()
        workspace = {"configuration": True, "didChangeConfiguration": {"dynamicRegistration": True}}
        completion = {"completionItem": {"snippetSupport": True, "documentationFormat": ["markdown", "plaintext"]}}
        given = {"workspace": workspace, "textDocument": {"completion": completion}}
        self.request("initialize", processId=None, rootUri=folder.as_uri(), capabilities=given)
        self._send(method="initialized", params={})
        self._send(method="workspace/didChangeConfiguration", params={"settings": self._settings()})

    def _settings(self) -> dict[str, Any]:
        yaml = {"schemas": self.schemas, "schemaStore": {"enable": False}, "validate": True}
        return {"yaml": {**yaml, "hover": True, "completion": True}}

    def close(self) -> None:
        """End the server."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()

    def open(self, name: str, text: str) -> list[Any]:
        """Open a document; its diagnostics."""
        uri = self.uri(name)
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self._send(method="textDocument/didOpen", params={"textDocument": document})
        while True:
            found = self.diagnostics.get(timeout=PATIENCE)
            if found["uri"] == uri:
                return list(found["diagnostics"])

    def complete(self, name: str, text: str) -> dict[str, Any]:
        """What is offered where the text has a `|`, by label."""
        found = self._at("textDocument/completion", name, text)
        return {item["label"]: item for item in found["items"]}

    def hover(self, name: str, text: str) -> str:
        """What is shown for the word after the `|`, as Markdown."""
        found = self._at("textDocument/hover", name, text)
        return str(found["contents"]["value"]) if found else ""

    def uri(self, name: str) -> str:
        """The address of a document, which need not be a file."""
        return (self.folder / name).as_uri()

    def _at(self, method: str, name: str, text: str) -> Any:
        before, _, after = text.partition("|")
        self.open(name, before + after)
        lines = before.split("\n")
        position = {"line": len(lines) - 1, "character": len(lines[-1])}
        return self.request(method, textDocument={"uri": self.uri(name)}, position=position)

    def request(self, method: str, **params: Any) -> Any:
        """Ask, and wait for the answer."""
        self.count += 1
        self._send(id=self.count, method=method, params=params)
        while True:
            answer = self.answers.get(timeout=PATIENCE)
            if answer["id"] == self.count:
                assert "error" not in answer, answer
                return answer["result"]

    def _send(self, **message: Any) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def _listen(self) -> None:
        while (message := self._read()) is not None:
            if "method" not in message:
                self.answers.put(message)
            elif message["method"] == "textDocument/publishDiagnostics":
                self.diagnostics.put(message["params"])
            elif "id" in message:
                self._send(id=message["id"], result=self._answer(message))

    def _answer(self, message: Any) -> Any:
        """What the server asks of an editor: its settings."""
        if message["method"] != "workspace/configuration":
            return None
        return [self._settings().get(item.get("section"), {}) for item in message["params"]["items"]]

    def _read(self) -> Any:
        stream = self.process.stdout
        assert stream is not None
        length = 0
        while (line := stream.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return json.loads(stream.read(length)) if length else None
