"""Who may do what where: the tree, single objects, superusers, and what nobody gives to themselves."""

import pytest

from accounts import access
from accounts.models import AuditEvent, Role, RoleGrant
from accounts.people import people
from accounts.rights import Right
from accounts.roles import SHIPPED, root
from accounts.tests.factories import UnitFactory, UserFactory
from accounts.units import units
from audiences.models import Profile
from audiences.tests.factories import ProfileFactory
from deliveries.models import Delivery
from deliveries.tests.factories import DeliveryFactory


@pytest.fixture
def tree(db):
    """root > north > coast, and south beside north."""
    north, south = UnitFactory(label="north"), UnitFactory(label="south")
    return {"root": root(), "north": north, "coast": UnitFactory(label="coast", parent=north), "south": south}


def role(code):
    return Role.objects.get(pk=code)


@pytest.mark.parametrize("code", SHIPPED)
@pytest.mark.parametrize("right", Right)
def test_a_role_gives_its_rights_and_no_others(db, code, right):
    user = UserFactory(roles={code: root()})

    assert access.can(user, right, root()) == (right in SHIPPED[code][2])


@pytest.mark.parametrize(
    ("where", "may"), [("root", False), ("north", True), ("coast", True), ("south", False)]
)
def test_a_right_acts_on_its_unit_and_below(tree, where, may):
    user = UserFactory(roles={"prepare": tree["north"]})

    assert access.can(user, Right.PREPARE, tree[where]) == may
    assert (tree[where] in access.units(user, Right.PREPARE)) == may


@pytest.mark.parametrize(
    ("where", "reads"), [("root", True), ("north", True), ("coast", True), ("south", False)]
)
def test_one_reads_above_but_not_in_parallel_branches(tree, where, reads):
    user = UserFactory(roles={"prepare": tree["north"]})
    profile = ProfileFactory(unit=tree[where])

    assert (profile in access.visible(user, Profile.objects.all())) == reads
    assert (tree[where] in access.readable_units(user)) == reads


def test_rights_in_two_branches_add_up(tree):
    user = UserFactory(roles={"prepare": [tree["coast"], tree["south"]], "approve": tree["south"]})

    assert access.can(user, Right.PREPARE, tree["coast"])
    assert access.can(user, Right.PREPARE, tree["south"])
    assert not access.can(user, Right.APPROVE, tree["coast"])
    assert not access.can(user, Right.PREPARE, tree["north"])


def test_require_names_the_right_that_is_missing(tree):
    with pytest.raises(access.NotAllowed, match="Start deliveries") as refused:
        access.require(UserFactory(), Right.START, tree["north"])

    assert refused.value.target == tree["north"]


def test_held_and_can_agree(tree):
    users = [
        UserFactory(),
        UserFactory(roles={"start": tree["north"], "approve": tree["coast"]}),
        UserFactory(is_superuser=True),
        UserFactory(roles={"prepare": root()}, is_active=False),
    ]
    for user in users:
        for unit in tree.values():
            assert access.held(user, unit) == {right for right in Right if access.can(user, right, unit)}


def test_held_asks_the_database_at_most_twice(tree, django_assert_max_num_queries):
    user = UserFactory(roles={"start": tree["north"]})

    with django_assert_max_num_queries(2):
        access.held(user, tree["coast"])


@pytest.mark.parametrize("right", Right)
def test_a_superuser_sees_and_administers_and_nothing_else(tree, right):
    assert access.can(UserFactory(is_superuser=True), right, tree["north"]) == (
        right in {Right.VIEW, Right.ADDRESSES, Right.ADMINISTER}
    )


def test_who_left_may_nothing(tree):
    user = UserFactory(roles={"start": root()}, is_superuser=True, is_active=False)

    assert not any(access.can(user, right, root()) for right in Right)
    assert not access.units(user, Right.VIEW).exists()
    assert access.held(user, root()) == frozenset()


