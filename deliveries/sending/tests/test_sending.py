"""The send, on the real database, through real lanes, to a real SMTP server."""

from datetime import timedelta

import django_rq
import pytest
from django.db import IntegrityError, connection, transaction

from audiences.consent import consents
from audiences.models import Quarantine
from campaign.lib import clock
from deliveries import jobs, queues
from deliveries.content.message.render import Renderer, RenderError
from deliveries.ledger import books, resolutions
from deliveries.models import Chunk, Delivery, Doubt, Message, MessageStatus, Status, Try
from deliveries.sending import control
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.ledger_rows import abandon_a_window, statuses
from deliveries.tests.sends import send
from deliveries.tick import look

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_recipient_gets_exactly_one_message(relay):
    delivery = DeliveryFactory(scheduled=True, recipients=30)

    send(delivery)

    expected = sorted(Message.objects.filter(delivery=delivery).values_list("address", flat=True))
    assert relay.recipients() == expected
    assert delivery.status == Status.FINISHED
    assert books.imbalance(delivery) == {}


def test_small_chunks_are_all_drained(relay, settings):
    settings.SINETE = settings.SINETE | {"chunk_rows": 7}
    delivery = DeliveryFactory(scheduled=True, recipients=60)

    send(delivery)

    assert len(relay.recipients()) == 60
    assert set(Chunk.objects.filter(delivery=delivery).values_list("done", flat=True)) == {True}


def test_a_message_is_filled_for_its_recipient_and_carries_the_headers_of_the_field(relay):
    delivery = DeliveryFactory(scheduled=True, recipients=1)

    send(delivery)

    (message,) = relay.messages()
    profile = delivery.audience.members.first().profile
    assert message["Subject"] == f"News for {profile.first_name}"
    assert message["To"].addresses[0].addr_spec == profile.email
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "/u/" in message["List-Unsubscribe"]


def test_a_hard_refusal_fails_the_row_and_quarantines_the_address(relay):
    delivery = DeliveryFactory(scheduled=True, recipients=3)
    refused = Message.objects.filter(delivery=delivery).first()
    relay.refuse(refused.address, "550 5.1.1 No such user")

    send(delivery)

    row = Message.objects.get(delivery=delivery, seq=refused.seq)
    assert (row.status, row.nature, row.reason, row.code) == (
        MessageStatus.FAILED,
        "hard",
        "user_unknown",
        550,
    )
    assert Quarantine.objects.get().address_key == refused.address_key
    assert delivery.status == Status.FINISHED


def test_a_soft_refusal_is_tried_again_later_and_then_sent(relay):
    delivery = DeliveryFactory(scheduled=True, recipients=2)
    refused = Message.objects.filter(delivery=delivery).first()
    relay.refuse(refused.address, "451 4.2.0 Greylisted", once=True)

    send(delivery)

    assert delivery.status == Status.SENDING
    assert Try.objects.get(delivery=delivery).tries == 1
    with clock.shifted(timedelta(minutes=5)):
        send(delivery)
    assert delivery.status == Status.FINISHED
    assert Message.objects.get(delivery=delivery, seq=refused.seq).tries == 2
    assert relay.recipients().count(refused.address) == 1


def test_retries_end_with_the_validity_period(relay):
    delivery = DeliveryFactory(scheduled=True, recipients=1, validity_hours=1)
    address = Message.objects.get(delivery=delivery).address
    relay.refuse(address, "451 4.2.0 Later")

    send(delivery)
    with clock.shifted(timedelta(hours=2)):
        jobs.tick()

    delivery.refresh_from_db()
    row = Message.objects.get(delivery=delivery)
    assert (row.status, row.reason) == (MessageStatus.FAILED, "expired")
    with clock.shifted(timedelta(hours=2)):
        jobs.tick()
    delivery.refresh_from_db()
    assert delivery.status == Status.FINISHED


def test_a_message_that_cannot_be_filled_fails_without_having_reached_a_server(relay, monkeypatch):
    delivery = DeliveryFactory(scheduled=True, recipients=2)
    broken = Message.objects.filter(delivery=delivery).first()
    fill = Renderer.wire

    def wire(self, *, seq, **rest):
        if seq == broken.seq:
            raise RenderError(part="subject", cause="no such value")
        return fill(self, seq=seq, **rest)

    monkeypatch.setattr(Renderer, "wire", wire)

    send(delivery)

    row = Message.objects.get(delivery=delivery, seq=broken.seq)
    assert (row.status, row.reason, row.tries) == (MessageStatus.FAILED, "content", 0)
    counted = Chunk.objects.get(delivery=delivery)
    assert (counted.sent, counted.failed, counted.unsent) == (1, 1, 1)
    assert books.imbalance(delivery) == {}


def test_what_no_relay_judged_until_the_validity_period_ended_reached_no_server(relay):
    delivery = DeliveryFactory(scheduled=True, recipients=1, validity_hours=1)
    relay.refuse(Message.objects.get(delivery=delivery).address, "550 5.7.8 Authentication required")
    send(delivery)
    with clock.shifted(timedelta(hours=2)):
        jobs.tick()

    counted = Chunk.objects.get(delivery=delivery)

    assert (counted.failed, counted.unsent) == (1, 1)
    assert books.imbalance(delivery) == {}


