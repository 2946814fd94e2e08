"""Approval is inherited: the tightest of a unit and of all above it holds, and a unit below can only tighten."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import access
from accounts.models import ApprovalPolicy, OrganizationalUnit
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from accounts.units import units

pytestmark = pytest.mark.django_db

NONE, ONE, FOUR_EYES = ApprovalPolicy.NONE, ApprovalPolicy.ONE, ApprovalPolicy.FOUR_EYES


@pytest.fixture
def strict():
    return UnitFactory(approval_policy=FOUR_EYES)


def administrator(*where):
    return UserFactory(roles={"administration": list(where)}, is_staff=True)


def change(unit, policy, *, by):
    return units.change_unit(
        unit=unit, label=unit.label, approval_policy=policy, grace_seconds=unit.grace_seconds, by=by
    )


def test_no_unit_is_made_that_asks_for_less_than_the_one_above(strict):
    with pytest.raises(units.LooserThanAbove, match=strict.label):
        units.create_unit(label="Loose", parent=strict, approval_policy=NONE, by=administrator(strict))

    assert not strict.children.exists()


def test_a_new_unit_asks_for_as_much_as_the_one_above(strict):
    made = units.create_unit(label="Lisbon", parent=strict, by=administrator(strict))

    assert made.approval_policy == FOUR_EYES


def test_no_unit_is_changed_to_ask_for_less_than_the_one_above(strict):
    below = UnitFactory(parent=strict, approval_policy=FOUR_EYES)

    with pytest.raises(units.LooserThanAbove):
        change(below, ONE, by=administrator(strict))

    assert change(strict, ONE, by=administrator(strict)).policy == ONE
    assert change(below, ONE, by=administrator(strict)).policy == ONE


def test_the_tightest_on_the_way_up_holds_also_where_less_was_asked_before(strict):
    middle = UnitFactory(parent=root(), approval_policy=ONE)
    below = UnitFactory(parent=middle, approval_policy=ONE)

    units.move_unit(unit=middle, parent=strict, by=administrator(root()))

    below.refresh_from_db()
    assert (below.approval_policy, below.policy) == (ONE, FOUR_EYES)


def test_a_unit_whose_own_rule_became_idle_can_still_be_renamed(strict):
    below = UnitFactory(approval_policy=ONE)
    by = administrator(root())
    units.move_unit(unit=below, parent=strict, by=by)

    units.change_unit(unit=below, label="Renamed", approval_policy=ONE, grace_seconds=None, by=by)

    assert OrganizationalUnit.objects.get(pk=below.pk).label == "Renamed"


def test_what_a_move_would_mean_is_told_to_whoever_may_move_it(strict):
    unit = UnitFactory()

    with pytest.raises(access.NotAllowed):
        units.foresee(unit=unit, parent=strict, by=administrator(strict))
    with pytest.raises(access.NotAllowed):
        units.foresee(unit=unit, parent=strict, by=administrator(unit))

    assert not units.foresee(unit=unit, parent=strict, by=administrator(root()))


def queries(client):
    with CaptureQueriesContext(connection) as asked:
        page = client.get(reverse("units"))
    assert page.status_code == 200
    return len(asked)


def test_the_list_of_units_says_what_holds_and_costs_the_same_for_one_and_for_many(client, strict):
    client.force_login(administrator(strict))
    queries(client)
    one = queries(client)

    UnitFactory.create_batch(9, parent=strict, approval_policy=FOUR_EYES)

    assert queries(client) == one
    assert client.get(reverse("units")).content.decode().count("Four eyes") == 10


@pytest.mark.parametrize(("role", "links"), [("administration", 2), ("prepare", 0)])
def test_the_menu_leads_whoever_administers_to_the_units(client, strict, role, links):
    client.force_login(UserFactory(roles={role: strict}))

    page = client.get(reverse("account")).content.decode()

    assert page.count(f'class="nav__link" href="{reverse("units")}"') == links  # wide and narrow


@pytest.mark.parametrize("role", ["prepare", "start", "approve", "export"])
def test_nobody_but_administrators_sees_or_changes_units_on_the_pages(client, strict, role):
    client.force_login(UserFactory(roles={role: strict}))

    typed = {"label": "Mine", "parent": strict.parent_id, "approval_policy": ONE}

    assert client.get(reverse("units")).status_code == 403
    assert client.get(reverse("unit", args=[strict.pk])).status_code == 403
    assert client.post(reverse("unit", args=[strict.pk]), typed).status_code == 403
    assert client.get(reverse("unit", args=[UnitFactory().pk])).status_code == 404


def test_an_administrator_changes_a_unit_on_its_page(client, strict):
    client.force_login(administrator(strict))
    unit = UnitFactory(parent=strict, approval_policy=FOUR_EYES)
    typed = {
        "label": "Renamed",
        "parent": strict.pk,
        "approval_policy": FOUR_EYES,
        "proof_list": "example.com",
    }

    assert client.get(reverse("unit", args=[unit.pk])).status_code == 200
    assert client.post(reverse("unit", args=[unit.pk]), typed).status_code == 302

    unit.refresh_from_db()
    assert (unit.label, unit.proof_addresses) == ("Renamed", ["example.com"])


def test_a_looser_rule_is_refused_on_the_page_and_at_the_desk_with_its_reason(client, strict):
    unit = UnitFactory(parent=strict, approval_policy=FOUR_EYES)
    client.force_login(administrator(strict))
    typed = {"label": unit.label, "parent": strict.pk, "approval_policy": NONE}

    for where in (
        reverse("unit", args=[unit.pk]),
        f"/admin/accounts/organizationalunit/{unit.pk}/change/",
    ):
        assert "a unit below can only be stricter" in client.post(where, typed).content.decode()

    assert OrganizationalUnit.objects.get(pk=unit.pk).approval_policy == FOUR_EYES


def command(*words):
    out = StringIO()
    call_command(*words, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_a_command_moves_a_unit_and_says_what_holds_there(strict):
    by = administrator(root())
    unit = UnitFactory(label="Lisbon")

    seen = command("change_unit", "Lisbon", "--under", strict.label, "--look", "--as", by.username)
    assert OrganizationalUnit.objects.get(pk=unit.pk).parent == root()
    done = command("change_unit", "Lisbon", "--under", strict.label, "--as", by.username)

    assert seen["affected"] == done["affected"] == {"anew": 0, "stays": 0, "series": 0}
    assert done["approval"] == FOUR_EYES


def test_a_command_refuses_a_looser_rule(strict):
    UnitFactory(label="Lisbon", parent=strict, approval_policy=FOUR_EYES)
    by = administrator(strict)

    with pytest.raises(CommandError, match="only be stricter"):
        call_command("change_unit", "Lisbon", "--approval", "none", "--as", by.username)
