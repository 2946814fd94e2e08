"""The tick beside many deliveries: what it finds, what it leaves to a job, and that nobody holds up anybody."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import django_rq
import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.tests.factories import UnitFactory
from campaign.lib import clock
from campaign.lib.jobs import Queue
from campaign.tests.databases import database_url
from deliveries import jobs
from deliveries.lifecycle import steps
from deliveries.models import Delivery, Halt, Message, ScheduleKind, Status
from deliveries.sending import gate
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.ledger_rows import execute
from deliveries.tick import look
from deliveries.tick.tests.many_deliveries import copies, status

pytestmark = pytest.mark.django_db


def statements_of_a_tick() -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        look.tick()
    return len(captured)


def begun(pks: list[int]) -> int:
    return Delivery.objects.filter(pk__in=pks, started_at__isnull=False).count()


@contextmanager
def locked(pk: int) -> Iterator[None]:
    """Somebody else holds the delivery's row meanwhile."""
    with psycopg.connect(database_url()) as other:
        other.execute("SELECT 1 FROM deliveries_delivery WHERE id = %s FOR UPDATE", [pk])
        yield
        other.rollback()


IN_HAND = "token = 1, lease_by = 'a lane', lease_until = clock_timestamp() + interval '1 hour'"


@pytest.mark.parametrize(
    ("stage", "of_delivery", "of_chunk"),
    [
        ("sending", "", IN_HAND),
        ("paused", "", ""),
        ("ready", "", ""),
        ("scheduled", "contact_date = now() + interval '1 day', schedule_kind = 'at_date'", ""),
        ("stopped", "ended_at = now() - interval '1 hour'", "sent = seq_to - seq_from + 1"),
        ("finished", "", ""),
    ],
)
def test_a_tick_asks_as_much_beside_25_deliveries_as_beside_one(stage, of_delivery, of_chunk):
    model = DeliveryFactory(recipients=1, **{stage: True})
    copies(model, 1, of_delivery=of_delivery, of_chunk=of_chunk)
    execute(f"UPDATE deliveries_chunk SET {of_chunk or 'token = token'} WHERE delivery_id = %s", model.pk)
    if stage == "scheduled":
        Delivery.objects.filter(pk=model.pk).update(
            contact_date=clock.now() + timedelta(days=1), schedule_kind=ScheduleKind.AT_DATE
        )
    look.tick()
    beside_few = statements_of_a_tick()

    copies(model, 24, of_delivery=of_delivery, of_chunk=of_chunk)

    assert statements_of_a_tick() <= beside_few


def test_what_is_due_in_numbers_is_one_job_whatever_the_number():
    model = DeliveryFactory(recipients=1, scheduled=True)
    few = copies(model, 4)
    with_few = statements_of_a_tick()
    django_rq.get_connection("default").flushdb()

    many = copies(model, 25)

    assert statements_of_a_tick() <= with_few
    assert django_rq.get_queue(Queue.STEPS).job_ids[0] == "steps"
    jobs.take_steps()
    assert begun([*few, *many]) == 29


def test_one_that_is_due_is_begun_by_the_tick_itself():
    delivery = DeliveryFactory(recipients=1, scheduled=True)

    look.tick()

    assert status(delivery.pk) == Status.SENDING


def test_a_job_that_was_lost_is_asked_for_again():
    many = copies(DeliveryFactory(recipients=1, scheduled=True), 9)
    look.tick()
    django_rq.get_connection("default").flushdb()

    look.tick()
    assert "steps" in django_rq.get_queue(Queue.STEPS).job_ids
    jobs.take_steps()

    assert begun(many) == 9


def test_a_job_that_nobody_takes_is_done_little_by_little_by_the_ticks():
    many = copies(DeliveryFactory(recipients=1, scheduled=True), 9)
    look.tick()
    assert begun(many) == 0

    look.tick()

    assert begun(many) > 0


def test_a_job_that_dies_half_way_is_carried_on_by_the_next(monkeypatch):
    class Killed(BaseException):
        pass

    many = copies(DeliveryFactory(recipients=1, scheduled=True), 9)
    begin = gate.begin_many

    def die_at_the_third(delivery_ids: list[int]) -> int:
        if begun(many) == 5:
            raise Killed
        return begin(delivery_ids)

    monkeypatch.setattr(look, "BEGUN_AT_ONCE", 3)
    monkeypatch.setattr(gate, "begin_many", die_at_the_third)
    with pytest.raises(Killed):
        jobs.take_steps()
    monkeypatch.undo()
    assert begun(many) == 5

    look.tick()
    assert "steps" in django_rq.get_queue(Queue.STEPS).job_ids
    jobs.take_steps()

    assert begun(many) == 9


def test_a_job_that_runs_twice_begins_each_once():
    many = copies(DeliveryFactory(recipients=1, scheduled=True), 5)

    jobs.take_steps()
    jobs.take_steps()

    steps = Delivery.objects.get(pk=many[0]).history.filter(step="begin")
    assert (begun(many), steps.count()) == (5, 1)


