"""What is counted for a person on every page is what the lists hold, for whoever comes after somebody of like rights."""

import pytest

from accounts import access
from accounts.access.counting import counters
from accounts.models import User
from accounts.rights import Right
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.models import Profile
from audiences.tests.factories import ProfileFactory
from deliveries.models import Delivery
from deliveries.tests.factories import DeliveryFactory


def lists(user: User):
    return {
        "own": Delivery.objects.filter(created_by=user),
        "written": Delivery.objects.filter(contents__author__in=[user.pk]),
        "brought": Delivery.objects.filter(inherited_authors__contains=[user.pk]),
        "startable": access.within(user, Right.START, Delivery.objects.all()),
        "seen": access.visible(user, Delivery.objects.all()),
        "people": access.visible(user, Profile.objects.all()),
    }


def listed(user):
    return {name: rows.count() for name, rows in lists(user).items()}


@pytest.fixture
def house(db):
    """A unit below another, one beside them, and in each a delivery and some people, more in one than in the next."""
    north = UnitFactory()
    units = [root(), north, UnitFactory(parent=north), UnitFactory()]
    for number, unit in enumerate(units):
        maker = UserFactory(username=f"maker{number}", roles={"prepare": unit})
        DeliveryFactory.create_batch(number + 1, unit=unit, by=maker)
        ProfileFactory.create_batch(number + 2, unit=unit)
    return units


def test_each_person_is_counted_their_own_rows_whoever_was_counted_before(house):
    people = [UserFactory(roles={"start": unit}) for unit in house]
    people += [
        UserFactory(roles={"start": [one, other]}) for one, other in zip(house[1:], house, strict=False)
    ]
    people += User.objects.filter(username__startswith="maker")
    people += [UserFactory(is_superuser=True), UserFactory()]
    count = counters(lists)

    assert [count(user) for user in people] == [
        {name: number for name, number in listed(user).items() if name in count(user)} for user in people
    ]
    assert len({tuple(count(user).items()) for user in people}) > 6


def test_a_list_that_rights_leave_empty_is_left_out_or_counts_nothing(house):
    stranger = UserFactory()

    assert not any(counters(lists)(stranger).values())
    assert counters(lists)(UserFactory(is_active=False)) == {}


def test_a_single_object_counts_for_those_to_whom_it_was_given(house):
    first, second = UserFactory(roles={"prepare": house[3]}), UserFactory(roles={"prepare": house[3]})
    administrator = UserFactory(roles={"administration": root()})
    count = counters(lists)
    before = count(first)["seen"]
    elsewhere = Delivery.objects.filter(unit=house[2]).first()

    access.grant_single(user=second, right=Right.PREPARE, target=elsewhere, by=administrator)

    assert (count(first)["seen"], count(second)["seen"]) == (before, before + 1)


def test_people_of_like_rights_in_other_units_share_one_statement(house):
    asked = []

    def rows(user):
        asked.append(user)
        return lists(user)

    count = counters(rows)

    for unit in house[1:2] + house[3:]:
        count(UserFactory(roles={"prepare": unit}))
        count(UserFactory(roles={"prepare": unit}))

    assert len(asked) == 1
