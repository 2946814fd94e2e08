"""A delivery at a local hour in each recipient's zone: prepared, confirmed, gated, sent."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from accounts.models import ApprovalPolicy
from accounts.tests.factories import UnitFactory
from audiences.models import Profile
from audiences.tests.factories import AudienceFactory, ProfileFactory
from campaign.lib import clock
from deliveries import confirmation, drafting, jobs
from deliveries.models import Chunk, Exclusion, Message, Moment, Status
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.test_sending import send

pytestmark = pytest.mark.django_db(transaction=True)

ZONES = ["Pacific/Kiritimati", "Asia/Kathmandu", "America/Sao_Paulo", "Etc/GMT+12", ""]


def at_nine(*zones, day=None, past="next_day", unit=None, **more):
    """A delivery at 9:00 to two people of each zone; `day` is a week ahead unless said."""
    unit = unit or UnitFactory(approval_policy=ApprovalPolicy.NONE)
    people = [ProfileFactory(unit=unit, time_zone=zone) for zone in zones for _two in range(2)]
    day = day or (clock.now() + timedelta(days=7)).date()
    return DeliveryFactory(
        **{"unit": unit, "audience": AudienceFactory(unit=unit, members=people), "schedule_kind": "local_hour",
           "local_date": day, "local_hour": time(9, 0), "time_zone": "Europe/Paris", "past_choice": past} | more
    )  # fmt: skip


def zones_by_gate(delivery):
    """For each row of the ledger the gate of its chunk, by the zone of its profile."""
    zones = dict(Profile.objects.values_list("pk", "time_zone"))
    gates = {}
    for chunk in Chunk.objects.filter(delivery=delivery):
        rows = Message.objects.filter(delivery=delivery, seq__range=(chunk.seq_from, chunk.seq_to))
        for profile in rows.values_list("profile_id", flat=True):
            gates.setdefault(zones[profile], set()).add(chunk.not_before)
    return gates


def test_everybody_is_gated_at_nine_of_the_own_zone_and_whoever_has_none_at_that_of_the_delivery():
    day = date(2031, 6, 10)

    delivery = at_nine(*ZONES, day=day, ready=True)

    assert zones_by_gate(delivery) == {
        "Pacific/Kiritimati": {datetime(2031, 6, 9, 19, 0, tzinfo=UTC)},
        "Asia/Kathmandu": {datetime(2031, 6, 10, 3, 15, tzinfo=UTC)},
        "": {datetime(2031, 6, 10, 7, 0, tzinfo=UTC)},
        "America/Sao_Paulo": {datetime(2031, 6, 10, 12, 0, tzinfo=UTC)},
        "Etc/GMT+12": {datetime(2031, 6, 10, 21, 0, tzinfo=UTC)},
    }


def test_messages_stand_in_the_order_of_their_moments():
    delivery = at_nine(*reversed(ZONES), ready=True)

    gates = list(
        Chunk.objects.filter(delivery=delivery).order_by("seq_from").values_list("not_before", flat=True)
    )

    assert gates == sorted(gates)
    assert len(gates) == 5


def test_each_leaves_at_its_own_moment_and_none_before(relay):
    delivery = at_nine("Asia/Tokyo", "America/Sao_Paulo", scheduled=True)
    tokyo, sao_paulo = Moment.objects.filter(delivery=delivery).order_by("number")

    def sent_at(moment):
        with clock.shifted(moment - clock.now()):
            send(delivery)
        return len(relay.recipients())

    minute = timedelta(minutes=1)
    assert sent_at(tokyo.not_before - minute) == 0
    assert sent_at(tokyo.not_before + minute) == 2
    assert delivery.status == Status.SENDING
    assert sent_at(sao_paulo.not_before - minute) == 2
    assert sent_at(sao_paulo.not_before + minute) == 4
    assert delivery.status == Status.FINISHED


def test_validity_counts_from_each_moment(relay):
    delivery = at_nine("Pacific/Kiritimati", "Etc/GMT+12", scheduled=True, validity_hours=1)
    first, last = Moment.objects.filter(delivery=delivery).order_by("number")
    late = Message.objects.filter(delivery=delivery, seq__gte=last.seq_from).first().address
    relay.refuse(late, "451 4.2.0 Later", once=True)

    for moment in (first, last):
        with clock.shifted(moment.not_before - clock.now() + timedelta(minutes=1)):
            send(delivery)
    with clock.shifted(last.not_before - clock.now() + timedelta(minutes=10)):
        send(delivery)

    assert late in relay.recipients()
    assert delivery.status == Status.FINISHED


def test_what_did_not_leave_until_its_validity_was_over_never_leaves(relay):
    delivery = at_nine("Asia/Tokyo", "America/Sao_Paulo", scheduled=True, validity_hours=2)
    tokyo, _sao_paulo = Moment.objects.filter(delivery=delivery).order_by("number")
    with clock.shifted(tokyo.not_before - clock.now() + timedelta(minutes=1)):
        jobs.tick()

    with clock.shifted(tokyo.not_before - clock.now() + timedelta(hours=3)):
        jobs.drain(delivery_id=delivery.pk)
        assert relay.recipients() == []
        jobs.tick()

    rows = Message.objects.filter(delivery=delivery, seq__lte=tokyo.seq_to)
    assert set(rows.values_list("reason", "tries")) == {("expired", 0)}


@pytest.mark.parametrize("past", ["next_day", "now", "leave_out"])
def test_of_those_whose_hour_has_passed_the_schedule_says_what_becomes(past):
    now = clock.now()
    # Today has begun in Kiritimati, and nowhere west of it by more than a day.
    today = (now + timedelta(hours=14)).date()
    delivery = at_nine(
        "Pacific/Kiritimati", "Etc/GMT+12", day=today, past=past, ready=True, local_hour=time(0, 0)
    )

    moments = list(Moment.objects.filter(delivery=delivery).order_by("number"))
    left_out = Exclusion.objects.filter(delivery=delivery, cause="hour_passed").count()

    kiritimati = [m.not_before for m in moments if m.zone == "Pacific/Kiritimati"]
    if past == "leave_out":
        assert kiritimati == []
        assert left_out == 2
        assert delivery.preparation.causes["hour_passed"] == 2
    elif past == "now":
        assert kiritimati == [None]
    else:
        assert kiritimati[0] > now
    assert any(finding["code"] == "hour_passed" for finding in delivery.preparation.warnings)


def test_a_new_hour_keeps_recipients_and_gives_each_zone_its_new_moment():
    delivery = at_nine("Asia/Tokyo", "America/Sao_Paulo", day=date(2031, 6, 10), ready=True)
    before = set(Message.objects.filter(delivery=delivery).values_list("profile_id", "address"))

    drafting.edit(
        delivery=delivery, by=person("prepare", delivery.unit), at=clock.now(), local_hour=time(18, 30),
        local_date=date(2031, 6, 11),
    )  # fmt: skip

    delivery.refresh_from_db()
    assert delivery.status == Status.READY
    assert set(Message.objects.filter(delivery=delivery).values_list("profile_id", "address")) == before
    assert zones_by_gate(delivery) == {
        "Asia/Tokyo": {datetime(2031, 6, 11, 9, 30, tzinfo=UTC)},
        "America/Sao_Paulo": {datetime(2031, 6, 11, 21, 30, tzinfo=UTC)},
    }


@pytest.mark.parametrize("kind", ["at_once", "waves"])
def test_from_a_local_hour_to_another_kind_of_schedule_recipients_stay(kind, relay):
    delivery = at_nine("Asia/Tokyo", "America/Sao_Paulo", ready=True)
    waves = {"wave_by": "number", "wave_value": 1, "wave_minutes": 1} if kind == "waves" else {}

    drafting.edit(
        delivery=delivery, by=person("prepare", delivery.unit), at=clock.now(), schedule_kind=kind, **waves
    )
    delivery.refresh_from_db()
    bring = person("start", delivery.unit)
    confirmation.confirm(delivery=delivery, seal=delivery.seal, by=bring, at=clock.now())
    send(delivery)

    assert len(relay.recipients()) == 4
    assert delivery.status == Status.FINISHED
