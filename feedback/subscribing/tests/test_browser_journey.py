"""In a real browser: from a form on a page of others to the confirmation, the welcome mail, and out again."""

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.db import connection
from django.template.loader import render_to_string
from playwright.sync_api import expect

from audiences.models import ConsentEvent, Profile, Subscription
from audiences.tests.factories import AudienceFactory, ServiceFactory
from campaign.lib import clock
from deliveries.confirmation import decisions as confirmation
from deliveries.models import Delivery, ScheduleKind, Sender
from deliveries.tests.factories import DeliveryFactory, bring_to, person
from deliveries.tests.relay import relay_running
from deliveries.tests.series import go_to, next_of, rule_for, send_all, work
from feedback.subscribing import bots, letters

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def relay(tmp_path, settings):
    with relay_running(tmp_path / "relay.sqlite3") as running:
        settings.RELAY_URL = running.url
        yield running
    clock.set_offset(timedelta())


@pytest.fixture
def service():
    return ServiceFactory(public_name="Our news")


@pytest.fixture
def foreign_page(service, live_server) -> Iterator[str]:
    """A page of somebody else's, on another port, with the snippet of the service."""
    form = render_to_string(
        "audiences/_service_snippet.html", {"form_url": f"{live_server.url}/s/{service.key}"}
    )
    page = f"<!doctype html><html lang=en><title>A shop</title><h1>A shop</h1>{form}".encode()

    class Shop(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_said: object) -> None:
            """Nothing is written to the tests' output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def welcome(service) -> Delivery:
    rule = {"field": "@service", "is": "subscribed", "value": service.pk}
    delivery = DeliveryFactory(
        schedule_kind=ScheduleKind.RECURRING, time_zone="Europe/Paris", service=service, days_after=0,
        recurrence=rule_for(request_confirmation=False), audience=AudienceFactory(rule=rule),
    )  # fmt: skip
    bring_to(delivery, "ready", by=person("prepare", delivery.unit))
    delivery.refresh_from_db()
    starter = person("start", delivery.unit)
    confirmation.confirm(delivery=delivery, seal=delivery.seal, by=starter, at=clock.now())
    return Delivery.objects.get(pk=delivery.pk)


def elsewhere(work):
    """Do it in a thread, as a worker would: the browser's event loop holds this one."""

    def alone():
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        return threads.submit(alone).result()


def link_in(message, letter) -> str:
    """The address of ours in a mail, by its letter."""
    part = message.get_body(("plain",)) or message
    return re.search(rf"https?://\S+/{letter}/[^\s>]+", part.get_content())[0]


def the(page, name):
    return page.get_by_role("button", name=name, exact=True)


@pytest.fixture(autouse=True)
def no_haste(monkeypatch):
    """Whoever sends the form has read it."""
    monkeypatch.setattr(bots, "SECONDS_AT_LEAST", 0)


def test_from_a_page_of_others_to_the_welcome_mail_and_out(
    new_page, foreign_page, service, relay, mailoutbox
):
    series = welcome(service)
    Sender.objects.create(unit=service.unit, address="news@serra-alta.example.com")
    reader = new_page(locale="en-GB")

    # A form on a shop's page leads over the form here, which shows what is agreed to.
    reader.goto(foreign_page)
    reader.get_by_label("Email address").fill("ana@example.com")
    the(reader, "Subscribe").click()
    expect(reader.get_by_role("heading", name="Our news")).to_be_visible()
    expect(reader.get_by_label("Email address")).to_have_value("ana@example.com")
    the(reader, "Subscribe").click()

    # A mail comes by the unit's own route; its link asks, and its button confirms.
    assert elsewhere(lambda: letters.mail(clock.now())) == 1
    assert mailoutbox == []
    reader.goto(link_in(relay.messages()[-1], "k"))
    assert not Subscription.objects.exists()
    the(reader, "Confirm").click()
    expect(reader.get_by_role("heading", name="Confirmed")).to_be_visible()
    assert Subscription.objects.get().is_confirmed

    # The day's run welcomes her, and nobody else.
    moment = next_of(series)
    Subscription.objects.update(subscribed_at=moment - timedelta(hours=5))
    go_to(moment - timedelta(minutes=30))
    work()
    go_to(moment)
    work()
    elsewhere(send_all)
    assert relay.recipients() == ["ana@example.com"] * 2
    mail = relay.messages()[-1]

    # She looks at what is measured, switches it off, and leaves.
    reader.goto(link_in(mail, "u"))
    reader.get_by_role("link", name="See all that you are subscribed to").click()
    the(reader, "Do not measure what I read").click()
    expect(reader.get_by_role("status")).to_contain_text("It counts from now on")
    reader.get_by_role("button", name=re.compile("^Unsubscribe(?! from)")).click()
    expect(reader.get_by_text("You are subscribed to nothing.")).to_be_visible()

    ana = Profile.objects.get(email_key="ana@example.com")
    assert (ana.track_opens, ana.track_clicks, ana.no_email) == (False, False, False)
    assert Subscription.objects.get().ended_at is not None
    assert [event.opted_out for event in ConsentEvent.objects.filter(service=service).order_by("pk")] == [
        False, True,
    ]  # fmt: skip
