"""The page we start from, "Confirming the send", statement by statement, in its order.

At the level of the page that a person uses: requests of people who are signed in, real workers' jobs, a real
relay. The number in a test's name is the row of the statement.
"""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from accounts import access
from accounts.models import AuditEvent, User
from accounts.rights import Right
from accounts.tests.factories import UserFactory
from campaign.lib import clock
from deliveries import jobs
from deliveries.models import Delivery, Message, MessageStatus, Status
from deliveries.tests.factories import DeliveryFactory, bring_to, person
from deliveries.tests.series import go_to, next_of, series_of, work
from feedback.hits import bringing_in
from feedback.models import Hit
from reporting.jobs import fold

pytestmark = pytest.mark.django_db(transaction=True)
MAIL_PROGRAM = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
NOBODY = pytest.mark.parametrize("role", ["prepare", "approve", "administration", "import", "export"])


@pytest.fixture
def browse() -> Callable[[User], Client]:
    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return signed_in


def page(client: Client, name: str, delivery: Delivery, *args: Any) -> str:
    response = client.get(reverse(name, args=[delivery.pk, *args]))
    assert response.status_code == 200, response.status_code
    return unescape(response.content.decode())


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def confirm(client: Client, delivery: Delivery) -> Any:
    """Both steps: open the question, press OK with the seal that it showed."""
    question = page(client, "deliveries:confirm", delivery)
    seal = re.search(r'name="seal" value="(\w+)"', question)
    assert seal is not None
    return client.post(reverse("deliveries:confirm", args=[delivery.pk]), {"seal": seal.group(1)})


def send(delivery: Delivery) -> Delivery:
    """What cron and workers do."""
    jobs.tick()
    jobs.drain(delivery_id=delivery.pk)
    delivery.refresh_from_db()
    return delivery


def starter(delivery: Delivery) -> User:
    return person("start", delivery.unit)


def kpi(block: str, code: str) -> str:
    tile = block.split(f'data-kpi="{code}"')[1].split("</div>")[0]
    return words(tile)


def finished_with_a_bounce(relay: Any, recipients: int = 4) -> Delivery:
    delivery = DeliveryFactory(scheduled=True, recipients=recipients)
    relay.refuse(Message.objects.filter(delivery=delivery).latest("seq").address, "550 5.1.1 No such user")
    return send(delivery)


def test_01_it_can_be_sent_when_prepared_and_approved_and_not_before(browse, relay):
    for stage in ("draft", "awaiting_approval"):
        early = DeliveryFactory(**({stage: True} if stage != "draft" else {}))
        client = browse(starter(early))
        client.post(reverse("deliveries:confirm", args=[early.pk]), {"seal": early.seal or "0" * 64})
        assert "Confirm send" not in words(page(client, "deliveries:dashboard", early)).split("History")[0]
        assert send(early).status == stage
    ready = DeliveryFactory(ready=True)

    confirm(browse(starter(ready)), ready)

    assert send(ready).status == Status.FINISHED


@NOBODY
def test_02_only_holders_of_start_deliveries_can_confirm(browse, role):
    delivery = DeliveryFactory(ready=True)
    somebody = person(role, delivery.unit)

    forged = browse(somebody).post(reverse("deliveries:confirm", args=[delivery.pk]), {"seal": delivery.seal})

    assert forged.status_code == 403
    assert Delivery.objects.get(pk=delivery.pk).status == Status.READY
    assert AuditEvent.objects.filter(actor=somebody, refused=True, target_id=str(delivery.pk)).exists()


def test_03_others_see_a_message_that_says_so_in_place_of_the_button(browse):
    delivery = DeliveryFactory(ready=True)
    clara = UserFactory(first_name="Clara", last_name="Starter", roles={"start": delivery.unit})

    dashboard = words(page(browse(person("prepare", delivery.unit)), "deliveries:dashboard", delivery))

    assert "You may prepare this delivery but not send it" in dashboard
    assert str(clara) in dashboard
    assert reverse("deliveries:confirm", args=[delivery.pk]) not in dashboard


def test_04_confirm_send_stands_in_the_action_bar(browse):
    delivery = DeliveryFactory(ready=True)

    dashboard = page(browse(starter(delivery)), "deliveries:dashboard", delivery)

    assert re.search(r"<button[^>]*>(?:(?!</button>).)*Confirm send</button>", dashboard, re.S)


