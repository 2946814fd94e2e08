"""The books of a delivery, counted independently and compared: what is off, by row or by chunk.

Reads and changes nothing. All counts of a delivery come from one snapshot, in which a result and its tally
stand together or not at all, so a send that is under way raises no false alarm.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from deliveries.ledger import books
from deliveries.lifecycle import seal
from deliveries.models import (
    ASIDE,
    TALLIES,
    Delivery,
    MessageStatus,
    Preparation,
    Purge,
    RetentionKind,
    ScheduleKind,
    Status,
)

LISTED = 20  # so many rows or chunks are named of whatever is off
COUNTED = (*TALLIES, *ASIDE)

CHECKS: dict[str, str | Promise] = {
    "sealed": _("Rows of the ledger against the sealed number"),
    "targeted": _("Targeted against exclusions and messages"),
    "exclusions": _("Exclusions against their counted causes"),
    "confirmed": _("The confirmed number against the sealed one"),
    "sequence": _("Numbers of rows without a gap"),
    "ranges": _("Chunks that cover all rows, each once"),
    "tallies": _("Tallies of chunks against their rows"),
    "statuses": _("Sum of the tallies against rows by status"),
    "marks": _("Rows with a result that were never handed over"),
    "digests": _("Rows as they were sealed"),
    "seal": _("The seal against what it covers"),
    "tries": _("Later tries against rows that wait for one"),
    "doubts": _("Listed unknown outcomes against their rows"),
    "bounces": _("Bounced rows against what was reported of them"),
    "open": _("Nothing open once it is finished"),
}


@dataclass(frozen=True)
class Off:
    """Something that does not agree: what was expected and found, and where, as far as it is listed."""

    check: str
    found: Any
    expected: Any
    rows: list[int] = field(default_factory=list)
    chunks: list[int] = field(default_factory=list)
    more: int = 0  # beyond those listed

    @property
    def label(self) -> str | Promise:
        return CHECKS[self.check]


@dataclass(frozen=True)
class Books:
    """What a reconciliation of one delivery found."""

    delivery: Delivery
    counts: dict[str, int]
    off: list[Off]
    gone: Purge | None = None  # its rows, by a retention period: what is left of the books was compared

    @property
    def balanced(self) -> bool:
        return not self.off


def released() -> list[int]:
    """Every delivery that was ever confirmed and has been prepared to be sent."""
    rows = Delivery.objects.filter(confirmations__isnull=False, preparation__isnull=False).exclude(
        Q(preparation__seal="") | Q(schedule_kind=ScheduleKind.RECURRING)
    )
    return list(rows.order_by("pk").distinct().values_list("pk", flat=True))


def has_books(delivery: Delivery) -> bool:
    """Whether there is something sealed that could be counted."""
    sealed = delivery.preparation is not None and bool(delivery.preparation.seal)
    return sealed and not delivery.is_recurring


def reconcile(delivery_id: int) -> Books:
    """Count everything of the delivery and compare it."""
    with _one_snapshot():
        delivery = Delivery.objects.select_related("preparation").get(pk=delivery_id)
        prepared = delivery.latest_preparation()
        counts = _by_status(delivery_id)
        tallies = _summed(delivery_id)
        gone = delivery.purges.filter(kind=RetentionKind.RECIPIENTS).select_related("unit").first()
        if gone is not None:
            return Books(delivery, tallies, _without_rows(delivery, prepared, sum(tallies.values())), gone)
        off = [
            *_sealed(delivery, prepared, sum(counts.values())),
            *_sequence(delivery_id),
            *_ranges(delivery_id),
            *_tallies(delivery_id),
            *_statuses(counts, tallies),
            *_marks(delivery_id),
            *_digests(delivery_id),
            *_seal(delivery_id, prepared),
            *_beside(delivery_id, "tries", "deliveries_try", MessageStatus.RETRYING),
            *_beside(delivery_id, "doubts", "deliveries_doubt", MessageStatus.IN_DOUBT),
            *_beside(delivery_id, "bounces", "deliveries_bounce", MessageStatus.BOUNCED),
            *(_open(delivery) if delivery.status == Status.FINISHED else []),
        ]
    return Books(delivery, counts, off)


def _without_rows(delivery: Delivery, prepared: Preparation, tallied: int) -> list[Off]:
    """What does not agree where rows are gone: the tallies against the sealed numbers, and the seal."""
    sealed = prepared.manifest
    off = [*_seal(delivery.pk, prepared), *(_open(delivery) if delivery.status == Status.FINISHED else [])]
    if not tallied == prepared.to_deliver == sealed.get("to_deliver"):
        found = {"tallies": tallied, "preparation": prepared.to_deliver}
        off.append(Off("sealed", found, sealed.get("to_deliver")))
    excluded = sum(prepared.causes.values())
    if not prepared.targeted == sealed.get("targeted") == excluded + tallied:
        off.append(Off("targeted", {"exclusions": excluded, "rows": tallied}, prepared.targeted))
    return off


@contextmanager
def _one_snapshot() -> Iterator[None]:
    """Read everything inside as of one moment; nothing can be written."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost:
            _execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _execute(statement: str, **slots: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, slots)
        return cursor.fetchall() if cursor.description else []


