"""The desk for people, units and roles: every change by a verb, and nobody lifts himself up."""

from typing import Any

import pytest

from accounts import access
from accounts.models import AuditEvent, OrganizationalUnit, Role, RoleGrant, User
from accounts.rights import Right
from accounts.roles import root
from accounts.tests.browsers import signed_in
from accounts.tests.factories import UnitFactory, UserFactory
from deliveries.tests.factories import DeliveryFactory

pytestmark = pytest.mark.django_db
PASSWORD = "a long enough pass phrase"


@pytest.fixture
def unit() -> OrganizationalUnit:
    return UnitFactory(label="Brasil")


@pytest.fixture
def boss() -> User:
    return UserFactory(is_staff=True, is_superuser=True, home_unit=root())


@pytest.fixture
def local(unit: OrganizationalUnit) -> User:
    """Somebody who administers one unit only."""
    return UserFactory(is_staff=True, home_unit=unit, roles={"administration": unit})


def account(unit: OrganizationalUnit, **values: Any) -> dict[str, Any]:
    return {"username": "rita", "home_unit": unit.pk, "is_active": "on", "new_password": PASSWORD, **values}


ADD_USER, ADD_GRANT = "/admin/accounts/user/add/", "/admin/accounts/rolegrant/add/"


def change(user: User) -> str:
    return f"/admin/accounts/user/{user.pk}/change/"


def test_an_account_is_made_in_ones_own_unit(local: User, unit: OrganizationalUnit) -> None:
    answer = signed_in(local).post(ADD_USER, account(unit))

    assert answer.status_code == 302
    rita = User.objects.get(username="rita")
    assert rita.check_password(PASSWORD)
    assert rita.home_unit == unit
    assert AuditEvent.objects.filter(action="create_user", actor=local).exists()


def test_no_account_is_made_elsewhere(local: User) -> None:
    signed_in(local).post(ADD_USER, account(UnitFactory()))

    assert not User.objects.filter(username="rita").exists()


def test_a_weak_password_is_refused(local: User, unit: OrganizationalUnit) -> None:
    answer = signed_in(local).post(ADD_USER, account(unit, new_password="1234"))

    assert "too short" in answer.content.decode()
    assert not User.objects.filter(username="rita").exists()


@pytest.mark.parametrize("flag", ["is_superuser", "is_staff"])
def test_only_a_superuser_makes_staff_and_superusers(
    local: User, boss: User, unit: OrganizationalUnit, flag: str
) -> None:
    signed_in(local).post(ADD_USER, account(unit, **{flag: "on"}))
    assert not getattr(User.objects.get(username="rita"), flag)

    rita = User.objects.get(username="rita")
    signed_in(boss).post(change(rita), account(unit, new_password="", **{flag: "on"}))
    rita.refresh_from_db()
    assert getattr(rita, flag)


def test_a_local_administrator_does_not_touch_whoever_holds_more(
    local: User, unit: OrganizationalUnit
) -> None:
    other = UserFactory(home_unit=unit, roles={"start": UnitFactory()})
    before = other.password

    answer = signed_in(local).post(change(other), account(unit, username=other.username))

    assert answer.status_code == 200
    other.refresh_from_db()
    assert other.password == before
    assert AuditEvent.objects.filter(refused=True, actor=local).exists()


def test_a_superuser_is_touched_by_superusers_only(local: User, unit: OrganizationalUnit) -> None:
    boss = UserFactory(is_superuser=True, home_unit=unit)

    signed_in(local).post(change(boss), account(unit, username=boss.username))

    boss.refresh_from_db()
    assert not boss.check_password(PASSWORD)


def test_nobody_closes_his_own_account(boss: User) -> None:
    posted = account(root(), username=boss.username, new_password="", is_staff="on", is_superuser="on")
    del posted["is_active"]

    answer = signed_in(boss).post(change(boss), posted)

    assert "another administrator" in answer.content.decode()
    boss.refresh_from_db()
    assert boss.is_active


def test_nobody_is_deleted(boss: User) -> None:
    other = UserFactory()

    assert (
        signed_in(boss).post(f"/admin/accounts/user/{other.pk}/delete/", {"post": "yes"}).status_code == 403
    )
    assert User.objects.filter(pk=other.pk).exists()


