"""Copies and restored backups, made with PostgreSQL's own tools: they send nothing until somebody adopts them."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection

from campaign.lib import clock
from campaign.stack import services
from deliveries import jobs
from deliveries.ledger import books
from deliveries.models import Instance, Status
from deliveries.operations import instances
from deliveries.sending import fence
from deliveries.tests.copying import (
    dump,
    lose_valkey,
    restore_in_place,
    set_back,
    statuses,
    tick_and_drain,
    tool,
    url_of_test_database,
    using,
)
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.workers import manage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_disk")]


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
            assert books.imbalance(delivery) == {}
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
