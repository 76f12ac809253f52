"""The gallery: runnable specs with their data, in an installed kspec as in a checkout."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kspec.diagnostics import FileError, Note, Problem, UsageError, suggestion
from kspec.files import write_atomically

_SENTENCE = re.compile(r"(?<=[.!?])\s+|$")


@dataclass(frozen=True, slots=True)
class Example:
    """A spec of the gallery: its name, what it shows in a sentence, and its files, relative to the gallery.

    `files` are everything that it needs, its own file last; `notes` are texts that belong to its data. `trust` names
    the packages whose code it runs, `trains` says whether it has data and a loss.
    """

    name: str
    sentence: str
    folder: Path
    files: tuple[str, ...]
    notes: tuple[str, ...]
    trust: tuple[str, ...]
    trains: bool

    def commands(self, folder: Path) -> tuple[str, ...]:
        """What to run next, once its files are in `folder`."""
        spec = shlex.quote(str(folder / self.files[-1]))
        trust = "".join(f" --trust {package}" for package in self.trust)
        return tuple(f"kspec {verb} {spec}{trust}" for verb in ("check", "fit" if self.trains else "summary"))


def gallery() -> Path:
    """The gallery's folder: shipped in the package, or the `specs` of the checkout that the package stands in.

    Raises FileError where there is none.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "gallery", package.parent / "specs"):
        if (folder / "digits_mlp.yaml").is_file():
            return folder
    raise FileError(Problem("file-missing", "this installation of kspec has no gallery", help="install it again"))


def names() -> tuple[str, ...]:
    """The names of all examples, in the order in which the gallery's README brings them."""
    folder = gallery()
    found = sorted(path.stem for path in folder.glob("*.yaml"))
    try:
        told = re.findall(r"([\w-]+)\.yaml", (folder / "README.md").read_text(encoding="utf-8"))
    except FileNotFoundError:
        told = []
    return tuple(dict.fromkeys([name for name in told if name in found] + found))


def sentence(name: str) -> str:
    """The first sentence of the remark that an example begins with."""
    words: list[str] = []
    for line in (gallery() / f"{name}.yaml").read_text(encoding="utf-8").splitlines():
        if not line.startswith("# "):
            break
        words.append(line[2:].strip())
    text = " ".join(words)
    end = _SENTENCE.search(text)
    return text[: end.start()] if end else text


def example(name: str) -> Example:
    """An example by its name.

    Raises UsageError (``no-example``) for a name that there is not.
    """
    name = name.removesuffix(".yaml")
    if name not in names():
        help = suggestion(name, names(), "`kspec init --examples` lists them")
        raise UsageError(Problem("no-example", f"the gallery has no example `{name}`", help=help))
    from kspec.spec.merge import load
    from kspec.spec.project import Project

    folder = gallery()
    path = folder / f"{name}.yaml"
    files = tuple(dict.fromkeys(file.relative_to(folder).as_posix() for file in _needs(path, folder)))
    data = load(path, path.name, Project(folder)).data
    custom = data.get("custom", [])
    packages = [module.partition(".")[0] for module in ([custom] if isinstance(custom, str) else custom)]
    places = {(folder / file).parent for file in files} - {folder}
    beside = {place / text for place in places for text in ("README.md", "LICENSES.md")}
    notes = tuple(sorted(file.relative_to(folder).as_posix() for file in beside if file.is_file()))
    trains = bool(data.get("data")) and bool(data.get("compile"))
    return Example(name, sentence(name), folder, files, notes, tuple(dict.fromkeys(packages)), trains)


def write(found: Example, folder: Path, *, force: bool = False) -> tuple[Path, ...]:
    """Write an example's files into `folder`, which need not exist; what was written, the spec last.

    A file that is there already with the same content is left alone, so that examples can share data. Each file is
    written whole or not at all.

    Raises FileError (``file-write``) for files that are there with other content, unless `force`.
    """
    contents = {folder / file: (found.folder / file).read_bytes() for file in found.files}
    missing = {path: content for path, content in contents.items() if not _same(path, content)}
    taken = [path for path in missing if path.exists() or path.is_symlink()]
    if taken and not force:
        message = f"{len(taken)} {'file is' if len(taken) == 1 else 'files are'} there already, with other content"
        help = "`--force` writes over them, `-o FOLDER` names another folder"
        raise FileError(Problem("file-write", message, help=help, notes=tuple(Note(f"`{path}`") for path in taken)))
    texts = {folder / file: (found.folder / file).read_bytes() for file in found.notes}
    # The spec last: where it is, everything that it needs is.
    whole = {**{path: text for path, text in texts.items() if not path.exists()}, **missing}
    for path, content in whole.items():
        _make_folder(path.parent)
        write_atomically(path, content)
    return tuple(whole)


def _needs(path: Path, gallery: Path) -> Iterator[Path]:
    """The files that a spec names, those that these name, and the spec."""
    from kspec.spec.source import read
    from kspec.spec.textfile import decode

    data = read(decode(path.read_bytes(), path.name), path.name).data
    for text in _texts(data):
        file = Path(os.path.normpath(path.parent / text))
        # A text that names a file is one: this finds every way to name one, and those that later versions bring.
        if text and "\n" not in text and len(text) < 200 and file.is_file() and file.is_relative_to(gallery):
            yield from _needs(file, gallery) if file.suffix == ".yaml" else [file]
    custom = data.get("custom") or []
    for module in [custom] if isinstance(custom, str) else custom:
        name = module.partition(".")[0]
        yield from (file for file in [path.parent / f"{name}.py"] if file.is_file())
        yield from sorted((path.parent / name).rglob("*.py"))
    yield path


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _same(path: Path, content: bytes) -> bool:
    try:
        return path.is_file() and path.read_bytes() == content
    except OSError:
        return False


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        message = f"cannot make the folder `{folder}`: {reason}"
        raise FileError(Problem("file-write", message, help="name another with `-o`")) from error
