from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting.figures import kpis
from reporting.figures.kpis import Counts, rate

number = st.integers(min_value=0, max_value=5_000_000)


@st.composite
def counts(draw):
    """Books that balance: every message is in one state, and only who got it opened it."""
    states = {
        name: draw(number)
        for name in ("delivered", "failed", "retrying", "in_doubt", "ignored", "cancelled", "erased")
    }
    openers = draw(st.integers(0, states["delivered"]))
    clickers = draw(st.integers(0, openers))
    return Counts(
        to_deliver=sum(states.values()) + draw(number), openers=openers, clickers=clickers, **states
    )


@given(counts())
def test_delivered_and_bounces_make_a_hundred(counts):
    if counts.sent:
        assert kpis.BY_CODE["delivered"].rate(counts) + kpis.BY_CODE["failed"].rate(counts) == 100


@given(counts())
def test_every_message_is_counted_once(counts):
    parts = (
        counts.sent + counts.prepared + counts.retrying + counts.in_doubt + counts.ignored + counts.cancelled
        + counts.erased
    )  # fmt: skip

    assert parts == counts.to_deliver
    assert counts.prepared >= 0
    assert counts.settled + counts.retrying + counts.prepared == counts.to_deliver


@given(counts())
def test_no_rate_leaves_the_range(counts):
    for kpi in kpis.kpis(counts):
        assert kpi.rate is None or 0 <= kpi.rate <= 100


@given(part=number, base=number)
def test_a_hundred_is_said_of_the_whole_only_and_nothing_of_nothing_only(part, base):
    found = rate(part, base)

    if base == 0:
        assert found is None
    else:
        assert (found == 100) == (part >= base)
        assert (found == 0) == (part == 0)


@given(part=number, base=number.filter(bool))
def test_a_rate_is_within_a_tenth_of_the_truth(part, base):
    part = min(part, base)

    assert abs(rate(part, base) - Decimal(100 * part) / base) <= Decimal("0.1")


@given(counts(), st.sampled_from(["prepared", "retrying", "in_doubt", "ignored", "cancelled", "erased"]))
def test_what_has_no_outcome_at_a_server_changes_no_rate(counts, name):
    more = {"to_deliver": counts.to_deliver + 10}
    if name != "prepared":
        more[name] = getattr(counts, name) + 10

    after = replace(counts, **more)

    assert [kpi.rate for kpi in kpis.kpis(after)] == [kpi.rate for kpi in kpis.kpis(counts)]


def test_the_indicators_stand_in_the_order_of_the_screen():
    shown = kpis.kpis(Counts(to_deliver=10, delivered=6, failed=2, openers=3, clickers=1, unsubscribers=2))

    assert [(kpi.code, kpi.number, kpi.rate) for kpi in shown] == [
        ("to_deliver", 10, None),
        ("sent", 8, None),
        ("delivered", 6, Decimal("75.0")),
        ("failed", 2, Decimal("25.0")),
        ("opens", 3, Decimal("50.0")),
        ("clicks", 1, Decimal("16.7")),
        ("unsubscribes", 2, Decimal("33.3")),
    ]


@given(counts(), counts())
def test_the_difference_leads_from_old_to_new(one, other):
    old, new = kpis.figures(one), kpis.figures(other)

    change = kpis.difference(old, new)

    assert {name: old[name] + change.get(name, 0) for name in old} == new


@pytest.mark.parametrize("name", ["delivered", "failed", "opens", "clicks"])
def test_nothing_sent_has_no_rate(name):
    shown = {kpi.code: kpi.rate for kpi in kpis.kpis(Counts(to_deliver=5))}

    assert shown[name] is None
