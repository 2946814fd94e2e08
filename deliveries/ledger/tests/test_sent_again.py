"""What evidence does to a message that a person had sent again, whatever became of its second hand-over."""

import pytest

from accounts.models import AuditEvent
from campaign.lib import clock
from deliveries.ledger import books, ending, recovery, resolutions
from deliveries.models import Chunk, Delivery, Doubt, Message, MessageStatus, SentAgain, Status, Try
from deliveries.operations import reconciliation, remainders
from deliveries.operations.doubts import Decision
from deliveries.sending import control
from deliveries.sending.rows import Entry
from deliveries.tests.doubts import decide, in_doubt
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.ledger_rows import execute, expire_leases, no_trigger, statuses
from deliveries.tests.scripted_lanes import with_ledger
from deliveries.tests.sends import send
from deliveries.tick import look

pytestmark = pytest.mark.django_db(transaction=True)

REFUSED = {"code": 550, "nature": "hard", "reason": "user_unknown", "reply": "5.1.1 No such user"}


def take(delivery):
    """A lane has the second hand-over on its way."""
    return with_ledger(delivery, lambda ledger: ledger.exchange([], [], later_tries=1)).rows[0]


def answer(delivery, row, status, **more):
    with_ledger(delivery, lambda ledger: ledger.exchange([], [Entry(row, status, **more)]))


def answered(status, **more):
    return lambda delivery: answer(delivery, take(delivery), status, **more)


def lost(delivery):
    """The lane died with the second on its way."""
    row = take(delivery)
    expire_leases(delivery)
    recovery.reclaim(delivery.pk)
    return row


def lost_and_answered_late(delivery):
    answer(delivery, lost(delivery), MessageStatus.RETRYING, retry_in=60.0)


def never_left(delivery):
    ending.end_tries(delivery.pk, MessageStatus.FAILED)


# What became of the second: how it came about, the row's status, and whether the evidence is surely of the first.
SECONDS = {
    "waits": (lambda delivery: None, "RETRYING", True),
    "is on its way": (take, "RETRYING", False),
    "was put off": (answered(MessageStatus.RETRYING, retry_in=60.0), "RETRYING", True),
    "failed": (answered(MessageStatus.FAILED, **REFUSED), "FAILED", True),
    "failed at home": (answered(MessageStatus.FAILED, reason="content", counts_as_try=False), "FAILED", True),
    "is in doubt": (answered(MessageStatus.IN_DOUBT), "IN_DOUBT", False),
    "was lost": (lost, "IN_DOUBT", False),
    "was lost and put off": (lost_and_answered_late, "RETRYING", True),
    "never left": (never_left, "IN_DOUBT", True),
    "was left out": (
        answered(MessageStatus.IGNORED, reason="opted_out", counts_as_try=False), "IGNORED", True,
    ),
}  # fmt: skip


def sent_again(becomes) -> Delivery:
    """Of four messages the first was in doubt and was sent again; `becomes` is what became of that."""
    delivery = in_doubt(recipients=4, handed=1)
    decide(delivery, Decision.SEND_AGAIN)
    becomes(delivery)
    return Delivery.objects.get(pk=delivery.pk)


def arrived(delivery, seq=1):
    return resolutions.arrived(delivery_id=delivery.pk, seq=seq, note="Known to have arrived: it was opened.")


def ledger_of(delivery):
    """All that evidence could change."""
    return [
        list(of.objects.filter(delivery=delivery).order_by("pk").values())
        for of in (Message, Chunk, Try, Doubt, SentAgain)
    ] + [AuditEvent.objects.count()]


@pytest.mark.parametrize(("becomes", "status", "of_the_first"), SECONDS.values(), ids=SECONDS)
def test_evidence_makes_it_sent_whatever_became_of_the_second(becomes, status, of_the_first):
    delivery = sent_again(becomes)
    assert statuses(delivery)[0] == status

    assert arrived(delivery)

    row = Message.objects.get(delivery=delivery, seq=1)
    assert statuses(delivery) == ["SENT"] * 4
    assert (row.code, row.nature, row.reason) == (None, "", "")
    assert row.reply == "Known to have arrived: it was opened."
    assert not Try.objects.filter(delivery=delivery).exists()
    assert not Doubt.objects.filter(delivery=delivery).exists()
    assert SentAgain.objects.filter(delivery=delivery).exists() != of_the_first
    assert books.imbalance(delivery) == {}
    assert reconciliation.reconcile(delivery.pk).off == []
    event = AuditEvent.objects.get(action="known_to_have_arrived")
    assert (event.target_id, event.detail["row"]) == (str(delivery.pk), 1)
    assert event.detail["was"] == status.lower()


@pytest.mark.parametrize(("becomes", "status", "of_the_first"), SECONDS.values(), ids=SECONDS)
def test_a_second_evidence_changes_nothing(becomes, status, of_the_first):
    delivery = sent_again(becomes)
    arrived(delivery)
    once = ledger_of(delivery)

    assert not arrived(delivery)

    assert ledger_of(delivery) == once


@pytest.mark.parametrize(("becomes", "status", "of_the_first"), SECONDS.values(), ids=SECONDS)
def test_then_it_comes_to_its_end_and_leaves_no_more(relay, becomes, status, of_the_first):
    delivery = sent_again(becomes)
    arrived(delivery)
    execute("UPDATE deliveries_try SET due_at = sinete_clock()")

    send(delivery)

    assert relay.recipients() == []
    assert delivery.status == Status.FINISHED


def test_evidence_for_one_whose_second_was_taken_changes_nothing():
    delivery = sent_again(answered(MessageStatus.SENT, code=250, reply="2.0.0 Ok"))
    before = ledger_of(delivery)

    assert not arrived(delivery)

    assert ledger_of(delivery) == before


@pytest.mark.parametrize("status", [MessageStatus.SENT, MessageStatus.FAILED, MessageStatus.IN_DOUBT])
def test_the_answer_of_a_second_that_was_on_its_way_changes_nothing_any_more(status):
    delivery = sent_again(lambda delivery: None)
    row = take(delivery)
    arrived(delivery)
    once = ledger_of(delivery)

    answer(delivery, row, status)

    assert ledger_of(delivery) == once


def test_the_event_says_how_the_second_had_failed_and_no_address():
    delivery = sent_again(answered(MessageStatus.FAILED, **REFUSED))

    arrived(delivery)

    detail = AuditEvent.objects.get(action="known_to_have_arrived").detail
    assert (detail["code"], detail["reason"]) == (550, "user_unknown")
    assert "@" not in str(detail)


@pytest.mark.parametrize("status", [s for s in MessageStatus if s != MessageStatus.IN_DOUBT])
def test_evidence_changes_no_row_that_was_never_sent_again(status):
    delivery = DeliveryFactory(sending=True, recipients=2)
    with no_trigger("keep_tallies"):
        Message.objects.filter(delivery=delivery, seq=1).update(status=status, tries=1)
    if status == MessageStatus.RETRYING:
        Try.objects.create(delivery=delivery, seq=1, due_at=clock.now(), tries=1)
    before = ledger_of(delivery)

    assert not arrived(delivery)

    assert ledger_of(delivery) == before


def test_what_was_in_doubt_twice_and_put_off_late_is_in_doubt_again_once_it_is_stopped():
    delivery = sent_again(lost_and_answered_late)

    control.stop(delivery=delivery, by=person("start", delivery.unit), at=clock.now())
    look.tick()

    assert statuses(delivery)[0] == "IN_DOUBT"
    assert not remainders.is_possible(Delivery.objects.get(pk=delivery.pk))
    assert books.imbalance(delivery) == {}
