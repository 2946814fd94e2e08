"""One run of an import at a time, under a token: with two workers at it, emptied staging, and connections that change."""

import io
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import connection

from accounts.roles import root
from accounts.tests.factories import UserFactory
from audiences import imports
from audiences.imports import Options
from audiences.imports.staging import merging
from audiences.imports.staging.tables import Staging
from audiences.models import Import, Profile
from campaign.lib import clock, leases
from campaign.tests.databases import database_url
from campaign.tests.waiting import wait_until

FILE = "email,first_name\n" + "".join(f"p{n}@example.com,Ana {n}\n" for n in range(7))


@pytest.fixture
def importing(transactional_db, monkeypatch):
    """An import that is started and that nobody carries out yet; its file is read in batches of two rows."""
    monkeypatch.setattr(imports.execution, "BATCH", 2)
    by = UserFactory(roles={"import": root()})
    return imports.start(file=io.BytesIO(FILE.encode()), name="a.csv", unit=root(), by=by, options=Options())


def tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relname LIKE 'import\\_%' AND relkind = 'r' ORDER BY 1"
        )
        return [name for (name,) in cursor.fetchall()]


def before(step: Callable, what: Callable[[], object], *, times: int = 1) -> Callable:
    """The step, with something that happens just before it, the first times."""
    left = [times]

    def both(*args: object, **named: object) -> object:
        if left[0]:
            left[0] -= 1
            what()
        return step(*args, **named)

    return both


def test_an_import_needs_no_connection_for_longer_than_a_transaction(importing, monkeypatch):
    for step in ("copy", "drop"):
        monkeypatch.setattr(Staging, step, before(getattr(Staging, step), connection.close, times=99))
    monkeypatch.setattr(merging, "merge", before(merging.merge, connection.cursor))

    done = imports.run(import_id=importing.pk)

    assert (done.status, done.created, Profile.objects.count()) == (Import.Status.DONE, 7, 7)
    assert tables() == []


def test_a_run_that_was_taken_over_writes_nothing_more(importing, monkeypatch):
    def another_takes_over() -> None:
        monkeypatch.setattr(merging, "merge", merge)
        second = threading.Thread(target=take_over, args=[importing.pk])
        second.start()
        second.join()

    merge = merging.merge
    monkeypatch.setattr(merging, "merge", before(merge, another_takes_over))

    seen = imports.run(import_id=importing.pk)

    assert (seen.status, seen.created, Profile.objects.count()) == (Import.Status.DONE, 7, 7)
    assert Import.objects.get(pk=importing.pk).token == 2
    assert tables() == []


def take_over(import_id: int) -> None:
    Import.objects.filter(pk=import_id).update(lease_until=clock.now())
    carry_out(import_id)


def test_a_second_worker_leaves_an_import_alone_whose_lease_is_renewed(importing, monkeypatch):
    monkeypatch.setattr(leases, "BEAT", 0.05)
    with psycopg.connect(database_url()) as gate_keeper:
        gate_keeper.execute("SELECT pg_advisory_xact_lock(%s)", [merging.MERGE_LOCK])
        first = threading.Thread(target=carry_out, args=[importing.pk])
        first.start()
        wait_until(
            lambda: Import.objects.get(pk=importing.pk).status == "writing", "the first is about to merge"
        )

        assert imports.run(import_id=importing.pk).status == Import.Status.WRITING
        gate_keeper.rollback()
    first.join()

    done = Import.objects.get(pk=importing.pk)
    assert (done.status, done.token, done.created) == (Import.Status.DONE, 1, 7)


def carry_out(import_id: int) -> None:
    try:
        imports.run(import_id=import_id)
    finally:
        connection.close()


def test_staging_that_is_emptied_on_the_way_is_filled_again(importing, monkeypatch):
    monkeypatch.setattr(merging, "merge", before(merging.merge, empty_them))

    done = imports.run(import_id=importing.pk)

    assert (done.status, done.rows_read, done.created) == (Import.Status.DONE, 7, 7)


def test_staging_that_is_emptied_each_time_ends_in_a_failure(importing, monkeypatch):
    monkeypatch.setattr(merging, "merge", before(merging.merge, empty_them, times=9))

    with pytest.raises(merging.Lost):
        imports.run(import_id=importing.pk)

    assert Import.objects.get(pk=importing.pk).status == Import.Status.FAILED
    assert not Profile.objects.exists()


def empty_them() -> None:
    """What PostgreSQL does with an unlogged table when it recovers."""
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(tables())}")


def test_what_killed_runs_left_goes_with_the_next(importing):
    left_by_this = f"import_staging_{importing.pk}_0"
    left_by_one_that_is_gone = f"import_staging_{importing.pk + 1000}_3"
    others = Import.objects.create(unit=root(), file_name="b.csv", started_by=importing.started_by)
    still_at_work = f"import_staging_{others.pk}_1"
    with connection.cursor() as cursor:
        for name in (left_by_this, left_by_one_that_is_gone, still_at_work):
            cursor.execute(f"CREATE UNLOGGED TABLE {name} (line bigint)")

    imports.run(import_id=importing.pk)

    assert tables() == [still_at_work]
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {still_at_work}")


def test_an_import_whose_database_went_away_is_tried_again(importing, monkeypatch):
    monkeypatch.setattr(merging, "merge", before(merging.merge, cut_off))

    with pytest.raises(Exception, match=r"terminat|closed"):
        imports.run(import_id=importing.pk)
    assert imports.wake() == 0
    Import.objects.filter(pk=importing.pk).update(lease_until=clock.now())

    assert imports.wake() == 1
    assert imports.run(import_id=importing.pk).created == 7


def cut_off() -> None:
    """The server ends this process's session: a failover, a restart, an idle killer."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def test_a_file_that_is_asked_for_again_four_times_at_once_is_imported_once(transactional_db):
    by = UserFactory(roles={"import": root()})
    broken = io.BytesIO(b"external_id,email\nC1,a@example.com\nC2\n")
    refused = imports.start(file=broken, name="a.csv", unit=root(), by=by, options=Options())
    imports.run(import_id=refused.pk)
    together = threading.Barrier(4)

    def again(_number: int) -> str:
        together.wait()
        try:
            return type(imports.again(importing=Import.objects.get(pk=refused.pk), by=by)).__name__
        except imports.NotRefused as refusal:
            return type(refusal).__name__
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as people:
        outcomes = sorted(people.map(again, range(4)))

    assert outcomes == ["Import", "TriedAgain", "TriedAgain", "TriedAgain"]
    assert Import.objects.exclude(pk=refused.pk).count() == 1
