"""What servers refused while a delivery was being sent, counted softly against the addresses.

It is derived from the ledger in the background, so that no exchange of a send does more for it. What a refusal says of
an address for good held it at once (`ledger/results.py`); here each counts as one error, and `thresholds` says which of
them count together. A look may run twice or die half-way: an error is known by its message and its time.
"""

from datetime import timedelta
from typing import Any

from django.db import connection, transaction

from audiences import mail_exchanges
from audiences.quarantine import error_counts
from audiences.quarantine.thresholds import Limits
from campaign.lib import clock
from deliveries.models import MessageStatus as S
from feedback.models import RefusalLook

LATELY = timedelta(days=40)  # what ended before is not looked at any more
LATE = timedelta(days=8)  # after its end a late result may still come
AT_ONCE = 2_000  # refused rows, or later tries, in one transaction

# Not the address's: what is said of us, of the content, of a relay, or by Sinete itself.
_NOT_THEIRS = (
    "blocked", "not_supported", "content", "expired", "opted_out", "quarantined", "consent_unclear",
)  # fmt: skip

_DELIVERIES = """
    SELECT d.id FROM deliveries_delivery d LEFT JOIN feedback_refusallook l ON l.delivery_id = d.id
    WHERE d.started_at IS NOT NULL AND (
        d.ended_at IS NULL
        OR d.ended_at > %(now)s - %(lately)s AND (l.looked_at IS NULL OR l.looked_at < d.ended_at + %(late)s)
    )
    ORDER BY d.id
"""
_CHANGED = """
    SELECT c.number, c.seq_from, c.seq_to, c.failed - c.unsent
    FROM deliveries_chunk c
    WHERE c.delivery_id = %(delivery)s AND c.number > %(above)s
        AND c.failed - c.unsent <> coalesce((%(counted)s::int[])[c.number + 1], 0)
    ORDER BY c.number LIMIT 1000
"""
# Two refusals of one message within the spacing are one error, so they need no rows of their own.
_ERROR = """
    SELECT m.address_key, m.at, 'soft', m.reason, m.reply, 'refusal ' || m.delivery_id || '/' || m.seq || ' '
        || floor(extract(epoch FROM m.at) / %(spacing)s)::bigint
"""
# Of somebody who was erased since, the address is not known any more.
_THEIRS = "m.address_key <> '' AND m.nature IN ('soft', 'hard') AND m.reason <> ALL(%(not_theirs)s)"
# Chunk by chunk, by the key (`OFFSET 0`): a delivery made a moment ago has no statistics yet.
_FAILED_ROWS = f"""
    FROM unnest(%(firsts)s::int[], %(lasts)s::int[]) AS c (first, last) CROSS JOIN LATERAL (
        SELECT * FROM deliveries_message r
        WHERE r.delivery_id = %(delivery)s AND r.seq BETWEEN c.first AND c.last AND r.status = {S.FAILED}
            AND r.tries > 0 OFFSET 0
    ) m
"""
_FAILED = f"{_ERROR} {_FAILED_ROWS} WHERE {_THEIRS}"
_DOMAINS = f"SELECT m.address_key {_FAILED_ROWS} WHERE m.address_key <> ''"
_RETRYING = f"""
    {_ERROR} FROM deliveries_message m
    WHERE m.delivery_id = %(delivery)s AND m.seq = ANY(%(seqs)s::int[]) AND m.status = {S.RETRYING} AND m.tries > 0
        AND {_THEIRS}
"""


def count_all() -> int:
    """What was refused since the last look is counted; returns how many errors were new."""
    values: dict[str, Any] = {"now": clock.now(), "lately": LATELY, "late": LATE}
    with connection.cursor() as cursor:
        cursor.execute(_DELIVERIES, values)
        ids = [row[0] for row in cursor.fetchall()]
    return sum(count(delivery_id) for delivery_id in ids)


def count(delivery_id: int) -> int:
    """The same of one delivery."""
    RefusalLook.objects.get_or_create(delivery_id=delivery_id)
    counted, above = 0, -1
    while (step := _count_failed(delivery_id, above=above)) is not None:
        new, above = step
        counted += new
    return counted + _count_retrying(delivery_id)


@transaction.atomic
def _count_failed(delivery_id: int, *, above: int) -> tuple[int, int] | None:
    """The refusals of the next chunks whose tallies changed; how many were new, and the last chunk. None: no more."""
    look = RefusalLook.objects.select_for_update(skip_locked=True).filter(delivery_id=delivery_id).first()
    if look is None:  # another worker is at it
        return None
    with connection.cursor() as cursor:
        cursor.execute(_CHANGED, {"delivery": delivery_id, "counted": look.counted, "above": above})
        changed = _first_of(cursor.fetchall())
    look.looked_at = clock.now()
    if not changed:
        look.save()
        return None
    values = _values(delivery_id) | {
        "firsts": [row[1] for row in changed],
        "lasts": [row[2] for row in changed],
    }
    new = error_counts.count_given(_FAILED, values, at=look.looked_at)
    mail_exchanges.want(_DOMAINS, values)
    # As it stood before the rows were read: what failed meanwhile is looked at once more.
    look.counted += [0] * (changed[-1][0] + 1 - len(look.counted))
    for number, _first, _last, failed in changed:
        look.counted[number] = failed
    look.save()
    return new, changed[-1][0]


def _first_of(chunks: list[Any]) -> list[Any]:
    """The first of these chunks, as many as have AT_ONCE failed rows together; one at least."""
    rows = 0
    chosen: list[Any] = []
    for chunk in chunks:
        rows += chunk[3]
        if chosen and rows > AT_ONCE:
            break
        chosen.append(chunk)
    return chosen


def _count_retrying(delivery_id: int) -> int:
    """The last refusals of the messages that will be tried again; how many were new."""
    counted, last = 0, 0
    while seqs := _tries_after(delivery_id, last):
        counted += error_counts.count_given(_RETRYING, _values(delivery_id) | {"seqs": seqs}, at=clock.now())
        last = seqs[-1]
    return counted


def _tries_after(delivery_id: int, last: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT seq FROM deliveries_try WHERE delivery_id = %s AND seq > %s ORDER BY seq LIMIT %s",
            [delivery_id, last, AT_ONCE],
        )
        return [row[0] for row in cursor.fetchall()]


def _values(delivery_id: int) -> dict[str, Any]:
    spacing = max(1.0, Limits.from_settings().spacing.total_seconds())
    return {"delivery": delivery_id, "spacing": spacing, "not_theirs": list(_NOT_THEIRS)}
