"""A lane: drains a delivery's chunks over its own connections for half a minute, then lets go.

It may be started at any time, twice or not at all: what it may hand over, the ledger decides.
"""

import asyncio
import logging
import os
import secrets
import signal
import time
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import psycopg
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.utils.translation import gettext_noop as n_

from campaign.lib import clock, jobs, lingering
from deliveries.channels.base import Capabilities, Envelope, Outcome, Ready, Relay, Result
from deliveries.channels.paths import domain_key
from deliveries.channels.smtp import Pool
from deliveries.content.render import Renderer
from deliveries.ledger import recovery
from deliveries.models import MessageStatus
from deliveries.routing import routes
from deliveries.sending import fence, gate
from deliveries.sending.exchange import Entry, Exchange, Fenced, Hold, Ledger, Row, Tampered
from deliveries.sending.patience import Patience
from deliveries.sending.relay_refusals import REFUSALS_THAT_FAIL, Suspects, speaks_of_the_dialogue
from deliveries.sending.throttle import (
    LONGEST_WAIT,
    SHORTEST_WAIT,
    TOO_FAR_APART,
    Grant,
    Limits,
    Provider,
    Throttle,
)

logger = logging.getLogger(__name__)
T = TypeVar("T")

DATABASE_ERRORS = (psycopg.Error, DatabaseError, InterfaceError)
SMALLEST_WINDOW, FIRST_WINDOW, LARGEST_WINDOW = 1, 25, 250
WINDOW_SECONDS = 0.5  # what can leave in this time
BEAT = 0.25  # seconds between two looks at what came back
CONNECT_SECONDS = 20  # nothing is handed over before a connection stands
PATIENCE_WHEN_TOLD_TO_STOP = 2.5  # seconds; the worker ends its job a second later
SHORTEST_TURN, LOOK_FOR_OTHERS = 5.0, 1.0  # seconds that a lane has at least; between two looks after that
LONGEST_BESIDE_SILENCE = 600.0  # seconds that a lane goes on while it waits for silent connections
REST_AFTER_REFUSAL = 30.0  # seconds until a row is tried again whose relay, not whose address, was at fault


@dataclass(slots=True)
class Plan:
    """What a lane must know of its delivery, read once under its seal."""

    delivery_id: int
    route_id: int
    relay: Relay
    connections: int
    renderer: Renderer
    # For the rows up to each seq, the seconds from now on, by the database's clock, in which one that was
    # refused is tried again: each moment has a validity of its own.
    valid_for: list[tuple[int, float]]
    sign: Callable[[bytes], bytes] | None = None  # what puts the route's signature in front of a message
    limits: Limits = field(default_factory=Limits)  # as they stood then; each exchange reads them anew
    deliveries: int = 1  # how many leave by the route


@dataclass(slots=True)
class Pace:
    """How large the next window may be: what leaves in half a second, never more than 250.

    Judged every quarter of a second, and at once when two windows are through: a fast relay soon gets large ones.
    """

    window: int = FIRST_WINDOW
    _since: float = field(default_factory=time.monotonic)
    _done: int = 0

    def note(self, results: int) -> None:
        self._done += results
        elapsed = time.monotonic() - self._since
        if elapsed >= WINDOW_SECONDS / 2 or self._done >= 2 * self.window:
            rate = self._done / max(elapsed, 0.001)
            self.window = int(
                max(SMALLEST_WINDOW, min(LARGEST_WINDOW, rate * WINDOW_SECONDS, self.window * 4))
            )
            self._since, self._done = time.monotonic(), 0


@dataclass(slots=True)
class Found:
    """What a lane holds, as the ledger says after a commit whose answer was lost."""

    marks: dict[int, int]  # of each chunk that is still this lane's
    tries: list[Row]
    windows: list[tuple[Hold, int, list[Row]]]  # that this commit handed over, with the mark behind each
    unfed: list[Row]  # that it handed over of chunks which another lane has by now: they are in doubt


