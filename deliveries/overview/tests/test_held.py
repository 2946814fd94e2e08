"""Lists, dashboard, desk and commands say that a delivery is held, by whom, and how it goes on."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from campaign.lib import clock
from deliveries.confirmation import decisions as confirmation
from deliveries.models import Occurrence, Series
from deliveries.overview import state
from deliveries.sending import fence, gate
from deliveries.tests.copying import run_elsewhere
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.halts import allow, stop_all

pytestmark = pytest.mark.django_db


def asked(command: str, *arguments: str) -> str:
    """What the command prints."""
    out = StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("stage", "words"), [("scheduled", "Held"), ("sending", "Held"), ("paused", "Paused and held")]
)
def test_the_list_and_the_dashboard_say_that_it_is_held_and_why(client, stage, words):
    delivery = DeliveryFactory(unit=UnitFactory(), **{stage: True})
    client.force_login(UserFactory(roles={"prepare": root()}))
    stop_all(reason="Wrong price")

    listed = client.get(reverse("deliveries:list")).content.decode()
    shown = client.get(reverse("deliveries:dashboard", args=[delivery.pk])).content.decode()

    assert f">{words}</span>" in listed
    assert '<span class="cell-sub">Wrong price</span>' in listed
    assert f">{words}</span>" in shown


@pytest.mark.parametrize(
    ("stage", "words"), [("scheduled", "Held"), ("sending", "Held"), ("paused", "Paused and held")]
)
def test_the_deployment_block_says_who_holds_it_and_how_it_goes_on(client, stage, words):
    delivery = DeliveryFactory(**{stage: True})
    client.force_login(person("prepare", root()))
    stop_all(reason="Wrong price")
    name = "deliveries:progress" if stage == "scheduled" else "reporting:block"

    block = client.get(reverse(name, args=[delivery.pk])).content.decode()

    assert f"{words}</p>" in block
    assert "Wrong price" in block
    assert "allow_sending" in block


@pytest.mark.parametrize(
    ("stage", "words"), [("scheduled", "Held"), ("sending", "Held"), ("paused", "Paused and held")]
)
def test_the_desk_says_that_it_is_held(client, stage, words):
    delivery = DeliveryFactory(unit=UnitFactory(), **{stage: True})
    client.force_login(UserFactory(is_staff=True, roles={"prepare": root()}))
    stop_all(reason="Wrong price")

    listed = client.get("/admin/deliveries/delivery/").content.decode()
    shown = client.get(f"/admin/deliveries/delivery/{delivery.pk}/change/").content.decode()

    assert in_a_tag(words, listed)
    assert in_a_tag(words, shown)


@pytest.mark.parametrize(
    ("stage", "words"), [("scheduled", "Held"), ("sending", "Held"), ("paused", "Paused and held")]
)
def test_pages_desk_and_commands_name_the_fence_as_what_holds_it_in_the_same_words(client, stage, words):
    delivery = DeliveryFactory(**{stage: True})
    client.force_login(UserFactory(is_staff=True, roles={"prepare": root(), "administration": root()}))
    run_elsewhere()
    why = str(fence.problem())
    because = f"Nothing is sent from here: {why} “manage.py adopt_instance” says what to do."
    block = "deliveries:progress" if stage == "scheduled" else "reporting:block"

    listed = client.get(reverse("deliveries:list")).content.decode()
    deployment = client.get(reverse(block, args=[delivery.pk])).content.decode()
    desk = [
        client.get(f"/admin/deliveries/delivery/{path}").content.decode()
        for path in ("", f"{delivery.pk}/change/")
    ]
    rows, shown, examined = asked("list_deliveries"), asked("show_delivery", delivery.name), doctor(delivery)

    assert f">{words}</span>" in listed
    assert f'<span class="cell-sub">{why}</span>' in listed
    assert f"{words}</p>" in deployment
    assert because in deployment
    assert all(in_a_tag(words, page) for page in desk)
    assert because in desk[1]
    assert f" {words} " in rows
    assert f"({why})" in rows
    assert f"{words}\n" in shown
    assert because in shown
    assert f"“{delivery.label}”: {words}" in examined
    assert because in examined


def test_programs_are_told_that_the_fence_holds_it_and_that_nobody_did():
    delivery = DeliveryFactory(sending=True)
    run_elsewhere()

    (row,) = json.loads(asked("list_deliveries", "--json"))["deliveries"]
    one = json.loads(asked("show_delivery", delivery.name, "--json"))

    for found in (row, one):
        assert (found["state"], found["held"], found["held_by"]) == ("held", True, None)
        assert found["held_because"] == str(fence.problem())
    assert state.of(delivery).held_by.code == "fenced"


def test_of_a_fence_and_a_halt_both_are_said_and_the_halt_names_who():
    delivery = DeliveryFactory(sending=True)
    stop_all(by=UserFactory(username="ana", roles={"start": root()}), reason="Wrong price")
    run_elsewhere()

    one = json.loads(asked("show_delivery", delivery.name, "--json"))

    assert (one["held_by"], one["held_because"]) == ("ana", "Wrong price")
    assert {found["code"] for found in one["diagnoses"]} >= {"halted", "fenced"}
    assert "adopt_instance" in state.of(delivery).sentence
    assert "Wrong price" in state.of(delivery).sentence


@pytest.mark.parametrize("stage", ["ready", "finished"])
def test_the_fence_holds_nothing_that_was_not_released_or_is_over(stage):
    delivery = DeliveryFactory(**{stage: True})
    run_elsewhere()

    assert state.as_dict(delivery)["held"] is False
    assert state.of(delivery).held_by is None


def test_the_desk_says_that_a_run_is_held(client):
    run, now = DeliveryFactory(scheduled=True), clock.now()
    series = Series.objects.create(
        delivery=DeliveryFactory(), rule="FREQ=DAILY", starts_on=now.date(), at=now.time()
    )
    Occurrence.objects.create(series=series, moment=now, execution=run)
    client.force_login(UserFactory(is_staff=True, roles={"prepare": root()}))
    stop_all()

    listed = client.get("/admin/deliveries/occurrence/").content.decode()

    assert in_a_tag("Held", listed)


def doctor(delivery):
    """What the doctor prints, who finds faults and so ends with an error."""
    out = StringIO()
    with pytest.raises(CommandError, match="somebody must see to"):
        call_command("doctor", delivery.name, stdout=out)
    return out.getvalue()


def in_a_tag(words, page):
    return f">{words}<" in "".join(line.strip() for line in page.splitlines())


@pytest.mark.parametrize(
    ("stage", "words"), [("scheduled", "Held"), ("sending", "Held"), ("paused", "Paused and held")]
)
def test_the_commands_say_that_it_is_held_and_why(stage, words):
    delivery = DeliveryFactory(label="July offers", unit=UnitFactory(), **{stage: True})
    stop_all(by=UserFactory(username="ana", roles={"start": root()}), reason="Wrong price")

    listed, shown = asked("list_deliveries"), asked("show_delivery", delivery.name)
    (row,) = json.loads(asked("list_deliveries", "--json"))["deliveries"]
    one = json.loads(asked("show_delivery", delivery.name, "--json"))

    assert listed.splitlines()[1].endswith("July offers (Wrong price)")
    assert f" {words} " in listed
    assert f"“July offers”: {words}\n" in shown
    assert "Wrong price" in shown
    for found in (row, one):
        assert (found["status"], found["held"]) == (stage, True)
        assert (found["held_by"], found["held_because"]) == ("ana", "Wrong price")


def test_the_commands_say_that_nothing_holds_it():
    delivery = DeliveryFactory(unit=UnitFactory(), scheduled=True)
    stop_all(UnitFactory())

    (row,) = json.loads(asked("list_deliveries", "--json"))["deliveries"]
    one = json.loads(asked("show_delivery", delivery.name, "--json"))

    assert [(found["held"], found["held_because"]) for found in (row, one)] == [(False, None)] * 2


def test_both_lists_take_the_same_queries_for_1_and_25_held_deliveries(client):
    client.force_login(UserFactory(is_staff=True, roles={"prepare": root()}))
    DeliveryFactory(sending=True, recipients=1)
    stop_all()

    def taken():
        asked("list_deliveries")
        client.get("/admin/deliveries/delivery/")  # what is read once for the life of a process
        with CaptureQueriesContext(connection) as command:
            asked("list_deliveries")
        with CaptureQueriesContext(connection) as page:
            client.get("/admin/deliveries/delivery/")
        return len(command), len(page)

    with_one = taken()
    allow()
    for _ in range(24):
        DeliveryFactory(sending=True, recipients=1)
    stop_all()

    assert taken() == with_one
    assert max(with_one) <= 20


def test_a_delivery_beside_the_stopped_branch_is_not_called_held(client):
    unit = UnitFactory()
    DeliveryFactory(unit=unit, scheduled=True)
    client.force_login(UserFactory(roles={"prepare": root()}))
    stop_all(UnitFactory(), reason="Wrong price")

    assert ">Held</span>" not in client.get(reverse("deliveries:list")).content.decode()


def test_a_refusal_names_the_way_back():
    delivery = DeliveryFactory(ready=True)
    stop_all(reason="Wrong price")

    with pytest.raises(gate.SendingHalted, match=r"Wrong price.*Allow sending again.*allow_sending"):
        confirmation.confirm(
            delivery=delivery, seal=delivery.seal, by=person("start", root()), at=clock.now()
        )
