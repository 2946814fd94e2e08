"""Whose turn it is, where several processes run the tests of one run: together, or one alone."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


class Turns:
    """Locks in a folder that the processes of a run share. They end with the process that holds them."""

    def __init__(self, folder: Path) -> None:
        self._door = (folder / "door").open("a")
        self._room = (folder / "room").open("a")

    @contextmanager
    def taken(self, *, alone: bool) -> Iterator[None]:
        """Wait for a turn and hold it: beside others, or alone, with everybody else waiting meanwhile."""
        with _locked(self._door, fcntl.LOCK_EX):
            # Who waits for the others to leave keeps the door shut, or new ones would come in for ever.
            fcntl.flock(self._room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        try:
            yield
        finally:
            fcntl.flock(self._room, fcntl.LOCK_UN)


@contextmanager
def _locked(file: TextIO, kind: int) -> Iterator[None]:
    fcntl.flock(file, kind)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
