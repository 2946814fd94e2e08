"""The books of a delivery: digests and ranges of its chunks, their tallies, and where its rows differ from them."""

import json
from dataclasses import dataclass

from django.db import connection

from deliveries.models import ASIDE, TALLIES, Delivery, MessageStatus, RetentionKind


def open_ends(delivery: Delivery) -> dict[str, bool]:
    """Return what keeps a delivery from being over; no row is counted."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT chunks, NOT chunks AND EXISTS (
                SELECT 1 FROM deliveries_chunk WHERE delivery_id = %(d)s AND lease_until IS NOT NULL
            ), tries FROM (
                SELECT EXISTS (SELECT 1 FROM deliveries_chunk WHERE delivery_id = %(d)s AND NOT done),
                    EXISTS (SELECT 1 FROM deliveries_try WHERE delivery_id = %(d)s)
            ) ends (chunks, tries)
            """,
            {"d": delivery.pk},
        )
        chunks, leases, tries = cursor.fetchone()
    return {"chunks": chunks, "leases": leases, "tries": tries}


def chunk_digests(delivery_id: int) -> str | None:
    """Return one fingerprint over the digests of all chunks in their order, as the seal covers it.

    None where there are no chunks, or where their ranges don't follow one another from 1 on.
    """
    return _chunks(delivery_id)[0]


def rows_of_chunks(delivery_id: int) -> int:
    """Return how many rows the ranges of all chunks hold together; no row is read."""
    return _chunks(delivery_id)[1]


def _chunks(delivery_id: int) -> tuple[str | None, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT CASE WHEN bool_and(seq_from = before + 1)"
            " THEN encode(sha256(string_agg(digest, ''::bytea ORDER BY number)), 'hex') END,"
            " coalesce(sum(seq_to - seq_from + 1), 0) FROM (SELECT number, seq_from, seq_to, digest,"
            " lag(seq_to, 1, 0) OVER (ORDER BY number) AS before FROM deliveries_chunk WHERE delivery_id = %s) c",
            [delivery_id],
        )
        return cursor.fetchone()


@dataclass(frozen=True)
class Books:
    """What was counted in one snapshot: the chunks' tallies, and where the ledger's rows differ from them."""

    tallies: dict[str, int]
    off: dict[str, list[int]]


_TALLIES = f"""
    SELECT {", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in TALLIES)},
        coalesce(sum(seq_to - seq_from + 1 - {" - ".join(TALLIES)}), 0) AS prepared,
        {", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in ASIDE)}
    FROM deliveries_chunk WHERE delivery_id = %(delivery)s
"""
_ASIDE = ", ".join(f"'{name}', count(*) FILTER (WHERE {rows})" for name, rows in ASIDE.items())
_ROWS = f"""
    SELECT status, count(*) AS n, json_build_object({_ASIDE}) AS aside
    FROM deliveries_message m WHERE delivery_id = %(delivery)s GROUP BY status
"""
_NAMES = (*TALLIES, "prepared", *ASIDE)


def tallies(delivery_id: int) -> dict[str, int]:
    """Return the tallies of all chunks together."""
    with connection.cursor() as cursor:
        cursor.execute(_TALLIES, {"delivery": delivery_id})
        return dict(zip(_NAMES, cursor.fetchone(), strict=True))


def count(delivery: Delivery) -> Books:
    """Count ledger and tallies in one statement, so as of one moment, whatever is written meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT t.*, (SELECT json_agg(json_build_array(status, n, aside))::text FROM ({_ROWS}) r)"
            f" FROM ({_TALLIES}) t",
            {"delivery": delivery.pk},
        )
        *sums, counted = cursor.fetchone()
    tallied = dict(zip(_NAMES, sums, strict=True))
    rows = json.loads(counted or "[]")
    found = {MessageStatus(status).name.lower(): number for status, number, _aside in rows}
    total = sum(found.values())
    found |= {name: sum(aside[name] for _status, _number, aside in rows) for name in ASIDE}
    off = {
        name: [found.get(name, 0), tally] for name, tally in tallied.items() if found.get(name, 0) != tally
    }
    if total != delivery.latest_preparation().to_deliver:
        off["to_deliver"] = [total, delivery.latest_preparation().to_deliver]
    return Books(tallied, off)


def imbalance(delivery: Delivery) -> dict[str, list[int]]:
    """Return where the books differ: name of the count -> [ledger's rows, chunks' tallies]. Empty: they balance."""
    if delivery.is_recurring:  # a series sends nothing itself: its runs have books of their own
        return {}
    if delivery.purges.filter(kind=RetentionKind.RECIPIENTS).exists():
        return {}  # they balanced when the rows began to go
    return count(delivery).off
