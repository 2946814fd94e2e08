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
from dateutil.rrule import rrulestr
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from campaign.lib.expansion import LOOKS, Expansion
from campaign.lib.recurrence import BadRule, Reading, Recurrence, parsed, validated
from campaign.lib.rrule import DAYS, FREQUENCIES

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
NINE = datetime(2026, 12, 1, 9)
LARGEST_PERIOD = 90_000  # looks at the seconds of a day; a period is looked at to its end
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
        validated(rule, NINE)


@pytest.mark.parametrize(
    "part",
    [
        "FREQ=HOURLY;BYHOUR=25", "FREQ=HOURLY;BYMINUTE=60", "FREQ=MINUTELY;BYMINUTE=61", "FREQ=YEARLY;BYMONTH=13",
        "FREQ=MONTHLY;BYMONTHDAY=32", "FREQ=MONTHLY;BYMONTHDAY=0", "FREQ=YEARLY;BYYEARDAY=-367", "FREQ=DAILY;BYHOUR=-1",
        "FREQ=YEARLY;BYWEEKNO=54", "FREQ=MONTHLY;BYDAY=1MO,9MO", "FREQ=YEARLY;BYDAY=-54MO",
        "FREQ=YEARLY;BYMONTH=12;BYDAY=6SU", "FREQ=DAILY;BYHOUR=\u0663", "FREQ=MONTHLY;BYDAY=" + "9" * 400 + "MO",
    ],
)  # fmt: skip
def test_a_number_that_no_calendar_has_is_refused_before_anything_expands_it(part):
    with pytest.raises(BadRule, match="out of range"):
        validated(part, NINE)


