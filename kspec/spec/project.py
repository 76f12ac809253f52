"""The project around a spec: its root, whose files may be read, and the code that is trusted."""

from __future__ import annotations

import stat
import tomllib
from dataclasses import dataclass
from pathlib import Path

from kspec import reads
from kspec.diagnostics import FileError, Problem, Route, SpecError, nearest
from kspec.spec.values import shown

OF_KERAS = {
    "keras.src.applications.convnext": frozenset({"LayerScale", "StochasticDepth"}),
    "keras.src.applications.inception_resnet_v2": frozenset({"CustomScaleLayer"}),
}
"""Layers of Keras's applications that it does not export, by module: as trusted as Keras. What else is there is not:
a function that makes a whole application fetches weights from the network."""

_MARKS = ("pyproject.toml", ".git")
"""What stands in the root of a project."""


@dataclass(frozen=True, slots=True)
class Project:
    """The folder that every path in a spec stays inside, and the Python packages whose code may run.

    `given` are those trusted on the command line; `settings` is the pyproject.toml that may name more, and is read
    when it is asked. `modules` are the folders in which modules are looked for first, and in place of the root: those
    of a run lie where the spec lay that was trained.
    """

    root: Path
    given: frozenset[str] = frozenset()
    settings: Path | None = None
    modules: tuple[Path, ...] = ()

    def trust(self) -> frozenset[str]:
        """The packages trusted by name; FileError where pyproject.toml cannot be read."""
        return self.given if self.settings is None else self.given | _configured(self.settings, "trust")

    def ignored(self) -> frozenset[str]:
        """Codes of warnings that the project does not want; FileError where pyproject.toml cannot be read."""
        return frozenset() if self.settings is None else _configured(self.settings, "ignore")

    def trusts(self, module: str) -> bool:
        """Whether `module` or a package above it was trusted by name."""
        parts, trust = module.split("."), self.trust()
        return any(".".join(parts[:length]) in trust for length in range(1, len(parts) + 1))


def find_project(folder: Path, trust: tuple[str, ...] = ()) -> Project:
    """The project around `folder`: the nearest folder above with a pyproject.toml or a .git; without one the
    current directory when the folder lies in it, else the folder itself."""
    folder = folder.resolve()
    for candidate in (folder, *folder.parents):
        settings = candidate / _MARKS[0]
        reads.note(settings)
        reads.note(candidate / _MARKS[1])
        if settings.is_file():
            return Project(candidate, frozenset(trust), settings)
        if (candidate / _MARKS[1]).exists():
            return Project(candidate, frozenset(trust))
    here = Path.cwd()
    return Project(here if folder.is_relative_to(here) else folder, frozenset(trust))


_LISTS = {"trust": "package names", "ignore": "codes of warnings"}


def _configured(path: Path, key: str) -> frozenset[str]:
    """A list of texts in [tool.kspec]."""
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get("kspec", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        problem = Problem("file-format", f"pyproject.toml cannot be read: {error}", file=str(path))
        raise FileError(problem) from None
    found = settings.get(key, [])
    if not (isinstance(found, list) and all(isinstance(name, str) for name in found)):
        message = f"`{key}` in [tool.kspec] is a list of {_LISTS[key]}"
        raise FileError(Problem("wrong-type", message, file=str(path)))
    return frozenset(found)


def resolve(project: Project, folder: Path, text: object, route: Route, *, exists: bool = True) -> Path:
    """The file that a spec names, relative to the `folder` of the spec that names it.

    Raises SpecError when it is not inside the project's root, or is not a regular file; with `exists` false it may
    not be there yet.
    """
    real = confined(project, folder, text, route)
    reads.note(Path(folder, str(text)))
    try:
        mode = real.stat().st_mode
    except OSError:
        if not exists:
            return real
        raise SpecError(
            Problem("file-missing", f"there is no file `{text}`", route, _near(Path(folder, str(text))))
        ) from None
    if stat.S_ISDIR(mode):
        raise SpecError(Problem("file-missing", f"`{text}` is a folder", route, "name a file in it"))
    if not stat.S_ISREG(mode):
        raise SpecError(Problem("file-missing", f"`{text}` is not a regular file", route))
    return real


def confined(project: Project, folder: Path, text: object, route: Route) -> Path:
    """The absolute path of what a spec names, whether it is there or not.

    Raises SpecError when it is not inside the project's root.
    """
    if not isinstance(text, str) or not text:
        what = f"`{route[-1]}` names one file" if isinstance(route[-1], str) else "a path is a text"
        raise SpecError(Problem("wrong-type", f"{what}, not {shown(text)}", route))
    if "\0" in text or len(text) > 4000:
        raise SpecError(Problem("file-missing", "this is not a path", route))
    if "://" in text:
        help = "download it, and name the file"
        raise SpecError(Problem("file-missing", "kspec opens no network addresses", route, help))
    if text.startswith("~"):
        message = "`~` leads out of the project"
        raise SpecError(Problem("file-outside-root", message, route, f"paths in a spec stay inside {project.root}"))
    path = Path(folder, text)
    try:
        real = path.resolve()
    except (OSError, RuntimeError):  # RuntimeError: symbolic links in a circle
        real = path.absolute()
    if not real.is_relative_to(project.root):
        help = f"paths in a spec stay inside {project.root}"
        if not any((project.root / mark).exists() for mark in _MARKS):
            help += "; a `pyproject.toml` in a folder above makes that one the project"
        raise SpecError(Problem("file-outside-root", f"`{text}` leads out of the project", route, help))
    return real


def _near(path: Path) -> str:
    if not path.parent.is_dir():
        return f"its folder `{path.parent}` does not exist"
    close = nearest(path.name, sorted(entry.name for entry in path.parent.iterdir())[:1000])
    return f"did you mean `{close}`?" if close else f"looked in `{path.parent}`"
