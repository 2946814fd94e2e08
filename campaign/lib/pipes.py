"""Output whose reader may go away: `list_deliveries | head` is no error, and no work is cut short by it."""

import io
import os
import sys
from typing import Any, TextIO


class _Pipe(io.FileIO):
    """A descriptor; once nobody reads it, what is written goes nowhere."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return super().write(data)


def patient(stream: TextIO) -> TextIO:
    """The same output, which may lose its reader without an error; a stream without a descriptor stays as it is."""
    try:
        number = stream.fileno()
    except (OSError, ValueError):
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Pipe(number, "w", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.isatty(),
    )


def outlive_readers() -> None:
    """From here on this process may write to a pipe that nobody reads any more."""
    sys.stdout, sys.stderr = patient(sys.stdout), patient(sys.stderr)