# -- the counts -----------------------------------------------------------------------------------------


def _by_status(delivery_id: int) -> dict[str, int]:
    counts = {status.name.lower(): 0 for status in MessageStatus}
    found = _execute(
        "SELECT status, count(*) FROM deliveries_message WHERE delivery_id = %(d)s GROUP BY status",
        d=delivery_id,
    )
    return counts | {MessageStatus(status).name.lower(): number for status, number in found}


def _summed(delivery_id: int) -> dict[str, int]:
    sums = ", ".join(f"coalesce(sum({name}), 0)" for name in TALLIES)
    rest = f"coalesce(sum(seq_to - seq_from + 1 - {' - '.join(TALLIES)}), 0)"
    row = _execute(f"SELECT {sums}, {rest} FROM deliveries_chunk WHERE delivery_id = %(d)s", d=delivery_id)[0]
    return dict(zip((*TALLIES, "prepared"), row, strict=True))


def _sealed(delivery: Delivery, prepared: Preparation, rows: int) -> Iterator[Off]:
    sealed = prepared.manifest.get("to_deliver")
    if not rows == prepared.to_deliver == sealed:
        yield Off("sealed", {"rows": rows, "preparation": prepared.to_deliver}, sealed)
    by_cause = dict(
        _execute(
            "SELECT cause, count(*) FROM deliveries_exclusion"
            " WHERE delivery_id = %(d)s AND preparation_id = %(p)s GROUP BY cause",
            d=delivery.pk, p=prepared.counted.pk,
        )
    )  # fmt: skip
    excluded = sum(by_cause.values())
    if not prepared.targeted == prepared.manifest.get("targeted") == excluded + rows:
        yield Off("targeted", {"exclusions": excluded, "rows": rows}, prepared.targeted)
    counted = {cause: number for cause, number in prepared.causes.items() if number}
    if by_cause != counted:
        yield Off("exclusions", by_cause, counted)
    confirmed = delivery.confirmations.filter(taken_back_at=None, preparation=prepared).first()
    if confirmed is not None and confirmed.to_deliver != sealed:
        yield Off("confirmed", confirmed.to_deliver, sealed)


def _sequence(delivery_id: int) -> Iterator[Off]:
    number, first, last = _execute(
        "SELECT count(*), min(seq), max(seq) FROM deliveries_message WHERE delivery_id = %(d)s",
        d=delivery_id,
    )[0]
    if number and (first != 1 or last != number):
        behind_gaps = _execute(
            "SELECT seq, count(*) OVER () FROM (SELECT seq, lag(seq, 1, 0) OVER (ORDER BY seq) AS before"
            " FROM deliveries_message WHERE delivery_id = %(d)s) s WHERE seq <> before + 1 ORDER BY seq LIMIT %(n)s",
            d=delivery_id, n=LISTED,
        )  # fmt: skip
        yield _named("sequence", {"rows": number, "first": first, "last": last}, number, behind_gaps)


