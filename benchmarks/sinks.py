"""Where a benchmark's messages go: a process of its own that takes each and keeps count.

`smtp-sink` of Debian's postfix, or, where that is missing or an answer must take its time, the small server
below (`python -m benchmarks.sinks PORT COUNT_FILE DELAY_MS`).
"""

import asyncio
import mmap
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SMTP_SINK, FALLBACK = "smtp-sink", "fallback"
_COUNT = struct.Struct("=Q")
_TAIL = 100  # octets: more than one of smtp-sink's counts takes


@dataclass
class Sink:
    """A receiver that runs: its port, what kind it is, and what it has counted."""

    port: int
    kind: str
    process: subprocess.Popen[bytes]
    counts: Path

    def count(self) -> int:
        """How many messages it took since it began."""
        with self.counts.open("rb") as counts:
            if self.kind != SMTP_SINK:
                return _COUNT.unpack(counts.read(_COUNT.size) or b"\0" * _COUNT.size)[0]
            size = os.fstat(counts.fileno()).st_size
            counts.seek(max(0, size - _TAIL))
            _before, found, last = counts.read().rpartition(b"mesg=")
        return int(last.split(b"\r")[0]) if found else 0


@contextmanager
def sink(*, delay_ms: int = 0) -> Iterator[Sink]:
    """A receiver in a process of its own. With a delay it is never smtp-sink, which can wait whole seconds only."""
    program = None if delay_ms else postfix_program(SMTP_SINK)
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="sinete-sink-") as folder:
        counts = Path(folder) / "counts"
        if program:
            user = ["-u", "nobody"] if os.geteuid() == 0 else []
            command, kind = [program, "-c", *user, f"127.0.0.1:{port}", "1000"], SMTP_SINK
        else:
            own = [sys.executable, "-m", "benchmarks.sinks", str(port), str(counts), str(delay_ms)]
            command, kind = own, FALLBACK
        with (Path(folder) / "said").open("wb") if kind == FALLBACK else counts.open("ab") as said:
            process = subprocess.Popen(command, stdout=said, stderr=subprocess.DEVNULL)
        try:
            _await_port(port)
            yield Sink(port, kind, process, counts)
        finally:
            process.kill()
            process.wait()


def postfix_program(name: str) -> str | None:
    """Where Debian keeps smtp-sink and smtp-source: not on everybody's path."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _await_port(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("the receiver did not come up")


class Taker(asyncio.Protocol):
    """Takes every message; what it answers comes after the delay."""

    def __init__(self, counts: mmap.mmap, delay_s: float) -> None:
        self.counts, self.delay_s = counts, delay_s
        self.loop = asyncio.get_running_loop()
        self.rest = b""
        self.is_in_body = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._say(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self.rest += data
        answers = []
        while (answer := self._next()) is not None:
            answers.append(answer)
        if answers:
            self._say(b"".join(answers))

    def _next(self) -> bytes | None:
        end = b"\r\n.\r\n" if self.is_in_body else b"\r\n"
        at = self.rest.find(end)
        if at < 0:
            return None
        line, self.rest = self.rest[:at], self.rest[at + len(end) :]
        if self.is_in_body:
            self.is_in_body = False
            _COUNT.pack_into(self.counts, 0, _COUNT.unpack_from(self.counts)[0] + 1)
            return b"250 2.0.0 Ok\r\n"
        return self._answer(line[:4].upper())

    def _answer(self, command: bytes) -> bytes:
        if command == b"EHLO":
            return b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
        if command == b"DATA":
            self.is_in_body = True
            return b"354 End data with <CR><LF>.<CR><LF>\r\n"
        return b"221 2.0.0 Bye\r\n" if command == b"QUIT" else b"250 2.0.0 Ok\r\n"

    def _say(self, answers: bytes) -> None:
        if self.delay_s:
            self.loop.call_later(self.delay_s, self.transport.write, answers)
        else:
            self.transport.write(answers)


async def _serve(port: int, counts_file: str, delay_s: float) -> None:
    with Path(counts_file).open("w+b") as file:
        file.truncate(mmap.PAGESIZE)
        counts = mmap.mmap(file.fileno(), mmap.PAGESIZE)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Taker(counts, delay_s), "127.0.0.1", port, backlog=1000)
        await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]) / 1000))
