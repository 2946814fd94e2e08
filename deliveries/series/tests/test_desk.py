"""Series at the operators' desk: what a marketer can do on the pages, through the same verbs and checks."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from campaign.lib import clock
from deliveries.models import Delivery, Occurrence, Skipped, Status
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.series import series_of

pytestmark = pytest.mark.django_db
LIST = "/admin/deliveries/series/"


def operator(*roles: str) -> Client:
    client = Client()
    client.force_login(UserFactory(is_staff=True, roles={role: root() for role in roles}))
    return client


def page_of(series: Delivery) -> str:
    return f"{LIST}{series.series.pk}/change/"


def buttons(page: str) -> dict[str, str]:
    """Where each button of the bar leads, by its label."""
    found = re.findall(
        r'<form method="(?:get|post)" action="([^"]*/step/[^"]*)">(.*?)</form>', page, re.DOTALL
    )
    return {re.sub(r"<[^>]*>", "", inside).strip(): address for address, inside in found}


def occurred(series: Delivery, days: int, **values: object) -> Occurrence:
    moment = clock.now() - timedelta(days=days)
    return Occurrence.objects.create(series=series.series, moment=moment, **values)


def test_the_list_shows_each_series_with_its_state_its_recurrence_and_its_next_run():
    series = series_of()
    other = DeliveryFactory(label="Sent once")

    page = operator("prepare").get(LIST).content.decode()

    assert series.label in page
    assert "Active" in page
    assert "Every day at 09:00 (Europe/Paris)" in page
    assert f"{series.series.next_at.astimezone(series.zone):%-d %b %Y, %H:%M}" in page
    assert other.label not in page


def test_a_stranger_sees_no_series_and_finds_none_by_its_address():
    series = series_of()
    Delivery.objects.filter(pk=series.pk).update(unit=UnitFactory())
    stranger = Client()
    stranger.force_login(UserFactory(is_staff=True, roles={"prepare": UnitFactory()}))

    listed, asked = stranger.get(LIST), stranger.get(page_of(series), follow=True)

    assert series.label not in listed.content.decode()
    assert series.label not in asked.content.decode()


def test_a_new_series_begins_with_the_form_of_a_delivery_and_recurring_chosen():
    desk = operator("prepare")

    form = desk.get(f"{LIST}add/", follow=True)

    assert form.redirect_chain[-1][0].startswith(reverse("admin:deliveries_delivery_add"))
    assert re.search(r'<option value="recurring"\s+selected', form.content.decode())


def test_whoever_prepares_nowhere_is_offered_no_new_series():
    desk = operator("approve")

    assert f"{LIST}add/" not in desk.get(LIST).content.decode()
    assert desk.get(f"{LIST}add/", follow=True).status_code == 403


def test_the_buttons_are_those_of_its_delivery_and_lead_through_its_life():
    series, desk = series_of(stage="ready"), operator("prepare", "start")
    life = [("Activate", "active"), ("Pause", "suspended"), ("Resume", "active"), ("End series", "stopped")]

    for label, status in life:
        address = buttons(desk.get(page_of(series)).content.decode())[label]
        desk.post(address, {"seal": series.seal})
        series.refresh_from_db()
        assert series.status == status

    assert AuditEvent.objects.filter(refused=True).count() == 0
    assert series.history.first().face == "admin"


def test_whoever_may_not_start_is_offered_no_end_and_refused_it():
    series, desk = series_of(), operator("prepare")

    offered = buttons(desk.get(page_of(series)).content.decode())
    answer = desk.post(reverse("admin:deliveries_delivery_step", args=[series.pk, "end"]))

    series.refresh_from_db()
    assert "End series" not in offered
    assert (answer.status_code, series.status) == (403, Status.ACTIVE)
    assert AuditEvent.objects.filter(refused=True).exists()


def test_its_page_shows_what_is_to_come_and_its_runs_with_their_states():
    series = series_of()
    run = DeliveryFactory(unit=series.unit, finished=True)
    occurred(series, 2, execution=run)
    occurred(series, 1, skipped=Skipped.PAUSED)

    page = operator("prepare").get(page_of(series)).content.decode()

    assert f"{series.series.next_at.astimezone(series.zone):%-d %b %Y, %H:%M}" in page
    assert f"{run.name}</a> · Finished" in page
    assert "Left out: the series was paused" in page


@pytest.mark.parametrize("by", ["day", "month", "year"])
def test_its_runs_are_taken_together_by_day_month_or_year(by):
    series = series_of()
    occurred(series, 800, execution=DeliveryFactory(unit=series.unit, finished=True, recipients=3))

    page = operator("prepare").get(page_of(series), {"by": by}).content.decode()

    assert f'href="?by={by}" aria-current="page"' in page
    assert page.count("<dt>Left out</dt>") == 1


@pytest.mark.parametrize("by", ["week", "", "day'", "9" * 99])
def test_a_period_that_there_is_not_shows_each_run(by):
    series = series_of()

    page = operator("prepare").get(page_of(series), {"by": by})

    assert page.status_code == 200
    assert 'href="?by=run" aria-current="page"' in page.content.decode()


def test_all_runs_are_those_of_this_series_alone():
    series, other = series_of(), series_of()
    occurred(series, 1, skipped=Skipped.PAUSED)
    occurred(other, 1, skipped=Skipped.LATE)
    desk = operator("prepare")
    (address,) = re.findall(r'href="([^"]*/occurrence/\?[^"]*)"', desk.get(page_of(series)).content.decode())

    page = desk.get(address).content.decode()

    assert "Left out: the series was paused" in page
    assert "Missed: its time had passed" not in page.partition('id="result_list"')[2].partition("</table>")[0]


def test_its_page_takes_the_same_queries_for_1_and_4_runs():
    series, desk = series_of(), operator("prepare")

    def taken() -> int:
        desk.get(page_of(series))
        with CaptureQueriesContext(connection) as queries:
            desk.get(page_of(series))
        return len(queries)

    occurred(series, 1, execution=DeliveryFactory(unit=series.unit, sending=True, recipients=1))
    with_one = taken()
    for days in (2, 3, 4):
        occurred(series, days, execution=DeliveryFactory(unit=series.unit, sending=True, recipients=1))

    assert taken() == with_one


def test_nobody_changes_or_deletes_a_series_past_its_verbs():
    series, desk = series_of(), operator("prepare", "start", "administration")

    answers = [
        desk.post(page_of(series), {"rule": "FREQ=YEARLY"}),
        desk.post(f"{LIST}{series.series.pk}/delete/"),
    ]

    series.series.refresh_from_db()
    assert [answer.status_code for answer in answers] == [403, 403]
    assert series.series.rule == "FREQ=DAILY"


def test_the_list_takes_the_same_queries_for_1_and_5_series():
    desk = operator("prepare")

    def taken() -> int:
        desk.get(LIST)
        with CaptureQueriesContext(connection) as queries:
            desk.get(LIST)
        return len(queries)

    series_of()
    with_one = taken()
    for _ in range(4):
        series_of()

    assert taken() == with_one
