"""Envelopes sent through a pool of connections to a scripted server, and what must hold of every answer."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any

import pytest
import uvloop

from deliveries.channels.base import Envelope, Outcome, Relay, Result
from deliveries.channels.smtp import Pool
from deliveries.tests.smtp_server import Script, Server

BODY = b"Subject: hello\r\n\r\nhello\r\n"
ALL_ENDED = 10.0


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run to the end on the loop that workers use; it may take ALL_ENDED seconds."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(asyncio.wait_for(coroutine, ALL_ENDED))


def letter(seq: int, *, recipient: str = "", sender: str = "", body: bytes = BODY) -> Envelope:
    """An envelope of a number, to and from addresses that tell the number."""
    return Envelope(
        seq,
        sender or f"b+{seq}@bounce.example",
        recipient or f"u{seq}@example.org",
        lambda capabilities: body,
    )


def relay(server: Server, **changes: Any) -> Relay:
    """The server as a relay with little patience."""
    patience = {"timeout_s": 0.2, "body_timeout_s": 0.2, "tls": server.tls, "max_connections": 4}
    return Relay(host="127.0.0.1", port=server.port, **(patience | changes))


async def exchange(
    server: Server, letters: list[Envelope], *, connections: int = 1, **changes: Any
) -> dict[int, Outcome]:
    """Feed all, wait until each is decided, and check what must hold whatever the script."""
    async with Pool(relay(server, **changes), connections=connections, backoff_s=0.005) as pool:
        pool.feed(letters)
        outcomes = await pool.outcomes(at_least=len(letters))
        assert pool.pending == 0
    assert await pool.outcomes() == []
    assert sorted(outcome.seq for outcome in outcomes) == sorted(each.seq for each in letters)
    assert_truthful(server, outcomes)
    return {outcome.seq: outcome for outcome in outcomes}


def assert_truthful(server: Server, outcomes: list[Outcome]) -> None:
    """What is said of each envelope agrees with the server's own record."""
    assert server.faults == []
    times = Counter(server.taken)
    for outcome in outcomes:
        if outcome.result == Result.SENT:
            assert times[outcome.seq] == 1, outcome
        elif outcome.result != Result.IN_DOUBT:
            assert times[outcome.seq] == 0, outcome
        assert times[outcome.seq] <= 1
        assert outcome.text.isprintable()


def converse(script: Script, count: int = 3, **changes: Any) -> tuple[Server, dict[int, Outcome]]:
    """So many letters to a server that does as the script says: the server, and what became of them."""

    async def main() -> tuple[Server, dict[int, Outcome]]:
        async with Server(script) as server:
            return server, await exchange(server, [letter(seq) for seq in range(count)], **changes)

    return run(main())


def results(outcomes: dict[int, Outcome]) -> list[str]:
    """The results by name, in the envelopes' order."""
    return [outcomes[seq].result.value for seq in sorted(outcomes)]


WAYS = pytest.mark.parametrize(
    "extensions", [(b"PIPELINING", b"8BITMIME"), (b"8BITMIME",)], ids=["pipelined", "step by step"]
)
