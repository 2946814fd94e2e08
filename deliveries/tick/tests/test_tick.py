"""The tick beside many deliveries: what it finds, what it leaves to a job, and that nobody holds up anybody."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import django_rq
import psycopg
import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from accounts.tests.factories import UnitFactory
from campaign.lib import clock
from campaign.lib.jobs import Queue
from campaign.tests.databases import database_url
from deliveries import jobs, queues
from deliveries.ledger import recovery
from deliveries.models import Chunk, Delivery, Halt, Message, ScheduleKind, Status
from deliveries.sending import control, exchange, gate, looks
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tick import look

pytestmark = pytest.mark.django_db

TABLES = ("delivery", "preparation", "confirmation", "chunk", "message")
BASE = 10_000_000


def execute(statement: str, *values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def copies(model: Delivery, number: int, *, of_delivery: str = "", of_chunk: str = "") -> list[int]:
    """The delivery so many times more, past all triggers; with these columns set in all of them."""
    first = max(BASE, *Delivery.objects.values_list("pk", flat=True)) + 1
    execute("SET session_replication_role = replica")
    for table in TABLES:
        names = [row[0] for row in execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_generated = 'NEVER'",
            f"deliveries_{table}")]  # fmt: skip
        mine = "id" if table == "delivery" else "delivery_id"
        new = {mine: "g", "id": "g", "key": "g", "preparation_id": "g"}
        values = ", ".join(new.get(name, f'x."{name}"') for name in names)
        into = ", ".join(f'"{name}"' for name in names)
        execute(
            f"INSERT INTO deliveries_{table} ({into}) SELECT {values} FROM deliveries_{table} x,"
            f" generate_series(%s::bigint, %s) g WHERE x.{mine} = %s",
            first, first + number - 1, model.pk,
        )  # fmt: skip
    for table, columns in (("delivery", of_delivery), ("chunk", of_chunk)):
        mine = "id" if table == "delivery" else "delivery_id"
        if columns:
            execute(f"UPDATE deliveries_{table} SET {columns} WHERE {mine} >= %s", first)
    execute("SET session_replication_role = DEFAULT")
    return list(range(first, first + number))


def statements_of_a_tick() -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        look.tick()
    return len(captured)


def status(pk: int) -> str:
    return Delivery.objects.values_list("status", flat=True).get(pk=pk)


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
        ("stopped", "ended_at = now() - interval '1 hour'", "done = true"),
        ("finished", "", ""),
    ],
)
def test_a_tick_asks_as_much_beside_25_deliveries_as_beside_one(stage, of_delivery, of_chunk):
    model = DeliveryFactory(recipients=1, **{stage: True})
    copies(model, 1, of_delivery=of_delivery, of_chunk=of_chunk)
    execute(f"UPDATE deliveries_chunk SET {of_chunk or 'done = done'} WHERE delivery_id = %s", model.pk)
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


# -- lanes ------------------------------------------------------------------------------------------------


def lanes_of(pks: list[int]) -> list[int]:
    """Whose lanes wait, in their order."""
    return [int(job_id.split("-")[1]) for job_id in queues.SEND.waiting_ids()]


def test_where_more_wait_than_the_queue_holds_each_has_its_turn(settings, monkeypatch):
    settings.SINETE = settings.SINETE | {"lanes": 1}
    monkeypatch.setattr(gate, "LANES_THAT_WAIT", 2)
    many = copies(DeliveryFactory(recipients=1, paused=True), 5, of_delivery="status = 'sending'")

    look.tick()
    first = lanes_of(many)
    django_rq.get_queue(Queue.SEND).empty()
    look.tick()

    assert len(set(first)) == 3
    assert {*first, *lanes_of(many)} == set(many)


def test_the_lanes_of_many_are_asked_for_in_turn_and_not_all_of_one_first(settings, monkeypatch):
    settings.SINETE = settings.SINETE | {"lanes": 4, "chunk_rows": 1}
    monkeypatch.setattr(gate, "workers_alive", lambda queue: 8)
    many = copies(DeliveryFactory(recipients=4, paused=True), 2, of_delivery="status = 'sending'")

    look.tick()

    assert lanes_of(many) == [*many, *many, *many, *many]


@pytest.mark.parametrize(
    "seconds", [3600, 2], ids=["for long", "for a moment: its lane would be turned away"]
)
def test_no_lane_is_woken_for_a_route_that_rests(seconds):
    delivery = DeliveryFactory(recipients=1, sending=True)
    look.tick()
    django_rq.get_queue(Queue.SEND).empty()
    gate.routes.default_route()
    execute("UPDATE deliveries_route SET closed_until = now() + make_interval(secs => %s)", seconds)

    look.tick()

    assert lanes_of([delivery.pk]) == []


# -- the end ----------------------------------------------------------------------------------------------


def all_sent(delivery: Delivery) -> None:
    execute("UPDATE deliveries_message SET status = 1, tries = 1 WHERE delivery_id = %s", delivery.pk)
    execute(
        "UPDATE deliveries_chunk SET handed_upto = seq_to, sent = seq_to - seq_from + 1, done = true"
        " WHERE delivery_id = %s",
        delivery.pk,
    )


def test_what_moves_between_the_count_and_the_step_is_counted_again(monkeypatch):
    delivery = DeliveryFactory(recipients=3, sending=True)
    all_sent(delivery)
    count = recovery.books

    def count_and_then_a_bounce_comes(of: Delivery) -> recovery.Books:
        counted = count(of)
        execute("UPDATE deliveries_message SET status = 2 WHERE delivery_id = %s AND seq = 1", of.pk)
        execute(
            "UPDATE deliveries_chunk SET sent = sent - 1, failed = failed + 1 WHERE delivery_id = %s", of.pk
        )
        return counted

    monkeypatch.setattr(recovery, "books", count_and_then_a_bounce_comes)
    assert not gate.finish_if_over(delivery.pk)
    monkeypatch.undo()

    look.tick()

    assert status(delivery.pk) == Status.FINISHED


def test_books_that_do_not_balance_are_told_of_and_not_counted_each_second(caplog):
    delivery = DeliveryFactory(recipients=3, sending=True)
    all_sent(delivery)
    Chunk.objects.filter(delivery=delivery).update(sent=2, failed=1)

    look.tick()
    look.tick()
    assert caplog.text.count("books don't balance") == 1
    Chunk.objects.filter(delivery=delivery).update(sent=3, failed=0)
    gate.look_again(delivery.pk)
    look.tick()

    assert status(delivery.pk) == Status.FINISHED


def test_a_large_one_that_is_over_is_counted_by_a_job_of_its_own(work, monkeypatch):
    monkeypatch.setattr(looks, "LARGE", 2)
    delivery = DeliveryFactory(recipients=3, sending=True)
    all_sent(delivery)

    look.tick()

    assert status(delivery.pk) == Status.SENDING
    assert django_rq.get_queue(Queue.COUNTS).job_ids == [f"see-to-{delivery.pk}"]
    work()
    assert status(delivery.pk) == Status.FINISHED


def test_a_large_one_that_was_stopped_is_cancelled_by_a_job_of_its_own(work, monkeypatch):
    monkeypatch.setattr(looks, "LARGE", 2)
    delivery = DeliveryFactory(recipients=3, paused=True)
    with_rest = copies(delivery, 1, of_delivery="status = 'stopped', ended_at = now()")[0]

    look.tick()
    assert Chunk.objects.get(delivery=with_rest).cancelled == 0
    work()

    assert Chunk.objects.get(delivery=with_rest).cancelled == 3


def test_what_was_stopped_long_ago_and_never_gone_through_is_found_within_a_minute():
    delivery = DeliveryFactory(recipients=1, sending=True)
    with_rest = copies(delivery, 1, of_delivery="status = 'stopped', ended_at = now() - interval '30 days'")[
        0
    ]
    at = clock.now().replace(second=with_rest % 60, microsecond=0)

    found = looks.due(at, ahead=gate.AHEAD)

    assert with_rest in [one.delivery_id for one in found if one.due == looks.Due.STOPPED]


@pytest.mark.django_db(transaction=True)
def test_the_tick_goes_round_a_chunk_that_a_lane_has_locked(settings):
    settings.SINETE = settings.SINETE | {"chunk_rows": 2}
    delivery = DeliveryFactory(recipients=4, sending=True, validity_hours=1)
    execute(
        "UPDATE deliveries_delivery SET started_at = now() - interval '2 hours' WHERE id = %s", delivery.pk
    )
    execute(
        "UPDATE deliveries_chunk SET token = 1, lease_by = 'lane', lease_until = now() + interval '1 hour'"
        " WHERE delivery_id = %s AND number = 1",
        delivery.pk,
    )

    with psycopg.connect(**exchange.connection_parameters()) as lane:
        lane.execute(
            "SELECT 1 FROM deliveries_chunk WHERE delivery_id = %s AND number = 1 FOR UPDATE", [delivery.pk]
        )
        look.tick()
        expired = Message.objects.filter(delivery=delivery, reason="expired").values_list("seq", flat=True)
        of_the_free_chunk = sorted(expired)

    assert of_the_free_chunk == [3, 4]
    assert status(delivery.pk) == Status.SENDING


def in_a_thread(work: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


@pytest.mark.django_db(transaction=True)
def test_compute_stats_of_one_holds_up_no_other_and_no_pause_of_it():
    from accounts.tests.factories import UserFactory
    from reporting import statistics

    counted, other = (
        DeliveryFactory(recipients=1, sending=True),
        DeliveryFactory(recipients=1, scheduled=True),
    )
    run = statistics.ask(delivery=counted, by=UserFactory(is_superuser=True), at=clock.now())

    with psycopg.connect(database_url()) as slow:
        slow.execute("LOCK TABLE feedback_hit IN ACCESS EXCLUSIVE MODE")  # a count that takes its time
        counting = in_a_thread(lambda: statistics.compute(run_id=run.pk))
        while not execute(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'feedback_hit'"
        ):
            execute("SELECT pg_sleep(0.02)")
        look.tick()
        control.pause(delivery=counted, by=person("start", counted.unit), at=clock.now())
        assert (status(other.pk), status(counted.pk)) == (Status.SENDING, Status.PAUSED)
        assert counting.is_alive()
        slow.rollback()
    counting.join()

    run.refresh_from_db()
    assert not run.is_open


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
    real = gate.lifecycle.check

    def break_one(delivery, *args, **more):
        if delivery.pk == broken.pk:
            raise ValueError("broken")
        return real(delivery, *args, **more)

    monkeypatch.setattr(gate.lifecycle, "check", break_one)

    look.take_steps()

    assert (status(sound.pk), status(broken.pk)) == (Status.SENDING, Status.SCHEDULED)
