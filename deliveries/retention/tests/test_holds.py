import pytest

from accounts.access import NotAllowed
from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from accounts.units import units
from campaign.lib import clock
from deliveries import drafting
from deliveries.models import Delivery, LegalHold
from deliveries.retention import holds
from deliveries.tests.factories import DeliveryFactory, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def administrator():
    return UserFactory(roles={"administration": root()})


def place(on, by, reason="Case 17"):
    return holds.place(on=on, reason=reason, by=by, at=clock.now())


def test_a_hold_says_why_since_when_and_by_whom(administrator):
    delivery = DeliveryFactory()

    hold = place(delivery, administrator)

    assert (hold.reason, hold.by, list(holds.of_delivery(delivery))) == ("Case 17", administrator, [hold])
    assert AuditEvent.objects.get(action="place_hold").detail == {"reason": "Case 17"}


def test_a_hold_on_a_unit_keeps_what_is_below(administrator):
    below = UnitFactory(parent=UnitFactory(parent=root()))
    delivery = DeliveryFactory(unit=below)

    hold = place(below.parent, administrator)

    assert list(holds.of_delivery(delivery)) == [hold]


def test_what_is_held_is_not_deleted_and_once_lifted_it_is(administrator):
    delivery = DeliveryFactory()
    by = person("prepare", delivery.unit)
    place(delivery, administrator)

    with pytest.raises(holds.Held):
        drafting.delete(delivery=delivery, by=by)

    holds.lift(on=delivery, by=administrator, at=clock.now())
    drafting.delete(delivery=delivery, by=by)
    assert not Delivery.objects.filter(pk=delivery.pk).exists()


def test_one_hold_at_a_time_and_another_after_it_was_lifted(administrator):
    delivery = DeliveryFactory()
    place(delivery, administrator)

    with pytest.raises(holds.AlreadyHeld):
        place(delivery, administrator)

    lifted = holds.lift(on=delivery, by=administrator, at=clock.now())
    place(delivery, administrator)
    assert (lifted.lifted_by, LegalHold.objects.count()) == (administrator, 2)


def test_a_hold_needs_a_reason_and_what_is_not_held_can_not_be_lifted(administrator):
    with pytest.raises(holds.HoldReasonMissing):
        place(root(), administrator, reason=" \x00")
    with pytest.raises(holds.NotHeld):
        holds.lift(on=root(), by=administrator, at=clock.now())


def test_only_administrators_place_and_lift(administrator):
    delivery = DeliveryFactory()
    preparer = person("prepare", delivery.unit)

    with pytest.raises(NotAllowed):
        place(delivery, preparer)
    place(delivery, administrator)
    with pytest.raises(NotAllowed):
        holds.lift(on=delivery, by=preparer, at=clock.now())


def test_no_unit_moves_out_of_a_hold(administrator):
    held, free = UnitFactory(parent=root()), UnitFactory(parent=root())
    unit = UnitFactory(parent=held)
    place(held, administrator)

    with pytest.raises(holds.MovesOutOfHold):
        units.move_unit(unit=unit, parent=free, by=administrator)

    place(unit, administrator)
    assert units.move_unit(unit=unit, parent=free, by=administrator).parent == free
