"""A welcome mail, and a short series after it: by recurring deliveries of a service, each subscriber once."""

from datetime import timedelta

import pytest

from accounts.roles import root
from audiences.models import Subscription
from audiences.services import subscribing
from audiences.services.subscribing import Origin
from audiences.tests.factories import AudienceFactory, ProfileFactory, ServiceFactory
from campaign.lib import clock
from deliveries import drafting
from deliveries.confirmation import decisions as confirmation
from deliveries.drafting.drafts import NoServiceToWelcomeTo
from deliveries.models import Delivery, Message, ScheduleKind, Status
from deliveries.tests.factories import DeliveryFactory, bring_to, person
from deliveries.tests.series import DAY, go_to, next_of, rule_for, runs, send_all, work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("real_time_again")]
NIGHT = timedelta(hours=5)  # before a run


@pytest.fixture
def service():
    return ServiceFactory()


def welcome(service, *, days_after=0) -> Delivery:
    """An active series that welcomes whoever subscribes; nobody has yet."""
    rule = {"field": "@service", "is": "subscribed", "value": service.pk}
    delivery = DeliveryFactory(
        schedule_kind=ScheduleKind.RECURRING, time_zone="Europe/Paris", service=service, days_after=days_after,
        recurrence=rule_for(request_confirmation=False), audience=AudienceFactory(rule=rule),
    )  # fmt: skip
    bring_to(delivery, "ready", by=person("prepare", delivery.unit))
    delivery.refresh_from_db()
    starter = person("start", delivery.unit)
    confirmation.confirm(delivery=delivery, seal=delivery.seal, by=starter, at=clock.now())
    return Delivery.objects.get(pk=delivery.pk)


def comes(service, address, *, at=None):
    """Somebody subscribes by the mail that they confirm."""
    profile = ProfileFactory(email=address)
    origin = Origin(at or clock.now(), "test")
    subscribing.subscribe_confirmed(service=service, profile=profile, origin=origin)
    return profile


def leaves(service, profile):
    subscribing.leave(service=service, profile_id=profile.pk, origin=Origin(clock.now(), "test"))


def a_day_s_run(series) -> None:
    """The run of the series' next moment is prepared, released, and leaves."""
    moment = next_of(series)
    go_to(moment - timedelta(minutes=30))
    work()
    go_to(moment)
    work()
    send_all()


def test_a_series_that_welcomes_is_activated_before_anybody_came(service):
    series = welcome(service)

    assert series.status == Status.ACTIVE
    assert series.latest_preparation().to_deliver == 0


def test_each_subscriber_is_welcomed_once(relay, service):
    series = welcome(service)
    comes(service, "ana@example.com", at=next_of(series) - NIGHT)
    a_day_s_run(series)
    comes(service, "bia@example.com")
    a_day_s_run(series)
    a_day_s_run(series)

    assert sorted(relay.recipients()) == ["ana@example.com", "bia@example.com"]
    assert [run.status for run in runs(series)] == [Status.FINISHED, Status.FINISHED, Status.EXPIRED]


def test_what_follows_comes_after_its_days(relay, service):
    series = welcome(service, days_after=3)
    comes(service, "ana@example.com", at=next_of(series) - NIGHT)

    sent = []
    for _day in range(6):
        a_day_s_run(series)
        sent.append(len(relay.recipients()))

    assert sent == [0, 0, 0, 1, 1, 1]


def test_who_left_before_the_day_gets_nothing(relay, service):
    series = welcome(service, days_after=1)
    ana = comes(service, "ana@example.com", at=next_of(series) - NIGHT)
    a_day_s_run(series)
    leaves(service, ana)

    a_day_s_run(series)

    assert relay.recipients() == []


def test_days_that_were_missed_are_not_sent_in_a_bunch(relay, service):
    series = welcome(service)
    first = next_of(series)
    for day in range(6):
        comes(service, f"day{day}@example.com", at=first + day * DAY - NIGHT)

    go_to(first + 5 * DAY - timedelta(minutes=30))  # everything stood still for five days
    work()
    go_to(first + 5 * DAY)
    work()
    send_all()

    assert sorted(relay.recipients()) == ["day4@example.com", "day5@example.com"]


def test_whom_an_audience_subscribed_is_welcomed_only_if_that_is_said(relay, service):
    series = welcome(service)
    at = next_of(series) - NIGHT
    for name, is_welcomed in (("quiet", False), ("said", True)):
        audience = AudienceFactory(members=[ProfileFactory(email=f"{name}@example.com")])
        subscribing.subscribe_audience(
            service=service, audience=audience, by=person("import", root()), at=at, is_welcomed=is_welcomed
        )

    a_day_s_run(series)

    assert relay.recipients() == ["said@example.com"]


def test_a_second_confirmation_of_the_same_subscription_welcomes_nobody_again(relay, service):
    series = welcome(service)
    ana = comes(service, "ana@example.com", at=next_of(series) - NIGHT)
    a_day_s_run(series)
    Subscription.objects.filter(profile=ana).update(is_confirmed=False)
    subscribing.subscribe_confirmed(service=service, profile=ana, origin=Origin(clock.now(), "test"))

    a_day_s_run(series)

    assert relay.recipients() == ["ana@example.com"]


def test_who_comes_back_is_welcomed_back(relay, service):
    series = welcome(service)
    ana = comes(service, "ana@example.com", at=next_of(series) - NIGHT)
    a_day_s_run(series)
    leaves(service, ana)
    subscribing.subscribe_confirmed(service=service, profile=ana, origin=Origin(clock.now(), "test"))

    a_day_s_run(series)

    assert relay.recipients() == ["ana@example.com"] * 2


def test_whom_a_run_that_came_too_late_had_prepared_is_welcomed_by_the_next(relay, service):
    series = welcome(service)
    first = next_of(series)
    comes(service, "ana@example.com", at=first - NIGHT)
    go_to(first - timedelta(minutes=30))
    work()
    (run,) = runs(series)
    assert Message.objects.filter(delivery=run).count() == 1
    go_to(first + NIGHT)
    work()

    a_day_s_run(series)

    assert relay.recipients() == ["ana@example.com"]


@pytest.mark.parametrize("days", [-1, 366])
def test_it_needs_days_that_can_be(service, days):
    with pytest.raises(NoServiceToWelcomeTo):
        drafting.create(
            by=person("prepare", root()), unit=root(), label="Welcome", service=service, days_after=days
        )


def test_it_needs_a_service_to_welcome_to():
    with pytest.raises(NoServiceToWelcomeTo):
        drafting.create(by=person("prepare", root()), unit=root(), label="Welcome", days_after=1)


def test_its_day_is_part_of_the_seal(service):
    series = welcome(service, days_after=1)

    assert series.latest_preparation().manifest["parts"]["service"] == [service.pk, 1]
