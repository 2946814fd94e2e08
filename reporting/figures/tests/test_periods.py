from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from reporting.figures import periods
from reporting.figures.periods import BY_DAY, BY_HOUR, BY_MINUTE, BY_MONTH, LONGEST, UNITS, Period

UNITS_OF_REACTIONS = (BY_HOUR, BY_DAY, BY_MONTH)
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def made(slices, zone, unit):
    return [(each.begins, each.numbers) for each in periods.made(Period, slices, zone, unit)]


def test_hours_follow_one_another_and_empty_ones_stand_between():
    found = made([(NOON, 1, 0), (NOON + 2 * HOUR, 0, 3)], SAO_PAULO, BY_HOUR)

    assert found == [(NOON, (1, 0)), (NOON + HOUR, (0, 0)), (NOON + 2 * HOUR, (0, 3))]


def test_days_are_those_of_the_zone_over_a_change_of_the_clock():
    lisbon = ZoneInfo("Europe/Lisbon")  # 29 March 2026 has 23 hours there
    start = datetime(2026, 3, 28, 10, tzinfo=UTC)

    found = made([(start + day * DAY, 1, 0) for day in range(3)], lisbon, BY_DAY)

    assert [begins for begins, _numbers in found] == [
        datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 3, 29, 23, tzinfo=UTC),
    ]  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(
    "zone", ["UTC", "Asia/Kathmandu", "America/Havana", "Australia/Lord_Howe", "Pacific/Apia"]
)
def test_periods_leave_nothing_out_and_count_nothing_twice(zone, unit):
    slices = [(NOON + step * timedelta(hours=7, minutes=15), 1, 2) for step in range(3000)]

    found = periods.made(Period, slices, ZoneInfo(zone), unit)

    assert [sum(each.numbers[at] for each in found) for at in (0, 1)] == [3000, 6000]
    assert all(one.ends == other.begins for one, other in pairwise(found))
    assert all(each.begins < each.ends for each in found[:-1])
    assert len(found) <= LONGEST[unit] + 1


def test_each_slice_stands_in_the_period_of_its_moment():
    slices = [(NOON + step * timedelta(hours=5, minutes=45), 1, 0) for step in range(60)]

    for unit in UNITS_OF_REACTIONS:
        for each in periods.made(Period, slices, ZoneInfo("Asia/Kathmandu"), unit):
            inside = [at for at, *_ in slices if each.begins <= at and (each.ends is None or at < each.ends)]
            assert len(inside) == each.numbers[0]


@pytest.mark.parametrize(
    ("span", "unit"), [(HOUR, BY_HOUR), (60 * HOUR, BY_HOUR), (10 * DAY, BY_DAY), (400 * DAY, BY_MONTH)]
)
def test_the_unit_fits_the_span(span, unit):
    assert periods.fitting([(NOON, 5, 0), (NOON + span, 5, 0)], SAO_PAULO, UNITS_OF_REACTIONS) == unit


def test_a_few_late_clicks_do_not_make_the_first_days_coarse():
    slices = [(NOON, 99, 0), (NOON + 400 * DAY, 0, 1)]

    assert periods.fitting(slices, SAO_PAULO, UNITS_OF_REACTIONS) == BY_HOUR
    last = periods.made(Period, slices, SAO_PAULO, BY_HOUR)[-1]
    assert (last.label, last.ends, last.numbers) == ("later", None, (0, 1))


def test_what_took_minutes_is_shown_by_the_minute():
    slices = [(NOON + timedelta(minutes=minute), 8000, 10) for minute in range(5)]

    assert periods.fitting(slices, SAO_PAULO, tuple(UNITS)) == BY_MINUTE


def test_nothing_makes_no_period():
    assert periods.made(Period, [], SAO_PAULO, BY_DAY) == []