def test_one_that_cannot_begin_keeps_no_other_from_beginning(caplog):
    many = copies(DeliveryFactory(recipients=1, scheduled=True), 5)
    execute("SET session_replication_role = replica")
    execute("DELETE FROM deliveries_confirmation WHERE delivery_id = %s", many[2])
    execute("SET session_replication_role = DEFAULT")

    jobs.take_steps()

    assert begun(many) == 4
    assert f"could not see to delivery {many[2]}" in caplog.text


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("see_to", [look.tick, jobs.take_steps])
def test_a_locked_delivery_delays_nobody_and_is_seen_next_time(see_to):
    first, second = (DeliveryFactory(recipients=1, scheduled=True) for _ in range(2))

    with locked(first.pk):
        see_to()
        assert (status(first.pk), status(second.pk)) == (Status.SCHEDULED, Status.SENDING)
    see_to()

    assert status(first.pk) == Status.SENDING


@pytest.mark.django_db(transaction=True)
def test_a_locked_chunk_delays_nobody():
    stuck, other = (DeliveryFactory(recipients=1, sending=True) for _ in range(2))
    for each in (stuck, other):
        execute(
            "UPDATE deliveries_chunk SET token = 1, handed_upto = seq_to, lease_until = now() - interval '1 second'"
            " WHERE delivery_id = %s",
            each.pk,
        )

    with psycopg.connect(database_url()) as holder:
        holder.execute("SELECT 1 FROM deliveries_chunk WHERE delivery_id = %s FOR UPDATE", [stuck.pk])
        look.tick()
        assert Message.objects.get(delivery=other).status == 4
        holder.rollback()
    look.tick()

    assert Message.objects.get(delivery=stuck).status == 4


def test_no_index_of_a_chunk_stands_on_what_an_exchange_writes():
    written = (
        "lease_until",
        "lease_by",
        "handed_upto",
        "sent",
        "failed",
        "retrying",
        "in_doubt",
        "ignored",
        "unsent",
    )

    indexes = [
        row[0] for row in execute("SELECT indexdef FROM pg_indexes WHERE tablename = 'deliveries_chunk'")
    ]

    assert indexes
    assert not [each for each in indexes for name in written if f"{name}" in each.partition("USING")[2]]


# -- many that are due at once -----------------------------------------------------------------------------


def test_many_that_are_due_begin_in_as_many_statements_as_few():
    few = [DeliveryFactory(recipients=1, scheduled=True).pk for _ in range(2)]
    many = [DeliveryFactory(recipients=1, scheduled=True).pk for _ in range(8)]

    with CaptureQueriesContext(connection) as of_few:
        assert gate.begin_many(few) == 2
    with CaptureQueriesContext(connection) as of_many:
        assert gate.begin_many(many) == 8

    assert len(of_many) == len(of_few)
    assert {status(pk) for pk in few + many} == {Status.SENDING}


def test_each_of_many_that_begin_has_its_trail():
    delivery = DeliveryFactory(recipients=1, scheduled=True)

    gate.begin_many([delivery.pk])

    delivery.refresh_from_db()
    change = delivery.history.order_by("-pk").first()
    assert (change.step, change.old, change.new, change.by) == ("begin", "scheduled", "sending", None)
    assert delivery.started_at is not None
    assert delivery.log.filter(text="Sending begins").count() == 1


def test_of_many_those_begin_that_are_due_and_free_of_a_stop():
    due = DeliveryFactory(recipients=1, scheduled=True)
    later = DeliveryFactory(recipients=1, scheduled=True)
    held = DeliveryFactory(recipients=1, scheduled=True, unit=UnitFactory(parent=due.unit))
    execute("UPDATE deliveries_delivery SET schedule_kind = 'at_date', contact_date = %s WHERE id = %s",
            clock.now() + timedelta(hours=1), later.pk)  # fmt: skip
    Halt.objects.create(unit=held.unit, by=person("start", held.unit), at=clock.now(), reason="Wait")

    assert gate.begin_many([due.pk, later.pk, held.pk]) == 1

    assert (status(due.pk), status(later.pk), status(held.pk)) == (
        Status.SENDING,
        Status.SCHEDULED,
        Status.SCHEDULED,
    )


def test_one_of_many_that_can_not_begin_keeps_no_other_from_it(monkeypatch):
    sound, broken = (DeliveryFactory(recipients=1, scheduled=True) for _ in range(2))
    real = steps.check

    def break_one(delivery, *args, **more):
        if delivery.pk == broken.pk:
            raise ValueError("broken")
        return real(delivery, *args, **more)

    monkeypatch.setattr(steps, "check", break_one)

    look.take_steps()

    assert (status(sound.pk), status(broken.pk)) == (Status.SENDING, Status.SCHEDULED)
