"""Files as they were at a git revision, read from git's own store: nothing is checked out, and nothing of it runs.

git is asked by its commands for scripts, and told to open no network connection.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from kspec.diagnostics import FileError, Problem, UsageError, suggestion

MOST_BYTES = 2**30
"""So much is taken from a revision for one spec."""
MOST_FILES = 5000
_SECONDS = 120
_QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}


class Revision(NamedTuple):
    """A commit of a repository, and the name by which a person asked for it."""

    top: Path
    name: str
    commit: str

    @property
    def shown(self) -> str:
        """Its name, for people: of a commit's whole hash the beginning."""
        return self.name[:10] if self.name == self.commit else self.name


def find(name: str, folder: Path) -> Revision:
    """The revision of that name in the repository around `folder`; UsageError where there is none."""
    top = repository(folder)
    commit = _commit(top, name)
    if commit is None:
        names = _output(top, "for-each-ref", "--format=%(refname:short)").split()
        shallow = _output(top, "rev-parse", "--is-shallow-repository").strip() == "true"
        help = "this clone has a part of the history only: `git fetch --unshallow` gets the rest"
        help = suggestion(name, names, help if shallow else "`git branch -a` and `git log` list what there is")
        raise UsageError(Problem("revision", f"git has no revision `{name}` here", help=help))
    return Revision(top, name, commit)


def is_revision(name: str, folder: Path) -> bool:
    """Whether git knows a commit of that name; not where there is no git or no repository."""
    try:
        return _commit(repository(folder), name) is not None
    except UsageError:
        return False


def merge_base(one: Revision, other: Revision) -> Revision:
    """The commit where two lines of history part."""
    done = _git(one.top, "merge-base", one.commit, other.commit)
    if done.returncode or not done.stdout.strip():
        message = f"`{one.name}` and `{other.name}` have no common history"
        raise UsageError(Problem("revision", message, help=f"write `{one.name}..{other.name}`"))
    return Revision(one.top, f"{one.name}...{other.name}", done.stdout.decode().strip())


def repository(folder: Path) -> Path:
    """The top folder of the repository around `folder`; UsageError where there is none, or no git."""
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    done = _git(folder, "rev-parse", "--show-toplevel")
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        help = "run kspec in a clone, or name two files"
        if said and "dubious ownership" in said[0]:
            help = f"git does not trust this folder's owner: `git config --global --add safe.directory {folder}`"
        raise UsageError(Problem("revision", f"`{folder}` is in no git repository", help=help))
    return Path(os.path.realpath(done.stdout.decode().rstrip("\n")))


def changed(revision: Revision) -> dict[str, str | None]:
    """Files that are other ones than at the revision, or were not there: the path that each had then, or None."""
    done = _git(revision.top, *_DIFF, revision.commit, "--")
    words = iter(done.stdout.decode(errors="surrogateescape").split("\0"))
    found: dict[str, str | None] = {}
    for status in words:
        if status[:1] in ("R", "C"):
            old, new = next(words), next(words)
            found[new] = old
        elif status:
            path = next(words)
            if status != "D":
                found[path] = path if status != "A" else None
    others = _git(revision.top, "ls-files", "--others", "--exclude-standard", "-z").stdout
    for path in others.decode(errors="surrogateescape").split("\0")[:-1]:
        found.setdefault(path, None)
    return found


def deleted(revision: Revision) -> list[str]:
    """Files that the revision has and that are gone, those under another name left out."""
    done = _git(revision.top, *_DIFF, "--diff-filter=D", revision.commit, "--")
    return done.stdout.decode(errors="surrogateescape").split("\0")[1::2]


_DIFF = ("-c", "core.fsmonitor=false", "diff", "--no-ext-diff", "--no-textconv", "--name-status", "-z", "-M")


def content(revision: Revision, path: str) -> bytes:
    """A file as it was; nothing where the revision has none."""
    return _git(revision.top, "cat-file", "blob", f"{revision.commit}:{path}").stdout


