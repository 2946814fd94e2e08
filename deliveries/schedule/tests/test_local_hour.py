"""A delivery at a local hour in each recipient's zone: prepared, confirmed, gated, sent."""

import json
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.core.management import call_command
from django.urls import reverse

from audiences.models import Profile
from campaign.lib import clock
from deliveries import drafting, jobs
from deliveries.confirmation import decisions as confirmation
from deliveries.models import Chunk, Delivery, Exclusion, Message, Moment, Status
from deliveries.overview import diagnosis
from deliveries.preparation import verbs as preparation
from deliveries.schedule import planning, rescheduling
from deliveries.tests.factories import person
from deliveries.tests.schedules import at_nine
from deliveries.tests.sends import send

pytestmark = pytest.mark.django_db(transaction=True)
ZONES = ["Pacific/Kiritimati", "Asia/Kathmandu", "America/Sao_Paulo", "Etc/GMT+12", ""]


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


def test_who_decides_anew_is_told_the_old_and_the_new_hour():
    delivery = at_nine("Asia/Tokyo", day=date(2031, 6, 10), ready=True)

    drafting.edit(delivery=delivery, by=person("prepare", delivery.unit), at=clock.now(), past_choice="now")

    delivery.refresh_from_db()
    said = rescheduling.in_words(delivery)
    assert "whose hour has passed: at the same hour of the next day to 10 Jun 2031 at 09:00" in said
    assert "whose hour has passed: now, with OK. Recipients" in said


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


# -- those whose hour has passed once it is confirmed ---------------------------------------------------------


def confirmed_at(delivery, moment):
    """Confirmed at that moment; the moments of its zones as they stand then."""
    delivery.refresh_from_db()
    starter = person("start", delivery.unit)
    with clock.shifted(moment - clock.now()):
        confirmation.confirm(delivery=delivery, seal=delivery.seal, by=starter, at=moment)
    return {moment.zone: moment.not_before for moment in Moment.objects.filter(delivery=delivery)}


DAY = date(2031, 6, 10)
NOON_IN_TOKYO = datetime(2031, 6, 10, 3, 0, tzinfo=UTC)
TOKYO, SAO_PAULO = datetime(2031, 6, 10, 0, 0, tzinfo=UTC), datetime(2031, 6, 10, 12, 0, tzinfo=UTC)


def test_confirmed_after_the_hour_they_get_it_at_the_same_hour_of_the_next_day():
    delivery = at_nine("Asia/Tokyo", "America/Sao_Paulo", day=DAY, ready=True)

    gates = confirmed_at(delivery, NOON_IN_TOKYO)

    assert gates == {"Asia/Tokyo": TOKYO + timedelta(days=1), "America/Sao_Paulo": SAO_PAULO}
    assert zones_by_gate(delivery)["Asia/Tokyo"] == {TOKYO + timedelta(days=1)}


def test_confirmed_after_the_hour_they_get_it_now(relay):
    delivery = at_nine("Asia/Tokyo", "America/Sao_Paulo", day=DAY, past="now", ready=True)

    gates = confirmed_at(delivery, NOON_IN_TOKYO)
    with clock.shifted(NOON_IN_TOKYO - clock.now() + timedelta(seconds=1)):
        send(delivery)

    assert gates == {"Asia/Tokyo": NOON_IN_TOKYO, "America/Sao_Paulo": SAO_PAULO}
    assert len(relay.recipients()) == 2


def test_now_waits_for_the_grace_delay(settings):
    settings.SINETE = settings.SINETE | {"grace_seconds": 30}
    delivery = at_nine("Asia/Tokyo", "America/Sao_Paulo", day=DAY, past="now", ready=True)

    gates = confirmed_at(delivery, NOON_IN_TOKYO)

    assert gates["Asia/Tokyo"] == NOON_IN_TOKYO + timedelta(seconds=30)


