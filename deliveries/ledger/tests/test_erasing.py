"""Rows of people who were erased: they do not leave, they are emptied, and every chunk still adds up to its seal."""

import threading
from collections.abc import Collection
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, connections, transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from accounts.roles import root
from audiences.models import ErasedProfile, Erasure
from campaign.lib import clock
from deliveries.ledger import books, erasing
from deliveries.models import Chunk, Delivery, Doubt, Message, MessageStatus, Status, Try
from deliveries.operations import reconciliation
from deliveries.schedule import planning
from deliveries.sending.tests.later_tries import leave_to_later_tries
from deliveries.sending.tests.waves import in_waves
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.ledger_rows import abandon_a_window, execute, no_trigger, statuses
from deliveries.tests.schedules import at_a_new_time
from deliveries.tests.scripted_lanes import ScriptedPool, run_lane
from deliveries.tests.sends import send
from deliveries.tick import look

pytestmark = pytest.mark.django_db(transaction=True)


def erased(delivery: Delivery, *seqs: int) -> list[int]:
    """The profiles of these messages are gone, and their erasure is on record."""
    ids = [Message.objects.get(delivery=delivery, seq=seq).profile_id for seq in seqs]
    erasure = Erasure.objects.create(unit=root(), at=clock.now(), watched_until=clock.now())
    ErasedProfile.objects.bulk_create(ErasedProfile(profile_id=pk, erasure=erasure) for pk in ids)
    execute("DELETE FROM audiences_audiencemember WHERE profile_id = ANY(%s)", ids)
    execute("DELETE FROM audiences_profile WHERE id = ANY(%s)", ids)
    return ids


def sweep(ids: Collection[int]) -> erasing.Swept:
    return erasing.sweep(ids, before_emptying=lambda keys: None)


def full(delivery: Delivery) -> list[int]:
    """The rows that still hold something of somebody."""
    return [
        row.seq
        for row in Message.objects.filter(delivery=delivery).order_by("seq")
        if row.address or row.address_key or row.values or row.salt or row.reply
    ]


def balanced(delivery: Delivery) -> bool:
    return reconciliation.reconcile(delivery.pk).balanced


def test_rows_that_were_sent_are_emptied_and_counted_as_before():
    delivery = DeliveryFactory(finished=True, recipients=4)
    before = books.tallies(delivery.pk)

    swept = sweep(erased(delivery, 2, 3))

    assert (swept.emptied, swept.waits, swept.redacted) == (2, {}, [])
    assert full(delivery) == [1, 4]
    assert books.tallies(delivery.pk) == before
    assert balanced(delivery)


def test_rows_that_must_still_leave_do_not_and_the_others_do(relay):
    delivery = DeliveryFactory(scheduled=True, recipients=4)

    sweep(erased(delivery, 1, 4))
    send(delivery)

    assert statuses(delivery) == ["ERASED", "SENT", "SENT", "ERASED"]
    assert (len(relay.recipients()), delivery.status) == (2, Status.FINISHED)
    assert balanced(delivery)


def test_who_is_erased_before_the_look_is_not_written_to_though_nobody_swept_yet(relay):
    delivery = DeliveryFactory(scheduled=True, recipients=3)
    ids = erased(delivery, 2)

    send(delivery)
    sweep(ids)

    assert statuses(delivery) == ["SENT", "ERASED", "SENT"]
    assert full(delivery) == [1, 3]
    assert balanced(delivery)


def test_a_delivery_of_erased_people_alone_is_over():
    delivery = DeliveryFactory(sending=True, recipients=2)

    sweep(erased(delivery, 1, 2))
    look.tick()

    delivery.refresh_from_db()
    assert delivery.status == Status.FINISHED
    assert balanced(delivery)


def test_a_later_try_that_nobody_has_in_hand_is_erased():
    delivery = DeliveryFactory(sending=True, recipients=2)
    leave_to_later_tries(delivery, 2)

    swept = sweep(erased(delivery, 1))

    assert (swept.waits, Try.objects.filter(delivery=delivery).count()) == ({}, 1)
    assert statuses(delivery)[0] == "ERASED"
    assert 1 not in full(delivery)


def test_what_a_lane_has_in_hand_waits_and_goes_once_its_result_is_there():
    delivery = DeliveryFactory(sending=True, recipients=3)
    abandon_a_window(delivery, 2)
    ids = erased(delivery, 1, 3)

    first = sweep(ids)
    assert first.waits == {erasing.IN_HAND: 1}
    assert full(delivery) == [1, 2]

    look.tick()  # its lease has run out: in doubt
    assert sweep(ids).waits == {erasing.LATE_ANSWER: 1}
    Doubt.objects.filter(delivery=delivery).update(since=clock.now() - timedelta(hours=1))

    assert sweep(ids).waits == {}
    assert full(delivery) == [2]
    assert statuses(delivery)[0] == "IN_DOUBT"


