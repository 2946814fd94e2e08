"""Every page and every step by every role: strangers find nothing, colleagues without the right are refused."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts import access
from accounts.models import AuditEvent
from accounts.rights import Right
from accounts.tests.browsers import signed_in
from accounts.tests.factories import UnitFactory, UserFactory
from campaign.lib import clock
from campaign.stack.module_db import once
from deliveries.models import Delivery, Moment, Status
from deliveries.preparation import verbs as preparation
from deliveries.sending.control import waves
from deliveries.tests.factories import DeliveryFactory, person

pytestmark = pytest.mark.django_db
ROLES = ("prepare", "start", "approve", "export")

# page -> (stage, the roles that see it); anybody else in the unit gets 403
PAGES = {
    "dashboard": ("ready", {"prepare", "start", "approve", "export"}),
    "progress": ("preparing", {"prepare", "start", "approve", "export"}),
    "log": ("ready", {"prepare", "start", "approve", "export"}),
    "preview": ("ready", {"prepare", "start", "approve", "export"}),
    "frame": ("ready", {"prepare", "start", "approve", "export"}),
    "edit": ("ready", {"prepare", "start"}),
    "audience": ("ready", {"prepare", "start"}),
    "schedule": ("ready", {"prepare", "start"}),
    "content": ("ready", {"prepare", "start"}),
    "proof": ("ready", {"prepare", "start"}),
    "delete": ("ready", {"prepare", "start"}),
    "approval": ("awaiting_approval", {"approve"}),
    "confirm": ("ready", {"start"}),
    "stop": ("sending", {"start"}),
}

# step -> (stage, the roles that may take it, the status after it)
STEPS = {
    "prepare": ("draft", {"prepare", "start"}, Status.PREPARING),
    "stop-preparation": ("preparing", {"prepare", "start"}, Status.DRAFT),
    "approval": ("awaiting_approval", {"approve"}, Status.READY),
    "confirm": ("ready", {"start"}, Status.SCHEDULED),
    "take-back": ("scheduled", {"start"}, Status.READY),
    "pause": ("sending", {"start"}, Status.PAUSED),
    "resume": ("paused", {"start"}, Status.SENDING),
    "stop": ("paused", {"start"}, Status.STOPPED),
    "edit": ("draft", {"prepare", "start"}, Status.DRAFT),
    "audience": ("draft", {"prepare", "start"}, Status.DRAFT),
    "schedule": ("draft", {"prepare", "start"}, Status.DRAFT),
    "content": ("draft", {"prepare", "start"}, Status.DRAFT),
    "upload": ("draft", {"prepare", "start"}, Status.DRAFT),
    "proof": ("draft", {"prepare", "start"}, Status.DRAFT),
    "duplicate": ("finished", {"prepare", "start"}, Status.FINISHED),
    "delete": ("draft", {"prepare", "start"}, None),
}


STAGES = sorted({stage for stage, *_rest in (*PAGES.values(), *STEPS.values())})


class House:
    """A delivery at each stage, those who hold one role where it is, and somebody who holds roles elsewhere."""

    def __init__(self):
        self.unit = UnitFactory()
        self.people = {role: person(role, self.unit) for role in ROLES}
        self.at = {stage: self._delivery(stage) for stage in STAGES}
        self.stranger = UserFactory(roles={"start": UnitFactory(), "approve": UnitFactory()})

    def _delivery(self, stage):
        if stage == "preparing":
            delivery = DeliveryFactory(unit=self.unit)
            preparation.start(delivery=delivery, by=self.people["prepare"], at=clock.now())
            delivery.refresh_from_db()
            return delivery
        return DeliveryFactory(unit=self.unit, **({} if stage == "draft" else {stage: True}))


@once
def house():
    return House()


@pytest.fixture
def unit(house):
    return house.unit


def url(name, delivery):
    return reverse(f"deliveries:{name}", args=[delivery.pk])


def test_a_held_wave_is_released_by_whoever_may_start_it_and_a_forged_try_is_recorded(unit):
    for role in ROLES:
        delivery = DeliveryFactory(
            unit=unit,
            sending=True,
            recipients=4,
            schedule_kind="waves",
            wave_by="number",
            wave_value=2,
            wave_minutes=5,
        )
        Moment.objects.filter(delivery=delivery, number=2).update(held_at=clock.now(), held_percent=20)

        answer = signed_in(person(role, unit)).post(url("release-wave", delivery))

        assert answer.status_code == (302 if role == "start" else 403)
        assert (waves.held(delivery) is None) == (role == "start")
    assert AuditEvent.objects.filter(refused=True).count() == len(ROLES) - 1


def form(name, delivery):
    """What the page's own form would post."""
    posts = {
        "approval": {"decision": "approve", "seal": delivery.seal},
        "confirm": {"seal": delivery.seal},
        "edit": {"label": "Other", "unit": delivery.unit_id, "validity_hours": 10},
        "schedule": {"schedule_kind": "at_once", "time_zone": "UTC"},
        "audience": {"audience": delivery.audience_id or ""},
        "content": {"subject": "Other"},
    }
    return posts.get(name, {})


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_for_those_whom_it_concerns(name, house):
    stage, allowed = PAGES[name]
    address = url(name, house.at[stage])

    answers = {role: signed_in(house.people[role]).get(address).status_code for role in ROLES}

    assert answers == {role: pytest.approx(200, abs=86) if role in allowed else 403 for role in ROLES}


