"""Moments that come late, too close, or while the series is paused: a run leaves at once, or is left out and it is said."""

from datetime import timedelta

import pytest

from campaign.lib import clock
from deliveries import jobs
from deliveries.confirmation import decisions as confirmation
from deliveries.models import Occurrence, Overlap
from deliveries.sending import control
from deliveries.tests.factories import person
from deliveries.tests.series import DAY, go_to, next_of, runs, send_all, series_of, work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("real_time_again")]


def test_confirmed_late_but_in_time_it_leaves_at_once(relay):
    series = series_of()
    moment = next_of(series)
    go_to(moment - timedelta(minutes=30))
    work()
    (run,) = runs(series)

    go_to(moment + timedelta(hours=5))
    confirmation.confirm(delivery=run, seal=run.seal, by=person("start", run.unit), at=clock.now())
    work()
    send_all()

    assert len(relay.recipients()) == 2


def test_moments_missed_while_everything_stood_still_are_left_out_and_said_so(relay):
    series = series_of(request_confirmation=False, late_minutes=60)
    moment = next_of(series)

    go_to(moment + 3 * DAY + timedelta(minutes=30))
    work()
    go_to(moment + 3 * DAY + timedelta(minutes=40))
    send_all()

    rows = list(Occurrence.objects.order_by("moment").values_list("skipped", flat=True))
    assert rows == ["late", "late", "late", ""]
    assert len(relay.recipients()) == 2  # the fourth was late by less than an hour
    assert series.log.filter(text__contains="is left out").count() == 3


def test_a_released_run_that_could_not_begin_for_too_long_is_left_out(relay):
    series = series_of(request_confirmation=False, late_minutes=60)
    moment = next_of(series)
    go_to(moment - timedelta(minutes=30))
    work()

    go_to(moment + timedelta(minutes=61))

    assert (runs(series)[0].status, Occurrence.objects.earliest("moment").skipped) == ("expired", "late")
    send_all()
    assert relay.recipients() == []


@pytest.mark.parametrize(("overlap", "status"), [(Overlap.SKIP, "expired"), (Overlap.QUEUE, "scheduled")])
def test_a_run_never_begins_while_the_one_before_is_going(relay, overlap, status):
    series = series_of(request_confirmation=False, overlap=overlap)
    moment = next_of(series)
    go_to(moment - timedelta(minutes=30))
    work()
    go_to(moment + timedelta(seconds=1))
    (first,) = runs(series)
    control.pause(delivery=first, by=person("start", first.unit), at=clock.now())
    go_to(moment + DAY - timedelta(minutes=30))
    work()

    go_to(moment + DAY + timedelta(seconds=1))

    assert runs(series)[1].status == status
    if overlap == Overlap.QUEUE:
        control.resume(delivery=first, by=person("start", first.unit), at=clock.now())
        send_all()
        go_to(moment + DAY + timedelta(minutes=5))
        send_all()
        assert len(relay.recipients()) == 4


def test_what_comes_while_the_series_is_paused_is_left_out_and_then_it_goes_on(relay):
    series = series_of(request_confirmation=False)
    moment = next_of(series)
    starter = person("start", series.unit)
    control.pause(delivery=series, by=starter, at=clock.now())

    go_to(moment + DAY + timedelta(minutes=1))
    assert list(Occurrence.objects.values_list("skipped", flat=True)) == ["paused", "paused"]
    control.resume(delivery=series, by=starter, at=clock.now())
    go_to(moment + 2 * DAY - timedelta(minutes=30))
    work()

    assert len(runs(series)) == 1


def test_a_paused_series_holds_its_released_run_until_it_goes_on(relay):
    series = series_of(request_confirmation=False)
    moment = next_of(series)
    go_to(moment - timedelta(minutes=30))
    work()
    starter = person("start", series.unit)
    control.pause(delivery=series, by=starter, at=clock.now())

    go_to(moment + timedelta(seconds=1))
    send_all()
    assert relay.recipients() == []
    control.resume(delivery=series, by=starter, at=clock.now())
    jobs.tick()
    send_all()

    assert len(relay.recipients()) == 2