def test_a_late_answer_about_somebody_who_was_erased_keeps_no_words_and_holds_no_address(relay):
    delivery = DeliveryFactory(sending=True, recipients=1)
    ids = []

    async def refusing(pool):
        if not ids and pool.waiting:
            with_other_connection(lambda: ids.extend(erased(delivery, 1)))
            with_other_connection(lambda: sweep(ids))
        return pool.take(len(pool.waiting))

    run_lane(delivery, ScriptedPool(refusing))
    sweep(ids)

    assert statuses(delivery) == ["SENT"]
    assert full(delivery) == []
    assert execute("SELECT count(*) FROM audiences_quarantine WHERE address_key = ''") == [(0,)]


def with_other_connection(work):
    """The work is done on a connection of its own, as another process does it."""
    failed = []

    def run():
        try:
            work()
        except BaseException as error:  # told to whoever waits
            failed.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    if failed:
        raise failed[0]


def test_whoever_is_erased_while_it_sends_is_sent_or_erased_and_the_books_balance(settings):
    settings.SINETE = settings.SINETE | {"chunk_rows": 10}
    delivery = DeliveryFactory(sending=True, recipients=60)
    ids: list[int] = []

    async def slowly(pool):
        if pool.rounds in (3, 6, 9):
            first = pool.rounds * 6
            with_other_connection(lambda: ids.extend(erased(delivery, first - 5, first, first + 3)))
            with_other_connection(lambda: sweep(ids))
        return pool.take(2)

    run_lane(delivery, ScriptedPool(slowly))
    swept = sweep(ids)

    assert swept.waits == {}
    of_theirs = set(
        Message.objects.filter(delivery=delivery, profile_id__in=ids).values_list("status", flat=True)
    )
    assert of_theirs <= {MessageStatus.SENT, MessageStatus.ERASED}
    assert (
        Message.objects.filter(delivery=delivery).exclude(profile_id__in=ids).exclude(status=1).count() == 0
    )
    look.tick()
    assert balanced(delivery)


def test_an_erasure_waits_for_an_exchange_that_holds_the_chunk_and_reads_the_mark_that_it_set():
    delivery = DeliveryFactory(sending=True, recipients=3)
    ids = erased(delivery, 1, 3)
    moved, asked = threading.Event(), threading.Event()

    def exchange():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM deliveries_chunk WHERE delivery_id = %s FOR UPDATE", [delivery.pk])
            moved.set()
            asked.wait(10)
            cursor.execute(
                "UPDATE deliveries_chunk SET handed_upto = 1, token = 1, lease_until = sinete_clock()"
                " + interval '1 minute' WHERE delivery_id = %s",
                [delivery.pk],
            )
        connections.close_all()

    thread = threading.Thread(target=exchange)
    thread.start()
    moved.wait(10)
    threading.Timer(0.3, asked.set).start()  # by then the sweep waits for the chunk
    swept = sweep(ids)
    thread.join(10)

    assert swept.waits == {erasing.IN_HAND: 1}
    assert statuses(delivery) == ["PREPARED", "PREPARED", "ERASED"]


def test_nothing_but_the_function_empties_a_row():
    delivery = DeliveryFactory(finished=True, recipients=2)
    erased(delivery, 1)

    for settled in ("", "SET LOCAL sinete.emptying = 'on'; "):
        for change in (
            "address = ''",
            "address = '', address_key = '', values = '{}', salt = NULL, digest = sha256('x')",
            "address = 'eve@example.com'",
            "salt = NULL",
        ):
            with pytest.raises(IntegrityError, match="what is written there stays"), transaction.atomic():
                execute(f"{settled}UPDATE deliveries_message SET {change} WHERE delivery_id = {delivery.pk}")


def test_nobody_is_emptied_whose_erasure_is_not_on_record():
    delivery = DeliveryFactory(finished=True, recipients=2)

    with pytest.raises(IntegrityError, match="what is written there stays"):
        execute("SELECT * FROM deliveries_empty_rows(%s, 1, '{1}')", delivery.pk)


def without_salts(delivery: Delivery) -> Delivery:
    """The delivery as an earlier version prepared it."""
    with no_trigger("sealed_columns"), no_trigger("sealed_columns", "chunk"):
        execute("UPDATE deliveries_message SET salt = NULL WHERE delivery_id = %s", delivery.pk)
        execute(
            "UPDATE deliveries_chunk SET digest = deliveries_chunk_digest(delivery_id, seq_from, seq_to)"
            " WHERE delivery_id = %s",
            delivery.pk,
        )
    return delivery


