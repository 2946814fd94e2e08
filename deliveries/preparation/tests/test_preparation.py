"""Preparation: who gets a message, who does not and why, and what is sealed."""

import pytest
from django.db import connection

from accounts.tests.factories import UnitFactory
from audiences.models import Quarantine
from audiences.tests.factories import AudienceFactory, ProfileFactory
from campaign.lib import clock, planner
from deliveries import drafting
from deliveries.ledger import ranges
from deliveries.models import Cause, Exclusion, Message, PreparationStatus, Status
from deliveries.preparation import verbs as preparation
from deliveries.tests.factories import DeliveryFactory, bring_to, person

pytestmark = pytest.mark.django_db


def prepared(delivery):
    by = person("prepare", delivery.unit)
    preparation.run(preparation_id=preparation.start(delivery=delivery, by=by, at=clock.now()).pk)
    delivery.refresh_from_db()
    return delivery.preparation


def audience(*people):
    return AudienceFactory(members=list(people))


def test_everybody_in_the_audience_gets_a_message_or_an_exclusion_with_its_cause():
    good, again = ProfileFactory(email="ana@example.com"), ProfileFactory(email="ANA@example.com")
    missing, malformed = ProfileFactory(email=""), ProfileFactory(email="not an address")
    opted_out = ProfileFactory(no_email=True)
    unclear, held = ProfileFactory(consent_unclear=True), ProfileFactory()
    Quarantine.objects.create(address_key=held.email_key, status="quarantine")
    delivery = DeliveryFactory(audience=audience(good, again, missing, malformed, opted_out, unclear, held))

    result = prepared(delivery)

    assert result.status == PreparationStatus.DONE
    assert (result.targeted, result.excluded, result.to_deliver) == (7, 6, 1)
    assert result.causes == {
        cause.value: 1
        for cause in Cause
        if cause not in {Cause.WRITTEN_TO, Cause.HOUR_PASSED, Cause.NOT_SUBSCRIBED}
    }
    assert Message.objects.get(delivery=delivery).profile_id == good.pk
    assert dict(Exclusion.objects.filter(delivery=delivery).values_list("profile_id", "cause")) == {
        again.pk: "duplicate",
        missing.pk: "no_address",
        malformed.pk: "malformed",
        opted_out.pk: "opted_out",
        unclear.pk: "consent_unclear",
        held.pk: "quarantined",
    }


def test_a_message_carries_the_values_that_the_content_uses_and_no_others():
    person_ = ProfileFactory(first_name="Bia", last_name="Rocha", city="Recife")
    delivery = DeliveryFactory(audience=audience(person_))

    prepared(delivery)

    assert Message.objects.get(delivery=delivery).values == {"first_name": "Bia"}


def test_chunks_cover_the_messages_without_gap(settings):
    settings.SINETE = settings.SINETE | {"chunk_rows": 4}
    delivery = DeliveryFactory(recipients=10)

    prepared(delivery)

    runs = list(delivery.chunks.order_by("number").values_list("seq_from", "seq_to", "handed_upto"))
    assert runs == [(1, 4, 0), (5, 8, 4), (9, 10, 8)]


def test_the_planner_knows_of_a_large_delivery_at_once(monkeypatch):
    monkeypatch.setattr(planner, "MANY", 10)
    delivery = DeliveryFactory(recipients=10)

    prepared(delivery)

    here = next(each for each in ranges.ranges() if each.holds(delivery.pk))
    assert here.rows == Message.objects.count()


def test_the_seal_changes_when_a_row_of_the_ledger_changes():
    delivery = DeliveryFactory(recipients=2)
    first = prepared(delivery).seal

    person_ = delivery.audience.members.first().profile
    person_.first_name = "Somebody else"
    person_.save()
    second = prepared(delivery).seal

    assert len(first) == 64
    assert first != second


@pytest.mark.parametrize(
    ("settings_", "content", "code"),
    [
        ({}, {"subject": ""}, "empty_subject"),
        ({}, {"html": "", "text": ""}, "empty_content"),
        ({}, {"subject": "{{ profile.first_name"}, "template_syntax"),
        ({}, {"from_address": "nobody"}, "invalid_sender"),
        ({"schedule_kind": ""}, {}, "no_schedule"),
        ({"recipients": 0}, {}, "empty_target"),
    ],
)
def test_an_error_ends_the_preparation_and_is_named(settings_, content, code):
    delivery = DeliveryFactory(content=content, **settings_)

    result = prepared(delivery)

    assert delivery.status == Status.PREPARATION_FAILED
    assert code in [finding["code"] for finding in result.errors]
    assert not Message.objects.filter(delivery=delivery).exists()


def test_stopping_leaves_nothing_and_goes_back_to_editing():
    delivery = DeliveryFactory()
    by = person("prepare", delivery.unit)
    run = preparation.start(delivery=delivery, by=by, at=clock.now())

    preparation.stop(delivery=delivery, by=by, at=clock.now())
    preparation.run(preparation_id=run.pk)

    delivery.refresh_from_db()
    assert delivery.status == Status.DRAFT
    assert not Message.objects.filter(delivery=delivery).exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM deliveries_staging")
        assert cursor.fetchone()[0] == 0


def test_running_it_a_second_time_changes_nothing():
    delivery = DeliveryFactory(awaiting_approval=True)
    seal = delivery.seal

    preparation.run(preparation_id=delivery.preparation_id)

    delivery.refresh_from_db()
    assert (delivery.seal, delivery.status) == (seal, Status.AWAITING_APPROVAL)


def test_an_edit_of_what_is_sealed_drops_it_and_names_what_changed():
    delivery = DeliveryFactory(ready=True)
    by = person("prepare", delivery.unit)

    drafting.write(delivery=delivery, by=by, at=clock.now(), subject="Another subject")

    delivery.refresh_from_db()
    assert delivery.status == Status.DRAFT
    assert delivery.history.first().detail["changed"] == ["content"]


def test_a_label_is_not_sealed():
    delivery = DeliveryFactory(ready=True)

    drafting.edit(
        delivery=delivery, by=person("prepare", delivery.unit), at=clock.now(), label="Another label"
    )

    delivery.refresh_from_db()
    assert delivery.status == Status.READY


def test_a_delivery_can_be_prepared_again_from_ready():
    delivery = DeliveryFactory(ready=True)

    bring_to(delivery, "awaiting_approval", by=person("prepare", delivery.unit))

    assert delivery.status == Status.AWAITING_APPROVAL
    assert delivery.preparation.number == 2


def test_a_delivery_reaches_nobody_of_a_parallel_branch_though_its_audience_belongs_above():
    here, elsewhere = UnitFactory(), UnitFactory()
    mine, theirs = ProfileFactory(unit=here), ProfileFactory(unit=elsewhere)
    everybody = AudienceFactory(rule={"all": []})
    delivery = DeliveryFactory(unit=here, audience=everybody)

    result = prepared(delivery)

    assert result.targeted == 1
    assert Message.objects.get(delivery=delivery).profile_id == mine.pk
    assert theirs.unit == elsewhere
