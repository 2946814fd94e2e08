"""What limits a send, in figures and words: on the dashboard, in show_delivery and in doctor."""

import json
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import django_rq
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.roles import root
from campaign.lib import clock
from deliveries import jobs
from deliveries.models import Delivery, Message, ProviderLimit, Try
from deliveries.operations import route_settings
from deliveries.overview import diagnosis
from deliveries.routing import limits, routes
from deliveries.sending import control, rate
from deliveries.sending.control import halts
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tick import look
from reporting.counting import deployment

pytestmark = pytest.mark.django_db(transaction=True)


def limited(delivery: Delivery, per_hour: int) -> Delivery:
    limits.set_limit(delivery=delivery, per_hour=per_hour, by=person("start", delivery.unit), at=clock.now())
    return Delivery.objects.get(pk=delivery.pk)


def route_limited(per_hour: int | None, **providers: int) -> None:
    by, route = person("administration", root()), routes.default_route()
    route_settings.save_route(route=route, by=by, limit_per_hour=per_hour)
    for name, limit in providers.items():
        route_settings.save_provider_limit(
            limit=ProviderLimit(route=route), by=by, name=name, domains=["example.com"], limit_per_hour=limit
        )


def going(delivery: Delivery, *, at: datetime | None = None) -> rate.Rate:
    found = rate.of(Delivery.objects.get(pk=delivery.pk), at=at or clock.now())
    assert found is not None
    return found


def block_of(delivery: Delivery) -> str:
    client = Client()
    client.force_login(person("start", root()))
    return client.get(f"/deliveries/{delivery.pk}/deployment/").content.decode()


def test_its_own_limit_is_what_slows_it_and_says_how_long_it_takes(relay):
    delivery = limited(DeliveryFactory(sending=True, recipients=30), 10)
    jobs.drain(delivery_id=delivery.pk)

    found = going(delivery)

    assert (found.set_rate, found.achieved, found.factor) == (10, None, "delivery")
    assert found.limited_by == "its own limit of 10 an hour"
    assert found.left == timedelta(hours=3)


def test_the_route_is_named_and_the_share_of_it(relay):
    route_limited(10)
    first, second = DeliveryFactory(sending=True), DeliveryFactory(scheduled=True)
    jobs.drain(delivery_id=first.pk)
    assert going(first).limited_by == "the route's limit of 10 an hour"

    jobs.drain(delivery_id=second.pk)

    assert going(first).limited_by == "its share of the route's limit of 10 an hour"
    assert going(first).set_rate == 5


def test_while_only_a_later_wave_is_ahead_no_worker_is_missed(relay):
    delivery = DeliveryFactory(
        sending=True, recipients=4, schedule_kind="waves", wave_by="size", wave_value=2, wave_minutes=60
    )
    jobs.drain(delivery_id=delivery.pk)

    assert (going(delivery).factor, going(delivery).limited_by) == (
        "moment", "its sending plan: the next wave or hour is still ahead",
    )  # fmt: skip


def test_a_mailbox_provider_is_named_and_those_who_queue_are_not_called_refused(relay):
    route_limited(None, Example=60)
    delivery = DeliveryFactory(sending=True, recipients=5)
    jobs.drain(delivery_id=delivery.pk)

    found = going(delivery)
    block = deployment.block(Delivery.objects.get(pk=delivery.pk), at=clock.now())

    assert (found.factor, found.limited_by) == ("provider", "the limit of Example, 60 an hour")
    assert timedelta(minutes=4) < found.left <= timedelta(minutes=5)
    assert block.state.words == "5 queue for their mailbox provider"


def test_it_is_not_over_before_the_last_later_try_that_is_known(relay):
    delivery = DeliveryFactory(sending=True, recipients=3)
    first, last = Message.objects.filter(delivery=delivery).order_by("seq")[:2]
    relay.refuse(first.address, "451 4.2.0 Greylisted")
    relay.refuse(last.address, "451 4.2.0 Greylisted")
    jobs.drain(delivery_id=delivery.pk)
    at = clock.now()
    Try.objects.filter(delivery=delivery, seq=last.seq).update(due_at=at + timedelta(hours=2))

    assert going(delivery, at=at).left == timedelta(hours=2)
    assert "about 2 hours" in block_of(delivery)


def test_those_who_wait_for_a_later_try_take_their_time_at_its_rate_too(relay):
    delivery = limited(DeliveryFactory(sending=True, recipients=30), 10)
    delivery.chunks.update(retrying=10, handed_upto=F("seq_to") - 20)

    assert going(delivery).left == timedelta(hours=3)


def test_its_speed_promises_no_end_before_a_later_try():
    delivery = DeliveryFactory(sending=True, recipients=4)
    at = clock.now()
    rate.note(delivery.pk, at=at - timedelta(seconds=6))
    delivery.chunks.update(sent=2, retrying=1, handed_upto=F("seq_to") - 1)
    rate.note(delivery.pk, at=at)
    Try.objects.create(delivery=delivery, seq=1, due_at=at + timedelta(hours=1), tries=1)

    shown = deployment.block(Delivery.objects.get(pk=delivery.pk), at=at).state

    assert shown.speed == 2 * 600
    assert shown.time_left == timedelta(hours=1)


