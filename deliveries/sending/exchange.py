"""What a lane does to the ledger, each in one fenced transaction.

A lane holds chunks under a lease and a token. An `exchange` commits results and moves a chunk's mark past the next
window, before any byte of that window leaves. Lock order everywhere: delivery, moments, chunks by number, later
tries, messages. A lane locks a delivery only to open a moment (`ledger/barrier.py`: what a pause waits for). It uses
a connection of its own, asynchronous and outside Django's; every wait on it ends after `lane_patience` seconds.
"""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import psycopg
from django.conf import settings
from django.db import connections
from psycopg.rows import namedtuple_row, tuple_row

from campaign.lib import clock
from deliveries.ledger import barrier, ranges, results
from deliveries.sending import statements
from deliveries.sending.pg_arrays import numbers, texts
from deliveries.sending.rows import Entry, Exchange, Fenced, Hold, NotDurable, Row, Tampered
from deliveries.sending.throttle import Limits
from deliveries.sending.wave_gate import HELD, LOG_HELD, OPEN_MOMENTS

LEAST_LEFT = 2 / 3  # of a lease, of all that a lane holds, after an exchange
CONNECT_SECONDS = 5  # until a database that does not answer counts as away

UNFIT = frozenset({"context", "cursor_factory", "pool", "prepare_threshold", "server_side_binding"})


def connection_parameters() -> dict[str, Any]:
    """Return the parameters of a lane's own connection, to the database that Django uses."""
    parameters = connections["default"].get_connection_params()
    own = {name: value for name, value in parameters.items() if name not in UNFIT}
    return own | {"connect_timeout": min(int(own.get("connect_timeout") or CONNECT_SECONDS), CONNECT_SECONDS)}


