"""Every failure of a command as one clear message and an exit status."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

import click

from kspec.diagnostics import KspecError, Problem

DEFECT = 70


def guarded(command: click.Command) -> int:
    """Run the command; its exit status. A traceback is printed only where `--traceback` asks for one."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show `→` still gets the message
    if "--traceback" in sys.argv:
        os.environ["KSPEC_TRACEBACK"] = "1"
    try:
        result: Any = command.main(standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.Abort:
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except KspecError as error:
        trace()
        say(error.problems)
        return error.status
    except KeyboardInterrupt:
        trace()
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # whoever read our output has gone; nothing more can be said to them
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        trace()
        say((Problem("too-large", "out of memory", help="make the model or the data smaller"),))
        return 3
    except Exception as error:  # a defect of ours: said in a line, the rest for those who ask
        trace()
        first = (str(error).strip().splitlines() or [""])[0][:300]
        print(f"kspec: a defect of kspec itself: {type(error).__name__}: {first}", file=sys.stderr)
        print("kspec: please report it, with what `--traceback` prints", file=sys.stderr)
        return DEFECT


def say(problems: tuple[Problem, ...]) -> None:
    """Problems on standard error."""
    from kspec.report.ansi import terminal_width, wants_colour
    from kspec.report.problems import render

    text = render(problems, colour=wants_colour(sys.stderr), width=terminal_width(sys.stderr))
    sys.stderr.write(text)


def trace() -> None:
    """The traceback of what is being handled, for those who asked for it."""
    if os.environ.get("KSPEC_TRACEBACK"):
        import traceback

        traceback.print_exc()
