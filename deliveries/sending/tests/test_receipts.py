"""What a receipt says: to whom a server was asked, who never will be written to, and what failed unsent before."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse

from accounts.roles import root
from campaign.lib import clock
from deliveries.ledger import books, ending, recovery
from deliveries.models import Chunk, Doubt, LogLine, Message, MessageStatus, Status, Try
from deliveries.operations import instances, reconciliation
from deliveries.schedule import plan_report
from deliveries.sending import control
from deliveries.sending.control import halts
from deliveries.sending.tests.waves import in_waves
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.ledger_rows import abandon_a_window, execute, no_trigger, statuses
from deliveries.tests.reconciled import found
from deliveries.tests.sends import send
from deliveries.tick import look

pytestmark = pytest.mark.django_db(transaction=True)


def let_the_validity_period_end(delivery):
    execute(
        "UPDATE deliveries_delivery SET started_at = started_at - interval '1 year' WHERE id = %s",
        delivery.pk,
    )


def stop(delivery):
    delivery.refresh_from_db()
    return control.stop(delivery=delivery, by=person("start", root()), at=clock.now())


def stop_all():
    return halts.stop_all(unit=root(), by=person("start", root()), at=clock.now(), reason="Wrong price")


def expired_while_paused(recipients=5):
    delivery = DeliveryFactory(paused=True, recipients=recipients)
    let_the_validity_period_end(delivery)
    look.tick()
    ending.expire_overdue(delivery.pk)
    assert statuses(delivery) == ["FAILED"] * recipients
    return delivery


def test_what_expired_while_it_was_paused_never_was_handed_over():
    delivery = expired_while_paused()

    receipt = stop(delivery)

    assert (receipt.left, receipt.cancelled, receipt.unsent) == (0, 5, 5)
    assert Chunk.objects.get(delivery=delivery).handed_upto == 0


def test_what_is_overdue_and_not_noticed_yet_never_was_handed_over_either():
    delivery = DeliveryFactory(paused=True, recipients=5)
    let_the_validity_period_end(delivery)

    receipt = stop(delivery)

    assert (receipt.left, receipt.cancelled) == (0, 5)


def test_the_log_says_of_what_expired_that_it_had_failed_before():
    delivery = expired_while_paused()

    stop(delivery)

    said = [str(line) for line in LogLine.objects.filter(delivery=delivery).order_by("pk")][-2:]
    assert "0 had been handed over, 5 never will be" in said[0]
    assert "Of those that never will be 5 had failed before" in said[1]


def test_stop_all_sending_says_of_what_expired_neither_that_it_left_nor_that_it_is_held():
    expired_while_paused()

    receipt = stop_all()

    assert [(one.left, one.held, one.unsent) for one in receipt.deliveries] == [(0, 0, 5)]


def test_the_page_of_stop_all_sending_says_what_is_neither(client):
    expired_while_paused()
    client.force_login(person("start", root()))

    page = client.post(reverse("deliveries:stop-all"), {"unit": root().pk, "reason": "Wrong price"})

    assert "5 are neither: they had failed before" in page.content.decode()


def test_the_page_that_asks_counts_the_same(client):
    delivery = expired_while_paused()
    client.force_login(person("start", root()))

    page = client.get(reverse("deliveries:stop", args=[delivery.pk])).content.decode()

    assert "5 had failed before" in page


def test_the_command_prints_what_else_is_to_be_said():
    delivery = expired_while_paused()
    out = StringIO()

    call_command(
        "stop_delivery", delivery.name, "--as", person("start", root()).username, "--yes", stdout=out
    )

    assert "0 had left, 5 never will." in out.getvalue()
    assert "5 had failed before" in out.getvalue()


def test_a_chunk_that_expired_half_way_keeps_its_mark_and_counts_what_left(relay):
    delivery = DeliveryFactory(sending=True, recipients=5)
    abandon_a_window(delivery, handed=2)
    recovery.reclaim(delivery.pk)
    let_the_validity_period_end(delivery)

    ending.expire_overdue(delivery.pk)

    assert statuses(delivery) == ["IN_DOUBT", "IN_DOUBT", "FAILED", "FAILED", "FAILED"]
    assert Chunk.objects.get(delivery=delivery).handed_upto == 2
    assert found(delivery) == {}
    receipt = stop(delivery)
    assert (receipt.left, receipt.cancelled, receipt.unsent) == (2, 3, 3)


def test_an_expired_chunk_is_claimed_by_nobody_even_if_its_time_comes_back(relay):
    delivery = expired_while_paused()
    execute("UPDATE deliveries_delivery SET started_at = sinete_clock() WHERE id = %s", delivery.pk)

    control.resume(delivery=delivery, by=person("start", root()), at=clock.now())
    send(delivery)

    assert relay.recipients() == []
    assert statuses(delivery) == ["FAILED"] * 5
    assert delivery.status == Status.FINISHED


def test_expiring_ends_though_a_row_below_the_mark_has_no_result():
    """Nobody holds the chunk, so nobody will say what became of the row: it is in doubt."""
    delivery = DeliveryFactory(sending=True, recipients=5)
    execute("UPDATE deliveries_chunk SET token = 7, handed_upto = 2 WHERE delivery_id = %s", delivery.pk)
    let_the_validity_period_end(delivery)

    expired = ending.expire_overdue(delivery.pk)

    assert expired == 3
    assert statuses(delivery) == ["IN_DOUBT", "IN_DOUBT", "FAILED", "FAILED", "FAILED"]
    assert set(Doubt.objects.filter(delivery=delivery).values_list("seq", "token")) == {(1, 7), (2, 7)}
    assert found(delivery) == {}


def test_a_stop_ends_though_a_row_below_the_mark_has_no_result():
    delivery = DeliveryFactory(sending=True, recipients=5)
    execute("UPDATE deliveries_chunk SET token = 7, handed_upto = 2 WHERE delivery_id = %s", delivery.pk)

    receipt = stop(delivery)
    look.tick()

    assert (receipt.left, receipt.cancelled) == (2, 3)
    assert statuses(delivery) == ["IN_DOUBT", "IN_DOUBT", "CANCELLED", "CANCELLED", "CANCELLED"]
    assert not any(books.open_ends(delivery).values())
    assert found(delivery) == {}


def refused_for_a_while(relay, recipients=3):
    """The first was sent, the second put off, the third is still to go."""
    delivery = DeliveryFactory(sending=True, recipients=recipients)
    addresses = list(
        Message.objects.filter(delivery=delivery).order_by("seq").values_list("address", flat=True)
    )
    relay.refuse(addresses[1], "451 4.2.0 Later")
    send(delivery)
    assert statuses(delivery) == ["SENT", "RETRYING", "SENT"]
    assert Try.objects.get(delivery=delivery).tries == 1
    return delivery


def test_who_was_refused_for_a_while_had_been_handed_over(relay):
    delivery = refused_for_a_while(relay)

    ahead = control.before_stopping(delivery)
    receipt = stop(delivery)

    assert (receipt.left, receipt.cancelled, receipt.refused) == (3, 0, 1)
    assert ahead == receipt
    assert receipt.remarks == ["Of those handed over 1 were refused for a while; they are not tried again."]


def test_who_was_refused_for_a_while_is_held_by_a_stop_of_all_sending(relay):
    refused_for_a_while(relay)

    receipt = stop_all()

    assert (receipt.left, receipt.held) == (2, 1)


@pytest.mark.parametrize("flag", ["no_email", "consent_unclear"])
def test_who_opted_out_after_the_preparation_never_was_handed_over(relay, flag):
    delivery = DeliveryFactory(sending=True, recipients=3)
    execute(
        f"UPDATE audiences_profile SET {flag} = true WHERE id = "
        "(SELECT profile_id FROM deliveries_message WHERE delivery_id = %s AND seq = 2)", delivery.pk,
    )  # fmt: skip
    control.pause(delivery=delivery, by=person("start", root()), at=clock.now())
    control.resume(delivery=delivery, by=person("start", root()), at=clock.now())
    send(delivery)
    assert "IGNORED" in statuses(delivery)

    receipt = control.before_stopping(delivery)

    assert (receipt.left, receipt.cancelled) == (2, 1)


def adopted(recipients=5, handed=2):
    delivery = DeliveryFactory(sending=True, recipients=recipients)
    abandon_a_window(delivery, handed=handed)
    instances.adopt(by=person("administration", root()), at=clock.now(), again=True)
    return delivery


def test_adopting_moves_no_mark_and_reconcile_accepts_what_it_doubts():
    delivery = adopted()

    assert statuses(delivery) == ["IN_DOUBT"] * 5
    assert Chunk.objects.get(delivery=delivery).handed_upto == 2
    assert found(delivery) == {}


def test_an_adopted_chunk_is_claimed_by_nobody(relay):
    delivery = adopted()

    delivery.refresh_from_db()
    control.resume(delivery=delivery, by=person("start", root()), at=clock.now())
    send(delivery)

    assert relay.recipients() == []
    assert delivery.status == Status.FINISHED


def test_of_an_adopted_copy_all_may_have_left():
    receipt = stop(adopted())

    assert (receipt.left, receipt.cancelled) == (5, 0)


@pytest.mark.parametrize("kept", ["expired", "adopted"])
def test_a_row_above_the_mark_that_claims_to_be_sent_is_found(kept):
    delivery = expired_while_paused() if kept == "expired" else adopted()

    with no_trigger("keep_tallies"):
        execute("UPDATE deliveries_message SET status = 1, tries = 1, code = 250 WHERE seq = 4")

    assert found(delivery)["marks"] == ([4], [])


def test_the_plan_counts_nobody_as_done_who_is_tried_again():
    delivery = in_waves(scheduled=True, wave_value=2, recipients=4)
    Chunk.objects.filter(delivery=delivery, moment=1).update(sent=1, retrying=1, handed_upto=2)

    plan = plan_report.plan(delivery, at=clock.now())

    assert plan is not None
    assert [(row.done, row.is_over, row.state) for row in plan.rows] == [
        (1, False, "retrying"),
        (0, False, "ahead"),
    ]


def test_a_receipt_of_a_delivery_that_expired_under_the_version_before_subtracts_what_was_unsent():
    """There the mark had moved past what expired."""
    delivery = expired_while_paused()
    execute("UPDATE deliveries_chunk SET handed_upto = seq_to WHERE delivery_id = %s", delivery.pk)

    receipt = stop(delivery)

    assert (receipt.left, receipt.cancelled) == (0, 5)
    assert not list(reconciliation._marks(delivery.pk))
    assert MessageStatus.FAILED in Message.objects.values_list("status", flat=True)
