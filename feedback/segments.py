"""Segments: files of this host to which web processes append what happened, and from which a worker brings it in.

Each process appends to a file of its own. Whoever takes a segment renames it under its lock, and a writer that no
longer finds its file opens another, so no line is added to a file that was read. What was appended survives the death
of any process at once, and a loss of power after SECONDS_UNTIL_KEPT at most; what is `durable` survives that at once.
"""

import fcntl
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from campaign.lib import private
from feedback.models import time_ordered_uuid

logger = logging.getLogger(__name__)

SECONDS_UNTIL_KEPT = 0.5
LARGEST = 64_000_000  # octets; a longer segment would be brought in again from its beginning after a death
TAKEN, HELD = "taken-", "held-"


def folder() -> Path:
    """Where the segments of this host are; it is there, and closed to others."""
    private.folder(Path(settings.FEEDBACK_FOLDER))
    return private.folder(Path(settings.FEEDBACK_FOLDER) / "spool")


def append(line: str, *, durable: bool = False) -> None:
    """The line is in a segment of this process, and if `durable` on the disk itself; raise OSError where it is not."""
    _writer_for(settings.FEEDBACK_FOLDER).append(line.encode() + b"\n", durable=durable)


@dataclass(frozen=True)
class Waiting:
    """What this host has not brought in yet."""

    number: int
    oldest: float | None  # seconds since the epoch at which the oldest segment was begun; None: nothing waits


def waiting() -> Waiting:
    """How much waits; the segments are read for it."""
    number, began = 0, []
    for path in _paths():
        with suppress(FileNotFoundError), path.open("rb") as file:
            lines = sum(1 for _line in file)
            number += lines
            if lines:
                began.append(_began(path))
    return Waiting(number, min(began, default=None))


def is_anything_waiting(*, held: bool = True) -> bool:
    """Whether some segment holds a line; no file is read. Without `held` those that were refused before don't count."""
    for path in _paths():
        if path.name.startswith(HELD) and not held:
            continue
        with suppress(FileNotFoundError):
            if path.stat().st_size:
                return True
    return False


@contextmanager
def taken(*, held: bool = True) -> Iterator[Iterator[Path]]:
    """The segments that are this process's to bring in, the oldest first: each is locked while it is looked at.

    With `held` also those whose lines were refused before.
    """
    with _Taking() as taking:
        yield taking.each(held=held)


def hold(path: Path, lines: list[str]) -> None:
    """Of a segment that was taken only these lines are left; they are tried again later."""
    draft = path.with_suffix(".tmp")
    private.write(draft, "".join(f"{line}\n" for line in lines))
    _sync(draft)
    draft.replace(path.with_name(HELD + path.name.removeprefix(TAKEN).removeprefix(HELD)))
    if not path.name.startswith(HELD):
        path.unlink(missing_ok=True)


class _Writer:
    """Appends for all threads of this process."""

    def __init__(self, home: Path) -> None:
        self._home, self._lock = home, threading.Lock()
        self._path, self._file = "", -1
        self._is_new, self._unkept = False, threading.Event()
        self._keeper: threading.Thread | None = None

    def append(self, line: bytes, *, durable: bool) -> None:
        with self._lock:
            size = self._locked()
            try:
                self._write(line, size)
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)
            copy = os.dup(self._file) if durable else -1
            self._see_to_keeping()
        if durable:
            _sync_open(copy, self._home)

    def _locked(self) -> int:
        """The size of this process's segment, which is where it was, and locked."""
        while True:
            if self._file < 0:
                self._open()
            fcntl.flock(self._file, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                size = os.stat(self._path).st_size
                if size < LARGEST:
                    return size
            os.close(self._file)  # it was taken, or is full
            self._file = -1

    def _open(self) -> None:
        self._path = str(folder() / f"{time_ordered_uuid().hex}.jsonl")
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, private.FILE)
        self._is_new = True

    def _write(self, line: bytes, size: int) -> None:
        try:
            if os.write(self._file, line) != len(line):
                raise OSError("the disk takes no whole line")
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file, size)  # half a line would spoil the next one
            raise

    def _see_to_keeping(self) -> None:
        if self._keeper is None or not self._keeper.is_alive():  # as after a fork
            self._keeper = threading.Thread(target=self._keep, name="keeper of segments", daemon=True)
            self._keeper.start()
        if not self._unkept.is_set():
            self._unkept.set()

    def _keep(self) -> None:
        while True:
            self._unkept.wait()
            time.sleep(SECONDS_UNTIL_KEPT)
            self._unkept.clear()
            with self._lock:
                copy = os.dup(self._file) if self._file >= 0 else -1
            if copy >= 0:
                with suppress(OSError):
                    _sync_open(copy, self._home)


class _Taking:
    """Holds the lock of one segment at a time."""

    def __init__(self) -> None:
        self._file = -1

    def __enter__(self) -> "_Taking":
        return self

    def __exit__(self, *_error: object) -> None:
        self._let_go()

    def each(self, *, held: bool) -> Iterator[Path]:
        for path in _paths():
            if path.name.startswith(HELD) and not held:
                continue
            with suppress(OSError):
                if own := self._take(path):
                    yield own
            self._let_go()

    def _take(self, path: Path) -> Path | None:
        """The path under which the segment is ours now; None where it is in other hands, or gone."""
        self._file = os.open(path, os.O_RDWR)
        if path.name.startswith((TAKEN, HELD)):
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return path if _is_at(self._file, path) else None
        fcntl.flock(self._file, fcntl.LOCK_EX)  # a writer holds it for as long as it adds a line
        if not _is_at(self._file, path):
            return None
        own = path.with_name(TAKEN + path.name)
        path.rename(own)
        os.fsync(self._file)
        return own

    def _let_go(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1


_writers_lock = threading.Lock()
_writers: dict[tuple[int, Path], _Writer] = {}


def _writer_for(home: Path) -> _Writer:
    key = (os.getpid(), home)
    writer = _writers.get(key)
    if writer is None:
        with _writers_lock:
            writer = _writers.setdefault(key, _Writer(Path(home) / "spool"))
    return writer


def _paths() -> list[Path]:
    try:
        return sorted(
            (Path(settings.FEEDBACK_FOLDER) / "spool").glob("*.jsonl"), key=lambda path: path.name[-38:]
        )
    except OSError:
        return []


def _began(path: Path) -> float:
    """When a segment was begun, which its name tells; of a file of another name, when it was last written."""
    digits = path.stem.rpartition("-")[2]
    with suppress(ValueError):
        if len(digits) == 32:
            return (int(digits, 16) >> 80) / 1000
    return path.stat().st_mtime


def _is_at(file: int, path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file), path.stat())
    return False


def _sync(path: Path) -> None:
    _sync_open(os.open(path, os.O_RDONLY), path.parent)


def _sync_open(file: int, home: Path) -> None:
    """The file and its name in its folder are on the disk; the file is closed."""
    try:
        os.fsync(file)
    finally:
        os.close(file)
    entry = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(entry)
    finally:
        os.close(entry)
