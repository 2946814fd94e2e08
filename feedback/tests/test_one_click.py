"""Whoever only looks changes nothing; whoever leaves by one click leaves what the message was of, and nothing else."""

import hashlib

import pytest
from django.db import connection
from django.test import Client

from audiences.consent import sign_ups
from audiences.models import Profile, Subscription
from audiences.services import subscribing
from audiences.services.subscribing import Origin
from audiences.tests.factories import AudienceFactory, ProfileFactory, ServiceFactory
from campaign.lib import clock
from campaign.lib.tokens import Purpose, default_signer
from campaign.stack.module_db import once
from deliveries.ledger import deleting
from deliveries.models import Message
from deliveries.tests.factories import DeliveryFactory
from feedback.models import Hit
from feedback.subscribing import letters
from feedback.tests.factories import PromptReader, link

pytestmark = pytest.mark.django_db
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
WISHES = (
    "audiences_profile", "audiences_subscription", "audiences_signup", "audiences_consentevent",
    "audiences_addressoptout", "audiences_quarantine", "accounts_auditevent",
)  # fmt: skip
SCANNERS = (
    {"user-agent": "Mozilla/5.0 (compatible; Barracuda/5.0)"},
    {"user-agent": "Mozilla/5.0 (Windows NT 10.0) Chrome/130.0.0.0", "sec-purpose": "prefetch;prerender"},
    {"user-agent": "", "x-purpose": "preview"},
)


@pytest.fixture
def reader():
    return PromptReader(enforce_csrf_checks=True)


@once
def services():
    return [ServiceFactory(), ServiceFactory()]


@once
def ana(services):
    """Subscribed to both services."""
    ana = ProfileFactory()
    for service in services:
        subscribing.subscribe_confirmed(service=service, profile=ana, origin=Origin(clock.now(), "test"))
    return ana


@once
def delivery(services, ana):
    """Of the first service, to Ana alone."""
    return DeliveryFactory(finished=True, service=services[0], audience=AudienceFactory(members=[ana]))


def wishes():
    """All that is known of wishes, as one text for each table."""
    with connection.cursor() as cursor:
        found = []
        for table in WISHES:
            cursor.execute(f"SELECT coalesce(string_agg(t::text, '|' ORDER BY t.id), '') FROM {table} t")
            found.append(hashlib.sha256(cursor.fetchone()[0].encode()).hexdigest())
        return found


def subscribed(ana):
    return [
        one.service for one in Subscription.objects.filter(profile=ana, ended_at=None).order_by("service")
    ]


def public_addresses(delivery, service):
    """One of each kind, each of which does something once it is posted to."""
    sign_up = sign_ups.ask(
        service=service,
        text=service.text,
        address="new@example.com",
        language="en",
        network="",
        at=clock.now(),
    )
    token = link(delivery, "u").removeprefix("/u/")
    confirmation = "/k/" + letters.link(sign_up).rpartition("/k/")[2]
    return [
        *(link(delivery, letter) for letter in "ocmu"), f"/p/{token}", f"/s/{service.key}", confirmation,
    ]  # fmt: skip


@pytest.mark.parametrize("scanner", SCANNERS)
def test_scanners_change_nothing_and_count_as_nobody(delivery, services, scanner):
    paths = public_addresses(delivery, services[1])
    before, machine = wishes(), PromptReader(headers=scanner)
    asked = "?List-Unsubscribe=One-Click&action=leave_all&email=x@example.com"

    for path in paths:
        for method in (machine.get, machine.head):
            assert method(path + asked).status_code in (200, 302), path
        for method in (machine.options, machine.put, machine.delete, machine.patch):
            assert method(path, ONE_CLICK).status_code == 405, path

    assert wishes() == before
    kinds = set(Hit.objects.filter(delivery=delivery).values_list("agent_kind", flat=True))
    assert not kinds & {"human"}


def test_one_click_leaves_the_service_of_the_message_alone_however_often(reader, delivery, ana, services):
    answers = {reader.post(link(delivery, "u"), ONE_CLICK).content for _time in range(3)}

    assert answers == {b"OK\n"}
    assert subscribed(ana) == [services[1]]
    ana.refresh_from_db()
    assert not ana.no_email


def test_a_replay_after_a_confirmation_is_one_more_wish_to_leave(reader, delivery, ana, services):
    reader.post(link(delivery, "u"), ONE_CLICK)
    subscribing.subscribe_confirmed(service=services[0], profile=ana, origin=Origin(clock.now(), "test"))
    reader.post(link(delivery, "u"), ONE_CLICK)

    assert subscribed(ana) == [services[1]]


def test_it_does_so_after_a_retention_period_took_the_message(reader, delivery, ana, services):
    deleting.delete_recipients(delivery.pk)
    assert not Message.objects.filter(delivery=delivery).exists()

    assert reader.post(link(delivery, "u"), ONE_CLICK).status_code == 200
    assert subscribed(ana) == [services[1]]


@pytest.mark.parametrize("sent", [
    {"data": b"List-Unsubscribe=One-Click", "content_type": "application/x-www-form-urlencoded"},
    {"data": ONE_CLICK},
    {"data": {**ONE_CLICK, "action": "undo"}},
    {"data": b"", "content_type": "text/plain"},
    {"data": b"{}", "content_type": "application/json"},
    {"data": b"--x\r\nbroken", "content_type": "multipart/form-data; boundary=x"},
])  # fmt: skip
def test_whatever_a_mail_program_posts_its_reader_has_left(reader, delivery, ana, services, sent):
    assert reader.post(link(delivery, "u"), **sent).status_code == 200
    assert subscribed(ana) == [services[1]]


def test_no_other_token_leaves(reader, delivery, ana, services):
    good = link(delivery, "u").removeprefix("/u/")
    signer, before = default_signer(), wishes()
    others = [
        *(signer.sign(purpose, delivery.key, 1) for purpose in Purpose if purpose != Purpose.UNSUBSCRIBE),
        signer.sign(Purpose.UNSUBSCRIBE, delivery.key + 1, 1), signer.sign(Purpose.UNSUBSCRIBE, delivery.key, 2),
        good[:-1], good[:20], good + "A", good.swapcase(), good.lower(), "",
    ]  # fmt: skip

    answers = [reader.post(f"/u/{token}", ONE_CLICK).status_code for token in others]

    assert set(answers) <= {200, 404, 410}
    assert answers.count(200) == 1  # number 2 of the delivery, which it never had
    assert wishes() == before
    assert subscribed(ana) == services


def test_a_page_of_others_may_frame_none_of_them(delivery, services):
    for path in public_addresses(delivery, services[1]):
        answer = Client().get(path)
        if path[1] in "upsk":
            assert "frame-ancestors 'none'" in answer["Content-Security-Policy"], path
        assert answer.cookies == {}, path
        assert "Access-Control-Allow-Origin" not in answer, path


def test_of_a_delivery_without_a_service_it_leaves_all_mail(reader, ana):
    delivery = DeliveryFactory(finished=True, audience=AudienceFactory(members=[ana]))

    reader.post(link(delivery, "u"), ONE_CLICK)

    assert subscribed(ana) == []
    assert Profile.objects.get(pk=ana.pk).no_email
