"""A copy or a restored backup is adopted by an administrator, who sees before what becomes of everything in it."""

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from django.urls import reverse

from accounts.access import NotAllowed
from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UserFactory
from campaign.lib import clock
from campaign.tests.waiting import somebody_waits_for_a_lock, wait_until
from deliveries.confirmation import decisions as confirmation
from deliveries.ledger import books
from deliveries.models import Doubt, Status, Try
from deliveries.operations import instances
from deliveries.sending import control, fence
from deliveries.tests.copying import set_back, statuses, tick_and_drain, url_of_test_database
from deliveries.tests.factories import NEXT_WEEK, DeliveryFactory, person
from deliveries.tests.scripted_lanes import ScriptedPool, run_lane
from deliveries.tests.workers import manage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_disk")]


def test_adopting_holds_what_was_sending_with_all_open_rows_in_doubt(administrator):
    delivery = DeliveryFactory(sending=True, recipients=6)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE deliveries_message SET status = 1, tries = 1 WHERE seq = 1")
        cursor.execute("UPDATE deliveries_message SET status = 3, tries = 1 WHERE seq = 2")
        cursor.execute("UPDATE deliveries_chunk SET handed_upto = 2")
        cursor.execute(
            "INSERT INTO deliveries_try (delivery_id, seq, due_at, tries) VALUES (%s, 2, now(), 1)",
            [delivery.pk],
        )
    set_back()

    receipt = instances.adopt(by=administrator, at=clock.now())

    delivery.refresh_from_db()
    assert (receipt.in_doubt, Doubt.objects.count(), Try.objects.count()) == (5, 5, 0)
    assert delivery.status == Status.PAUSED
    assert books.imbalance(delivery) == {}
    assert AuditEvent.objects.get(action="adopt_instance").actor == administrator


def test_keeping_the_unfinished_pauses_it_and_doubts_nothing(relay, administrator):
    delivery = DeliveryFactory(sending=True)
    set_back()

    instances.adopt(by=administrator, at=clock.now(), keep_unfinished=True)
    delivery.refresh_from_db()
    control.resume(delivery=delivery, by=person("start", delivery.unit), at=clock.now())
    tick_and_drain(delivery)

    assert delivery.status == Status.FINISHED
    assert len(relay.recipients()) == 3


def test_what_is_dated_ahead_goes_back_to_ready_without_its_confirmation(administrator):
    delivery = DeliveryFactory(ready=True, schedule_kind="at_date", contact_date=clock.now() + NEXT_WEEK)
    confirmation.confirm(
        delivery=delivery, seal=delivery.seal, by=person("start", delivery.unit), at=clock.now()
    )
    set_back()

    instances.adopt(by=administrator, at=clock.now())

    delivery.refresh_from_db()
    assert delivery.status == Status.READY
    assert statuses(delivery) == {"PREPARED"}
    assert not delivery.confirmations.filter(taken_back_at=None).exists()


def test_only_administrators_of_everything_adopt():
    set_back()

    with pytest.raises(NotAllowed):
        instances.adopt(by=person("start", root()), at=clock.now())


def test_an_instance_at_home_has_nothing_to_adopt(administrator):
    with pytest.raises(instances.NothingToAdopt):
        instances.adopt(by=administrator, at=clock.now())


def test_the_command_prints_a_receipt(capsys, administrator):
    delivery = DeliveryFactory(sending=True)
    set_back()

    call_command("adopt_instance", person=administrator.username)

    printed = capsys.readouterr().out
    assert f"{delivery.name} “{delivery.label}”: sending → paused, 3 with an unknown outcome" in printed


def test_every_page_of_a_copy_says_so(client, administrator):
    set_back()
    client.force_login(administrator)

    page = client.get("/deliveries/", follow=True).content.decode()

    assert "This is a copy: nothing is sent." in page
    assert "adopt_instance" in page


# -- adoption under way -------------------------------------------------------------------------------------


def test_an_adoption_that_is_killed_half_way_is_carried_on_by_the_next(settings, administrator):
    first, second = (DeliveryFactory(sending=True, recipients=4) for _ in range(2))
    set_back()
    command = ("adopt_instance", "--as", administrator.username)

    with psycopg.connect(url_of_test_database()) as other:
        other.execute("SELECT 1 FROM deliveries_delivery WHERE id = %s FOR UPDATE", [second.pk])
        with manage(*command, SINETE_ANCHOR_FOLDER=str(settings.ANCHOR_FOLDER)) as process:
            wait_until(lambda: Doubt.objects.filter(delivery=first).count() == 4, "the first is held")
            wait_until(somebody_waits_for_a_lock, "it waits for the second")
            process.kill()
            process.wait()
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted")

    assert isinstance(fence.problem(), fence.SetBack)
    second.refresh_from_db()
    assert second.status == Status.SENDING
    receipt = instances.adopt(by=administrator, at=clock.now())
    assert fence.problem() is None
    assert {held.delivery: held.in_doubt for held in receipt.deliveries} == {first.name: 0, second.name: 4}
    for delivery in (first, second):
        delivery.refresh_from_db()
        assert delivery.status == Status.PAUSED
        assert Doubt.objects.filter(delivery=delivery).count() == 4
        assert books.imbalance(delivery) == {}