@pytest.mark.parametrize(
    ("rule", "hour", "comes"),
    [
        ("FREQ=HOURLY;INTERVAL=2;BYHOUR=10,12,14", 9, None),
        ("FREQ=HOURLY;INTERVAL=2;BYHOUR=10,12,14", 8, ["10:00", "12:00", "14:00"]),
        ("FREQ=HOURLY;INTERVAL=2;BYHOUR=9,11,13", 9, ["09:00", "11:00", "13:00"]),
        ("FREQ=HOURLY;INTERVAL=24;BYHOUR=5", 5, ["05:00", "05:00", "05:00"]),
        ("FREQ=HOURLY;INTERVAL=24;BYHOUR=5", 9, None),
        ("FREQ=HOURLY;INTERVAL=5;BYHOUR=10", 9, ["10:00", "10:00", "10:00"]),
        ("FREQ=MINUTELY;INTERVAL=1440;BYHOUR=4", 9, None),
        ("FREQ=MINUTELY;INTERVAL=15;BYMINUTE=5,20", 9, None),
        ("FREQ=MINUTELY;INTERVAL=45;BYMINUTE=30", 9, ["10:30", "13:30", "16:30"]),
        ("FREQ=HOURLY;INTERVAL=168;BYDAY=WE", 9, None),
        ("FREQ=DAILY;INTERVAL=7;BYDAY=WE", 9, None),
        ("FREQ=WEEKLY;BYDAY=MO;BYSETPOS=3", 9, None),
        ("FREQ=MONTHLY;BYDAY=5MO;BYMONTHDAY=1", 9, None),
        ("FREQ=YEARLY;BYYEARDAY=60;BYMONTH=1", 9, None),
        ("FREQ=DAILY;BYHOUR=9;BYSETPOS=2", 9, None),
    ],
)
def test_a_rule_is_judged_with_its_start(rule, hour, comes):
    start = datetime(2026, 12, 1, hour)
    if comes is None:
        with pytest.raises(BadRule, match=r"2026-12-01 .* on it never comes"):
            validated(rule, start)
    else:
        moments = islice(Recurrence(validated(rule, start), start, "UTC").moments(), len(comes))
        assert [f"{moment:%H:%M}" for moment in moments] == comes


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        ("FREQ=WEEKLY;BYDAY=2MO", "“BYDAY=2MO” does not go with FREQ=WEEKLY"),
        ("FREQ=DAILY;BYDAY=MO,-1FR", "“BYDAY=-1FR” does not go with FREQ=DAILY"),
        ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=1MO", "“BYDAY=1MO” does not go with BYWEEKNO"),
        ("FREQ=WEEKLY;BYMONTHDAY=3", "“BYMONTHDAY” does not go with FREQ=WEEKLY"),
        ("FREQ=MONTHLY;BYYEARDAY=3", "“BYYEARDAY” does not go with FREQ=MONTHLY"),
        ("FREQ=DAILY;BYYEARDAY=3", "“BYYEARDAY” does not go with FREQ=DAILY"),
        ("FREQ=MONTHLY;BYWEEKNO=3", "“BYWEEKNO” does not go with FREQ=MONTHLY"),
        ("FREQ=HOURLY;BYWEEKNO=3", "“BYWEEKNO” does not go with FREQ=HOURLY"),
        ("FREQ=DAILY;BYSETPOS=1", "BYSETPOS needs another BY… part"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "“BYMONTHDAY=0” is out of range"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,,2", "“BYMONTHDAY=” is out of range"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=0", "“BYSETPOS=0” is out of range"),
        ("FREQ=MONTHLY;BYDAY=0MO", "“BYDAY=0MO” is out of range"),
        ("FREQ=DAILY;BYHOUR=+9", "“BYHOUR=\\+9” is out of range"),
        ("FREQ=YEARLY;BYMONTH=-1", "“BYMONTH=-1” is out of range"),
        ("FREQ=MONTHLY;BYDAY=MO(+1)", "is no day of the week"),
        ("FREQ=WEEKLY;BYDAY=MO,", "“BYDAY=” is no day of the week"),
        ("FREQ=WEEKLY;WKST=XX", "“WKST=XX” is not known"),
        ("FREQ=FORTNIGHTLY", "“FREQ=FORTNIGHTLY” is not known"),
        ("FREQ=DAILY;UNTIL=2026121", "UNTIL is a date like"),
        ("FREQ=DAILY;UNTIL=20260230", "UNTIL is a date like"),
        ("FREQ=DAILY;BYEASTER=1", "“BYEASTER=1” is not known"),
        ("FREQ=DAILY;;BYHOUR=9", "“” is not known"),
        ("FREQ=WEEKLY;BY\u017fETPOS=1", "“BY\u017fETPOS=1” is not known"),
    ],
)
def test_what_the_standard_forbids_is_refused_with_the_part_that_is_wrong(rule, wrong):
    with pytest.raises(BadRule, match=wrong):
        parsed(rule, NINE)


