"""Every number that somebody decides by opens its rows, before the send as after it."""

import json
import re
from html import unescape
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts.models import ApprovalPolicy
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.tests.factories import AudienceFactory, ProfileFactory
from deliveries.models import Exclusion, ScheduleKind
from deliveries.tests.factories import DeliveryFactory, bring_to, person
from deliveries.tests.schedules import at_nine
from deliveries.tests.series import rule_for

pytestmark = pytest.mark.django_db


def mixed(unit, **more):
    """Three who get it, two who opted out, one whose address is none."""
    people = [
        *ProfileFactory.create_batch(3, unit=unit),
        *ProfileFactory.create_batch(2, unit=unit, no_email=True),
        ProfileFactory(unit=unit, email="nonsense"),
    ]
    return DeliveryFactory(unit=unit, audience=AudienceFactory(unit=unit, members=people), **more)


def links(page):
    """Where each link of a page leads, by its words."""
    found = re.findall(r'<a [^>]*?href="([^"]*)"[^>]*>(.*?)</a>', page.content.decode(), re.DOTALL)
    return {" ".join(re.sub("<[^>]+>", " ", words).split()): unescape(href) for href, words in found}


def rows(client, url):
    page = client.get(url)
    assert page.status_code == 200, url
    return page.context["page"].rows


@pytest.mark.parametrize(
    ("role", "stage", "name"),
    [
        ("approve", "awaiting_approval", "approval"),
        ("start", "ready", "confirm"),
        ("start", "ready", "dashboard"),
    ],
)
def test_whoever_decides_opens_whom_it_leaves_out(client, unit, role, stage, name):
    delivery = mixed(unit, **{stage: True})
    client.force_login(person(role, unit))

    page = client.get(reverse(f"deliveries:{name}", args=[delivery.pk]))
    found, targeted = links(page), reverse("reporting:window", args=[delivery.pk, "causes"])
    causes = links(client.get(targeted))

    assert f'href="{targeted}"' in page.content.decode()
    assert len(rows(client, found["Opted out 2"])) == 2
    assert {row.cause for row in rows(client, found["Malformed address 1"])} == {"malformed"}
    assert "Duplicate 0" not in found
    assert len(rows(client, causes["To deliver"])) == len(rows(client, causes["Excluded"])) == 3


def test_a_preparation_that_failed_says_whom_it_left_out(client, unit):
    delivery = DeliveryFactory(
        unit=unit,
        audience=AudienceFactory(unit=unit, members=ProfileFactory.create_batch(2, unit=unit, no_email=True)),
    )
    by = person("prepare", unit)
    for _twice in range(2):
        bring_to(delivery, "prepared", by=by)
    client.force_login(by)

    found = links(client.get(reverse("deliveries:dashboard", args=[delivery.pk])))

    assert len(rows(client, found["Opted out 2"])) == 2
    assert Exclusion.objects.filter(delivery=delivery).count() == 2


def test_a_series_lists_whom_its_preparation_left_out(client, unit):
    delivery = mixed(
        unit, schedule_kind=ScheduleKind.RECURRING, time_zone="Europe/Paris", recurrence=rule_for()
    )
    bring_to(delivery, "prepared", by=person("prepare", unit))

    assert Exclusion.objects.filter(delivery=delivery).count() == 3


def test_each_wave_opens_its_people(client, unit):
    delivery = DeliveryFactory(
        unit=unit, recipients=5, awaiting_approval=True, schedule_kind=ScheduleKind.WAVES, wave_by="size",
        wave_value=2, wave_minutes=60,
    )  # fmt: skip
    client.force_login(person("approve", unit))
    page = client.get(reverse("deliveries:approval", args=[delivery.pk]))

    opened = [
        [row.seq for row in rows(client, _log(delivery, row.rows))] for row in page.context["plan"].rows
    ]

    assert opened == [[1, 2], [3, 4], [5]]
    assert all(row.rows in page.content.decode() for row in page.context["plan"].rows)