def _ranges(delivery_id: int) -> Iterator[Off]:
    wrong = _execute(
        """
        SELECT number, count(*) OVER () FROM (
            SELECT number, seq_from, seq_to, handed_upto, lag(seq_to, 1, 0) OVER (ORDER BY number) AS before,
                lag(number, 1, 0) OVER (ORDER BY number) AS number_before
            FROM deliveries_chunk WHERE delivery_id = %(d)s
        ) c WHERE seq_from <> before + 1 OR seq_to < seq_from OR number <> number_before + 1
            OR handed_upto NOT BETWEEN seq_from - 1 AND seq_to
        ORDER BY number LIMIT %(n)s
        """,
        d=delivery_id, n=LISTED,
    )  # fmt: skip
    covered, rows = _execute(
        "SELECT coalesce((SELECT max(seq_to) FROM deliveries_chunk WHERE delivery_id = %(d)s), 0),"
        " coalesce((SELECT max(seq) FROM deliveries_message WHERE delivery_id = %(d)s), 0)",
        d=delivery_id,
    )[0]
    if wrong or covered != rows:
        yield _named("ranges", covered, rows, wrong, chunks=True)


def _tallies(delivery_id: int) -> Iterator[Off]:
    counted = ", ".join(
        f"count(*) FILTER (WHERE {ASIDE.get(name) or f'm.status = {int(MessageStatus[name.upper()])}'}) AS {name}"
        for name in COUNTED
    )
    wrong = _execute(
        f"""
        SELECT c.number, count(*) OVER (), to_jsonb(r) - 'number', (SELECT to_jsonb(t) FROM (
            SELECT {", ".join(f"c.{name}" for name in COUNTED)}) t)
        FROM deliveries_chunk c JOIN (
            SELECT k.number, {counted} FROM deliveries_chunk k LEFT JOIN deliveries_message m
                ON m.delivery_id = %(d)s AND m.seq BETWEEN k.seq_from AND k.seq_to
            WHERE k.delivery_id = %(d)s GROUP BY k.number
        ) r ON r.number = c.number
        WHERE c.delivery_id = %(d)s AND ({", ".join(f"c.{name}" for name in COUNTED)})
            IS DISTINCT FROM ({", ".join(f"r.{name}" for name in COUNTED)})
        ORDER BY c.number LIMIT %(n)s
        """,
        d=delivery_id, n=LISTED,
    )  # fmt: skip
    for number, total, rows, tally in wrong:
        differ = {name for name in COUNTED if _json(rows)[name] != _json(tally)[name]}
        yield Off(
            "tallies",
            {name: _json(tally)[name] for name in sorted(differ)},
            {name: _json(rows)[name] for name in sorted(differ)},
            chunks=[number],
            more=max(0, total - LISTED) if number == wrong[-1][0] else 0,
        )


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _statuses(counts: dict[str, int], tallies: dict[str, int]) -> Iterator[Off]:
    differ = sorted(name for name in tallies if counts[name] != tallies[name])
    if differ:
        yield Off("statuses", {n: tallies[n] for n in differ}, {n: counts[n] for n in differ})


def _marks(delivery_id: int) -> Iterator[Off]:
    """Check that nothing above a chunk's mark was handed over: such a row waits, was cancelled or erased, or expired.

    In an adopted copy it is in doubt, or what evidence, a report or a person made of that; a server's answer is
    possible only where somebody had it sent again.
    """
    wrong = _execute(
        """
        SELECT m.seq, count(*) OVER () FROM deliveries_chunk c JOIN deliveries_message m
            ON m.delivery_id = %(d)s AND m.seq > c.handed_upto AND m.seq <= c.seq_to
        WHERE c.delivery_id = %(d)s AND c.handed_upto < c.seq_to
            AND m.status NOT IN (%(prepared)s, %(cancelled)s, %(erased)s)
            AND NOT (m.status = %(failed)s AND m.tries = 0 AND m.reason = 'expired')
            AND NOT (c.done AND m.status = %(in_doubt)s)
            AND NOT (c.done AND m.status = %(bounced)s AND m.code IS NULL)
            AND NOT (c.done AND m.status = %(sent)s AND m.code IS NULL AND (m.reply <> '' OR m.address = ''))
            AND NOT EXISTS (
                SELECT 1 FROM deliveries_sentagain a WHERE a.delivery_id = m.delivery_id AND a.seq = m.seq
            )
        ORDER BY m.seq LIMIT %(n)s
        """,
        d=delivery_id, n=LISTED, prepared=int(MessageStatus.PREPARED), cancelled=int(MessageStatus.CANCELLED),
        failed=int(MessageStatus.FAILED), in_doubt=int(MessageStatus.IN_DOUBT), sent=int(MessageStatus.SENT),
        bounced=int(MessageStatus.BOUNCED), erased=int(MessageStatus.ERASED),
    )  # fmt: skip
    if wrong:
        yield _named("marks", wrong[0][1], 0, wrong)