DAYS_OF = [
    # The start, a Tuesday, says the weekday of a week that its number names.
    ("FREQ=YEARLY;BYWEEKNO=20", "2027-05-18 2028-05-16 2029-05-15"),
    ("FREQ=YEARLY;BYWEEKNO=53", "2026-12-29 2032-12-28 2037-12-29"),
    ("FREQ=YEARLY;BYWEEKNO=1,-1;BYMONTH=12", "2026-12-29 2027-12-28 2028-12-26"),
    ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO,FR", "2027-05-17 2027-05-21 2028-05-15"),
    # The whole week of the start is counted: its Monday has passed, so Wednesday is the second of it.
    ("FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=1", "2026-12-07 2026-12-14 2026-12-21"),
    ("FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=2", "2026-12-02 2026-12-09 2026-12-16"),
    ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR;BYSETPOS=1", "2026-12-14 2026-12-28 2027-01-11"),
    ("FREQ=WEEKLY;BYDAY=SU,TU;BYSETPOS=1;WKST=SU", "2026-12-06 2026-12-13 2026-12-20"),
    ("FREQ=WEEKLY;BYDAY=SU,TU;BYSETPOS=1;COUNT=2", "2026-12-01 2026-12-08"),
    ("FREQ=MONTHLY;BYDAY=TU,WE;BYSETPOS=1", "2026-12-01 2027-01-05 2027-02-02"),
    # Numbered and plain weekdays in one rule: each of them comes.
    ("FREQ=MONTHLY;BYDAY=1MO,TU", "2026-12-01 2026-12-07 2026-12-08 2026-12-15"),
    ("FREQ=YEARLY;BYMONTH=12;BYDAY=-1FR,WE", "2026-12-02 2026-12-09 2026-12-16 2026-12-23 2026-12-25 2026-12-30"),
    ("FREQ=YEARLY;BYDAY=20MO,-1TH", "2026-12-31 2027-05-17 2027-12-30"),
    # What a day must be may be said of rhythms within it, too.
    ("FREQ=HOURLY;INTERVAL=24;BYMONTHDAY=-1", "2026-12-31 2027-01-31 2027-02-28"),
    ("FREQ=HOURLY;BYMONTH=1;BYYEARDAY=3;BYHOUR=9", "2027-01-03 2028-01-03"),
    ("FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=29;BYHOUR=9;BYMINUTE=0", "2028-02-29 2032-02-29"),
    ("FREQ=HOURLY;BYHOUR=9;BYMINUTE=0,30;BYSETPOS=-1", "2026-12-01 2026-12-02"),
    ("FREQ=DAILY;BYHOUR=8,9,10;BYSETPOS=2;", "2026-12-01 2026-12-02"),
    ("FREQ=DAILY;INTERVAL=100000", "2026-12-01 2300-09-16"),
    ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO", "2044-02-29 2072-02-29 2112-02-29"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "days"), DAYS_OF)
def test_a_rule_is_read_as_the_standard_says(rule, days):
    moments = Recurrence(validated(rule, NINE), NINE, "UTC").moments()

    assert " ".join(f"{moment:%Y-%m-%d}" for moment in islice(moments, len(days.split()))) == days


def test_a_leap_second_is_the_one_before():
    moment = next(Recurrence(parsed("FREQ=DAILY;BYSECOND=60", NINE), NINE, "UTC").moments())

    assert moment == datetime(2026, 12, 1, 9, 0, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("FREQ=YEARLY;BYWEEKNO=20", "2027-05-17 2027-05-18 2027-05-19"),
        ("FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=1", "2026-12-02 2026-12-07 2026-12-14"),
        ("FREQ=MONTHLY;BYDAY=1MO,MO", "2026-12-07 2027-01-04 2027-02-01"),
        ("FREQ=WEEKLY;BYDAY=2MO", "2026-12-07 2026-12-14 2026-12-21"),
        ("FREQ=WEEKLY;BYMONTHDAY=2,3", "2026-12-02 2026-12-03 2027-01-02"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "2026-12-01 2026-12-02 2026-12-03"),
        ("FREQ=MONTHLY;BYDAY=MO(+2)", "2026-12-14 2027-01-11 2027-02-08"),
        ("FREQ=MONTHLY;BYYEARDAY=-1", "2026-12-31 2027-12-31 2028-12-31"),
        ("FREQ=DAILY;BYSETPOS=1", "2026-12-01 2026-12-02 2026-12-03"),
    ],
)
def test_a_rule_of_before_keeps_its_moments_in_the_earlier_reading(rule, days):
    """As dateutil has them, which read the rules until then; most of these are refused by now."""
    moments = Recurrence(rule, NINE, "UTC", reading=Reading.EARLIER).moments()

    assert " ".join(f"{moment:%Y-%m-%d}" for moment in islice(moments, 3)) == days


@pytest.mark.parametrize("zone", ["Etc/GMT+12", "Pacific/Kiritimati"])
@pytest.mark.parametrize(("until", "number"), [("99991231", 3), ("99991231T235959", 3), ("00010101", 0)])
def test_a_series_may_end_where_the_calendar_does(zone, until, number):
    rule = Recurrence(validated(f"FREQ=DAILY;UNTIL={until}", NINE), datetime(2026, 12, 1, 9), zone)

    assert len(list(islice(rule.moments(NOON), 3))) == number


