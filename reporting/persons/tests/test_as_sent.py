"""A message as it was sent, its links told straight; and whether it is what was sealed."""

import pytest
from django.urls import reverse

from deliveries.models import Message, Preparation
from deliveries.rendering import sealed_renderer
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.ledger_rows import execute, no_trigger
from feedback.models import Hit
from reporting.persons import as_sent

pytestmark = pytest.mark.django_db

PERSONAL = """<html><head><title>News</title></head><body><p>Hello {{ profile.first_name }}</p>
<a href="https://www.example.com/of/{{ profile.external_id }}?a=1&amp;b=2">Yours</a>
<a href="{{ mirror_url }}">Browser</a> <a href="{{ unsubscribe_url }}">Unsubscribe</a></body></html>"""


def of(delivery):
    return Message.objects.filter(delivery=delivery).order_by("seq").first()


def test_links_lead_where_they_led_and_nothing_of_ours_counts():
    delivery = DeliveryFactory(recipients=1, finished=True, content={"html": PERSONAL})
    row = of(delivery)

    shown = as_sent.archive(delivery).shown(row.values)

    assert f'href="https://www.example.com/of/{row.values["external_id"]}?a=1&amp;b=2"' in shown.html
    assert "/c/" not in shown.html + shown.text
    assert "/u/" not in shown.html + shown.text
    assert "/o/" not in shown.html
    assert "https://www.example.com/offers" in shown.text


def test_beside_its_links_it_is_what_the_send_renders():
    delivery = DeliveryFactory(recipients=1, finished=True, content={"html": PERSONAL})
    row = of(delivery)

    shown, sent = as_sent.archive(delivery).shown(row.values), sealed_renderer(delivery)

    assert shown.subject == sent.subject(values=row.values)
    assert f"Hello {row.values['first_name']}" in shown.html
    assert f"Hello {row.values['first_name']}" in sent.html(seq=row.seq, values=row.values)


def test_a_seal_stands_as_long_as_nothing_is_changed():
    delivery = DeliveryFactory(recipients=3, finished=True)

    sealed = as_sent.sealed(delivery, 2)

    assert sealed.stands
    assert sealed.checks.keys() == as_sent.CHECKS.keys()
    assert sealed.seal == delivery.seal


def test_a_row_that_was_changed_behind_our_back_is_found():
    delivery = DeliveryFactory(recipients=3, finished=True)
    with no_trigger("sealed_columns"):
        execute(
            "UPDATE deliveries_message SET address = 'x@example.com' WHERE delivery_id = %s AND seq = 2",
            delivery.pk,
        )

    sealed = as_sent.sealed(delivery, 2)

    assert not sealed.stands
    assert [name for name, holds in sealed.checks.items() if not holds] == ["row"]


def test_content_that_was_changed_behind_our_back_is_found():
    delivery = DeliveryFactory(recipients=1, finished=True)
    prepared = delivery.latest_preparation()
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    with no_trigger("guard_seal", table="preparation"):
        Preparation.objects.filter(pk=prepared.pk).update(compiled=prepared.compiled | {"subject": "Other"})
    delivery.refresh_from_db()

    sealed = as_sent.sealed(delivery, 1)

    assert not sealed.checks["content"]


def test_the_page_shows_seal_and_message_and_looking_counts_nothing(client, administrator):
    delivery = DeliveryFactory(recipients=1, finished=True)

    page = client.get(reverse("reporting:message", args=[delivery.pk, 1]))
    frame = client.get(reverse("reporting:frame", args=[delivery.pk, 1]))

    assert delivery.seal in page.content.decode()
    assert "As sealed" in page.content.decode()
    assert 'href="https://www.example.com/offers?from=mail"' in frame.content.decode()
    assert frame.headers["Content-Security-Policy"].startswith("sandbox")
    assert not Hit.objects.exists()


def test_a_draft_has_no_message_to_show():
    delivery = DeliveryFactory(recipients=1)

    assert as_sent.archive(delivery) is None
    assert as_sent.sealed(delivery, 1) is None