@pytest.mark.parametrize("code", ["start", "approve"])
@pytest.mark.parametrize("is_superuser", [True, False])
def test_nobody_gives_start_or_approve_to_himself(tree, code, is_superuser):
    by = UserFactory(roles={"administration": root()}, is_superuser=is_superuser)

    with pytest.raises(access.SelfGrant):
        access.grant(user=by, role=role(code), unit=tree["north"], by=by)
    with pytest.raises(access.SelfGrant):
        access.grant_single(user=by, right=SHIPPED[code][2][-1], target=tree["north"], by=by)
    assert not access.can(by, SHIPPED[code][2][-1], tree["north"])


def test_an_administrator_gives_rights_below_his_unit_alone(tree):
    by = UserFactory(roles={"administration": tree["north"]})
    user = UserFactory(home_unit=tree["coast"])

    access.grant(user=user, role=role("start"), unit=tree["coast"], by=by)

    assert access.can(user, Right.START, tree["coast"])
    for unit in (tree["root"], tree["south"]):
        with pytest.raises(access.NotAllowed):
            access.grant(user=user, role=role("start"), unit=unit, by=by)
    assert AuditEvent.objects.get(action="grant_role", actor=by).detail == {"role": "start", "unit": "coast"}


def test_an_administrator_gives_rights_to_people_whom_he_is_shown_alone(tree):
    by = UserFactory(roles={"administration": tree["north"]}, home_unit=tree["north"])
    delivery = DeliveryFactory(unit=tree["north"])

    for stranger in (UserFactory(home_unit=tree["south"]), UserFactory(home_unit=root()), UserFactory()):
        with pytest.raises(access.UnknownPerson):
            access.grant(user=stranger, role=role("prepare"), unit=tree["coast"], by=by)
        with pytest.raises(access.UnknownPerson):
            access.grant_single(user=stranger, right=Right.VIEW, target=delivery, by=by)

        assert not access.can(stranger, Right.VIEW, delivery)


def test_whoever_administers_everything_gives_rights_to_anybody(tree):
    by, anybody = UserFactory(roles={"administration": root()}), UserFactory(home_unit=tree["south"])

    access.grant(user=anybody, role=role("prepare"), unit=tree["north"], by=by)

    assert access.can(anybody, Right.PREPARE, tree["north"])


def test_who_administers_nothing_gives_nothing(tree):
    by = UserFactory(roles={"start": root(), "approve": root()})

    with pytest.raises(access.NotAllowed):
        access.grant(user=UserFactory(), role=role("prepare"), unit=root(), by=by)


def test_a_right_that_is_taken_away_is_gone_at_once(tree):
    by, user = UserFactory(roles={"administration": root()}), UserFactory(roles={"start": tree["north"]})

    access.revoke(grant=RoleGrant.objects.get(user=user), by=by)

    assert not access.can(user, Right.START, tree["north"])
    assert not access.visible(user, Profile.objects.all()).exists()
    assert AuditEvent.objects.filter(action="revoke_role", actor=by).exists()


def test_what_another_role_gives_stays(tree):
    user = UserFactory(roles={"start": tree["north"], "prepare": tree["north"]})

    access.revoke(grant=RoleGrant.objects.get(user=user, role="start"), by=None)

    assert not access.can(user, Right.START, tree["north"])
    assert access.can(user, Right.PREPARE, tree["north"])


def test_a_role_is_granted_once(tree):
    user = UserFactory(roles={"prepare": tree["north"]})

    access.grant(user=user, role=role("prepare"), unit=tree["north"], by=None)

    assert RoleGrant.objects.filter(user=user).count() == 1


def test_rights_follow_a_unit_that_moves(tree):
    by = UserFactory(roles={"administration": root()})
    north, south = (
        UserFactory(roles={"prepare": tree["north"]}),
        UserFactory(roles={"prepare": tree["south"]}),
    )

    coast = units.move_unit(unit=tree["coast"], parent=tree["south"], by=by)

    assert not access.can(north, Right.PREPARE, coast)
    assert access.can(south, Right.PREPARE, coast)


