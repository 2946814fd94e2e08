"""The job of a worker that sends: one lane, from its first connection to noting how it ended."""

import asyncio
import os
import secrets
import signal
import time
from contextlib import AsyncExitStack, suppress

from campaign.lib import jobs
from deliveries.channels import choice
from deliveries.channels.smtp import Pool
from deliveries.ledger import recovery
from deliveries.routing import routes
from deliveries.sending import gate
from deliveries.sending.apart import apart
from deliveries.sending.exchange import Ledger
from deliveries.sending.lanes import BEAT, Lane

CONNECT_SECONDS = 20  # nothing is handed over before a connection stands
PATIENCE_WHEN_TOLD_TO_STOP = 2.5  # seconds; the worker ends its job a second later


async def send(*, delivery_id: int) -> Lane | None:
    """Send what may leave of this delivery now; return when nothing may, or after half a minute.

    The lane is returned where silent connections still owe it answers, for `settle_late` to wait for.
    """
    config = await apart(gate.lane_config, delivery_id)
    if config is None:
        return None
    ledger = await Ledger.connect(delivery_id=delivery_id, lane=_name())
    pool = choice.pool(config.channel, config.relay, connections=config.connections)
    lane = Lane(config, ledger, pool)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(_close, lane)
        await stack.enter_async_context(lane.pool)
        loop = asyncio.get_running_loop()
        _on_sigterm(loop, lane)
        if not await _connected(lane):
            lane.refused, lane.refusal = routes.REFUSALS_THAT_OPEN, _why_not(lane.pool)
        elif not lane.draining and await apart(gate.wait_for, delivery_id):
            await lane.run()
        if lane.late:
            await apart(_afterwards, lane)  # others may go on meanwhile: this one holds nothing any more
            lane.pool.drain()
            lane.open = stack.pop_all()
            _until_it_runs_again(asyncio.get_running_loop())
            return lane
    await apart(_afterwards, lane)
    return None


async def settle_late(lane: Lane) -> None:
    """Wait for the answers that silent connections still owe the lane, and store each; close everything."""
    _on_sigterm(asyncio.get_running_loop(), lane)
    lane.refused, lane.sent, lane.budget.is_idle = 0, 0, True
    async with lane.open:
        await lane.settle_late()
    await apart(_afterwards, lane)


async def _close(lane: Lane) -> None:
    await lane.ledger.close()
    await lane.budget.close()


async def _connected(lane: Lane) -> bool:
    """Wait for a connection; a lane that is told to stop meanwhile is not counted against the relay."""
    deadline = time.monotonic() + CONNECT_SECONDS
    while not lane.draining and time.monotonic() < deadline:
        if await lane.pool.connected(timeout=BEAT):
            return True
        if lane.pool.broken is not None:
            return False
    return lane.draining


def _why_not(pool: Pool) -> str:
    """Return the relay's own words, or what is wrong with its certificate, for an administrator to act on."""
    return (pool.broken.text if pool.broken is not None else "") or "no connection to the relay"


def _afterwards(lane: Lane) -> None:
    config = lane.config
    if lane.sent:
        routes.note_success(config.route_id)
    if lane.refused >= (routes.REFUSALS_AFTER_SUCCESS if lane.sent else routes.REFUSALS_THAT_OPEN):
        routes.open_breaker(config.route_id, because=lane.refusal, at=gate.now())
    if lane.unsure:
        gate.note_unsure(config.delivery_id, [outcome.seq for outcome in lane.unsure])
        lane.unsure.clear()
    gate.after_lane(config.delivery_id, wakes_others=not lane.budget.is_idle)


def _on_sigterm(loop: asyncio.AbstractEventLoop, lane: Lane) -> None:
    with suppress(ValueError, RuntimeError):  # not in the main thread: a test's in-process worker
        loop.add_signal_handler(signal.SIGTERM, _end_soon, loop, lane)


def _until_it_runs_again(loop: asyncio.AbstractEventLoop) -> None:
    """Let SIGTERM end the process: a loop that doesn't run hears of no signal, and would swallow it."""
    with suppress(ValueError, RuntimeError):
        loop.remove_signal_handler(signal.SIGTERM)


def _end_soon(loop: asyncio.AbstractEventLoop, lane: Lane) -> None:
    """End the lane without waiting for slow answers: whoever stops a worker kills it after a few seconds."""
    lane.hand_over_no_more()
    loop.call_later(0.0 if lane.late else PATIENCE_WHEN_TOLD_TO_STOP, lane.pool.cut)


def _name() -> str:
    """Return a name that no other lane ever has, by which the lane finds what was handed over to it."""
    return f"{secrets.token_hex(4)}.{recovery.lane_of(jobs.current_id(), os.getpid())}"[:100]
