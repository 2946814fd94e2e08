"""Every role, held in the unit of a delivery, above, below or beside it, takes every step through every face: what
he may is done, and anything else is refused, changes nothing and leaves an audit event.
"""

from collections.abc import Callable
from http.cookies import SimpleCookie
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import transaction
from django.test import Client

from accounts.models import AuditEvent, OrganizationalUnit, User
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.models import TestProfile
from audiences.tests.factories import TestProfileFactory
from campaign.lib import clock
from campaign.stack.module_db import once
from deliveries.models import Delivery
from deliveries.preparation import verbs as preparation
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.places import PLACES

pytestmark = pytest.mark.django_db

# step -> (the stage it begins at, the roles that may take it, the status after it)
STEPS: dict[str, tuple[str, set[str], str | None]] = {
    "prepare": ("draft", {"prepare", "start"}, "preparing"),
    "stop_preparation": ("preparing", {"prepare", "start"}, "draft"),
    "approve": ("awaiting_approval", {"approve"}, "ready"),
    "reject": ("awaiting_approval", {"approve"}, "draft"),
    "confirm": ("ready", {"start"}, "scheduled"),
    "take_back": ("scheduled", {"start"}, "ready"),
    "pause": ("sending", {"start"}, "paused"),
    "resume": ("paused", {"start"}, "sending"),
    "stop": ("paused", {"start"}, "stopped"),
    "limit": ("sending", {"start"}, "sending"),
    "proof": ("draft", {"prepare", "start"}, "draft"),
    "duplicate": ("finished", {"prepare", "start"}, "finished"),
    "remainder": ("stopped", {"prepare", "start"}, "stopped"),
    "delete": ("draft", {"prepare", "start"}, None),
}
ROLES = ("prepare", "start", "approve", "import", "export", "administration")
EVERYBODY = (*(f"{role} {place}" for role in ROLES for place in PLACES), "superuser", "stranger", "nobody")
SEES_NOTHING = {"stranger", "nobody"} | {f"{role} beside" for role in ROLES}


@once
def unit() -> OrganizationalUnit:
    return UnitFactory(parent=UnitFactory())


@once
def people(unit: OrganizationalUnit) -> dict[str, User]:
    """One person for each role and place, all of them admitted to the desk; the stranger holds every role elsewhere."""
    places = {
        "own": unit,
        "above": unit.parent,
        "below": UnitFactory(parent=unit),
        "beside": UnitFactory(parent=unit.parent),
    }
    found = {
        f"{role} {place}": UserFactory(is_staff=True, roles={role: where})
        for role in ROLES
        for place, where in places.items()
    }
    found["superuser"] = UserFactory(is_staff=True, is_superuser=True)
    found["stranger"] = UserFactory(is_staff=True, roles=dict.fromkeys(ROLES, UnitFactory()))
    found["nobody"] = UserFactory(is_staff=True)
    return found


@once
def signed_in(people: dict[str, User]) -> dict[int, SimpleCookie]:
    """The cookies of each of them in a browser."""
    return {user.pk: _signed_in(user).cookies for user in people.values()}


def _signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@once
def deliveries(unit: OrganizationalUnit) -> dict[str, Delivery]:
    """One at each stage that a step begins at, and somebody to whom a proof may go."""
    TestProfileFactory(unit=unit)
    return {stage: at(stage, unit) for stage in sorted({stage for stage, _may, _after in STEPS.values()})}


def at(stage: str, unit: OrganizationalUnit) -> Delivery:
    if stage == "preparing":
        delivery = DeliveryFactory(unit=unit)
        preparation.start(delivery=delivery, by=person("prepare", unit), at=clock.now())
        return Delivery.objects.get(pk=delivery.pk)
    return DeliveryFactory(unit=unit, **({} if stage == "draft" else {stage: True}))


# -- the faces: each takes the step and says whether it was done, refused, or the delivery not even found -----

PAGES = {"approve": "approval", "reject": "approval"}
DESK = {"delete": "remove"}
COMMANDS = {
    "stop_preparation": "stop_preparation",
    "take_back": "unconfirm_delivery",
    "proof": "send_proof",
    "limit": "set_limit",
    "remainder": "create_remainder",
}


def posted(step: str, delivery: Delivery) -> dict[str, Any]:
    """What the form of the step would post."""
    return {
        "approve": {"decision": "approve", "seal": delivery.seal},
        "reject": {"decision": "reject", "seal": delivery.seal, "comment": "No."},
        "confirm": {"seal": delivery.seal},
        "limit": {"limit_per_hour": "5"},
        "proof": {"test_profiles": list(TestProfile.objects.values_list("pk", flat=True))},
    }.get(step, {})


