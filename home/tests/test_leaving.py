"""What leaves when: deliveries with a date, waves, local hours, series; only what one may see; in few queries."""

from datetime import time, timedelta
from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import ApprovalPolicy
from accounts.tests.factories import UnitFactory
from campaign.lib import clock
from deliveries.models import Moment
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.series import series_of
from home import leaving
from home.leaving import Certainty

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def unit():
    return UnitFactory(approval_policy=ApprovalPolicy.NONE)


@pytest.fixture
def now():
    return clock.now().replace(microsecond=0)


def rows(unit, now, days=7):
    user = person("prepare", unit)
    return leaving.between(now, now + days * DAY, user=user, at=now).rows


def at_date(unit, when, **stage):
    return DeliveryFactory(
        unit=unit, schedule_kind="at_date", contact_date=when, time_zone="UTC", recipients=2, **stage
    )


def test_a_date_is_planned_until_it_is_confirmed(unit, now):
    draft, ready = at_date(unit, now + DAY), at_date(unit, now + 2 * DAY, ready=True)
    sure = at_date(unit, now + 3 * DAY, scheduled=True)
    at_date(unit, now + 30 * DAY)

    found = [(row.at, row.delivery.pk, row.certainty, row.people) for row in rows(unit, now)]

    assert found == [
        (now + DAY, draft.pk, Certainty.PLANNED, None),
        (now + 2 * DAY, ready.pk, Certainty.PLANNED, 2),
        (now + 3 * DAY, sure.pk, Certainty.CONFIRMED, 2),
    ]


def test_what_has_begun_stands_where_it_began(unit, now):
    delivery = DeliveryFactory(unit=unit, finished=True)

    (row,) = rows(unit, now - DAY, days=2)

    assert (row.at, row.certainty) == (delivery.started_at, Certainty.BEGUN)


def test_a_local_hour_is_there_before_anything_is_prepared(unit, now):
    day = (now + 2 * DAY).date()
    DeliveryFactory(
        unit=unit,
        schedule_kind="local_hour",
        local_date=day,
        local_hour=time(9),
        time_zone="America/Sao_Paulo",
    )

    (row,) = rows(unit, now)

    assert row.at.isoformat() == f"{day}T12:00:00+00:00"


@pytest.mark.parametrize(
    ("stage", "certainty"), [("ready", Certainty.PLANNED), ("scheduled", Certainty.CONFIRMED)]
)
def test_each_wave_is_there_before_and_after_it_is_confirmed(unit, now, stage, certainty):
    DeliveryFactory(
        unit=unit, schedule_kind="waves", contact_date=now + DAY, wave_by="number", wave_value=3, wave_minutes=60,
        recipients=6, time_zone="UTC", **{stage: True},
    )  # fmt: skip

    found = [(row.at, row.number, row.of, row.people, row.certainty) for row in rows(unit, now)]

    assert found == [(now + DAY + n * timedelta(hours=1), n + 1, 3, 2, certainty) for n in range(3)]


def test_zones_whose_hour_comes_at_the_same_time_are_one(unit, now):
    delivery = DeliveryFactory(unit=unit, ready=True)
    for number, zone in enumerate(("Europe/Paris", "Europe/Berlin"), start=1):
        Moment.objects.create(
            delivery=delivery, number=number, zone=zone, not_before=now + DAY, seq_from=number, seq_to=number
        )

    assert [row.people for row in rows(unit, now) if row.at == now + DAY] == [2]


def test_the_runs_that_a_series_will_have(now):
    series = series_of(stage="active")

    found = [row for row in rows(series.unit, now, days=5) if row.is_run]

    assert found[0].at == series.series.next_at
    assert {row.delivery.pk for row in found} == {series.pk}
    assert {row.certainty for row in found} == {Certainty.CONFIRMED}
    assert all(later.at - one.at < 2 * DAY for one, later in pairwise(found))


def test_what_one_may_not_see_is_not_there_and_another_unit_can_be_left_out(unit, now):
    below = UnitFactory(parent=unit)
    at_date(UnitFactory(), now + DAY)
    at_date(unit, now + DAY)
    mine = at_date(below, now + DAY)
    user = person("prepare", unit)

    assert len(rows(unit, now)) == 2
    (row,) = leaving.between(now, now + 7 * DAY, user=user, at=now, unit=below).rows
    assert row.delivery == mine


def test_it_costs_as_many_queries_for_many_as_for_one(unit, now):
    at_date(unit, now + DAY)
    with CaptureQueriesContext(connection) as one:
        rows(unit, now)
    for _more in range(4):
        at_date(unit, now + DAY)
    with CaptureQueriesContext(connection) as many:
        rows(unit, now)

    assert len(many) == len(one)


def test_what_is_shown_of_each_needs_no_other_question(now, django_assert_num_queries):
    series = series_of(stage="active")
    at_date(series.unit, now + DAY, ready=True)
    DeliveryFactory(
        unit=series.unit, schedule_kind="waves", contact_date=now + DAY, wave_by="number", wave_value=3,
        wave_minutes=60, recipients=6, time_zone="UTC",
    )  # fmt: skip
    found = rows(series.unit, now)

    with django_assert_num_queries(0):
        told = [(row.as_dict(), str(row.delivery.unit), row.delivery.name) for row in found]

    assert len({name for _row, _unit, name in told}) == 3