class Ledger:
    """The ledger as one lane sees it."""

    def __init__(self, connection: psycopg.AsyncConnection[Any], *, delivery_id: int, lane: str) -> None:
        self.connection = connection
        self.delivery_id = delivery_id
        self.lane = lane
        self.lease_seconds = settings.SINETE["lease_seconds"]
        self.patience = barrier.lane_patience()
        self.is_pooled = False
        self.limits: Limits | None = None  # as the last look at the delivery found them
        self.tracks_unasked = False  # whether people who were not asked are measured, as that look found it
        self._limits_read: tuple[Any, ...] = ()

    @classmethod
    async def connect(cls, *, delivery_id: int, lane: str) -> "Ledger":
        """Return a ledger on a connection of its own.

        Raise NotDurable where PostgreSQL would forget what it stored; on any error the connection is closed.
        """
        connection = await psycopg.AsyncConnection.connect(
            **connection_parameters(), autocommit=True, row_factory=namedtuple_row
        )
        ledger = cls(connection, delivery_id=delivery_id, lane=lane)
        try:
            async with ledger._in_time():
                await ledger._settle_in()
        except BaseException:
            await connection.close()
            raise
        return ledger

    async def _settle_in(self) -> None:
        """Set up the session for a lane.

        Behind a pooler a session belongs to nobody: each transaction sets it up anew.
        """
        cursor = await self.connection.execute(
            "SELECT pg_backend_pid() AS pid, current_setting('fsync') AS fsync"
        )
        found = await cursor.fetchone()
        if found is None or found.fsync != "on":
            raise NotDurable(
                "PostgreSQL runs with fsync=off: a crash could forget what has left. Nothing is sent."
            )
        # Another backend answers than the one that the connection was told of: there is a pooler between.
        self.is_pooled = found.pid != self.connection.info.backend_pid
        if self.is_pooled:
            self.connection.prepare_threshold = None
        else:
            await self.connection.execute(statements.SETTINGS, self._settings(is_local=False))

    def _settings(self, *, is_local: bool) -> dict[str, Any]:
        milliseconds = f"{round(1000 * self.patience)}ms"
        return {"milliseconds": milliseconds, "lock": f"{round(750 * self.patience)}ms", "is_local": is_local}

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        """End what is done inside within the lane's patience: a server that falls silent is cut off."""
        timer = asyncio.get_running_loop().call_later(self.patience, self._cut)
        try:
            yield
        finally:
            timer.cancel()

    def _cut(self) -> None:
        """Cut the connection: whoever waits for the server gets an error, and nothing more can be asked."""
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(self.connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[None]:
        async with self._in_time(), self.connection.transaction():
            if self.is_pooled:
                await self.connection.execute(statements.SETTINGS, self._settings(is_local=True))
            yield

    async def close(self) -> None:
        await self.connection.close()

    @property
    def holds_for(self) -> float:
        """Return for how many seconds after an exchange surely nobody else is given what this lane holds."""
        return self.lease_seconds * LEAST_LEFT

    async def claim(self) -> Hold | None:
        """Take the next chunk that is open, free and due; None where there is none or nothing may leave.

        Raises Tampered where its rows are not the ones that were sealed.
        """
        await self._open_moments()
        async with self._transaction():
            if not await self._may_send():
                return None
            cursor = await self.connection.execute(statements.CLAIM, self._slots())
            row = await cursor.fetchone()
            if row is None:
                return None
            if row.counted is None or bytes(row.digest) != bytes(row.counted):
                raise Tampered(f"chunk {row.number}")
            return Hold(number=row.number, seq_to=row.seq_to, handed_upto=row.handed_upto, token=row.token)

    async def _open_moments(self) -> None:
        """Open what is due of the plan; a wave is judged first by those before it, and perhaps held.

        It is asked once for each moment, in a transaction of its own. Only this locks the delivery, as releasing a
        wave does, so that one of the two comes after the other.
        """
        async with self._in_time():
            cursor = await self.connection.execute(statements.MOMENT_IS_DUE, self._slots())
            row = await cursor.fetchone()
        if row is None or not row.is_due:
            return
        async with self._transaction():
            await self.connection.execute(statements.LOCK_DELIVERY, self._slots())
            if not await self._may_send():
                return
            cursor = await self.connection.execute(OPEN_MOMENTS, self._slots(only_judge=False))
            for held in await cursor.fetchall():
                await self.connection.execute(
                    LOG_HELD, self._slots(text=HELD, wave=held.held, percent=held.percent, most=held.most)
                )

    async def seconds_to_gate(self, ahead: float) -> float | None:
        """Return in how many seconds something open and free may leave; None where not within `ahead`."""
        async with self._in_time():
            cursor = await self.connection.execute(statements.NEXT_GATE, self._slots(ahead=ahead))
            row = await cursor.fetchone()
        return None if row is None or row.seconds is None else max(0.0, float(row.seconds))

    async def exchange(
        self, holds: Sequence[Hold], entries: Sequence[Entry], *, hand: Hold | None = None, window: int = 0,
        later_tries: int = 0, tries_in_hand: Sequence[Row] = (), under: Limits | None = None,
    ) -> Exchange:  # fmt: skip
        """Commit results and hand over: the next window of `hand`, and up to so many due later tries.

        Renews the leases of what is held and of the later tries in hand. Raises Fenced if another worker has
        taken a chunk that this lane holds; results of rows that were put in doubt meanwhile resolve exactly
        those doubts.
        """
        upto = min(hand.handed_upto + window, hand.seq_to) if hand else 0
        wants_more = hand is not None or later_tries > 0
        began = clock.elapsed()
        renewed: list[Hold] = []
        async with self._transaction():
            is_open = await self._lock(holds, entries, shares=wants_more)
            may_send = await self._may_send()
            outdated = (wants_more and not is_open) or (
                under is not None and self.limits is not None and under.buckets != self.limits.buckets
            )
            hands_over = may_send and not outdated
            if entries:
                await self._store(entries)
            rows: list[Row] = []
            if hands_over and hand is not None and upto > hand.handed_upto:
                rows += await self._hand_over(hand, upto)
                renewed.append(hand)
            if hands_over and later_tries:
                rows += await self._hand_over_tries(later_tries)
            renewed += await self._renew([hold for hold in holds if hold not in renewed])
            lost_tries = await self._renew_tries(tries_in_hand)
        for hold in renewed:
            hold.renewed_at = began
        if rows and hand is not None and hands_over and upto > hand.handed_upto:
            hand.handed_upto = upto
        return Exchange(rows=rows, may_send=may_send, outdated=outdated, lost_tries=lost_tries)

    @asynccontextmanager
    async def after_the_last(self) -> AsyncIterator[None]:
        """Run the inside while no exchange of this delivery is under way, and none begins: an abandoned one has ended.

        After a connection was lost its backend may live on for a while, and may still commit what it was told.
        """
        async with self._transaction():
            await self.connection.execute(
                "SELECT pg_advisory_xact_lock(%(barrier)s)", {"barrier": barrier.key_of(self.delivery_id)}
            )
            yield

    async def marks(self, holds: Sequence[Hold]) -> dict[int, int]:
        """Return the mark of each held chunk, behind its lock; a chunk that another worker took is missing."""
        cursor = await self.connection.execute(
            "SELECT number, handed_upto FROM deliveries_chunk c WHERE delivery_id = %(delivery)s"
            " AND (number, token) IN (SELECT * FROM unnest(%(numbers)s::int[], %(tokens)s::bigint[]))"
            " ORDER BY number FOR UPDATE",
            self._slots(numbers=[h.number for h in holds], tokens=[h.token for h in holds]),
        )
        return {row.number: row.handed_upto for row in await cursor.fetchall()}

    async def read_window(self, hold: Hold, above: int, upto: int) -> list[Row]:
        """Return the rows of a window that was handed over by a commit whose answer was lost."""
        cursor = self.connection.cursor(row_factory=tuple_row)
        await cursor.execute(
            self._named(statements.WINDOW), self._slots(above=above, upto=upto, unasked=self.tracks_unasked)
        )
        rows = await cursor.fetchall()
        values = json.loads(f"[{','.join([row[2] for row in rows])}]")  # one call: calls cost the most
        number, token = hold.number, hold.token
        return [
            Row(seq, number, token, address, known, why_not, 0, False, tracked, was_tracked)
            for (seq, address, _, why_not, was_tracked, tracked), known in zip(rows, values, strict=True)
        ]

    async def seconds_until_try(self) -> float | None:
        """When the next later try is due that nobody has in hand; None where there is none."""
        async with self._in_time():
            cursor = await self.connection.execute(
                "SELECT extract(epoch FROM min(due_at) - sinete_clock())::float8 AS seconds FROM deliveries_try"
                " WHERE delivery_id = %(delivery)s AND NOT handed",
                self._slots(),
            )
            row = await cursor.fetchone()
        return None if row is None else row.seconds

    async def read_tries(self) -> list[Row]:
        """Return the later tries that were handed over to this lane by a commit whose answer was lost."""
        cursor = await self.connection.execute(
            self._named(statements.OWN_TRIES), self._slots(unasked=self.tracks_unasked)
        )
        return [self._later_try(row) for row in await cursor.fetchall()]

    async def read_unfed(self, hold: Hold) -> list[Row]:
        """Return rows in doubt that a commit whose answer was lost handed over, of a chunk that was taken since."""
        cursor = await self.connection.execute(
            "SELECT d.seq FROM deliveries_doubt d JOIN deliveries_chunk c ON c.delivery_id = d.delivery_id"
            " AND c.number = %(number)s WHERE d.delivery_id = %(delivery)s AND d.token = %(token)s"
            " AND NOT d.later_try AND d.seq > %(above)s AND d.seq <= c.handed_upto ORDER BY d.seq",
            self._slots(token=hold.token, above=hold.handed_upto, number=hold.number),
        )
        return [
            Row(row.seq, hold.number, hold.token, address="", values={}, suppression="", tries=0)
            for row in await cursor.fetchall()
        ]

    async def release(self, holds: Iterable[Hold]) -> None:
        """Release chunks whose handed rows all have results; those without open rows are done."""
        async with self._in_time():
            await self.connection.execute(
                statements.RELEASE,
                self._slots(numbers=[h.number for h in holds], tokens=[h.token for h in holds]),
            )

    async def look(self) -> None:
        """Know the limits, and what may be measured, as an exchange's look at the delivery would find them now."""
        await self._may_send()

    # -- the statements of an exchange ----------------------------------------------------------------

    def _slots(self, **more: Any) -> dict[str, Any]:
        return {"delivery": self.delivery_id, "lane": self.lane, "lease": self.lease_seconds, **more}

    def _named(self, statement: str) -> str:
        """A statement that asks messages, planned for the partition in which this delivery's are."""
        return ranges.named(statement, self.delivery_id)

    async def _may_send(self) -> bool:
        """Whether the delivery may hand over now; the limits are read in the same query."""
        cursor = await self.connection.execute(statements.STANDING, self._slots())
        row = await cursor.fetchone()
        if row is None:
            return False
        self.tracks_unasked = row.tracks_unasked
        self._note_limits((row.own_limit, row.route, row.limit_per_hour, row.providers))
        return row.status == "sending" and not row.is_held

    def _note_limits(self, read: tuple[Any, ...]) -> None:
        """Keep the limits that were read; they may change while it sends, and are built anew only then."""
        if read != self._limits_read:
            own, route, shared, providers = self._limits_read = read
            self.limits = Limits.of(
                delivery=self.delivery_id, own=own, route=route, shared=shared,
                providers=json.loads(providers or "[]"),
            )  # fmt: skip

    async def _lock(self, holds: Sequence[Hold], entries: Sequence[Entry], *, shares: bool) -> bool:
        """Lock the chunks that this exchange touches, in their order; raise Fenced where a held one was taken.

        With `shares`, return whether the exchange has its share of the barrier. What later statements of this
        exchange read was committed by whoever held the barrier before.
        """
        numbers = {h.number for h in holds} | {e.row.number for e in entries}
        slots = self._slots(numbers=sorted(numbers), barrier=barrier.key_of(self.delivery_id), shares=shares)
        cursor = await self.connection.execute(statements.LOCK, slots)
        rows = await cursor.fetchall()
        tokens = {row.number: row.token for row in rows}
        if any(tokens.get(h.number) != h.token for h in holds):
            raise Fenced
        return bool(rows[0].is_open)

    async def _store(self, entries: Sequence[Entry]) -> None:
        """Write results into rows; a row that has a result already keeps it."""
        columns = {
            "numbers": numbers([e.row.number for e in entries]),
            "chunks": numbers(sorted({e.row.number for e in entries})),
            "seqs": numbers([e.row.seq for e in entries]),
            "statuses": numbers([e.status for e in entries]),
            "later": numbers([e.row.is_later_try for e in entries]),
            "tokens": numbers([e.row.token for e in entries]),
            "counted": numbers([e.counts_as_try for e in entries]),
            "codes": numbers([e.code for e in entries]),
            "natures": texts([e.nature for e in entries]),
            "reasons": texts([e.reason for e in entries]),
            "replies": texts([e.reply[:300] for e in entries]),
            "retries": numbers([e.retry_in for e in entries]),
        }
        if less := [
            e.row for e in entries if e.row.tracked != e.row.was_tracked
        ]:  # refused since the preparation
            slots = self._slots(seqs=[row.seq for row in less], tracked=[row.tracked for row in less])
            await self.connection.execute(self._named(results.TRACK_LESS), slots)
        await self.connection.execute(self._named(results.STORE), self._slots(**columns))
        held = [e for e in entries if e.quarantines]
        if held:
            await self.connection.execute(
                self._named(results.QUARANTINE),
                self._slots(
                    seqs=[e.row.seq for e in held],
                    reasons=[e.reason for e in held],
                    replies=[e.reply[:300] for e in held],
                    reference=f"delivery {self.delivery_id}",
                    at=None,
                    by=None,
                    by_name="",
                    os_user="",
                    face="job",
                ),
            )

    async def _hand_over(self, hold: Hold, upto: int) -> list[Row]:
        cursor = await self.connection.execute(
            "UPDATE deliveries_chunk SET handed_upto = %(upto)s,"
            " lease_until = sinete_clock() + make_interval(secs => %(lease)s) WHERE delivery_id = %(delivery)s"
            " AND number = %(number)s AND token = %(token)s AND handed_upto = %(above)s"
            " AND (not_before IS NULL OR not_before <= sinete_clock())"
            " AND coalesce(deliveries_valid_until(delivery_id, not_before) > sinete_clock(), true)",
            self._slots(number=hold.number, token=hold.token, above=hold.handed_upto, upto=upto),
        )
        if cursor.rowcount != 1:
            raise Fenced
        return await self.read_window(hold, hold.handed_upto, upto)

    async def _hand_over_tries(self, most: int) -> list[Row]:
        cursor = await self.connection.execute(
            self._named(statements.TAKE_TRIES), self._slots(most=most, unasked=self.tracks_unasked)
        )
        return [self._later_try(row) for row in await cursor.fetchall()]

    async def _renew(self, holds: Sequence[Hold]) -> list[Hold]:
        """Renew the leases that were not renewed just now; each costs a new version of its row.

        A chunk that is done is left: its release may have been committed without an answer.
        """
        before = clock.elapsed() - self.lease_seconds / 15
        due = [hold for hold in holds if hold.renewed_at < before]
        if due:
            await self.connection.execute(
                "UPDATE deliveries_chunk SET lease_until = sinete_clock() + make_interval(secs => %(lease)s)"
                " WHERE delivery_id = %(delivery)s AND number = ANY(%(numbers)s) AND NOT done",
                self._slots(numbers=[h.number for h in due]),
            )
        return due

    async def _renew_tries(self, rows: Sequence[Row]) -> bool:
        """Renew the leases of later tries a third of a lease before they end: an answer may take longer than a lease.

        Return True where some are no longer this lane's; nothing else shows that, as a try belongs to no held chunk.
        """
        if not rows:
            return False
        seqs = sorted(row.seq for row in rows)
        cursor = await self.connection.execute(
            statements.RENEW_TRIES, self._slots(seqs=seqs, least=self.holds_for)
        )
        row = await cursor.fetchone()
        return row is None or row.ours < len(seqs)

    def _later_try(self, row: Any) -> Row:
        return Row(
            seq=row.seq, number=row.number, token=row.token, address=row.address, values=row.values,
            suppression=row.suppression, tries=row.tries, is_later_try=True, tracked=row.tracked,
            was_tracked=row.was_tracked,
        )  # fmt: skip
