"""A delivery ends when its last chunk does, opens again for a late answer, and holds up no other."""

import asyncio

import pytest
from django.db import OperationalError, connection

from deliveries import queues
from deliveries.ledger import books, ending
from deliveries.models import MessageStatus, Status
from deliveries.sending import waking
from deliveries.sending.rows import Entry
from deliveries.sending.tests.later_tries import leave_to_later_tries
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.ledger_rows import execute, expire_leases, statuses
from deliveries.tests.scripted_lanes import with_ledger
from deliveries.tests.sends import send
from deliveries.tick import look

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_late_result_that_asks_for_a_later_try_opens_a_finished_delivery_again(relay):
    delivery = DeliveryFactory(sending=True, recipients=2)

    async def hand_over(ledger):
        hold = await ledger.claim()
        return (await ledger.exchange([hold], [], hand=hold, window=2)).rows

    async def come_late(ledger):
        entry = Entry(rows[0], MessageStatus.RETRYING, counts_as_try=False, retry_in=0.0)
        await ledger.exchange([], [entry])

    rows = with_ledger(delivery, hand_over)
    expire_leases(delivery)
    look.tick()
    delivery.refresh_from_db()
    assert delivery.status == Status.FINISHED
    with_ledger(delivery, come_late)

    send(delivery)

    assert relay.recipients() == [rows[0].address]
    assert sorted(statuses(delivery)) == ["IN_DOUBT", "SENT"]
    assert delivery.status == Status.FINISHED


def test_lanes_that_only_have_later_tries_count_as_lanes(settings):
    settings.SINETE = settings.SINETE | {"lanes": 1}
    delivery = DeliveryFactory(sending=True, recipients=3)
    leave_to_later_tries(delivery, 3)
    with_ledger(delivery, lambda ledger: ledger.exchange([], [], later_tries=1))

    waking.wake_lanes(delivery.pk)

    assert queues.SEND.waiting(prefix=f"send-{delivery.pk}-") == 0


def test_later_tries_end_chunk_by_chunk(settings):
    settings.SINETE = settings.SINETE | {"chunk_rows": 2}
    delivery = DeliveryFactory(sending=True, recipients=4)
    execute("UPDATE deliveries_message SET status = 3 WHERE delivery_id = %s", delivery.pk)
    execute("UPDATE deliveries_chunk SET handed_upto = seq_to WHERE delivery_id = %s", delivery.pk)
    execute(
        "INSERT INTO deliveries_try (delivery_id, seq, due_at, tries) SELECT %s, n, now(), 1 FROM generate_series(1, 4) n",
        delivery.pk,
    )

    def end_while_the_second_chunk_is_held():
        execute("SET lock_timeout = '100ms'")
        try:
            with pytest.raises(OperationalError):
                ending.end_tries(delivery.pk, MessageStatus.CANCELLED)
        finally:
            execute("SET lock_timeout = 0")

    async def work(ledger):
        async with ledger.connection.transaction():
            await ledger.connection.execute(
                "SELECT 1 FROM deliveries_chunk WHERE delivery_id = %s AND number = 2 FOR UPDATE",
                [delivery.pk],
            )
            await asyncio.to_thread(in_thread)

    def in_thread():
        end_while_the_second_chunk_is_held()
        connection.close()

    with_ledger(delivery, work)

    assert statuses(delivery) == ["CANCELLED", "CANCELLED", "RETRYING", "RETRYING"]
    ending.end_tries(delivery.pk, MessageStatus.CANCELLED)
    assert statuses(delivery) == ["CANCELLED"] * 4
    assert books.imbalance(delivery) == {}


def test_one_broken_delivery_does_not_keep_the_others_from_leaving():
    broken = DeliveryFactory(sending=True, recipients=1)
    execute("UPDATE deliveries_message SET status = 1 WHERE delivery_id = %s", broken.pk)
    execute("UPDATE deliveries_chunk SET handed_upto = 1 WHERE delivery_id = %s", broken.pk)
    execute("UPDATE deliveries_confirmation SET taken_back_at = now() WHERE delivery_id = %s", broken.pk)
    stopped = DeliveryFactory(sending=True, recipients=1)
    execute("UPDATE deliveries_delivery SET status = 'stopped' WHERE id = %s", stopped.pk)

    look.tick()

    assert statuses(stopped) == ["CANCELLED"]