class Snapshot:
    """Files of a revision in a folder of their own, under the paths that they have on this machine, taken one by one
    as they are asked for."""

    def __init__(self, revision: Revision, folder: Path) -> None:
        self.revision, self.folder = revision, folder
        self.root = self.mirror(revision.top)
        self.root.mkdir(parents=True)
        self._asked: set[str] = set()
        self._bytes = 0

    def mirror(self, path: Path) -> Path:
        """Where a path of this machine is in the snapshot."""
        return self.folder.joinpath(*path.parts[1:])

    def has(self, path: str) -> bool:
        """Whether the revision has a file of that path, relative to the top."""
        return any(kind == "blob" for _, kind, _, _ in self._entries(path))

    def take(self, path: Path) -> bool:
        """Bring a file that is asked for under its path in the snapshot; False where the revision has none."""
        try:
            relative = PurePosixPath(Path(os.path.normpath(path)).relative_to(self.root).as_posix())
        except ValueError:
            return False
        return self._take(relative, 0)

    def take_package(self, folder: Path, package: str) -> None:
        """Bring a Python module or package, whole: what of it is imported is not known before."""
        start = PurePosixPath(folder.relative_to(self.root).as_posix())
        for name in (str(start / package), str(start / f"{package}.py")):
            for _, kind, _, path in self._entries(name, "-r"):
                if kind == "blob":
                    self._take(PurePosixPath(path), 0)

    def _take(self, path: PurePosixPath, depth: int) -> bool:
        text = str(path)
        if text in self._asked or depth > 20:
            return False
        self._asked.add(text)
        for mode, kind, size, _ in self._entries(text):
            if mode == "120000":
                return self._link(path, path, depth)
            if kind == "blob":
                self._write(path, size)
                return True
            return False
        for parent in path.parents:  # a folder on the way may be a link
            if any(mode == "120000" for mode, _, _, _ in self._entries(str(parent))):
                return self._link(parent, path, depth)
        return False

    def _link(self, link: PurePosixPath, path: PurePosixPath, depth: int) -> bool:
        """Make a link and bring what it leads to, where that is in the repository."""
        target = self._blob(link).decode(errors="surrogateescape")
        real = PurePosixPath(os.path.normpath(link.parent / target / path.relative_to(link)))
        if os.path.isabs(target) or real.parts[:1] == ("..",):
            return False
        place = self.root / link
        if not place.is_symlink():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(target)
        return self._take(real, depth + 1)

    def _write(self, path: PurePosixPath, size: int) -> None:
        self._bytes += size
        if self._bytes > MOST_BYTES or len(self._asked) > MOST_FILES:
            message = f"the files of `{self.revision.name}` that this spec needs take more than {MOST_BYTES:,} bytes"
            raise FileError(
                Problem("too-large", message, help="check the revision out (`git worktree add`) and name the two files")
            )
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(self._blob(path))

    def _blob(self, path: PurePosixPath) -> bytes:
        done = _git(self.revision.top, "cat-file", "blob", f"{self.revision.commit}:{path}")
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            message = f"git cannot read `{path}` of `{self.revision.name}`: {said}"
            raise FileError(Problem("revision", message, help="`git fetch` may get what is missing"))
        return done.stdout

    def _entries(self, path: str, *options: str) -> list[tuple[str, str, int, str]]:
        """Mode, kind, size and path of what the revision has there; of a folder itself, or with `-r` all in it."""
        if path in (".", ""):
            return []
        done = _git(
            self.revision.top, "--literal-pathspecs", "ls-tree", "--full-tree", "-z", "-l", *options,
            self.revision.commit, "--", path,
        )  # fmt: skip
        found = []
        for line in done.stdout.split(b"\0")[:-1]:
            facts, _, name = line.partition(b"\t")
            mode, kind, _, size = facts.decode().split()
            found.append((mode, kind, int(size) if size.isdecimal() else 0, name.decode(errors="surrogateescape")))
        return found


@contextmanager
def snapshot(revision: Revision) -> Iterator[Snapshot]:
    """A snapshot that is there for the while of the block."""
    with tempfile.TemporaryDirectory(prefix="kspec-") as folder:
        yield Snapshot(revision, Path(os.path.realpath(folder)))


def _commit(top: Path, name: str) -> str | None:
    if not name or "\0" in name:
        return None
    done = _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    return done.stdout.decode().strip() if done.returncode == 0 else None


def _output(folder: Path, *arguments: str) -> str:
    return _git(folder, *arguments).stdout.decode(errors="replace")


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command: Sequence[str] = ("git", "-C", str(folder), *arguments)
    try:
        return subprocess.run(
            command, capture_output=True, check=False, stdin=subprocess.DEVNULL, timeout=_SECONDS,
            env={**os.environ, **_QUIET},
        )  # fmt: skip
    except FileNotFoundError:
        problem = Problem("revision", "git is not installed", help="install it, or name two files")
        raise UsageError(problem) from None
    except subprocess.TimeoutExpired:
        raise FileError(Problem("revision", f"git did not answer in {_SECONDS} s")) from None
    except OSError as error:
        raise FileError(Problem("revision", f"git cannot be run: {(error.strerror or str(error)).lower()}")) from None
