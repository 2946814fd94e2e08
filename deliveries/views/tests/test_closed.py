"""Where nothing may leave, the question pages say why and what to do, and offer nothing that would be refused."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import OrganizationalUnit
from accounts.tests.factories import UserFactory
from audiences.tests.factories import TestProfileFactory
from campaign.lib import clock
from deliveries import proofs
from deliveries.confirmation import decisions as confirmation
from deliveries.models import Delivery, Instance
from deliveries.sending import fence, gate
from deliveries.sending.control import halts
from deliveries.tests.factories import DeliveryFactory, person

pytestmark = pytest.mark.django_db

WHY_AND_WHAT_TO_DO = {
    "halted": ("Wrong price", "Allow sending again"),
    "a copy": ("runs on another server", "manage.py adopt_instance"),
}


@pytest.fixture(params=WHY_AND_WHAT_TO_DO)
def closed(request: Any, unit: OrganizationalUnit) -> Callable[[], tuple[str, str]]:
    """Call what comes back once the delivery is made: from then on nothing may leave; the words that say so."""

    def close() -> tuple[str, str]:
        if request.param == "halted":
            halts.stop_all(unit=unit, by=person("start", unit), at=clock.now(), reason="Wrong price")
        else:
            assert fence.problem() is None
            Instance.objects.update(system="elsewhere/1")
        return WHY_AND_WHAT_TO_DO[request.param]

    return close


@pytest.fixture
def everybody(client: Client, unit: OrganizationalUnit) -> Client:
    """Somebody who may do all of it, on the pages and at the desk."""
    client.force_login(UserFactory(is_staff=True, roles={"prepare": unit, "start": unit}))
    return client


def words(client: Client, address: str) -> str:
    """The page without its frame: banners say some of it too."""
    shown = client.get(address).content.decode()
    return " ".join(shown[max(shown.find("<main"), shown.find('id="content-main"')) :].split())


def of_pages(name: str, delivery: Delivery) -> str:
    return reverse(f"deliveries:{name}", args=[delivery.pk])


def of_desk(name: str, delivery: Delivery) -> str:
    return reverse("admin:deliveries_delivery_step", args=[delivery.pk, name])


def at_desk(delivery: Delivery) -> str:
    return reverse("admin:deliveries_delivery_change", args=[delivery.pk])


@pytest.mark.parametrize("face", [of_pages, of_desk])
@pytest.mark.parametrize(("name", "button"), [("confirm", "OK"), ("proof", "Send proof")])
def test_a_question_says_why_not_and_has_no_button(everybody, unit, closed, face, name, button):
    delivery = DeliveryFactory(unit=unit, ready=True)
    open_page = words(everybody, face(name, delivery))

    said = closed()
    page = words(everybody, face(name, delivery))

    assert "Not possible now" not in open_page
    assert buttons(open_page, button) == 1
    assert "Not possible now" in page
    assert all(part in page for part in said)
    assert buttons(page, button) == 0


def buttons(page: str, label: str) -> int:
    """How many buttons that post bear the label."""
    parts = (part.rpartition("</svg>")[2].rpartition(">")[2].strip() for part in page.split("</button>"))
    return sum(part == label for part in parts)


@pytest.mark.parametrize("page_of", [lambda delivery: of_pages("dashboard", delivery), at_desk])
def test_in_place_of_resume_stands_why_not(everybody, unit, closed, page_of):
    delivery = DeliveryFactory(unit=unit, paused=True)
    open_page = words(everybody, page_of(delivery))

    said = closed()
    page = words(everybody, page_of(delivery))

    assert (buttons(open_page, "Resume"), buttons(page, "Resume")) == (1, 0)
    assert buttons(page, "Stop sending") == 1
    assert all(part in page for part in said)


@pytest.mark.parametrize("page_of", [lambda delivery: of_pages("dashboard", delivery), at_desk])
def test_once_it_is_open_again_resume_comes_back(everybody, unit, page_of):
    delivery = DeliveryFactory(unit=unit, paused=True)
    starter = person("start", unit)
    halts.stop_all(unit=unit, by=starter, at=clock.now(), reason="Wrong price")

    halts.allow(unit=unit, by=starter, at=clock.now())

    assert buttons(words(everybody, page_of(delivery)), "Resume") == 1


@pytest.mark.parametrize("face", [of_pages, of_desk])
@pytest.mark.parametrize(("stage", "name"), [("ready", "confirm"), ("paused", "resume")])
def test_the_verb_refuses_by_itself(everybody, unit, closed, face, stage, name):
    delivery = DeliveryFactory(unit=unit, **{stage: True})
    why, _what_to_do = closed()

    answer = everybody.post(face(name, delivery), {"seal": delivery.seal}, follow=True)

    delivery.refresh_from_db()
    assert delivery.status == stage
    assert why in answer.content.decode()


def test_whoever_may_not_resume_is_not_told_why_not(client, unit, closed):
    delivery = DeliveryFactory(unit=unit, paused=True)
    client.force_login(UserFactory(roles={"prepare": unit}))
    closed()

    page = client.get(of_pages("dashboard", delivery)).content.decode()

    assert 'class="actions__instead"' not in page


def test_both_reasons_stand_on_the_page_where_both_hold(everybody, unit):
    delivery = DeliveryFactory(unit=unit, ready=True)
    halts.stop_all(unit=unit, by=person("start", unit), at=clock.now(), reason="Wrong price")
    assert fence.problem() is None
    Instance.objects.update(system="elsewhere/1")

    page = words(everybody, of_pages("confirm", delivery))

    assert page.count("Not possible now") == 2


@pytest.mark.parametrize("verb", ["confirm", "prove"])
def test_page_and_verb_name_the_same_reason(unit, closed, verb):
    delivery = DeliveryFactory(unit=unit, ready=True)
    why, _what_to_do = closed()

    with pytest.raises((gate.SendingHalted, fence.Fence), match=why):
        if verb == "confirm":
            confirmation.confirm(
                delivery=delivery, seal=delivery.seal, by=person("start", unit), at=clock.now()
            )
        else:
            proofs.send(
                delivery=delivery, by=person("prepare", unit), at=clock.now(),
                test_profiles=[TestProfileFactory(unit=unit)],
            )  # fmt: skip
