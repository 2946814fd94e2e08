"""A series from its activation to its last run, by the real tick, preparation, gate and receiver."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from accounts import access
from accounts.rights import Right
from campaign.lib import clock
from deliveries import drafting, jobs
from deliveries.approval import decisions as approval
from deliveries.confirmation import decisions as confirmation
from deliveries.models import Confirmation, Delivery, Message, Notice, Occurrence, Status
from deliveries.operations import reconciliation
from deliveries.preparation import verbs as preparation
from deliveries.sending import control
from deliveries.series import calendar
from deliveries.tests.factories import person
from deliveries.tests.series import DAY, PARIS, go_to, join, next_of, runs, send_all, series_of, work
from deliveries.tick import runs as recurring

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("real_time_again")]


def test_an_activated_series_makes_its_run_an_hour_ahead_and_waits_to_be_confirmed(relay):
    series = series_of()
    moment = next_of(series)
    assert moment.astimezone(PARIS).strftime("%H:%M") == "09:00"

    go_to(moment - timedelta(minutes=61))
    assert runs(series) == []
    go_to(moment - timedelta(minutes=59))
    work()

    (run,) = runs(series)
    assert run.status == Status.READY
    assert run.contact_date == moment
    assert f"{moment.astimezone(PARIS):%Y-%m-%d %H:%M}" in run.label
    go_to(moment + timedelta(seconds=5))
    send_all()
    assert relay.recipients() == []


def test_a_confirmed_run_leaves_at_its_moment_and_not_before(relay):
    series = series_of()
    moment = next_of(series)
    go_to(moment - timedelta(minutes=30))
    work()
    (run,) = runs(series)
    confirmation.confirm(delivery=run, seal=run.seal, by=person("start", run.unit), at=clock.now())

    go_to(moment - timedelta(seconds=30))
    send_all()
    assert relay.recipients() == []
    go_to(moment + timedelta(seconds=1))
    send_all()

    assert len(relay.recipients()) == 2
    run.refresh_from_db()
    assert run.status == Status.FINISHED


def test_without_the_request_it_leaves_on_the_activation_which_its_event_names(relay):
    series = series_of(request_confirmation=False)
    moment = next_of(series)

    go_to(moment - timedelta(minutes=30))
    work()
    go_to(moment + timedelta(seconds=1))
    send_all()

    (run,) = runs(series)
    assert run.status == Status.FINISHED
    assert len(relay.recipients()) == 2
    given = series.confirmations.get()
    assert run.confirmations.get().on_activation == given
    assert run.history.get(step="release_run").detail["activation"] == given.pk


def test_the_series_itself_is_written_to_nobody(relay):
    series = series_of(request_confirmation=False)

    assert not Message.objects.filter(delivery=series).exists()
    with pytest.raises(IntegrityError), transaction.atomic():
        Delivery.objects.filter(pk=series.pk).update(status="stopped")
        Delivery.objects.filter(pk=series.pk).update(status="sending")


def test_a_run_for_more_people_than_the_series_allows_waits_for_a_person(relay):
    series = series_of(request_confirmation=False, size_limit=2)
    join(series)

    go_to(next_of(series) - timedelta(minutes=30))
    work()

    (run,) = runs(series)
    assert run.status == Status.READY
    assert Occurrence.objects.get(execution=run).outside == ["size"]
    assert Notice.objects.filter(delivery=run, kind="waits").exists()


def test_a_run_whose_content_was_edited_asks_for_approval_again_and_waits(relay):
    series = series_of(request_confirmation=False, policy="one")
    moment = next_of(series)
    go_to(moment - timedelta(minutes=30))
    work()
    (run,) = runs(series)
    assert run.status == Status.SCHEDULED  # the series was approved, and so is what is inside of it
    confirmation.take_back(delivery=run, by=person("start", run.unit), at=clock.now())
    editor = person("prepare", run.unit)

    drafting.write(delivery=run, by=editor, at=clock.now(), subject="Something else")
    preparation.start(delivery=run, by=editor, at=clock.now())
    work()

    run.refresh_from_db()
    assert run.status == Status.AWAITING_APPROVAL
    approval.approve(delivery=run, seal=run.seal, by=person("approve", run.unit), at=clock.now())
    work()
    run.refresh_from_db()
    assert run.status == Status.READY
    assert Occurrence.objects.get(execution=run).outside == ["content"]


def test_a_confirmation_that_was_taken_back_is_not_given_again_by_the_series(relay):
    series = series_of(request_confirmation=False)
    go_to(next_of(series) - timedelta(minutes=30))
    work()
    (run,) = runs(series)

    confirmation.take_back(delivery=run, by=person("start", run.unit), at=clock.now())
    work()

    run.refresh_from_db()
    assert run.status == Status.READY


def test_who_may_no_longer_start_deliveries_lets_no_run_leave_on_his_activation(relay):
    series = series_of(request_confirmation=False)
    starter = series.confirmations.get().by
    access.revoke(grant=starter.role_grants.get(), by=None)

    go_to(next_of(series) - timedelta(minutes=30))
    work()

    (run,) = runs(series)
    assert (run.status, Occurrence.objects.get(execution=run).outside) == (Status.READY, ["starter"])


@pytest.mark.parametrize("verb", [confirmation.take_back, control.stop])
def test_taken_back_or_ended_it_lets_nothing_more_leave(relay, verb):
    series = series_of(request_confirmation=False)
    moment = next_of(series)
    go_to(moment - timedelta(minutes=30))
    work()

    verb(delivery=series, by=person("start", series.unit), at=clock.now())
    go_to(moment + timedelta(seconds=1))
    send_all()

    assert relay.recipients() == []
    assert runs(series)[0].status == Status.EXPIRED


def test_activated_again_it_repeats_no_moment(relay):
    series = series_of(request_confirmation=False)
    moment = next_of(series)
    starter = person("start", series.unit)
    go_to(moment - timedelta(minutes=30))
    work()
    confirmation.take_back(delivery=series, by=starter, at=clock.now())

    series.refresh_from_db()
    confirmation.confirm(delivery=series, seal=series.seal, by=starter, at=clock.now())

    assert next_of(series) == moment + DAY


def test_any_number_of_ticks_and_jobs_make_one_run_of_a_moment(relay):
    series = series_of(request_confirmation=False)
    go_to(next_of(series) - timedelta(minutes=30))
    for _number in range(3):
        recurring.advance(series.pk)
        jobs.tick()
    work()
    for run in runs(series):
        recurring.settle(run.pk)

    (run,) = runs(series)
    assert Confirmation.objects.filter(delivery=run).count() == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        Occurrence.objects.create(series=series.series, moment=run.contact_date)


def test_a_day_with_nobody_to_write_to_is_no_failure(relay):
    series = series_of(request_confirmation=False)
    series.audience.members.all().delete()

    go_to(next_of(series) - timedelta(minutes=30))
    work()

    assert (runs(series)[0].status, Occurrence.objects.get().skipped) == ("expired", "nobody")


def test_a_series_ends_with_its_rule(relay):
    series = series_of(request_confirmation=False, rule="FREQ=DAILY;COUNT=1")
    moment = next_of(series)
    go_to(moment - timedelta(minutes=30))
    work()
    go_to(moment + timedelta(seconds=1))
    send_all()
    jobs.tick()

    series.refresh_from_db()
    assert series.status == Status.FINISHED


def test_several_runs_a_day_are_each_prepared_afresh(relay):
    series = series_of(request_confirmation=False, rule="FREQ=DAILY;BYHOUR=9,17;BYMINUTE=0")
    moment = next_of(series)
    go_to(moment - timedelta(minutes=30))
    work()
    go_to(moment + timedelta(seconds=1))
    send_all()
    join(series)
    go_to(moment + timedelta(hours=7, minutes=30))
    work()
    go_to(moment + timedelta(hours=8, seconds=1))
    send_all()

    assert [run.preparation.to_deliver for run in runs(series)] == [2, 3]
    assert len(relay.recipients()) == 5


def test_a_change_of_the_recurrence_drops_what_was_prepared():
    series = series_of(stage="ready")

    changed = drafting.edit(
        delivery=series, by=person("prepare", series.unit), at=clock.now(), recurrence={"rule": "FREQ=WEEKLY"}
    )

    series.refresh_from_db()
    assert (changed, series.status) == (["schedule"], Status.DRAFT)


def test_a_run_stays_in_the_list_of_its_series(relay):
    series = series_of()
    go_to(next_of(series) - timedelta(minutes=30))
    work()
    (run,) = runs(series)

    with pytest.raises(drafting.RunStays):
        drafting.delete(delivery=run, by=person("prepare", run.unit))


def test_the_books_of_a_series_are_those_of_its_runs(relay):
    series = series_of(request_confirmation=False)
    moment = next_of(series)
    for day in (0, 1):
        go_to(moment + day * DAY - timedelta(minutes=30))
        work()
        go_to(moment + day * DAY + timedelta(seconds=1))
        send_all()

    months = calendar.by_period(series, "year")
    assert [(period.runs, period.to_deliver, period.sent) for period in months] in (
        [(2, 4, 4)],
        [(1, 2, 2)] * 2,
    )
    assert not reconciliation.has_books(series)
    assert all(reconciliation.reconcile(pk).balanced for pk in reconciliation.released())
    assert series.pk not in reconciliation.released()


def test_only_holders_of_start_deliveries_activate():
    series = series_of(stage="ready")

    with pytest.raises(access.NotAllowed):
        confirmation.confirm(
            delivery=series, seal=series.seal, by=person("prepare", series.unit), at=clock.now()
        )

    assert not access.can(person("prepare", series.unit), Right.START, series)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"rule": "FREQ=NEVER"}, "bad_rule"),
        ({"rule": "FREQ=DAILY;UNTIL=20200101"}, "never_runs"),
        ({"size_limit": 0}, "bad_recurrence"),
        ({"expires_minutes": 0}, "bad_recurrence"),
        ({"overlap": "both"}, "bad_recurrence"),
    ],
)
def test_a_recurrence_that_makes_no_sense_is_refused_and_leaves_nothing(changes, refusal):
    with pytest.raises(Exception) as refused, transaction.atomic():
        series_of(stage="draft", **changes)

    assert refused.value.code == refusal
    assert not Delivery.objects.exists()
