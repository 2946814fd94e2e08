import pytest

from accounts.access import NotAllowed
from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from deliveries.models import RetentionKind
from deliveries.retention import periods

pytestmark = pytest.mark.django_db


@pytest.fixture
def administrator():
    return UserFactory(roles={"administration": root()})


def holding(unit):
    return {each.kind.value: (each.days, each.set_by) for each in periods.of_unit(unit)}


def test_nothing_holds_until_somebody_sets_it():
    assert set(holding(root()).values()) == {(None, None)}
    assert [each.suggested for each in periods.of_unit(root())] == [365, 180, 90, 90, 90, 30]


def test_a_unit_hands_down_and_the_nearest_says_what_holds(administrator, django_assert_num_queries):
    middle = UnitFactory(parent=root())
    below = UnitFactory(parent=middle)
    periods.save(unit=root(), days={"recipients": 90, "mail": 40}, by=administrator)
    periods.save(unit=middle, days={"recipients": 0}, by=administrator)

    with django_assert_num_queries(1):
        found = holding(below)

    assert found == dict.fromkeys(RetentionKind.values, (None, None)) | {
        "recipients": (0, middle), "mail": (40, root()),
    }  # fmt: skip


def test_none_takes_a_setting_away_and_others_stay(administrator):
    periods.save(unit=root(), days={"recipients": 90, "mail": 40}, by=administrator)

    periods.save(unit=root(), days={"recipients": None}, by=administrator)

    assert holding(root())["recipients"] == (None, None)
    assert holding(root())["mail"] == (40, root())
    assert AuditEvent.objects.filter(action="save_retention").count() == 2


@pytest.mark.parametrize("days", [1, 29, 3651, -1])
def test_a_period_has_bounds(days, administrator):
    with pytest.raises(periods.DaysOutOfRange):
        periods.save(unit=root(), days={RetentionKind.MAIL: days}, by=administrator)


def test_only_an_administrator_sets_it():
    with pytest.raises(NotAllowed):
        periods.save(unit=root(), days={"mail": 40}, by=UserFactory(roles={"prepare": root()}))
