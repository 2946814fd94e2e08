"""Segments: files of this host to which web processes append what happened, and from which a worker brings it in.

Each process appends to a file of its own, which it holds locked and lets go after SECONDS_UNTIL_KEPT, or when it dies.
Whoever takes a segment does so under that lock, so no line is added to a file that was read, and a line costs its
writer one write and no more. What was appended survives the death of any process at once, and a loss of power after
SECONDS_UNTIL_KEPT; what is `durable` survives that at once.
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
SECONDS_UNTIL_LET_GO = 4 * SECONDS_UNTIL_KEPT  # so long at most whoever takes waits for those who write
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
    if own := _writers.get(settings.FEEDBACK_FOLDER):
        own.let_go()
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
    """Appends for all threads of this process, which alone writes to its segment."""

    def __init__(self, home: Path) -> None:
        self._home, self._lock = home, threading.Lock()
        self._file, self._size = -1, 0
        self._is_open = threading.Event()
        self._keeper: threading.Thread | None = None

    def append(self, line: bytes, *, durable: bool) -> None:
        with self._lock:
            if self._file < 0:
                self._open()
            if self._keeper is None or not self._keeper.is_alive():
                self._begin_keeping()
            self._write(line)
            copy = os.dup(self._file) if durable else -1
            full = self._let_go_of() if self._size >= LARGEST else -1
        if durable:
            _sync_open(copy, self._home)
        if full >= 0:
            _sync_open(full, self._home)

    def let_go(self) -> None:
        """What was appended is on the disk, and anybody's to take."""
        with self._lock:
            file = self._let_go_of()
        if file >= 0:
            _sync_open(file, self._home)

    def abandon(self) -> None:
        """Of a process that forked: its segment is none of the child's, and held by it no longer."""
        with suppress(OSError):
            os.close(self._file)

    def _open(self) -> None:
        while True:
            path = folder() / f"{time_ordered_uuid().hex}.jsonl"
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, private.FILE)
            if _is_locked(file) and _is_at(file, path):
                break
            os.close(file)  # somebody took it, empty as it was
        self._file, self._size = file, 0
        self._is_open.set()

    def _begin_keeping(self) -> None:
        self._keeper = threading.Thread(target=self._keep, name="keeper of segments", daemon=True)
        self._keeper.start()

    def _write(self, line: bytes) -> None:
        try:
            if os.write(self._file, line) != len(line):
                raise OSError("the disk takes no whole line")
        except OSError:
            self._cut_half_a_line()
            raise
        self._size += len(line)

    def _cut_half_a_line(self) -> None:
        """No line follows half a one, which would spoil it."""
        try:
            os.ftruncate(self._file, self._size)
        except OSError:
            os.close(self._let_go_of())

    def _let_go_of(self) -> int:
        """The file, if there is one; whoever closes it lets it go."""
        file, self._file = self._file, -1
        return file

    def _keep(self) -> None:
        while True:
            self._is_open.wait()
            self._is_open.clear()
            time.sleep(SECONDS_UNTIL_KEPT)
            try:
                self.let_go()
            except OSError as error:
                logger.warning("a segment could not be synced: %s", error)


class _Taking:
    """Holds the lock of one segment at a time."""

    def __init__(self) -> None:
        self._file = -1

    def __enter__(self) -> "_Taking":
        return self

    def __exit__(self, *_error: object) -> None:
        self._let_go()

    def each(self, *, held: bool) -> Iterator[Path]:
        """Those that are written to come last, each as soon as its writer lets it go."""
        until = time.monotonic() + SECONDS_UNTIL_LET_GO
        paths = [path for path in _paths() if held or not path.name.startswith(HELD)]
        while paths:
            written: list[Path] = []
            for path in paths:
                try:
                    if own := self._take(path):
                        yield own
                except BlockingIOError:
                    written.append(path)
                except OSError:
                    continue  # it is gone
                finally:
                    self._let_go()
            paths = [path for path in written if not path.name.startswith((TAKEN, HELD))]
            if paths and time.monotonic() > until:
                return
            if paths:
                time.sleep(SECONDS_UNTIL_KEPT / 10)

    def _take(self, path: Path) -> Path | None:
        """The path under which the segment is ours now, None where it is gone; BlockingIOError where it is in use."""
        self._file = os.open(path, os.O_RDWR)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _is_at(self._file, path):
            return None
        if path.name.startswith((TAKEN, HELD)):
            return path
        own = path.with_name(TAKEN + path.name)
        path.rename(own)
        os.fsync(self._file)
        return own

    def _let_go(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1


_writers_lock = threading.Lock()
_writers: dict[Path, _Writer] = {}


def _writer_for(home: Path) -> _Writer:
    writer = _writers.get(home)
    if writer is None:
        with _writers_lock:
            writer = _writers.setdefault(home, _Writer(Path(home) / "spool"))
    return writer


def _begin_anew() -> None:
    """A process that forked has no segment, and holds none of its parent's."""
    global _writers_lock
    for writer in _writers.values():
        writer.abandon()
    _writers.clear()
    _writers_lock = threading.Lock()


os.register_at_fork(after_in_child=_begin_anew)


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


def _is_locked(file: int) -> bool:
    """It is ours alone from now on; False where somebody else has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
