"""A relay for the demo: the development mail server, which is started for as long as it is needed."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from django.conf import settings

SECONDS_TO_START = 15


@contextmanager
def running() -> Iterator[None]:
    """Have something take mail at RELAY_URL: what runs there already, or a server that this starts."""
    if _answers():
        yield
        return
    port = urlsplit(settings.RELAY_URL).port
    process = subprocess.Popen(
        [sys.executable, "-m", "campaign.stack", "receiver", "--port", str(port)], cwd=settings.BASE_DIR
    )
    try:
        _wait_for(process)
        yield
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait_for(process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + SECONDS_TO_START
    while not _answers():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"No mail server came up at {settings.RELAY_URL}.")
        time.sleep(0.05)


def _answers() -> bool:
    url = urlsplit(settings.RELAY_URL)
    try:
        with socket.create_connection((url.hostname or "127.0.0.1", url.port or 25), timeout=1):
            return True
    except OSError:
        return False
