from datetime import UTC, datetime, timedelta

import pytest
from django_rq import get_connection

from accounts.access import NotAllowed
from accounts.models import AuditEvent
from accounts.tests.factories import UnitFactory, UserFactory
from campaign.lib import clock
from campaign.stack.module_db import once
from deliveries.models import Chunk, Delivery, Message, MessageStatus
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.ledger_rows import no_trigger
from feedback.agents import AgentKind
from feedback.models import HitKind
from feedback.tests.factories import hit
from reporting import jobs
from reporting.counting import statistics
from reporting.counting.behaviour import BEHAVIOUR
from reporting.models import DeliveryStatistics, Fold, StatisticsRun
from reporting.tests.factories import delivery_with, falsify

pytestmark = pytest.mark.django_db


@once
def four_sent():
    return delivery_with(sent=4)


@once
def one_sent():
    return delivery_with(sent=1)


@once
def one_sent_one_failed():
    return delivery_with(sent=1, failed=1)


OPEN, CLICK, MIRROR, UNSUBSCRIBE = HitKind.OPEN, HitKind.CLICK, HitKind.MIRROR, HitKind.UNSUBSCRIBE


@pytest.fixture
def marketer():
    return UserFactory(is_superuser=True)


def behaviour(delivery):
    counts = statistics.counts(delivery)
    return {name: getattr(counts, name) for name in BEHAVIOUR}


def compute(delivery, by):
    run = statistics.ask(delivery=delivery, by=by, at=clock.now())
    return statistics.compute(run_id=run.pk)


def test_people_are_counted_once_and_hits_each_time():
    delivery = delivery_with(sent=5)
    for kind, seq in [(OPEN, 1), (OPEN, 1), (OPEN, 2), (CLICK, 2), (CLICK, 2)]:
        hit(delivery, kind, seq)

    statistics.count_hourly()

    assert behaviour(delivery) == {
        "opens": 3, "openers": 2, "clicks": 2, "clickers": 1, "mirror_views": 0, "unsubscribers": 0,
    }  # fmt: skip


@pytest.mark.parametrize("kind", [CLICK, MIRROR, UNSUBSCRIBE])
def test_whoever_reacted_has_opened(kind, two_sent):
    hit(two_sent, kind, 1)

    statistics.count_hourly()

    assert (behaviour(two_sent)["opens"], behaviour(two_sent)["openers"]) == (1, 1)


def test_machines_are_not_people_but_whoever_is_unsure_may_be_and_all_are_told_apart(four_sent):
    for kind, seq, whose in [
        (OPEN, 1, AgentKind.MACHINE), (CLICK, 1, AgentKind.MACHINE), (CLICK, 1, AgentKind.MACHINE),
        (OPEN, 2, AgentKind.UNSURE), (OPEN, 2, AgentKind.HUMAN), (OPEN, 3, AgentKind.UNSURE), (CLICK, 4, AgentKind.HUMAN),
    ]:  # fmt: skip
        hit(four_sent, kind, seq, agent_kind=whose)

    statistics.count_hourly()

    assert behaviour(four_sent) == {
        "opens": 4, "openers": 3, "clicks": 1, "clickers": 1, "mirror_views": 0, "unsubscribers": 0,
    }  # fmt: skip
    told = {
        row.kind: {code: (hits, messages) for code, _name, hits, messages in row.cells}
        for row in statistics.by_class(four_sent.pk)
    }
    assert told["open"] == {"human": (1, 1), "unsure": (2, 2), "machine": (1, 1)}
    assert told["click"] == {"human": (1, 1), "unsure": (0, 0), "machine": (2, 1)}


def test_who_did_not_get_it_did_not_open_it(one_sent_one_failed):
    hit(one_sent_one_failed, OPEN, 2)

    statistics.count_hourly()

    assert behaviour(one_sent_one_failed)["openers"] == 0


def test_folding_twice_gives_the_same(three_sent):
    hit(three_sent, CLICK, 1)
    statistics.count_hourly()
    once = behaviour(three_sent)

    statistics.count_hourly()

    assert behaviour(three_sent) == once
    assert DeliveryStatistics.objects.count() == 1


def test_only_what_had_hits_since_is_counted_again():
    quiet, busy = delivery_with(sent=1), delivery_with(sent=1)
    hit(quiet, OPEN, 1)
    statistics.count_hourly()
    later = clock.now() + timedelta(hours=1)
    hit(busy, OPEN, 1, stored_at=later - timedelta(minutes=1))
    Fold.objects.update(at=later - timedelta(minutes=30))

    assert statistics.count_hourly(later) == 1


def test_a_hit_that_waited_in_the_spool_is_counted_when_it_comes(one_sent):
    statistics.count_hourly()
    hit(one_sent, OPEN, 1, at=clock.now() - timedelta(days=2))

    statistics.count_hourly()

    assert behaviour(one_sent)["openers"] == 1


def test_the_hourly_job_runs_without_any_hit():
    jobs.fold()

    assert Fold.objects.get().deliveries == 0


def test_the_next_time_is_on_the_hour():
    at = datetime(2026, 11, 23, 14, 20, tzinfo=UTC)
    Fold.objects.create(at=at, deliveries=0)

    delivery = Delivery(pk=1, started_at=at - timedelta(minutes=1))
    assert statistics.last_and_next(delivery, at) == (at, datetime(2026, 11, 23, 15, tzinfo=UTC))


def test_an_hourly_count_before_the_delivery_began_is_not_its_last():
    began = clock.now()
    Fold.objects.create(at=began - timedelta(minutes=5), deliveries=0)

    assert statistics.last_and_next(Delivery(pk=1, started_at=began), began)[0] is None


