"""Lanes are asked for in turn, for every delivery that has something to hand over."""

from datetime import timedelta

import django_rq
import pytest

from campaign.lib import clock
from campaign.lib.jobs import Queue
from deliveries import queues
from deliveries.sending import gate, waking
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.ledger_rows import execute
from deliveries.tick import look
from deliveries.tick.tests.many_deliveries import copies

pytestmark = pytest.mark.django_db


def lanes_of(pks: list[int]) -> list[int]:
    """Whose lanes wait, in their order."""
    return [int(job_id.split("-")[1]) for job_id in queues.SEND.waiting_ids()]


def test_where_more_wait_than_the_queue_holds_each_has_its_turn(settings, monkeypatch):
    settings.SINETE = settings.SINETE | {"lanes": 1}
    monkeypatch.setattr(waking, "LANES_THAT_WAIT", 2)
    many = copies(DeliveryFactory(recipients=1, paused=True), 5, of_delivery="status = 'sending'")

    look.tick()
    first = lanes_of(many)
    django_rq.get_queue(Queue.SEND).empty()
    look.tick()

    assert len(set(first)) == 3
    assert {*first, *lanes_of(many)} == set(many)


def test_the_lanes_of_many_are_asked_for_in_turn_and_not_all_of_one_first(settings, monkeypatch):
    settings.SINETE = settings.SINETE | {"lanes": 4, "chunk_rows": 1}
    monkeypatch.setattr(waking, "workers_alive", lambda queue: 8)
    many = copies(DeliveryFactory(recipients=4, paused=True), 2, of_delivery="status = 'sending'")

    look.tick()

    assert lanes_of(many) == [*many, *many, *many, *many]


@pytest.mark.parametrize(
    "seconds", [3600, 2], ids=["for long", "for a moment: its lane would be turned away"]
)
def test_no_lane_is_woken_for_a_route_that_rests(seconds, monkeypatch):
    delivery = DeliveryFactory(recipients=1, sending=True)
    look.tick()
    django_rq.get_queue(Queue.SEND).empty()
    gate.routes.default_route()
    at = clock.now()
    execute("UPDATE deliveries_route SET closed_until = %s", at + timedelta(seconds=seconds))
    monkeypatch.setattr(clock, "now", lambda: at)

    look.tick()

    assert lanes_of([delivery.pk]) == []
