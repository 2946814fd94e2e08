"""What people do about messages with unknown outcome."""

import json
from datetime import timedelta

import pytest

from accounts.access import NotAllowed
from accounts.models import AuditEvent
from accounts.tests.factories import UserFactory
from audiences.models import Profile
from campaign.lib import clock
from deliveries import jobs
from deliveries.ledger import books, recovery
from deliveries.models import Doubt, Message, Status, Try
from deliveries.operations import doubts
from deliveries.operations.doubts import Decision
from deliveries.sending import control
from deliveries.tests.doubts import decide, in_doubt
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.ledger_rows import abandon_a_window, execute, statuses
from deliveries.tests.sends import send
from deliveries.tick import look

pytestmark = pytest.mark.django_db(transaction=True)


# -- the three decisions --------------------------------------------------------------------------------


def test_hold_leaves_a_note_and_nothing_else():
    delivery = in_doubt()

    receipt = decide(delivery, Decision.HOLD, [1], reason="We asked the relay's postmaster")

    assert receipt.done == 1
    assert statuses(delivery) == ["IN_DOUBT", "IN_DOUBT", "SENT", "SENT"]
    notes = Doubt.objects.filter(delivery=delivery).order_by("seq").values_list("note", flat=True)
    assert list(notes) == ["We asked the relay's postmaster", ""]


def test_count_as_sent_counts_as_sent():
    delivery = in_doubt()

    decide(delivery, Decision.COUNT_AS_SENT, [2])

    assert statuses(delivery) == ["IN_DOUBT", "SENT", "SENT", "SENT"]
    assert books.imbalance(delivery) == {}


def test_send_again_of_a_finished_delivery_sends_to_those_and_nobody_else(relay):
    delivery = in_doubt()
    addresses = Message.objects.filter(delivery=delivery).order_by("seq").values_list("address", flat=True)

    decide(delivery, Decision.SEND_AGAIN)
    delivery.refresh_from_db()
    assert delivery.status == Status.SENDING
    send(delivery)

    assert relay.recipients() == sorted(addresses[:2])
    assert statuses(delivery) == ["SENT"] * 4
    assert delivery.status == Status.FINISHED
    assert books.imbalance(delivery) == {}


def test_all_of_a_delivery_is_decided_chunk_by_chunk(settings):
    settings.SINETE = settings.SINETE | {"chunk_rows": 2}
    delivery = DeliveryFactory(sending=True, recipients=5)
    execute(
        "UPDATE deliveries_chunk SET token = 1, handed_upto = seq_to, lease_until = sinete_clock() - interval '1 second'"
        " WHERE delivery_id = %s",
        delivery.pk,
    )
    look.tick()

    assert decide(delivery, Decision.COUNT_AS_SENT).done == 5

    assert statuses(delivery) == ["SENT"] * 5
    assert books.imbalance(delivery) == {}


def test_a_paused_delivery_sends_again_once_it_is_resumed(relay):
    delivery = DeliveryFactory(sending=True, recipients=2)
    abandon_a_window(delivery, 2)
    recovery.reclaim(delivery.pk)
    execute("UPDATE deliveries_doubt SET since = since - interval '1 hour'")
    starter = person("start", delivery.unit)
    control.pause(delivery=delivery, by=starter, at=clock.now())

    decide(delivery, Decision.SEND_AGAIN)
    send(delivery)
    assert relay.recipients() == []
    control.resume(delivery=delivery, by=starter, at=clock.now())
    send(delivery)

    assert len(relay.recipients()) == 2
    assert delivery.status == Status.FINISHED


# -- what is refused ------------------------------------------------------------------------------------


def test_send_again_waits_until_no_answer_can_come_any_more(settings):
    delivery = in_doubt(age=timedelta())
    last = Doubt.objects.filter(delivery=delivery).latest("since").since
    wait = timedelta(seconds=settings.SINETE["lease_seconds"] + settings.SINETE["smtp_reply_seconds"])

    with pytest.raises(doubts.TooSoon) as refusal:
        decide(delivery, Decision.SEND_AGAIN)
    with clock.shifted(wait - timedelta(seconds=30)), pytest.raises(doubts.TooSoon):
        decide(delivery, Decision.SEND_AGAIN)

    assert f"{last + wait:%Y-%m-%d %H:%M:%S}" in str(refusal.value)
    assert not Try.objects.filter(delivery=delivery).exists()
    with clock.shifted(wait):
        assert decide(delivery, Decision.SEND_AGAIN).done == 2


