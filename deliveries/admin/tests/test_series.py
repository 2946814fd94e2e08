"""A series at the operators' desk and by command: the same verbs, the same refusals."""

import json
import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from accounts.models import User
from accounts.roles import root
from accounts.tests.factories import UserFactory
from campaign.lib import clock
from deliveries.admin.tests.desk import change, filled, step
from deliveries.models import Delivery, ScheduleKind, Status
from deliveries.tests.factories import CONTENT, DeliveryFactory, audience_of, person
from deliveries.tests.series import WEEKLY, go_to, next_of, runs, series_of, work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("real_time_again")]


def operator(role: str) -> Client:
    client = Client()
    client.force_login(UserFactory(is_staff=True, roles={role: root()}))
    return client


def asked(name: str, *args: str, by: User | None = None) -> Any:
    out = StringIO()
    call_command(name, *args, *(["--as", by.username] if by else []), "--json", stdout=out)
    return json.loads(out.getvalue())


def test_an_operator_makes_a_series_and_changes_it():
    desk = operator("prepare")
    desk.post("/admin/deliveries/delivery/add/", filled(root()) | WEEKLY)
    series = Delivery.objects.get()
    assert series.series.rule == "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH;COUNT=10"

    desk.post(change(series), filled(root()) | WEEKLY | {"every": "3", "ends": "never"})

    series = Delivery.objects.get()
    assert series.series.rule == "FREQ=WEEKLY;INTERVAL=3;BYDAY=MO,TH"
    assert "Every 3 weeks on Monday and Thursday" in desk.get(change(series)).content.decode()


def test_an_operator_activates_it_in_two_steps_pauses_and_ends_it():
    series = series_of(stage="ready")
    desk = operator("start")
    question = desk.get(step(series, "activate")).content.decode()
    assert "Every day at 09:00" in question

    for name, status in [
        ("activate", "active"),
        ("suspend", "suspended"),
        ("continue", "active"),
        ("end", "stopped"),
    ]:
        desk.post(step(series, name), {"seal": series.seal})
        series.refresh_from_db()
        assert series.status == status


def test_the_desk_lists_occurrences_and_ones_own_notices():
    carla = UserFactory(is_staff=True, roles={"start": root()})
    series = series_of()
    go_to(next_of(series) - timedelta(minutes=30))
    work()
    client = Client()
    client.force_login(carla)

    assert series.label in client.get("/admin/deliveries/occurrence/").content.decode()
    assert runs(series)[0].label in client.get("/admin/deliveries/notice/").content.decode()
    stranger = Client()
    stranger.force_login(UserFactory(is_staff=True))
    assert series.label not in stranger.get("/admin/deliveries/occurrence/").content.decode()


def file_of(folder: Any, **schedule: Any) -> str:
    file = folder / "series.json"
    data = {"label": "Weekly", "unit": root().label, "content": CONTENT, "schedule": schedule}
    file.write_text(json.dumps(data))
    return str(file)


def test_a_series_is_made_from_a_file_activated_shown_and_its_run_confirmed_by_command(tmp_path, relay):
    ana, carla = person("prepare", root()), person("start", root())
    tomorrow = f"{clock.now() + timedelta(days=1):%Y-%m-%dT09:00}"
    made = asked(
        "create_delivery",
        file_of(tmp_path, rule="FREQ=DAILY", zone="Europe/Paris", size_limit=50, **{"from": tomorrow}),
        by=ana,
    )
    series = Delivery.objects.get(pk=made["id"])
    Delivery.objects.filter(pk=series.pk).update(audience=audience_of(root(), 2))
    asked("prepare_delivery", series.name, by=ana)
    work()
    series.refresh_from_db()
    asked("approve_delivery", series.name, "--seal", series.seal, by=person("approve", root()))

    asked("confirm_delivery", series.name, "--seal", series.seal, by=carla)
    shown = asked("show_delivery", series.name)
    assert shown["status"] == "active"
    assert shown["series"]["words"].startswith("Every day at 09:00 (Europe/Paris)")
    assert len(shown["series"]["next"]) == 10
    go_to(next_of(series) - timedelta(minutes=30))
    work()
    (run,) = runs(series)
    assert [row["delivery"] for row in asked("list_notices", by=carla)["notices"]] == [run.name]
    asked("confirm_delivery", run.name, "--seal", run.seal, by=carla)
    asked("pause_delivery", series.name, by=carla)
    asked("stop_delivery", series.name, "--yes", by=carla)

    run.refresh_from_db()
    series.refresh_from_db()
    assert (run.status, series.status) == (Status.SCHEDULED, Status.STOPPED)


@pytest.mark.parametrize(
    ("schedule", "where"),
    [
        ({"rule": "FREQ=NEVER", "from": "2099-01-01T09:00"}, "schedule.rule"),
        ({"rule": "FREQ=DAILY"}, "schedule.from"),
        ({"rule": "FREQ=DAILY", "from": "2099-01-01T09:00Z"}, "schedule.from"),
        ({"rule": "FREQ=DAILY", "from": "2099-01-01T09:00", "at": "now"}, "schedule.at"),
        ({"rule": "FREQ=DAILY", "from": "2099-01-01T09:00", "except": ["soon"]}, "schedule.except[0]"),
        ({"rule": "FREQ=DAILY", "from": "2099-01-01T09:00", "size_limit": 0}, "schedule.size_limit"),
        ({"rule": "FREQ=DAILY", "from": "2099-01-01T09:00", "request_confirmation": "no"}, "schedule.request_confirmation"),
        ({"at": "now", "overlap": "skip"}, "schedule.overlap"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_is_named_by_its_field(tmp_path, schedule, where):
    ana = person("prepare", root())

    with pytest.raises(CommandError, match=re.escape(where)) as refused:
        call_command("create_delivery", file_of(tmp_path, **schedule), "--as", ana.username)

    assert refused.value.returncode == 2
    assert not Delivery.objects.exists()


def test_the_occurrences_of_a_rule_are_printed():
    shown = StringIO()
    call_command(
        "show_occurrences", "--rule", "FREQ=DAILY", "--start", "2026-03-28T02:30", "--zone", "Europe/Paris",
        "--count", "3", "--json", stdout=shown,
    )  # fmt: skip

    assert json.loads(shown.getvalue())["occurrences"] == [
        "2026-03-28T02:30:00+01:00",
        "2026-03-29T03:30:00+02:00",
        "2026-03-30T02:30:00+02:00",
    ]


def test_a_kind_that_is_left_takes_its_recurrence_along():
    delivery = DeliveryFactory()
    desk = operator("prepare")
    desk.post(change(delivery), filled(root()) | WEEKLY)
    assert Delivery.objects.get().schedule_kind == ScheduleKind.RECURRING

    desk.post(change(delivery), filled(root()))

    assert Delivery.objects.get().schedule_kind == ScheduleKind.AT_ONCE
    assert not hasattr(Delivery.objects.get(), "series")
