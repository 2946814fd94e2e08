"""Recurrence rules against vectors that were not made with this code."""

# ruff: noqa: DTZ001 -- what a wall clock shows has no zone
import json
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path
from time import process_time
from zoneinfo import ZoneInfo

import hypothesis
import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from campaign.lib.recurrence import BadRule, Recurrence, validated

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
VECTORS = Path(settings.BASE_DIR).parent / "shared" / "data" / "rrule" / "rrule.json"
ZONES = [
    "Europe/Paris", "America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe", "Africa/Casablanca",
    "Asia/Kathmandu", "Pacific/Chatham", "Pacific/Kiritimati", "Etc/GMT+12",
]  # fmt: skip


def of(case: dict) -> Recurrence:
    return Recurrence(case["rule"], datetime.fromisoformat(case["dtstart"]), case["tz"])


@pytest.mark.skipif(not VECTORS.exists(), reason="the vectors stand beside a developer's checkout only")
def test_every_vector_comes_out_exactly():
    cases = json.loads(VECTORS.read_text())

    wrong = [
        case["rule"]
        for case in cases
        if [
            moment.astimezone(ZoneInfo(case["tz"])).isoformat()
            for moment in islice(of(case).moments(), len(case["expected"]) + 1)
        ]
        != case["expected"]
    ]

    assert len(cases) >= 170
    assert wrong == []


@pytest.mark.skipif(not VECTORS.exists(), reason="the vectors stand beside a developer's checkout only")
def test_asked_for_the_rest_after_any_moment_it_says_the_same():
    for case in json.loads(VECTORS.read_text()):
        whole = list(islice(of(case).moments(), 12))
        for number, moment in enumerate(whole):
            assert list(islice(of(case).moments(moment), len(whole) - number - 1)) == whole[number + 1 :]


@given(
    zone=st.sampled_from(ZONES),
    start=st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31)).map(lambda t: t.replace(second=0, microsecond=0)),
    rule=st.sampled_from(["FREQ=DAILY", "FREQ=WEEKLY;BYDAY=SU", "FREQ=MONTHLY;BYMONTHDAY=-1"]),
)  # fmt: skip
def test_the_wall_clock_shows_the_promised_minute_or_the_one_after_a_skipped_hour(zone, start, rule):
    for moment in islice(Recurrence(rule, start, zone).moments(), 40):
        shown = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        promised = shown.replace(hour=start.hour, minute=start.minute)
        if shown != promised:
            before = (moment - timedelta(hours=3)).astimezone(ZoneInfo(zone)).utcoffset()
            assert (moment + before).replace(tzinfo=None) == promised


@given(
    zone=st.sampled_from(ZONES),
    step=st.integers(1, 90),
    freq=st.sampled_from(["MINUTELY", "HOURLY", "DAILY"]),
)
def test_moments_only_go_forward_and_never_repeat(zone, step, freq):
    start = datetime(2026, 3, 28, 22, 15)

    moments = list(islice(Recurrence(f"FREQ={freq};INTERVAL={step}", start, zone).moments(), 300))

    assert all(one < other for one, other in pairwise(moments))


@hypothesis.settings(deadline=None)
@given(
    rule=st.sampled_from(["FREQ=MINUTELY;INTERVAL=7", "FREQ=HOURLY", "FREQ=DAILY;INTERVAL=3", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR", "FREQ=MONTHLY",
        "FREQ=MONTHLY;INTERVAL=5;BYDAY=-1FR", "FREQ=YEARLY", "FREQ=YEARLY;BYDAY=MO;BYMONTH=3;BYSETPOS=2", "FREQ=YEARLY;INTERVAL=3;BYWEEKNO=20"]),
    hours=st.integers(0, 9000),
    zone=st.sampled_from(ZONES),
)  # fmt: skip
def test_a_short_way_to_the_present_finds_the_same_moments_as_the_long_one(rule, hours, zone):
    recurrence = Recurrence(rule, datetime(2026, 1, 31, 9, 30), zone)
    hours = hours // 10 if "MIN" in rule else hours * 20 if "MONTH" in rule or "YEAR" in rule else hours
    after = datetime(2026, 2, 1, tzinfo=UTC) + timedelta(hours=hours)

    long_way = (moment for moment in recurrence.moments() if moment > after)

    assert list(islice(recurrence.moments(after), 3)) == list(islice(long_way, 3))