def test_05_one_is_asked_to_finalise_with_ok(browse):
    delivery = DeliveryFactory(ready=True, recipients=3)
    client = browse(starter(delivery))

    question = page(client, "deliveries:confirm", delivery)

    assert re.search(r"<button[^>]*>\s*OK\s*</button>", question)
    assert "3 messages to deliver" in words(question)
    assert delivery.content.from_address in question
    assert Delivery.objects.get(pk=delivery.pk).status == Status.READY


def test_06_the_message_is_then_being_sent(browse, relay):
    delivery = DeliveryFactory(ready=True, recipients=3)
    client = browse(starter(delivery))

    confirm(client, delivery)
    jobs.tick()

    assert "Sending" in words(page(client, "deliveries:dashboard", delivery))
    assert send(delivery).status == Status.FINISHED
    assert len(relay.recipients()) == 3


def test_07_a_scheduled_message_is_sent_when_its_time_is_reached(browse, relay):
    at = clock.now() + timedelta(days=1)
    delivery = DeliveryFactory(
        ready=True, schedule_kind="at_date", contact_date=at, time_zone="America/Sao_Paulo"
    )
    confirm(browse(starter(delivery)), delivery)

    with clock.shifted(timedelta(hours=23)):
        assert send(delivery).status == Status.SCHEDULED
    assert relay.recipients() == []
    with clock.shifted(timedelta(days=1, seconds=1)):
        assert send(delivery).status == Status.FINISHED

    assert len(relay.recipients()) == 3


def test_08_a_recurring_delivery_can_ask_for_confirmation_before_each_send(browse, relay):
    series = series_of(stage="draft", recipients=3)
    schedule = page(browse(person("prepare", series.unit)), "deliveries:schedule", series)
    option = re.search(r'<input[^>]*name="request_confirmation"[^>]*>', schedule)
    assert option is not None
    assert "checked" in option.group(), "the option stands in the Schedule block, on by default"
    assert "Request confirmation before sending" in words(
        page(browse(starter(series)), "deliveries:dashboard", series)
    )
    bring_to(series, "ready", by=person("prepare", series.unit))
    series.refresh_from_db()

    confirm(browse(starter(series)), series)

    for sent in (0, 3):
        moment = next_of(series)
        go_to(moment - timedelta(minutes=30))
        work()
        run = Delivery.objects.filter(execution_of=series).latest("pk")
        carla = browse(starter(series))
        assert run.label in unescape(carla.get(reverse("deliveries:waiting")).content.decode())
        go_to(moment + timedelta(seconds=1))
        assert (send(run).status, len(relay.recipients())) == (Status.READY, sent), (
            "not before it is confirmed"
        )
        confirm(carla, run)
        assert (send(run).status, len(relay.recipients())) == (Status.FINISHED, sent + 3)
    clock.set_offset(timedelta())


def test_09_the_deployment_block_shows_the_progress_of_the_send(browse):
    delivery = DeliveryFactory(sending=True, recipients=4)
    client = browse(starter(delivery))

    block = page(client, "reporting:block", delivery)

    assert "0 of 4" in words(block)
    assert 'hx-trigger="every 2s"' in block
    assert reverse("reporting:block", args=[delivery.pk]) in page(client, "deliveries:dashboard", delivery)


def test_09_its_polling_stops_in_a_final_status(browse):
    delivery = DeliveryFactory(finished=True)

    assert 'hx-trigger="every' not in page(browse(starter(delivery)), "reporting:block", delivery)


@pytest.mark.parametrize(
    ("code", "number"),
    [
        pytest.param("to_deliver", "4", id="10 the number of messages to deliver"),
        pytest.param("sent", "4", id="11 the number of messages sent"),
        pytest.param("delivered", "75.0%", id="12 the percentage delivered"),
        pytest.param("failed", "25.0%", id="13 the percentage of bounces and errors"),
        pytest.param("opens", "66.7%", id="14 the percentage of opens"),
        pytest.param("clicks", "33.3%", id="15 the percentage of clicks"),
    ],
)
def test_10_to_15_after_the_send_deployment_shows(browse, relay, code, number):
    delivery = finished_with_a_bounce(relay)
    first, second, *_others = relay.messages()
    follow(first, "/c/")
    follow(second, "/o/")
    fold()

    block = page(browse(starter(delivery)), "reporting:block", delivery)

    assert number in kpi(block, code)


def test_16_opens_and_clicks_count_at_once_are_checked_every_hour_and_the_page_says_so(browse):
    delivery = DeliveryFactory(finished=True)

    block = words(page(browse(starter(delivery)), "reporting:block", delivery))

    assert (
        "Opens, clicks and unsubscribes count within seconds and are checked against the logs every hour"
        in block
    )
    assert "last" in block
    assert "next" in block


