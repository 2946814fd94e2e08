"""Nobody sends alone through accounts that they made, or whose password or address they set."""

from typing import Any

import pytest
from django.core import mail
from django.test import Client

from accounts import access, demo, roles
from accounts.access import hands
from accounts.models import AuditEvent, OrganizationalUnit, Role, RoleGrant, User
from accounts.people import people
from accounts.rights import NOT_TO_ONESELF, Right
from accounts.tests.factories import UnitFactory, UserFactory
from accounts.units import units
from deliveries.tests.factories import DeliveryFactory

pytestmark = pytest.mark.django_db
PHRASE = "a long enough pass phrase"


@pytest.fixture
def unit() -> OrganizationalUnit:
    return UnitFactory(label="Europe")


@pytest.fixture
def first(unit: OrganizationalUnit) -> User:
    return UserFactory(first_name="Frida", last_name="First", roles={"administration": unit})


@pytest.fixture
def second(unit: OrganizationalUnit) -> User:
    return UserFactory(roles={"administration": unit})


@pytest.fixture
def carla(unit: OrganizationalUnit) -> User:
    """A colleague who starts deliveries."""
    return UserFactory(home_unit=unit, roles={"start": unit})


def role(code: str) -> Role:
    return Role.objects.get(pk=code)


def made(by: User, unit: OrganizationalUnit, name: str = "puppet", **values: Any) -> User:
    return people.create_user(username=name, email=f"{name}@sinete.example", home_unit=unit, by=by, **values)


def own(user: User) -> frozenset[Right]:
    """The rights of these two that a person holds in their unit."""
    return access.held(user, user.home_unit) & NOT_TO_ONESELF


@pytest.mark.parametrize("how", [{"password": PHRASE}, {}], ids=["password", "invitation"])
@pytest.mark.parametrize("code", ["start", "approve"])
def test_whoever_makes_an_account_gives_it_neither_start_nor_approve(first, second, unit, how, code):
    puppet = made(first, unit, **how)

    with pytest.raises(access.NeedsAnother, match="Frida First"):
        access.grant(user=puppet, role=role(code), unit=unit, by=first)
    with pytest.raises(access.NeedsAnother):
        access.grant_single(user=puppet, right=Right.START, target=DeliveryFactory(unit=unit), by=first)

    assert not own(puppet)
    access.grant(user=puppet, role=role("prepare"), unit=unit, by=first)
    access.grant(user=puppet, role=role(code), unit=unit, by=second)
    assert own(puppet)


def test_a_password_set_by_another_takes_start_away_and_says_so_by_mail(first, carla, unit, work, mailoutbox):
    delivery = DeliveryFactory(unit=unit)
    access.grant_single(user=carla, right=Right.APPROVE, target=delivery, by=first)

    people.set_password(user=carla, password=PHRASE, by=first)
    work()

    assert not own(carla)
    assert not access.can(carla, Right.APPROVE, delivery)
    assert access.can(carla, Right.PREPARE, unit)
    assert not access.holders(Right.START, unit).filter(pk=carla.pk).exists()
    assert [letter.to for letter in mailoutbox] == [[carla.email]]
    assert "Frida First set a new password" in mailoutbox[0].body
    event = AuditEvent.objects.get(action="withhold_rights")
    assert event.detail["taken"]["roles"] == ["start: Europe"]
    assert event.detail["taken"]["single"] == [f"approve_deliveries: {delivery}"]


def test_an_address_set_by_another_is_a_password_that_he_can_set(first, carla, unit, work, mailoutbox):
    old = carla.email
    assert people.verified_address(carla) == old

    people.change_user(user=carla, email="first+carla@sinete.example", by=first)
    work()

    carla.refresh_from_db()
    assert not own(carla)
    assert people.verified_address(carla) is None
    assert [letter.to for letter in mailoutbox] == [[old]]


def test_an_address_in_other_letters_is_the_same(first, carla):
    people.change_user(user=carla, email=carla.email.upper(), by=first)

    assert own(carla)


def test_the_first_does_not_give_back_what_was_taken(first, carla, unit):
    people.set_password(user=carla, password=PHRASE, by=first)

    with pytest.raises(access.NeedsAnother):
        people.give_back(user=carla, by=first)
    with pytest.raises(access.NeedsAnother):
        access.grant(user=carla, role=role("start"), unit=unit, by=first)
    with pytest.raises(access.NeedsAnother):
        access.grant(user=carla, role=role("start"), unit=UnitFactory(parent=unit), by=first)
    access.revoke(grant=RoleGrant.objects.get(user=carla), by=first)
    with pytest.raises(access.NeedsAnother):
        access.grant(user=carla, role=role("start"), unit=unit, by=first)

    assert not own(carla)


@pytest.mark.parametrize("where", ["here", "above"])
def test_another_administrator_gives_it_back_and_those_above_count(first, carla, unit, where):
    other = UserFactory(roles={"administration": unit if where == "here" else roles.root()})
    people.set_password(user=carla, password=PHRASE, by=first)

    given = people.give_back(user=carla, by=other)

    assert given == ["start: Europe"]
    assert own(carla) == {Right.START}
    assert AuditEvent.objects.get(action="give_back_rights").detail["held_by"] == [first.username]
    access.grant(user=carla, role=role("approve"), unit=unit, by=first)


def test_a_role_given_again_by_another_gives_it_back_too(first, second, carla, unit):
    people.set_password(user=carla, password=PHRASE, by=first)

    access.grant(user=carla, role=role("start"), unit=unit, by=second)

    assert own(carla) == {Right.START}
    assert RoleGrant.objects.filter(user=carla).count() == 1


