"""A ledger that was changed after the seal stops the send, and is never called finished."""

import pytest

from audiences.tests.factories import ProfileFactory
from deliveries.ledger import books
from deliveries.models import Delivery, Message, Status
from deliveries.sending import gate
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.ledger_rows import execute, statuses
from deliveries.tests.scripted_lanes import ScriptedPool, run_lane
from deliveries.tests.sends import send
from deliveries.tick import look

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_chunk_that_was_added_after_the_seal_stops_the_send(relay):
    delivery = DeliveryFactory(scheduled=True, recipients=1)
    Message.objects.create(
        delivery=delivery, seq=2, profile_id=ProfileFactory().pk, address="eve@example.com",
        address_key="eve@example.com", values={},
    )  # fmt: skip
    execute(
        "INSERT INTO deliveries_chunk (delivery_id, number, seq_from, seq_to, digest, handed_upto)"
        " SELECT %s, 2, 2, 2, deliveries_chunk_digest(%s, 2, 2), 1",
        delivery.pk, delivery.pk,
    )  # fmt: skip

    send(delivery)

    assert relay.recipients() == []
    assert delivery.status == Status.FAILED


def test_a_delivery_that_lost_a_chunk_is_not_finished():
    delivery = DeliveryFactory(sending=True)
    execute("DELETE FROM deliveries_chunk WHERE delivery_id = %s", delivery.pk)

    gate.finish_if_over(delivery.pk)

    assert Delivery.objects.get(pk=delivery.pk).status == Status.SENDING


def test_a_changed_chunk_stops_the_send_and_leaves_no_doubt_about_what_was_on_its_way(settings):
    settings.SINETE = settings.SINETE | {"chunk_rows": 2}
    delivery = DeliveryFactory(sending=True, recipients=4)
    execute("ALTER TABLE deliveries_message DISABLE TRIGGER sealed_columns")
    execute(
        "UPDATE deliveries_message SET address = 'eve@example.com' WHERE delivery_id = %s AND seq = 4",
        delivery.pk,
    )
    execute("ALTER TABLE deliveries_message ENABLE TRIGGER sealed_columns")

    async def slowly(pool):
        return pool.take(1) if pool.rounds > 3 else []

    run_lane(delivery, ScriptedPool(slowly))

    delivery.refresh_from_db()
    assert delivery.status == Status.FAILED
    assert statuses(delivery)[:2] == ["SENT", "SENT"]
    look.tick()
    assert statuses(delivery) == ["SENT", "SENT", "CANCELLED", "CANCELLED"]
    assert books.imbalance(delivery) == {}
