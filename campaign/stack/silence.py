"""A line between two programs that misbehaves when it is told: it falls silent, swallows answers, or carries them late.

For drills and tests. A line that falls silent is what a vanished host or a firewall that forgot looks like from this
side: connections stay open, nothing moves any more, and a new connection works.
"""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

Target = tuple[str, int] | str  # host and port, or the path of a socket


class Line:
    """A proxy in a thread of its own, on a port of this machine."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.port = 0
        self.made = 0  # connections so far
        self.swallows = False  # what the far end says is lost
        self.late_s = 0.0  # what the far end says comes so much later
        self.cheated: set[int] = set()  # connections of which an answer was lost, or may have been
        self._silent: set[int] = set()
        self._open: set[int] = set()
        self._loop = asyncio.new_event_loop()
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._main, daemon=True)

    def fall_silent(self) -> int:
        """All connections that stand now say nothing any more, for ever; returns how many that are."""
        self._silent |= self._open
        self.cheated |= self._open
        return len(self._open)

    def start(self) -> "Line":
        self._thread.start()
        self._is_up.wait(10)
        return self

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._is_up.set()
        self._loop.run_forever()
        server.close()
        self._silent.clear()  # or what it carries would wait on
        carrying = asyncio.all_tasks(self._loop)
        for task in carrying:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*carrying, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0))  # what was closed is told so
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, self.made = self.made, self.made + 1
        with contextlib.suppress(OSError, asyncio.CancelledError), contextlib.closing(writer):
            if isinstance(self.target, str):
                far_reader, far_writer = await asyncio.open_unix_connection(self.target)
            else:
                far_reader, far_writer = await asyncio.open_connection(*self.target)
            self._open.add(number)
            try:
                await asyncio.gather(
                    self._carry(number, reader, far_writer, is_answer=False),
                    self._carry(number, far_reader, writer, is_answer=True),
                )
            finally:
                self._open.discard(number)

    async def _carry(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool
    ) -> None:
        try:
            while data := await reader.read(65_536):
                while number in self._silent:
                    await asyncio.sleep(0.05)
                if is_answer and self.swallows:
                    self.cheated.add(number)
                    continue
                if is_answer and self.late_s:
                    await asyncio.sleep(self.late_s)
                writer.write(data)
                await writer.drain()
        finally:
            while number in self._silent:  # not even its end is heard
                await asyncio.sleep(0.05)
            writer.close()


@contextmanager
def line(target: Target) -> Iterator[Line]:
    """A line to the target while the block runs."""
    proxy = Line(target).start()
    try:
        yield proxy
    finally:
        proxy.stop()


def to_postgres(url: str) -> Target:
    """Where the database of an embedded server's URL listens: a socket."""
    return f"{unquote(urlsplit(url).netloc.rpartition('@')[2])}/.s.PGSQL.5432"


def through(proxy: Line, url: str) -> str:
    """The same database behind the line."""
    parts = urlsplit(url)
    return f"{parts.scheme}://postgres@127.0.0.1:{proxy.port}{parts.path}"
