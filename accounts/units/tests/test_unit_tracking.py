"""Whether people are measured who were not asked: said by administrators of a unit, for it and for all below."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.urls import reverse

from accounts import access
from accounts.models import AuditEvent, OrganizationalUnit, Unasked
from accounts.tests.factories import UserFactory
from accounts.units import unit_tracking

pytestmark = pytest.mark.django_db


def administrator(unit):
    return UserFactory(roles={"administration": unit}, is_staff=True)


def save(unit, unasked, *, by=None):
    unit_tracking.save(unit=unit, unasked=unasked, by=by or administrator(unit))


def by_sql(unit):
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {unit_tracking.IN_SQL} FROM accounts_organizationalunit own WHERE own.id = %s", [unit.pk]
        )
        return cursor.fetchone()[0]


@pytest.mark.parametrize("of_above", Unasked.values)
@pytest.mark.parametrize("of_below", Unasked.values)
def test_the_nearest_that_says_something_counts_and_nobody_means_on(above, below, of_above, of_below):
    save(above, of_above)
    save(below, of_below)

    expected = (of_below or of_above or "on") == "on"
    assert unit_tracking.tracks_unasked(below) is expected
    assert by_sql(below) is expected


def test_only_an_administrator_says_it_and_it_is_audited_once(above):
    with pytest.raises(access.NotAllowed):
        save(above, "off", by=UserFactory(roles={"prepare": above}))

    save(above, "off")
    save(above, "off")

    assert AuditEvent.objects.filter(action="save_tracking_unasked").count() == 1


def test_page_and_command_say_it(client, above):
    by = administrator(above)
    client.force_login(by)
    client.post(
        reverse("unit", args=[above.pk]),
        {
            "label": above.label,
            "approval_policy": "one",
            "parent": above.parent_id or "",
            "tracking_unasked": "off",
        },
    )
    assert OrganizationalUnit.objects.get(pk=above.pk).tracking_unasked == "off"

    out = StringIO()
    call_command("set_tracking", above.label, "ON", "--as", by.username, "--json", stdout=out)

    assert json.loads(out.getvalue()) == {"unit": above.label, "own": "on", "holds": True}

    out = StringIO()
    call_command("set_tracking", above.label, "--as", by.username, "--json", stdout=out)

    assert json.loads(out.getvalue())["own"] == ""
