"""What a lane's statements read: a window's rows, and not a delivery's, whatever the planner believes."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from django.db import connection

from deliveries.models import Delivery, MessageStatus
from deliveries.sending import statements
from deliveries.sending.exchange import Ledger
from deliveries.sending.rows import Entry
from deliveries.tests.factories import DeliveryFactory

pytestmark = pytest.mark.django_db(transaction=True)

OTHERS, WINDOW, TIMES = (
    30_000,
    5,
    12,
)  # psycopg prepares what comes often, PostgreSQL then plans it once for all


def a_large_delivery() -> Delivery:
    """Its rows came a moment ago, so there are no statistics of them; the last of them are in no chunk."""
    delivery = DeliveryFactory(sending=True, recipients=WINDOW * TIMES)
    with connection.cursor() as cursor:
        cursor.execute(
            'INSERT INTO deliveries_message (delivery_id, seq, profile_id, address, address_key, "values")'
            " SELECT %s, 1000 + n, 1, 'a@example.com', 'a@example.com', '{}' FROM generate_series(1, %s) n",
            [delivery.pk, OTHERS],
        )
    return delivery


def rows_read(delivery: Delivery, work: Callable[[Ledger], Awaitable[None]]) -> int:
    """Rows of messages that PostgreSQL looked at for it, after the ledger had claimed its chunk."""

    async def run() -> int:
        ledger = await Ledger.connect(delivery_id=delivery.pk, lane="lane")
        try:
            before = await read_by(ledger)
            await work(ledger)
            return await read_by(ledger) - before
        finally:
            await ledger.close()

    return asyncio.run(run())


async def read_by(ledger: Ledger) -> int:
    await ledger.connection.execute("SELECT pg_stat_force_next_flush()")
    await ledger.connection.execute("SELECT pg_stat_clear_snapshot()")
    cursor = await ledger.connection.execute(
        "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint AS number FROM pg_stat_user_tables"
        " WHERE relid IN (SELECT relid FROM pg_partition_tree('deliveries_message'))"
    )
    row = await cursor.fetchone()
    assert row is not None
    return row.number


async def send_all(ledger: Ledger) -> None:
    """Window after window, each stored with the next one's hand-over."""
    hold = await ledger.claim()
    assert hold is not None
    entries: list[Entry] = []
    while not hold.is_exhausted:
        answer = await ledger.exchange([hold], entries, hand=hold, window=WINDOW, later_tries=WINDOW)
        entries = [Entry(row, MessageStatus.SENT, 250) for row in answer.rows]
    await ledger.exchange([hold], entries)


async def try_all_later(ledger: Ledger) -> None:
    while rows := (await ledger.exchange([], [], later_tries=WINDOW)).rows:
        await ledger.exchange([], [Entry(row, MessageStatus.SENT, 250) for row in rows])


def leave_to_later_tries(delivery: Delivery) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE deliveries_message SET status = 3, tries = 1 WHERE delivery_id = %s AND seq <= 1000",
            [delivery.pk],
        )
        cursor.execute(
            "INSERT INTO deliveries_try (delivery_id, seq, due_at, tries, token, lease_by, handed)"
            " SELECT delivery_id, seq, now() - interval '1 minute', 1, 0, '', false FROM deliveries_message"
            " WHERE delivery_id = %s AND seq <= 1000",
            [delivery.pk],
        )
        cursor.execute(
            "UPDATE deliveries_chunk SET handed_upto = seq_to WHERE delivery_id = %s", [delivery.pk]
        )


def test_results_and_windows_of_a_delivery_without_statistics_read_their_own_rows_only():
    delivery = a_large_delivery()

    # Once for the digest, once to be handed over, once to be stored; a little more where others are at work.
    assert WINDOW * TIMES < rows_read(delivery, send_all) < 10 * WINDOW * TIMES < OTHERS / 10


def test_later_tries_of_a_delivery_without_statistics_read_their_own_rows_only():
    delivery = a_large_delivery()
    leave_to_later_tries(delivery)

    # To be handed over and to be stored, as often as there are tries.
    assert WINDOW * TIMES < rows_read(delivery, try_all_later) < 10 * WINDOW * TIMES < OTHERS / 10


@pytest.mark.django_db
def test_who_must_not_be_written_to_is_read_by_keys_and_no_function_is_called_for_each_row():
    with connection.cursor() as cursor:
        # However small the tables happen to be: what counts is that the indexes can serve.
        cursor.execute("SET LOCAL enable_seqscan = off")
        window = {"delivery": 1, "above": 0, "upto": 250, "unasked": True}
        cursor.execute(f"EXPLAIN (VERBOSE) {statements.WINDOW}", window)
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert "audiences_suppression" not in plan
    assert "address_opt_out_once" in plan
    assert "quarantine_once" in plan
