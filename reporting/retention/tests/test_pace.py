"""Rows go for a small part of the time while messages leave, and without any rest otherwise."""

import time
from datetime import timedelta

import pytest

from campaign.lib import clock
from deliveries.models import Chunk, Message
from deliveries.tests.factories import DeliveryFactory
from reporting.retention import applying, pace
from reporting.retention.pace import Pace

pytestmark = pytest.mark.django_db


@pytest.fixture
def sending():
    """A delivery of which a lane has messages in hand."""
    delivery = DeliveryFactory(sending=True)
    Chunk.objects.filter(delivery=delivery).update(
        token=1, lease_by="lane", lease_until=clock.now() + timedelta(seconds=30)
    )
    return delivery


@pytest.fixture
def rests():
    return []


@pytest.fixture
def keep_time(monkeypatch):
    """Seconds that pass where a test says so."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def passes(seconds):
        now[0] += seconds

    return passes


def test_beside_a_send_it_rests_for_nineteen_times_as_long_as_it_worked(sending, keep_time, rests):
    one = Pace(end=10_000.0, sleep=rests.append)

    for seconds in (2.0, 0.5):
        keep_time(seconds)
        one.rest()

    assert rests == pytest.approx([38.0, 9.5])


def test_with_nothing_on_its_way_it_does_not_rest(keep_time, rests):
    DeliveryFactory(sending=True)
    one = Pace(end=10_000.0, sleep=rests.append)

    keep_time(2.0)
    one.rest()

    assert rests == []


def test_it_rests_no_longer_than_its_time_lasts(sending, keep_time, rests):
    one = Pace(end=1005.0, sleep=rests.append)

    keep_time(2.0)
    one.rest()

    assert rests == [3.0]
    assert not one.is_over


def test_whoever_asks_for_full_speed_gets_it(sending, old_one, kept_for, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda _seconds: pytest.fail("it rests"))
    monkeypatch.setattr(
        pace.Pace.__init__, "__kwdefaults__", {**Pace.__init__.__kwdefaults__, "sleep": time.sleep}
    )
    kept_for(30)

    applying.apply(at=clock.now(), full_speed=True)

    assert not Message.objects.filter(delivery=old_one).exists()


def test_a_run_beside_a_send_rests_after_each_slice(sending, old_one, kept_for, monkeypatch, rests):
    monkeypatch.setattr(
        pace.Pace.__init__, "__kwdefaults__", {**Pace.__init__.__kwdefaults__, "sleep": rests.append}
    )
    kept_for(30)

    applying.apply(at=clock.now())

    assert not Message.objects.filter(delivery=old_one).exists()
    assert len(rests) >= 4
    assert all(seconds > 0 for seconds in rests)