def test_a_stopped_delivery_sends_nothing_again():
    delivery = DeliveryFactory(sending=True, recipients=3)
    abandon_a_window(delivery, 2)
    recovery.reclaim(delivery.pk)
    execute("UPDATE deliveries_doubt SET since = since - interval '1 hour'")
    control.stop(delivery=delivery, by=person("start", delivery.unit), at=clock.now())

    with pytest.raises(doubts.StoppedForGood) as refusal:
        decide(delivery, Decision.SEND_AGAIN)

    assert "send the remainder" in str(refusal.value)
    assert statuses(delivery) == ["IN_DOUBT", "IN_DOUBT", "CANCELLED"]
    assert decide(delivery, Decision.COUNT_AS_SENT).done == 2


def test_nothing_is_sent_again_once_the_validity_period_is_over():
    delivery = in_doubt()

    with clock.shifted(timedelta(hours=delivery.validity_hours + 1)), pytest.raises(doubts.ValidityOver):
        decide(delivery, Decision.SEND_AGAIN)

    assert statuses(delivery)[:2] == ["IN_DOUBT", "IN_DOUBT"]


@pytest.mark.parametrize("role", ["prepare", "approve"])
def test_only_who_may_start_deliveries_decides(role):
    delivery = in_doubt()

    with pytest.raises(NotAllowed):
        decide(delivery, Decision.COUNT_AS_SENT, by=UserFactory(roles={role: delivery.unit}))


@pytest.mark.parametrize(
    ("seqs", "reason", "refusal"),
    [
        (None, "  ", doubts.ReasonMissing),
        ([], "Because", doubts.NothingChosen),
        ([3, 2**40, -1], "Because", doubts.NothingInDoubt),
    ],
)
def test_it_is_refused_without(seqs, reason, refusal):
    delivery = in_doubt()

    with pytest.raises(refusal):
        decide(delivery, Decision.COUNT_AS_SENT, seqs, reason=reason)


@pytest.mark.parametrize("flag", ["no_email", "consent_unclear"])
def test_who_opted_out_since_is_not_written_to_a_second_time(flag):
    delivery = in_doubt()
    first = Message.objects.get(delivery=delivery, seq=1)
    Profile.objects.filter(pk=first.profile_id).update(**{flag: True})

    receipt = decide(delivery, Decision.SEND_AGAIN)

    assert (receipt.done, receipt.opted_out) == (1, 1)
    assert statuses(delivery)[:2] == ["IN_DOUBT", "RETRYING"]


# -- audit and commands ---------------------------------------------------------------------------------


def test_the_decision_is_audited_with_numbers_and_no_address():
    delivery = in_doubt()
    starter = person("start", delivery.unit)

    decide(delivery, Decision.COUNT_AS_SENT, [1], by=starter, reason="They answered")

    event = AuditEvent.objects.get(action="unknown_outcome_count_as_sent")
    assert (event.actor, event.detail["number"], event.detail["rows"]) == (starter, 1, [1])
    assert event.detail["reason"] == "They answered"
    assert "@" not in json.dumps(event.detail)
    assert "They answered" in delivery.log.first().message


def test_a_job_that_drains_after_send_again_finds_the_try(relay):
    delivery = in_doubt(recipients=1, handed=1)

    decide(delivery, Decision.SEND_AGAIN)
    jobs.drain(delivery_id=delivery.pk)

    assert len(relay.recipients()) == 1


# -- all of them, slice by slice --------------------------------------------------------------------------


@pytest.mark.parametrize("decision", Decision)
def test_all_is_decided_slice_by_slice_with_progress(decision, monkeypatch):
    monkeypatch.setattr(doubts, "SLICE", 2)
    delivery = in_doubt(recipients=6, handed=5)
    told = []

    receipt = decide(delivery, decision, progress=lambda done, of: told.append((done, of)))

    assert told == [(2, 5), (4, 5), (5, 5)]
    assert (receipt.done, receipt.settled_before, receipt.opted_out) == (5, 0, 0)
    assert books.imbalance(delivery) == {}
    events = AuditEvent.objects.filter(action=f"unknown_outcome_{decision.value}")
    assert [event.detail["number"] for event in events.order_by("id")] == [2, 2, 1]


def test_a_stop_between_two_slices_ends_it_and_what_was_decided_stays(monkeypatch):
    monkeypatch.setattr(doubts, "SLICE", 2)
    delivery = in_doubt(recipients=6, handed=5)

    def stop(done, of):
        control.stop(delivery=delivery, by=person("start", delivery.unit), at=clock.now())

    receipt = decide(delivery, Decision.SEND_AGAIN, progress=stop)

    assert receipt.done == 2
    assert statuses(delivery)[:5] == ["IN_DOUBT"] * 5  # the tries ended before they left
    assert books.imbalance(delivery) == {}
