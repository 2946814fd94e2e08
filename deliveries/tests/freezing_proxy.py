"""A way to a relay that can fall silent: what is connected then stays open and hears nothing, new ones work.

As after a firewall forgot them, or as with a relay whose answers take long: the kernel goes on acknowledging.
"""

import asyncio
from contextlib import suppress


class FreezingProxy:
    """Use it as `async with FreezingProxy(server.port) as proxy`; it listens on `proxy.port`."""

    def __init__(self, target: int) -> None:
        self.target, self.port = target, 0
        self.open = self.most_open = self.made = 0
        self.freezes_all = False  # also those that are opened from now on
        self._thawed: list[asyncio.Event] = []  # of each connection that is open
        self._pumps: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "FreezingProxy":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        for pump in tuple(self._pumps):
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    def freeze(self) -> int:
        """What is connected now falls silent; say how many that are."""
        for thawed in self._thawed:
            thawed.clear()
        return len(self._thawed)

    def thaw(self) -> None:
        """All that was held back arrives."""
        self.freezes_all = False
        for thawed in self._thawed:
            thawed.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.target)
        thawed = asyncio.Event()
        thawed.set()
        self._thawed.append(thawed)
        self.made += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        # What we say goes on to the relay, as from a sender whose packets arrive and who hears no answer.
        pumps = [
            asyncio.create_task(self._pump(reader, there_writer, None)),
            asyncio.create_task(self._pump(there_reader, writer, thawed)),
        ]
        self._pumps.update(pumps)
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.open -= 1
            self._thawed.remove(thawed)
            for pump in pumps:
                pump.cancel()
                self._pumps.discard(pump)
            for end in (writer, there_writer):
                end.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, thawed: asyncio.Event | None
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                if thawed is not None:
                    if self.freezes_all:
                        thawed.clear()
                    await thawed.wait()
                writer.write(data)
                await writer.drain()