@pytest.mark.parametrize("name", PAGES)
def test_a_stranger_finds_no_such_page(name, house):
    delivery = house.at[PAGES[name][0]]

    assert signed_in(house.stranger).get(url(name, delivery)).status_code == 404


@pytest.mark.parametrize("name", PAGES)
def test_whoever_is_not_signed_in_is_asked_to(name, house, client):
    answer = client.get(url(name, house.at[PAGES[name][0]]))

    assert answer.status_code == 302
    assert "/login/" in answer["Location"]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", STEPS)
def test_a_step_is_taken_by_whoever_may_and_a_forged_one_is_refused_and_recorded(name, role, house):
    stage, allowed, after = STEPS[name]
    delivery = house.at[stage]
    before = delivery.status
    user = house.people[role]

    answer = signed_in(user).post(url(name, delivery), form(name, delivery))

    left = Delivery.objects.filter(pk=delivery.pk).values_list("status", flat=True).first()
    if role in allowed:
        assert answer.status_code in (200, 302, 422)
        assert left == after
    else:
        assert answer.status_code == 403
        assert left == before
        refusal = AuditEvent.objects.filter(actor=user, refused=True).latest("pk")
        assert (refusal.face, refusal.target_label) == (
            "page",
            str(delivery.unit if name == "duplicate" else delivery),
        )


@pytest.mark.parametrize("name", STEPS)
def test_a_strangers_post_finds_nothing_and_changes_nothing(name, house):
    delivery = house.at[STEPS[name][0]]

    answer = signed_in(house.stranger).post(url(name, delivery), form(name, delivery))

    assert answer.status_code == 404
    assert Delivery.objects.get(pk=delivery.pk).status == delivery.status


@pytest.mark.parametrize("name", STEPS)
def test_a_post_from_another_site_is_refused(name, house):
    delivery = house.at[STEPS[name][0]]
    client = Client(enforce_csrf_checks=True)
    client.force_login(UserFactory(roles={"start": house.unit, "approve": house.unit}))

    answer = client.post(url(name, delivery), form(name, delivery))

    assert answer.status_code == 403
    assert Delivery.objects.get(pk=delivery.pk).status == delivery.status


@pytest.mark.parametrize(
    "name", ["prepare", "stop-preparation", "take-back", "pause", "resume", "duplicate", "upload"]
)
def test_nothing_is_done_by_looking(name, house):
    delivery = house.at[STEPS[name][0]]

    answer = signed_in(house.people["start"]).get(url(name, delivery))

    assert answer.status_code == 405
    assert Delivery.objects.get(pk=delivery.pk).status == delivery.status


def test_a_superuser_without_a_role_sees_but_sends_nothing(house):
    delivery = house.at["ready"]
    client = signed_in(UserFactory(is_superuser=True, is_staff=True))

    assert client.get(url("dashboard", delivery)).status_code == 200
    assert client.post(url("confirm", delivery), {"seal": delivery.seal}).status_code == 403
    assert Delivery.objects.get(pk=delivery.pk).status == Status.READY


def test_a_step_that_the_status_does_not_allow_is_told_and_recorded(house):
    delivery = house.at["draft"]
    client = signed_in(house.people["start"])

    answer = client.post(url("pause", delivery), follow=True)

    assert "this can&#x27;t be done now" in answer.content.decode()
    assert AuditEvent.objects.filter(refused=True, action="pause", target_id=str(delivery.pk)).exists()


def test_who_may_prepare_nowhere_makes_no_delivery(unit):
    client = signed_in(person("approve", unit))

    assert client.get(reverse("deliveries:create")).status_code == 403
    assert "New delivery" not in client.get(reverse("deliveries:list")).content.decode()


def test_who_may_prepare_one_delivery_alone_changes_it_where_it_is(unit):
    delivery = DeliveryFactory(unit=unit, label="Before")
    guest = UserFactory(roles={"prepare": UnitFactory()})
    access.grant_single(user=guest, right=Right.PREPARE, target=delivery, by=UserFactory(is_superuser=True))

    answer = signed_in(guest).post(url("edit", delivery), form("edit", delivery))

    assert answer.status_code == 302
    delivery.refresh_from_db()
    assert (delivery.label, delivery.unit) == ("Other", unit)
