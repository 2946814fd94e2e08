"""People are told of runs that wait for them, by mail too, and once."""

from datetime import timedelta

import pytest

from accounts.models import ApprovalPolicy
from accounts.roles import root
from accounts.tests.factories import UserFactory
from accounts.units import units
from campaign.lib import clock
from deliveries.confirmation import decisions as confirmation
from deliveries.lifecycle import WrongStatus, notices
from deliveries.models import Notice, Occurrence, Skipped, Status
from deliveries.overview import todo
from deliveries.tests.factories import person
from deliveries.tests.series import go_to, next_of, runs, series_of, work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("real_time_again")]


def test_nobody_confirms_it_and_it_expires_after_a_reminder(relay):
    UserFactory(roles={"start": root()}, email="carla@example.com")
    series = series_of(expires_minutes=180, remind_minutes=60)
    moment = next_of(series)
    go_to(moment - timedelta(minutes=30))
    work()
    (run,) = runs(series)
    told = [notice.kind for notice in Notice.objects.filter(delivery=run, user__email="carla@example.com")]
    assert told == ["waits"]

    go_to(moment + timedelta(minutes=121))
    go_to(moment + timedelta(minutes=122))
    assert Notice.objects.filter(delivery=run, kind="reminder", user__email="carla@example.com").count() == 1
    go_to(moment + timedelta(minutes=181))

    run.refresh_from_db()
    assert run.status == Status.EXPIRED
    assert Occurrence.objects.get(execution=run).skipped == Skipped.UNCONFIRMED
    assert Notice.objects.filter(delivery=run, kind="expired", user__email="carla@example.com").count() == 1
    with pytest.raises(WrongStatus):
        confirmation.confirm(delivery=run, seal=run.seal, by=person("start", run.unit), at=clock.now())


def test_notices_are_mailed_once_over_a_real_mail_server(relay, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", relay.port
    UserFactory(roles={"start": root()}, email="carla@example.com")
    series = series_of()
    go_to(next_of(series) - timedelta(minutes=30))
    work()

    notices.mail(clock.now())
    notices.mail(clock.now())

    to_carla = [message for message in relay.messages() if message["To"] == "carla@example.com"]
    assert len(to_carla) == 1
    assert "Waiting for confirmation" in to_carla[0]["Subject"]
    assert f"/deliveries/{runs(series)[0].pk}/" in to_carla[0].get_content()
    assert to_carla[0]["Auto-Submitted"] == "auto-generated"


def test_a_mail_server_that_is_away_is_asked_again_and_given_up_in_the_end(relay, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nobody listens there
    UserFactory(roles={"start": root()}, email="carla@example.com")
    series = series_of()
    go_to(next_of(series) - timedelta(minutes=30))
    work()

    notices.mail(clock.now())
    notices.mail(clock.now())
    assert Notice.objects.get(user__email="carla@example.com").mail_tries == 1  # not again at once
    for _number in range(notices.MOST_MAIL_TRIES):
        go_to(clock.now() + timedelta(minutes=100))
        notices.mail(clock.now())

    (notice,) = Notice.objects.filter(user__email="carla@example.com")
    assert (notice.mailed_at, notice.mail_tries) == (None, notices.MOST_MAIL_TRIES)
    assert not notices.to_mail(clock.now()).exists()


def test_a_run_under_another_approval_policy_waits_for_whoever_made_its_series(relay):
    series = series_of()
    go_to(next_of(series) - timedelta(minutes=30))
    work()
    (run,) = runs(series)
    starter = person("start", run.unit)
    assert list(todo.to_confirm(starter)) == [run]

    administrator = UserFactory(roles={"administration": root()})
    units.change_unit(
        unit=root(),
        label="All",
        approval_policy=ApprovalPolicy.FOUR_EYES,
        grace_seconds=None,
        by=administrator,
    )

    assert list(todo.to_prepare_anew(series.created_by)) == [run]
    assert todo.count(starter) == 0