def test_who_would_have_to_be_left_out_after_all_keeps_it_from_being_confirmed():
    delivery = at_nine("Asia/Tokyo", "America/Sao_Paulo", day=DAY, past="leave_out", ready=True)

    with pytest.raises(planning.HourPassed, match="2 people"):
        confirmed_at(delivery, NOON_IN_TOKYO)

    assert Delivery.objects.get(pk=delivery.pk).status == Status.READY


def test_prepared_anew_those_are_left_out_with_their_cause():
    delivery = at_nine("Asia/Tokyo", "America/Sao_Paulo", day=DAY, past="leave_out", ready=True)
    by = person("prepare", delivery.unit)

    with clock.shifted(NOON_IN_TOKYO - clock.now()):
        run = preparation.start(delivery=delivery, by=by, at=clock.now())
        preparation.run(preparation_id=run.pk)

    delivery.refresh_from_db()
    assert delivery.preparation.causes["hour_passed"] == 2
    assert confirmed_at(delivery, NOON_IN_TOKYO) == {"America/Sao_Paulo": SAO_PAULO}


def test_an_hour_that_has_passed_everywhere_fails_the_preparation():
    delivery = at_nine("Asia/Tokyo", day=clock.now().date() - timedelta(days=3))

    run = preparation.start(delivery=delivery, by=person("prepare", delivery.unit), at=clock.now())
    preparation.run(preparation_id=run.pk)

    run.refresh_from_db()
    assert [finding["code"] for finding in run.errors] == ["date_passed"]


# -- what people see ------------------------------------------------------------------------------------------


def test_the_second_step_shows_first_and_last_moment_in_both_zones_and_what_has_passed(client):
    delivery = at_nine("Asia/Tokyo", "America/Sao_Paulo", "", day=DAY, ready=True)
    client.force_login(person("start", delivery.unit))

    with clock.shifted(NOON_IN_TOKYO - clock.now()):
        page = client.get(reverse("deliveries:confirm", args=[delivery.pk])).content.decode()

    assert "6 people at 3 moments" in page
    assert "10 Jun 2031, 09:00 Europe/Paris" in page
    assert "11 Jun 2031, 09:00" in page
    assert "For 2 people the hour has passed. Chosen for that: At the same hour of the next day." in page
    assert "2 people have no time zone and get that of Europe/Paris." in page
    assert "<svg" in page


@pytest.mark.parametrize("name", ["dashboard", "confirm"])
def test_the_pages_cost_the_same_however_many_zones(client, name, django_assert_max_num_queries):
    delivery = at_nine(*ZONES, day=DAY, ready=True)
    client.force_login(person("start", delivery.unit))
    client.get(reverse(f"deliveries:{name}", args=[delivery.pk]))

    with django_assert_max_num_queries(40):
        client.get(reverse(f"deliveries:{name}", args=[delivery.pk]))


def test_show_delivery_tells_the_plan(capsys):
    delivery = at_nine("Asia/Tokyo", "America/Sao_Paulo", day=DAY, ready=True)

    call_command("show_delivery", delivery.name, "--json")

    plan = json.loads(capsys.readouterr().out)["plan"]
    assert [row["people"] for row in plan["rows"]] == [2, 2]
    assert plan["rows"][0]["zones"][0]["local"] == "2031-06-10T09:00+09:00"
    assert plan["past_choice"] == "next_day"


def test_between_two_moments_the_block_says_when_the_next_is(relay, client):
    delivery = at_nine("Asia/Tokyo", "America/Sao_Paulo", scheduled=True)
    tokyo = Moment.objects.get(delivery=delivery, zone="Asia/Tokyo").not_before
    client.force_login(person("start", delivery.unit))

    with clock.shifted(tokyo - clock.now() + timedelta(minutes=1)):
        send(delivery)
        jobs.tick()
        block = client.get(reverse("reporting:block", args=[delivery.pk])).content.decode()
        waits = [one.code for one in diagnosis.of_delivery(delivery, at=clock.now())]

    assert "Sending, between two moments" in block
    assert "1 moment to go" in block
    assert "first message left" in block
    assert "next_moment" in waits
