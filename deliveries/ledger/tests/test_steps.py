"""The steps of a message, and the tallies that follow them, as PostgreSQL keeps both."""

from contextlib import suppress

import pytest
from django.db import IntegrityError, connection, transaction

from deliveries.ledger import books
from deliveries.ledger.steps import MESSAGE_STEPS, MessageStep
from deliveries.models import TALLIES, Chunk, Delivery, Message, MessageStatus, Preparation, SentAgain
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.ledger_rows import execute, no_trigger

pytestmark = pytest.mark.django_db

PAIRS = [(old, new) for old in MessageStatus for new in MessageStatus if old != new]


def in_status(status: MessageStatus) -> Delivery:
    """A delivery of one message that has the status, however it came to it."""
    delivery = DeliveryFactory(sending=True, recipients=1)
    with no_trigger("keep_tallies"):
        Message.objects.filter(delivery=delivery).update(status=status, tries=1)
    Chunk.objects.filter(delivery=delivery).update(**({} if not status else {status.name.lower(): 1}))
    return delivery


def turn(delivery: Delivery, status: MessageStatus) -> None:
    Message.objects.filter(delivery=delivery).update(status=status)


def may_turn(delivery: Delivery, status: MessageStatus) -> bool:
    """Whether the row may; it is left as it was."""
    with suppress(IntegrityError), transaction.atomic():
        turn(delivery, status)
        assert books.imbalance(delivery) == {}
        transaction.set_rollback(True)
        return True
    return False


def test_postgresql_holds_the_same_table_of_steps():
    there = {MessageStep(MessageStatus(old), MessageStatus(new), again) for old, new, again in execute(
        "SELECT old, new, after_send_again FROM deliveries_messagestep")}  # fmt: skip

    assert there == MESSAGE_STEPS


@pytest.mark.parametrize("old", MessageStatus)
def test_a_message_takes_the_steps_of_the_table_and_no_other(old):
    delivery = in_status(old)
    plain = {step.new for step in MESSAGE_STEPS if step.old == old and not step.after_send_again}

    assert {new for new in MessageStatus if new != old and may_turn(delivery, new)} == plain


@pytest.mark.parametrize("old", MessageStatus)
def test_one_that_was_sent_again_takes_those_of_such_messages_too(old):
    delivery = in_status(old)
    SentAgain.objects.create(delivery=delivery, seq=1, since=delivery.created_at)

    assert {new for new in MessageStatus if new != old and may_turn(delivery, new)} == {
        step.new for step in MESSAGE_STEPS if step.old == old
    }


def test_what_it_says_of_a_step_that_is_none_names_message_and_statuses():
    delivery = in_status(MessageStatus.SENT)

    with pytest.raises(
        IntegrityError, match=rf"Message 1 of delivery {delivery.pk}: no step leads from sent to"
    ):
        turn(delivery, MessageStatus.CANCELLED)


def test_the_same_status_with_other_tries_is_no_step():
    delivery = in_status(MessageStatus.FAILED)

    Message.objects.filter(delivery=delivery).update(tries=0)

    chunk = Chunk.objects.get(delivery=delivery)
    assert (chunk.failed, chunk.unsent) == (1, 1)


def test_rows_of_several_chunks_are_counted_in_one_statement(settings, django_assert_num_queries):
    settings.SINETE = settings.SINETE | {"chunk_rows": 2}
    delivery = DeliveryFactory(sending=True, recipients=6)
    beside = DeliveryFactory(sending=True, recipients=6)

    with django_assert_num_queries(1), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE deliveries_message SET status = CASE WHEN seq % 3 = 0 THEN 2 ELSE 1 END, tries = seq % 3"
            " WHERE delivery_id = %s".replace("% 3", "%% 3"),
            [delivery.pk],
        )

    chunks = Chunk.objects.filter(delivery=delivery).order_by("number")
    assert list(chunks.values_list("sent", "failed", "unsent")) == [(2, 0, 0), (1, 1, 1), (1, 1, 1)]
    assert books.imbalance(beside) == {}


def test_ten_thousand_bounces_of_a_finished_delivery_are_one_step(settings):
    settings.SINETE = settings.SINETE | {"chunk_rows": 1_000}
    delivery = DeliveryFactory(finished=True, recipients=1)
    with no_trigger("sealed_columns", "chunk"):
        execute("UPDATE deliveries_chunk SET seq_to = 10000, handed_upto = 10000, sent = 10000")
    execute(
        "INSERT INTO deliveries_message (delivery_id, seq, profile_id, address, address_key, values, status, tries)"
        " SELECT delivery_id, n, profile_id, address, address_key, values, 1, 1"
        " FROM deliveries_message, generate_series(2, 10000) n"
    )

    turn(delivery, MessageStatus.BOUNCED)

    assert books.tallies(delivery.pk)["bounced"] == 10_000
    assert books.tallies(delivery.pk)["sent"] == 0
    assert Chunk.objects.get(delivery=delivery).done


def test_no_setting_of_a_session_turns_it_off():
    delivery = in_status(MessageStatus.SENT)

    with pytest.raises(IntegrityError, match="no step leads"), transaction.atomic():
        execute("SET LOCAL session_replication_role = replica")
        turn(delivery, MessageStatus.PREPARED)


def test_a_chunk_is_done_once_all_its_rows_left_the_first_pass_and_nobody_holds_it():
    delivery = DeliveryFactory(sending=True, recipients=2)
    chunk = Chunk.objects.get(delivery=delivery)
    Chunk.objects.filter(delivery=delivery).update(lease_until=chunk.delivery.created_at)
    Message.objects.filter(delivery=delivery).update(status=MessageStatus.RETRYING)
    assert not Chunk.objects.get(delivery=delivery).done

    Chunk.objects.filter(delivery=delivery).update(lease_until=None)

    assert Chunk.objects.get(delivery=delivery).done


def test_no_seal_is_set_over_a_message_that_something_became_of():
    delivery = DeliveryFactory(ready=True, recipients=2)
    Message.objects.filter(delivery=delivery, seq=2).update(status=MessageStatus.FAILED)
    sealed = Preparation.objects.get(pk=delivery.preparation_id)
    sealed.pk, sealed.number, sealed.kept_from_id = None, sealed.number + 1, sealed.pk

    with pytest.raises(IntegrityError, match="of 1 messages something has become already"):
        sealed.save(force_insert=True)


def test_every_status_but_the_first_has_a_tally():
    columns = {field.name for field in Chunk._meta.get_fields()}

    assert {status.name.lower() for status in MessageStatus} - {"prepared"} == set(TALLIES) <= columns