def test_a_unit_does_not_move_below_itself(tree):
    by = UserFactory(roles={"administration": root()})

    with pytest.raises(units.UnderItself):
        units.move_unit(unit=tree["north"], parent=tree["coast"], by=by)


def test_holders_are_those_who_can(tree):
    starter, above = UserFactory(roles={"start": tree["coast"]}), UserFactory(roles={"start": root()})
    UserFactory(roles={"start": tree["south"]})
    UserFactory(roles={"start": root()}, is_active=False)

    assert set(access.holders(Right.START, tree["coast"])) == {starter, above}


@pytest.mark.parametrize("right", [Right.VIEW, Right.PREPARE, Right.START])
def test_who_was_given_a_right_on_one_delivery_sees_that_one_alone(tree, right):
    mine, other = DeliveryFactory(unit=tree["south"]), DeliveryFactory(unit=tree["south"])
    user, admin = UserFactory(), UserFactory(is_superuser=True)

    access.grant_single(user=user, right=right, target=mine, by=admin)

    assert list(Delivery.objects.visible_to(user)) == [mine]
    assert access.held(user, mine) == {Right.VIEW, right}
    assert [each for each in Right if access.can(user, each, mine)] == [
        each for each in Right if each in {Right.VIEW, right}
    ]
    assert not access.held(user, other)
    assert not access.can(user, Right.VIEW, other)


@pytest.mark.django_db
def test_whoever_administers_the_home_of_somebody_with_a_right_elsewhere_does_not_set_his_password():
    home, elsewhere = UnitFactory(), UnitFactory()
    administrator = UserFactory(roles={"administration": home})
    colleague = UserFactory(home_unit=home)
    access.grant_single(
        user=colleague,
        right=Right.START,
        target=DeliveryFactory(unit=elsewhere),
        by=UserFactory(is_superuser=True),
    )

    with pytest.raises(access.NotAllowed):
        people.set_password(user=colleague, password="a long new pass phrase", by=administrator)


def test_rights_on_many_units_in_one_query_agree_with_the_check_of_one(db, django_assert_num_queries):
    above = UnitFactory()
    own, beside = UnitFactory(parent=above), UnitFactory()
    below = UnitFactory(parent=own)
    user = UserFactory(roles={"start": own})

    with django_assert_num_queries(1):
        found = access.on_units(user, [above, own, below, beside])

    for unit in (own, below, beside):
        assert found[unit.pk] == access.held(user, unit)
    assert found[above.pk] == {Right.VIEW, Right.ADDRESSES}


def test_inside_a_page_rights_on_units_are_read_once(tree, django_assert_num_queries):
    user = UserFactory(roles={"prepare": tree["north"]})

    with access.read_once(), django_assert_num_queries(1):
        assert access.can(user, Right.PREPARE, tree["coast"])
        assert access.can(user, Right.VIEW, tree["root"])
        assert not access.sees_all_below(user, tree["south"])
        assert access.at_the_top(user) == frozenset()


def test_a_right_that_is_given_or_taken_inside_a_page_is_known_there(tree):
    user = UserFactory()

    with access.read_once():
        assert not access.can(user, Right.START, tree["north"])
        made = access.grant(user=user, role=role("start"), unit=tree["north"], by=None)
        assert access.can(user, Right.START, tree["north"])
        access.revoke(grant=made, by=None)
        assert not access.can(user, Right.START, tree["north"])


def test_rights_of_two_people_are_not_mixed_up(tree):
    one, other = UserFactory(roles={"start": tree["north"]}), UserFactory()

    with access.read_once():
        assert access.can(one, Right.START, tree["north"])
        assert not access.can(other, Right.START, tree["north"])