def _digests(delivery_id: int) -> Iterator[Off]:
    wrong = _execute(
        "SELECT number, count(*) OVER () FROM deliveries_chunk WHERE delivery_id = %(d)s"
        " AND coalesce(redacted, digest) IS DISTINCT FROM deliveries_chunk_digest(delivery_id, seq_from, seq_to)"
        " ORDER BY number LIMIT %(n)s",
        d=delivery_id, n=LISTED,
    )  # fmt: skip
    if wrong:
        yield _named("digests", wrong[0][1], 0, wrong, chunks=True)


def _seal(delivery_id: int, prepared: Preparation) -> Iterator[Off]:
    covered = {
        "manifest": (seal.fingerprint(prepared.manifest), prepared.seal),
        "compiled": (seal.fingerprint(prepared.compiled), prepared.manifest.get("compiled")),
        "chunks": (books.chunk_digests(delivery_id), prepared.manifest.get("chunks")),
    }
    broken = {part: pair for part, pair in covered.items() if pair[0] != pair[1]}
    if broken:
        yield Off(
            "seal",
            {part: (found or "")[:12] for part, (found, _sealed) in broken.items()},
            {part: (sealed or "")[:12] for part, (_found, sealed) in broken.items()},
        )


def _beside(delivery_id: int, check: str, table: str, status: MessageStatus) -> Iterator[Off]:
    """Check that each row with a rare status has its row in the small table, and the other way round."""
    wrong = _execute(
        f"""
        SELECT coalesce(m.seq, b.seq) AS seq, count(*) OVER (), count(m.seq) OVER (), count(b.seq) OVER ()
        FROM (SELECT seq FROM deliveries_message WHERE delivery_id = %(d)s AND status = %(status)s) m
        FULL JOIN (SELECT seq FROM {table} WHERE delivery_id = %(d)s) b ON b.seq = m.seq
        WHERE m.seq IS NULL OR b.seq IS NULL ORDER BY 1 LIMIT %(n)s
        """,
        d=delivery_id, n=LISTED, status=int(status),
    )  # fmt: skip
    if wrong:
        found = {"rows_alone": wrong[0][2], "listed_alone": wrong[0][3]}
        yield _named(check, found, {"rows_alone": 0, "listed_alone": 0}, wrong)


def _open(delivery: Delivery) -> Iterator[Off]:
    """Check that a finished delivery has nothing prepared, retrying, leased or open.

    A late answer's try has a minute to be taken up.
    """
    rows = _execute(
        "SELECT seq, count(*) OVER () FROM deliveries_message WHERE delivery_id = %(d)s AND (status = %(prepared)s"
        " OR (status = %(retrying)s AND at < sinete_clock() - interval '1 minute')) ORDER BY seq LIMIT %(n)s",
        d=delivery.pk, n=LISTED, prepared=int(MessageStatus.PREPARED), retrying=int(MessageStatus.RETRYING),
    )  # fmt: skip
    if rows:
        yield _named("open", {"rows": rows[0][1]}, 0, rows)
    chunks = _execute(
        "SELECT number, count(*) OVER () FROM deliveries_chunk WHERE delivery_id = %(d)s"
        " AND (NOT done OR lease_until IS NOT NULL) ORDER BY number LIMIT %(n)s",
        d=delivery.pk, n=LISTED,
    )  # fmt: skip
    if chunks:
        yield _named("open", {"chunks": chunks[0][1]}, 0, chunks, chunks=True)


def _named(
    check: str, found: Any, expected: Any, places: list[tuple[Any, ...]], *, chunks: bool = False
) -> Off:
    """With the numbers of the rows or chunks that it is about; each place is (number, how many in all, …)."""
    numbers = [place[0] for place in places]
    more = places[0][1] - len(places) if places else 0
    where = {"chunks": numbers} if chunks else {"rows": numbers}
    return Off(check, found, expected, more=more, **where)
