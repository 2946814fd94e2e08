"""Limits that outlast the validity period: warned of by the preparation, and anew wherever somebody decides."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.roles import root
from accounts.tests.factories import UserFactory
from audiences.tests.factories import AudienceFactory, ProfileFactory
from campaign.lib import clock
from deliveries.confirmation import decisions as confirmation
from deliveries.models import Delivery, ProviderLimit, ScheduleKind, Status
from deliveries.operations import route_settings
from deliveries.preparation import staging
from deliveries.routing import limits, routes
from deliveries.schedule import capacity
from deliveries.tests.factories import NEXT_WEEK, DeliveryFactory, bring_to, person

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOURS = timedelta(hours=1)


def set_limit(delivery: Delivery, per_hour: int | None) -> Delivery:
    by = person("prepare", delivery.unit)
    limits.set_limit(delivery=delivery, per_hour=per_hour, by=by, at=clock.now())
    return Delivery.objects.get(pk=delivery.pk)


def limit_route(per_hour: int | None) -> None:
    route, by = routes.default_route(), person("administration", root())
    route_settings.save_route(route=route, by=by, limit_per_hour=per_hour)


def limit_provider(name: str, *domains: str, per_hour: int) -> None:
    route_settings.save_provider_limit(
        limit=ProviderLimit(route=routes.default_route()), by=person("administration", root()),
        name=name, domains=list(domains), limit_per_hour=per_hour,
    )  # fmt: skip


def people_at(**domains: int) -> Any:
    """An audience with so many people at each domain: `gmail_com=3`."""
    return AudienceFactory(
        members=[
            ProfileFactory(email=f"person{number}@{domain.replace('_', '.')}")
            for domain, size in domains.items()
            for number in range(size)
        ]
    )


def slow(stage: str = "ready", **settings: Any) -> Delivery:
    """Six messages at two an hour, in a validity period of one hour, unless said otherwise."""
    delivery = DeliveryFactory(**({"recipients": 6, "validity_hours": 1} | settings))
    delivery = set_limit(delivery, 2)
    if stage:
        bring_to(delivery, stage, by=person("prepare", delivery.unit))
    return Delivery.objects.get(pk=delivery.pk)


def warned(delivery: Delivery) -> list[dict[str, Any]]:
    return [
        {name: finding.slots[name] for name in ("limit", "messages", "takes", "over")}
        for finding in capacity.current(delivery, at=clock.now())
        if finding.code == capacity.CODE
    ]


# -- the arithmetic ---------------------------------------------------------------------------------------


def test_what_fits_into_the_validity_period_leaves_nobody_over():
    assert capacity.left_over([(NOON, 10)], per_hour=5, valid=2 * HOURS) == 0


def test_what_is_more_stays():
    assert capacity.left_over([(NOON, 11)], per_hour=5, valid=2 * HOURS) == 1


def test_each_moment_has_a_validity_of_its_own():
    gates = [(NOON + number * HOURS, 5) for number in range(4)]

    assert capacity.left_over(gates, per_hour=5, valid=1 * HOURS) == 0


def test_who_comes_later_waits_for_those_before():
    gates = [(NOON, 10), (NOON + HOURS, 10)]

    assert capacity.left_over(gates, per_hour=5, valid=2 * HOURS) == 20 - 3 * 5


# -- what a preparation finds -----------------------------------------------------------------------------


def test_its_own_limit_is_named_with_how_long_it_takes_and_how_many_stay():
    (warning,) = slow().latest_preparation().warnings

    assert warning["text"] == capacity.TEXTS["delivery"]
    assert warning["slots"] == {"limit": 2, "messages": 6, "takes": 3, "valid": 1, "over": 4}


def test_a_limit_that_is_wide_enough_is_not_warned_of():
    assert slow(validity_hours=3).latest_preparation().warnings == []


def test_a_preparation_that_is_warned_of_a_limit_can_be_confirmed():
    delivery = slow()

    confirmation.confirm(
        delivery=delivery, seal=delivery.seal, by=person("start", delivery.unit), at=clock.now()
    )

    delivery.refresh_from_db()
    assert delivery.status == Status.SCHEDULED


def test_the_routes_limit_is_named():
    limit_route(4)
    delivery = DeliveryFactory(ready=True, recipients=6, validity_hours=1)

    (warning,) = delivery.latest_preparation().warnings

    assert warning["text"] == capacity.TEXTS["route"]
    assert (warning["slots"]["takes"], warning["slots"]["over"]) == (2, 2)


def test_each_limit_that_is_too_low_is_named():
    limit_route(4)

    assert [one["limit"] for one in warned(slow())] == [2, 4]


def test_of_a_mailbox_provider_its_own_people_count_and_no_others():
    limit_provider("Gmail", "gmail.com", "googlemail.com", per_hour=2)
    audience = people_at(gmail_com=3, googlemail_com=1, example_org=9)
    delivery = DeliveryFactory(ready=True, audience=audience, validity_hours=1)

    (warning,) = delivery.latest_preparation().warnings

    assert warning["text"] == capacity.TEXTS["provider"]
    assert warning["slots"] == {
        "provider": "Gmail", "limit": 2, "messages": 4, "takes": 2, "valid": 1, "over": 2,
    }  # fmt: skip


def test_who_is_excluded_takes_no_time():
    limit_provider("Gmail", "gmail.com", per_hour=2)
    delivery = DeliveryFactory(audience=people_at(gmail_com=3, example_org=1), validity_hours=1)
    ProfileFactory._meta.model.objects.filter(email="person0@gmail.com").update(no_email=True)

    bring_to(delivery, "ready", by=person("prepare", delivery.unit))

    assert delivery.latest_preparation().warnings == []


def test_domains_are_compared_as_limits_name_them():
    limit_provider("Bücher", "bücher.example", per_hour=1)
    audience = AudienceFactory(members=[ProfileFactory(email=f"{n}@Bücher.example") for n in range(3)])
    delivery = DeliveryFactory(ready=True, audience=audience, validity_hours=1)

    assert warned(delivery) == [{"limit": 1, "messages": 3, "takes": 3, "over": 2}]


def test_of_waves_each_has_its_own_validity_period():
    waves = {
        "schedule_kind": ScheduleKind.WAVES, "contact_date": clock.now() + NEXT_WEEK,
        "wave_by": "number", "wave_value": 3,
    }  # fmt: skip

    assert warned(slow(**waves, wave_minutes=60)) == []
    assert warned(slow(**waves, wave_minutes=1)) != []


# -- with the limits of now -------------------------------------------------------------------------------


def test_a_limit_that_was_raised_since_is_not_warned_of_any_more():
    delivery = set_limit(slow(), 6)

    assert warned(delivery) == []
    assert delivery.latest_preparation().warnings != []


def test_a_limit_that_was_set_since_is_warned_of():
    delivery = DeliveryFactory(ready=True, audience=people_at(gmail_com=3), validity_hours=1)
    limit_provider("Gmail", "gmail.com", per_hour=1)

    assert warned(delivery) == [{"limit": 1, "messages": 3, "takes": 3, "over": 2}]


def test_a_small_domain_that_is_limited_is_counted_among_more_than_are_kept(monkeypatch):
    monkeypatch.setattr(staging, "DOMAINS_KEPT", 1)
    limit_provider("Small", "small.example", per_hour=1)
    audience = people_at(gmail_com=4, example_org=3, small_example=2)
    delivery = DeliveryFactory(ready=True, audience=audience, validity_hours=1)

    assert warned(delivery) == [{"limit": 1, "messages": 2, "takes": 2, "over": 1}]
    assert delivery.latest_preparation().manifest["domains"] == {"small.example": 2, "gmail.com": 4}


def test_the_approval_and_the_dashboard_say_it_anew(client):
    delivery = slow("awaiting_approval", approval_policy="four_eyes")
    client.force_login(person("approve", delivery.unit))
    for page in ("", "approval/"):
        assert (
            "At its own limit of 2 an hour"
            in client.get(f"/deliveries/{delivery.pk}/{page}").content.decode()
        )

    set_limit(delivery, 3)

    for page in ("", "approval/"):
        shown = client.get(f"/deliveries/{delivery.pk}/{page}").content.decode()
        assert "At its own limit of 3 an hour the 6 messages take about 2 h" in shown


def test_the_second_step_says_it_with_the_limits_of_now(client):
    delivery = slow()
    client.force_login(person("start", delivery.unit))
    set_limit(delivery, 3)

    page = client.get(f"/deliveries/{delivery.pk}/confirm/").content.decode()

    assert "At its own limit of 3 an hour" in page
    assert "about 3 would fail unsent" in page
    assert "of 2 an hour" not in page


def test_the_desk_says_it_where_it_shows_the_preparation_and_before_ok():
    delivery = slow()
    set_limit(delivery, 3)
    client = Client()
    client.force_login(UserFactory(is_staff=True, roles={"start": delivery.unit}))

    for page in ("change/", "step/confirm/"):
        shown = client.get(f"/admin/deliveries/delivery/{delivery.pk}/{page}", follow=True).content.decode()
        assert "At its own limit of 3 an hour" in shown, page


def test_the_commands_say_it():
    delivery = slow()
    set_limit(delivery, 3)
    out = StringIO()

    call_command("show_delivery", delivery.name, "--json", stdout=out)

    (warning,) = json.loads(out.getvalue())["preparation"]["warnings"]
    assert "At its own limit of 3 an hour" in warning


def test_show_delivery_prints_it_for_people():
    delivery, out = slow(), StringIO()

    call_command("show_delivery", delivery.name, stdout=out)

    assert "warning: At its own limit of 2 an hour" in out.getvalue()


@pytest.mark.parametrize("providers", [1, 5])
def test_it_costs_the_same_however_many_providers_and_moments(providers):
    for number in range(providers):
        limit_provider(f"P{number}", f"p{number}.example", per_hour=1)
    delivery = slow(schedule_kind=ScheduleKind.WAVES, wave_by="number", wave_value=providers, wave_minutes=60)

    at = clock.now()

    with CaptureQueriesContext(connection) as queries:
        capacity.current(delivery, at=at)

    # The default route, its providers, what was counted, the moments, and the preparation itself.
    assert len(queries) <= 5
