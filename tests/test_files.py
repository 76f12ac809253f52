"""Atomic writing: the old content or the new, and one clear message."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from kspec.diagnostics import FileError, KspecError, Problem, UsageError
from kspec.files import atomic_path, check_name, check_other, write_atomically

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX file systems")


def refusal(path: Path | str, data: bytes | str = b"new") -> Problem:
    """The one problem of a write that cannot work."""
    with pytest.raises(FileError) as caught:
        write_atomically(path, data)
    (problem,) = caught.value.problems
    assert problem.code == "file-write"
    assert problem.file == str(path)
    assert caught.value.status == 3
    return problem


@pytest.mark.parametrize(
    ("name", "help"),
    [
        ("a.txt", "name it `a.yaml`"),
        ("a.b", "name it `a.yaml`"),
        ("b/a", "name it `a.yaml`"),
        (".", "its name ends in `.yaml`"),
        ("..", "its name ends in `.yaml`"),
        ("", "its name ends in `.yaml`"),
    ],
)
def test_names_that_say_nothing_of_what_is_written(name: str, help: str) -> None:
    check_name("a.yml", "a spec", ".yaml", ".yml")
    with pytest.raises(UsageError) as caught:
        check_name(name, "a spec", ".yaml", ".yml")
    assert [each.help for each in caught.value.problems] == [help]


def test_writes_bytes_and_text(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", b"\x00\xff")
    write_atomically(str(tmp_path / "b"), "größe\r\n")
    assert (tmp_path / "a").read_bytes() == b"\x00\xff"
    assert (tmp_path / "b").read_bytes() == "größe\r\n".encode()
    write_atomically(tmp_path / "a", b"")
    assert (tmp_path / "a").read_bytes() == b""
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_the_temporary_path_has_the_ending_and_the_folder(tmp_path: Path) -> None:
    for name in ("m.weights.h5", "a.b.c.npz", "none", ".hidden", "x." + "y" * 100, "ü" * 100 + ".keras"):
        with atomic_path(tmp_path / name) as path:
            assert path.parent == tmp_path
            assert path.suffix == (tmp_path / name).suffix[:32]
            assert not path.exists()
            path.write_bytes(b"1")
            assert not (tmp_path / name).exists()
        assert (tmp_path / name).read_bytes() == b"1"


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), KspecError(Problem("x", "m")), SystemExit(3)])
def test_whatever_ends_the_block_leaves_the_old_file(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def block() -> None:
        with atomic_path(target) as path:
            path.write_text("half of the n")
            raise error

    with pytest.raises(type(error)):
        block()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_an_error_about_another_file_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a") as path:
        path.write_bytes((tmp_path / "not there").read_bytes())
    assert os.listdir(tmp_path) == []


def test_a_block_that_writes_nothing(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_text("old")
    with pytest.raises(FileError, match="nothing was written"), atomic_path(target):
        pass
    assert target.read_text() == "old"


def test_a_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path).message == f"cannot write `{tmp_path.name}`: it is a folder"
    assert refusal(Path("")).message == "cannot write `.`: it is a folder"


def test_a_missing_folder(tmp_path: Path) -> None:
    problem = refusal(tmp_path / "a" / "b" / "m.keras")
    assert problem.message == f"cannot write `m.keras`: the folder `{tmp_path}/a/b` does not exist"
    assert problem.help == f"create it: `mkdir -p {tmp_path}/a/b`"


def test_a_file_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    assert refusal(tmp_path / "a" / "b").message == f"cannot write `b`: `{tmp_path}/a` is not a folder"


@POSIX
def test_a_device_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    assert "a device or a pipe" in refusal("/dev/null").message
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    os.mkfifo(tmp_path / "pipe")
    assert "a device or a pipe" in refusal(tmp_path / "pipe").message


def test_names_that_cannot_be(tmp_path: Path) -> None:
    assert "name is too long" in refusal(tmp_path / ("x" * 300)).message
    assert "null" in refusal(str(tmp_path / "a\0b")).message


@POSIX
def test_a_link_is_followed_and_permissions_are_kept(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real, link = tmp_path / "real" / "a", tmp_path / "link"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    write_atomically(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "real" / "b")
    write_atomically(dangling, "new")
    assert (tmp_path / "real" / "b").read_text() == "new"


@POSIX
def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


@POSIX
def test_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a"
    target.write_text("old")
    with monkeypatch.context() as patch:  # for root, who runs tests in containers, nothing is read-only
        patch.setattr(os, "access", lambda path, mode: False)
        assert refusal(target).message == "cannot write `a`: the file there is read-only"
    for code, words in [
        (errno.EACCES, f"no permission to write in `{tmp_path}`"),
        (errno.EROFS, f"`{tmp_path}` is on a read-only file system"),
        (errno.EIO, "input/output error"),
    ]:
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", failing(code, target))
            assert refusal(target).message == f"cannot write `a`: {words}"
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


def failing(code: int, path: Path) -> Any:
    def call(*arguments: Any) -> None:
        raise OSError(code, os.strerror(code), str(path))

    return call


def test_a_full_disk_says_what_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a"
    target.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    problem = refusal(target, b"x" * 12_345)
    assert problem.message.startswith("cannot write `a`: the disk is full: 12,345 bytes needed, ")
    assert problem.message.endswith(" bytes free")
    with pytest.raises(FileError) as caught, atomic_path(target) as path:
        path.write_bytes(b"x" * 2_000)
    assert "the disk is full: more than 2,000 bytes needed" in caught.value.problems[0].message
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


def test_the_words_of_hdf5_are_understood(tmp_path: Path) -> None:
    def block() -> None:
        with atomic_path(tmp_path / "m.h5") as path:
            path.write_bytes(b"x" * 10)
            raise OSError("Can't write data (file write failed: errno = 28, error message = 'No space left on device')")

    with pytest.raises(FileError) as caught:
        block()
    assert "the disk is full: more than 10 bytes needed" in caught.value.problems[0].message


@POSIX
def test_a_file_size_limit(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_text("old")
    script = f"""
        import resource
        from kspec.files import write_atomically
        from kspec.diagnostics import FileError
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            write_atomically({str(target)!r}, b"x" * 5000)
        except FileError as error:
            print(error)
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert result.stdout == ("cannot write `a`: it is larger than the file size limit allows: 5,000 bytes needed\n")
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


@POSIX
def test_killed_in_the_middle_the_old_file_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old" * 1000)
    script = f"""
        from kspec.files import atomic_path
        with atomic_path({str(target)!r}) as path, open(path, "wb") as file:
            file.write(b"new")
            file.flush()
            print("half", flush=True)
            import time
            time.sleep(60)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"half\n"
        process.send_signal(signal.SIGKILL)
    assert target.read_bytes() == b"old" * 1000
    write_atomically(target, b"new")
    assert target.read_bytes() == b"new"


def test_a_file_that_is_read_is_not_written(in_tmp: Path) -> None:
    Path("a").touch()
    Path("link").symlink_to("a")
    for path in ("a", in_tmp / "a", "link", "./a"):
        with pytest.raises(UsageError, match="it would be written over"):
            check_other(path, None, "other", "a")
    check_other("b", "a", "b", "x\0", None)
    check_other("x\0", "a")