@pytest.fixture
def bare(settings):
    """A finished delivery whose rows have no salt, in two chunks."""
    settings.SINETE = settings.SINETE | {"chunk_rows": 2}
    return without_salts(DeliveryFactory(finished=True, recipients=4))


def off(delivery: Delivery) -> set[str]:
    """What the reconciliation finds, but for the seal, which was made over other digests."""
    return {one.check for one in reconciliation.reconcile(delivery.pk).off} - {"seal"}


def test_a_chunk_of_rows_without_salts_has_another_digest_beside_its_sealed_one(bare):
    sealed = bytes(Chunk.objects.get(delivery=bare, number=1).digest)

    swept = sweep(erased(bare, 1))
    again = sweep(erased(bare, 2))

    chunk = Chunk.objects.get(delivery=bare, number=1)
    assert [(each.number, each.rows) for each in swept.redacted + again.redacted] == [(1, 1), (1, 1)]
    assert bytes(chunk.digest) == sealed
    assert chunk.redacted is not None
    assert Chunk.objects.get(delivery=bare, number=2).redacted is None
    assert full(bare) == [3, 4]
    assert off(bare) == set()


def test_a_chunk_that_is_not_as_it_was_sealed_is_not_redacted(bare):
    with no_trigger("sealed_columns"):
        execute("UPDATE deliveries_message SET address = 'eve@example.com' WHERE seq = 2")

    with pytest.raises(IntegrityError, match="not as it was sealed"):
        sweep(erased(bare, 1))

    assert 1 in full(bare)


def test_what_was_redacted_is_compared_with_that_from_then_on(bare):
    sweep(erased(bare, 1))
    with no_trigger("sealed_columns"):
        execute("UPDATE deliveries_message SET address = 'eve@example.com' WHERE seq = 2")

    assert off(bare) == {"digests"}


def test_nobody_sets_the_other_digest_by_hand(bare):
    with pytest.raises(IntegrityError, match="what is written there stays"), transaction.atomic():
        execute("SET LOCAL sinete.emptying = 'on'; UPDATE deliveries_chunk SET redacted = sha256('x')")


@pytest.mark.parametrize("stage", ["awaiting_approval", "ready"])
def test_a_new_time_for_what_was_prepared_keeps_the_erased_erased(stage):
    delivery = DeliveryFactory(**{stage: True}, recipients=3)
    sweep(erased(delivery, 2))

    at_a_new_time(delivery)

    delivery.refresh_from_db()
    assert statuses(delivery) == ["PREPARED", "ERASED", "PREPARED"]
    assert books.imbalance(delivery) == {}


def test_waves_that_move_keep_the_erased_counted():
    delivery = in_waves(ready=True)
    sweep(erased(delivery, 1))
    before = books.imbalance(delivery)

    planning.move_waves(delivery, first=delivery.moments.get(number=1), at=clock.now())

    assert (before, books.imbalance(delivery)) == ({}, {})


@pytest.fixture
def small_chunks(settings):
    settings.SINETE = settings.SINETE | {"chunk_rows": 2}


@given_settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stage=st.sampled_from(["ready", "sending", "paused", "stopped", "finished"]),
    has_salts=st.booleans(),
    times=st.lists(st.sets(st.integers(1, 7), min_size=1, max_size=3), min_size=1, max_size=3),
)
def test_whoever_is_erased_whenever_each_chunk_adds_up_or_says_that_it_was_redacted(
    small_chunks, stage, has_salts, times
):
    with transaction.atomic():
        delivery = DeliveryFactory(**{stage: True}, recipients=7)
        if not has_salts:
            without_salts(delivery)
        before = books.tallies(delivery.pk)
        gone: set[int] = set()
        redacted = []
        for seqs in times:
            redacted += sweep(erased(delivery, *sorted(seqs - gone))).redacted
            gone |= seqs
            assert off(delivery) == set()
        after = books.tallies(delivery.pk)
        assert {name: after[name] - before[name] for name in after if name not in ("erased", "prepared")} == (
            dict.fromkeys(set(after) - {"erased", "prepared"}, 0)
        )
        assert after["erased"] + after["prepared"] == before["prepared"]
        if has_salts:
            assert (redacted, set(full(delivery)) & gone) == ([], set())
        if stage in ("ready", "sending", "paused"):
            assert after["erased"] == len(gone)
        said = {each.number for each in redacted}
        assert said == set(
            Chunk.objects.filter(delivery=delivery, redacted__isnull=False).values_list("number", flat=True)
        )
        transaction.set_rollback(True)
