"""One answer to how a delivery stands: words, colour and figures, in a flat number of queries."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from accounts.tests.factories import UnitFactory
from campaign.lib import clock
from deliveries.ledger.tallies import Progress, progress_of
from deliveries.models import Chunk, Delivery, Moment, ProviderLimit, ScheduleKind, Status, Try
from deliveries.overview import state
from deliveries.overview.facts import Ahead, Facts, Look
from deliveries.overview.phases import SENTENCES, TONES, phase_of
from deliveries.routing import routes
from deliveries.tests.factories import STAGES, DeliveryFactory
from deliveries.tests.halts import stop_all

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


def test_only_what_began_has_a_standing(db):
    ready, finished = DeliveryFactory(ready=True), DeliveryFactory(finished=True, recipients=4)

    found = progress_of([ready, finished])

    assert found == {finished.pk: Progress(done=4)}


def told(status, *, delivery=None, **facts):
    delivery = delivery or Delivery(pk=1, status=status, schedule_kind=ScheduleKind.AT_ONCE)
    return phase_of(Facts(delivery, Look(NOON), **facts))


@pytest.mark.parametrize(
    ("status", "facts", "words", "tone"),
    [
        ("draft", {}, "Editing", "grey"),
        ("preparing", {}, "Preparing", "grey"),
        ("preparation_failed", {}, "Preparation failed", "red"),
        ("awaiting_approval", {}, "Waiting for approval", "grey"),
        ("ready", {}, "Ready: waiting for confirmation", "grey"),
        ("scheduled", {}, "Starting", "blue"),
        ("active", {}, "Active", "blue"),
        ("suspended", {}, "Series paused", "yellow"),
        ("sending", {"progress": Progress(fresh=3)}, "Sending", "blue"),
        ("sending", {"progress": Progress(done=1, retrying=1, fresh=1)}, "Sending", "blue"),
        ("sending", {"progress": Progress(done=1, retrying=2)}, "Retrying 2", "blue"),
        (
            "sending",
            {"progress": Progress(retrying=2), "is_queueing": True},
            "2 queue for their mailbox provider",
            "blue",
        ),
        ("sending", {"held_wave": Moment(number=2)}, "Wave 2 is held", "yellow"),
        ("sending", {"ahead": Ahead(NOON, 3)}, "Sending, between two moments", "blue"),
        ("paused", {"progress": Progress(done=1, retrying=2)}, "Paused", "yellow"),
        ("finished", {"progress": Progress(done=3)}, "Finished", "green"),
        ("finished", {"progress": Progress(done=3, unknown=1)}, "Finished, 1 unknown", "yellow"),
        ("stopped", {"progress": Progress(done=3, cancelled=2)}, "Stopped", "red"),
        ("failed", {}, "Failed", "red"),
        ("expired", {}, "Expired", "red"),
    ],
)
def test_each_state_has_its_words_and_its_colour(status, facts, words, tone):
    found = told(status, **facts)

    assert (str(found.words), found.tone) == (words, tone)
    assert found.sentence is not None


@pytest.mark.parametrize("status", Status)
def test_no_status_is_without_a_colour_and_a_sentence(status):
    assert TONES[status] in {"grey", "blue", "yellow", "red", "green"}
    assert str(SENTENCES[status]).endswith(".")


def test_what_will_never_be_sent_is_counted():
    assert told("stopped", progress=Progress(cancelled=7)).sentence == "7 messages will never be sent."


def test_what_is_confirmed_for_later_says_when_it_leaves():
    delivery = Delivery(pk=1, status="scheduled", contact_date=NOON, time_zone="America/Sao_Paulo")

    found = told("scheduled", delivery=delivery)

    assert (str(found.words), found.code) == ("Scheduled", "scheduled")
    assert "1 Dec 2026, 09:00:00 America/Sao Paulo" in str(found.sentence)


@pytest.mark.django_db
class TestOfAPage:
    def test_settled_and_left_are_counted_once_it_has_begun(self):
        sending, ready = DeliveryFactory(sending=True, recipients=4), DeliveryFactory(ready=True)
        Chunk.objects.filter(delivery=sending).update(sent=1, retrying=2)

        state.annotate([sending, ready], at=clock.now())

        assert (sending.state.settled, sending.state.left) == (1, 3)
        assert (ready.state.settled, ready.state.left) == (0, 0)

    def test_a_relay_that_turned_us_away_holds_what_leaves_by_it(self):
        at = clock.now()
        sending, paused = DeliveryFactory(sending=True), DeliveryFactory(paused=True)
        routes.open_breaker(routes.default_route().pk, because="421 Busy", at=at)

        state.annotate([sending, paused], at=at)

        assert sending.state.words == "Sending waits for the relay"
        assert "421 Busy" in sending.state.held_by.text
        assert (str(paused.state.words), paused.state.held_by) == ("Paused", None)

    def test_those_whom_a_providers_limit_put_off_queue_and_are_not_called_refused(self):
        queueing, refused = (DeliveryFactory(sending=True, recipients=2) for _ in range(2))
        Chunk.objects.filter(delivery__in=[queueing, refused]).update(retrying=2, handed_upto=F("seq_to"))
        ProviderLimit.objects.create(
            route=routes.default_route(), name="Example", domains=["example.com"], limit_per_hour=60
        )
        for delivery, tries in ((queueing, 0), (refused, 1)):
            due = clock.now() + timedelta(minutes=1)
            Try.objects.create(delivery=delivery, seq=1, due_at=due, tries=tries)

        state.annotate([queueing, refused], at=clock.now())

        assert (queueing.state.code, refused.state.code) == ("queueing", "retrying")

    def test_it_is_worked_out_anew_once_the_status_is_another(self):
        delivery = DeliveryFactory(sending=True)
        state.annotate([delivery], at=clock.now())

        delivery.status = "paused"

        assert state.of(delivery).code == "paused"

    def test_the_next_moment_of_what_is_confirmed_is_its_date(self):
        at = clock.now() + timedelta(days=2)
        delivery = DeliveryFactory(scheduled=True, schedule_kind=ScheduleKind.AT_DATE, contact_date=at)

        assert state.of(delivery).next_moment == at

    def test_a_page_takes_the_same_queries_for_few_and_many_deliveries(self):
        def taken(each):
            pks = [DeliveryFactory(recipients=1, **{stage: True}).pk for stage in STAGES for _ in range(each)]
            rows = list(Delivery.objects.filter(pk__in=pks).select_related("unit", "preparation"))
            Chunk.objects.filter(delivery__status="sending").update(retrying=1, handed_upto=F("seq_to"))
            at = clock.now()
            with CaptureQueriesContext(connection) as context:
                state.annotate(rows, at=at)
            return len(context)

        stop_all(UnitFactory())

        assert taken(1) == taken(3) <= 10
