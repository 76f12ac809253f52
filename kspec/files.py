"""Writing files so that a reader sees the old content or the new, never a part. A leaf: it imports diagnostics only.

The steps are those of every safe store: a temporary name in the same folder (a rename is atomic within one file
system only), fsync of the content, rename over the target, fsync of the folder.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from kspec.diagnostics import FileError, Problem, UsageError

__all__ = [
    "atomic_path",
    "check_name",
    "check_other",
    "check_target",
    "remove_temporary",
    "sync_folder",
    "write_atomically",
    "write_problem",
]

_TEMPORARY = ".kspec-"
# Codes by which file systems that cannot sync a folder say so; the rename itself has succeeded by then.
_NO_FOLDER_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM, errno.EBADF})


def write_atomically(path: str | os.PathLike[str], data: bytes | str) -> None:
    """Write `data` (text as UTF-8) to `path`, replacing what is there only when all of it is on the disk.

    Raises `FileError` (code ``file-write``) where the file cannot be written; the old content then is untouched.
    """
    content = data.encode() if isinstance(data, str) else data
    with atomic_path(path, needed=len(content)) as temporary, open(temporary, "xb") as file:
        file.write(content)


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str], *, needed: int | None = None, least: int = 0) -> Iterator[Path]:
    """A temporary path with the ending of `path`, moved over `path` when the block ends well and removed otherwise.

    The block creates the file. A link is followed, the permissions of an existing file are kept. `needed` is the
    size in bytes where it is known, and else `least` what it is more than, for the message about a full disk.

    Raises `FileError` (code ``file-write``) for a missing or read-only folder, a target that is a folder or a device,
    a full disk, a file size limit, and any other failure of the system while the block writes the temporary file.
    """
    shown = Path(path)
    target, temporary = _prepare(shown)
    try:
        yield temporary
        _settle(temporary, target)
    except OSError as error:
        if not _concerns(error, temporary, target):
            raise
        # The size first: what was written so far is the only hint at what is needed.
        written = max(least, _size(temporary))
        _remove(temporary)
        raise FileError(_problem(shown, error, needed, written)) from error
    finally:
        _remove(temporary)


def check_target(path: str | os.PathLike[str]) -> None:
    """Raise `FileError` (code ``file-write``) where it is plain that `path` cannot be written: before hours of work."""
    _prepare(Path(path))


def check_other(path: str | os.PathLike[str], *sources: str | os.PathLike[str] | None) -> None:
    """Raise `UsageError` where `path`, to be written, is one of the files that it is made from."""
    for source in sources:
        is_same = False
        with contextlib.suppress(OSError, ValueError):  # one that is not there is no file, ValueError: a NUL in a name
            is_same = source is not None and os.path.samefile(path, source)
        if is_same:
            message = f"`{path}` is what is read: it would be written over"
            raise UsageError(Problem("usage", message, help="name another file"))


def check_name(path: str | os.PathLike[str], what: str, *endings: str) -> None:
    """Raise `UsageError` where the name of `path`, to be written, does not end as one of `what` does."""
    name = Path(path)
    if name.suffix not in endings:
        stem = name.stem.strip(".")
        help = f"name it `{stem}{endings[0]}`" if stem else f"its name ends in `{endings[0]}`"
        raise UsageError(Problem("usage", f"`{path}` does not say that {what} is in it", help=help))


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the file system can."""
    try:
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise


def remove_temporary(folder: Path) -> None:
    """Remove from a folder what writes have left that were killed. Nobody may be writing there."""
    for path in folder.glob(f"{_TEMPORARY}*"):
        if path.is_file():
            _remove(path)


def write_problem(shown: Path, error: Exception, needed: int | None = None, written: int = 0) -> Problem:
    """Why a file or folder could not be written, by the system's code, also where a library has it in its text only;
    `needed` bytes would have been, or more than those `written`."""
    return _problem(shown, error, needed, written)