def test_days_that_are_left_out_are_counted_but_do_not_come():
    recurrence = Recurrence(
        "FREQ=DAILY;COUNT=4", datetime(2026, 12, 23, 9), "Europe/Paris", frozenset({datetime(2026, 12, 25).date()})
    )  # fmt: skip

    assert [moment.day for moment in recurrence.moments()] == [23, 24, 26]


def test_a_last_day_counts_to_its_end():
    recurrence = Recurrence("FREQ=DAILY;UNTIL=20260105", datetime(2026, 1, 3, 23, 30), "Asia/Tokyo")

    assert len(list(recurrence.moments())) == 3


@pytest.mark.parametrize(
    "rule",
    [
        "", "FREQ=", "FREQ=SOMETIMES", "BYDAY=MO", "FREQ=DAILY;COLOUR=RED", "FREQ=DAILY;FREQ=DAILY",
        "FREQ=DAILY;COUNT=0", "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;COUNT=2;UNTIL=20260101", "FREQ=DAILY;UNTIL=soon",
        "FREQ=SECONDLY", "FREQ=MINUTELY;BYMONTHDAY=31;BYMONTH=2", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYDAY=XX", "FREQ=DAILY;COUNT=many", "FREQ=DAILY;INTERVAL=-1", "FREQ=DAILY;" + "BYHOUR=1" * 99,
        "FREQ=DAILY;BYHOUR=25", "FREQ=DAILY;COUNT=99999999999999999999999",
    ],
)  # fmt: skip
def test_what_is_no_rule_for_a_series_of_sends_is_refused_with_a_reason(rule):
    with pytest.raises(BadRule):
        validated(rule)


def test_a_rule_may_carry_its_prefix_and_small_letters():
    assert validated("rrule:freq=weekly; byday=mo") == "FREQ=WEEKLY;BYDAY=MO"


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;INTERVAL=7;BYDAY=TU",
        "FREQ=DAILY;BYSETPOS=300",
        "FREQ=WEEKLY;BYSETPOS=300",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO;INTERVAL=97",
        "FREQ=HOURLY;INTERVAL=168;BYDAY=TU",
    ],
)
def test_what_hardly_ever_comes_is_not_looked_for_to_the_end_of_the_calendar(rule):
    began = process_time()

    moments = list(islice(Recurrence(rule, datetime(1900, 1, 1, 9), "UTC").moments(NOON), 3))

    assert moments == sorted(moments)
    assert process_time() - began < 3


def test_a_series_of_long_ago_is_at_its_next_moment_at_once():
    rule = Recurrence(
        "FREQ=YEARLY;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11;BYMINUTE=0,20,40;BYDAY=MO,TU,WE",
        datetime(1900, 1, 1),
        "UTC",
    )
    began = process_time()

    assert next(iter(rule.moments(NOON))) > NOON

    assert process_time() - began < 1


def test_a_rule_of_more_than_so_many_times_a_day_is_refused_with_the_bound():
    sixty = ",".join(map(str, range(60)))

    with pytest.raises(BadRule, match="more than 48 times a day"):
        validated(f"FREQ=YEARLY;BYMINUTE={sixty};BYHOUR=1,2,3")


def test_an_interval_beyond_all_numbers_is_refused():
    with pytest.raises(BadRule, match="1 to 100000"):
        validated("FREQ=DAILY;INTERVAL=000000001999999999999")
