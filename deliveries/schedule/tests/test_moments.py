"""The arithmetic of zones and waves, against an oracle that knows nothing of folds."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deliveries.models import PastChoice
from deliveries.schedule import moments
from deliveries.schedule.moments import Crowd
from deliveries.tests.schedules import ZONES

zones = st.sampled_from(ZONES)
days = st.dates(date(1980, 1, 1), date(2037, 12, 28))
hours = st.times().map(lambda hour: hour.replace(second=0, microsecond=0, tzinfo=None))
moments_in_time = st.integers(946_684_800, 2_082_758_400).map(
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)


def shown(at, zone):
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def by_looking(local, zone):
    """The first instant at which clocks show `local`, found by trying every offset that holds around it.

    Where none does, clocks jump over it: the offset before a jump forward is the smallest there.
    """
    around = [local.replace(tzinfo=UTC) + timedelta(minutes=30 * step) for step in range(-60, 61)]
    offsets = {at.astimezone(ZoneInfo(zone)).utcoffset() for at in around}
    candidates = [(local - offset).replace(tzinfo=UTC) for offset in offsets]
    showing = [at for at in candidates if shown(at, zone) == local]
    return min(showing) if showing else (local - min(offsets)).replace(tzinfo=UTC)


@settings(max_examples=600, deadline=None)
@given(day=days, hour=hours, zone=zones)
@example(date(2026, 3, 29), time(2, 30), "Europe/Paris")
@example(date(2026, 10, 25), time(2, 30), "Europe/Paris")
@example(date(2011, 12, 30), time(9, 0), "Pacific/Apia")
def test_everybody_is_written_to_at_the_promised_minute_or_the_one_that_clocks_show_in_its_place(
    day, hour, zone
):
    local = datetime.combine(day, hour)

    at = moments.instant(day, hour, zone)

    assert at == by_looking(local, zone)
    assert shown(at, zone) >= local


@pytest.mark.parametrize(
    ("zone", "local", "expected"),
    [
        ("Europe/Paris", "2026-03-29T02:30", "2026-03-29T01:30"),  # skipped: 03:30 summer time
        ("Europe/Paris", "2026-10-25T02:30", "2026-10-25T00:30"),  # twice: the first
        ("America/New_York", "2026-03-08T02:30", "2026-03-08T07:30"),
        ("America/New_York", "2026-11-01T01:30", "2026-11-01T05:30"),
        ("America/Sao_Paulo", "2018-11-04T00:30", "2018-11-04T03:30"),  # the day began at 01:00
        ("America/Sao_Paulo", "2018-02-17T23:30", "2018-02-18T01:30"),
        ("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:45"),  # half an hour is skipped
        ("Australia/Lord_Howe", "2026-04-05T01:45", "2026-04-04T14:45"),
        ("Africa/Casablanca", "2026-03-22T02:30", "2026-03-22T02:30"),  # after Ramadan
        ("Africa/Casablanca", "2026-02-15T02:30", "2026-02-15T01:30"),
        ("Asia/Kathmandu", "2026-06-01T09:00", "2026-06-01T03:15"),
        ("Pacific/Chatham", "2026-09-27T02:50", "2026-09-26T14:05"),
        ("Pacific/Chatham", "2026-06-01T09:00", "2026-05-31T20:15"),
        ("Pacific/Kiritimati", "2026-01-01T09:00", "2025-12-31T19:00"),
        ("Etc/GMT+12", "2026-01-01T09:00", "2026-01-01T21:00"),
    ],
)
def test_over_changes_of_the_clock_and_at_the_ends_of_the_earth(zone, local, expected):
    local = datetime.fromisoformat(local)

    assert moments.instant(local.date(), local.time(), zone) == datetime.fromisoformat(expected).replace(
        tzinfo=UTC
    )


@settings(max_examples=200, deadline=None)
@given(day=days, hour=hours, zone=zones, after=moments_in_time)
def test_instead_of_an_hour_that_has_passed_the_same_hour_of_the_first_day_that_still_has_it(
    day, hour, zone, after
):
    at = moments.next_instant(day, hour, zone, after=after)

    assert at > after
    assert at == by_looking(
        datetime.combine(at.astimezone(ZoneInfo(zone)).date(), hour), zone
    ) or at == by_looking(
        datetime.combine(at.astimezone(ZoneInfo(zone)).date() - timedelta(days=1), hour), zone
    )
    if moments.instant(day, hour, zone) <= after:
        assert at - after <= timedelta(hours=50)  # a day, and what clocks or a date line may add
    else:
        assert at == moments.instant(day, hour, zone)


crowds = st.lists(
    st.builds(Crowd, st.sampled_from([*ZONES, "", "Mars/Olympus"]), st.integers(1, 1000)),
    unique_by=lambda crowd: crowd.zone,
)


@settings(max_examples=200, deadline=None)
@given(crowds=crowds, day=days, hour=hours, at=moments_in_time, past=st.sampled_from(PastChoice.values))
def test_everybody_stands_in_one_group_and_nobody_is_planned_for_the_past(crowds, day, hour, at, past):
    groups = moments.groups(crowds, day=day, hour=hour, fallback="Europe/Paris", past=past, at=at)

    assert sorted(name for group in groups for name in group.named) == sorted(crowd.zone for crowd in crowds)
    assert sum(group.people for group in groups) == sum(crowd.people for crowd in crowds)
    for group in groups:
        asked = moments.instant(day, hour, group.zone)
        if asked > at:
            assert group.not_before == asked
        else:
            assert (group.not_before is None) == (past != PastChoice.NEXT_DAY)
            assert group.is_left_out == (past == PastChoice.LEAVE_OUT)
            assert group.not_before is None or group.not_before > at
    gates = [group.not_before for group in groups if group.not_before]
    assert gates == sorted(gates)


def test_whoever_has_no_zone_or_one_that_nobody_knows_gets_the_fallback():
    (group,) = moments.groups(
        [Crowd("", 2), Crowd("Mars/Olympus", 3), Crowd("Europe/Paris", 5)],
        day=date(2030, 1, 1), hour=time(9, 0), fallback="Europe/Paris", past="now",
        at=datetime(2029, 1, 1, tzinfo=UTC),
    )  # fmt: skip

    assert (group.zone, group.people, group.without_zone) == ("Europe/Paris", 10, 5)


@given(
    by=st.sampled_from(["number", "share", "size"]), value=st.integers(1, 100), people=st.integers(1, 100_000)
)
def test_waves_take_everybody_once_and_none_is_empty(by, value, people):
    sizes = moments.wave_sizes(by, value, people)

    assert sum(sizes) == people
    assert min(sizes) >= 1
    assert len(sizes) == moments.number_of_waves(by, value, people)
    if by == "number":
        assert max(sizes) - min(sizes) <= 1
