"""A stream that may go away without taking the training with it."""

from __future__ import annotations

from typing import TextIO

__all__ = ["ForgivingStream"]


class ForgivingStream:
    """Writes to `stream` until that fails (a closed pipe, a terminal hung up, a full disk), then is silent.

    Hours of training must not end because nobody reads their progress. Characters that the stream's encoding lacks
    are written as escapes.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream: TextIO | None = stream

    def write(self, text: str) -> int:
        """Write `text`, or drop it where the stream is gone."""
        if self._stream is None:
            return len(text)
        try:
            try:
                self._stream.write(text)
            except UnicodeEncodeError:
                encoding = self._stream.encoding or "ascii"
                self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        except (OSError, ValueError):  # ValueError: the stream was closed
            self._stream = None
        return len(text)

    def flush(self) -> None:
        """Flush the stream, where it is still there."""
        try:
            if self._stream is not None:
                self._stream.flush()
        except (OSError, ValueError):
            self._stream = None

    def isatty(self) -> bool:
        """Whether this is a terminal that is still there."""
        try:
            return self._stream is not None and self._stream.isatty()
        except ValueError:
            return False

    def fileno(self) -> int:
        """The descriptor of the stream; OSError where it has none any more."""
        if self._stream is None:
            raise OSError("the stream is gone")
        return self._stream.fileno()

    @property
    def encoding(self) -> str:
        """The encoding of the stream."""
        return (self._stream.encoding if self._stream else None) or "utf-8"
