"""Lanes on the real ledger whose relay answers as the test says."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from deliveries.channels.base import Outcome, Result
from deliveries.models import Delivery
from deliveries.sending import gate
from deliveries.sending.exchange import Ledger
from deliveries.sending.lanes import Lane


def with_ledger(delivery: Delivery, work: Callable[[Ledger], Awaitable[Any]], *, lane: str = "lane") -> Any:
    """Do the work on a ledger of its own connection, as a lane has it."""

    async def run() -> Any:
        ledger = await Ledger.connect(delivery_id=delivery.pk, lane=lane)
        try:
            return await work(ledger)
        finally:
            await ledger.close()

    return asyncio.run(run())


class ScriptedPool:
    """A pool whose answers the test decides: `script` is asked each time the lane looks for outcomes."""

    def __init__(self, script: "Callable[[ScriptedPool], Awaitable[list[Outcome]]] | None" = None) -> None:
        self.waiting: list[int] = []
        self.most = 0
        self.rounds = 0
        self.script = script

    def feed(self, envelopes: Any) -> None:
        self.waiting += [envelope.seq for envelope in envelopes]
        self.most = max(self.most, len(self.waiting))

    async def outcomes(self, *, at_least: int = 1, timeout: float | None = None) -> list[Outcome]:
        self.rounds += 1
        return await self.script(self) if self.script else self.take(len(self.waiting))

    def take(self, number: int, result: Result = Result.SENT) -> list[Outcome]:
        taken, self.waiting = self.waiting[:number], self.waiting[number:]
        return [Outcome(seq, result, 250) for seq in taken]

    def drain(self) -> None: ...

    def may_begin(self) -> bool:
        return True


def run_lane(
    delivery: Delivery, pool: ScriptedPool, *, before: Callable[[Lane], None] = lambda lane: None
) -> Lane:
    """Run one lane over the pool to its end, within a minute; `before` sees it first."""
    plan = gate.lane_config(delivery.pk)
    assert plan is not None

    async def run() -> Lane:
        ledger = await Ledger.connect(delivery_id=delivery.pk, lane="lane")
        lane = Lane(plan, ledger, pool)
        before(lane)
        try:
            async with asyncio.timeout(60):
                await lane.run()
        finally:
            await lane.ledger.close()
        return lane

    return asyncio.run(run())
