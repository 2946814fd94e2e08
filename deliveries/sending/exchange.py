"""What a lane does to the ledger, each in one fenced transaction.

A lane holds chunks under a lease and a token. An `exchange` commits results and moves a chunk's mark past
the next window, before any byte of that window leaves. Lock order everywhere: delivery, moments, chunks by number,
later tries, messages; a lane locks no delivery but to open a moment (`ledger/barrier.py`: what a pause waits for). The
lane's own connection, asynchronous, outside Django's: whatever waits on it ends after `lane_patience` seconds.
"""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
from django.conf import settings
from django.db import connections
from psycopg.rows import namedtuple_row, tuple_row

from campaign.lib import clock
from deliveries.ledger import barrier
from deliveries.models import MessageStatus
from deliveries.sending.pg_arrays import numbers, texts
from deliveries.sending.throttle import Limits
from deliveries.sending.wave_gate import HELD, LOG_HELD, OPEN_MOMENTS

LEAST_LEFT = 2 / 3  # of a lease, of all that a lane holds, after an exchange
CONNECT_SECONDS = 5  # until a database that does not answer counts as away

UNFIT = frozenset({"context", "cursor_factory", "pool", "prepare_threshold", "server_side_binding"})


class Fenced(Exception):
    """Another worker has what this lane held: it must hand over nothing more."""


class NotDurable(Exception):
    """PostgreSQL would not keep what it acknowledges: no promise could be kept."""


class Tampered(Exception):
    """The rows of a chunk are not the ones that were sealed."""


@dataclass(slots=True)
class Hold:
    """A chunk in this lane's hands."""

    number: int
    seq_to: int
    handed_upto: int
    token: int
    outstanding: int = 0
    renewed_at: float = field(default_factory=clock.elapsed)

    @property
    def is_exhausted(self) -> bool:
        return self.handed_upto >= self.seq_to


@dataclass(slots=True)
class Row:
    """A recipient that was handed over: what the connection needs to write to him."""

    seq: int
    number: int
    token: int
    address: str
    values: dict[str, Any]
    is_suppressed: bool
    tries: int
    is_later_try: bool = False


@dataclass(slots=True)
class Entry:
    """One row's result, ready for the ledger."""

    row: Row
    status: MessageStatus
    code: int | None = None
    nature: str = ""
    reason: str = ""
    reply: str = ""
    counts_as_try: bool = True
    retry_in: float | None = None  # seconds; for `RETRYING`
    quarantines: bool = False


@dataclass(slots=True)
class Exchange:
    """What one commit brought: rows to write to now, and whether the delivery may still send.

    Where it is `outdated` nothing was handed over, and asking again may help: the limits are others than those that
    tokens were taken under, or somebody waits at this moment until nothing more is handed over.
    `lost_tries`: of the later tries in hand some are no longer this lane's.
    """

    rows: list[Row] = field(default_factory=list)
    may_send: bool = True
    outdated: bool = False
    lost_tries: bool = False


