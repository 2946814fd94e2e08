"""`make bench-pages` forgets no address: each that has a name is measured, or left out for a reason that is said."""

from types import SimpleNamespace

import pytest

from accounts.roles import SHIPPED, root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.models import Profile
from benchmarks import pages, pages_urls
from deliveries.tests.factories import DeliveryFactory

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture
def house():
    unit = UnitFactory()
    delivery = DeliveryFactory(unit=unit, finished=True)
    return SimpleNamespace(
        reader=UserFactory(roles=dict.fromkeys(SHIPPED, unit), is_staff=True),
        operator=UserFactory(roles=dict.fromkeys(SHIPPED, root()), is_staff=True, is_superuser=True),
        delivery=delivery,
        ready=DeliveryFactory(unit=unit, ready=True),
        draft=DeliveryFactory(unit=unit),
        profile=Profile.objects.filter(unit=unit).first(),
        audience=delivery.audience,
    )


def test_each_named_address_is_listed_or_excepted_with_a_reason(house):
    listed, excepted = pages.look(house, rounds=0)

    named = set(pages_urls.names())
    assert {row["name"] for row in listed} | set(excepted) == named
    assert {row["name"] for row in listed} & set(excepted) == set()
    assert all(excepted.values())
    assert len({row["name"] for row in listed}) > 120


def test_no_exception_is_for_an_address_that_there_is_not():
    assert set(pages_urls.EXCEPTIONS) <= set(pages_urls.names())


def test_a_page_says_who_saw_it_and_what_it_asked(house):
    listed, _excepted = pages.look(house, only="audiences:profiles", rounds=1)

    first = next(row for row in listed if row["what"] == "")
    assert (first["as"], first["face"]) == ("reader", "pages")
    assert first["queries"] > 0
    assert first["bytes"] > 1_000
