"""The pages: the bell, the list, one's own choices, a unit's limits and its webhooks."""

import re
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.tests.factories import UnitFactory, UserFactory
from alerts import choices, limits, watching
from alerts.models import AlertLimits, Condition, MailWhen, Webhook, WebhookMessage, Whose
from alerts.webhooks import registry, secrets
from campaign.lib import clock
from deliveries.sending import gate
from deliveries.tests.factories import DeliveryFactory, person
from reporting.tests.factories import delivery_with

pytestmark = pytest.mark.django_db


def browse(user):
    client = Client()
    client.force_login(user)
    return client


def failed(unit, **values):
    delivery = DeliveryFactory(unit=unit, sending=True, **values)
    gate.fail(delivery.pk, because="What is prepared is not what was confirmed.")
    watching.look()
    return delivery


def text_of(answer):
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_bell_counts_what_is_new_until_it_is_seen(unit):
    delivery = failed(unit)
    client = browse(delivery.created_by)
    bell = re.compile(r'class="btn[^"]* bell"[^>]*>.*?</a>', re.S)

    assert 'class="badge">1' in bell.search(text_of(client.get("/"))).group()
    page = text_of(client.get(reverse("alerts:list")))
    assert delivery.label in page
    assert "The send failed" in page
    client.post(reverse("alerts:seen"))
    assert "badge" not in bell.search(text_of(client.get("/"))).group()


def test_an_alert_of_a_rate_leads_to_the_rows_that_it_counts(unit):
    delivery = delivery_with(sent=3, failed=2)
    limits.save(unit=delivery.unit, by=person("administration", delivery.unit), least=4, bounces=Decimal(20))
    watching.look()
    client = browse(delivery.created_by)

    page = text_of(client.get(reverse("alerts:list")))

    href = re.search(r'href="([^"]*status=bounced)"', page).group(1)
    assert len(client.get(href).context["page"].rows) == 2


def test_nobody_sees_alerts_of_deliveries_that_they_may_not_see(unit):
    delivery = failed(unit)
    stranger = UserFactory(roles={"start": UnitFactory()})

    assert delivery.label not in text_of(browse(stranger).get(reverse("alerts:list")))
    assert delivery.label in text_of(browse(person("approve", unit)).get(reverse("alerts:list")))


def test_the_page_of_a_delivery_says_its_alerts(unit):
    delivery = failed(unit)

    page = text_of(browse(delivery.created_by).get(reverse("deliveries:dashboard", args=[delivery.pk])))

    assert "The send failed" in page


def test_the_list_takes_the_same_statements_for_many_alerts(unit, django_assert_num_queries):
    client = browse(failed(unit).created_by)
    client.get(reverse("alerts:list"))
    with CaptureQueriesContext(connection) as one:
        client.get(reverse("alerts:list"))
    for _number in range(4):
        failed(unit)

    with django_assert_num_queries(len(one)):
        client.get(reverse("alerts:list"))


def test_a_person_chooses_how_they_are_told(unit):
    user = person("prepare", unit)
    client = browse(user)
    posted = {f"whose_{each}": "mine" for each in Condition} | {
        f"mail_{each}": "hourly" for each in Condition
    }

    answer = client.post(reverse("alerts:choices"), posted | {"whose_late": "none", "mail_late": "never"})

    assert answer.status_code == 302
    chosen = choices.of(user)
    assert (chosen[Condition.LATE].whose, chosen[Condition.LATE].mail) == (Whose.NONE, MailWhen.NEVER)
    assert chosen[Condition.FAILED].mail == MailWhen.HOURLY
    assert "selected" in text_of(client.get(reverse("alerts:choices")))