def test_a_lane_that_comes_back_to_a_restored_database_hands_nothing_over():
    delivery = DeliveryFactory(sending=True, recipients=100)
    backends: list[int] = []
    handed: list[int] = []

    async def restore_after_the_first_window(pool):
        if pool.waiting and not handed:
            handed.append(len(pool.waiting))
            with psycopg.connect(url_of_test_database(), autocommit=True) as other:
                other.execute("UPDATE deliveries_instance SET mark = 0")
                other.execute("SELECT pg_terminate_backend(%s)", backends)
        return pool.take(len(pool.waiting))

    def note_the_backend(lane):
        backends.append(lane.ledger.connection.info.backend_pid)

    run_lane(delivery, ScriptedPool(restore_after_the_first_window), before=note_the_backend)

    assert isinstance(fence.problem(), fence.SetBack)
    assert 0 < handed[0] < 100
    assert delivery.chunks.get().handed_upto == handed[0]


# -- what people may do meanwhile -------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["ready", "paused"])
def test_nobody_releases_anything_from_a_copy_and_is_told_why_in_the_banners_words(client, stage):
    delivery = DeliveryFactory(**{stage: True})
    set_back()
    client.force_login(person("start", delivery.unit))
    name = "confirm" if stage == "ready" else "resume"

    answer = client.post(
        reverse(f"deliveries:{name}", args=[delivery.pk]), {"seal": delivery.seal}, follow=True
    )

    delivery.refresh_from_db()
    assert delivery.status == stage
    places = 2 if stage == "ready" else 3  # the banner, the refusal, and what stands in place of “Resume”
    assert answer.content.decode().count(str(fence.problem())) == places
    assert AuditEvent.objects.filter(refused=True).exists()


DESK = "/admin/deliveries/instance/"


def test_operators_see_what_adopting_does_and_do_it_at_the_desk(client):
    delivery = DeliveryFactory(sending=True, recipients=6)
    set_back()
    client.force_login(UserFactory(is_staff=True, roles={"administration": root()}))

    index = client.get("/admin/").content.decode()
    asked = client.get(DESK).content.decode()
    assert isinstance(fence.problem(), fence.SetBack)
    said = client.post(f"{DESK}adopt/", follow=True).content.decode()

    assert "This is a copy: nothing is sent." in index
    assert DESK in index
    assert delivery.label in asked
    assert "6 messages of unknown outcome" in asked
    assert "1 deliveries are held, 6 messages have an unknown outcome" in said
    assert fence.problem() is None
    assert AuditEvent.objects.get(action="adopt_instance").face == "admin"


def test_the_desk_says_what_becomes_of_each(administrator):
    sending = DeliveryFactory(sending=True, recipients=2)
    due = DeliveryFactory(scheduled=True, recipients=3)
    ahead = DeliveryFactory(scheduled=True, schedule_kind="at_date", contact_date=clock.now() + NEXT_WEEK)

    foreseen = instances.foresee(by=administrator, at=clock.now())
    receipt = instances.adopt(by=administrator, at=clock.now(), again=True)

    assert [(one.delivery, one.becomes, one.open_rows) for one in foreseen] == [
        (sending, "paused", 2), (due, "paused", 3), (ahead, "ready", 3),
    ]  # fmt: skip
    assert [(held.now, held.in_doubt) for held in receipt.deliveries] == [
        ("paused", 2), ("paused", 3), ("ready", 0),
    ]  # fmt: skip


def test_an_instance_at_home_is_not_adopted_by_a_mere_click(client, administrator):
    client.force_login(administrator)

    said = client.post(f"{DESK}adopt/", follow=True).content.decode()

    assert "This instance is at home" in said
    assert not AuditEvent.objects.filter(action="adopt_instance", refused=False).exists()


def test_nobody_else_sees_or_adopts_the_instance(client):
    set_back()
    client.force_login(UserFactory(is_staff=True, roles={"start": root()}))

    assert client.get(DESK).status_code == 403
    assert client.post(f"{DESK}adopt/").status_code == 403
    assert DESK not in client.get("/admin/").content.decode()
    assert isinstance(fence.problem(), fence.SetBack)
