"""A test that does not ask for what its module made finds nothing of it, whenever it comes."""

from typing import Any

import pytest
from django.db import connection

from accounts.models import OrganizationalUnit
from accounts.tests.factories import UnitFactory
from campaign.stack.module_db import once


@once
def made() -> OrganizationalUnit:
    return UnitFactory(label="Made once")


def is_there() -> bool:
    return OrganizationalUnit.objects.filter(label="Made once").exists()


@pytest.mark.parametrize("time", ["first", "second"])
def test_it_is_there_for_who_asks_in_the_midst_of_a_test(time: str, request: Any) -> None:
    request.getfixturevalue("made")

    assert is_there()


def test_who_does_not_ask_finds_nothing_of_it(request: Any) -> None:
    request.getfixturevalue("db")

    assert not is_there()
    assert len(connection.savepoint_ids) == 0  # no transaction of the module's is around this one
