"""Nothing leaves early and little leaves late, whatever happens to clock, cron, queue and workers at the gate."""

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date, time, timedelta

import django_rq
import pytest
from django.db import connection
from django.utils import timezone

from accounts.roles import root
from accounts.tests.factories import UserFactory
from campaign.lib import clock
from campaign.lib.jobs import Queue, workers_alive
from campaign.tests.waiting import wait_until
from deliveries import jobs
from deliveries.ledger import books
from deliveries.models import Chunk, Instance, Message, MessageStatus, Moment, Status
from deliveries.operations import instances
from deliveries.sending import control, waking
from deliveries.sending.control import waves
from deliveries.sending.tests.waves import at_time, gates, in_waves, refuse_first_of_wave
from deliveries.sending.wave_gate import HELD
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.schedules import ZONES, at_nine
from deliveries.tests.sends import send
from deliveries.tests.workers import kill_with_children, manage, sent, worker

pytestmark = pytest.mark.django_db(transaction=True)

SECOND = timedelta(seconds=1)


def early(delivery):
    """Rows whose outcome is older than their own gate."""
    found = []
    for chunk in Chunk.objects.filter(delivery=delivery):
        rows = Message.objects.filter(delivery=delivery, seq__range=(chunk.seq_from, chunk.seq_to))
        found += [row.seq for row in rows.exclude(status=MessageStatus.PREPARED) if row.at < chunk.not_before]
    return found


def late(delivery):
    """How many seconds after its time the first message of each moment that began was answered for."""
    rows = Moment.objects.filter(delivery=delivery, first_left_at__isnull=False).order_by("number")
    return [(row.first_left_at - row.not_before).total_seconds() for row in rows]


def let_clock_show(moment):
    clock.set_offset(timedelta())
    clock.set_offset(moment - clock.now())


@pytest.fixture(autouse=True)
def true_clock_again():
    yield
    clock.set_offset(timedelta())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_at_whatever_moments_anybody_looks_only_who_is_due_has_been_written_to(relay, settings, seed):
    settings.SINETE = settings.SINETE | {"chunk_rows": 3, "lane_seconds": 2}
    delivery = at_nine(*random.Random(seed).sample(ZONES, 9), "", day=date(2030, 3, 31), scheduled=True)
    first, last = gates(delivery)[0], max(gates(delivery))
    dice = random.Random(seed)
    looks = sorted(first + (last - first) * dice.uniform(-0.05, 1) for _look in range(8))

    for moment in [*looks, last + SECOND]:
        let_clock_show(moment)
        send(delivery)
        send(delivery)
        now = clock.now()
        chunks = Chunk.objects.filter(delivery=delivery)
        due = sum(c.seq_to - c.seq_from + 1 for c in chunks if c.not_before <= now - 10 * SECOND)
        assert early(delivery) == []
        assert len(relay.recipients()) >= due

    assert delivery.status == Status.FINISHED
    assert len(relay.recipients()) == 20
    assert books.imbalance(delivery) == {}


def test_an_hour_that_clocks_skip_and_one_that_they_show_twice_are_sent_once_each(relay):
    delivery = at_nine(
        "Europe/Paris", "America/New_York", "Asia/Tokyo", day=date(2030, 3, 31), local_hour=time(2, 30),
        scheduled=True,
    )  # fmt: skip

    for moment in sorted(gates(delivery)):
        let_clock_show(moment - timedelta(seconds=20))
        send(delivery)
        before = len(relay.recipients())
        let_clock_show(moment + SECOND)
        send(delivery)
        assert len(relay.recipients()) == before + 2

    assert delivery.status == Status.FINISHED
    assert early(delivery) == []


def test_a_clock_that_is_set_back_sends_nobody_twice_and_nobody_early(relay):
    delivery = in_waves(scheduled=True)
    second = gates(delivery)[1]

    for moment in (
        second + SECOND,
        second - timedelta(minutes=30),
        second - timedelta(days=2),
        second + SECOND,
    ):
        let_clock_show(moment)
        send(delivery)

    received = relay.recipients()
    assert len(received) == len(set(received))
    assert len(received) <= 8


@pytest.mark.parametrize("waves", [False, True])
def test_a_job_run_by_hand_and_two_ticks_at_once_open_nothing(relay, waves):
    delivery = (
        in_waves(scheduled=True) if waves else at_nine("Asia/Tokyo", "America/Sao_Paulo", scheduled=True)
    )
    let_clock_show(gates(delivery)[0] + SECOND)
    send(delivery)
    let_clock_show(gates(delivery)[1] - 20 * SECOND)
    before = len(relay.recipients())

    for _again in range(2):
        jobs.tick()
        waking.wake_lanes(delivery.pk)
        jobs.drain(delivery_id=delivery.pk)

    assert len(relay.recipients()) == before


def test_two_ticks_and_four_lanes_at_once_at_a_wave_that_must_be_held_let_nobody_through(relay, settings):
    settings.SINETE = settings.SINETE | {"chunk_rows": 2}
    delivery = in_waves(scheduled=True)
    refuse_first_of_wave(relay, delivery, 1)
    send(delivery)
    let_clock_show(gates(delivery)[1] + SECOND)

    at_once(jobs.tick, jobs.tick, *[lambda: jobs.drain(delivery_id=delivery.pk)] * 4)

    assert waves.held(delivery).number == 2
    assert len(relay.recipients()) == 2
    assert [line.text for line in delivery.log.all()].count(HELD) == 1