def test_who_opted_out_after_the_preparation_gets_nothing(relay):
    delivery = DeliveryFactory(scheduled=True, recipients=2)
    row = Message.objects.filter(delivery=delivery).first()
    consents.opt_out(profile_id=row.profile_id, channel="email", at=clock.now(), source="test")

    send(delivery)

    assert row.address not in relay.recipients()
    assert sorted(statuses(delivery)) == ["IGNORED", "SENT"]
    assert delivery.status == Status.FINISHED


def test_nothing_leaves_before_its_time_and_everything_once_it_is_reached(relay):
    at = clock.now() + timedelta(hours=3)
    delivery = DeliveryFactory(
        scheduled=True, schedule_kind="at_date", contact_date=at, time_zone="America/Sao_Paulo"
    )

    send(delivery)
    assert relay.recipients() == []
    assert delivery.status == Status.SCHEDULED
    django_rq.get_connection("default").flushdb()
    with clock.shifted(timedelta(hours=3, seconds=1)):
        send(delivery)

    assert len(relay.recipients()) == 3
    assert delivery.status == Status.FINISHED


def test_a_tick_asks_for_the_lanes_that_a_flushed_queue_forgot(relay, work):
    delivery = DeliveryFactory(scheduled=True)
    django_rq.get_connection("default").flushdb()

    queues.TICK.enqueue_now()
    work()

    delivery.refresh_from_db()
    assert delivery.status == Status.FINISHED


def test_a_lane_run_twice_sends_nothing_twice(relay):
    delivery = DeliveryFactory(scheduled=True, recipients=5)

    send(delivery)
    jobs.drain(delivery_id=delivery.pk)

    assert len(relay.recipients()) == 5


def test_a_paused_delivery_hands_over_nothing_and_resumes_where_it_stood(relay):
    delivery = DeliveryFactory(paused=True, recipients=4)

    send(delivery)
    assert relay.recipients() == []
    control.resume(delivery=delivery, by=person("start", delivery.unit), at=clock.now())
    send(delivery)

    assert len(relay.recipients()) == 4


def test_a_stop_cancels_what_was_not_handed_over_and_says_how_many():
    delivery = DeliveryFactory(sending=True, recipients=4)

    receipt = control.stop(delivery=delivery, by=person("start", delivery.unit), at=clock.now())

    assert (receipt.left, receipt.cancelled) == (0, 4)
    assert statuses(delivery) == ["CANCELLED"] * 4
    assert books.imbalance(delivery) == {}


def test_what_a_dead_worker_had_handed_over_is_in_doubt_and_the_rest_goes_on(relay):
    delivery = DeliveryFactory(sending=True, recipients=5)
    abandon_a_window(delivery, handed=2)

    send(delivery)

    assert statuses(delivery) == ["IN_DOUBT", "IN_DOUBT", "SENT", "SENT", "SENT"]
    assert Doubt.objects.filter(delivery=delivery).count() == 2
    assert len(relay.recipients()) == 3
    assert delivery.status == Status.FINISHED
    assert books.imbalance(delivery) == {}


def test_evidence_resolves_a_doubt_once():
    delivery = DeliveryFactory(sending=True, recipients=2)
    abandon_a_window(delivery, handed=1)
    look.tick()

    first = resolutions.arrived(delivery_id=delivery.pk, seq=1, note="opened")
    second = resolutions.arrived(delivery_id=delivery.pk, seq=1, note="opened")

    assert (first, second) == (True, False)
    assert statuses(delivery) == ["SENT", "PREPARED"]
    assert books.imbalance(delivery) == {}


def test_a_row_that_was_changed_after_the_seal_stops_the_send(relay):
    delivery = DeliveryFactory(scheduled=True, recipients=3)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE deliveries_message DISABLE TRIGGER sealed_columns")
        cursor.execute("UPDATE deliveries_message SET address = 'eve@example.com' WHERE seq = 2")
        cursor.execute("ALTER TABLE deliveries_message ENABLE TRIGGER sealed_columns")

    send(delivery)

    assert delivery.status == Status.FAILED
    assert relay.recipients() == []


def test_postgresql_refuses_to_change_an_address_of_the_ledger():
    delivery = DeliveryFactory(ready=True)

    with pytest.raises(IntegrityError), transaction.atomic():
        Message.objects.filter(delivery=delivery).update(address="eve@example.com")


def test_a_relay_that_refuses_us_burns_nobody_and_closes_the_route(relay):
    delivery = DeliveryFactory(scheduled=True, recipients=10)
    relay.refuse_everybody("530 5.7.0 Authentication required")

    send(delivery)

    assert "FAILED" not in statuses(delivery)
    assert not Quarantine.objects.exists()
    assert Delivery.objects.get(pk=delivery.pk).status == Status.SENDING
    relay.refuse_everybody(None)
    with clock.shifted(timedelta(minutes=2)):
        send(delivery)
    assert len(relay.recipients()) == 10


def test_a_relay_that_is_away_costs_nobody_anything(settings):
    settings.RELAY_URL = "smtp://127.0.0.1:9"
    delivery = DeliveryFactory(scheduled=True, recipients=3)

    send(delivery)

    assert statuses(delivery) == ["PREPARED"] * 3
    assert Delivery.objects.get(pk=delivery.pk).status == Status.SENDING
