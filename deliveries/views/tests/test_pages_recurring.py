"""A series on the marketers' pages: the form, its next runs, activation, runs, notices."""

from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.roles import root
from accounts.tests.factories import UserFactory
from deliveries.models import Delivery, Notice, ScheduleKind, Status
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.series import WEEKLY, go_to, next_of, runs, series_of, work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("real_time_again")]


def client_of(role: str, delivery: Delivery) -> Client:
    client = Client()
    client.force_login(person(role, delivery.unit))
    return client


def shown(client: Client, name: str, *args: Any, **query: Any) -> str:
    answer = client.get(reverse(name, args=args), query)
    assert answer.status_code == 200
    return " ".join(unescape(answer.content.decode()).split())


def test_the_form_saves_a_series_and_shows_it_as_it_was_entered():
    delivery = DeliveryFactory()
    client = client_of("prepare", delivery)

    client.post(reverse("deliveries:schedule", args=[delivery.pk]), WEEKLY)

    series = Delivery.objects.get(pk=delivery.pk).series
    assert series.rule == "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH;COUNT=10"
    assert series.request_confirmation
    form = client.get(reverse("deliveries:schedule", args=[delivery.pk])).context["form"]
    assert form.initial["weekdays"] == ["MO", "TH"]
    assert "Every 2 weeks on Monday and Thursday at 09:00" in shown(
        client, "deliveries:dashboard", delivery.pk
    )


def test_the_request_stays_off_once_it_was_unticked():
    delivery = DeliveryFactory()
    client = client_of("prepare", delivery)
    client.post(
        reverse("deliveries:schedule", args=[delivery.pk]),
        {name: value for name, value in WEEKLY.items() if name != "request_confirmation"},
    )

    again = client.get(reverse("deliveries:schedule", args=[delivery.pk]))

    assert again.context["form"].initial["request_confirmation"] is False
    assert Delivery.objects.get(pk=delivery.pk).series.request_confirmation is False


def test_the_request_is_on_by_default():
    delivery = DeliveryFactory()

    page = shown(client_of("prepare", delivery), "deliveries:schedule", delivery.pk)

    box = page.split('name="request_confirmation"')[1].split(">")[0]
    assert "checked" in box


def test_the_next_ten_runs_are_shown_while_one_types():
    delivery = DeliveryFactory()

    fragment = shown(client_of("prepare", delivery), "deliveries:occurrences", **WEEKLY)

    assert "Every 2 weeks on Monday and Thursday" in fragment
    assert fragment.count("<time") == 9  # ten, but for the day that is left out
    assert "Mon 5 Jan 2099, 09:00" in fragment


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"unit_of_time": "OWN", "own_rule": "FREQ=SOMETIMES"}, "is no recurrence rule"),
        ({"starts_on": ""}, "Say the day and the time of the first run."),
        ({"ends": "until", "until": ""}, "Say when it ends."),
        ({"excluded_dates": "Christmas"}, "“Christmas” is no day"),
        ({"expires_minutes": "0"}, "Select a valid choice"),
        ({"every": "0"}, "greater than or equal to 1"),
        ({"ends": "until", "until": "2020-01-01"}, "no run in the future"),
    ],
)
def test_what_makes_no_sense_is_said_and_nothing_is_saved(changes, said):
    delivery = DeliveryFactory()

    answer = client_of("prepare", delivery).post(
        reverse("deliveries:schedule", args=[delivery.pk]), WEEKLY | changes
    )

    assert said in unescape(answer.content.decode())
    assert Delivery.objects.get(pk=delivery.pk).schedule_kind == ScheduleKind.AT_ONCE


def test_what_stands_in_the_hidden_fields_of_another_kind_is_no_mistake():
    delivery = DeliveryFactory()

    client_of("prepare", delivery).post(
        reverse("deliveries:schedule", args=[delivery.pk]),
        WEEKLY | {"schedule_kind": "at_once", "excluded_dates": "rubbish", "every": "0"},
    )

    assert Delivery.objects.get(pk=delivery.pk).schedule_kind == ScheduleKind.AT_ONCE


def test_it_is_activated_in_two_steps_by_one_who_may():
    series = series_of(stage="ready", request_confirmation=False)
    starter = client_of("start", series)

    question = shown(starter, "deliveries:confirm", series.pk)
    assert "Activate this series?" in question
    assert "leaves by itself, on this activation" in question
    assert question.count("<time") >= 10
    starter.post(reverse("deliveries:confirm", args=[series.pk]), {"seal": series.seal})

    series.refresh_from_db()
    assert series.status == Status.ACTIVE


def test_one_who_may_not_is_told_so_and_a_forged_post_gets_403():
    series = series_of(stage="ready")
    preparer = client_of("prepare", series)

    assert "You may prepare this delivery but not send it" in shown(
        preparer, "deliveries:dashboard", series.pk
    )
    forged = preparer.post(reverse("deliveries:confirm", args=[series.pk]), {"seal": series.seal})

    assert forged.status_code == 403
    series.refresh_from_db()
    assert series.status == Status.READY


def test_its_dashboard_shows_its_runs_and_a_run_its_series():
    series = series_of()
    go_to(next_of(series) - timedelta(minutes=30))
    work()
    (run,) = runs(series)
    client = client_of("start", series)

    dashboard = shown(client, "deliveries:dashboard", series.pk)
    assert reverse("deliveries:dashboard", args=[run.pk]) in dashboard
    assert "Take back activation" in dashboard
    of_run = shown(client, "deliveries:dashboard", run.pk)
    assert "Run of" in of_run
    assert "Expires unconfirmed" in of_run
    assert run.name in shown(client, "deliveries:runs", series.pk)


@pytest.mark.parametrize(
    ("action", "status"), [("pause", "suspended"), ("take-back", "ready"), ("stop", "stopped")]
)
def test_it_is_paused_taken_back_and_ended_from_the_action_bar(action, status):
    series = series_of()
    client = client_of("start", series)
    if action == "stop":
        assert "End the series" in shown(client, "deliveries:stop", series.pk)

    client.post(reverse(f"deliveries:{action}", args=[series.pk]))

    series.refresh_from_db()
    assert series.status == status


def test_a_waiting_run_stands_in_the_list_of_one_who_may_confirm_with_a_notice_to_be_marked():
    carla = UserFactory(roles={"start": root()})
    series = series_of()
    go_to(next_of(series) - timedelta(minutes=30))
    work()
    (run,) = runs(series)
    client = Client()
    client.force_login(carla)

    waiting = shown(client, "deliveries:waiting")
    assert "Waiting for confirmation" in waiting
    assert run.label in waiting
    client.post(reverse("deliveries:seen"))

    assert not Notice.objects.filter(user=carla, seen_at=None).exists()
    assert Notice.objects.exclude(user=carla).filter(seen_at__isnull=False).count() == 0


def test_the_dashboard_of_a_series_asks_as_many_queries_for_ten_runs_as_for_one(
    django_assert_max_num_queries,
):
    series = series_of(rule="FREQ=MINUTELY;INTERVAL=5", ahead_minutes=0, late_minutes=60)
    go_to(next_of(series) + timedelta(minutes=2))
    work()
    client = client_of("start", series)
    client.get(reverse("deliveries:dashboard", args=[series.pk]))
    with CaptureQueriesContext(connection) as one:
        client.get(reverse("deliveries:dashboard", args=[series.pk]))
    go_to(next_of(series) + timedelta(minutes=50))
    work()
    assert len(runs(series)) > 8

    with django_assert_max_num_queries(len(one)):
        client.get(reverse("deliveries:dashboard", args=[series.pk]))
