"""Figures of a large delivery: drawn as they were last counted, and counted anew by a worker where they changed."""

from datetime import timedelta

import pytest
from django.urls import reverse

from accounts.tests.factories import UnitFactory, UserFactory
from campaign.lib import clock
from campaign.lib.jobs import valkey
from campaign.stack.module_db import once
from deliveries.models import MessageStatus
from feedback.models import HitKind
from feedback.tests.factories import hit
from reporting.counting import throughput
from reporting.figures import standing
from reporting.models import StandingFigures
from reporting.reactions import reactions, standing_counts
from reporting.reports import summary
from reporting.tests.factories import delivery_with, outcome

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(monkeypatch):
    """The deliveries whose figures a worker was asked to count; nobody was asked before."""
    found: list[int] = []
    for key in valkey().scan_iter("sinete:figures:*"):
        valkey().delete(key)
    monkeypatch.setattr(
        "reporting.queues.COUNT_FIGURES", type("Ref", (), {"enqueue": staticmethod(lambda **kwargs: found.append(kwargs["delivery_id"]))})
    )  # fmt: skip
    return found


@once
def made():
    made = delivery_with(sent=6, failed=2)
    hit(made, HitKind.OPEN, 1)
    hit(made, HitKind.CLICK, 2)
    return made


@pytest.fixture
def large(made, monkeypatch):
    monkeypatch.setattr(standing, "LARGE", 3)
    return made


@pytest.fixture
def reader(client):
    user = UserFactory(roles={"prepare": UnitFactory().parent})
    client.force_login(user)
    return user


def count(delivery, at=None):
    standing_counts.count(delivery_id=delivery.pk, at=at or clock.now())


def drawn(delivery, known):
    zone = reactions.zone_of(delivery)
    return (
        reactions.links(delivery, known=known),
        reactions.times(delivery, zone=zone, known=known).as_dict(),
        throughput.throughput(delivery, zone=zone, known=known).as_dict(),
    )


def test_a_small_delivery_is_counted_while_its_page_is_made(asked):
    delivery = delivery_with(sent=2)

    assert standing.look(delivery, at=clock.now()) == standing.Look()
    assert asked == []


def test_what_was_counted_is_what_the_rows_come_to(large):
    live = drawn(large, None)
    count(large)

    assert drawn(large, StandingFigures.objects.get()) == live
    assert standing.current(large) is not None


def test_of_a_large_delivery_that_nobody_counted_a_page_waits_and_asks(large, asked):
    look = standing.look(large, at=clock.now())

    standing.look(large, at=clock.now())

    assert (look.must_wait, look.figures) == (True, None)
    assert asked == [large.pk]  # once, however many look


@pytest.mark.parametrize(
    "change",
    [
        lambda delivery: hit(delivery, HitKind.CLICK, 3),
        lambda delivery: outcome(delivery, 1, MessageStatus.BOUNCED),
    ],
    ids=["hit", "bounce"],
)
def test_what_changed_is_counted_anew_once_a_minute_at_most(large, asked, change):
    at = clock.now()
    count(large, at)
    change(large)

    young = standing.look(large, at=at + timedelta(seconds=59))
    later = standing.look(large, at=at + timedelta(seconds=60))

    assert (young.is_current, young.figures is not None, later.figures is not None) == (False, True, True)
    assert asked == [large.pk]
    live = drawn(large, None)
    count(large, at + timedelta(seconds=60))
    assert drawn(large, standing.current(large)) == live


def test_nothing_is_counted_twice_while_nothing_changes(large):
    count(large, clock.now())
    first = StandingFigures.objects.get().at
    count(large, first + timedelta(hours=1))

    assert StandingFigures.objects.get().at == first


def test_who_asks_for_what_is_now_never_gets_what_was(large):
    count(large)
    hit(large, HitKind.CLICK, 3)

    assert sum(link.clicks for link in reactions.links(large)) == 2
    assert summary.summary(large, user=None, at=clock.now()).links[0].clicks == 2


def test_the_pages_wait_for_the_figures_and_then_draw_them(client, large, reader, asked):
    clicks = reverse("reporting:window", args=[large.pk, "clicks"])
    urls = reverse("reporting:window", args=[large.pk, "urls"])
    page = reverse("reporting:summary", args=[large.pk])

    for address in (clicks, page):
        assert b"are being counted" in client.get(address).content
    assert client.get(urls, headers={"HX-Request": "true"}).status_code == 204
    assert client.get(reverse("reporting:click-map", args=[large.pk])).status_code == 200
    count(large)

    for address in (clicks, page):
        answer = client.get(address)
        assert b"nothing has changed since" in answer.content
        assert b'aria-labelledby="times"' in answer.content
    assert client.get(urls, headers={"HX-Request": "true"}).status_code == 286
    hit(large, HitKind.CLICK, 3)
    assert b"when this page is opened again" in client.get(clicks).content


def test_why_messages_failed_follows_the_summary_of_a_large_delivery(client, large, reader, asked):
    count(large)
    standing_counts.count(delivery_id=large.pk, at=clock.now(), what=standing.FAILURES.name)

    page = client.get(reverse("reporting:summary", args=[large.pk])).content.decode()
    where = reverse("reporting:window", args=[large.pk, "failures"]) + "?all=1"

    assert f'hx-get="{where}"' in page
    assert b"By provider" in client.get(where, headers={"HX-Request": "true"}).content
