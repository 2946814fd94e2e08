"""A rule is judged alike on every face, and a series of before keeps its moments."""

import json
from datetime import UTC, date, datetime, time
from html import unescape
from importlib import import_module
from itertools import islice

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.roles import root
from accounts.tests.factories import UserFactory
from campaign.lib import clock
from campaign.lib.recurrence import BadRule, Reading
from deliveries import drafting
from deliveries.admin.tests.desk import filled
from deliveries.management.delivery_file import BadDeliveryFile
from deliveries.management.delivery_file import read as read_file
from deliveries.models import Delivery, Series, Status
from deliveries.tests.factories import DeliveryFactory, bring_to, person
from deliveries.tests.series import WEEKLY, series_of

WEEK_TWENTY = "FREQ=YEARLY;BYWEEKNO=20"
WRONG = [
    ("FREQ=HOURLY;INTERVAL=2;BYHOUR=10,12,14", "from 2099-01-05 09:00 on it never comes"),
    ("FREQ=WEEKLY;BYDAY=MO;BYSETPOS=3", "from 2099-01-05 09:00 on it never comes"),
    ("FREQ=MONTHLY;BYMONTHDAY=0", "“BYMONTHDAY=0” is out of range"),
    ("FREQ=WEEKLY;BYDAY=2MO", "“BYDAY=2MO” does not go with FREQ=WEEKLY"),
]


def own(rule: str) -> dict[str, object]:
    return WEEKLY | {"unit_of_time": "OWN", "own_rule": rule, "ends": "never"}


@pytest.mark.django_db
@pytest.mark.parametrize(("rule", "because"), WRONG)
def test_page_preview_desk_commands_and_verb_refuse_a_rule_with_the_same_words(rule, because, tmp_path):
    delivery = DeliveryFactory()
    client, desk = Client(), Client()
    client.force_login(person("prepare", delivery.unit))
    desk.force_login(UserFactory(is_staff=True, roles={"prepare": root()}))
    schedule = {"rule": rule, "from": "2099-01-05T09:00"}
    file = tmp_path / "delivery.json"
    file.write_text(
        json.dumps({"label": "x", "unit": "x", "audience": "x", "content": {}, "schedule": schedule})
    )

    answers = [
        client.post(reverse("deliveries:schedule", args=[delivery.pk]), own(rule)),
        client.get(reverse("deliveries:occurrences"), own(rule)),
        desk.post("/admin/deliveries/delivery/add/", filled(root()) | own(rule)),
    ]
    with pytest.raises(BadDeliveryFile) as by_file:
        read_file(file)
    with pytest.raises(CommandError) as by_command:
        call_command("show_occurrences", "--rule", rule, "--start", "2099-01-05T09:00")
    given = {"rule": rule, "starts_on": date(2099, 1, 5), "at": time(9)}
    with pytest.raises(BadRule) as by_verb:
        series_of(stage="draft", **given)

    said = f"“{rule}” is no recurrence rule: {because}"
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert all(said in unescape(answer.content.decode()) for answer in answers)
    assert [said in str(refused.value) for refused in (by_file, by_command, by_verb)] == [True] * 3
    assert Delivery.objects.count() == 1


@pytest.mark.django_db
def test_a_series_of_before_keeps_moments_and_seal():
    """Its week of the year was all seven days, and nothing about the reading was sealed."""
    series = series_of(stage="draft", rule=WEEK_TWENTY, starts_on=date(2099, 1, 5)).series
    of_today = series.sealed()

    keep_moments()
    series = Series.objects.get()

    moments = list(islice(series.recurrence.moments(clock.now()), 8))
    assert [moment.date().isoformat() for moment in moments[:2]] == ["2099-05-11", "2099-05-12"]
    assert moments[7] == datetime(2100, 5, 17, 7, tzinfo=UTC)
    assert of_today == series.sealed() | {"reading": "rfc5545"}


@pytest.mark.django_db
def test_a_schedule_that_is_saved_again_is_read_by_the_standard_and_prepared_anew():
    given = {"rule": WEEK_TWENTY, "starts_on": date(2099, 1, 5)}
    draft = series_of(stage="draft", **given)
    keep_moments()
    series = Delivery.objects.get(pk=draft.pk)
    bring_to(series, "ready", by=person("prepare", series.unit))

    changed = drafting.edit(
        delivery=series, by=person("prepare", series.unit), at=clock.now(), recurrence=given
    )

    series = Delivery.objects.get(pk=series.pk)
    assert (changed, series.status, series.series.reading) == (["schedule"], Status.DRAFT, Reading.STANDARD)
    assert next(series.series.recurrence.moments()).date() == date(2099, 5, 11)  # its start is a Monday
    assert next(series.series.recurrence.moments(clock.now())).weekday() == 0


@pytest.mark.django_db
def test_only_rules_that_were_read_otherwise_are_kept_in_the_earlier_reading():
    read = {
        "FREQ=DAILY": Reading.STANDARD,
        "FREQ=WEEKLY;BYDAY=MO": Reading.STANDARD,
        "FREQ=WEEKLY;BYDAY=MO,TH;BYSETPOS=1": Reading.EARLIER,
        "FREQ=MONTHLY;BYDAY=1MO,TU": Reading.EARLIER,
        WEEK_TWENTY: Reading.EARLIER,
    }
    for rule in read:
        series_of(stage="draft", rule=rule)

    keep_moments()

    assert dict(Series.objects.values_list("rule", "reading")) == read


def keep_moments() -> None:
    """What the migration does to the series that it finds."""
    with connection.schema_editor() as editor:
        import_module("deliveries.migrations.0023_series_reading").keep_moments(apps, editor)