def test_compute_stats_is_the_last_count_too(marketer, one_sent):
    run = compute(one_sent, marketer)

    assert statistics.last_and_next(one_sent, clock.now())[0] == run.ended_at


def test_compute_stats_repairs_a_tally_and_shows_old_new_and_difference(marketer):
    delivery = delivery_with(sent=6, failed=2)
    falsify(delivery, sent=3, failed=5)

    run = compute(delivery, marketer)

    assert (run.old["delivered"], run.new["delivered"], run.difference["delivered"]) == (3, 6, 3)
    assert (run.old["failed"], run.new["failed"], run.difference["failed"]) == (5, 2, -3)
    assert run.chunks_repaired == 1
    chunk = Chunk.objects.get(delivery=delivery)
    assert (chunk.sent, chunk.failed) == (6, 2)


def test_compute_stats_repairs_opens_and_clicks(marketer, three_sent):
    hit(three_sent, CLICK, 1)
    statistics.count_hourly()
    DeliveryStatistics.objects.update(openers=99, clicks=0)

    run = compute(three_sent, marketer)

    assert run.difference == {"openers": -98, "clicks": 1}
    assert behaviour(three_sent)["openers"] == 1


def test_compute_stats_again_finds_nothing_more(marketer):
    delivery = delivery_with(sent=2, failed=1, in_doubt=1)
    falsify(delivery, sent=0)
    compute(delivery, marketer)

    again = compute(delivery, marketer)

    assert (again.difference, again.chunks_repaired) == ({}, 0)


def test_errors_that_cancel_out_between_chunks_are_repaired_too(marketer, settings):
    settings.SINETE = settings.SINETE | {"chunk_rows": 2}
    delivery = delivery_with(sent=4)
    Chunk.objects.filter(delivery=delivery, number=1).update(sent=1)
    Chunk.objects.filter(delivery=delivery, number=2).update(sent=3)

    run = compute(delivery, marketer)

    assert (run.difference, run.chunks_repaired) == ({}, 2)


def test_a_run_is_carried_out_once(marketer, two_sent):
    run = compute(two_sent, marketer)
    falsify(two_sent, sent=0)

    statistics.compute(run_id=run.pk)

    assert Chunk.objects.get(delivery=two_sent).sent == 0


def test_asking_twice_queues_one_recount(marketer, one_sent):
    first = statistics.ask(delivery=one_sent, by=marketer, at=clock.now())
    second = statistics.ask(delivery=one_sent, by=marketer, at=clock.now())

    assert first == second
    assert AuditEvent.objects.filter(action="compute_stats").count() == 1


def test_a_recount_whose_job_was_lost_is_queued_again_when_asked_for(marketer, work, one_sent):
    run = statistics.ask(delivery=one_sent, by=marketer, at=clock.now() - timedelta(hours=1))
    get_connection("default").flushdb()

    statistics.ask(delivery=one_sent, by=marketer, at=clock.now())
    work()

    run.refresh_from_db()
    assert run.status == StatisticsRun.Status.DONE


def test_whoever_may_not_see_the_delivery_may_not_recount_it():
    delivery = DeliveryFactory(unit=UnitFactory())
    stranger = UserFactory(roles={"prepare": UnitFactory()})

    with pytest.raises(NotAllowed):
        statistics.ask(delivery=delivery, by=stranger, at=clock.now())

    assert not StatisticsRun.objects.exists()


def test_live_counts_come_from_the_tallies():
    delivery = delivery_with(sending=True, recipients=9, sent=3, failed=2, retrying=1, in_doubt=1)

    counts = statistics.counts(delivery)

    assert (counts.to_deliver, counts.sent, counts.delivered, counts.failed) == (9, 5, 3, 2)
    assert (counts.prepared, counts.retrying, counts.in_doubt) == (2, 1, 1)


def test_what_failed_before_any_server_is_outside_of_what_was_sent():
    delivery = delivery_with(sent=2, failed=2)
    Message.objects.filter(delivery=delivery, seq=4).update(tries=0, code=None, reason="content")

    counts = statistics.counts(delivery)

    assert (counts.sent, counts.delivered, counts.failed, counts.unsent) == (3, 2, 1, 1)
    assert counts.prepared == 0


def test_what_bounced_later_is_sent_and_not_delivered():
    delivery = delivery_with(sent=2, failed=1, bounced=3)

    counts = statistics.counts(delivery)

    assert (counts.sent, counts.delivered, counts.failed, counts.prepared) == (6, 2, 4, 0)


def test_a_recount_repairs_the_tally_of_what_reached_no_server(marketer, one_sent_one_failed):
    with no_trigger("keep_tallies"):
        Message.objects.filter(delivery=one_sent_one_failed, seq=2).update(tries=0)

    run = compute(one_sent_one_failed, marketer)

    assert run.difference == {"sent": -1, "failed": -1, "unsent": 1}


def test_tallies_agree_with_the_rows_after_a_recount_of_every_status(marketer):
    delivery = delivery_with(sent=1, failed=2, in_doubt=3, ignored=4, cancelled=5)
    falsify(delivery, sent=9, failed=9, in_doubt=9, ignored=9, cancelled=9, retrying=9)

    run = compute(delivery, marketer)

    for name, status in (
        ("delivered", MessageStatus.SENT), ("failed", MessageStatus.FAILED), ("in_doubt", MessageStatus.IN_DOUBT),
        ("ignored", MessageStatus.IGNORED), ("cancelled", MessageStatus.CANCELLED),
    ):  # fmt: skip
        assert run.new[name] == Message.objects.filter(delivery=delivery, status=status).count()