def connection_parameters() -> dict[str, Any]:
    """How a lane's own connection reaches the database that Django uses."""
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
        self._limits_read: tuple[Any, ...] = ()

    @classmethod
    async def connect(cls, *, delivery_id: int, lane: str) -> "Ledger":
        """A ledger on a connection of its own. Raises NotDurable where PostgreSQL would forget what it stored."""
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
        """The session is as a lane wants it. Behind a pooler it is nobody's: each transaction says so anew."""
        cursor = await self.connection.execute(
            "SELECT pg_backend_pid() AS pid, current_setting('fsync') AS fsync"
        )
        found = await cursor.fetchone()
        if found is None or found.fsync != "on":
            raise NotDurable(
                "PostgreSQL runs with fsync=off: a crash could forget what has left. Nothing is sent."
            )
        # Who was told of another process than the one that answers talks to it through somebody.
        self.is_pooled = found.pid != self.connection.info.backend_pid
        if self.is_pooled:
            self.connection.prepare_threshold = None
        else:
            await self.connection.execute(_SETTINGS, self._settings(is_local=False))

    def _settings(self, *, is_local: bool) -> dict[str, Any]:
        milliseconds = f"{round(1000 * self.patience)}ms"
        return {"milliseconds": milliseconds, "lock": f"{round(750 * self.patience)}ms", "is_local": is_local}

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        """What is done inside ends within the lane's patience: a server that falls silent is cut off."""
        timer = asyncio.get_running_loop().call_later(self.patience, self._cut)
        try:
            yield
        finally:
            timer.cancel()

    def _cut(self) -> None:
        """Whoever waits for the server hears that it is gone; it can't be asked any more."""
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(self.connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[None]:
        async with self._in_time(), self.connection.transaction():
            if self.is_pooled:
                await self.connection.execute(_SETTINGS, self._settings(is_local=True))
            yield

    async def close(self) -> None:
        await self.connection.close()

    @property
    def holds_for(self) -> float:
        """Seconds from an exchange on in which surely nobody else is given what this lane holds."""
        return self.lease_seconds * LEAST_LEFT

    async def claim(self) -> Hold | None:
        """Take the next chunk that is open, free and due; None where there is none or nothing may leave.

        Raises Tampered where its rows are not the ones that were sealed.
        """
        await self._open_moments()
        async with self._transaction():
            if not await self._may_send():
                return None
            cursor = await self.connection.execute(_CLAIM, self._slots())
            row = await cursor.fetchone()
            if row is None:
                return None
            if row.counted is None or bytes(row.digest) != bytes(row.counted):
                raise Tampered(f"chunk {row.number}")
            return Hold(number=row.number, seq_to=row.seq_to, handed_upto=row.handed_upto, token=row.token)

    async def _open_moments(self) -> None:
        """Open what is due of the plan; a wave is judged first by those before it, and perhaps held.

        Once for each moment, and in a transaction of its own: this alone locks the delivery, as whoever releases a
        wave does, so that of the two one comes after the other.
        """
        async with self._in_time():
            cursor = await self.connection.execute(_MOMENT_IS_DUE, self._slots())
            row = await cursor.fetchone()
        if row is None or not row.is_due:
            return
        async with self._transaction():
            await self.connection.execute(_LOCK_DELIVERY, self._slots())
            if not await self._may_send():
                return
            cursor = await self.connection.execute(OPEN_MOMENTS, self._slots(only_judge=False))
            for held in await cursor.fetchall():
                await self.connection.execute(
                    LOG_HELD, self._slots(text=HELD, wave=held.held, percent=held.percent, most=held.most)
                )

    async def seconds_to_gate(self, ahead: float) -> float | None:
        """How long until something that is open and free may leave, if that is so soon; None: it is not."""
        async with self._in_time():
            cursor = await self.connection.execute(_NEXT_GATE, self._slots(ahead=ahead))
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
        """Inside, no exchange of this delivery is under way, and none begins: an abandoned one has ended.

        After a connection was lost its backend may live on for a while, and may still commit what it was told.
        """
        async with self._transaction():
            await self.connection.execute(
                "SELECT pg_advisory_xact_lock(%(barrier)s)", {"barrier": barrier.key_of(self.delivery_id)}
            )
            yield

    async def marks(self, holds: Sequence[Hold]) -> dict[int, int]:
        """Where each held chunk's mark stands, behind its lock; a chunk that another worker took is missing."""
        cursor = await self.connection.execute(
            "SELECT number, handed_upto FROM deliveries_chunk c WHERE delivery_id = %(delivery)s"
            " AND (number, token) IN (SELECT * FROM unnest(%(numbers)s::int[], %(tokens)s::bigint[]))"
            " ORDER BY number FOR UPDATE",
            self._slots(numbers=[h.number for h in holds], tokens=[h.token for h in holds]),
        )
        return {row.number: row.handed_upto for row in await cursor.fetchall()}

    async def read_window(self, hold: Hold, above: int, upto: int) -> list[Row]:
        """The rows of a window that is handed over already, after its commit's answer was lost."""
        cursor = self.connection.cursor(row_factory=tuple_row)
        await cursor.execute(_WINDOW, self._slots(above=above, upto=upto))
        rows = await cursor.fetchall()
        values = json.loads(f"[{','.join([row[2] for row in rows])}]")  # at once: most of it is the way there
        number, token = hold.number, hold.token
        return [
            Row(seq, number, token, address, known, is_suppressed, 0)
            for (seq, address, _, is_suppressed), known in zip(rows, values, strict=True)
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
        """The later tries that are handed over to this lane, after a commit's answer was lost."""
        cursor = await self.connection.execute(_OWN_TRIES, self._slots())
        return [self._later_try(row) for row in await cursor.fetchall()]

    async def read_unfed(self, hold: Hold) -> list[Row]:
        """Rows in doubt that a commit whose answer was lost handed over, of a chunk that was taken since."""
        cursor = await self.connection.execute(
            "SELECT d.seq FROM deliveries_doubt d JOIN deliveries_chunk c ON c.delivery_id = d.delivery_id"
            " AND c.number = %(number)s WHERE d.delivery_id = %(delivery)s AND d.token = %(token)s"
            " AND NOT d.later_try AND d.seq > %(above)s AND d.seq <= c.handed_upto ORDER BY d.seq",
            self._slots(token=hold.token, above=hold.handed_upto, number=hold.number),
        )
        return [
            Row(row.seq, hold.number, hold.token, address="", values={}, is_suppressed=False, tries=0)
            for row in await cursor.fetchall()
        ]

    async def release(self, holds: Iterable[Hold]) -> None:
        """Let go of chunks, all of whose handed rows have results; the ones that are through are done."""
        async with self._in_time():
            await self.connection.execute(
                _RELEASE,
                self._slots(numbers=[h.number for h in holds], tokens=[h.token for h in holds]),
            )

    # -- the statements of an exchange ----------------------------------------------------------------

    def _slots(self, **more: Any) -> dict[str, Any]:
        return {"delivery": self.delivery_id, "lane": self.lane, "lease": self.lease_seconds, **more}

    async def _may_send(self) -> bool:
        """Whether the delivery may hand over, as it stands now; what limits it is noted by the way."""
        cursor = await self.connection.execute(_STANDING, self._slots())
        row = await cursor.fetchone()
        if row is None or row.status != "sending":
            return False
        self._note_limits((row.own_limit, row.route, row.limit_per_hour, row.providers))
        return not row.is_held

    def _note_limits(self, read: tuple[Any, ...]) -> None:
        """They may change while it is sent, and are made anew only then."""
        if read != self._limits_read:
            own, route, shared, providers = self._limits_read = read
            self.limits = Limits.of(
                delivery=self.delivery_id, own=own, route=route, shared=shared,
                providers=json.loads(providers or "[]"),
            )  # fmt: skip

    async def _lock(self, holds: Sequence[Hold], entries: Sequence[Entry], *, shares: bool) -> bool:
        """Lock the chunks that this exchange touches, in their order; raise Fenced if a held one is gone.

        With `shares` it says whether the exchange has its share of the barrier. What is read in the statements after
        this one was committed by whoever had the barrier before.
        """
        numbers = {h.number for h in holds} | {e.row.number for e in entries}
        slots = self._slots(numbers=sorted(numbers), barrier=barrier.key_of(self.delivery_id), shares=shares)
        cursor = await self.connection.execute(_LOCK, slots)
        rows = await cursor.fetchall()
        tokens = {row.number: row.token for row in rows}
        if any(tokens.get(h.number) != h.token for h in holds):
            raise Fenced
        return bool(rows[0].is_open)

    async def _store(self, entries: Sequence[Entry]) -> None:
        """Write results into rows and tallies. A row that has a result already keeps it."""
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
        await self.connection.execute(_STORE, self._slots(**columns))
        held = [e for e in entries if e.quarantines]
        if held:
            await self.connection.execute(
                _QUARANTINE,
                self._slots(
                    seqs=[e.row.seq for e in held],
                    reasons=[e.reason for e in held],
                    replies=[e.reply[:300] for e in held],
                    reference=f"delivery {self.delivery_id}",
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
        cursor = await self.connection.execute(_TAKE_TRIES, self._slots(most=most))
        return [self._later_try(row) for row in await cursor.fetchall()]

    async def _renew(self, holds: Sequence[Hold]) -> list[Hold]:
        """Renew the leases that were not renewed just now; each costs a new version of its row.

        Not of a chunk that is done: its release may have been committed without our hearing of it.
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
        """A third of a lease before it would end: an answer may take far longer than a lease.

        True where some are no longer this lane's: nothing else tells it, as a try has no chunk that is held.
        """
        if not rows:
            return False
        seqs = sorted(row.seq for row in rows)
        cursor = await self.connection.execute(_RENEW_TRIES, self._slots(seqs=seqs, least=self.holds_for))
        row = await cursor.fetchone()
        return row is None or row.ours < len(seqs)

    def _later_try(self, row: Any) -> Row:
        return Row(
            seq=row.seq, number=row.number, token=row.token, address=row.address, values=row.values,
            is_suppressed=row.is_suppressed, tries=row.tries, is_later_try=True,
        )  # fmt: skip


# One by one, by their keys: `OFFSET 0` keeps the planner from joining whole tables, and so does asking for one row
# where EXISTS might read all that are in quarantine.
_PROFILE = """
    LEFT JOIN LATERAL (
        SELECT id, no_email, no_contact FROM audiences_profile WHERE id = m.profile_id OFFSET 0
    ) p ON true
"""

_SUPPRESSED = """
    (p.id IS NULL OR p.no_email OR p.no_contact OR (
        SELECT true FROM audiences_quarantine q
        WHERE q.channel = 'email' AND q.address_key = m.address_key AND q.status IN ('quarantine', 'denylist')
        LIMIT 1
    ) IS NOT NULL) AS is_suppressed
"""

# For a lane the time-outs are PostgreSQL's own half of its patience: a backend whose lane has vanished lets go of its
# locks. Each statement finds its rows by their keys, so one plan does for all windows: none is planned anew.
_SETTINGS = """
    SELECT set_config('synchronous_commit', 'on', %(is_local)s::boolean) AS durable,
        set_config('plan_cache_mode', 'force_generic_plan', %(is_local)s::boolean) AS planned,
        set_config('idle_in_transaction_session_timeout', %(milliseconds)s, %(is_local)s::boolean) AS idle,
        set_config('lock_timeout', %(lock)s, %(is_local)s::boolean) AS locks,
        set_config('tcp_user_timeout', %(milliseconds)s, %(is_local)s::boolean) AS line
"""

# Asked once, for the one row that stands before the chunks.
_LOCK = """
    WITH locked AS MATERIALIZED (
        SELECT number, token FROM deliveries_chunk
        WHERE delivery_id = %(delivery)s AND number = ANY(%(numbers)s::int[]) ORDER BY number FOR UPDATE
    )
    SELECT gate.is_open, locked.number, locked.token
    FROM (
        SELECT CASE WHEN %(shares)s::boolean THEN pg_try_advisory_xact_lock_shared(%(barrier)s::bigint)
            ELSE false END AS is_open
    ) gate LEFT JOIN locked ON true
"""

# What limits the send comes along with what is asked anyway: no statement more.
_STANDING = """
    SELECT d.status, d.limit_per_hour AS own_limit, r.id AS route, r.limit_per_hour, (
        SELECT json_agg(json_build_array(p.id, p.limit_per_hour, p.domains) ORDER BY p.id)::text
        FROM deliveries_providerlimit p WHERE p.route_id = r.id
    ) AS providers, EXISTS (
        SELECT 1 FROM deliveries_halt h
        JOIN accounts_organizationalunit above ON above.id = h.unit_id
        JOIN accounts_organizationalunit own ON own.id = d.unit_id
        WHERE h.lifted_at IS NULL AND starts_with(own.path, above.path)
    ) AS is_held
    FROM deliveries_delivery d
    LEFT JOIN deliveries_route r ON CASE WHEN d.route_id IS NULL THEN r.is_default ELSE r.id = d.route_id END
    WHERE d.id = %(delivery)s
"""

# They open in their order: the first that is not open says whether any can be.
_MOMENT_IS_DUE = """
    SELECT not_before <= sinete_clock() AND (held_at IS NULL OR released_at IS NOT NULL) AS is_due
    FROM deliveries_moment WHERE delivery_id = %(delivery)s AND opened_at IS NULL ORDER BY number LIMIT 1
"""

_LOCK_DELIVERY = "SELECT 1 FROM deliveries_delivery WHERE id = %(delivery)s FOR NO KEY UPDATE"

_CLAIM = """
    UPDATE deliveries_chunk c
    SET token = c.token + 1, lease_by = %(lane)s,
        lease_until = sinete_clock() + make_interval(secs => %(lease)s)
    WHERE (c.delivery_id, c.number) = (
        SELECT delivery_id, number FROM deliveries_chunk
        WHERE delivery_id = %(delivery)s AND NOT done AND lease_until IS NULL AND handed_upto < seq_to
          AND (not_before IS NULL OR not_before <= sinete_clock())
          AND coalesce(deliveries_valid_until(delivery_id, not_before) > sinete_clock(), true)
          AND (moment IS NULL OR EXISTS (
              SELECT 1 FROM deliveries_moment m WHERE m.delivery_id = deliveries_chunk.delivery_id
                AND m.number = deliveries_chunk.moment AND m.opened_at IS NOT NULL))
        ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING c.number, c.seq_to, c.handed_upto, c.token, c.digest,
              deliveries_chunk_digest(c.delivery_id, c.seq_from, c.seq_to) AS counted
"""

_NEXT_GATE = """
    SELECT extract(epoch FROM min(not_before) - sinete_clock()) AS seconds FROM deliveries_chunk
    WHERE delivery_id = %(delivery)s AND NOT done AND lease_until IS NULL AND handed_upto < seq_to
      AND not_before > sinete_clock() AND not_before <= sinete_clock() + make_interval(secs => %(ahead)s)
      AND (moment IS NULL OR deliveries_may_leave(delivery_id, moment, make_interval(secs => %(ahead)s)))
"""

_WINDOW = f"""
    SELECT m.seq, m.address, m."values"::text, {_SUPPRESSED}
    FROM deliveries_message m {_PROFILE}
    WHERE m.delivery_id = %(delivery)s AND m.seq > %(above)s AND m.seq <= %(upto)s ORDER BY m.seq
"""

_TRIES = f"""
    SELECT m.seq, c.number, t.token, t.tries, m.address, m."values", {_SUPPRESSED}
    FROM taken t
    JOIN LATERAL (
        SELECT * FROM deliveries_message WHERE delivery_id = %(delivery)s AND seq = t.seq OFFSET 0
    ) m ON true
    JOIN LATERAL (
        SELECT number FROM deliveries_chunk
        WHERE delivery_id = %(delivery)s AND seq_to >= t.seq ORDER BY seq_to LIMIT 1
    ) c ON true
    {_PROFILE}
    ORDER BY m.seq
"""

# Materialised, or a plan may look for due tries again for each row and take more than it was asked for.
_TAKE_TRIES = f"""
    WITH due AS MATERIALIZED (
        SELECT seq FROM deliveries_try
        WHERE delivery_id = %(delivery)s AND due_at <= sinete_clock() AND NOT handed AND coalesce((
            SELECT deliveries_valid_until(c.delivery_id, c.not_before) > sinete_clock() FROM deliveries_chunk c
            WHERE c.delivery_id = deliveries_try.delivery_id AND c.seq_to >= deliveries_try.seq
            ORDER BY c.seq_to LIMIT 1
        ), true)
        ORDER BY due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE deliveries_try t
        SET handed = true, token = t.token + 1, lease_by = %(lane)s,
            lease_until = sinete_clock() + make_interval(secs => %(lease)s)
        FROM due WHERE t.delivery_id = %(delivery)s AND t.seq = due.seq
        RETURNING t.seq, t.token, t.tries
    )
    {_TRIES}
"""

_RENEW_TRIES = """
    WITH ours AS (
        SELECT seq, lease_until FROM deliveries_try
        WHERE delivery_id = %(delivery)s AND handed AND lease_by = %(lane)s AND seq = ANY(%(seqs)s)
    ), renewed AS (
        UPDATE deliveries_try t SET lease_until = sinete_clock() + make_interval(secs => %(lease)s)
        FROM ours WHERE t.delivery_id = %(delivery)s AND t.seq = ours.seq AND t.handed AND t.lease_by = %(lane)s
            AND ours.lease_until < sinete_clock() + make_interval(secs => %(least)s)
    )
    SELECT count(*) AS ours FROM ours
"""

_OWN_TRIES = f"""
    WITH taken AS (
        SELECT seq, token, tries FROM deliveries_try
        WHERE delivery_id = %(delivery)s AND handed AND lease_by = %(lane)s
    )
    {_TRIES}
"""

# One statement: results into rows, later tries and doubts beside them, tallies from what really changed.
# First-pass rows come from `prepared` and later tries from `retrying`, each only under its own token. A row
# that was put in doubt meanwhile is resolved by a result of that very hand-over, and by nothing else here.
# Each row is found by its key (`OFFSET 0` keeps the planner from another way) and changed where it was found:
# a delivery that was made a moment ago has no statistics yet, and joined the usual way the planner read all of
# it for each window. Who changes a message holds its chunk's lock, as we do, so it still stands where it was found.
_STORE = """
    WITH r AS (
        SELECT * FROM unnest(
            %(numbers)s::int[], %(seqs)s::int[], %(statuses)s::smallint[], %(later)s::boolean[],
            %(tokens)s::bigint[], %(counted)s::smallint[], %(codes)s::smallint[], %(natures)s::text[],
            %(reasons)s::text[], %(replies)s::text[], %(retries)s::float8[]
        ) AS r(number, seq, status, later, token, counted, code, nature, reason, reply, retry_in)
    ), c AS MATERIALIZED (
        SELECT number, token FROM deliveries_chunk
        WHERE delivery_id = %(delivery)s AND number = ANY(%(chunks)s::int[])
    ), t AS MATERIALIZED (
        SELECT seq, token FROM deliveries_try
        WHERE delivery_id = %(delivery)s AND seq = ANY(%(seqs)s::int[]) AND handed
    ), d AS MATERIALIZED (
        SELECT seq, token, later_try FROM deliveries_doubt
        WHERE delivery_id = %(delivery)s AND seq = ANY(%(seqs)s::int[])
    ), own AS MATERIALIZED (
        SELECT r.*, m.place, CASE WHEN d.seq IS NOT NULL THEN 4 WHEN r.later THEN 3 ELSE 0 END AS old
        FROM r
        LEFT JOIN c ON NOT r.later AND c.number = r.number AND c.token = r.token
        LEFT JOIN t ON r.later AND t.seq = r.seq AND t.token = r.token
        LEFT JOIN d ON d.seq = r.seq AND d.token = r.token AND d.later_try = r.later AND r.status <> 4
        JOIN LATERAL (
            SELECT ctid AS place FROM deliveries_message
            WHERE delivery_id = %(delivery)s AND seq = r.seq OFFSET 0
        ) m ON true
        WHERE c.number IS NOT NULL OR t.seq IS NOT NULL OR d.seq IS NOT NULL
    ), written AS (
        UPDATE deliveries_message m
        SET status = own.status, tries = m.tries + own.counted, at = sinete_clock(), code = own.code,
            nature = own.nature, reason = own.reason, reply = own.reply
        FROM own
        WHERE m.ctid = own.place AND m.status = own.old
        RETURNING own.number, m.seq, m.status, own.old, m.tries, own.later, own.token, own.retry_in
    ), ended AS (
        DELETE FROM deliveries_try t USING written w
        WHERE t.delivery_id = %(delivery)s AND t.seq = ANY(%(seqs)s::int[]) AND t.seq = w.seq AND w.status <> 3
    ), resolved AS (
        DELETE FROM deliveries_doubt d USING written w
        WHERE d.delivery_id = %(delivery)s AND d.seq = ANY(%(seqs)s::int[]) AND d.seq = w.seq AND w.old = 4
    ), delayed AS (
        INSERT INTO deliveries_try (delivery_id, seq, due_at, tries, token, lease_until, handed)
        SELECT %(delivery)s, seq, sinete_clock() + make_interval(secs => retry_in), tries, token, NULL, false
        FROM written WHERE status = 3
        ON CONFLICT (delivery_id, seq) DO UPDATE
        SET due_at = excluded.due_at, tries = excluded.tries, lease_until = NULL, lease_by = '', handed = false
    ), doubted AS (
        INSERT INTO deliveries_doubt (delivery_id, seq, since, token, tries, later_try)
        SELECT %(delivery)s, seq, sinete_clock(), token, tries, later FROM written WHERE status = 4
    ), tally AS (
        SELECT number,
            count(*) FILTER (WHERE status = 1) AS sent, count(*) FILTER (WHERE status = 2) AS failed,
            count(*) FILTER (WHERE status = 2 AND tries = 0) AS unsent,
            count(*) FILTER (WHERE status = 3) - count(*) FILTER (WHERE old = 3) AS retrying,
            count(*) FILTER (WHERE status = 4) - count(*) FILTER (WHERE old = 4) AS in_doubt,
            count(*) FILTER (WHERE status = 5) AS ignored
        FROM written GROUP BY number
    )
    UPDATE deliveries_chunk c
    SET sent = c.sent + tally.sent, failed = c.failed + tally.failed, unsent = c.unsent + tally.unsent,
        retrying = c.retrying + tally.retrying, in_doubt = c.in_doubt + tally.in_doubt,
        ignored = c.ignored + tally.ignored
    FROM tally
    WHERE c.delivery_id = %(delivery)s AND c.number = ANY(%(chunks)s::int[]) AND c.number = tally.number
"""

_QUARANTINE = """
    INSERT INTO audiences_quarantine AS q
        (channel, address_key, status, reason, error_text, errors, last_error_at, reference, created_at)
    SELECT DISTINCT ON (m.address_key)
        'email', m.address_key, 'quarantine', r.reason, r.reply, 1, sinete_clock(), %(reference)s, sinete_clock()
    FROM unnest(%(seqs)s::int[], %(reasons)s::text[], %(replies)s::text[]) AS r(seq, reason, reply)
    JOIN deliveries_message m
        ON m.delivery_id = %(delivery)s AND m.seq = ANY(%(seqs)s::int[]) AND m.seq = r.seq
    ON CONFLICT (channel, address_key) DO UPDATE
    SET status = CASE WHEN q.status = 'denylist' THEN q.status ELSE 'quarantine' END,
        reason = excluded.reason, error_text = excluded.error_text, errors = q.errors + 1,
        last_error_at = excluded.last_error_at, reference = excluded.reference
"""

_RELEASE = """
    UPDATE deliveries_chunk
    SET lease_until = NULL, lease_by = '',
        done = sent + failed + retrying + in_doubt + ignored + cancelled = seq_to - seq_from + 1
    WHERE delivery_id = %(delivery)s
      AND (number, token) IN (SELECT * FROM unnest(%(numbers)s::int[], %(tokens)s::bigint[]))
"""
