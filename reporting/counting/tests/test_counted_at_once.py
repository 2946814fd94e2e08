"""What readers do is counted in the transaction that stores it, and what comes of that is what a recount finds."""

import threading
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connections, transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.tests.factories import UserFactory
from campaign.lib import clock
from deliveries.ledger import bounces
from deliveries.ledger.bounces import Reported
from deliveries.models import Nature, Reason
from deliveries.tests.factories import DeliveryFactory
from feedback.agents import AgentKind
from feedback.hits import bringing_in, segments
from feedback.hits.arrivals import IncomingHit
from feedback.models import Hit, HitKind
from feedback.readers.signs import Signs
from feedback.tests.factories import CHROME, hit
from reporting.counting import statistics
from reporting.counting.behaviour import BEHAVIOUR, measured
from reporting.models import DeliveryStatistics, Fold
from reporting.tests.factories import delivery_with

OPEN, CLICK = HitKind.OPEN, HitKind.CLICK
HUMAN, UNSURE, MACHINE = AgentKind.HUMAN, AgentKind.UNSURE, AgentKind.MACHINE
TWO_LINKS = (
    '<p><a href="https://www.example.com/one">One</a> <a href="https://www.example.com/two">Two</a></p>'
)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, settings):
    settings.FEEDBACK_FOLDER = tmp_path / "feedback"


def arrives(delivery, kind, seq=1, link=None, agent=CHROME, **more):
    signs = Signs(agent, "198.51.100.0/24", "GET")
    return IncomingHit(delivery.key, seq, kind, link=link, signs=signs, **more)


def bring(*arrivals):
    """A web process wrote them down, and the worker of its host brings them in."""
    for arrival in arrivals:
        segments.append(arrival.as_line())
    bringing_in.bring_in()


def figures(delivery):
    counts = statistics.counts(delivery)
    return {name: getattr(counts, name) for name in BEHAVIOUR}


def off(delivery):
    """By how much the statistics differ from a recount, in figures and classes."""
    found = measured(delivery.pk)
    classes = {
        kind: {who: n for who, n in each.items() if any(n)} for kind, each in found.off_by["by_class"].items()
    }
    return {name: found.off_by[name] for name in BEHAVIOUR if found.off_by[name]} | {
        kind: each for kind, each in classes.items() if each
    }


def bounce(delivery, *seqs):
    with transaction.atomic():
        bounces.hold(delivery.pk, seqs)
        bounces.bounce(
            delivery.pk, [Reported(seq, clock.now(), Nature.HARD, Reason.USER_UNKNOWN) for seq in seqs]
        )


def take_back(delivery, *seqs):
    with transaction.atomic():
        bounces.hold(delivery.pk, seqs)
        bounces.take_back(delivery.pk, seqs)


@pytest.mark.django_db
def test_opens_and_clicks_show_as_soon_as_they_are_brought_in(three_sent):
    bring(arrives(three_sent, OPEN), arrives(three_sent, OPEN), arrives(three_sent, CLICK, 2, link=0))

    assert figures(three_sent) == {
        "opens": 3, "openers": 2, "clicks": 1, "clickers": 1, "mirror_views": 0, "unsubscribers": 0,
    }  # fmt: skip
    assert off(three_sent) == {}
    assert not Fold.objects.exists()


@pytest.mark.django_db
def test_what_is_brought_in_twice_counts_once():
    delivery = delivery_with(sent=1)
    once = arrives(delivery, OPEN)

    bring(once)
    bring(once, arrives(delivery, OPEN), once)

    assert figures(delivery)["opens"] == 2


@pytest.mark.django_db
def test_whoever_is_found_to_be_a_machine_by_a_later_hit_counts_no_more():
    delivery = DeliveryFactory(finished=True, content={"html": TWO_LINKS})
    bring(arrives(delivery, OPEN), arrives(delivery, CLICK, link=0))
    assert (figures(delivery)["openers"], figures(delivery)["clicks"]) == (1, 1)

    bring(arrives(delivery, CLICK, link=1))

    assert set(Hit.objects.values_list("agent_kind", flat=True)) == {MACHINE}
    assert not any(figures(delivery).values())
    assert off(delivery) == {}


@pytest.mark.django_db
def test_who_bounced_takes_what_they_did_along_and_brings_it_back(two_sent):
    bring(arrives(two_sent, OPEN, 1), arrives(two_sent, CLICK, 2, link=0))

    bounce(two_sent, 1, 2)
    assert not any(figures(two_sent).values())

    take_back(two_sent, 2)
    assert (figures(two_sent)["openers"], figures(two_sent)["clicks"]) == (1, 1)
    assert off(two_sent) == {}


@pytest.mark.django_db
def test_a_hit_that_proves_its_message_arrived_counts_with_it():
    delivery = delivery_with(sent=1, in_doubt=1)

    bring(arrives(delivery, OPEN, 2))

    assert (figures(delivery)["openers"], statistics.counts(delivery).delivered) == (1, 2)
    assert off(delivery) == {}