def test_an_administrator_whose_right_the_first_gave_does_not_count(first, carla, unit):
    friend = UserFactory(home_unit=unit)
    access.grant(user=friend, role=role("administration"), unit=unit, by=first)
    people.set_password(user=carla, password=PHRASE, by=first)

    with pytest.raises(access.NeedsAnother):
        people.give_back(user=carla, by=friend)


def test_an_administrator_who_is_a_puppet_does_not_count_whoever_gave_the_right(first, second, carla, unit):
    puppet = made(first, unit)
    access.grant(user=puppet, role=role("administration"), unit=unit, by=second)
    of_the_puppet = made(puppet, unit, "another")
    access.grant(user=of_the_puppet, role=role("administration"), unit=unit, by=second)
    people.set_password(user=carla, password=PHRASE, by=first)

    for each in (puppet, of_the_puppet):
        with pytest.raises(access.NeedsAnother):
            people.give_back(user=carla, by=each)


def test_a_second_password_does_not_make_the_first_independent(first, second, carla):
    people.set_password(user=carla, password=PHRASE, by=first)
    people.set_password(user=carla, password=PHRASE, by=second)

    for each in (first, second):
        with pytest.raises(access.NeedsAnother):
            people.give_back(user=carla, by=each)


def test_a_puppet_gives_nothing_to_its_master(first, second, unit):
    User.objects.filter(pk=first.pk).update(home_unit=unit)  # the puppet is shown its master
    puppet = made(first, unit)
    access.grant(user=puppet, role=role("administration"), unit=unit, by=second)

    with pytest.raises(access.SelfGrant):
        access.grant(user=first, role=role("start"), unit=unit, by=puppet)


def test_a_superuser_made_by_the_first_does_not_count(carla, unit):
    boss = UserFactory(is_superuser=True, home_unit=roles.root())
    colleague = UserFactory(home_unit=roles.root())
    people.change_user(user=colleague, is_superuser=True, by=boss)
    people.set_password(user=carla, password=PHRASE, by=boss)

    with pytest.raises(access.NeedsAnother):
        people.give_back(user=carla, by=User.objects.get(pk=colleague.pk))
    assert people.give_back(user=carla, by=UserFactory(is_superuser=True))


def test_giving_back_takes_the_right_over_the_person(first, carla):
    people.set_password(user=carla, password=PHRASE, by=first)

    with pytest.raises(access.NotAllowed):
        people.give_back(user=carla, by=UserFactory(roles={"administration": UnitFactory()}))


def test_what_is_in_nobodys_hands_is_not_given_back(second, carla):
    with pytest.raises(people.NothingInHand):
        people.give_back(user=carla, by=second)


def test_ones_own_password_is_not_set_at_the_desk(first, unit):
    with pytest.raises(people.OwnPassword):
        people.set_password(user=first, password=PHRASE, by=first)


def say_that_one_is_enough(unit: OrganizationalUnit, by: User) -> None:
    units.change_unit(
        unit=unit, label=unit.label, approval_policy=unit.approval_policy, grace_seconds=None, by=by,
        one_administrator_is_enough=True,
    )  # fmt: skip


def test_a_single_administrator_may_say_that_one_is_enough_and_it_is_audited(first, unit):
    say_that_one_is_enough(unit, first)
    puppet = made(first, unit)

    access.grant(user=puppet, role=role("start"), unit=unit, by=first)

    assert own(puppet) == {Right.START}
    assert AuditEvent.objects.get(action="one_administrator_is_enough").detail == {"says": True}


@pytest.mark.parametrize("where", ["here", "above"])
def test_one_is_not_enough_where_there_is_a_second(first, unit, where):
    UserFactory(roles={"administration": unit if where == "here" else roles.root()})

    with pytest.raises(units.NotASingleAdministrator):
        say_that_one_is_enough(unit, first)


def test_that_one_is_enough_ends_when_a_second_comes(first, unit):
    say_that_one_is_enough(unit, first)
    puppet = made(first, unit)
    UserFactory(is_superuser=True)

    with pytest.raises(access.NeedsAnother):
        access.grant(user=puppet, role=role("start"), unit=unit, by=first)


def test_the_desk_says_aloud_that_one_is_enough(unit):
    boss = UserFactory(is_staff=True, is_superuser=True)
    desk = Client()
    desk.force_login(boss)

    answer = desk.post(
        f"/admin/accounts/organizationalunit/{unit.pk}/change/",
        {
            "label": "Europe", "parent": roles.root().pk, "approval_policy": "one",
            "one_administrator_is_enough": "on",
        },
        follow=True,
    )  # fmt: skip

    assert "they can send alone" in answer.text
    assert "one is enough" in answer.text


def test_the_desk_shows_in_whose_hands_an_account_is_and_gives_back_by_a_button(first, carla):
    people.set_password(user=carla, password=PHRASE, by=first)
    desk, page = Client(), f"/admin/accounts/user/{carla.pk}/"
    desk.force_login(UserFactory(is_staff=True, is_superuser=True))

    assert "in the hands of Frida First" in desk.get(f"{page}change/").text
    answer = desk.post(f"{page}give-back/", follow=True)

    assert "starts and approves again" in answer.text
    assert own(carla) == {Right.START}


def test_the_number_of_queries_does_not_grow_with_the_accounts_in_hand(
    first, second, unit, django_assert_max_num_queries
):
    for number in range(25):
        made(first, unit, f"puppet{number}")

    with django_assert_max_num_queries(5):
        assert not hands.is_independent(first, of=[first.pk], unit=unit)
        assert hands.is_independent(second, of=[first.pk], unit=unit)


def test_the_accounts_of_the_demo_have_addresses_that_are_theirs():
    demo.load()

    assert all(people.verified_address(user) for user in User.objects.all())
    assert not mail.outbox
