"""Errors of addresses as they are counted: each once, and how their addresses stand by them.

What a person, a list or a relay's answer holds stays as it is here; but a complaint denies whatever was in quarantine.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from audiences.models import AddressError, Quarantine
from audiences.quarantine import writer
from audiences.quarantine.thresholds import Error, Limits, Standing, judge

Status = Quarantine.Status

# What was held before for another cause is an error too from the moment on when a complaint outweighs it: so it is
# still known if the complaint turns out to be none.
_REMEMBER = """
    INSERT INTO audiences_addresserror (channel, address_key, at, nature, reason, text, reference)
    SELECT 'email', q.address_key, coalesce(q.last_error_at, q.created_at), 'hard', q.reason, q.error_text,
        'held before'
    FROM audiences_quarantine q
    WHERE q.channel = 'email' AND q.address_key = ANY(%(keys)s::text[]) AND NOT q.is_counted AND q.status = 'quarantine'
    ON CONFLICT DO NOTHING
"""
# {given} is a query of key, date, nature, reason, text and reference.
_COUNT = """
    INSERT INTO audiences_addresserror (channel, address_key, at, nature, reason, text, reference, forgiven_by)
    SELECT 'email', key, at, nature, left(reason, 32), left(text, 500), left(reference, 128), ''
    FROM ({given}) AS g (key, at, nature, reason, text, reference)
    ON CONFLICT DO NOTHING RETURNING address_key
"""
# {reached} is a query of the `reference` of a message that reached `o.address_key` later than `o.at`.
_FORGIVE = """
    WITH open AS MATERIALIZED (
        SELECT e.id, e.address_key, e.at
        FROM audiences_quarantine q JOIN audiences_addresserror e
            ON e.channel = q.channel AND e.address_key = q.address_key
        WHERE q.channel = 'email' AND q.address_key = ANY(%(keys)s::text[]) AND q.status IN ('valid', 'erroneous')
            AND e.nature = 'soft' AND e.forgiven_by = ''
    ), found AS (
        SELECT o.id, r.reference FROM open o CROSS JOIN LATERAL ({reached}) r
    )
    UPDATE audiences_addresserror e SET forgiven_by = left(found.reference, 64) FROM found WHERE e.id = found.id
    RETURNING e.address_key
"""
_UNFORGIVE = """
    UPDATE audiences_addresserror e SET forgiven_by = ''
    FROM unnest(%(keys)s::text[], %(references)s::text[]) AS g (key, reference)
    WHERE e.channel = 'email' AND e.address_key = g.key AND e.forgiven_by = g.reference
    RETURNING e.address_key
"""


@transaction.atomic
def count(errors: Sequence[tuple[str, Error]], *, at: datetime, also: Collection[str] = ()) -> None:
    """These errors, each with the key of its address, are counted; one that was already is not counted again.

    The addresses of `also` stand anew as well.
    """
    AddressError.objects.bulk_create(
        [
            AddressError(
                address_key=key, at=error.at, nature=error.nature, reason=error.reason[:32], text=error.text[:500],
                reference=error.reference,
            )
            for key, error in errors
        ],
        ignore_conflicts=True,
        batch_size=5_000,
    )  # fmt: skip
    stand({key for key, _error in errors} | set(also), at=at)


@transaction.atomic
def count_given(given: str, values: dict[str, Any], *, at: datetime) -> int:
    """Count the errors of a query of key, date, nature, reason, text and reference, each once; how many were new."""
    keys = _keys(_COUNT.format(given=given), values)
    stand(set(keys), at=at)
    return len(keys)


def forgive(keys: Collection[str], *, reached: str) -> set[str]:
    """Soft errors of these addresses count no more where a message arrived since; returns whose do not.

    `reached` is a query of the `reference` of a message that reached `o.address_key` later than `o.at`. What led into
    quarantine or onto the denylist stays. The caller calls `stand` for those that are returned.
    """
    return set(_keys(_FORGIVE.format(reached=reached), {"keys": sorted(keys)}))


def unforgive(messages: Sequence[tuple[str, str]]) -> set[str]:
    """What these messages, each a key and a reference, had errors forgotten for counts again; returns whose it does.

    The caller calls `stand` for those that are returned.
    """
    keys, references = [key for key, _which in messages], [which for _key, which in messages]
    return set(_keys(_UNFORGIVE, {"keys": keys, "references": references}))


def erroneous(*, at_once: int = 5_000) -> Iterator[list[str]]:
    """The keys of all addresses with errors that are still used, so many at once."""
    rows = Quarantine.objects.filter(channel="email", status=Status.ERRONEOUS, is_counted=True)
    last = ""
    while keys := list(
        rows.filter(address_key__gt=last)
        .order_by("address_key")
        .values_list("address_key", flat=True)[:at_once]
    ):
        yield keys
        last = keys[-1]


def _keys(statement: str, values: dict[str, Any]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [row[0] for row in cursor.fetchall()]


@transaction.atomic
def retract(references: Collection[str], *, at: datetime) -> None:
    """What these said against an address is unsaid, and the addresses stand as they would without."""
    rows = AddressError.objects.filter(reference__in=list(references))
    keys = set(rows.values_list("address_key", flat=True))
    rows.delete()
    stand(keys, at=at)


@transaction.atomic
def stand(keys: Collection[str], *, at: datetime) -> None:
    """These addresses stand as their errors say at this moment; two who count the same wait for one another."""
    if not keys:
        return
    found = writer.locked(keys)
    standings = _standings({key: forgiven_at for key, (_was, forgiven_at) in found.items()}, at=at)
    denied = [key for key, standing in standings.items() if standing.status == Status.DENYLIST]
    with connection.cursor() as cursor:
        cursor.execute(_REMEMBER, {"keys": denied})
    writer.count(standings, before={key: was for key, (was, _forgiven_at) in found.items()})


def _standings(forgiven: dict[str, datetime | None], *, at: datetime) -> dict[str, Standing]:
    known: dict[str, list[Error]] = defaultdict(list)
    rows = AddressError.objects.filter(channel="email", address_key__in=list(forgiven), forgiven_by="")
    for row in rows.iterator(chunk_size=5_000):
        since = forgiven[row.address_key]
        # A person's release forgives it all; a message that arrives forgives soft errors alone (`forgive`).
        if since is None or row.at > since:
            known[row.address_key].append(Error(row.at, row.nature, row.reason, row.text, row.reference))
    limits = Limits.from_settings()
    return {key: judge(known[key], limits=limits, at=at) for key in forgiven}


def tidy(*, at: datetime, at_once: int = 5_000) -> int:
    """Addresses whose errors are old enough are valid again; returns how many were looked at. For each night."""
    limits = Limits.from_settings()
    oldest = at - min(limits.decay, limits.decay_of_full)
    rows = Quarantine.objects.filter(status=Status.ERRONEOUS, is_counted=True, last_error_at__lt=oldest)
    looked_at, last = 0, ""
    while True:
        keys = list(
            rows.filter(address_key__gt=last)
            .order_by("address_key")
            .values_list("address_key", flat=True)[:at_once]
        )
        if not keys:
            return looked_at
        stand(keys, at=at)
        looked_at, last = looked_at + len(keys), keys[-1]