def test_people_elsewhere_are_not_shown(local: User) -> None:
    other = UserFactory(home_unit=UnitFactory())

    assert other.username not in signed_in(local).get("/admin/accounts/user/").content.decode()


def test_a_role_is_given_and_taken_back(local: User, unit: OrganizationalUnit) -> None:
    rita, desk = UserFactory(home_unit=unit), signed_in(local)

    desk.post(ADD_GRANT, {"user": rita.pk, "role": "start", "unit": unit.pk})
    assert access.can(rita, Right.START, unit)

    grant = RoleGrant.objects.get(user=rita)
    desk.post(f"/admin/accounts/rolegrant/{grant.pk}/delete/", {"post": "yes"})
    assert not access.can(rita, Right.START, unit)


def test_people_elsewhere_are_neither_offered_nor_taken(local: User, unit: OrganizationalUnit) -> None:
    stranger, desk = UserFactory(username="stranger", home_unit=UnitFactory()), signed_in(local)
    delivery = DeliveryFactory(unit=unit)
    looked_up = "/admin/autocomplete/?app_label=accounts&model_name=rolegrant&field_name=user&term=stranger"

    desk.post(ADD_GRANT, {"user": stranger.pk, "role": "prepare", "unit": unit.pk})
    answer = desk.post(
        "/admin/deliveries/deliveryuserpermission/add/",
        {"user": stranger.pk, "right": "view", "delivery": delivery.name},
    )

    assert desk.get(looked_up).json()["results"] == []
    assert "stranger" not in answer.content.decode()
    assert not access.units_with_rights_of(stranger)


@pytest.mark.parametrize("role", ["start", "approve"])
def test_nobody_gives_himself_start_or_approve(
    boss: User, local: User, unit: OrganizationalUnit, role: str
) -> None:
    for user in (boss, local):
        answer = signed_in(user).post(ADD_GRANT, {"user": user.pk, "role": role, "unit": unit.pk})

        assert "to himself" in answer.content.decode()
        assert not RoleGrant.objects.filter(user=user, role=role).exists()
        assert AuditEvent.objects.filter(refused=True, actor=user).exists()


def test_a_role_is_not_given_elsewhere(local: User) -> None:
    elsewhere = UnitFactory()

    signed_in(local).post(ADD_GRANT, {"user": UserFactory().pk, "role": "start", "unit": elsewhere.pk})

    assert not RoleGrant.objects.filter(unit=elsewhere).exists()


def test_roles_and_the_trail_are_only_read(boss: User) -> None:
    event = AuditEvent.objects.create(action="something")
    desk = signed_in(boss)

    for path in (
        "/admin/accounts/role/start/change/",
        "/admin/accounts/role/start/delete/",
        f"/admin/accounts/auditevent/{event.pk}/change/",
        f"/admin/accounts/auditevent/{event.pk}/delete/",
        "/admin/accounts/auditevent/add/",
    ):
        assert desk.post(path, {"post": "yes", "label": "x"}).status_code == 403, path

    assert Role.objects.get(pk="start").label != "x"


def test_units_are_made_renamed_and_moved(boss: User) -> None:
    desk, europe = signed_in(boss), UnitFactory(label="Europe")

    desk.post(
        "/admin/accounts/organizationalunit/add/",
        {"label": "Lisboa", "parent": root().pk, "approval_policy": "one"},
    )
    lisboa = OrganizationalUnit.objects.get(label="Lisboa")
    desk.post(
        f"/admin/accounts/organizationalunit/{lisboa.pk}/change/",
        {"label": "Lisbon", "parent": europe.pk, "approval_policy": "four_eyes"},
    )

    lisboa.refresh_from_db()
    assert (lisboa.label, lisboa.approval_policy) == ("Lisbon", "four_eyes")
    assert lisboa.path == f"{europe.path}{lisboa.pk}/"
    renamed = AuditEvent.objects.get(action="change_unit")
    assert renamed.detail["before"]["label"] == "Lisboa"


def test_whoever_administers_nothing_finds_no_such_desk(unit: OrganizationalUnit) -> None:
    starter = signed_in(UserFactory(is_staff=True, roles={"start": unit}))

    for name in ("user", "rolegrant", "organizationalunit", "role", "auditevent"):
        assert starter.get(f"/admin/accounts/{name}/").status_code == 403
