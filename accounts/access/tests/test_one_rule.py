"""One rule says where a right acts: every question that can be asked of it has the same answer.

Random trees, grants and objects; the expected answer is worked out here, in the words of the rule, by walking the tree.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import transaction
from guardian.shortcuts import assign_perm
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts import access
from accounts.models import OrganizationalUnit, Role, User
from accounts.rights import READING, Right
from accounts.roles import SHIPPED, root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences import sight
from audiences.models import Profile
from audiences.tests.factories import AudienceFactory, ProfileFactory
from deliveries.models import Delivery
from deliveries.tests.factories import DeliveryFactory

SINGLE = [Right.VIEW, Right.PREPARE, Right.START, Right.APPROVE, Right.EXPORT]


@dataclass
class World:
    """A tree of units with an object of each kind in each; what one person was given there."""

    user: User
    units: list[OrganizationalUnit]
    parents: dict[int, int | None] = field(default_factory=dict)
    on_units: set[tuple[str, int]] = field(default_factory=set)  # right, unit
    on_deliveries: set[tuple[str, int]] = field(default_factory=set)
    objects: list[Any] = field(default_factory=list)

    def above(self, unit: int) -> set[int]:
        """The unit and all above it."""
        found: set[int] = set()
        at: int | None = unit
        while at is not None:
            found.add(at)
            at = self.parents[at]
        return found

    def expects(self, right: Right, target: Any) -> bool:
        """Granted at the unit or above; to read, below too; or on the object, which then may be read."""
        if not self.user.is_active:
            return False
        if self.user.is_superuser and right in {Right.VIEW, Right.ADDRESSES, Right.ADMINISTER}:
            return True
        unit = target.pk if isinstance(target, OrganizationalUnit) else target.unit_id
        granted = {at for name, at in self.on_units if name == right}
        if granted & self.above(unit):
            return True
        if right in READING and any(unit in self.above(at) for at in granted):
            return True
        if not isinstance(target, Delivery):
            return False
        return any(at == target.pk and right in {name, Right.VIEW} for name, at in self.on_deliveries)


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Any]:
    parents = [draw(st.integers(0, number)) for number in range(draw(st.integers(1, 3)))]
    places = st.integers(0, len(parents))
    return {
        "parents": parents,
        "roles": draw(st.lists(st.tuples(st.sampled_from(sorted(SHIPPED)), places), max_size=3)),
        "rights": draw(st.lists(st.tuples(st.sampled_from(list(Right)), places), max_size=2)),
        "single": draw(st.lists(st.tuples(st.sampled_from(SINGLE), places), max_size=2)),
        "is_superuser": draw(st.integers(0, 9)) == 0,
        "is_active": draw(st.integers(0, 9)) != 0,
    }


def built(plan: dict[str, Any]) -> World:
    units = [root()]
    for parent in plan["parents"]:
        units.append(UnitFactory(parent=units[parent]))
    user = UserFactory(is_superuser=plan["is_superuser"], is_active=plan["is_active"])
    world = World(user, units, {unit.pk: unit.parent_id for unit in units})
    deliveries = [Delivery.objects.create(unit=unit, label=f"in {unit}") for unit in units]
    for code, at in plan["roles"]:
        access.grant(user=user, role=Role.objects.get(pk=code), unit=units[at], by=None)
        world.on_units |= {(right.value, units[at].pk) for right in SHIPPED[code][2]}
    for right, at in plan["rights"]:
        assign_perm(right.value, user, units[at])
        world.on_units.add((right.value, units[at].pk))
    for right, at in plan["single"]:
        assign_perm(right.value, user, deliveries[at])
        world.on_deliveries.add((right.value, deliveries[at].pk))
    people = [ProfileFactory(unit=unit) for unit in units]
    world.objects = [*units, *deliveries, *people]
    return world


@pytest.mark.django_db
@given(plan=plans())
@settings(max_examples=15, deadline=None)
def test_every_question_about_a_right_has_the_same_answer(plan):
    with transaction.atomic():
        check_all(built(plan))
        transaction.set_rollback(True)


def check_all(world: World) -> None:
    user = world.user
    on_units = access.on_units(user, world.units)
    held = {target: access.held(user, target) for target in world.objects}
    for right in Right:
        listed = {kind: set(access.within(user, right, kind.objects.all())) for kind in (Delivery, Profile)}
        listed[OrganizationalUnit] = set(access.units(user, right))
        for target in world.objects:
            may = world.expects(right, target)
            place = (right, target, user)
            assert access.can(user, right, target) == may, place
            assert (right in held[target]) == may, place
            assert (target in listed[type(target)]) == may, place
            if isinstance(target, OrganizationalUnit):
                assert (right in on_units[target.pk]) == may, place
            if not user.is_superuser:
                assert (user in access.holders(right, target)) == may, place
    seen = {target for target in world.objects if world.expects(Right.VIEW, target)}
    assert set(access.readable_units(user)) == {target for target in seen if target in world.units}
    assert set(Delivery.objects.visible_to(user)) == {each for each in seen if isinstance(each, Delivery)}
    assert set(sight.people(user)) == {each for each in seen if isinstance(each, Profile)}


@pytest.mark.django_db
@given(plan=plans())
@settings(max_examples=10, deadline=None)
def test_the_people_of_a_row_are_seen_by_whoever_may_see_the_people(plan):
    with transaction.atomic():
        world = built(plan)
        people = [each for each in world.objects if isinstance(each, Profile)]
        rows = sight.marked(memberships(people), user=world.user, unit=root())

        assert {row.profile_id: row.is_seen for row in rows} == {
            profile.pk: world.expects(Right.VIEW, profile) for profile in people
        }
        transaction.set_rollback(True)


def memberships(people: list[Profile]) -> Any:
    """Rows that name people, whatever they are."""
    return AudienceFactory(members=people).members.all()


@pytest.mark.parametrize("right", Right)
def test_what_may_be_read_of_a_unit_above_is_no_right_to_change_it(db, right):
    above = UnitFactory()
    user = UserFactory(roles={code: UnitFactory(parent=above) for code in SHIPPED})
    delivery = DeliveryFactory(unit=above)

    assert access.can(user, right, delivery) == (right in READING)
    assert access.held(user, delivery) == READING
