# ruff: noqa: DTZ001 - local times as people type them have no zone

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.lib import local_time

ZONES = [name for _region, group in local_time.choices() for name, _label in group]


def test_a_local_time_becomes_its_moment():
    assert local_time.moment(datetime(2026, 11, 23, 14, 0), "America/Sao_Paulo") == datetime(
        2026, 11, 23, 17, 0, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("local", "zone", "words"),
    [
        (datetime(2026, 3, 8, 2, 30), "America/New_York", "from 02:00 to 03:00: 02:30"),
        (datetime(2026, 3, 29, 1, 0), "Europe/Lisbon", "from 01:00 to 02:00: 01:00"),
        (datetime(2018, 11, 4, 0, 30), "America/Sao_Paulo", "from 00:00 to 01:00: 00:30"),
        (datetime(2026, 10, 4, 2, 10), "Australia/Lord_Howe", "from 02:00 to 02:30: 02:10"),
    ],
)
def test_a_time_that_the_clocks_skip_is_refused_with_the_jump_in_words(local, zone, words):
    with pytest.raises(local_time.NoSuchTime) as refused:
        local_time.moment(local, zone)

    assert words in str(refused.value)


def test_of_a_time_that_comes_twice_the_first_is_taken():
    local = datetime(2026, 11, 1, 1, 30)

    assert local_time.comes_twice(local, "America/New_York")
    assert local_time.moment(local, "America/New_York") == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert not local_time.comes_twice(local + timedelta(hours=3), "America/New_York")


@given(
    local=st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)).map(
        lambda at: at.replace(second=0, microsecond=0)
    ),
    zone=st.sampled_from(ZONES),
)
def test_a_moment_reads_in_its_zone_as_it_was_typed_or_is_refused(local, zone):
    try:
        moment = local_time.moment(local, zone)
    except local_time.NoSuchTime:
        return

    assert moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == local
