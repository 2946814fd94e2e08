"""The operators' desk: the same verbs."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from accounts.roles import root
from accounts.tests.factories import UserFactory
from alerts import choices, limits, watching
from alerts.models import Condition, MailWhen, Webhook, WebhookMessage
from alerts.webhooks import secrets
from deliveries.sending import gate
from deliveries.tests.factories import DeliveryFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss():
    return UserFactory(is_staff=True, roles={"administration": root()})


@pytest.fixture
def desk(boss):
    client = Client()
    client.force_login(boss)
    return client


def test_alerts_are_listed_with_what_they_say(desk):
    delivery = DeliveryFactory(sending=True)
    gate.fail(delivery.pk, because="What is prepared is not what was confirmed.")
    watching.look()

    page = desk.get(reverse("admin:alerts_alert_changelist"))

    assert page.status_code == 200
    assert "The send could not go on." in page.content.decode()


def test_limits_are_kept(desk):
    form = {"unit": root().pk, "bounces": "4", "holds": "true"}

    answer = desk.post(reverse("admin:alerts_alertlimits_add"), form)

    assert answer.status_code == 302, answer.content.decode()
    assert (limits.of_unit(root()).bounces, limits.of_unit(root()).holds) == (4, True)
    assert desk.get(reverse("admin:alerts_alertlimits_changelist")).status_code == 200


def test_a_webhook_is_made_and_its_secret_said_once(desk, end):
    form = {"unit": root().pk, "label": "Desk", "url": end.url, "conditions": ["late"]}

    answer = desk.post(reverse("admin:alerts_webhook_add"), form, follow=True)

    webhook = Webhook.objects.get()
    assert webhook.conditions == ["late"]
    secret = secrets.opened(webhook.secret)
    assert secret in answer.content.decode()
    page = desk.get(reverse("admin:alerts_webhook_change", args=[webhook.pk])).content.decode()
    assert secret not in page
    assert "Send a test" in page


def test_a_webhook_is_tried_and_given_another_secret(desk, end, work):
    desk.post(reverse("admin:alerts_webhook_add"), {"unit": root().pk, "label": "Desk", "url": end.url})
    webhook = Webhook.objects.get()
    old = secrets.opened(webhook.secret)

    desk.post(reverse("admin:alerts_webhook_test", args=[webhook.pk]))
    work()
    answer = desk.post(reverse("admin:alerts_webhook_rotate", args=[webhook.pk]), follow=True)

    webhook.refresh_from_db()
    assert len(end.told) == 1
    assert secrets.opened(webhook.secret) != old
    assert secrets.opened(webhook.secret) in answer.content.decode()
    assert "Taken" in desk.get(reverse("admin:alerts_webhookmessage_changelist")).content.decode()
    told = WebhookMessage.objects.get()
    page = desk.get(reverse("admin:alerts_webhookmessage_change", args=[told.pk])).content.decode()
    assert re.search(r" · 20\d · \d+ ms", page)


def test_an_operator_chooses_how_they_are_told(desk, boss):
    form = {"condition": "late", "whose": "all", "mail": "daily"}

    assert desk.post(reverse("admin:alerts_alertchoice_add"), form).status_code == 302

    assert choices.of(boss)[Condition.LATE].mail == MailWhen.DAILY