class Lane:
    """One RQ job's worth of sending."""

    def __init__(self, plan: Plan, ledger: Ledger, pool: Pool) -> None:
        self.plan, self.ledger, self.pool = plan, ledger, pool
        pool.on_lapse = self.drain
        pool.on_silent, pool.on_doubt = self._note_silent, self._note_doubt
        pool.may_replace = lambda: lingering.held() + len(pool.silent) <= pool.size
        self.pace = Pace()
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
        self.suspects = Suspects(connections=plan.connections)
        self._last_beat = time.monotonic()
        self._dry = False
        self._to_gate: float | None = None
        self.throttle = Throttle(delivery_id=plan.delivery_id, deliveries=plan.deliveries)
        self._next_look = self.began + SHORTEST_TURN
        self._next_ask = 0.0  # no window before this moment: there were no tokens
        self.is_idle = False  # and none will come for so long that the lane lets go
        self._due_to_tries = 0.0  # the tenth that later tries have of what is granted, where that is few
        self._second, self._moment = 0, datetime.now(UTC)

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
                await asyncio.sleep(max(0.0, min(BEAT, self._next_ask - time.monotonic())))
        await self._let_go()

    def _is_over(self) -> bool:
        if self._must_stop():
            self.draining = True
        is_ending = self.draining or self._dry or self.is_idle
        if self.draining and self.silent and self.pool.is_stuck:
            self.drain()  # nothing of it could leave
        if is_ending and not self._under_way:
            self._leave_in_doubt()
            self._judge_what_is_held()
        return is_ending and not self.open_rows and not self.unsaved

    def _must_stop(self) -> bool:
        if self._is_turned_away() and not self.draining:
            self.drain()
        longest = LONGEST_BESIDE_SILENCE if self.silent else 0.0
        return time.monotonic() - self.began > max(settings.SINETE["lane_seconds"], longest)

    async def _make_way(self) -> None:
        """Another delivery waits for a worker: it need not wait for the whole half minute."""
        if self.draining or time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + LOOK_FOR_OTHERS
        if await _apart(gate.others_wait, self.plan.delivery_id):
            self.draining = True

    def _is_turned_away(self) -> bool:
        """The relay refuses one after the other; one that has taken messages may do so by chance for a while."""
        return self.refused >= (routes.REFUSALS_AFTER_SUCCESS if self.sent else routes.REFUSALS_THAT_OPEN)

    def _wanted(self) -> int:
        """Wait until no more than one window is under way; the connections stay busy with that one.

        Where no other may follow yet, there is no hurry to store what comes back one by one.
        """
        if self._next_ask > time.monotonic():
            return max(1, self._under_way)
        return max(1, self._under_way - self.pace.window)

    @property
    def _under_way(self) -> int:
        """What was handed over and may be answered soon."""
        return len(self.open_rows) - len(self.silent)

    def _has_room(self) -> bool:
        """A window may be handed over while no more than one is under way: so two are the most that ever are."""
        has_room = not self.draining and not self.patience.is_searching
        has_room = has_room and self._under_way <= self.pace.window
        return has_room and (not self._next_ask or time.monotonic() >= self._next_ask)

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
            self.unsaved.append(self._entry(row, outcome))
            if outcome.result is Result.SENT:
                self.refused, self.sent = 0, self.sent + 1
                self.suspects.note_taken()
        for suspect in self.suspects.cleared():
            self.unsaved.append(self._entry(suspect.row, suspect.outcome))
        self.pace.note(len(outcomes))

    def _judge_what_is_held(self) -> None:
        """The lane ends: where the relay turns us away nobody is harmed, where it took the last one it works."""
        turned_away = self._is_turned_away()
        for suspect in self.suspects.rest():
            entry = self._entry(suspect.row, suspect.outcome, is_ours=turned_away)
            is_open = self.refused and not turned_away and entry.status == MessageStatus.FAILED
            if is_open and suspect.row.tries + 1 < REFUSALS_THAT_FAIL:  # too few to tell: asked again
                self._retry(entry, suspect.row, is_ours=False)
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
                self.plan.delivery_id, len(self.unsaved), _in_short(error),
            )  # fmt: skip
            await self._reconnect()

    async def _exchange(self) -> None:
        self.pool.may_begin()  # once lapsed it stays so: what this exchange renews is not what is queued there
        began = clock.elapsed()
        has_room = self._has_room()
        limits = self._limits()
        self._brought = 0
        grant = await self._tokens(limits) if has_room else Grant(0)
        has_room = has_room and grant.number > 0
        hand = await self._chunk_to_hand_from() if has_room else None
        tries = self._tries_to_take(hand, grant, limits) if has_room and not self.draining else 0
        # What it hands over may be committed though it fails: the tokens are as good as used.
        answer = await self._committed(
            hand=hand,
            window=grant.number - tries if limits.buckets else max(1, self.pace.window - tries),
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
            self.drain()
        elif answer.outdated:
            self._next_ask = time.monotonic() + SHORTEST_WAIT
        leave = await self._take(answer.rows)
        await self.throttle.give_back(grant.number - leave, limits.buckets)
        is_empty = has_room and hand is None and not answer.rows and not answer.outdated and not self.draining
        ahead = gate.AHEAD.total_seconds()
        self._to_gate = await self.ledger.seconds_to_gate(ahead) if is_empty else None
        self._dry = is_empty and self._to_gate is None
        if self._dry and limits.providers:
            await self._wait_for_queue()
        await self._release_finished()

    async def _committed(self, **asked: Any) -> Exchange:
        """Exchange as many results as may go at once; only what was committed leaves the lane's hands."""
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
        """The first result can't be stored, all else can: its row is of unknown outcome, and the others are not."""
        entry = self.unsaved[0]
        logger.error(
            "delivery %s: the result of row %s can't be stored, its outcome is unknown: %s %s",
            self.plan.delivery_id, entry.row.seq, entry.status.name, entry.code,
        )  # fmt: skip
        if entry.status == MessageStatus.IN_DOUBT:
            # Not even that: the row has no result, and is found to be in doubt once its lease has run out.
            del self.unsaved[0]
        else:
            self.unsaved[0] = Entry(entry.row, MessageStatus.IN_DOUBT)

    async def _wait_for_queue(self) -> None:
        """Who queues for a provider is due one after the other: a lane is not begun anew for each of them."""
        seconds = await self.ledger.seconds_until_try()
        if seconds is not None and seconds < TOO_FAR_APART:
            self._dry = False
            self._next_ask = time.monotonic() + max(SHORTEST_WAIT, min(seconds, LONGEST_WAIT))

    def _limits(self) -> Limits:
        """What limits the delivery now: read with each exchange, for somebody may have changed it."""
        return self.plan.limits if self.ledger.limits is None else self.ledger.limits

    async def _tokens(self, limits: Limits) -> Grant:
        """How many may be handed over now; where it is fewer than the lane could send it asks again a little later."""
        wanted = self.pace.window
        grant = await self.throttle.take(wanted, limits.buckets)
        self._next_ask = 0.0
        if grant.number < wanted:
            self._next_ask = time.monotonic() + max(SHORTEST_WAIT, min(grant.wait, LONGEST_WAIT))
        self.is_idle = not grant.number and grant.wait > TOO_FAR_APART
        return grant

    async def _chunk_to_hand_from(self) -> Hold | None:
        hand = next((hold for hold in self.holds.values() if not hold.is_exhausted), None)
        if hand is None:
            try:
                hand = await self.ledger.claim()
            except Tampered:
                # What is on its way was as sealed: it comes to its end, and nothing follows it.
                await _apart(
                    gate.fail, self.plan.delivery_id, because=n_("The rows are not as they were sealed.")
                )
                self.drain()
            if hand is not None:
                self.holds[hand.number] = hand
        return hand

    def _hold_of(self, row: Row) -> Hold | None:
        """The hold under which a first-pass row was handed over, if it is still held under that token."""
        hold = None if row.is_later_try else self.holds.get(row.number)
        return hold if hold is not None and hold.token == row.token else None

    def _tries_to_take(self, hand: Hold | None, grant: Grant, limits: Limits) -> int:
        """Later tries have the lane to themselves once the first pass is over, and a tenth of it before."""
        if hand is None:
            return grant.number
        if not limits.buckets:
            return max(1, self.pace.window // 10)
        # A limit may grant one message at a time: of ten such, one is a try's.
        self._due_to_tries += grant.number / 10
        tries = int(self._due_to_tries)
        self._due_to_tries -= tries
        return tries

    async def _take(self, rows: Sequence[Row]) -> int:
        """Feed what may leave; what may not has its result at once. Returns how many leave."""
        leaving = []
        for row in rows:
            hold = self._hold_of(row)
            if hold is not None:
                hold.outstanding += 1
            if row.is_suppressed:
                self.unsaved.append(
                    Entry(row, MessageStatus.IGNORED, reason="opted_out", counts_as_try=False)
                )
            else:
                leaving.append(row)
        limits = self._limits()
        if limits.providers:
            leaving = await self._within_providers(leaving, limits)
        for row in leaving:
            self.open_rows[row.seq] = row
        self.pool.feed([self._envelope(row) for row in leaving])
        return len(leaving)

    async def _within_providers(self, rows: Sequence[Row], limits: Limits) -> list[Row]:
        """Those whose mailbox provider takes them now. The others become later tries, which count as none.

        A window is a run of rows, so that one mark says what was handed over; whose provider is full is known
        only then. These queue as later tries, spread at the provider's pace, and everybody else goes on.
        """
        leaving: list[Row] = []
        queues: dict[tuple[Provider, bool], list[Row]] = {}
        for row in rows:
            provider = limits.provider_of(domain_key(row.address.rpartition("@")[2]))
            if provider is None:
                leaving.append(row)
            else:
                queues.setdefault((provider, row.is_later_try), []).append(row)
        # Later tries first: they have waited.
        for (provider, is_later_try), queue in sorted(queues.items(), key=lambda one: not one[0][1]):
            grant = await self.throttle.take(
                len(queue), [provider.bucket], queues=True, behind=not is_later_try
            )
            leaving += queue[: grant.number]
            for place, row in enumerate(queue[grant.number :]):
                self.unsaved.append(
                    Entry(
                        row, MessageStatus.RETRYING, counts_as_try=False,
                        retry_in=grant.slot + place / provider.bucket.rate,
                    )
                )  # fmt: skip
        return leaving

    async def _release_finished(self) -> None:
        through = [hold for hold in self.holds.values() if hold.is_exhausted and not hold.outstanding]
        if through:
            await self.ledger.release(through)
            for hold in through:
                del self.holds[hold.number]

    async def _let_go(self) -> None:
        """Every result is stored: where PostgreSQL is away at this moment, the leases just run out."""
        if self.holds:
            with suppress(psycopg.Error):
                await self.ledger.release(list(self.holds.values()))
            self.holds.clear()

    # -- when things go wrong -------------------------------------------------------------------------

    def _give_up_chunks(self) -> None:
        """Our lease was taken over: hand over nothing more; results, kept, still settle the doubts they left."""
        logger.warning("delivery %s: another worker took over this lane's chunks", self.plan.delivery_id)
        self.drain()
        self.holds.clear()

    async def _reconnect(self) -> None:
        """Come back when PostgreSQL does; what the lost commit handed over, if it did, surely did not leave."""
        self.patience.refused(self._brought)
        while True:
            await self._pause()
            try:
                found = await self._look_again()
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
            self.drain()
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
        """Wait before the next attempt, a little longer each time; answers that come meanwhile are kept."""
        until = time.monotonic() + self.patience.pause()
        while (left := until - time.monotonic()) > 0:
            self._collect(await self.pool.outcomes(at_least=1, timeout=min(left, BEAT)))
            if not self.open_rows:  # the pool, with nothing under way, waits for nothing
                await asyncio.sleep(min(BEAT, max(0.0, until - time.monotonic())))

    async def _look_again(self) -> "Found | None":
        """What this lane holds by a new connection; None where the database is not the one that went away.

        The exchange whose answer was lost may still be under way: it is waited for, so that what is read is final.
        """
        limits = self._limits()
        await self.ledger.close()
        self.ledger = await Ledger.connect(delivery_id=self.plan.delivery_id, lane=self.ledger.lane)
        self.ledger.limits = limits
        if not await _apart(fence.passes):
            return None
        holds = list(self.holds.values())
        async with self.ledger.after_the_last():
            marks = await self.ledger.marks(holds)
            return Found(
                marks=marks,
                tries=await self.ledger.read_tries(),
                windows=[
                    (hold, mark, await self.ledger.read_window(hold, hold.handed_upto, mark))
                    for hold in holds
                    if (mark := marks.get(hold.number, hold.handed_upto)) > hold.handed_upto
                ],
                unfed=[
                    row
                    for hold in holds
                    if hold.number not in marks
                    for row in await self.ledger.read_unfed(hold)
                ],
            )

    # -- what silent connections owe ------------------------------------------------------------------

    def _note_silent(self, seq: int) -> None:
        """It may take ten minutes, and counts no longer as under way."""
        if seq in self.open_rows:
            self.silent.add(seq)

    def _note_doubt(self, told: Outcome, now: Outcome) -> None:
        """The relay said more than it was asked: what is not stored yet is stored as it is, the rest is told of."""
        row = self.suspects.take_back(told)
        if row is not None:
            self.unsaved.append(self._entry(row, now))
            return
        for place, entry in enumerate(self.unsaved):
            if (entry.row.seq, entry.code, entry.reply) == (told.seq, told.code, told.text):
                self.unsaved[place] = self._entry(entry.row, now)
                return
        self.unsure.append(told)

    def _leave_in_doubt(self) -> None:
        """Silent connections alone keep the lane: what they owe is in doubt, so that nothing is held meanwhile."""
        for seq in self.silent:
            self.late[seq] = row = self.open_rows.pop(seq)
            self.unsaved.append(Entry(row, MessageStatus.IN_DOUBT))
        self.silent.clear()

    def _settle_late(self, row: Row, outcome: Outcome) -> None:
        """An answer after all: it resolves exactly the doubt that its own hand-over left."""
        if outcome.result is Result.IN_DOUBT:
            return
        entry = self._entry(row, outcome)
        if outcome.breaker and entry.status == MessageStatus.FAILED and row.tries + 1 < REFUSALS_THAT_FAIL:
            self._retry(entry, row, is_ours=False)  # nothing tells whom it is about
        self.unsaved = [one for one in self.unsaved if (one.row.seq, one.row.token) != (row.seq, row.token)]
        self.unsaved.append(entry)

    @property
    def connections(self) -> int:
        """How many are open, all of them silent."""
        return len(self.pool.silent)

    @property
    def connections_at_most(self) -> int:
        """How many its worker may wait for beside another lane, so that it never has more than twice as many."""
        return self.pool.size

    async def settle_late(self) -> None:
        """Wait for the answers that silent connections still owe, holding nothing, and store each."""
        self.drain()
        while self.late or self.unsaved:
            self._collect(await self.pool.outcomes(timeout=BEAT))
            if self.unsaved:
                await self._exchange_surviving()

    def drain(self) -> None:
        """Hand over nothing more; what no connection has begun comes back untouched."""
        self.draining = True
        self.pool.drain()

    # -- rows to envelopes, outcomes to entries -------------------------------------------------------

    def _envelope(self, row: Row) -> Envelope:
        renderer, sign = self.plan.renderer, self.plan.sign

        def fill(capabilities: Capabilities) -> bytes | Ready:
            seq, address, values, date = row.seq, row.address, row.values, self._date()
            if capabilities.eight_bit and sign is None:
                return Ready(renderer.wire(seq=seq, address=address, values=values, date=date))
            message = renderer.message(seq=seq, address=address, values=values, date=date, encoding="encoded")
            return message if sign is None else sign(message)

        return Envelope(row.seq, renderer.return_path(row.seq), row.address, fill)

    def _date(self) -> datetime:
        """The moment for a message's Date, made once a second: the header shows no more."""
        now = int(time.time())
        if now != self._second:
            self._second, self._moment = now, datetime.fromtimestamp(now, UTC)
        return self._moment

    def _entry(self, row: Row, outcome: Outcome, *, is_ours: bool = False) -> Entry:
        if outcome.result is Result.SENT:
            return Entry(row, MessageStatus.SENT, outcome.code, reply=outcome.text)
        entry = Entry(
            row=row,
            status=MessageStatus.SENT,
            code=outcome.code,
            nature=outcome.nature,
            reason=outcome.reason,
            reply=outcome.text,
            quarantines=outcome.quarantines,
        )
        match outcome.result:
            case Result.FAILED if not is_ours:
                entry.status = MessageStatus.FAILED
                entry.counts_as_try = outcome.code is not None  # else it failed before any server saw it
            case Result.IN_DOUBT:
                entry.status, entry.nature, entry.reason = MessageStatus.IN_DOUBT, "", ""
            case Result.RETRY | Result.FAILED:
                self._retry(entry, row, is_ours=is_ours or speaks_of_the_dialogue(outcome))
            case Result.NOT_ATTEMPTED:
                entry.status, entry.counts_as_try = MessageStatus.RETRYING, False
                entry.retry_in = REST_AFTER_REFUSAL if outcome.breaker else 0.0
        return entry

    def _retry(self, entry: Entry, row: Row, *, is_ours: bool) -> None:
        """Later, with growing distance, until the validity period ends; nobody is burned for our own faults."""
        steps = settings.SINETE["retry_seconds"]
        entry.retry_in = REST_AFTER_REFUSAL if is_ours else float(steps[min(row.tries, len(steps) - 1)])
        entry.counts_as_try = not is_ours
        entry.status = MessageStatus.RETRYING
        if time.monotonic() - self.began + entry.retry_in > self._valid_for(row.seq) and not is_ours:
            entry.status, entry.retry_in = MessageStatus.FAILED, None

    def _valid_for(self, seq: int) -> float:
        rows = self.plan.valid_for
        return rows[min(bisect_left(rows, (seq, 0.0)), len(rows) - 1)][1]


async def drain(*, delivery_id: int) -> Lane | None:
    """Send what may leave of this delivery now; return when nothing may, or after half a minute.

    Returns the lane where silent connections still owe it answers: `settle_late` waits for those.
    """
    plan = await _apart(gate.plan, delivery_id, Plan)
    if plan is None:
        return None
    ledger = await Ledger.connect(delivery_id=delivery_id, lane=_name())
    lane = Lane(plan, ledger, Pool(plan.relay, connections=plan.connections))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(_close, lane)
        await stack.enter_async_context(lane.pool)
        loop = asyncio.get_running_loop()
        _on_sigterm(loop, lane)
        if not await _connected(lane):
            lane.refused, lane.refusal = routes.REFUSALS_THAT_OPEN, _why_not(lane.pool)
        elif not lane.draining and await _apart(gate.wait_for, delivery_id):
            await lane.run()
        if lane.late:
            await _apart(_afterwards, lane)  # others go on: this one holds nothing any more
            lane.pool.drain()
            lane.open = stack.pop_all()
            return lane
    await _apart(_afterwards, lane)
    return None


async def settle_late(lane: Lane) -> None:
    """Wait for what silent connections still owe the lane; every answer is stored, and nothing is open any more."""
    lane.refused, lane.sent, lane.is_idle = 0, 0, True
    async with lane.open:
        await lane.settle_late()
    await _apart(_afterwards, lane)


async def _close(lane: Lane) -> None:
    await lane.ledger.close()
    await lane.throttle.close()


def _apart(work: Callable[..., T], *args: Any, **more: Any) -> Awaitable[T]:
    """Do it in a thread, over a connection of Django's that is opened for it and closed after it.

    A lane uses Django's only now and then. One that stood idle for all of its life may be dead without knowing,
    and whoever asks it waits for an answer that never comes; and 200 lanes would keep 200 of them.
    """

    def alone() -> T:
        connection.close()
        try:
            return work(*args, **more)
        finally:
            connection.close()

    return sync_to_async(alone)()


def _in_short(error: Exception) -> str:
    """Its kind and its first line: what follows may hold an address."""
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"


async def _connected(lane: Lane) -> bool:
    """Wait for a connection; where the lane is told to stop meanwhile, that is no fault of the relay's."""
    deadline = time.monotonic() + CONNECT_SECONDS
    while not lane.draining and time.monotonic() < deadline:
        if await lane.pool.connected(timeout=BEAT):
            return True
        if lane.pool.broken is not None:
            return False
    return lane.draining


def _why_not(pool: Pool) -> str:
    """The relay's own words, or what is wrong with its certificate: an administrator can act on that."""
    return (pool.broken.text if pool.broken is not None else "") or "no connection to the relay"


def _afterwards(lane: Lane) -> None:
    plan = lane.plan
    if lane.sent:
        routes.note_success(plan.route_id)
    if lane.refused >= (routes.REFUSALS_AFTER_SUCCESS if lane.sent else routes.REFUSALS_THAT_OPEN):
        routes.open_breaker(plan.route_id, because=lane.refusal, at=gate.now())
    if lane.unsure:
        gate.note_unsure(plan.delivery_id, [outcome.seq for outcome in lane.unsure])
        lane.unsure.clear()
    gate.after_lane(plan.delivery_id, wakes_others=not lane.is_idle)


def _on_sigterm(loop: asyncio.AbstractEventLoop, lane: Lane) -> None:
    with suppress(ValueError, RuntimeError):  # not in the main thread: a test's in-process worker
        loop.add_signal_handler(signal.SIGTERM, _end_soon, loop, lane)


def _end_soon(loop: asyncio.AbstractEventLoop, lane: Lane) -> None:
    """Told to stop: whoever told us kills after a few seconds, so answers that take longer are not waited for."""
    lane.drain()
    loop.call_later(0.0 if lane.late else PATIENCE_WHEN_TOLD_TO_STOP, lane.pool.cut)


def _name() -> str:
    """No other lane has it, ever: what was handed over to it is found again by it."""
    return f"{secrets.token_hex(4)}.{recovery.lane_of(jobs.current_id(), os.getpid())}"[:100]
