"""What readers did, by link, over time and by hour: each figure opens exactly the rows that it counts."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.http import QueryDict
from django.urls import reverse
from selectolax.lexbor import LexborHTMLParser

from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.models import Profile
from audiences.tests.factories import AudienceFactory, ProfileFactory
from deliveries.models import Message, MessageStatus
from deliveries.tests.factories import DeliveryFactory
from feedback.agents import AgentKind
from feedback.models import Hit, HitKind
from feedback.tests.factories import hit
from reporting.logs import logs
from reporting.reactions import reactions
from reporting.tests.factories import delivery_with, outcome

OPEN, CLICK, MIRROR, UNSUBSCRIBE = HitKind.OPEN, HitKind.CLICK, HitKind.MIRROR, HitKind.UNSUBSCRIBE
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def rows_in(log, delivery, query):
    chosen = logs.chosen(logs.LOGS[log], QueryDict(query))
    assert chosen == dict(parse_qsl(query)), "the log knows each filter"
    return logs.LOGS[log].rows(delivery, chosen, None).count()


@pytest.mark.parametrize(
    "query",
    ["since=yesterday", "since=2026-03-02T12:00", "until=9999-12-31T23:59-12:00", "since=" + "9" * 5000, "link=-1", "link=٣",
     "link=99999", "hour=24&hour_zone=UTC", "hour=07&hour_zone=UTC", "hour=3", "hour=3&hour_zone=localtime", "hour=3&hour_zone=../UTC",
     "counted=everything"],
)  # fmt: skip
def test_an_address_that_makes_no_sense_narrows_nothing(query):
    assert logs.chosen(logs.LOGS["tracking"], QueryDict(query)) == {}


@pytest.mark.django_db
def test_each_figure_opens_the_rows_that_it_counts():
    delivery = delivery_with(sent=6, failed=1)
    early = datetime(2026, 3, 2, 1, 40, tzinfo=UTC)  # the day before in São Paulo
    hit(delivery, OPEN, 1, at=early)
    hit(delivery, OPEN, 1, at=early + 3 * HOUR)
    hit(delivery, CLICK, 2, at=early + HOUR)  # and no picture was loaded
    hit(delivery, CLICK, 2, at=early + HOUR)
    hit(delivery, OPEN, 3, at=early + 2 * DAY)
    hit(delivery, CLICK, 3, at=early + 2 * DAY)
    hit(delivery, MIRROR, 4, at=early + 2 * DAY)
    hit(delivery, UNSUBSCRIBE, 4, at=early + 3 * DAY)
    hit(delivery, CLICK, 5, at=early, agent_kind=AgentKind.MACHINE)
    hit(delivery, CLICK, 7, at=early)  # of a message that failed
    hit(delivery, CLICK, 6, at=early)
    outcome(delivery, 6, MessageStatus.BOUNCED)

    links, times = reactions.links(delivery), reactions.times(delivery, zone=SAO_PAULO)

    assert [(link.kind, link.clicks, link.people) for link in links] == [
        ("tracked", 3, 2), ("mirror", 1, 1), ("opt_out", 1, 1), ("tracked", 0, 0),  # the last stands in the text alone

    ]  # fmt: skip
    assert (times.opens, times.clicks) == (5, 3)
    assert {hour.hour: (hour.opens, hour.clicks) for hour in times.hours if hour.opens} == {
        22: (3, 1), 23: (1, 2), 1: (1, 0),
    }  # fmt: skip
    for link in links:
        assert rows_in("tracking", delivery, link.clicks_rows) == link.clicks
        assert rows_in("sending", delivery, link.people_rows) == link.people
    for unit in reactions.UNITS:
        for each in [*reactions.times(delivery, zone=SAO_PAULO, unit=unit).periods[:30], *times.hours]:
            if each.opens:
                assert rows_in("tracking", delivery, each.opens_rows) == each.opens
            if each.clicks:
                assert rows_in("tracking", delivery, each.clicks_rows) == each.clicks
    assert rows_in("tracking", delivery, "counted=opens") == times.opens


@pytest.fixture
def marketer(client):
    unit = UnitFactory()
    user = UserFactory(roles={"prepare": unit.parent, "export": unit.parent})
    client.force_login(user)
    return user


def text(response):
    return " ".join(response.content.decode().split())


@pytest.mark.django_db
def test_the_map_shows_the_message_as_it_was_sealed_with_the_clicks_at_each_link(client, marketer):
    delivery = delivery_with(sent=3)
    for _time in range(2):
        hit(delivery, CLICK, 2)
    hit(delivery, UNSUBSCRIBE, 3)

    page = client.get(reverse("reporting:window", args=[delivery.pk, "clicks"]))
    frame = client.get(reverse("reporting:click-map", args=[delivery.pk]), {"seq": 2})

    assert page.context["on_map"] == {0, 1, 2}
    name = Profile.objects.get(pk=Message.objects.get(delivery=delivery, seq=2).profile_id).first_name
    shown = LexborHTMLParser(frame.content.decode())
    assert f"Hello {name}" in shown.text()
    assert [(a.attributes["href"], a.css_first("span").text()) for a in shown.css("a")] == [
        ("#link-0", "1: 2"), ("#link-1", "2: 0"), ("#link-2", "3: 1"),
    ]  # fmt: skip
    assert shown.css_first("a").attributes["title"] == "Link 1: clicks 2, people 1"
    assert "sandbox" in frame["Content-Security-Policy"]
    assert "allow-scripts" not in frame["Content-Security-Policy"]
    assert Hit.objects.count() == 3


@pytest.mark.django_db
def test_the_charts_say_what_they_are_and_each_has_its_table(client, marketer):
    delivery = delivery_with(sent=2)
    hit(delivery, OPEN, 1, at=datetime(2026, 3, 2, 17, 5, tzinfo=UTC))
    hit(delivery, CLICK, 2, at=datetime(2026, 3, 3, 17, 5, tzinfo=UTC))
    client.cookies["sinete_zone"] = "America/Sao_Paulo"

    page = LexborHTMLParser(text(client.get(reverse("reporting:window", args=[delivery.pk, "clicks"]))))

    for name in ("over-time", "by-hour"):
        assert page.css_first(f"svg[aria-labelledby='{name}-title {name}-desc'] #{name}-title").text()
        assert page.css_first(f"#{name}-desc").text()
    rows = [row.text(separator=" ").split() for row in page.css("section[aria-labelledby=hours] tbody tr")]
    assert len(rows) == 24
    assert [row for row in rows if row[1:] != ["0", "0"]] == [["14:00", "2", "1"]]


@pytest.mark.django_db
def test_of_people_whom_one_may_not_see_the_map_shows_nobody(client):
    unit, other = UnitFactory(label="here"), UnitFactory(label="there")
    delivery = DeliveryFactory(
        unit=root(), finished=True, audience=AudienceFactory(unit=root(), members=[ProfileFactory(unit=other, first_name="Sibylle")]),
    )  # fmt: skip
    client.force_login(UserFactory(roles={"prepare": unit}))
    frame = reverse("reporting:click-map", args=[delivery.pk])

    assert "Sibylle" not in client.get(frame).content.decode()
    assert client.get(frame, {"seq": 1}).status_code == 404
    assert client.get(frame, {"seq": "9" * 30}).status_code == 404


@pytest.mark.django_db
def test_an_untracked_delivery_has_no_map(client, marketer):
    delivery = DeliveryFactory(finished=True, tracking=False)

    assert client.get(reverse("reporting:click-map", args=[delivery.pk])).status_code == 404
    assert "/deployment/window/clicks/" not in text(
        client.get(reverse("reporting:window", args=[delivery.pk]))
    )


@pytest.mark.django_db
def test_the_command_prints_links_and_hours():
    delivery = delivery_with(sent=2)
    hit(delivery, CLICK, 2, at=datetime(2026, 3, 2, 17, 5, tzinfo=UTC))

    out = StringIO()
    call_command(
        "show_delivery",
        delivery.name,
        "--clicks",
        "--opens-by-hour",
        "--zone",
        "Asia/Kathmandu",
        "--json",
        stdout=out,
    )
    shown = json.loads(out.getvalue())

    assert (shown["clicks"][0]["clicks"], shown["clicks"][0]["people"]) == (1, 1)
    assert [hour["hour"] for hour in shown["times"]["hours"] if hour["clicks"]] == [22]
    with pytest.raises(CommandError):
        call_command("show_delivery", delivery.name, "--zone", "Mars/Olympus", stdout=StringIO())
