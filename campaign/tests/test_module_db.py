"""What is made once for a module: each test finds it as it was made, and no other test finds it at all."""

from typing import Any

import pytest
from django.db import connection

from accounts.models import OrganizationalUnit
from accounts.tests.factories import UnitFactory
from campaign.stack.module_db import once


@once
def unit() -> OrganizationalUnit:
    return UnitFactory(label="Made once")


@once
def below(unit: OrganizationalUnit) -> OrganizationalUnit:
    return UnitFactory(label="Below it", parent=unit)


def is_there() -> bool:
    return OrganizationalUnit.objects.filter(label="Made once").exists()


def test_a_test_may_ask_for_it_in_its_midst(request: Any) -> None:
    request.getfixturevalue("unit")

    assert is_there()


def test_who_does_not_ask_finds_nothing_of_it(request: Any) -> None:
    request.getfixturevalue("db")

    assert not is_there()
    assert len(connection.savepoint_ids) == 0  # no transaction of the module's is around this one


@pytest.mark.parametrize("time", ["first", "second"])
def test_what_one_test_changes_the_next_finds_as_it_was_made(
    time: str, unit: OrganizationalUnit, below: OrganizationalUnit
) -> None:
    found = OrganizationalUnit.objects.get(pk=unit.pk)
    assert (found.label, unit.label, below.parent_id) == ("Made once", "Made once", unit.pk)

    unit.label = f"Changed by the {time}"
    unit.save()
    OrganizationalUnit.objects.filter(pk=below.pk).delete()
