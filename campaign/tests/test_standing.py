"""What is made once for a module stands for each of its tests as it was made, and goes with the module."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.models import OrganizationalUnit
from accounts.tests.factories import UnitFactory
from campaign.stack.standing import standing


@pytest.fixture(scope="module")
def units(django_db_setup: None, django_db_blocker: Any) -> Iterator[Any]:
    def make() -> OrganizationalUnit:
        transaction.on_commit(lambda: pytest.fail("nothing was committed"))
        return UnitFactory(label="Made once")

    with standing(django_db_blocker, make) as copies:
        yield copies


@pytest.mark.parametrize("time", ["first", "second"])
def test_each_test_finds_it_as_it_was_made(time: str, units: Any, db: None) -> None:
    unit = units()
    found = OrganizationalUnit.objects.get(pk=unit.pk)

    assert (unit.label, found.label) == ("Made once", "Made once")

    unit.label = time
    unit.save()
    UnitFactory(label="Made by a test")
    assert OrganizationalUnit.objects.filter(label__startswith="Made by").count() == 1


def test_what_waited_for_the_commit_is_dropped(units: Any, db: None) -> None:
    units()

    assert connection.run_on_commit == []


def test_at_the_end_it_is_gone(django_db_setup: None, django_db_blocker: Any) -> None:
    with standing(django_db_blocker, lambda: UnitFactory(label="Gone")) as copies:
        key = copies().pk
    with django_db_blocker.unblock():
        assert not OrganizationalUnit.objects.filter(pk=key).exists()


def test_what_could_not_be_made_leaves_nothing(django_db_setup: None, django_db_blocker: Any) -> None:
    def fail() -> None:
        UnitFactory(label="Half")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError), standing(django_db_blocker, fail):
        pass

    with django_db_blocker.unblock():
        assert not OrganizationalUnit.objects.filter(label="Half").exists()
