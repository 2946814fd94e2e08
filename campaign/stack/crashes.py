"""Ends the services of a temporary stack as a power cut or the kernel would, and begins them again.

For drills alone: the folder of a stack that `campaign.stack.temporary` started names the service.
"""

import os
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path
from subprocess import SubprocessError

import psutil

from campaign.stack import services
from campaign.stack.errors import StackError

SECONDS_TO_COME_BACK = 60
SECONDS_TO_DIE = 10


def crash_postgres(folder: Path) -> None:
    """PostgreSQL is gone without a checkpoint (`immediate`): all its sessions are cut, it will have to recover."""
    postmaster = psutil.Process(_postmaster(folder))
    postmaster.send_signal(signal.SIGQUIT)
    with suppress(psutil.TimeoutExpired):
        postmaster.wait(SECONDS_TO_DIE)


def recover_postgres(folder: Path) -> None:
    """Start PostgreSQL again, which replays its log, under the same URL; raise StackError where it can't serve."""
    server = services.running_postgres(folder)
    deadline = time.monotonic() + SECONDS_TO_COME_BACK
    while True:
        try:
            with services.uninterrupted():
                server.ensure_postgres_running()
            return
        except (SubprocessError, OSError, AssertionError, psutil.Error) as error:
            # The wheel waits for ten seconds, and its look at the file of a server that is coming up may fail.
            if time.monotonic() > deadline:
                raise StackError(f"PostgreSQL did not come back on {folder}: {error}") from error
            time.sleep(0.2)


def lose_valkey(folder: Path) -> None:
    """Valkey is killed, and what it had written is gone."""
    services.running_valkey(folder).terminate()
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.suffix in {".rdb", ".aof"}:
            entry.unlink()


def begin_valkey(folder: Path) -> None:
    """Valkey serves again, with nothing in it, under the same URL as before."""
    with services.uninterrupted():
        services.running_valkey(folder).start()


def _postmaster(folder: Path) -> int:
    number = int((folder / "postmaster.pid").read_text().splitlines()[0])
    os.kill(number, 0)
    return number
