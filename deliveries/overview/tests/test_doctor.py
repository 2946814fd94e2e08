"""Why a delivery does not move: one sentence for each cause, on the page and by command, with an exit code."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import django_rq
import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse
from django.utils.html import escape

from accounts.models import User
from accounts.roles import root
from campaign import cron
from campaign.lib import clock
from deliveries.models import Chunk, Instance, Message, MessageStatus, Status, Try
from deliveries.overview import diagnosis
from deliveries.overview.diagnosis import installation
from deliveries.preparation import verbs as preparation
from deliveries.routing import routes
from deliveries.sending import fence
from deliveries.sending.control import halts
from deliveries.sending.exchange import connection_parameters
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.schedules import at_nine
from deliveries.tests.sends import send

pytestmark = pytest.mark.django_db


def codes(found):
    return {(one.code, one.is_fault) for one in found}


def of(delivery):
    delivery.refresh_from_db()
    return diagnosis.of_delivery(delivery, at=clock.now())


@pytest.fixture
def staffed(monkeypatch, settings):
    """Somebody listens to every queue, cron lives, and links lead where the world can reach them."""
    monkeypatch.setattr("campaign.lib.jobs.workers_alive", lambda queue: 1)
    monkeypatch.setattr("campaign.lib.jobs.last_sign_of_cron", lambda: datetime.now(UTC))
    settings.PUBLIC_URL = "https://mail.example.com"


def test_a_send_without_a_worker_is_a_fault():
    found = codes(of(DeliveryFactory(sending=True)))

    assert {("no_worker_send", True), ("no_worker_tick", True)} <= found


def test_a_send_with_workers_has_nothing_to_complain_of(staffed):
    assert of(DeliveryFactory(sending=True)) == []


@pytest.mark.parametrize(
    ("stage", "code"),
    [("awaiting_approval", "awaits_approval"), ("ready", "awaits_confirmation"), ("paused", "paused")],
)
def test_what_waits_for_a_person_names_whom_and_is_no_fault(stage, code, staffed):
    delivery = DeliveryFactory(**{stage: True})
    somebody = person("approve" if stage == "awaiting_approval" else "start", delivery.unit)

    (one,) = of(delivery)

    assert (one.code, one.is_fault) == (code, False)
    assert str(somebody) in one.text


def test_what_nobody_may_decide_is_a_fault(staffed):
    assert codes(of(DeliveryFactory(awaiting_approval=True))) == {("nobody_may", True)}


def test_a_gate_that_is_not_reached_tells_the_time_left(staffed):
    tomorrow = clock.now() + timedelta(hours=25)
    delivery = DeliveryFactory(scheduled=True, schedule_kind="at_date", contact_date=tomorrow)

    (one,) = of(delivery)

    assert (one.code, one.is_fault) == ("gate", False)
    assert "1\xa0day" in one.text


def test_a_relay_that_turned_us_away_is_named_with_its_words(staffed):
    delivery = DeliveryFactory(sending=True)
    routes.open_breaker(routes.route_of(delivery).pk, because="535 5.7.8 No", at=clock.now())

    (one,) = of(delivery)

    assert (one.code, one.is_fault) == ("relay_rests", True)
    assert "535 5.7.8 No" in one.text


def test_a_lease_that_ran_out_names_its_worker(staffed):
    delivery = DeliveryFactory(sending=True)
    Chunk.objects.filter(delivery=delivery).update(
        lease_by="ab12:77@host-7", lease_until=clock.now() - timedelta(seconds=1)
    )

    (one,) = of(delivery)

    assert (one.code, one.is_fault) == ("lease_expired", True)
    assert "77@host-7" in one.text


def test_later_tries_tell_when_the_next_one_is(staffed):
    delivery = DeliveryFactory(sending=True, recipients=1)
    Message.objects.filter(delivery=delivery).update(status=MessageStatus.RETRYING, tries=1)
    Try.objects.create(delivery=delivery, seq=1, due_at=clock.now() + timedelta(minutes=5), tries=1)

    assert codes(of(delivery)) == {("later_tries", False)}


def test_a_preparation_that_nobody_takes_up_is_a_fault(staffed):
    delivery = DeliveryFactory()

    preparation.start(
        delivery=delivery, by=person("prepare", delivery.unit), at=clock.now() - timedelta(minutes=5)
    )

    assert codes(of(delivery)) == {("preparation_stuck", True)}


def test_a_copy_that_must_not_send_says_so(staffed):
    delivery = DeliveryFactory(sending=True)
    assert fence.problem() is None
    Instance.objects.update(system="another server")

    assert codes(of(delivery)) == {("fenced", True)}


def test_the_installation_of_a_test_is_sound_but_for_its_workers(settings):
    settings.DEBUG = True
    found = codes(diagnosis.of_installation(at=clock.now()))

    assert {code for code, _fault in found} == {
        "no_cron",
        *(f"no_worker_{queue}" for queue in ("send", "tick", "steps", "counts", "preparation", "default")),
    }


def test_a_postgresql_that_forgets_is_a_fault(staffed):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")

    assert codes(diagnosis.of_installation(at=clock.now())) == {("not_durable", True)}


def test_a_queue_that_is_away_is_said_once(monkeypatch, staffed):
    monkeypatch.setattr("campaign.lib.jobs.is_reachable", lambda: False)

    assert codes(diagnosis.of_installation(at=clock.now())) == {("queue_away", True)}


def doctor(*arguments):
    out = StringIO()
    code = 0
    try:
        call_command("doctor", *arguments, stdout=out)
    except CommandError as error:
        code = error.returncode
    except SystemExit as leaving:
        code = leaving.code
    return code, out.getvalue()


def test_the_command_leaves_with_0_where_all_that_waits_does_so_rightly(staffed):
    delivery = DeliveryFactory(paused=True)

    code, said = doctor(delivery.name)

    assert code == 0
    assert "paused it at" in said


def test_the_command_leaves_with_1_where_something_is_wrong_and_says_what(staffed, settings):
    settings.RELAY_URL = "smtp://127.0.0.1:9"
    delivery = DeliveryFactory(sending=True)

    code, said = doctor("--json")

    (found,) = json.loads(said)["deliveries"]
    assert code == 1
    assert found["delivery"] == delivery.name
    assert [one["code"] for one in found["diagnoses"]] == ["relay_unreachable"]


def test_a_delivery_that_is_not_there_is_wrong_usage():
    assert doctor("DM999999")[0] == 2


def test_the_dashboard_says_who_paused_it(client):
    delivery = DeliveryFactory(paused=True)
    client.force_login(person("prepare", delivery.unit))

    page = client.get(reverse("deliveries:dashboard", args=[delivery.pk])).content.decode()

    assert f"{person('start', delivery.unit)} paused it at" in page


@pytest.mark.django_db(transaction=True)
def test_what_is_over_has_nothing_to_say(relay):
    delivery = DeliveryFactory(scheduled=True)
    send(delivery)

    assert delivery.status == Status.FINISHED
    assert of(delivery) == []


@pytest.mark.parametrize("stage", ["ready", "paused"])
def test_what_nobody_can_release_while_all_sending_is_stopped_says_so(stage, staffed):
    delivery = DeliveryFactory(**{stage: True})
    halts.stop_all(unit=root(), by=person("start", root()), at=clock.now(), reason="Wrong price")

    assert ("halted", True) in codes(of(delivery))


def test_a_relay_address_that_makes_no_sense_is_named(staffed, settings):
    settings.RELAY_URL = "http://relay"
    delivery = DeliveryFactory(sending=True)
    routes.default_route()

    assert codes(diagnosis.of_relay(delivery)) == {("relay_misconfigured", True)}


def test_show_delivery_says_the_same():
    delivery = DeliveryFactory(paused=True)
    out = StringIO()

    call_command("show_delivery", delivery.name, stdout=out)

    assert "paused it at" in out.getvalue()


# -- the parts that everything runs on -------------------------------------------------------------------


def fail() -> None:
    raise RuntimeError("as it must")


@pytest.mark.parametrize(("times", "found"), [(2, set()), (3, {("jobs_fail", True)})])
def test_a_job_that_fails_again_and_again_is_named(times, found, staffed, work):
    for _ in range(times):
        django_rq.get_queue("preparation").enqueue("deliveries.overview.tests.test_doctor.fail")
    work(raising=False)

    diagnoses = diagnosis.of_installation(at=clock.now())

    assert codes(diagnoses) == found
    assert all("deliveries.overview.tests.test_doctor.fail" in one.text for one in diagnoses)


def test_failures_of_yesterday_are_no_fault_of_today(staffed, work, monkeypatch):
    for _ in range(3):
        django_rq.get_queue("default").enqueue("deliveries.overview.tests.test_doctor.fail")
    work(raising=False)
    monkeypatch.setattr(installation, "FAILURES_WITHIN", timedelta(0))

    assert diagnosis.of_installation(at=clock.now()) == []


def test_cron_gives_a_sign_of_life(staffed, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr("campaign.lib.jobs.workers_alive", lambda queue: 1)
    assert ("no_cron", True) in codes(diagnosis.of_installation(at=clock.now()))

    cron.scheduler().register_birth()

    assert ("no_cron", True) not in codes(diagnosis.of_installation(at=clock.now()))


def test_a_cron_that_fell_silent_is_a_fault(staffed, monkeypatch):
    monkeypatch.setattr(
        "campaign.lib.jobs.last_sign_of_cron", lambda: datetime.now(UTC) - timedelta(minutes=2)
    )

    assert codes(diagnosis.of_installation(at=clock.now())) == {("no_cron", True)}


def test_a_disk_that_is_nearly_full_is_a_fault(staffed, monkeypatch):
    monkeypatch.setattr(installation, "SPOOL_BYTES", 2**62)

    assert codes(diagnosis.of_installation(at=clock.now())) == {("disk_full", True)}


def test_a_postgresql_short_of_connections_is_a_fault(staffed, monkeypatch):
    monkeypatch.setattr(installation, "CROWDED", 0.001)

    assert codes(diagnosis.of_installation(at=clock.now())) == {("connections_short", True)}


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "https://localhost", "http://mail.example.com"])
def test_links_that_lead_nowhere_are_a_fault_once_debug_is_off(staffed, settings, url):
    settings.PUBLIC_URL = url

    assert codes(diagnosis.of_installation(at=clock.now())) == {("public_url", True)}
    settings.DEBUG = True
    assert diagnosis.of_installation(at=clock.now()) == []


@pytest.mark.parametrize("because", ["535 5.7.8 No", f"{routes.UNSIGNED}: no key"])
def test_the_deployment_block_says_doctors_sentence_of_a_relay_that_rests(client, staffed, because):
    delivery = DeliveryFactory(sending=True)
    routes.open_breaker(routes.route_of(delivery).pk, because=because, at=clock.now())
    client.force_login(person("prepare", delivery.unit))

    block = client.get(reverse("reporting:block", args=[delivery.pk])).content.decode()

    (one,) = of(delivery)
    assert escape(one.text) in block


def test_the_banner_says_doctors_sentence_of_a_queue_without_a_worker(client):
    delivery = DeliveryFactory(sending=True)
    client.force_login(person("prepare", delivery.unit))

    page = client.get(reverse("deliveries:dashboard", args=[delivery.pk])).content.decode()

    sentences = [one.text for one in of(delivery) if one.code.startswith("no_worker")]
    assert len(sentences) == 2
    assert all(sentence in page for sentence in sentences)


def test_a_confirmer_who_was_deactivated_since_holds_nothing_up_and_is_named(staffed):
    delivery = DeliveryFactory(sending=True)
    confirmer = delivery.confirmations.get().by
    confirmer.is_active = False
    confirmer.save()

    (one,) = of(delivery)

    assert (one.code, one.is_fault) == ("confirmer_gone", False)
    assert f"{confirmer}, who confirmed it, can no longer sign in" in one.text


def test_what_a_deactivated_person_confirmed_still_leaves(transactional_db, relay):
    delivery = DeliveryFactory(scheduled=True, recipients=2)
    User.objects.update(is_active=False)

    send(delivery)

    assert (len(relay.recipients()), delivery.status) == (2, Status.FINISHED)


def test_clocks_that_a_country_changed_since_the_preparation_are_a_fault(staffed):
    delivery = at_nine("Europe/Lisbon", "America/Sao_Paulo", scheduled=True)
    assert "clocks_changed" not in {one.code for one in of(delivery)}
    moment = delivery.moments.order_by("number").last()
    moment.not_before += timedelta(hours=1)  # as if its clocks had been an hour behind when it was prepared
    moment.save(update_fields=["not_before"])

    (one,) = [one for one in of(delivery) if one.code == "clocks_changed"]

    assert one.is_fault
    assert moment.zone in one.text


def test_the_installation_says_what_a_failover_to_its_standby_may_lose(transactional_db):
    assert "standby_asynchronous" not in {one.code for one in diagnosis.of_installation(at=clock.now())}
    address = connection_parameters() | {"replication": "true", "autocommit": True}
    address.pop("options", None)

    with psycopg.connect(**address) as standby:
        assert standby.execute("IDENTIFY_SYSTEM").fetchone()
        (one,) = [
            each for each in diagnosis.of_installation(at=clock.now()) if each.code == "standby_asynchronous"
        ]

    assert not one.is_fault
    assert "adopt_instance" in one.text