def test_each_zone_and_who_has_none_open_their_people(client):
    unit = UnitFactory(approval_policy=ApprovalPolicy.NONE)
    delivery = at_nine("Asia/Tokyo", "Europe/Paris", "", unit=unit, ready=True)
    client.force_login(person("start", unit))
    plan = client.get(reverse("deliveries:confirm", args=[delivery.pk])).context["question"].plan

    lines = {
        line.zone: len(rows(client, _log(delivery, line.rows))) for row in plan.rows for line in row.zones
    }

    assert lines == {"Asia/Tokyo": 2, "Europe/Paris": 4}
    assert len(rows(client, _log(delivery, "zone=none"))) == plan.without_zone == 2
    assert len(rows(client, _log(delivery, "moments=99"))) == 0
    assert len(rows(client, _log(delivery, "moments=x"))) == 6


def _log(delivery, query):
    return f"{reverse('reporting:window', args=[delivery.pk, 'sending'])}?{query}"


def test_the_desk_and_the_command_open_the_same_rows(client, unit):
    delivery = mixed(unit, ready=True)
    starter = person("start", unit)
    starter.is_staff = True
    starter.save()
    client.force_login(starter)

    desk = links(client.get(f"/admin/deliveries/delivery/{delivery.pk}/step/confirm/"))
    out = StringIO()
    call_command("list_log", delivery.name, "exclusions", "--only", "cause=opted_out", "--json", stdout=out)

    assert len(client.get(desk["2"]).context["page"].rows) == 2
    told = json.loads(out.getvalue())
    assert [row["cause"] for row in told["rows"]] == ["opted_out"] * 2
    assert told["after"] is None


def test_the_command_reads_page_by_page_and_shows_whom_its_person_may_see(unit):
    branch = UnitFactory(parent=unit)
    hidden = ProfileFactory(unit=UnitFactory(parent=unit), email="secret@example.com")
    delivery = DeliveryFactory(
        unit=unit, awaiting_approval=True,
        audience=AudienceFactory(unit=unit, members=[hidden, *ProfileFactory.create_batch(2, unit=branch)]),
    )  # fmt: skip
    reader = UserFactory(roles={"prepare": branch})

    found, after = [], ""
    while after is not None:
        out = StringIO()
        call_command("list_log", delivery.name, "sending", "--limit", "2", "--after", str(after), "--as",
                     reader.username, "--json", stdout=out)  # fmt: skip
        told = json.loads(out.getvalue())
        found += told["rows"]
        after = told["after"]

    assert [row["seq"] for row in found] == [1, 2, 3]
    assert {row["status"] for row in found} == {"prepared"}
    assert sorted(row["address"] for row in found)[-1] == "somebody of another unit"
    assert "secret" not in str(found)


@pytest.mark.parametrize("wrong", [["--only", "cause=nonsense"], ["--only", "colour=red"], ["--after", "x"]])
def test_the_command_refuses_what_it_does_not_know(unit, wrong):
    with pytest.raises(CommandError) as refused:
        call_command("list_log", DeliveryFactory(unit=unit, recipients=0).name, "exclusions", *wrong)

    assert refused.value.returncode == 2


def test_the_count_of_an_audience_opens_its_people_and_nobody_elses(client, unit):
    delivery = mixed(unit)
    ProfileFactory(unit=unit)
    client.force_login(person("prepare", unit))

    counted = client.get(reverse("deliveries:count"), {"delivery": delivery.pk})
    audience = client.get(reverse("audiences:audience", args=[delivery.audience_id]))

    assert len(rows(client, links(counted)["6"])) == 6
    assert len(rows(client, links(audience)["6"])) == 6
    client.force_login(UserFactory(roles={"prepare": UnitFactory()}))
    assert client.get(links(audience)["6"]).status_code == 404
    assert client.get(reverse("audiences:profiles") + "?audience=x").status_code == 404
