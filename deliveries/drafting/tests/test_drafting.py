"""What a draft may not be, and when there is nothing left to draft: each refusal of it."""

from datetime import timedelta

import pytest

from accounts.tests.factories import UnitFactory
from audiences.tests.factories import AudienceFactory
from campaign.lib import clock
from deliveries import drafting, proofs
from deliveries.confirmation import decisions as confirmation
from deliveries.models import Delivery
from deliveries.tests.factories import NEXT_WEEK, DeliveryFactory, person

pytestmark = pytest.mark.django_db


def edit(delivery, **settings):
    by = person("prepare", delivery.unit)
    return drafting.edit(delivery=delivery, by=by, at=clock.now(), **settings)


@pytest.mark.parametrize(
    ("settings", "refusal"),
    [
        ({"schedule_kind": "at_date"}, drafting.DateMissing),
        ({"validity_hours": 0}, drafting.ValidityOutOfRange),
        ({"validity_hours": 24 * 15}, drafting.ValidityOutOfRange),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, refusal):
    delivery = DeliveryFactory(unit=UnitFactory())

    with pytest.raises(refusal):
        edit(delivery, **settings)


def test_an_audience_that_one_can_not_read_is_refused():
    delivery = DeliveryFactory(unit=UnitFactory())

    with pytest.raises(drafting.AudienceElsewhere):
        edit(delivery, audience=AudienceFactory(unit=UnitFactory()))


@pytest.mark.parametrize("stage", ["scheduled", "sending", "paused", "stopped", "finished"])
def test_what_was_released_is_neither_changed_nor_deleted(stage):
    delivery = DeliveryFactory(**{stage: True})

    with pytest.raises(drafting.NotEditable):
        edit(delivery, label="Other")
    with pytest.raises(drafting.NotDeletable):
        drafting.delete(delivery=delivery, by=person("prepare", delivery.unit))


def test_what_was_released_once_is_not_deleted_after_the_confirmation_is_taken_back():
    delivery = DeliveryFactory(scheduled=True)
    confirmation.take_back(delivery=delivery, by=person("start", delivery.unit), at=clock.now())

    with pytest.raises(drafting.NotDeletable):
        drafting.delete(delivery=delivery, by=person("prepare", delivery.unit))


def test_a_date_that_has_passed_is_not_confirmed():
    date = clock.now() + NEXT_WEEK
    delivery = DeliveryFactory(ready=True, schedule_kind="at_date", contact_date=date)

    with pytest.raises(confirmation.DatePassed):
        confirmation.confirm(
            delivery=delivery,
            seal=delivery.seal,
            by=person("start", delivery.unit),
            at=date + timedelta(hours=1),
        )

    assert Delivery.objects.get(pk=delivery.pk).status == "ready"


def test_there_is_no_proof_of_nothing():
    by = person("prepare", UnitFactory())
    delivery = drafting.create(by=by, unit=by.role_grants.get().unit, label="Bare")

    with pytest.raises(proofs.NothingToProve):
        proofs.send(delivery=delivery, by=by, at=clock.now(), test_profiles=[])