def test_two_ticks_and_four_lanes_at_once_send_each_of_a_wave_once(relay, settings):
    settings.SINETE = settings.SINETE | {"chunk_rows": 2}
    delivery = in_waves(scheduled=True, recipients=30)
    send(delivery)
    let_clock_show(gates(delivery)[1] + SECOND)

    at_once(jobs.tick, jobs.tick, *[lambda: jobs.drain(delivery_id=delivery.pk)] * 4)

    received = relay.recipients()
    assert len(received) == len(set(received)) == 20
    assert early(delivery) == []


def at_once(*calls):
    """Each in a thread with a connection of its own."""

    def run(call):
        try:
            call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        list(pool.map(run, calls))


def test_a_chunk_whose_gate_was_opened_by_hand_in_the_table_still_waits_for_its_moment(relay):
    delivery = at_nine("Asia/Tokyo", "America/Sao_Paulo", scheduled=True)
    let_clock_show(gates(delivery)[0] - timedelta(hours=1))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE deliveries_moment SET opened_at = sinete_clock() WHERE delivery_id = %s", [delivery.pk]
        )

    send(delivery)

    assert relay.recipients() == []


def everything_runs():
    """The workers listen, and a tick came through just now, by the beat's own clock, which nobody shifts."""
    beats = Instance.objects.filter(beat_at__gt=timezone.now() - 8 * SECOND).exists()
    return beats and workers_alive(Queue.SEND) == 2


def test_with_an_idle_worker_the_first_message_of_each_moment_leaves_within_a_second(relay):
    delivery = at_nine("Asia/Tokyo", "America/Sao_Paulo", scheduled=True)

    with worker("tick"), worker("send"), worker("send"), manage("cron"):
        let_clock_show(gates(delivery)[0] - timedelta(hours=1))
        wait_until(everything_runs, "the workers are idle and the tick beats")
        for number, moment in enumerate(gates(delivery), start=1):
            let_clock_show(moment - 12 * SECOND)
            wait_until(lambda n=number: len(late(delivery)) == n, "the moment has begun")

    assert early(delivery) == []
    assert len(relay.recipients()) == 4
    assert max(late(delivery)) < 1


def test_workers_killed_and_the_queue_flushed_at_the_gate_send_nobody_early_and_nobody_twice(relay):
    relay.delay = 0.01
    delivery = in_waves(scheduled=True, recipients=90, wave_limit=None)
    let_clock_show(gates(delivery)[0] + SECOND)
    send(delivery)
    second = gates(delivery)[1]

    with ExitStack() as running:
        running.enter_context(worker("tick"))
        running.enter_context(manage("cron"))
        victim = running.enter_context(worker("send"))
        let_clock_show(second - 8 * SECOND)
        wait_until(lambda: clock.now() > second - 3 * SECOND, "the gate is near")
        kill_with_children(victim)
        django_rq.get_connection("default").flushdb()
        another = running.enter_context(worker("send"))
        wait_until(lambda: sent(delivery) > 35, "the second wave is under way")
        django_rq.get_connection("default").flushdb()
        kill_with_children(another)
        running.enter_context(worker("send"))
        wait_until(lambda: all(_done(delivery, 2)), "the second wave is through")

    received = relay.recipients()
    assert len(received) == len(set(received)) <= 60
    of_two_waves = Message.objects.filter(delivery=delivery, seq__lte=60)
    not_received = of_two_waves.exclude(address__in=received).values_list("status", flat=True)
    assert set(not_received) <= {MessageStatus.IN_DOUBT}
    assert early(delivery) == []


def _done(delivery, moment):
    return Chunk.objects.filter(delivery=delivery, moment=moment).values_list("done", flat=True)


def test_a_dated_delivery_has_no_moments_and_leaves_as_before(relay):
    at = clock.now() + timedelta(days=1)
    delivery = DeliveryFactory(scheduled=True, schedule_kind="at_date", contact_date=at)

    with at_time(at + SECOND):
        send(delivery)

    assert not Moment.objects.filter(delivery=delivery).exists()
    assert delivery.status == Status.FINISHED


def test_an_adopted_copy_leaves_what_is_gated_ahead_as_it_was(relay):
    delivery = at_nine("Asia/Tokyo", "America/Sao_Paulo", scheduled=True)
    let_clock_show(gates(delivery)[0] + SECOND)
    send(delivery)

    instances.adopt(by=UserFactory(roles={"administration": root()}), at=clock.now(), again=True)

    delivery.refresh_from_db()
    assert delivery.status == Status.PAUSED
    statuses = Message.objects.filter(delivery=delivery).order_by("seq").values_list("status", flat=True)
    assert list(statuses) == [1, 1, 0, 0]


def test_what_was_paused_for_longer_than_its_validity_never_leaves(relay):
    delivery = DeliveryFactory(paused=True, recipients=3, validity_hours=2)
    let_clock_show(clock.now() + timedelta(hours=3))

    control.resume(delivery=delivery, by=person("start", delivery.unit), at=clock.now())
    jobs.drain(delivery_id=delivery.pk)
    send(delivery)

    assert relay.recipients() == []
    rows = Message.objects.filter(delivery=delivery)
    assert set(rows.values_list("status", "reason")) == {(MessageStatus.FAILED, "expired")}
    assert delivery.status == Status.FINISHED
    assert books.imbalance(delivery) == {}
