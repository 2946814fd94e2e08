"""What goes next stands at the desk below the periods: the plan of the pages and of the command."""

import pytest
from django.urls import reverse

from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.models import Import, ImportProblem
from campaign.lib import clock
from deliveries.models import RetentionPeriod
from reporting.retention import planning

pytestmark = pytest.mark.django_db
LIST = "admin:deliveries_retentionperiod_changelist"


@pytest.fixture
def due(old, kept_for):
    """A delivery, and an import of another unit, of which rows go."""
    delivery, unit = old(), UnitFactory(parent=root())
    importing = Import.objects.create(unit=unit, file_name="people.csv", finished_at=delivery.ended_at)
    ImportProblem.objects.create(importing=importing, line=3, reason="Broken.")
    kept_for(recipients=30, imports=30)
    return delivery, unit


def rows_of(page):
    return page.content.decode().partition('id="next"')[2]


def test_it_is_the_plan(due, client):
    delivery, unit = due
    client.force_login(UserFactory(is_staff=True, roles={"administration": root()}))

    page = client.get(reverse(LIST))

    assert page.context["lines"] == planning.plan(at=clock.now())
    said = rows_of(page)
    assert delivery.name in said
    assert unit.label in said
    assert "Now: 9 rows." in said


def test_of_other_units_nothing_is_said(due, client):
    delivery, unit = due
    client.force_login(UserFactory(is_staff=True, roles={"administration": unit}))

    said = rows_of(client.get(reverse(LIST)))

    assert unit.label in said
    assert delivery.name not in said


def test_who_administers_nothing_does_not_see_it(due, client):
    client.force_login(UserFactory(is_staff=True, roles={"prepare": root()}))

    assert client.get(reverse(LIST)).status_code == 403


def test_a_period_is_set_at_the_desk(client):
    client.force_login(UserFactory(is_staff=True, roles={"administration": root()}))
    slots = {"unit": root().pk, "kind": "sign_ups", "days": 45}

    client.post(reverse("admin:deliveries_retentionperiod_add"), slots)

    assert RetentionPeriod.objects.get(kind="sign_ups").days == 45