def _prepare(shown: Path) -> tuple[Path, Path]:
    """The real target and a temporary path beside it, or a FileError where it is plain that writing cannot work."""
    try:
        target = Path(os.path.realpath(shown))
        mode = target.stat().st_mode if target.exists() else None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise FileError(_problem(shown, error, None, 0)) from error
    if mode is not None and stat.S_ISDIR(mode):
        raise FileError(_refusal(shown, "it is a folder", "name a file inside it"))
    if mode is not None and not stat.S_ISREG(mode):
        # A rename would put a file in the place of the device or pipe.
        raise FileError(_refusal(shown, "it is a device or a pipe, not a regular file", "name a regular file"))
    if mode is not None and not os.access(target, os.W_OK):
        raise FileError(_refusal(shown, "the file there is read-only", "make it writable, or name another file"))
    if not target.parent.is_dir():
        folder = shown.parent
        if target.parent.exists():
            raise FileError(_refusal(shown, f"`{folder}` is not a folder", "name a file inside a folder"))
        raise FileError(_refusal(shown, f"the folder `{folder}` does not exist", f"create it: `mkdir -p {folder}`"))
    # Writers choose the format by the ending (`.keras`, `.weights.h5`, `.npz`), so the temporary name keeps it.
    ending = "".join(target.suffixes[-2:])
    ending = ending if len(ending) <= 32 else target.suffix[:32]
    return target, target.with_name(f"{_TEMPORARY}{os.urandom(6).hex()}{ending}")


def _settle(temporary: Path, target: Path) -> None:
    """Bring the written file to the disk and under its name."""
    if target.exists():
        temporary.chmod(stat.S_IMODE(target.stat().st_mode))
    # Opened for writing too: Windows refuses to sync a file that is open for reading only.
    with open(temporary, "r+b") as file:
        os.fsync(file.fileno())
    os.replace(temporary, target)
    sync_folder(target.parent)


def _concerns(error: OSError, temporary: Path, target: Path) -> bool:
    """Whether a failure is about the file being written, and not about another one the block opened."""
    names = {os.fspath(name) for name in (temporary, target, target.parent)}
    return error.filename is None or os.fsdecode(error.filename) in names


def _problem(shown: Path, error: Exception, needed: int | None, written: int) -> Problem:
    code = getattr(error, "errno", None)
    if code is None and (match := re.search(r"(?:errno = |OS error |os_error_code=')(\d+)", str(error))):
        code = int(match[1])  # HDF5 and TensorStore keep the system's code in their own messages only
    if code in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        room = _free(shown.parent)
        reason = "the disk is full" if code == errno.ENOSPC else "the disk quota is used up"
        reason += _wanted(needed, written) + (f", {_bytes(room)} free" if room is not None else "")
        return _refusal(shown, reason, "free some space, or name a file on another disk")
    if code == errno.EFBIG:
        return _refusal(
            shown,
            "it is larger than the file size limit allows" + _wanted(needed, written),
            "raise the limit (`ulimit -f`), or write to another file system",
        )
    if code in (errno.EACCES, errno.EPERM):
        return _refusal(shown, f"no permission to write in `{shown.parent}`", "name another folder")
    if code == errno.ENOENT:
        return _refusal(shown, "nothing was written", "")
    if code == errno.EROFS:
        return _refusal(shown, f"`{shown.parent}` is on a read-only file system", "name a file on another one")
    if code == errno.ENAMETOOLONG:
        return _refusal(shown, "its name is too long for the file system", "give it a shorter name")
    reason = os.strerror(code).lower() if code else str(error)
    return _refusal(shown, reason, "")


def _refusal(shown: Path, reason: str, help: str) -> Problem:
    return Problem("file-write", f"cannot write `{shown.name or shown}`: {reason}", help=help, file=str(shown))


def _wanted(needed: int | None, written: int) -> str:
    if needed is None and not written:
        return ""  # some libraries remove what they have written
    return f": {_bytes(needed)} needed" if needed is not None else f": more than {_bytes(written)} needed"


def _bytes(count: int) -> str:
    return "1 byte" if count == 1 else f"{count:,} bytes"


def _free(folder: Path) -> int | None:
    """Bytes free where `folder` is, or None where the system does not tell."""
    import shutil  # slow to import, and wanted for a message only

    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _remove(path: Path) -> None:
    """Remove what the block left; a failure here must not hide the one being reported."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
