"""A delivery in waves: they leave one after the other, and a bad one holds the next until a person lets it go."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts.access import NotAllowed
from accounts.models import ApprovalPolicy, AuditEvent
from accounts.tests.factories import UnitFactory
from campaign.lib import clock
from deliveries import drafting, jobs
from deliveries.confirmation import decisions as confirmation
from deliveries.models import Chunk, Instance, Moment, Status
from deliveries.schedule import validation
from deliveries.sending import fence
from deliveries.sending.control import waves
from deliveries.sending.tests.waves import at_time, gates, in_waves, refuse_first_of_wave
from deliveries.tests.factories import person
from deliveries.tests.sends import send

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)


def held(delivery):
    """The delivery with its second wave held, and the moment at which it is."""
    moment = gates(delivery)[1] + timedelta(minutes=1)
    with at_time(moment):
        send(delivery)
    return moment


@pytest.mark.parametrize(
    ("by", "value", "sizes"),
    [("number", 3, [4, 4, 4]), ("number", 5, [3, 3, 2, 2, 2]), ("share", 40, [5, 5, 2]), ("size", 7, [7, 5])],
)
def test_waves_are_consecutive_and_no_chunk_holds_rows_of_two(by, value, sizes):
    delivery = in_waves(ready=True, wave_by=by, wave_value=value)

    moments = Moment.objects.filter(delivery=delivery).order_by("number")
    chunks = Chunk.objects.filter(delivery=delivery).order_by("number")

    assert [moment.people for moment in moments] == sizes
    assert [(c.moment, c.seq_from, c.seq_to) for c in chunks] == [
        (m.number, m.seq_from, m.seq_to) for m in moments
    ]


def test_the_first_leaves_with_ok_and_the_others_an_interval_later_each(relay):
    delivery = in_waves(scheduled=True)
    first, second, third = gates(delivery)

    assert (second - first, third - second) == (HOUR, HOUR)
    counts = []
    for moment in (first, first + HOUR / 2, second, second + HOUR / 2, third):
        with at_time(moment + timedelta(seconds=10)):
            send(delivery)
        counts.append(len(relay.recipients()))
    assert counts == [4, 4, 8, 8, 12]
    assert delivery.status == Status.FINISHED


def test_taken_back_and_confirmed_again_the_waves_count_from_the_second_ok():
    delivery = in_waves(unit=UnitFactory(approval_policy=ApprovalPolicy.NONE), scheduled=True)
    starter = person("start", delivery.unit)
    confirmation.take_back(delivery=delivery, by=starter, at=clock.now())

    later = clock.now() + 2 * HOUR
    delivery.refresh_from_db()
    confirmation.confirm(delivery=delivery, seal=delivery.seal, by=starter, at=later)

    assert gates(delivery) == [later, later + HOUR, later + 2 * HOUR]


def test_a_wave_is_held_when_those_before_it_bounced_too_much(relay):
    delivery = in_waves(scheduled=True)
    refuse_first_of_wave(relay, delivery, 1)
    send(delivery)

    held(delivery)

    wave = waves.held(delivery)
    assert (wave.number, wave.held_percent) == (2, 50)
    assert len(relay.recipients()) == 2
    assert delivery.status == Status.SENDING
    assert "Wave 2 is held" in delivery.log.first().message


def test_the_claim_holds_the_wave_even_if_no_tick_looks(relay):
    delivery = in_waves(scheduled=True)
    refuse_first_of_wave(relay, delivery, 1)
    send(delivery)

    with at_time(gates(delivery)[1] + timedelta(minutes=1)):
        jobs.drain(delivery_id=delivery.pk)

    assert waves.held(delivery).number == 2
    assert len(relay.recipients()) == 2


def test_below_the_limit_no_wave_is_held(relay):
    delivery = in_waves(scheduled=True, wave_limit=50)
    refuse_first_of_wave(relay, delivery, 1)
    send(delivery)

    held(delivery)

    assert waves.held(delivery) is None
    assert len(relay.recipients()) == 6


def test_without_a_limit_no_wave_is_ever_held(relay):
    delivery = in_waves(scheduled=True, wave_limit=None)
    refuse_first_of_wave(relay, delivery, 1)
    send(delivery)

    held(delivery)

    assert waves.held(delivery) is None


def test_a_released_wave_leaves_at_once_and_the_next_an_interval_later(relay):
    delivery = in_waves(scheduled=True)
    refuse_first_of_wave(relay, delivery, 1)
    send(delivery)
    moment = held(delivery) + 5 * HOUR

    with at_time(moment):
        at = clock.now()
        waves.release(delivery=delivery, by=person("start", delivery.unit), at=at)
        send(delivery)

    assert len(relay.recipients()) == 6
    assert gates(delivery)[1:] == [at, at + HOUR]
    assert AuditEvent.objects.filter(action="release_wave").count() == 1


def test_a_held_wave_does_not_run_out_of_its_validity_while_it_waits(relay):
    delivery = in_waves(scheduled=True, validity_hours=2)
    refuse_first_of_wave(relay, delivery, 1)
    send(delivery)
    moment = held(delivery) + 48 * HOUR

    with at_time(moment):
        jobs.tick()
        waves.release(delivery=delivery, by=person("start", delivery.unit), at=clock.now())
        send(delivery)

    assert len(relay.recipients()) == 6


def test_after_an_outage_waves_do_not_leave_together(relay):
    delivery = in_waves(scheduled=True)
    late = gates(delivery)[2] + HOUR

    with at_time(late):
        send(delivery)
        send(delivery)

    assert len(relay.recipients()) == 4
    with at_time(late + HOUR):
        send(delivery)
        send(delivery)
    assert len(relay.recipients()) == 8


def test_who_may_not_start_releases_nothing(relay):
    delivery = in_waves(scheduled=True)
    refuse_first_of_wave(relay, delivery, 1)
    send(delivery)
    held(delivery)

    with pytest.raises(NotAllowed):
        waves.release(delivery=delivery, by=person("prepare", delivery.unit), at=clock.now())


def test_on_a_copy_no_wave_is_released_and_the_page_has_no_button_for_it(relay, client):
    delivery = in_waves(scheduled=True)
    refuse_first_of_wave(relay, delivery, 1)
    send(delivery)
    held(delivery)
    by = person("start", delivery.unit)
    Instance.objects.update(system="elsewhere/1")
    client.force_login(by)

    page = client.get(reverse("deliveries:dashboard", args=[delivery.pk])).content.decode()

    assert "Wave 2 is held" in page
    assert "Release wave 2" not in page
    with pytest.raises(fence.OtherServer):
        waves.release(delivery=delivery, by=by, at=clock.now())


def test_where_no_wave_is_held_there_is_nothing_to_release():
    delivery = in_waves(sending=True)

    with pytest.raises(waves.NoWaveHeld):
        waves.release(delivery=delivery, by=person("start", delivery.unit), at=clock.now())


def test_the_page_and_the_command_release_it(relay, client, capsys):
    delivery = in_waves(scheduled=True)
    refuse_first_of_wave(relay, delivery, 1)
    send(delivery)
    moment = held(delivery)
    starter = person("start", delivery.unit)
    client.force_login(starter)

    with at_time(moment + timedelta(minutes=1)):
        page = client.get(reverse("deliveries:dashboard", args=[delivery.pk])).content.decode()
        client.post(reverse("deliveries:release-wave", args=[delivery.pk]))

    assert "Release wave 2" in page
    assert waves.held(delivery) is None
    with pytest.raises(CommandError) as refused:
        call_command("release_wave", delivery.name, "--as", starter.username)
    assert refused.value.returncode == 1


@pytest.mark.parametrize(
    ("settings", "refusal"),
    [
        ({"wave_value": None}, validation.WavesIncomplete),
        ({"wave_by": "share", "wave_value": 101}, validation.WavesIncomplete),
        ({"wave_value": 1000}, validation.TooManyWaves),
        ({"wave_minutes": 0}, validation.IntervalOutOfRange),
        ({"wave_limit": 101}, validation.LimitOutOfRange),
    ],
)
def test_waves_that_make_no_sense_are_refused(settings, refusal):
    delivery = in_waves()

    with pytest.raises(refusal):
        drafting.edit(delivery=delivery, by=person("prepare", delivery.unit), at=clock.now(), **settings)