def test_an_administrator_keeps_the_limits_of_a_unit_and_sees_what_holds_above(unit):
    client = browse(person("administration", unit))
    address = reverse("alerts:unit", args=[unit.pk])

    assert 'placeholder="5"' in text_of(client.get(address))
    answer = client.post(address, {"bounces": "3.5", "least": "50", "holds": "yes"})

    assert answer.status_code == 302
    held = limits.of_unit(unit)
    assert (held.bounces, held.least, held.holds, held.late) == (Decimal("3.5"), 50, True, 15)


@pytest.mark.parametrize("bad", [{"bounces": "0"}, {"bounces": "101"}, {"least": "0"}, {"late": "x"}])
def test_a_limit_that_makes_no_sense_is_said_at_its_field(unit, bad):
    answer = browse(person("administration", unit)).post(reverse("alerts:unit", args=[unit.pk]), bad)

    assert "field--invalid" in text_of(answer)
    assert not AlertLimits.objects.exists()


def test_who_does_not_administer_the_unit_gets_nowhere(unit):
    made, _secret = registry.create(
        unit=unit, label="Desk", url="https://example.com/", by=person("administration", unit), at=clock.now()
    )
    client = browse(person("start", unit))

    assert client.get(reverse("alerts:unit", args=[unit.pk])).status_code == 403
    assert client.post(reverse("alerts:webhook-create", args=[unit.pk])).status_code == 403
    assert client.get(reverse("alerts:webhook", args=[made.pk])).status_code == 404
    for name in ("webhook-test", "webhook-rotate", "webhook-remove"):
        assert client.get(reverse(f"alerts:{name}", args=[made.pk])).status_code == 405
        assert client.post(reverse(f"alerts:{name}", args=[made.pk])).status_code == 404
    assert browse(UserFactory()).get(reverse("alerts:unit", args=[unit.pk])).status_code == 404


def test_a_secret_is_shown_on_one_page_once(unit):
    client = browse(person("administration", unit))

    answer = client.post(
        reverse("alerts:webhook-create", args=[unit.pk]), {"label": "Desk", "url": "https://example.com/h"}
    )
    webhook = Webhook.objects.get()
    secret = secrets.opened(webhook.secret)

    assert secret in text_of(answer)
    assert "no-store" in answer.headers["Cache-Control"]
    assert secret not in text_of(client.get(reverse("alerts:webhook", args=[webhook.pk])))
    assert secret not in text_of(client.get(reverse("alerts:unit", args=[unit.pk])))

    another = text_of(client.post(reverse("alerts:webhook-rotate", args=[webhook.pk])))
    webhook.refresh_from_db()
    assert secrets.opened(webhook.secret) in another
    assert secret not in another


def test_a_test_and_its_attempts_stand_in_the_log(unit, end, work):
    client = browse(person("administration", unit))
    client.post(reverse("alerts:webhook-create", args=[unit.pk]), {"label": "Desk", "url": end.url})
    webhook = Webhook.objects.get()
    end.status = 503

    client.post(reverse("alerts:webhook-test", args=[webhook.pk]))
    work()

    page = text_of(client.get(reverse("alerts:webhook", args=[webhook.pk])))
    assert "503" in page
    assert "It answered with an error." in page
    assert len(end.told) == 1


def test_a_webhook_is_changed_and_removed(unit):
    client = browse(person("administration", unit))
    client.post(
        reverse("alerts:webhook-create", args=[unit.pk]), {"label": "Desk", "url": "https://example.com/h"}
    )
    webhook = Webhook.objects.get()

    client.post(
        reverse("alerts:webhook", args=[webhook.pk]),
        {"label": "Pager", "url": "https://example.com/i", "conditions": ["late", "failed"]},
    )
    webhook.refresh_from_db()
    assert (webhook.label, webhook.url, webhook.conditions) == (
        "Pager",
        "https://example.com/i",
        ["failed", "late"],
    )
    assert not webhook.is_active

    client.post(reverse("alerts:webhook-remove", args=[webhook.pk]))
    assert not Webhook.objects.exists()
    assert not WebhookMessage.objects.exists()
