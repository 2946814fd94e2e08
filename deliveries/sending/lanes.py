"""A lane: sends a delivery's chunks over its own connections for half a minute, then ends.

It may be started at any time, twice or not at all: the ledger decides what it may hand over.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

import psycopg
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.utils.translation import gettext_noop as n_

from audiences.quarantine.suppression import Cause as Suppressed
from campaign.lib import clock, lingering
from deliveries.channels.base import Outcome, Result
from deliveries.channels.smtp import Pool
from deliveries.models import MessageStatus, Reason
from deliveries.routing import routes
from deliveries.sending import gate, waking
from deliveries.sending.apart import apart
from deliveries.sending.budget import Budget
from deliveries.sending.exchange import Ledger
from deliveries.sending.lane_config import LaneConfig
from deliveries.sending.patience import Patience
from deliveries.sending.reconnecting import connect_again, find_held
from deliveries.sending.relay_refusals import REFUSALS_THAT_FAIL, Suspects
from deliveries.sending.rows import Entry, Exchange, Fenced, Hold, Row, Tampered
from deliveries.sending.throttle import SHORTEST_WAIT, TOO_FAR_APART, Grant, Limits
from deliveries.sending.translation import Translation

logger = logging.getLogger(__name__)

DATABASE_ERRORS = (psycopg.Error, DatabaseError, InterfaceError)
# What a row that must not leave says; one whose profile is gone says what an opt-out does.
NOT_SENT: dict[str, Reason] = {
    Suppressed.QUARANTINED: Reason.QUARANTINED,
    Suppressed.CONSENT_UNCLEAR: Reason.CONSENT_UNCLEAR,
}
BEAT = 0.25  # seconds between two looks at what came back
SHORTEST_TURN, LOOK_FOR_OTHERS = 5.0, 1.0  # seconds that a lane has at least; between two looks after that
LONGEST_BESIDE_SILENCE = 600.0  # seconds that a lane goes on while it waits for silent connections


class Lane:
    """The loop of one job that sends."""

    def __init__(self, config: LaneConfig, ledger: Ledger, pool: Pool) -> None:
        self.config, self.ledger, self.pool = config, ledger, pool
        pool.on_lapse = self.hand_over_no_more
        pool.on_silent, pool.on_doubt = self._note_silent, self._note_doubt
        pool.may_replace = lambda: lingering.held() + len(pool.silent) <= pool.size
        self.budget = Budget(delivery_id=config.delivery_id, deliveries=config.deliveries)
        self.translation = Translation(config)
        self.holds: dict[int, Hold] = {}
        self.open_rows: dict[int, Row] = {}
        self.silent: set[int] = set()  # of the open rows: written to connections that say nothing
        self.late: dict[int, Row] = {}  # in doubt in the ledger, and their answers are still waited for
        self.open = AsyncExitStack()  # what it closes when those are there
        self.unsure: list[Outcome] = []  # stored, and perhaps another's answer
        self.unsaved: list[Entry] = []
        self.patience = Patience()
        self._brought = 0  # results that the last exchange tried to store
        self.draining = False
        self.began = time.monotonic()
        self.refused = self.sent = 0
        self.refusal = ""
        self.suspects = Suspects(connections=config.connections)
        self._last_beat = time.monotonic()
        self._dry = False
        self._to_gate: float | None = None
        self._next_look = self.began + SHORTEST_TURN

    # -- the loop -------------------------------------------------------------------------------------

    async def run(self) -> None:
        while not self._is_over():
            self._collect(await self.pool.outcomes(at_least=self._wanted(), timeout=BEAT))
            if self._to_gate is not None and not self._under_way:
                await asyncio.sleep(min(self._to_gate, BEAT))
            await self._make_way()
            if self._should_exchange():
                await self._exchange_surviving()
            elif not self.open_rows:  # the pool, with nothing under way, waits for nothing
                await asyncio.sleep(min(BEAT, self.budget.seconds_to_wait))
        await self._let_go()

    def _is_over(self) -> bool:
        if self._must_stop():
            self.draining = True
        is_ending = self.draining or self._dry or self.budget.is_idle
        if self.draining and self.silent and self.pool.is_stuck:
            self.hand_over_no_more()  # nothing of it could leave
        if is_ending and not self._under_way:
            self._leave_in_doubt()
            self._judge_what_is_held()
        return is_ending and not self.open_rows and not self.unsaved

    def _must_stop(self) -> bool:
        if self._is_turned_away() and not self.draining:
            self.hand_over_no_more()
        longest = LONGEST_BESIDE_SILENCE if self.silent else 0.0
        return time.monotonic() - self.began > max(settings.SINETE["lane_seconds"], longest)

    async def _make_way(self) -> None:
        """End early where another delivery waits for a worker."""
        if self.draining or time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + LOOK_FOR_OTHERS
        if await apart(waking.others_wait, self.config.delivery_id):
            self.draining = True

    def _is_turned_away(self) -> bool:
        """Whether the relay refuses one message after another; after it took some, a few in a row may be chance."""
        return self.refused >= (routes.REFUSALS_AFTER_SUCCESS if self.sent else routes.REFUSALS_THAT_OPEN)

    def _wanted(self) -> int:
        """Wait until no more than one window is under way; the connections stay busy with that one.

        Where no other may follow yet, results need not be stored one by one.
        """
        if self.budget.seconds_to_wait:
            return max(1, self._under_way)
        return max(1, self._under_way - self.budget.window.size)

    @property
    def _under_way(self) -> int:
        """How many were handed over and may be answered soon."""
        return len(self.open_rows) - len(self.silent)

    def _has_room(self) -> bool:
        """Whether another window may be handed over: at most one is under way, so there are never more than two."""
        has_room = not self.draining and not self.patience.is_searching
        has_room = has_room and self._under_way <= self.budget.window.size
        return has_room and not self.budget.seconds_to_wait

    def _should_exchange(self) -> bool:
        heartbeat = time.monotonic() - self._last_beat > self.ledger.lease_seconds / 3
        return self._has_room() or bool(self.unsaved) or heartbeat

    def _collect(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.seq in self.late:
                self._settle_late(self.late.pop(outcome.seq), outcome)
                continue
            row = self.open_rows.pop(outcome.seq)
            self.silent.discard(outcome.seq)
            if outcome.breaker:
                self.refused += 1
                self.refusal = outcome.text or outcome.reason
            if outcome.breaker and outcome.result in (Result.FAILED, Result.RETRY):
                self.suspects.add(row, outcome, under_way=len(self.open_rows))
                continue
            self.unsaved.append(self.translation.entry(row, outcome))
            if outcome.result is Result.SENT:
                self.refused, self.sent = 0, self.sent + 1
                self.suspects.note_taken()
        for suspect in self.suspects.cleared():
            self.unsaved.append(self.translation.entry(suspect.row, suspect.outcome))
        self.budget.window.note(len(outcomes))

    def _judge_what_is_held(self) -> None:
        """Decide about held refusals at the end: the relay's where it refuses us, else the recipients'."""
        turned_away = self._is_turned_away()
        for suspect in self.suspects.rest():
            entry = self.translation.entry(suspect.row, suspect.outcome, is_ours=turned_away)
            is_open = self.refused and not turned_away and entry.status == MessageStatus.FAILED
            if is_open and suspect.row.tries + 1 < REFUSALS_THAT_FAIL:  # too few to tell: asked again
                self.translation.retry(entry, suspect.row, is_ours=False)
            self.unsaved.append(entry)

    async def _exchange_surviving(self) -> None:
        """Exchange; while the database refuses, hand over nothing, keep the results, and try again."""
        try:
            await self._exchange()
        except Fenced:
            self._give_up_chunks()
        except DATABASE_ERRORS as error:
            logger.warning(
                "delivery %s: the database refuses, the lane keeps %s results: %s",
                self.config.delivery_id, len(self.unsaved), _in_short(error),
            )  # fmt: skip
            await self._reconnect()

    async def _exchange(self) -> None:
        self.pool.may_begin()  # once lapsed it stays so: what this exchange renews is not what is queued there
        began = clock.elapsed()
        has_room = self._has_room()
        limits = self._limits()
        self._brought = 0
        grant = await self.budget.tokens(limits) if has_room else Grant(0)
        has_room = has_room and grant.number > 0
        hand = await self._chunk_to_hand_from() if has_room else None
        tries = 0
        if has_room and not self.draining:
            tries = self.budget.tries_to_take(grant, limits, beside_first_pass=hand is not None)
        # What it hands over may be committed though it fails: the tokens are as good as used.
        answer = await self._committed(
            hand=hand,
            window=grant.number - tries if limits.buckets else max(1, self.budget.window.size - tries),
            later_tries=tries,
            tries_in_hand=[
                *(row for row in self.open_rows.values() if row.is_later_try),
                *self.suspects.later_tries(),
            ],
            under=limits,
        )
        self._last_beat = time.monotonic()
        self.pool.holds_until = began + self.ledger.holds_for
        if not answer.may_send or answer.lost_tries:
            self.hand_over_no_more()
        elif answer.outdated:
            self.budget.wait(SHORTEST_WAIT)
        leave = await self._take(answer.rows)
        await self.budget.give_back(grant.number - leave, limits)
        is_empty = has_room and hand is None and not answer.rows and not answer.outdated and not self.draining
        ahead = gate.AHEAD.total_seconds()
        self._to_gate = await self.ledger.seconds_to_gate(ahead) if is_empty else None
        self._dry = is_empty and self._to_gate is None
        if self._dry and limits.providers:
            await self._wait_for_queue()
        await self._release_finished()

    async def _committed(self, **asked: Any) -> Exchange:
        """Exchange as many results as may go at once; forget only what was committed."""
        entries = self.unsaved[: self.patience.size]
        self.unsaved, self._brought = self.unsaved[len(entries) :], len(entries)
        try:
            answer = await self.ledger.exchange(list(self.holds.values()), entries, **asked)
        except BaseException:
            self.unsaved = entries + self.unsaved
            raise
        for entry in entries:
            hold = self._hold_of(entry.row)
            if hold is not None:
                hold.outstanding -= 1
        if self.patience.succeeded(len(entries), left=len(self.unsaved)):
            self._give_up_result()
        return answer

    def _give_up_result(self) -> None:
        """Drop the first result, the only one that can't be stored: its row stays of unknown outcome."""
        entry = self.unsaved[0]
        logger.error(
            "delivery %s: the result of row %s can't be stored, its outcome is unknown: %s %s",
            self.config.delivery_id, entry.row.seq, entry.status.name, entry.code,
        )  # fmt: skip
        if entry.status == MessageStatus.IN_DOUBT:
            # Not even that: the row has no result, and is found to be in doubt once its lease has run out.
            del self.unsaved[0]
        else:
            self.unsaved[0] = Entry(entry.row, MessageStatus.IN_DOUBT)

    async def _wait_for_queue(self) -> None:
        """Wait for the next that queues for a provider, so that no lane is started anew for each of them."""
        seconds = await self.ledger.seconds_until_try()
        if seconds is not None and seconds < TOO_FAR_APART:
            self._dry = False
            self.budget.wait(seconds)

    def _limits(self) -> Limits:
        """Return what limits the delivery now: each exchange reads it, as somebody may have changed it."""
        return self.config.limits if self.ledger.limits is None else self.ledger.limits

    async def _chunk_to_hand_from(self) -> Hold | None:
        hand = next((hold for hold in self.holds.values() if not hold.is_exhausted), None)
        if hand is None:
            try:
                hand = await self.ledger.claim()
            except Tampered:
                # What is on its way was as sealed: it comes to its end, and nothing follows it.
                await apart(
                    gate.fail, self.config.delivery_id, because=n_("The rows are not as they were sealed.")
                )
                self.hand_over_no_more()
            if hand is not None:
                self.holds[hand.number] = hand
        return hand

    def _hold_of(self, row: Row) -> Hold | None:
        """The hold under which a first-pass row was handed over, if it is still held under that token."""
        hold = None if row.is_later_try else self.holds.get(row.number)
        return hold if hold is not None and hold.token == row.token else None

    async def _take(self, rows: Sequence[Row]) -> int:
        """Feed the rows that may leave, and settle the others at once; return how many were fed."""
        leaving = []
        for row in rows:
            hold = self._hold_of(row)
            if hold is not None:
                hold.outstanding += 1
            if row.suppression:
                self.unsaved.append(_not_sent(row))
            else:
                leaving.append(row)
        limits = self._limits()
        if limits.providers:
            leaving, queued = await self.budget.within_providers(leaving, limits)
            self.unsaved += queued
        for row in leaving:
            self.open_rows[row.seq] = row
        self.pool.feed([self.translation.envelope(row) for row in leaving])
        return len(leaving)

    async def _release_finished(self) -> None:
        through = [hold for hold in self.holds.values() if hold.is_exhausted and not hold.outstanding]
        if through:
            await self.ledger.release(through)
            for hold in through:
                del self.holds[hold.number]

    async def _let_go(self) -> None:
        """Release the chunks, now that every result is stored; while PostgreSQL is away their leases just run out."""
        if self.holds:
            with suppress(psycopg.Error):
                await self.ledger.release(list(self.holds.values()))
            self.holds.clear()

    # -- when things go wrong -------------------------------------------------------------------------

    def _give_up_chunks(self) -> None:
        """Hand over nothing more, as the leases were taken over; kept results still settle the doubts they left."""
        logger.warning("delivery %s: another worker took over this lane's chunks", self.config.delivery_id)
        self.hand_over_no_more()
        self.holds.clear()

    async def _reconnect(self) -> None:
        """Reconnect once PostgreSQL is back; what the lost commit handed over, if anything, surely did not leave."""
        self.patience.refused(self._brought)
        while True:
            await self._pause()
            try:
                self.ledger = await connect_again(self.ledger)
                found = await find_held(self.ledger, list(self.holds.values()))
            except DATABASE_ERRORS as error:
                if self.patience.is_over:
                    raise
                logger.debug("the database is away: %s", _in_short(error))
                self.patience.refused(0)
            else:
                break
        if found is None:
            self._give_up_chunks()
            return
        if len(found.marks) < len(self.holds):
            self.hand_over_no_more()
        self.holds = {number: hold for number, hold in self.holds.items() if number in found.marks}
        for hold, mark, rows in found.windows:
            hold.handed_upto = mark
            await self._take(rows)
        self.unsaved += [
            Entry(row, MessageStatus.RETRYING, counts_as_try=False, retry_in=0.0) for row in found.unfed
        ]
        known = {(row.seq, row.token) for row in self.open_rows.values()}
        known |= {(entry.row.seq, entry.row.token) for entry in self.unsaved} | self.suspects.keys()
        await self._take([row for row in found.tries if (row.seq, row.token) not in known])

    async def _pause(self) -> None:
        """Wait before the next attempt, a little longer each time; keep the answers that come meanwhile."""
        until = time.monotonic() + self.patience.pause()
        while (left := until - time.monotonic()) > 0:
            self._collect(await self.pool.outcomes(at_least=1, timeout=min(left, BEAT)))
            if not self.open_rows:  # the pool, with nothing under way, waits for nothing
                await asyncio.sleep(min(BEAT, max(0.0, until - time.monotonic())))

    # -- what silent connections owe ------------------------------------------------------------------

    def _note_silent(self, seq: int) -> None:
        """Count a message of a silent connection no longer as under way: its answer may take ten minutes."""
        if seq in self.open_rows:
            self.silent.add(seq)

    def _note_doubt(self, told: Outcome, now: Outcome) -> None:
        """Replace an outcome after a surplus reply; keep it in `unsure` where it may be stored already."""
        row = self.suspects.take_back(told)
        if row is not None:
            self.unsaved.append(self.translation.entry(row, now))
            return
        for place, entry in enumerate(self.unsaved):
            if (entry.row.seq, entry.code, entry.reply) == (told.seq, told.code, told.text):
                self.unsaved[place] = self.translation.entry(entry.row, now)
                return
        self.unsure.append(told)

    def _leave_in_doubt(self) -> None:
        """Put in doubt what only silent connections still owe, so that the lane holds nothing meanwhile."""
        for seq in self.silent:
            self.late[seq] = row = self.open_rows.pop(seq)
            self.unsaved.append(Entry(row, MessageStatus.IN_DOUBT))
        self.silent.clear()

    def _settle_late(self, row: Row, outcome: Outcome) -> None:
        """Store a late answer: it resolves exactly the doubt that its own hand-over left."""
        if outcome.result is Result.IN_DOUBT:
            return
        entry = self.translation.entry(row, outcome)
        if outcome.breaker and entry.status == MessageStatus.FAILED and row.tries + 1 < REFUSALS_THAT_FAIL:
            self.translation.retry(entry, row, is_ours=False)  # nothing tells whom it is about
        self.unsaved = [one for one in self.unsaved if (one.row.seq, one.row.token) != (row.seq, row.token)]
        self.unsaved.append(entry)

    @property
    def connections(self) -> int:
        """How many connections are open, all of them silent."""
        return len(self.pool.silent)

    @property
    def connections_at_most(self) -> int:
        """How many silent ones may stay beside another lane, so that the worker never has more than twice as many."""
        return self.pool.size

    async def settle_late(self) -> None:
        """Wait for the answers that silent connections still owe, and store each; nothing is held meanwhile."""
        self.hand_over_no_more()
        while self.late or self.unsaved:
            self._collect(await self.pool.outcomes(timeout=BEAT))
            if self.unsaved:
                await self._exchange_surviving()

    def hand_over_no_more(self) -> None:
        """Hand over nothing more; take back what no connection has begun."""
        self.draining = True
        self.pool.drain()


def _not_sent(row: Row) -> Entry:
    """Return the result of a row that must not leave."""
    if row.suppression == Suppressed.ERASED:
        return Entry(row, MessageStatus.ERASED, counts_as_try=False)
    reason = NOT_SENT.get(row.suppression, Reason.OPTED_OUT)
    return Entry(row, MessageStatus.IGNORED, reason=reason, counts_as_try=False)


def _in_short(error: Exception) -> str:
    """Return the error's kind and first line: what follows may hold an address."""
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