@pytest.mark.django_db
def test_a_recount_adds_what_was_off_and_keeps_what_came_while_it_counted(three_sent):
    hit(three_sent, OPEN, 1)
    DeliveryStatistics.objects.update(opens=9, openers=0)

    found = measured(three_sent.pk)
    hit(three_sent, OPEN, 2)
    statistics.correct(three_sent.pk, found, clock.now())

    assert (figures(three_sent)["opens"], figures(three_sent)["openers"]) == (2, 2)


@pytest.mark.django_db
def test_of_two_recounts_at_a_time_one_puts_right_what_both_found(three_sent):
    hit(three_sent, OPEN, 1)
    DeliveryStatistics.objects.update(opens=9, openers=0, folded_at=clock.now())

    both = [measured(three_sent.pk) for _number in range(2)]
    done = [statistics.correct(three_sent.pk, found, clock.now()) for found in both]

    assert done == [True, False]
    assert off(three_sent) == {}


@pytest.mark.django_db
def test_the_hourly_count_says_how_many_it_put_right():
    right, wrong = delivery_with(sent=1), delivery_with(sent=1)
    hit(right, OPEN, 1)
    hit(wrong, OPEN, 1)
    DeliveryStatistics.objects.filter(delivery=wrong).update(clicks=4)

    statistics.count_hourly()

    assert (Fold.objects.get().deliveries, Fold.objects.get().repaired) == (2, 1)
    assert figures(wrong)["clicks"] == 0


@pytest.mark.django_db
def test_a_count_that_is_far_off_refuses_no_hit(two_sent):
    bring(arrives(two_sent, OPEN, 1))
    DeliveryStatistics.objects.update(opens=0, openers=0)

    bounce(two_sent, 1)
    bring(arrives(two_sent, OPEN, 2))

    assert Hit.objects.count() == 2
    assert off(two_sent) == {}


@pytest.mark.django_db(transaction=True)
def test_two_that_bring_hits_of_one_person_at_a_time_count_that_person_once():
    delivery = DeliveryFactory(finished=True, recipients=1)
    both_wrote = threading.Barrier(2)

    def one_host() -> None:
        try:
            for _number in range(10):
                both_wrote.wait()
                bringing_in.take(arrives(delivery, OPEN))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one_host) for _number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (figures(delivery)["opens"], figures(delivery)["openers"]) == (20, 1)
    assert off(delivery) == {}


SEQS = st.integers(1, 4)
HIT = st.tuples(st.integers(0, 30), SEQS, st.sampled_from(list(HitKind)), st.sampled_from(list(AgentKind)))
STEP = st.one_of(
    st.tuples(st.just("hits"), st.lists(HIT, max_size=6)),
    st.tuples(
        st.just("classes"),
        st.tuples(SEQS, st.sampled_from(list(AgentKind)), st.sampled_from(list(AgentKind))),
    ),
    st.tuples(st.just("bounce"), SEQS),
    st.tuples(st.just("take_back"), SEQS),
    st.tuples(st.just("gone"), SEQS),
    st.tuples(st.just("recount"), st.none()),
)


@pytest.mark.django_db
def test_increments_are_what_a_recount_finds_in_whatever_order_things_happen():
    delivery = delivery_with(sent=3, failed=1)
    by = UserFactory(is_superuser=True)

    @given(st.lists(STEP, max_size=12))
    @hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    def holds(steps):
        with transaction.atomic():
            for what, how in steps:
                take(what, how)
                assert off(delivery) == {}
            transaction.set_rollback(True)

    def take(what, how):
        match what, how:
            case "hits", hits:
                # Their number is their id: a repeat is the same hit once more.
                Hit.objects.bulk_create([made(delivery, *each) for each in hits], ignore_conflicts=True)
            case "classes", (seq, was, becomes):
                Hit.objects.filter(delivery=delivery, seq=seq, agent_kind=was).update(agent_kind=becomes)
            case "bounce", seq:
                bounce(delivery, seq)
            case "take_back", seq:
                take_back(delivery, seq)
            case "gone", seq:
                Hit.objects.filter(delivery=delivery, seq=seq).delete()
            case "recount", _nothing:
                run = statistics.ask(delivery=delivery, by=by, at=clock.now())
                assert statistics.compute(run_id=run.pk).difference == {}

    holds()


FIRST = IncomingHit(1, 1, OPEN).id.int >> 16 << 16


def made(delivery, number, seq, kind, who):
    link = 0 if kind == CLICK else None
    at = clock.now() - timedelta(minutes=number)
    return Hit(
        delivery_id=delivery.pk,
        id=UUID(int=FIRST + number),
        seq=seq,
        kind=kind,
        link=link,
        agent_kind=who,
        at=at,
    )
