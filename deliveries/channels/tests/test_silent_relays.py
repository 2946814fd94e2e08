"""Connections that stay open and say nothing: others take their place, and late answers still count."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from deliveries.channels.base import Outcome, Relay
from deliveries.channels.smtp import Pool
from deliveries.tests.freezing_proxy import FreezingProxy
from deliveries.tests.smtp_dialogue import assert_truthful, letter, run
from deliveries.tests.smtp_server import SILENCE, Script, Server

SILENT = 0.1  # seconds that these pools take for silence


def relay(port: int, **changes: Any) -> Relay:
    patience = {"timeout_s": 5.0, "body_timeout_s": 5.0, "silence_s": SILENT, "max_connections": 4}
    return Relay(host="127.0.0.1", port=port, **(patience | changes))


async def until(condition: Callable[[], Any]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


async def collect(pool: Pool, outcomes: list[Outcome], count: int) -> None:
    while len(outcomes) < count:
        outcomes += await pool.outcomes(timeout=0.05)


def by_seq(outcomes: list[Outcome]) -> dict[int, str]:
    return {outcome.seq: outcome.result.value for outcome in outcomes}


def swallowing(*seqs: int) -> Script:
    return Script(answers={(seq, "body"): SILENCE for seq in seqs})


def test_a_silent_connection_is_replaced_and_the_rest_leaves():
    async def main() -> tuple[Server, list[Outcome]]:
        outcomes: list[Outcome] = []
        async with Server(swallowing(0)) as server, Pool(relay(server.port), connections=1) as pool:
            pool.feed([letter(seq) for seq in range(20)])
            await collect(pool, outcomes, 19)
            assert pool.unanswered == {0}
        return server, outcomes + await pool.outcomes()

    server, outcomes = run(main())

    assert by_seq(outcomes) == {0: "in_doubt"} | dict.fromkeys(range(1, 20), "sent")
    assert server.connections == 2
    assert_truthful(server, outcomes)


def test_an_answer_that_comes_late_is_still_read_and_settles_its_message():
    async def main() -> tuple[Server, FreezingProxy, list[Outcome]]:
        outcomes: list[Outcome] = []
        async with (
            Server(Script(delay_s=0.01)) as server,
            FreezingProxy(server.port) as proxy,
            Pool(relay(proxy.port), connections=2) as pool,
        ):
            pool.feed([letter(seq) for seq in range(20)])
            await collect(pool, outcomes, 4)
            assert proxy.freeze() == 2
            await collect(pool, outcomes, 18)
            silent = pool.unanswered
            proxy.thaw()
            await collect(pool, outcomes, 20)
            assert len(silent) == 2
        return server, proxy, outcomes

    server, proxy, outcomes = run(main())

    assert by_seq(outcomes) == dict.fromkeys(range(20), "sent")
    assert proxy.most_open == 4
    assert_truthful(server, outcomes)


def test_the_next_envelope_of_a_silent_connection_goes_elsewhere_and_gets_no_empty_message():
    async def main() -> tuple[Server, list[Outcome]]:
        outcomes: list[Outcome] = []
        async with (
            Server(Script(delay_s=0.02)) as server,
            FreezingProxy(server.port) as proxy,
            Pool(relay(proxy.port), connections=1) as pool,
        ):
            pool.feed([letter(seq) for seq in range(3)])
            await collect(pool, outcomes, 1)
            proxy.freeze()
            await collect(pool, outcomes, 2)
            assert pool.unanswered == {1}
            proxy.thaw()
            await collect(pool, outcomes, 3)
        return server, outcomes

    server, outcomes = run(main())

    assert [outcome.seq for outcome in outcomes] == [0, 2, 1]
    assert by_seq(outcomes) == dict.fromkeys(range(3), "sent")
    assert_truthful(server, outcomes)


def test_a_pool_never_has_more_than_twice_its_connections():
    async def main() -> tuple[Server, list[Outcome]]:
        async with Server(swallowing(*range(20))) as server:
            async with Pool(relay(server.port), connections=2) as pool:
                pool.feed([letter(seq) for seq in range(20)])
                await until(lambda: pool.is_stuck)
                await asyncio.sleep(3 * SILENT)
                assert len(pool.unanswered) == 4
            return server, await pool.outcomes()

    server, outcomes = run(main())

    assert server.connections == 4
    assert sorted(by_seq(outcomes).values()) == ["in_doubt"] * 4 + ["not_attempted"] * 16
    assert_truthful(server, outcomes)


def test_a_place_is_free_again_once_a_silent_connection_is_back():
    async def main() -> tuple[FreezingProxy, list[Outcome]]:
        outcomes: list[Outcome] = []
        async with (
            Server(swallowing(2)) as server,
            FreezingProxy(server.port) as proxy,
            Pool(relay(proxy.port), connections=1) as pool,
        ):
            pool.feed([letter(0)])
            await collect(pool, outcomes, 1)
            pool.feed([letter(1)])
            proxy.freeze()
            await until(lambda: len(pool.silent) == 1)
            pool.feed([letter(2), letter(3)])
            await until(lambda: pool.is_stuck)
            proxy.thaw()
            await collect(pool, outcomes, 3)
            assert pool.unanswered == {2}
        return proxy, outcomes + await pool.outcomes()

    proxy, outcomes = run(main())

    assert by_seq(outcomes) == {0: "sent", 1: "sent", 2: "in_doubt", 3: "sent"}
    assert proxy.most_open == 2


@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
def test_what_no_body_was_written_of_is_not_in_doubt_and_is_given_back_by_who_drains(step):
    async def main() -> list[Outcome]:
        script = Script(answers={(0, step): SILENCE})
        async with Server(script) as server, Pool(relay(server.port), connections=1) as pool:
            pool.feed([letter(0), letter(1)])
            outcomes: list[Outcome] = []
            await collect(pool, outcomes, 1)
            pool.drain()
            await collect(pool, outcomes, 2)
            return outcomes

    outcomes = run(main())

    assert by_seq(outcomes) == {1: "sent", 0: "not_attempted"}
    assert not any(outcome.breaker for outcome in outcomes)


def test_an_answer_to_an_envelope_that_takes_longer_than_silence_is_waited_for():
    async def main() -> tuple[Server, list[Outcome]]:
        outcomes: list[Outcome] = []
        async with (
            Server(Script(delay_s=2.5 * SILENT)) as server,
            Pool(relay(server.port), connections=1) as pool,
        ):
            pool.feed([letter(0), letter(1)])
            await collect(pool, outcomes, 2)
        return server, outcomes

    server, outcomes = run(main())

    assert by_seq(outcomes) == {0: "sent", 1: "sent"}
    assert_truthful(server, outcomes)


def test_nobody_opens_another_where_it_may_not():
    async def main() -> int:
        async with Server(swallowing(0)) as server, Pool(relay(server.port), connections=1) as pool:
            pool.may_replace = lambda: False
            pool.feed([letter(0), letter(1)])
            await until(lambda: pool.is_stuck)
            await asyncio.sleep(SILENT)
            return server.connections

    assert run(main()) == 1


def test_the_kernel_looks_after_the_peer():

    async def main() -> list[int]:
        async with Server() as server, Pool(relay(server.port), connections=1) as pool:
            await pool.connected()
            (dialogue,) = pool._dialogues
            connection = dialogue._transport.get_extra_info("socket")
            return [
                connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
                connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL)
                * connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
                connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) // 1000,
            ]

    is_on, idle, probes, unacknowledged = run(main())

    assert is_on
    assert 0 < idle + probes <= 20
    assert 0 < unacknowledged <= 20
