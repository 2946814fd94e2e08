"""The tightest rule of approval of a unit and all above holds for deliveries, also after either of them has moved."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Affected, ApprovalPolicy, AuditEvent, OrganizationalUnit
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from accounts.units import units
from campaign.lib import clock
from deliveries import drafting, lifecycle
from deliveries.approval import decisions as approval
from deliveries.confirmation import decisions as confirmation
from deliveries.models import Delivery, Status
from deliveries.overview import todo
from deliveries.preparation import verbs as preparation
from deliveries.sending import gate
from deliveries.tests.factories import DeliveryFactory, audience_of, person

pytestmark = pytest.mark.django_db

ONE, FOUR_EYES = ApprovalPolicy.ONE, ApprovalPolicy.FOUR_EYES


@pytest.fixture
def strict():
    return UnitFactory(approval_policy=FOUR_EYES)


@pytest.fixture
def administrator():
    return UserFactory(roles={"administration": root()}, is_staff=True)


def idle_below(strict, administrator):
    """A unit that asks for less than the one above, as it can be after a move."""
    unit = UnitFactory(approval_policy=ONE)
    return units.move_unit(unit=unit, parent=strict, by=administrator)


def confirm(delivery):
    delivery.refresh_from_db()
    by = person("start", delivery.unit)
    return confirmation.confirm(delivery=delivery, seal=delivery.seal, by=by, at=clock.now())


def prepare_anew(delivery, *, by):
    delivery.refresh_from_db()
    run = preparation.start(delivery=delivery, by=by, at=clock.now())
    preparation.run(preparation_id=run.pk)
    delivery.refresh_from_db()


def test_four_eyes_of_a_unit_above_bar_whoever_made_it(strict, administrator):
    unit = idle_below(strict, administrator)
    maker = UserFactory(roles={"prepare": unit, "approve": unit})
    delivery = DeliveryFactory(unit=unit, by=maker, awaiting_approval=True)

    with pytest.raises(approval.SelfApproval):
        approval.approve(delivery=delivery, seal=delivery.seal, by=maker, at=clock.now())

    assert not todo.to_approve(maker).exists()


def test_it_waits_for_whoever_neither_prepared_nor_wrote_it(strict, administrator):
    unit = idle_below(strict, administrator)
    delivery = DeliveryFactory(unit=unit, awaiting_approval=True)

    assert list(todo.to_approve(person("approve", unit))) == [delivery]


def test_what_is_not_confirmed_is_approved_anew_after_its_unit_moved_below_a_tighter_rule(
    strict, administrator
):
    unit = UnitFactory(approval_policy=ONE)
    ready = DeliveryFactory(unit=unit, ready=True)

    units.move_unit(unit=unit, parent=strict, by=administrator)

    with pytest.raises(lifecycle.ChangedSincePrepared, match="approval policy"):
        confirm(ready)
    prepare_anew(ready, by=person("prepare", unit))
    assert ready.status == Status.AWAITING_APPROVAL
    assert ready.preparation.manifest["parts"]["policy"] == FOUR_EYES


@pytest.mark.parametrize("status", ["awaiting_approval", "ready"])
def test_what_is_not_confirmed_waits_for_whoever_prepared_it_until_it_is_prepared_anew(
    status, strict, administrator, client
):
    unit = UnitFactory(approval_policy=ONE)
    maker = UserFactory(roles={"prepare": unit, "start": unit, "approve": unit})
    delivery = DeliveryFactory(unit=unit, by=maker, **{status: True})
    assert not todo.to_prepare_anew(maker).exists()

    units.move_unit(unit=unit, parent=strict, by=administrator)

    waiting = todo.lists(maker)
    assert list(waiting.to_prepare_anew) == [delivery]
    assert not waiting.to_approve.exists()
    assert not waiting.to_confirm.exists()
    assert todo.count(maker) == 1
    assert not todo.to_prepare_anew(UserFactory(roles={"prepare": unit})).exists()
    client.force_login(maker)
    assert "To prepare anew" in client.get(reverse("deliveries:waiting")).content.decode()
    prepare_anew(delivery, by=maker)
    assert todo.count(maker) == 0


def test_what_must_be_prepared_anew_waits_for_no_approver_and_no_starter(strict, administrator):
    unit = UnitFactory(approval_policy=ONE)
    awaiting = DeliveryFactory(unit=unit, awaiting_approval=True)
    ready = DeliveryFactory(unit=unit, ready=True)
    approver, starter = person("approve", unit), person("start", unit)
    assert list(todo.to_approve(approver)) == [awaiting]
    assert list(todo.to_confirm(starter)) == [ready]

    units.move_unit(unit=unit, parent=strict, by=administrator)

    assert [todo.count(user) for user in (approver, starter)] == [0, 0]
    prepare_anew(ready, by=person("prepare", unit))
    assert list(todo.to_approve(approver)) == [ready]


def test_what_is_confirmed_waits_for_nobody_after_its_unit_moved(strict, administrator):
    unit = UnitFactory(approval_policy=ONE)
    maker = UserFactory(roles={"prepare": unit})
    confirm(DeliveryFactory(unit=unit, by=maker, ready=True))

    units.move_unit(unit=unit, parent=strict, by=administrator)

    assert todo.count(maker) == 0


def test_what_is_confirmed_leaves_as_confirmed(strict, administrator):
    unit = UnitFactory(approval_policy=ONE)
    scheduled = DeliveryFactory(unit=unit, scheduled=True)

    units.move_unit(unit=unit, parent=strict, by=administrator)

    assert gate.begin(scheduled.pk)
    assert gate.lane_config(scheduled.pk) is not None


def test_whoever_moves_a_unit_is_told_before_and_after_how_many_of_each(strict, administrator):
    unit = UnitFactory(approval_policy=ONE)
    below = UnitFactory(parent=unit, approval_policy=ONE)
    DeliveryFactory(unit=unit, ready=True)
    DeliveryFactory(unit=below, awaiting_approval=True)
    DeliveryFactory(unit=below, ready=True, approval_policy=FOUR_EYES)  # is strict enough as it is
    DeliveryFactory(unit=below, scheduled=True)
    DeliveryFactory(unit=unit, finished=True)
    DeliveryFactory(unit=unit)

    before = units.foresee(unit=unit, parent=strict, by=administrator)
    moved = units.move_unit(unit=unit, parent=strict, by=administrator)

    assert before == moved.affected == Affected(anew=2, stays=1)
    told = AuditEvent.objects.get(action="move_unit").detail["affected"]
    assert told == {"anew": 2, "stays": 1, "series": 0}


def test_whoever_tightens_a_rule_is_told_the_same(administrator):
    unit = UnitFactory(approval_policy=ONE)
    DeliveryFactory(unit=UnitFactory(parent=unit, approval_policy=ONE), ready=True)

    changed = units.change_unit(
        unit=unit, label=unit.label, approval_policy=FOUR_EYES, grace_seconds=None, by=administrator
    )

    assert changed.affected == Affected(anew=1)


def test_telling_costs_the_same_for_one_delivery_and_for_many(
    strict, administrator, django_assert_num_queries
):
    unit = UnitFactory(approval_policy=ONE)
    DeliveryFactory(unit=unit, ready=True)
    with CaptureQueriesContext(connection) as one:
        units.foresee(unit=unit, parent=strict, by=administrator)
    for below in UnitFactory.create_batch(3, parent=unit, approval_policy=ONE):
        DeliveryFactory(unit=below, ready=True)

    with django_assert_num_queries(len(one)):
        assert units.foresee(unit=unit, parent=strict, by=administrator) == Affected(anew=4)


def test_the_desk_and_the_page_say_it_before_and_do_it_once_it_was_seen(client, strict, administrator):
    client.force_login(administrator)
    for where in ("/admin/accounts/organizationalunit/{}/change/", "/units/{}/"):
        unit = UnitFactory(approval_policy=ONE)
        DeliveryFactory(unit=unit, ready=True)
        typed = {"label": unit.label, "parent": strict.pk, "approval_policy": ONE}
        meant = str(Affected(anew=1))

        first = client.post(where.format(unit.pk), typed).content.decode()
        unit.refresh_from_db()
        assert meant in first
        assert unit.parent == root()
        second = client.post(where.format(unit.pk), typed | {"seen": meant}, follow=True).content.decode()

        unit.refresh_from_db()
        assert unit.parent == strict
        assert meant in second


def test_the_command_goes_on_only_after_a_yes(strict, administrator):
    unit = UnitFactory(label="Lisbon", approval_policy=ONE)
    DeliveryFactory(unit=unit, ready=True)
    words = ["change_unit", "Lisbon", "--under", strict.label, "--json", "--as", administrator.username]

    with pytest.raises(CommandError, match="approved anew: 1"):
        call_command(*words, stdout=StringIO())
    assert OrganizationalUnit.objects.get(pk=unit.pk).parent == root()
    call_command(*words, "--yes", stdout=(out := StringIO()))

    assert json.loads(out.getvalue())["affected"] == {"anew": 1, "stays": 0, "series": 0}
    assert OrganizationalUnit.objects.get(pk=unit.pk).parent == strict


# -- a delivery that is moved by who prepares it ----------------------------------------------------------


@pytest.fixture
def lax():
    return UnitFactory(approval_policy=ONE)


def moved(delivery, unit, by):
    drafting.edit(delivery=delivery, by=by, at=clock.now(), unit=unit)
    return Delivery.objects.get(pk=delivery.pk)


def test_a_delivery_takes_its_rule_along_to_a_laxer_unit(strict, lax):
    by = UserFactory(roles={"prepare": [strict, lax]})
    delivery = DeliveryFactory(unit=strict, by=by)

    there = moved(delivery, lax, by)

    assert there.policy == FOUR_EYES
    with pytest.raises(drafting.LooserPolicy):
        drafting.edit(delivery=there, by=by, at=clock.now(), approval_policy=ONE)
    assert drafting.duplicate(delivery=there, by=by).policy == FOUR_EYES


def test_what_was_approved_before_it_was_moved_is_asked_again(strict, lax):
    by = UserFactory(roles={"prepare": [strict, lax]})
    delivery = DeliveryFactory(unit=strict, by=by, ready=True)

    there = moved(delivery, lax, by)

    assert there.status == Status.DRAFT
    assert {"unit"} <= set(there.history.first().detail["changed"])


def test_what_was_moved_waits_for_other_eyes(strict, lax):
    by = UserFactory(roles={"prepare": [strict, lax], "approve": [lax]})
    there = moved(DeliveryFactory(unit=strict, by=by), lax, by)
    drafting.edit(delivery=there, by=by, at=clock.now(), audience=audience_of(lax, 2))
    run = preparation.start(delivery=there, by=by, at=clock.now())
    preparation.run(preparation_id=run.pk)

    there.refresh_from_db()
    assert not todo.to_approve(by).exists()
    with pytest.raises(approval.SelfApproval):
        approval.approve(delivery=there, seal=there.seal, by=by, at=clock.now())


def test_the_page_of_a_delivery_names_the_rule_that_holds(client, strict, administrator):
    unit = idle_below(strict, administrator)
    delivery = DeliveryFactory(unit=unit, awaiting_approval=True)
    client.force_login(person("approve", unit))

    assert client.get(reverse("deliveries:approval", args=[delivery.pk])).status_code == 200
    call_command(
        "show_delivery",
        delivery.name,
        "--json",
        "--as",
        person("approve", unit).username,
        stdout=(out := StringIO()),
    )
    assert json.loads(out.getvalue())["approval_policy"] == FOUR_EYES
