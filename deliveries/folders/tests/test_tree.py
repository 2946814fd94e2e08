"""Folders make a tree without rings, of a bounded depth, under the rights of their units."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.access import NotAllowed
from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from campaign.lib.refusals import Refusal
from deliveries.folders import goals, naming, tree
from deliveries.folders.tests.factories import folder_in
from deliveries.models import Folder
from deliveries.models.folder import DEEPEST
from deliveries.tests.factories import DeliveryFactory, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def by(unit):
    return person("prepare", unit)


def test_a_folder_lies_in_another_and_says_where(unit, by):
    summer = folder_in(unit)

    july = tree.create(label=" July ", unit=unit, parent=summer, by=by)

    assert july.path == f"/{summer.pk}/{july.pk}/"
    assert naming.in_words(july) == "Summer › July"
    assert AuditEvent.objects.filter(action="create_folder", actor=by).count() == 2


def test_it_takes_the_right_to_prepare_in_its_unit(unit):
    with pytest.raises(NotAllowed):
        tree.create(label="Summer", unit=unit, by=person("approve", unit))
    with pytest.raises(NotAllowed):
        tree.change(folder=folder_in(unit), label="X", by=person("prepare", UnitFactory()))

    assert Folder.objects.get().label == "Summer"


def test_what_lies_in_a_folder_is_of_its_unit_or_of_one_below(unit, by):
    below, beside = UnitFactory(parent=unit), UnitFactory()
    summer = folder_in(unit)

    inner = folder_in(below, parent=summer)

    assert inner.parent == summer
    with pytest.raises(tree.FolderElsewhere):
        folder_in(beside, parent=summer)


def test_a_folder_moves_with_all_in_it(unit, by):
    summer, winter = folder_in(unit), folder_in(unit, "Winter")
    july = folder_in(unit, "July", parent=summer)
    week = folder_in(unit, "Week 1", parent=july)

    tree.move(folder=july, parent=winter, by=by)

    week.refresh_from_db()
    assert naming.in_words(week) == "Winter › July › Week 1"
    assert AuditEvent.objects.get(action="move_folder").detail == {"to": winter.pk}


def test_no_folder_lies_in_itself_or_too_deep(unit, by):
    chain = [folder_in(unit, "1")]
    while len(chain) < DEEPEST:
        chain.append(folder_in(unit, str(len(chain) + 1), parent=chain[-1]))

    with pytest.raises(tree.InsideItself):
        tree.move(folder=chain[0], parent=chain[2], by=by)
    with pytest.raises(tree.TooDeep):
        folder_in(unit, "deeper", parent=chain[-1])
    with pytest.raises(tree.TooDeep):
        tree.move(folder=chain[0], parent=folder_in(unit, "other"), by=by)


def test_a_label_is_there_once_in_a_place(unit, by):
    folder_in(unit)

    with pytest.raises(tree.LabelTaken):
        folder_in(unit)

    assert folder_in(unit, parent=Folder.objects.get()).label == "Summer"


def test_only_an_empty_folder_is_deleted(unit, by):
    summer = folder_in(unit)
    delivery = DeliveryFactory(unit=unit, folder=summer, recipients=1)

    with pytest.raises(tree.NotEmpty):
        tree.delete(folder=summer, by=by)
    delivery.folder = None
    delivery.save()
    tree.delete(folder=summer, by=by)

    assert not Folder.objects.exists()


def test_a_campaign_has_dates_an_owner_and_a_goal(unit, by):
    campaign = folder_in(
        unit, is_campaign=True, starts_on=date(2026, 7, 1), ends_on=date(2026, 7, 31), owner=by,
        goal_figure="clicks", goal_value=Decimal("3.5"),
    )  # fmt: skip

    assert goals.goal_of(campaign).shown(campaign.goal_value) == "3.5%"
    plain = tree.change(folder=campaign, by=by, is_campaign=False)
    assert (plain.starts_on, plain.owner, plain.goal_figure, plain.goal_value) == (None, None, "", None)


@pytest.mark.parametrize(
    ("settings", "refusal"),
    [
        (
            {"is_campaign": True, "starts_on": date(2026, 7, 2), "ends_on": date(2026, 7, 1)},
            tree.DatesReversed,
        ),
        ({"starts_on": date(2026, 7, 2)}, tree.CampaignsAlone),
        ({"is_campaign": True, "goal_figure": "joy", "goal_value": Decimal(1)}, goals.NoSuchGoal),
        ({"is_campaign": True, "goal_figure": "clicks"}, goals.GoalIncomplete),
        ({"is_campaign": True, "goal_figure": "clicks", "goal_value": Decimal(101)}, goals.GoalOutOfRange),
        ({"is_campaign": True, "goal_figure": "clicks", "goal_value": Decimal("NaN")}, goals.GoalOutOfRange),
    ],
)
def test_a_campaign_that_makes_no_sense_is_refused(unit, settings, refusal):
    with pytest.raises(refusal):
        folder_in(unit, **settings)

    assert not Folder.objects.exists()


def test_an_owner_may_see_the_deliveries(unit):
    stranger = UserFactory(roles={"prepare": UnitFactory()})

    with pytest.raises(tree.NotAnOwner):
        folder_in(unit, is_campaign=True, owner=stranger)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(st.tuples(st.integers(0, 5), st.integers(-1, 5)), max_size=12))
def test_whatever_is_moved_where_paths_are_right_and_no_ring_is_made(moves):
    with transaction.atomic():
        unit, by = root(), person("prepare", root())
        folders = [folder_in(unit, f"F{n}", by=by) for n in range(6)]

        for what, where in moves:
            try:
                tree.move(folder=folders[what], parent=folders[where] if where >= 0 else None, by=by)
            except Refusal:
                continue

        rows = {one.pk: one for one in Folder.objects.all()}
        for one in rows.values():
            above = rows[one.parent_id].path if one.parent_id else "/"
            assert one.path == f"{above}{one.pk}/"
            assert len(one.lineage) <= DEEPEST
        transaction.set_rollback(True)