def by_page(step: str, delivery: Delivery, user: User, cookies: SimpleCookie) -> str:
    path = f"/deliveries/{delivery.pk}/{PAGES.get(step, step).replace('_', '-')}/"
    return _by_http(path, step, delivery, cookies)


def by_desk(step: str, delivery: Delivery, user: User, cookies: SimpleCookie) -> str:
    path = f"/admin/deliveries/delivery/{delivery.pk}/step/{DESK.get(step, step).replace('_', '-')}/"
    return _by_http(path, step, delivery, cookies)


def _by_http(path: str, step: str, delivery: Delivery, cookies: SimpleCookie) -> str:
    client = Client()
    client.cookies = cookies
    status = client.post(path, posted(step, delivery)).status_code
    return {302: "done", 403: "refused", 404: "not found"}[status]


def by_command(step: str, delivery: Delivery, user: User, cookies: SimpleCookie) -> str:
    options = {
        "reject": ["--comment", "No."],
        "confirm": ["--seal", delivery.seal],
        "stop": ["--yes"],
        "limit": ["--per-hour", "5"],
        "delete": ["--yes"],
        "proof": [f"--test-profile={label}" for label in TestProfile.objects.values_list("label", flat=True)],
    }.get(step, [])
    command = COMMANDS.get(step, f"{step}_delivery")
    try:
        call_command(
            command, delivery.name, *options, "--as", user.username, stdout=StringIO(), stderr=StringIO()
        )
    except CommandError as error:
        return {1: "refused", 2: "not found"}[error.returncode]
    return "done"


Take = Callable[[str, Delivery, User, SimpleCookie], str]
FACES: dict[str, Take] = {
    "page": by_page,
    "desk": by_desk,
    "command": by_command,
}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("step", STEPS)
def test_who_may_does_and_nobody_else(
    step: str,
    face: str,
    deliveries: dict[str, Delivery],
    people: dict[str, User],
    signed_in: dict[int, SimpleCookie],
) -> None:
    stage, may, after = STEPS[step]
    delivery = deliveries[stage]

    came_of_it = {
        who: _try(FACES[face], step, delivery, people[who], signed_in[people[who].pk]) for who in EVERYBODY
    }

    expected = dict.fromkeys(EVERYBODY, ("refused", stage, True))
    acts = [place for place, (does_act, _sees) in PLACES.items() if does_act]
    expected |= {f"{role} {place}": ("done", after, False) for role in may for place in acts}
    # They are not even told that the delivery exists, but the trail knows who tried.
    expected |= dict.fromkeys(SEES_NOTHING, ("not found", stage, True))
    assert came_of_it == expected


def _try(
    take: Take, step: str, delivery: Delivery, user: User, cookies: SimpleCookie
) -> tuple[str, str | None, bool]:
    """What came of it, the status afterwards, and whether a refusal was recorded; then all of it undone."""
    steps_before = delivery.history.count()
    with transaction.atomic():
        outcome = take(step, delivery, user, cookies)
        status = Delivery.objects.filter(pk=delivery.pk).values_list("status", flat=True).first()
        recorded = AuditEvent.objects.filter(actor=user, refused=True).exists()
        if outcome != "done":
            assert delivery.history.count() == steps_before
        transaction.set_rollback(True)
    return outcome, status, recorded


@pytest.mark.parametrize("step", STEPS)
def test_the_desk_is_closed_to_those_who_are_not_staff(
    step: str, unit: OrganizationalUnit, deliveries: dict[str, Delivery]
) -> None:
    stage, _may, _after = STEPS[step]
    delivery = deliveries[stage]
    starter = UserFactory(roles={"start": unit, "approve": unit})

    answer = _signed_in(starter).post(
        f"/admin/deliveries/delivery/{delivery.pk}/step/{step.replace('_', '-')}/", posted(step, delivery)
    )

    assert "/login/" in answer["location"]
    assert Delivery.objects.get(pk=delivery.pk).status == stage


def test_a_post_from_another_site_is_refused(unit: OrganizationalUnit) -> None:
    delivery = DeliveryFactory(unit=unit, ready=True)
    client = Client(enforce_csrf_checks=True)
    client.force_login(UserFactory(is_staff=True, roles={"start": unit}))

    for path in (
        f"/deliveries/{delivery.pk}/confirm/",
        f"/admin/deliveries/delivery/{delivery.pk}/step/confirm/",
    ):
        assert client.post(path, {"seal": delivery.seal}).status_code == 403

    assert Delivery.objects.get(pk=delivery.pk).status == "ready"


def test_a_superuser_does_not_start_by_giving_himself_the_right() -> None:
    from accounts import access
    from accounts.rights import Right

    delivery = DeliveryFactory(ready=True)
    boss = UserFactory(is_superuser=True)

    with pytest.raises(access.SelfGrant):
        access.grant_single(user=boss, right=Right.START, target=delivery, by=boss)
