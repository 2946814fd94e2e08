"""What a module's tests begin with is made once, and each of them finds it as it was made."""

from types import SimpleNamespace

import pytest
from django.db import transaction

from accounts.models import OrganizationalUnit
from accounts.tests.factories import UnitFactory
from campaign.stack import module_db
from campaign.stack.module_db import once

pytestmark = pytest.mark.django_db
MADE: list[str] = []


@once
def above():
    MADE.append("above")
    return UnitFactory(label="Above")


@once
def below(above):
    MADE.append("below")
    transaction.on_commit(lambda: MADE.append("committed"))
    return UnitFactory(label="Below", parent=above)


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_finds_rows_and_objects_as_they_were_made(turn, above, below):
    assert MADE == ["above", "below"]
    assert (above.label, below.parent.label) == ("Above", "Above")
    assert OrganizationalUnit.objects.get(pk=above.pk).label == "Above"

    above.label = "Changed"
    above.save()
    below.delete()


def test_what_waited_for_the_commit_of_what_was_made_is_forgotten(below, work):
    work()

    assert "committed" not in MADE


def test_who_does_not_ask_for_it_sees_nothing_of_it():
    assert not OrganizationalUnit.objects.filter(label="Above").exists()


def an_item(*fixtures, **marked):
    marker = SimpleNamespace(kwargs=marked)
    return SimpleNamespace(
        nodeid="x.py::test_x", fixturenames=list(fixtures), get_closest_marker=lambda _name: marker
    )


@pytest.mark.parametrize(
    "item", [an_item("module_db", transaction=True), an_item("module_db", "live_server")]
)
def test_a_test_that_commits_is_refused_as_nobody_else_would_see_what_was_made(item):
    with pytest.raises(pytest.UsageError, match="test_x commits"):
        module_db.pytest_collection_modifyitems([item])


def test_tests_that_share_come_last_and_keep_their_order():
    first, plain = an_item("module_db"), an_item("db")
    second, committing = an_item("module_db", "db"), an_item("live_server")
    items = [first, plain, second, committing]

    module_db.pytest_collection_modifyitems(items)

    assert items == [plain, committing, first, second]