def test_a_rule_may_carry_its_prefix_and_small_letters():
    assert validated("rrule:freq=weekly; byday=mo", NINE) == "FREQ=WEEKLY;BYDAY=MO"


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
        validated(f"FREQ=YEARLY;BYMINUTE={sixty};BYHOUR=1,2,3", NINE)


def test_an_interval_beyond_all_numbers_is_refused():
    with pytest.raises(BadRule, match="1 to 100000"):
        validated("FREQ=DAILY;INTERVAL=000000001999999999999", NINE)


# -- any rule at all ------------------------------------------------------------------------------------

NUMBERS = {
    "BYMONTH": st.integers(1, 12), "BYMONTHDAY": st.integers(-31, 31), "BYYEARDAY": st.integers(-366, 366),
    "BYWEEKNO": st.integers(-53, 53), "BYHOUR": st.integers(0, 23), "BYMINUTE": st.integers(0, 59),
    "BYSECOND": st.integers(0, 60), "BYSETPOS": st.integers(-366, 366),
    "BYDAY": st.tuples(st.sampled_from(["", "", "", "1", "2", "-1", "5"]), st.sampled_from(DAYS)).map("".join),
}  # fmt: skip
PARTS = {
    "INTERVAL": st.sampled_from([1, 1, 2, 3, 7, 24, 97, 1440, 100_000]).map(str),
    "COUNT": st.integers(1, 20).map(str),
    "WKST": st.sampled_from(DAYS),
    **{name: st.lists(numbers, min_size=1, max_size=3).map(lambda some: ",".join(map(str, some))) for name, numbers in NUMBERS.items()},
}  # fmt: skip
RULES = st.builds(
    lambda freq, parts: ";".join([f"FREQ={freq}", *(f"{name}={value}" for name, value in parts.items())]),
    st.sampled_from(FREQUENCIES),
    st.fixed_dictionaries({}, optional=PARTS),
)
STARTS = st.datetimes(datetime(1900, 1, 1), datetime(2400, 1, 1)).map(
    lambda start: start.replace(microsecond=0)
)


@hypothesis.settings(deadline=None, max_examples=150)
@given(rule=RULES, start=STARTS)
def test_any_rule_is_refused_or_comes_in_order_after_a_bounded_number_of_looks(rule, start):
    try:
        plain = parsed(rule, start)
    except BadRule:
        return
    expansion = Expansion(plain, start)

    times = list(islice(expansion.times(), 5))

    assert times[0] >= start
    assert times == sorted(set(times))
    assert expansion.all_looks <= (len(times) + 1) * (LOOKS + LARGEST_PERIOD)


@hypothesis.settings(deadline=None, max_examples=150)
@given(rule=RULES, start=STARTS, earlier=st.booleans())
def test_what_was_never_judged_ends_after_a_bounded_number_of_looks_too(rule, start, earlier):
    expansion = Expansion(rule, start, earlier=earlier)

    times = list(islice(expansion.times(), 5))

    assert expansion.all_looks <= (len(times) + 1) * (LOOKS + LARGEST_PERIOD)


@hypothesis.settings(deadline=None, max_examples=150)
@given(
    freq=st.sampled_from(["YEARLY", "MONTHLY", "WEEKLY", "DAILY"]),
    parts=st.fixed_dictionaries({"BYDAY": PARTS["BYDAY"]}, optional={name: PARTS[name] for name in ("BYMONTH", "BYHOUR", "BYMINUTE", "WKST")}),
    interval=st.integers(1, 5),
    start=STARTS,
)  # fmt: skip
def test_dateutil_has_the_same_moments_of_what_it_reads_by_the_standard(freq, parts, interval, start):
    rule = ";".join(
        [f"FREQ={freq};INTERVAL={interval}", *(f"{name}={value}" for name, value in parts.items())]
    )
    hypothesis.assume(len({len(day) > 2 for day in parts["BYDAY"].split(",")}) == 1)

    ours = list(islice(Expansion(rule, start).times(), 5))

    hypothesis.assume(len(ours) == 5 and ours[-1].year < 2600)
    assert ours == list(islice(rrulestr(rule, dtstart=start), 5))
