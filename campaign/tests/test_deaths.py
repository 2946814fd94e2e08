"""A job that its workers die of ends as failed, with the reason: preparation, import, recount. PostgreSQL counts."""

import io

import pytest
from rq.job import Job

from accounts.tests.factories import UnitFactory
from audiences import imports
from audiences.models import Import, Profile
from campaign.lib import clock, jobs, leases
from deliveries.models import Delivery, Preparation, PreparationStatus, Status
from deliveries.preparation import job as preparation_job
from deliveries.preparation import verbs as preparation
from deliveries.tests.factories import DeliveryFactory, person
from reporting.counting import statistics
from reporting.models import StatisticsRun

pytestmark = pytest.mark.django_db


def die_of(row, *, times):
    """So many workers take the row and are never heard of again."""
    for _time in range(times):
        assert leases.take(row) is not None
        row.update(lease_until=clock.now())


@pytest.fixture
def run():
    delivery = DeliveryFactory()
    return preparation.start(delivery=delivery, by=person("prepare", delivery.unit), at=clock.now())


def test_a_preparation_that_ended_three_workers_has_failed_and_says_so(run):
    die_of(Preparation.objects.filter(pk=run.pk), times=3)

    preparation.run(preparation_id=run.pk)

    run.refresh_from_db()
    assert run.status == PreparationStatus.FAILED
    assert [finding["code"] for finding in run.errors] == ["worker_died"]
    assert Delivery.objects.get(pk=run.delivery_id).status == Status.PREPARATION_FAILED


def test_one_that_ended_two_is_tried_once_more(run):
    die_of(Preparation.objects.filter(pk=run.pk), times=2)

    preparation.run(preparation_id=run.pk)

    run.refresh_from_db()
    assert run.status == PreparationStatus.DONE


def test_a_run_that_gives_up_by_itself_is_no_death(run, monkeypatch):
    from django.db import OperationalError

    def away(_preparation):
        raise OperationalError("the database is away")

    monkeypatch.setattr(preparation_job, "_carry_out_whole", away)
    for _time in range(5):
        with pytest.raises(OperationalError):
            preparation.run(preparation_id=run.pk)
        Preparation.objects.filter(pk=run.pk).update(lease_until=clock.now())

    run.refresh_from_db()
    assert (run.status, run.unended) == (PreparationStatus.RUNNING, 0)


def test_a_job_whose_worker_was_told_to_stop_counts_no_death(run, monkeypatch):
    queue = jobs.django_rq.get_queue("preparation")
    job = Job.create("deliveries.jobs.prepare", connection=queue.connection)
    job.save()
    jobs.note_stop(job)
    monkeypatch.setattr(jobs, "get_current_job", lambda: Job.fetch(job.id, connection=queue.connection))

    die_of(Preparation.objects.filter(pk=run.pk), times=2)

    run.refresh_from_db()
    assert run.unended == 1  # the second was no longer a stop


def test_an_import_that_ended_three_workers_has_failed_and_brought_nobody_in(work):
    unit = UnitFactory()
    importing = imports.start(
        file=io.BytesIO(b"email\nana@example.com\n"),
        name="x.csv",
        unit=unit,
        by=person("import", unit),
        options=imports.Options(),
    )
    die_of(Import.objects.filter(pk=importing.pk), times=3)

    imports.run(import_id=importing.pk)

    importing.refresh_from_db()
    assert importing.status == Import.Status.FAILED
    assert "three times" in importing.message_text
    assert not Profile.objects.exists()


@pytest.fixture
def recount():
    delivery = DeliveryFactory(finished=True)
    return statistics.ask(delivery=delivery, by=person("prepare", delivery.unit), at=clock.now())


def test_a_recount_that_ended_three_workers_has_failed_and_a_new_one_can_be_asked_for(recount):
    die_of(StatisticsRun.objects.filter(pk=recount.pk), times=3)

    statistics.run(run_id=recount.pk)

    recount.refresh_from_db()
    assert recount.status == StatisticsRun.Status.FAILED
    delivery = recount.delivery
    again = statistics.ask(delivery=delivery, by=person("prepare", delivery.unit), at=clock.now())
    assert again.pk != recount.pk


def test_the_page_of_a_failed_recount_says_so(recount, client):
    from django.urls import reverse

    die_of(StatisticsRun.objects.filter(pk=recount.pk), times=3)
    statistics.run(run_id=recount.pk)
    client.force_login(person("prepare", recount.delivery.unit))

    page = client.get(reverse("reporting:last-run", args=[recount.delivery_id])).content.decode()

    assert "no figure was changed" in page


def test_a_recount_that_nobody_is_at_is_asked_for_again(recount, work):
    from django_rq import get_queue

    get_queue("counts").empty()

    woken = statistics.wake(clock.now() + statistics.LOST_AFTER * 2)
    work()

    recount.refresh_from_db()
    assert woken == 1
    assert recount.status == StatisticsRun.Status.DONE