def test_17_compute_stats_repairs_what_disagrees_with_the_logs(browse, work):
    delivery = DeliveryFactory(finished=True, recipients=3)
    delivery.chunks.update(sent=1, failed=7)
    client = browse(starter(delivery))

    client.post(reverse("reporting:compute-stats", args=[delivery.pk]))
    work()

    window = words(page(client, "reporting:window", delivery))
    assert "Compute stats" in window
    assert list(delivery.chunks.values_list("sent", "failed")) == [(3, 0)]
    assert re.search(r"Delivered 1 3 \+2", window)


def test_18_the_message_shows_in_the_history_of_a_profile(browse, relay):
    delivery = send(DeliveryFactory(scheduled=True, recipients=1))
    profile_id = Message.objects.get(delivery=delivery).profile_id

    history = browse(starter(delivery)).get(reverse("reporting:profile_history", args=[profile_id]))

    assert delivery.label in unescape(history.content.decode())


def test_19_recipients_behaviour_is_tracked(browse, relay):
    delivery = send(DeliveryFactory(scheduled=True, recipients=1))
    (message,) = relay.messages()
    follow(message, "/o/")
    follow(message, "/c/")
    client = browse(starter(delivery))

    tracking = words(page(client, "reporting:window", delivery, "tracking"))
    urls = words(page(client, "reporting:window", delivery, "urls"))

    assert Hit.objects.filter(delivery_id=delivery.pk).count() == 2
    assert "Open" in tracking
    assert "Email click" in tracking
    assert "https://www.example.com/offers?from=mail" in urls


@pytest.mark.parametrize("tab", ["log", "sending", "exclusions", "causes", "tracking", "urls"])
def test_20_the_delivery_can_be_monitored(browse, relay, tab):
    delivery = finished_with_a_bounce(relay)
    client = browse(starter(delivery))

    shown = words(page(client, "reporting:window", delivery, tab))

    expected = {
        "log": "Sending finished",
        "sending": "User unknown",
        "causes": "Address not specified",
        "urls": "https://www.example.com/offers?from=mail",
    }
    assert expected.get(tab, delivery.label) in shown


def test_21_ops_staff_confirm_by_a_command(relay):
    delivery = DeliveryFactory(ready=True)
    out = StringIO()

    call_command(
        "confirm_delivery", delivery.name, "--seal", delivery.seal, "--as", starter(delivery).username, "--json",
        stdout=out,
    )  # fmt: skip

    assert json.loads(out.getvalue())["status"] == Status.SCHEDULED
    assert send(delivery).status == Status.FINISHED


def test_21_operators_confirm_in_the_admin(browse):
    delivery = DeliveryFactory(ready=True)
    operator = UserFactory(is_staff=True, roles={"start": delivery.unit})

    client = browse(operator)
    change = client.get(reverse("admin:deliveries_delivery_change", args=[delivery.pk]))

    assert change.status_code == 200
    assert "Confirm send" in words(unescape(change.content.decode()))


def test_22_workers_send_apply_the_gate_and_recalculate_the_kpis(browse, relay, work):
    delivery = DeliveryFactory(ready=True, recipients=2)
    client = browse(starter(delivery))

    confirm(client, delivery)
    work()
    delivery.chunks.update(sent=0)
    client.post(reverse("reporting:compute-stats", args=[delivery.pk]))
    work()

    delivery.refresh_from_db()
    assert delivery.status == Status.FINISHED
    assert sum(delivery.chunks.values_list("sent", flat=True)) == 2
    assert Message.objects.filter(delivery=delivery, status=MessageStatus.SENT).count() == 2


def test_22_role_permissions_are_guardians(browse):
    delivery = DeliveryFactory(ready=True)
    carla = person("prepare", delivery.unit)
    admin = person("administration", delivery.unit)

    access.grant_single(user=carla, right=Right.START, target=delivery, by=admin)

    assert carla.has_perm(Right.START.value, delivery) or access.can(carla, Right.START, delivery)
    assert "Confirm send" in words(page(browse(carla), "deliveries:dashboard", delivery))


# -- what a recipient does --------------------------------------------------------------------------------


def follow(message: Any, path: str) -> None:
    """Load the pixel, or click the first link, as the recipient's program does."""
    html = message.get_body(("html",)).get_content()
    found = re.search(rf'https?://[^/"]+({path}[\w.-]+)', html)
    assert found is not None
    assert Client().get(found.group(1), headers={"user-agent": MAIL_PROGRAM}).status_code in {200, 302}
    bringing_in.bring_in()
