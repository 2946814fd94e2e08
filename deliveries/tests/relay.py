"""A relay for tests: the development receiver in a thread, which refuses whom a test tells it to."""

import asyncio
import sqlite3
import threading
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from inbox.receiver import Policy, Refusal, listen
from inbox.store import Inbox


class Relay:
    """`refuse` says how to answer a recipient; `messages` is what was accepted, in its order."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.port = 0
        self.answers: dict[str, Refusal] = {}
        self.everybody: Refusal | None = None
        self._policy = Policy()
        self._policy.refusal = self._refusal
        self._seen: set[str] = set()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def refuse(self, recipient: str, reply: str, *, once: bool = False) -> None:
        self.answers[recipient] = Refusal(reply, once=once)

    def refuse_everybody(self, reply: str | None) -> None:
        self.everybody = Refusal(reply) if reply else None

    def _refusal(self, recipient: str) -> Refusal | None:
        answer = self.everybody or self.answers.get(recipient)
        if answer is None or (answer.once and recipient in self._seen):
            return None
        self._seen.add(recipient)
        return answer

    @property
    def delay(self) -> float:
        """Seconds before each answer to a message."""
        return self._policy.delay

    @delay.setter
    def delay(self, seconds: float) -> None:
        self._policy.delay = seconds

    def recipients(self) -> list[str]:
        return sorted(row[0] for row in self._rows("recipient"))

    def messages(self) -> list[EmailMessage]:
        return [message_from_bytes(octets, policy=policy.default) for octets in self.octets()]

    def octets(self) -> list[bytes]:
        """The messages as they came over the wire, without their dots."""
        return [zlib.decompress(row[0]) for row in self._rows("raw")]

    def _rows(self, column: str) -> list[tuple]:
        with closing(sqlite3.connect(self.file)) as reader:
            return reader.execute(f"SELECT {column} FROM message ORDER BY id").fetchall()


@contextmanager
def relay_running(file: Path) -> Iterator[Relay]:
    relay = Relay(file)
    ready, stop = threading.Event(), None
    loop = asyncio.new_event_loop()

    def run() -> None:
        nonlocal stop
        asyncio.set_event_loop(loop)
        stop = asyncio.Event()

        async def serve() -> None:
            inbox = Inbox(file)
            server = await listen(inbox, relay._policy, port=0)
            relay.port = server.sockets[0].getsockname()[1]
            ready.set()
            await stop.wait()
            server.close()
            inbox.close()

        loop.run_until_complete(serve())
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait(10)
    yield relay
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
