"""Connections as they end, rest or wait: what was begun is finished, and the rest comes back untouched."""

import asyncio
from collections import Counter

from campaign.lib import clock
from deliveries.channels.base import Capabilities, Outcome, Result
from deliveries.channels.smtp import Pool
from deliveries.tests.smtp_dialogue import BODY, WAYS, assert_truthful, letter, relay, run
from deliveries.tests.smtp_server import SILENCE, Script, Server


def test_draining_returns_the_untouched_and_finishes_the_begun():
    async def main() -> tuple[Server, list[Outcome]]:
        async with Server(Script(delay_s=0.02)) as server:
            async with Pool(relay(server), connections=2) as pool:
                pool.feed([letter(seq) for seq in range(100)])
                some = await pool.outcomes(at_least=2)
                pool.drain()
                rest = await pool.outcomes(at_least=100)
                pool.feed([letter(100)])
                late = await pool.outcomes()
            return server, some + rest + late

    server, outcomes = run(main())

    counts = Counter(outcome.result for outcome in outcomes)
    assert counts[Result.SENT] == len(server.taken) <= 8
    assert counts[Result.NOT_ATTEMPTED] == 101 - len(server.taken)
    assert not any(outcome.breaker for outcome in outcomes)
    assert_truthful(server, outcomes)
    assert server.commands.count(b"QUIT") == 2


@WAYS
def test_what_is_no_longer_held_is_not_begun(extensions):
    """The process was frozen while the first was answered: the others may be somebody else's by now."""

    async def main() -> tuple[Server, list[Outcome], list[str]]:
        said: list[str] = []
        async with (
            Server(Script(extensions=extensions)) as server,
            Pool(relay(server), connections=1) as pool,
        ):

            def fill(capabilities: Capabilities) -> bytes:
                pool.holds_until = clock.elapsed()  # over once this one stands in its envelope
                return BODY

            pool.on_lapse = lambda: (said.append("lapsed"), pool.drain())[1]
            pool.feed([letter(0)._replace(fill=fill), letter(1), letter(2)])
            outcomes = await pool.outcomes(at_least=3, timeout=5)
        return server, outcomes, said

    server, outcomes, said = run(main())

    assert sorted((each.seq, each.result.value, each.breaker) for each in outcomes) == [
        (seq, "not_attempted", False) for seq in range(3)
    ]
    assert server.taken == []
    assert said[0] == "lapsed"


def test_closing_cuts_what_does_not_answer():
    async def main() -> list[Outcome]:
        async with Server(Script(answers={(0, "body"): SILENCE})) as server:
            pool = Pool(relay(server, timeout_s=30, body_timeout_s=600), connections=1)
            async with pool:
                pool.feed([letter(seq) for seq in range(3)])
                while len(server.commands) < 4:
                    await asyncio.sleep(0.001)
                await asyncio.sleep(0.01)
                await pool.close(grace_s=0.05)
            return await pool.outcomes()

    outcomes = run(main())

    assert {outcome.seq: outcome.result for outcome in outcomes} == {
        0: Result.IN_DOUBT, 1: Result.NOT_ATTEMPTED, 2: Result.NOT_ATTEMPTED,
    }  # fmt: skip
    assert not any(outcome.breaker for outcome in outcomes)


def test_waiting_for_outcomes_ends_with_its_time():
    async def main() -> list[Outcome]:
        async with Server(Script(answers={(0, "body"): SILENCE})) as server, Pool(relay(server)) as pool:
            pool.feed([letter(0)])
            return await pool.outcomes(timeout=0.02)

    assert run(main()) == []


def test_a_relay_that_closes_idle_connections_is_no_trouble():
    async def main() -> list[Outcome]:
        async with Server() as server, Pool(relay(server), connections=2) as pool:
            outcomes = []
            for seq in range(6):
                pool.feed([letter(seq)])
                outcomes += await pool.outcomes()
                server.cut()
                await asyncio.sleep(0.005)
            return outcomes

    assert [outcome.result for outcome in run(main())] == [Result.SENT] * 6


def test_a_message_is_filled_when_a_connection_takes_it():
    filled = []

    def fill(capabilities: Capabilities) -> bytes:
        filled.append(1)
        return BODY

    async def main() -> None:
        script = Script(answers={(0, "body"): SILENCE, (1, "data"): SILENCE})
        async with Server(script) as server, Pool(relay(server), connections=1) as pool:
            pool.feed([letter(seq)._replace(fill=fill) for seq in range(50)])
            await asyncio.sleep(0.05)
            assert len(filled) == 2
            await pool.close(grace_s=0)

    run(main())
