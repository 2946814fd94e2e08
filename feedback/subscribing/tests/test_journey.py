"""From the form to a delivery and out again, by the pages that readers see."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.roles import root
from audiences.models import ConsentEvent, Profile, Service, SignUp, Subscription
from audiences.services import subscribing
from audiences.services.subscribing import Origin
from audiences.tests.factories import AudienceFactory, ProfileFactory, ServiceFactory
from campaign.lib import clock
from deliveries.models import Message, Sender
from deliveries.sending import statements
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.relay import relay_running
from feedback.subscribing import bots, letters
from feedback.tests.factories import CHROME, PromptReader, link

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader():
    return PromptReader(headers={"user-agent": CHROME}, enforce_csrf_checks=True)


@pytest.fixture(autouse=True)
def no_haste(monkeypatch):
    """Whoever sends the form has read it."""
    monkeypatch.setattr(bots, "SECONDS_AT_LEAST", 0)


@pytest.fixture
def relay(tmp_path, settings):
    with relay_running(tmp_path / "relay.sqlite3") as running:
        settings.RELAY_URL = running.url
        yield running


def form_of(service: Service) -> str:
    return f"/s/{service.key}"


def stamp_of(service: Service) -> str:
    return bots.stamp(service=service.key, text_id=service.text_id)


def asked(reader: Client, service: Service, address: str = "ana@example.com", **more: str):
    return reader.post(form_of(service), {"email": address, "shown": stamp_of(service), **more})


def mailed(mailoutbox) -> str:
    """The path of the link in the mail that left last."""
    letters.mail(clock.now())
    return re.search(r"https?://[^/]+(/k/\S+)", mailoutbox[-1].body)[1]


def test_a_service_is_made_signed_up_for_confirmed_sent_to_and_left(client, reader, mailoutbox):
    ana, carla = person("prepare", root()), person("start", root())
    client.force_login(ana)
    client.post(
        reverse("audiences:service-create"),
        {"label": "News", "public_name": "Our news", "unit": root().pk, "double_opt_in": "on"},
    )
    service = Service.objects.get()
    assert reader.get(form_of(service)).status_code == 410  # nobody has activated its text
    client.force_login(carla)
    client.post(reverse("audiences:service-activate", args=[service.pk]), {"seal": service.texts.get().seal})
    service.refresh_from_db()
    stranger = ProfileFactory(email="bia@example.com")

    page = reader.get(form_of(service)).content.decode()
    shown = re.search(r'name="shown" value="([^"]+)"', page)[1]
    answer = reader.post(form_of(service), {"email": "Ana@example.com", "shown": shown, "website": ""})

    assert "Our news" in page
    assert (answer.status_code, answer.cookies) == (200, {})
    assert not Profile.objects.filter(email_key="ana@example.com").exists()
    letters.mail(clock.now())
    letters.mail(clock.now())
    assert [mail.to for mail in mailoutbox] == [["Ana@example.com"]]

    path = mailed(mailoutbox)
    assert "Our news" in reader.get(path).content.decode()
    assert not Subscription.objects.exists()  # looking at it changes nothing
    reader.post(path)
    reader.post(path)

    subscription = Subscription.objects.get()
    ana_s_profile = subscription.profile
    event = ConsentEvent.objects.get()
    assert (ana_s_profile.email_key, subscription.is_confirmed) == ("ana@example.com", True)
    assert (event.profile, event.service, event.opted_out) == (ana_s_profile, service, False)
    assert (event.text, event.network, event.source) == (service.text, "127.0.0.0/24", "confirmed_by_mail")

    rule = {"field": "@service", "is": "subscribed", "value": service.pk}
    delivery = DeliveryFactory(finished=True, service=service, audience=AudienceFactory(rule=rule))
    assert list(Message.objects.filter(delivery=delivery).values_list("profile_id", flat=True)) == [
        ana_s_profile.pk
    ]

    page = reader.get(link(delivery, "u")).content.decode()
    reader.post(link(delivery, "u"), {"List-Unsubscribe": "One-Click"})

    assert "Our news" in page
    subscription.refresh_from_db()
    ana_s_profile.refresh_from_db()
    assert subscription.ended_at is not None
    assert not ana_s_profile.no_email  # only the service is left
    left = ConsentEvent.objects.order_by("-pk")[0]
    assert (left.reference, left.network) == (f"delivery {delivery.pk}", "127.0.0.0/24")
    token = link(delivery, "u").removeprefix("/u/")
    assert "What you have left" in reader.get(f"/p/{token}").content.decode()
    assert not Subscription.objects.filter(profile=stranger).exists()
    reader.post(path)  # the old mail brings nobody back
    assert Subscription.objects.get().ended_at is not None


def test_the_answer_is_the_same_for_known_unknown_and_subscribed_addresses(reader):
    service = ServiceFactory()
    ProfileFactory(email="known@example.com", email_key="known@example.com")
    ProfileFactory(email="out@example.com", email_key="out@example.com", no_email=True)
    subscribed = ProfileFactory(email="in@example.com", email_key="in@example.com")
    Subscription.objects.create(service=service, profile=subscribed, subscribed_at=clock.now())

    answers = {
        asked(reader, service, f"{name}@example.com").content for name in ("known", "out", "in", "new")
    }

    assert len(answers) == 1


def test_an_address_gets_one_mail_a_day_and_the_next_service_waits_for_its_day(reader, mailoutbox):
    first, second = ServiceFactory(), ServiceFactory()

    for service in (first, first, second, second):
        asked(reader, service)
    letters.mail(clock.now())

    assert len(mailoutbox) == 1
    waiting = SignUp.objects.get(mailed_at=None)
    assert waiting.service == second
    letters.mail(clock.now() + timedelta(hours=23))
    assert len(mailoutbox) == 1
    letters.mail(clock.now() + timedelta(hours=25))
    assert len(mailoutbox) == 2


def test_a_mailbox_gets_one_mail_a_day_however_its_address_is_tagged(reader, mailoutbox):
    service = ServiceFactory()
    spellings = ("ana", "ANA", "ana+1", "Ana+2", "ana+3", "ana+4", "ana+5")

    for local in spellings:
        asked(reader, service, f"{local}@example.com")
    for local in ("a.n.a", "ana+x", "an.a"):
        asked(reader, service, f"{local}@{'googlemail' if 'x' in local else 'gmail'}.com")
    asked(reader, service, "bia+1@example.com")
    letters.mail(clock.now())

    assert sorted(mail.to[0] for mail in mailoutbox) == [
        "a.n.a@gmail.com", "ana@example.com", "bia+1@example.com",
    ]  # fmt: skip
    for day in range(1, 6):
        letters.mail(clock.now() + timedelta(days=day, minutes=1))
    to_ana = [mail.to[0] for mail in mailoutbox if mail.to[0].endswith("@example.com")]
    assert to_ana == [
        "ana@example.com",
        "bia+1@example.com",
        "ana+1@example.com",
        "Ana+2@example.com",
        "ana+3@example.com",
    ]


def test_a_mail_that_could_not_leave_is_tried_again_and_none_leaves_twice(reader, mailoutbox, settings):
    asked(reader, ServiceFactory())
    works = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND, settings.EMAIL_PORT = "django.core.mail.backends.smtp.EmailBackend", 1
    assert letters.mail(clock.now()) == 0
    settings.EMAIL_BACKEND = works
    later = clock.now() + timedelta(minutes=5)

    assert [letters.mail(later), letters.mail(later), len(mailoutbox)] == [1, 0, 1]


def test_who_leaves_after_the_seal_is_not_sent_to():
    service, staying, leaving = ServiceFactory(), ProfileFactory(), ProfileFactory()
    origin = Origin(clock.now(), "test")
    for profile in (staying, leaving):
        subscribing.subscribe_confirmed(service=service, profile=profile, origin=origin)
    audience = AudienceFactory(members=[staying, leaving, ProfileFactory()])
    delivery = DeliveryFactory(sending=True, service=service, audience=audience)
    assert delivery.preparation.causes["not_subscribed"] == 1

    subscribing.leave(service=service, profile_id=leaving.pk, origin=origin)

    with connection.cursor() as cursor:
        cursor.execute(statements.WINDOW, {"delivery": delivery.pk, "above": 0, "upto": 9, "unasked": True})
        causes = {row[1]: row[3] for row in cursor.fetchall()}
    assert causes == {staying.email: "", leaving.email: "not_subscribed"}


def test_the_mail_that_asks_leaves_by_the_unit_s_sender_and_route(reader, relay, transactional_db):
    service = ServiceFactory(public_name="Açaí news")
    Sender.objects.create(
        unit=service.unit, address="news@shop.example.com", name="Shop", reply_to="help@shop.example.com"
    )

    asked(reader, service, "ana@example.com")
    assert letters.mail(clock.now()) == 1

    (message,) = relay.messages()
    assert relay.recipients() == ["ana@example.com"]
    assert message["From"].addresses[0].addr_spec == "news@shop.example.com"
    assert message["From"].addresses[0].display_name == "Açaí news"
    assert message["Reply-To"] == "help@shop.example.com"
    assert "/k/" in message.get_content()


def test_a_mail_that_the_unit_s_relay_refuses_is_tried_again(reader, relay, transactional_db):
    service = ServiceFactory()
    Sender.objects.create(unit=service.unit, address="news@shop.example.com")
    relay.refuse("ana@example.com", "451 4.2.0 Greylisted", once=True)
    asked(reader, service, "ana@example.com")

    assert letters.mail(clock.now()) == 0
    assert letters.mail(clock.now() + timedelta(minutes=5)) == 1
    assert relay.recipients() == ["ana@example.com"]
