"""Staging that a crash emptied or that another run left: each run seals what is its own."""

from collections.abc import Callable

import pytest

from campaign.lib import clock
from deliveries.models import Message, Preparation, Status
from deliveries.preparation import checks, sealing, staging
from deliveries.preparation import verbs as preparation
from deliveries.preparation.progress import Abandoned
from deliveries.preparation.tests.staging_rows import fetch, started
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.ledger_rows import execute

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("step", ["mark_duplicates", "count_domains"])
def test_staging_that_is_emptied_on_the_way_is_filled_again(monkeypatch, step):
    delivery = DeliveryFactory(recipients=5)
    run = started(delivery)
    monkeypatch.setattr(staging, step, after_a_crash(getattr(staging, step), times=1))

    preparation.run(preparation_id=run.pk)

    delivery.refresh_from_db()
    assert delivery.status == Status.AWAITING_APPROVAL
    assert delivery.preparation.to_deliver == Message.objects.filter(delivery=delivery).count() == 5
    assert any("begins anew" in line.text for line in delivery.log.all())


def test_staging_that_is_emptied_each_time_ends_in_a_failure_and_no_seal(monkeypatch):
    delivery = DeliveryFactory(recipients=5)
    run = started(delivery)
    monkeypatch.setattr(staging, "count_domains", after_a_crash(staging.count_domains, times=9))

    preparation.run(preparation_id=run.pk)

    delivery.refresh_from_db()
    assert delivery.status == Status.PREPARATION_FAILED
    assert not Message.objects.filter(delivery=delivery).exists()


def after_a_crash(step: Callable, *, times: int) -> Callable:
    """What PostgreSQL does with an unlogged table when it recovers."""
    left = [times]

    def step_on_an_empty_table(run: Preparation, **named: object) -> object:
        if left[0]:
            left[0] -= 1
            execute("TRUNCATE deliveries_staging")
        return step(run, **named)

    return step_on_an_empty_table


def test_a_run_that_was_taken_over_takes_nothing_of_what_is_sealed_since():
    delivery = DeliveryFactory(recipients=5)
    run = started(delivery)
    preparation.run(preparation_id=run.pk)
    late = Preparation.objects.get(pk=run.pk)
    late.token -= 1

    with pytest.raises(Abandoned):
        sealing._clear_ledger(late)

    assert Message.objects.filter(delivery=delivery).count() == 5


def test_a_run_clears_what_runs_before_it_left_and_nothing_of_other_deliveries():
    other = started(DeliveryFactory())
    compiled, _findings = checks.compiled(other)
    staging.stage(other, compiled)
    delivery = DeliveryFactory(recipients=5)
    run = started(delivery)
    compiled, _findings = checks.compiled(run)
    staging.stage(run, compiled)  # and here its worker is killed
    Preparation.objects.filter(pk=run.pk).update(lease_until=clock.now())  # long ago

    preparation.run(preparation_id=run.pk)

    assert fetch("SELECT DISTINCT preparation_id FROM deliveries_staging") == [(other.pk,)]
