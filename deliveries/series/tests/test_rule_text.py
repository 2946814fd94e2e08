"""The sentence that says a rule, there and back."""

# ruff: noqa: DTZ001 -- what a wall clock shows has no zone
from datetime import date, datetime, time

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from campaign.lib.recurrence import validated
from deliveries.models import Delivery, Series
from deliveries.series import rule_text
from deliveries.series.rule_text import CODES, OWN, RuleSentence

RHYTHMS = st.one_of(
    st.builds(RuleSentence, every=st.integers(1, 99), unit=st.sampled_from(["MINUTELY", "HOURLY", "DAILY", "YEARLY"]),
              count=st.none() | st.integers(1, 500)),
    st.builds(RuleSentence, every=st.integers(1, 9), unit=st.just("WEEKLY"),
              weekdays=st.sets(st.sampled_from(CODES)).map(lambda days: tuple(sorted(days, key=CODES.index))),
              until=st.none() | st.dates(date(2026, 1, 1), date(2040, 1, 1))),
    st.builds(RuleSentence, unit=st.just("MONTHLY"), month_day=st.sampled_from([1, 15, 31, -1])),
    st.builds(RuleSentence, unit=st.just("MONTHLY"), position=st.sampled_from([1, 2, 3, 4, -1]), weekday=st.sampled_from(CODES)),
)  # fmt: skip


@given(RHYTHMS)
def test_every_sentence_comes_back_from_its_rule(said):
    assert rule_text.of(validated(said.to_rule(), datetime(2026, 1, 1, 9))) == said


@pytest.mark.parametrize(
    "rule", ["FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1", "FREQ=DAILY;BYHOUR=9,17", "FREQ=WEEKLY;UNTIL=20261231T120000Z"]
)  # fmt: skip
def test_a_rule_that_no_sentence_says_stays_as_it_is(rule):
    assert rule_text.of(rule) == RuleSentence(unit=OWN, own=rule)


def in_words(rule: str, **changes: object) -> str:
    series = Series(rule=rule, starts_on=date(2026, 12, 1), at=time(9), **changes)
    series.delivery = Delivery(time_zone="Europe/Paris")
    return rule_text.in_words(series)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=DAILY", "Every day at 09:00 (Europe/Paris), from 1 Dec 2026"),
        ("FREQ=WEEKLY;BYDAY=MO,TH", "Every week on Monday and Thursday at 09:00 (Europe/Paris), from 1 Dec 2026"),
        ("FREQ=WEEKLY;INTERVAL=2", "Every 2 weeks on Tuesday at 09:00 (Europe/Paris), from 1 Dec 2026"),
        ("FREQ=MONTHLY;BYDAY=2TU;COUNT=10", "Every month on the second Tuesday at 09:00 (Europe/Paris), from 1 Dec 2026, 10 times"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "Every month on the last day at 09:00 (Europe/Paris), from 1 Dec 2026"),
        ("FREQ=YEARLY;UNTIL=20301231", "Every year on 1 December at 09:00 (Europe/Paris), from 1 Dec 2026, until 31 Dec 2030"),
    ],
)  # fmt: skip
def test_it_is_said_as_people_say_it(rule, words):
    assert in_words(rule) == words


def test_it_is_said_in_portuguese():
    with translation.override("pt-br"):
        assert in_words("FREQ=WEEKLY;BYDAY=MO,TH").startswith(
            "Toda semana, segunda-feira e quinta-feira, às 09:00 (Europe/Paris), a partir de 01/12/2026"
        )


def test_days_without_a_run_are_named():
    assert in_words("FREQ=DAILY", excluded_dates=[date(2026, 12, 25)]).endswith("not on 25 Dec 2026")
