"""The right to see addresses: which roles have it, and that nobody who saw them lost them."""

import importlib

import pytest
from django.apps import apps

from accounts import access
from accounts.models import Role
from accounts.rights import Right
from accounts.roles import SHIPPED, root, sync_roles
from accounts.tests.factories import UnitFactory, UserFactory

pytestmark = pytest.mark.django_db

migration = importlib.import_module("accounts.migrations.0013_see_addresses")


@pytest.mark.parametrize("code", sorted(SHIPPED))
def test_whoever_works_with_people_sees_their_addresses_and_a_reader_does_not(code):
    rights = SHIPPED[code][2]

    assert (Right.ADDRESSES in rights) == (Right.VIEW in rights and code != "read")


def test_a_role_of_this_installation_that_sees_people_keeps_their_addresses():
    own = Role.objects.create(code="auditors", label="Auditors", rights=["view_deliveries"])
    Role.objects.create(code="declarers", label="Declarers", rights=["declare_attributes"])

    migration.keep(apps, None)

    own.refresh_from_db()
    assert own.rights == ["view_deliveries", "see_addresses"]
    assert Role.objects.get(pk="declarers").rights == ["declare_attributes"]


def test_a_person_of_before_sees_addresses_once_the_roles_are_synced():
    unit = UnitFactory()
    user = UserFactory(roles={"prepare": unit})
    Role.objects.filter(pk="prepare").update(rights=["view_deliveries", "prepare_deliveries"])
    access.rewrite_all_rights()
    assert not access.can(user, Right.ADDRESSES, unit)

    sync_roles()

    assert access.can(user, Right.ADDRESSES, unit)


def test_addresses_are_read_in_the_units_above_too():
    above = UnitFactory()
    user = UserFactory(roles={"prepare": UnitFactory(parent=above)})

    assert access.can(user, Right.ADDRESSES, above)
    assert not access.can(user, Right.ADDRESSES, UnitFactory(parent=above))


def test_what_is_granted_on_the_topmost_unit_acts_everywhere():
    assert access.at_the_top(UserFactory(roles={"read": root()})) == {Right.VIEW}
    assert access.at_the_top(UserFactory(roles={"prepare": UnitFactory()})) == frozenset()
    assert access.at_the_top(UserFactory(roles={"prepare": root()}, is_active=False)) == frozenset()
