"""Preparations that are killed, stopped, broken or overtaken by a change: nothing counts twice, and each says how it ended."""

import pytest
from django.db import connection

from audiences.tests.factories import AttributeFactory, AudienceFactory, ProfileFactory
from campaign.lib import clock
from campaign.lib.refusals import Refusal
from deliveries import drafting
from deliveries.lifecycle import seal
from deliveries.models import Delivery, Message, Preparation, PreparationStatus, Status
from deliveries.preparation import checks, staging
from deliveries.preparation import verbs as preparation
from deliveries.tests.factories import DeliveryFactory, bring_to, person
from deliveries.tests.ledger_rows import execute

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_a_killed_preparation_left_in_staging_does_not_count_twice():
    delivery = DeliveryFactory(recipients=3)
    run = preparation.start(delivery=delivery, by=person("prepare", delivery.unit), at=clock.now())
    compiled, _findings = checks.compiled(run)
    staging.stage(run, compiled)  # and here the worker is killed
    lease_runs_out(run)

    preparation.run(preparation_id=run.pk)

    run.refresh_from_db()
    assert (run.status, run.to_deliver, run.excluded) == (PreparationStatus.DONE, 3, 0)
    assert Message.objects.filter(delivery=delivery).count() == 3


def lease_runs_out(run: Preparation) -> None:
    """As it does by itself when nobody has renewed it for so long."""
    Preparation.objects.filter(pk=run.pk).update(lease_until=clock.now())


def test_a_rule_that_is_changed_while_it_is_prepared_is_not_what_was_sealed(monkeypatch):
    ProfileFactory(city="Recife")
    audience = AudienceFactory(rule={"field": "city", "is": "equal", "value": "Recife"})
    delivery = DeliveryFactory(audience=audience)
    real = staging.mark_duplicates

    def change_the_rule_first(run):
        audience.rule = {"field": "city", "is": "equal", "value": "Olinda"}
        audience.save()
        real(run)

    monkeypatch.setattr(staging, "mark_duplicates", change_the_rule_first)

    bring_to(delivery, "awaiting_approval", by=person("prepare", delivery.unit))

    assert seal.changes(Delivery.objects.get(pk=delivery.pk)) == ["audience"]


def test_a_content_may_use_more_fields_than_a_function_of_postgresql_takes():
    fields = AttributeFactory.create_batch(60)
    slots = "".join("{{ profile." + field.name + "|default('-') }}" for field in fields)
    html = "<p>" + slots + " <a href='{{ unsubscribe_url }}'>Unsubscribe</a></p>"
    delivery = DeliveryFactory(recipients=1, content={"html": html})

    bring_to(delivery, "awaiting_approval", by=person("prepare", delivery.unit))

    assert delivery.status == Status.AWAITING_APPROVAL


def test_a_preparation_that_breaks_says_so_instead_of_preparing_for_ever():
    delivery = DeliveryFactory()
    run = preparation.start(delivery=delivery, by=person("prepare", delivery.unit), at=clock.now())
    execute("ALTER TABLE deliveries_staging ADD CONSTRAINT never CHECK (profile_id < 0)")

    try:
        preparation.run(preparation_id=run.pk)
    finally:
        execute("ALTER TABLE deliveries_staging DROP CONSTRAINT never")

    delivery.refresh_from_db()
    assert delivery.status == Status.PREPARATION_FAILED
    assert [finding["code"] for finding in delivery.preparation.errors] == ["broken"]


def test_what_a_stopped_preparation_left_in_staging_goes_with_the_next():
    delivery = DeliveryFactory()
    by = person("prepare", delivery.unit)
    first = preparation.start(delivery=delivery, by=by, at=clock.now())
    compiled, _findings = checks.compiled(first)
    staging.stage(first, compiled)  # and here the worker is killed
    preparation.stop(delivery=delivery, by=by, at=clock.now())

    bring_to(delivery, "awaiting_approval", by=by)

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM deliveries_staging")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("hours", [0, 2_000_000_000])
def test_a_validity_period_that_no_calendar_holds_is_refused(hours):
    delivery = DeliveryFactory()

    with pytest.raises(Refusal):
        drafting.edit(
            delivery=delivery, by=person("prepare", delivery.unit), at=clock.now(), validity_hours=hours
        )
