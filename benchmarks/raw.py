"""The ceiling: ready bytes over pipelined connections, with no recipient, no rendering and no database.

`python -m benchmarks.raw PORT MESSAGES CONNECTIONS BODY_FILE` connects, says `ready`, waits for a line, sends,
and says `done`. A group is what the engine writes at a time: this body and the next envelope.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import uvloop

_ENVELOPE = b"MAIL FROM:<raw@example.com>\r\nRCPT TO:<someone@example.com>\r\nDATA\r\n"
_ANSWERS_TO_ENVELOPE, _ANSWERS_TO_BODY = 3, 1


class Job:
    """What is left to send, by all connections together."""

    def __init__(self, messages: int, body: bytes) -> None:
        self.left = messages
        self.body, self.body_and_envelope = body, body + _ENVELOPE

    def take(self) -> bool:
        self.left -= 1
        return self.left >= 0


class Connection(asyncio.Protocol):
    """Counts lines: smtp-sink answers in one line each."""

    def __init__(self, job: Job) -> None:
        self.job = job
        loop = asyncio.get_running_loop()
        self.ready, self.done = loop.create_future(), loop.create_future()
        self._awaited = 0
        self._has_body = False

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        for future in (self.ready, self.done):
            if not future.done():
                future.set_exception(ConnectionError("the receiver hung up"))

    def data_received(self, data: bytes) -> None:
        if not self.ready.done():
            self._greet(data)
            return
        if data[0] not in b"23":
            raise ConnectionError(data)
        self._awaited -= data.count(b"\n")
        if not self._awaited:
            self._write()

    def _greet(self, data: bytes) -> None:
        if data.startswith(b"220"):
            self._transport.write(b"EHLO raw\r\n")
        elif data.startswith(b"250 ") or b"\n250 " in data:
            self.ready.set_result(None)

    def start(self) -> None:
        self._write()

    def _write(self) -> None:
        has_body, self._has_body = self._has_body, self.job.take()
        if has_body and self._has_body:
            self._awaited = _ANSWERS_TO_BODY + _ANSWERS_TO_ENVELOPE
            self._transport.write(self.job.body_and_envelope)
        elif self._has_body:
            self._awaited = _ANSWERS_TO_ENVELOPE
            self._transport.write(_ENVELOPE)
        elif has_body:
            self._awaited = _ANSWERS_TO_BODY
            self._transport.write(self.job.body)
        else:
            self.done.set_result(None)


async def main(port: int, messages: int, connections: int, body: bytes) -> None:
    job = Job(messages, body)
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: Connection(job), "127.0.0.1", port) for _ in range(connections)
    ]
    await asyncio.gather(*(connection.ready for _, connection in made))
    print("ready", flush=True)
    sys.stdin.readline()
    for _, connection in made:
        connection.start()
    await asyncio.gather(*(connection.done for _, connection in made))
    print("done", flush=True)


if __name__ == "__main__":
    port, messages, connections = (int(word) for word in sys.argv[1:4])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(port, messages, connections, Path(sys.argv[4]).read_bytes()))
