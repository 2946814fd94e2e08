"""Months and weeks as a calendar shows them."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone, translation

from deliveries.models import Delivery
from home import months
from home.leaving import Certainty, Leaving

TODAY = date(2026, 12, 2)


def sheet(month="", week="", today=TODAY):
    return months.sheet(month=month, week=week, today=today)


@pytest.mark.parametrize(
    ("month", "first", "last", "weeks"),
    [
        ("2026-12", date(2026, 11, 30), date(2027, 1, 3), 5),
        ("2027-02", date(2027, 2, 1), date(2027, 2, 28), 4),
        ("2026-08", date(2026, 7, 27), date(2026, 9, 6), 6),
        ("2028-02", date(2028, 1, 31), date(2028, 3, 5), 5),
    ],
)
def test_a_month_is_shown_in_whole_weeks(month, first, last, weeks):
    found = sheet(month)

    assert (found.weeks[0][0].date, found.weeks[-1][-1].date, len(found.weeks)) == (first, last, weeks)
    assert sum(not day.is_outside for week in found.weeks for day in week) >= 28


@pytest.mark.parametrize(
    ("name", "earlier", "later"),
    [
        ({"month": "2026-12"}, "2026-11", "2027-01"),
        ({"month": "2026-01"}, "2025-12", "2026-02"),
        ({"week": "2026-W53"}, "2026-W52", "2027-W01"),
        ({"week": "2026-W01"}, "2025-W52", "2026-W02"),
    ],
)
def test_one_goes_on_and_back(name, earlier, later):
    found = sheet(**name)

    assert (found.earlier, found.later) == (earlier, later)


@pytest.mark.parametrize(
    "odd",
    ["", "2026-13", "2026-00", "0001-01", "9999-12", "٢٠٢٦-١٢", "2026-1", "x" * 10_000, "2026-12-01", "-1"],
)
def test_what_names_no_month_leads_to_this_one(odd):
    assert sheet(odd).name == "2026-12"


@pytest.mark.parametrize("odd", ["2026-W54", "2025-W53", "2026-W00", "2026-w10", "2026W10"])
def test_what_names_no_week_leads_to_this_month(odd):
    assert sheet(week=odd).kind == "month"


def test_each_row_stands_on_its_day_by_the_readers_clocks():
    row = Leaving(datetime(2026, 12, 2, 1, 30, tzinfo=UTC), Delivery(), Certainty.PLANNED)
    found = {}
    for zone in ("America/Sao_Paulo", "Asia/Tokyo"):
        with timezone.override(ZoneInfo(zone)):
            shown = sheet("2026-12")
            shown.fill([row])
            found[zone] = [day.date for week in shown.weeks for day in week if day.rows]

    assert found == {"America/Sao_Paulo": [date(2026, 12, 1)], "Asia/Tokyo": [date(2026, 12, 2)]}


def test_a_day_that_begins_without_midnight_has_a_beginning():
    with timezone.override(ZoneInfo("America/Sao_Paulo")):  # clocks skipped midnight on 4 November 2018
        found = sheet(week="2018-W44")

        assert found.until > found.since
        assert found.until.isoformat().startswith("2018-11-05")


def test_titles_are_in_the_readers_language():
    with translation.override("pt-br"):
        assert sheet("2026-12").title == "Dezembro de 2026"
        assert sheet(week="2026-W49").title == "30 de novembro a 6 de dezembro de 2026"
    with translation.override("en"):
        assert sheet(week="2026-W49").title == "30 November to 6 December 2026"
