"""When a condition holds: pure, of figures, limits and what is usual."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import conditions, figures
from alerts.conditions import Limits
from alerts.figures import Standing
from alerts.models import Baseline, Condition

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
LIMITS = Limits(least=100, holds=True)


def standing(status="sending", **values):
    made = {
        "delivery_id": 1,
        "unit_id": 1,
        "path": "/1/",
        "status": status,
        "changed_at": NOON - timedelta(hours=2),
    }
    return Standing(**(made | values))


def found(one, limits=LIMITS, usual=None, open_now=()):
    return {
        each.condition: each
        for each in conditions.of(one, limits, usual, at=NOON, open_now=frozenset(open_now))
    }


def usual(**values):
    none = {
        "deliveries": 5,
        "answered": 10_000,
        "delivered": 10_000,
        "refused": 0,
        "complaints": 0,
        "opt_outs": 0,
    }
    return Baseline(unit_id=1, at=NOON, **(none | values))


def test_a_rate_above_its_limit_is_found_with_its_figures_and_holds_the_send():
    one = found(standing(answered=1000, refused=71, delivered=929))[Condition.BOUNCES]

    assert (one.part, one.base, one.percent, one.limit) == (71, 1000, Decimal("7.10"), Decimal(5))
    assert one.holds


def test_one_of_three_holds_nothing():
    assert found(standing(answered=3, refused=1, delivered=2)) == {}


def test_a_rate_just_at_its_limit_is_not_above_it():
    assert found(standing(answered=1000, refused=50, delivered=950)) == {}


def test_an_open_alert_of_a_rate_is_over_only_well_below_the_limit():
    hovering, calm = standing(answered=1000, refused=45), standing(answered=1000, refused=40)

    assert Condition.BOUNCES in found(hovering, open_now=[Condition.BOUNCES])
    assert not found(hovering, open_now=[Condition.BOUNCES])[Condition.BOUNCES].holds
    assert found(calm, open_now=[Condition.BOUNCES]) == {}


@pytest.mark.parametrize("status", ["paused", "finished"])
def test_only_what_is_being_sent_is_held(status):
    one = found(standing(status, answered=1000, refused=71, ended_at=NOON))

    assert not one[Condition.BOUNCES].holds


def test_a_rate_far_above_that_of_like_deliveries_is_found_below_the_limit_and_holds_nothing():
    one = found(standing(answered=1000, refused=31), usual=usual(refused=100))[Condition.BOUNCES]

    assert (one.limit, one.typical, one.holds) == (None, Decimal("1.00"), False)


def test_too_few_like_deliveries_say_nothing_of_what_is_usual():
    assert found(standing(answered=1000, refused=31), usual=usual(refused=100, deliveries=2)) == {}


def test_where_like_deliveries_have_none_a_handful_is_no_alert():
    assert found(standing(answered=1000, refused=4), usual=usual()) == {}


def test_complaints_and_opt_outs_are_of_what_was_delivered():
    one = standing(answered=2000, refused=0, delivered=2000, complaints=7, opt_outs=41)

    assert set(found(one)) == {Condition.COMPLAINTS, Condition.OPT_OUTS}


@pytest.mark.parametrize(
    ("status", "condition"),
    [
        ("failed", Condition.FAILED),
        ("stopped", Condition.STOPPED),
        ("preparation_failed", Condition.PREPARATION_FAILED),
    ],
)
def test_what_went_wrong_is_found_by_its_status(status, condition):
    assert set(found(standing(status, ended_at=NOON))) == {condition}


def test_what_ended_more_than_a_week_ago_needs_nobody():
    long_ago = NOON - figures.OLDEST - timedelta(minutes=1)

    assert found(standing("failed", ended_at=long_ago, answered=1000, refused=900)) == {}


def test_late_is_what_should_have_begun_so_many_minutes_ago_unless_people_stopped_it():
    late = standing("scheduled", due_at=NOON - timedelta(minutes=16))

    assert set(found(late)) == {Condition.LATE}
    assert found(replace(late, due_at=NOON - timedelta(minutes=14))) == {}
    assert found(replace(late, is_halted=True)) == {}


def test_a_send_stands_still_where_something_may_leave_and_nothing_did_for_a_while():
    still = standing(is_ready=True, handled=10, handled_before=10, moved_at=NOON - timedelta(minutes=16))

    assert set(found(still)) == {Condition.NOT_MOVING}
    assert found(replace(still, is_ready=False)) == {}
    assert found(replace(still, handled=11)) == {}
    assert found(replace(still, moved_at=NOON - timedelta(minutes=14))) == {}
    assert found(replace(still, changed_at=NOON - timedelta(minutes=1))) == {}


def test_a_send_with_a_small_limit_has_rightly_long_pauses():
    still = standing(
        is_ready=True, moved_at=NOON - timedelta(minutes=30), handled=1, handled_before=1, per_hour=2
    )

    assert found(still) == {}


def test_what_is_prepared_waits_for_a_confirmation_after_a_while_or_shortly_before_its_date():
    fresh = standing("ready", changed_at=NOON - timedelta(minutes=1))

    assert found(fresh) == {}
    assert set(found(replace(fresh, changed_at=NOON - timedelta(minutes=61)))) == {Condition.WAITING}
    assert set(found(replace(fresh, contact_date=NOON + timedelta(minutes=30)))) == {Condition.WAITING}


@given(part=st.integers(0, 10**9), base=st.integers(0, 10**9))
def test_a_rate_is_never_nothing_where_there_is_something(part, base):
    percent = conditions.percent(part, base)

    assert percent >= 0
    assert (percent == 0) == (part == 0 or base == 0)


@given(
    base=st.integers(1, 10**7),
    share=st.floats(0, 1),
    least=st.integers(1, 10**5),
    limit=st.decimals("0.01", 100, places=2),
)
def test_whatever_holds_is_above_its_limit_and_has_enough_messages(base, share, least, limit):
    part = round(base * share)
    limits = Limits(bounces=limit, times_typical=None, least=least, holds=True)

    one = found(standing(answered=base, refused=part), limits).get(Condition.BOUNCES)

    assert (one is not None and one.holds) == (base >= least and 100 * part > limit * base)
