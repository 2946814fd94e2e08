"""The number beside *Waiting for me*: it follows what waits and what the person may."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import access
from accounts.models import Role
from accounts.rights import Right
from accounts.tests.factories import UnitFactory, UserFactory
from deliveries.overview import todo
from deliveries.tests.factories import DeliveryFactory

pytestmark = pytest.mark.django_db


def listed(user):
    return sum(rows.count() for rows in vars(todo.lists(user)).values())


def test_it_is_what_the_lists_hold_and_follows_rights_that_are_given_and_taken():
    unit, user = UnitFactory(), UserFactory()
    for _number in range(3):
        DeliveryFactory(unit=unit, ready=True)
    DeliveryFactory(unit=UnitFactory(), ready=True)

    before = todo.count(user)
    grant = access.grant(user=user, role=Role.objects.get(pk="start"), unit=unit, by=None)
    given = (todo.count(user), listed(user))
    access.revoke(grant=grant, by=None)

    assert (before, given, todo.count(user)) == (0, (3, 3), 0)


def test_it_follows_a_right_on_one_delivery():
    delivery, user = DeliveryFactory(ready=True), UserFactory()
    assert todo.count(user) == 0

    access.grant_single(user=user, right=Right.START, target=delivery, by=UserFactory(is_superuser=True))

    assert todo.count(user) == listed(user) == 1


def test_it_asks_twice_however_much_waits():
    unit = UnitFactory()
    user = UserFactory(roles={"start": unit})
    DeliveryFactory(unit=unit, ready=True)
    assert todo.count(user) == 1

    DeliveryFactory(unit=unit, ready=True)
    with CaptureQueriesContext(connection) as asked:
        assert todo.count(user) == 2

    assert len(asked) == 2


def test_who_left_has_nothing_to_do():
    unit = UnitFactory()
    user = UserFactory(roles={"start": unit})
    DeliveryFactory(unit=unit, ready=True)
    assert todo.count(user) == 1
    user.is_active = False

    assert todo.count(user) == 0


def test_a_page_has_the_same_lists_and_asks_for_none_that_is_empty():
    unit = UnitFactory()
    user = UserFactory(roles={"start": unit})
    waits = DeliveryFactory(unit=unit, ready=True)

    shown = todo.shown(user)

    assert list(shown.to_confirm) == [waits]
    with CaptureQueriesContext(connection) as asked:
        assert [*shown.to_approve, *shown.to_prepare_anew, *shown.rejected] == []
    assert len(asked) == 0