def test_a_refused_one_is_not_waited_for_beyond_the_validity_period():
    delivery = DeliveryFactory(sending=True, validity_hours=1)
    at = clock.now()
    delivery.chunks.update(retrying=1, sent=2, handed_upto=F("seq_to"))
    Try.objects.create(delivery=delivery, seq=1, due_at=at + timedelta(hours=5), tries=2)

    assert going(delivery, at=at).left == delivery.valid_until - at


@pytest.mark.parametrize("tries", [1, 25])
def test_the_estimate_costs_the_same_however_many_wait(tries):
    delivery = DeliveryFactory(sending=True, recipients=tries)
    at = clock.now()
    delivery.chunks.update(retrying=tries, handed_upto=F("seq_to"))
    Try.objects.bulk_create(
        Try(delivery=delivery, seq=seq, due_at=at + timedelta(hours=1), tries=1)
        for seq in range(1, tries + 1)
    )
    delivery = Delivery.objects.get(pk=delivery.pk)

    with CaptureQueriesContext(connection) as queries:
        rate.of(delivery, at=at)

    assert len(queries) <= 11


def test_a_free_worker_is_what_is_missing():
    assert going(DeliveryFactory(sending=True)).factor == "no_worker_free"


def test_where_all_sending_is_stopped_that_is_said():
    delivery = DeliveryFactory(sending=True)
    halts.stop_all(unit=root(), by=person("start", root()), at=clock.now(), reason="No.")

    assert going(delivery).factor == "halted"


def test_what_is_not_sent_has_no_pace():
    assert rate.of(DeliveryFactory(paused=True), at=clock.now()) is None


def test_the_achieved_rate_is_that_of_the_last_minute():
    delivery = DeliveryFactory(sending=True)
    began = clock.now()
    for number, seconds in ((0, 0), (900, 30), (1000, 90), (1100, 150), (1101, 152)):
        delivery.chunks.update(sent=number)
        rate.note(delivery.pk, at=began + timedelta(seconds=seconds))

    assert going(delivery).achieved == 6000  # a hundred in sixty seconds; the note after two seconds is none


def test_of_a_slow_send_the_rate_is_taken_over_longer():
    delivery = DeliveryFactory(sending=True)
    began = clock.now()
    for step in range(241):
        delivery.chunks.update(sent=step // 12)
        rate.note(delivery.pk, at=began + timedelta(seconds=5 * step))

    assert going(delivery).achieved == pytest.approx(60, rel=0.1)


def test_the_time_before_a_pause_is_no_part_of_the_rate():
    delivery = DeliveryFactory(sending=True)
    began = clock.now()
    for number, seconds in ((0, 0), (1000, 10), (1000, 600), (1010, 610)):
        delivery.chunks.update(sent=number)
        rate.note(delivery.pk, at=began + timedelta(seconds=seconds))

    assert going(delivery).achieved == 3600


def test_the_tick_takes_notes_of_what_is_sent():
    delivery = DeliveryFactory(sending=True)

    look.tick()

    assert django_rq.get_connection("default").llen(rate._key(delivery.pk)) == 1


def test_without_valkey_nothing_is_known_and_nothing_breaks(settings, monkeypatch):
    from redis.exceptions import ConnectionError as Away

    delivery = limited(DeliveryFactory(sending=True, recipients=10), 10)

    def away(*_args: Any) -> Any:
        raise Away("away")

    monkeypatch.setattr("campaign.lib.jobs.valkey", away)

    rate.note(delivery.pk, at=clock.now())
    assert (going(delivery).set_rate, going(delivery).achieved) == (10, None)


def test_the_block_the_command_and_doctor_say_it(relay):
    delivery = limited(DeliveryFactory(sending=True, recipients=30), 10)
    jobs.drain(delivery_id=delivery.pk)
    starter = person("start", root())
    client = Client()
    client.force_login(starter)

    page = client.get(f"/deliveries/{delivery.pk}/deployment/").content.decode()
    out, as_json, diagnosed = StringIO(), StringIO(), StringIO()
    call_command("show_delivery", delivery.name, stdout=out)
    call_command("show_delivery", delivery.name, "--json", stdout=as_json)
    with pytest.raises(CommandError):
        call_command("doctor", stdout=diagnosed, stderr=diagnosed)

    for text in ("10 an hour", "its own limit of 10 an hour", "about 3 hours"):
        assert text in page
    assert "Limited by  its own limit of 10 an hour" in out.getvalue()
    assert json.loads(as_json.getvalue())["pace"] == {
        "set": 10, "achieved": None, "factor": "delivery", "limited_by": "its own limit of 10 an hour",
        "seconds_left": 10800,
    }  # fmt: skip
    assert "How fast it leaves is decided by its own limit of 10 an hour." in diagnosed.getvalue()


def test_no_callout_says_it_again_on_the_dashboard(relay):
    delivery = limited(DeliveryFactory(sending=True), 10)
    jobs.drain(delivery_id=delivery.pk)

    assert [one.code for one in diagnosis.about_itself(delivery, at=clock.now())] == []
    control.pause(delivery=delivery, by=person("start", delivery.unit), at=clock.now())


def test_a_limit_that_outlasts_the_validity_period_is_a_fault(relay):
    delivery = limited(DeliveryFactory(sending=True, recipients=3, validity_hours=1), 1)
    jobs.drain(delivery_id=delivery.pk)

    found = diagnosis.about_itself(Delivery.objects.get(pk=delivery.pk), at=clock.now())

    assert [one.code for one in found if one.is_fault] == ["too_slow"]
