"""Every failure of a command as one clear message and an exit status."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import signal
import sys
import threading
from typing import Any

import click

from kspec import signals
from kspec.diagnostics import KspecError, Problem, Stopped, UsageError, one_line

DEFECT = 70
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def guarded(command: click.Command) -> int:
    """Run the command; its exit status. A traceback is printed only where `--traceback` asks for one."""
    # Who started us may have closed a stream.
    sys.stdout, sys.stderr = sys.stdout or open(os.devnull, "w"), sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show `→` still gets the message
    if "--traceback" in sys.argv:
        os.environ["KSPEC_TRACEBACK"] = "1"
    try:
        _stand_somewhere()
        result = _called(command)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.Abort as error:  # click's word for Ctrl-C and for the end of input at a prompt
        return interrupted(error.__cause__)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except KspecError as error:
        trace()
        say(error.problems)
        return error.status
    except KeyboardInterrupt as error:
        return interrupted(error)
    except BrokenPipeError:
        # whoever read our output has gone; nothing more can be said to them
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno not in _NO_ROOM:
            trace()
            return defect(one_line(error))
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to write when Python ends
        message = f"cannot write the output: {(error.strerror or str(error)).lower()}"
        say((Problem("file-write", message, help="make room, or write elsewhere"),))
        return 3
    except MemoryError:
        trace()
        say((Problem("too-large", "out of memory", help="make the model or the data smaller"),))
        return 3
    except Exception as error:
        trace()
        return defect(one_line(error))


def _called(command: click.Command) -> Any:
    """What the command returns; what fails after a signal came is its doing: libraries make other errors of it."""
    try:
        return command.main(standalone_mode=False)
    except Exception as error:
        number = signals.asked()
        if number is None and isinstance(error.__context__, Stopped) and not isinstance(error, click.Abort):
            number = error.__context__.number  # click cannot say so on a terminal that was closed
        if number is None:
            raise
        raise Stopped(number) from error


def interrupted(error: BaseException | None) -> int:
    """A person or the system wants an end: the status that shells give to the signal."""
    trace()
    number = error.number if isinstance(error, Stopped) else signal.SIGINT
    with contextlib.suppress(OSError):  # a terminal that was closed
        print(signals.told(number), file=sys.stderr)
    return 128 + number


def _stand_somewhere() -> None:
    """Raise UsageError where the current folder was removed: no relative path means anything."""
    try:
        os.getcwd()
    except OSError:
        problem = Problem("environment", "the current folder does not exist any more", help="change to one that does")
        raise UsageError(problem) from None


def send_again(dropped: sys.UnraisableHookArgs) -> None:
    """Send a signal again that came inside a destructor or a garbage collector's callback: Python drops it there.

    Not shown: after the first write of a checkpoint that failed TensorStore's threads tell others to a loop that is
    closed.
    """
    if issubclass(dropped.exc_type, KeyboardInterrupt):
        number = dropped.exc_value.number if isinstance(dropped.exc_value, Stopped) else signal.SIGINT
        again = threading.Timer(0.02, signals.send_again, (number,))
        again.daemon = True
        again.start()
    elif str(dropped.exc_value) != "Event loop is closed":
        sys.__unraisablehook__(dropped)


def leave(status: int) -> None:
    """End at once: Python's orderly end crashes where XLA still compiles on a thread of its own."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(status)


def defect(what: str, file: str = "") -> int:
    """A defect of ours: said in a line, the rest for those who ask."""
    place = f"{file}: " if file else ""
    print(f"kspec: {place}a defect of kspec itself: {what}", file=sys.stderr)
    print("kspec: please report it, with what `--traceback` prints", file=sys.stderr)
    return DEFECT


def say(problems: tuple[Problem, ...]) -> None:
    """Problems on standard error."""
    from kspec.report.ansi import terminal_width, wants_colour
    from kspec.report.problems import render

    text = render(problems, colour=wants_colour(sys.stderr), width=terminal_width(sys.stderr))
    sys.stderr.write(text)


def tracing() -> bool:
    """Whether tracebacks are asked for."""
    return bool(os.environ.get("KSPEC_TRACEBACK"))


def trace(text: str | None = None) -> None:
    """A traceback, for those who asked for it; that of what is being handled where none is given."""
    if tracing() and text != "":
        import traceback

        sys.stderr.write(traceback.format_exc() if text is None else text)
