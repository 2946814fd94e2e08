"""What people see and may do once a person or a unit has changed."""

import pytest

from accounts import access
from accounts.models import Role
from accounts.rights import Right
from accounts.tests.factories import UnitFactory, UserFactory
from accounts.units import units
from deliveries.models import Delivery
from deliveries.tests.factories import DeliveryFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_who_is_no_longer_active_sees_nothing():
    delivery = DeliveryFactory(unit=UnitFactory())
    user = UserFactory(roles={"prepare": delivery.unit}, is_active=False)

    assert not access.visible(user, Delivery.objects.all()).exists()
    assert not access.within(user, Right.PREPARE, Delivery.objects.all()).exists()
    assert not access.readable_units(user).exists()


def test_nobody_gives_himself_start_by_moving_a_unit():
    mine, theirs = UnitFactory(), UnitFactory()
    mover = UserFactory(roles={"start": mine, "administration": [mine, theirs]})

    with pytest.raises(access.SelfGrant):
        units.move_unit(unit=theirs, parent=mine, by=mover)

    theirs.refresh_from_db()
    assert not access.can(mover, Right.START, theirs)


def test_who_holds_start_in_both_places_may_move_a_unit():
    mine, theirs = UnitFactory(), UnitFactory()
    mover = UserFactory(roles={"administration": [mine, theirs]})
    access.grant(user=mover, role=Role.objects.get(pk="start"), unit=mine.parent, by=None)

    assert units.move_unit(unit=theirs, parent=mine, by=mover).path.startswith(mine.path)
