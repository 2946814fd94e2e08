"""The list of unknown outcomes in the Deployment window, its second step, and the callout that leads there."""

import csv
import io
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditEvent
from accounts.tests.factories import UserFactory
from campaign.lib import clock
from campaign.stack.module_db import once
from deliveries.models import Doubt, Message, MessageStatus, Try
from deliveries.tests.ledger_rows import no_trigger
from reporting.tests.factories import delivery_with

pytestmark = pytest.mark.django_db


@pytest.fixture
def starter(client, unit):
    user = UserFactory(roles={"start": unit.parent, "export": unit.parent})
    client.force_login(user)
    return user


def settled_long_ago(**numbers):
    delivery = delivery_with(**numbers)
    Doubt.objects.filter(delivery=delivery).update(since=clock.now() - timedelta(hours=1))
    return delivery


@once
def of_one():
    return settled_long_ago(in_doubt=1)


@once
def of_three():
    return settled_long_ago(in_doubt=3)


def page(client, delivery, tab="unknown", **query):
    return client.get(reverse("reporting:window", args=[delivery.pk, tab]), query)


def decide(client, delivery, **posted):
    return client.post(reverse("reporting:decide", args=[delivery.pk]), posted, follow=True)


def text(response):
    return " ".join(response.content.decode().split())


def number(delivery, status):
    return Message.objects.filter(delivery=delivery, status=status).count()


def test_the_block_calls_for_a_decision_until_none_is_left(client, starter):
    delivery = settled_long_ago(sent=1, in_doubt=2)
    block = reverse("reporting:block", args=[delivery.pk])

    before = text(client.get(block))
    decide(client, delivery, decision="count_as_sent", which="all", reason="Seen in the relay's log")
    after = text(client.get(block))

    assert "2 messages with unknown outcome: decide" in before
    assert "Finished, 2 unknown" in before
    assert reverse("reporting:window", args=[delivery.pk, "unknown"]) in before
    assert "unknown outcome: decide" not in after
    assert ">Finished<" in after


def test_the_tab_lists_them_with_address_and_note(client, starter):
    delivery = settled_long_ago(sent=1, in_doubt=2)
    Doubt.objects.filter(delivery=delivery, seq=2).update(note="Asked the postmaster")

    shown = text(page(client, delivery))
    noted = page(client, delivery, noted="yes").context["page"].rows

    for row in Message.objects.filter(delivery=delivery, status=MessageStatus.IN_DOUBT):
        assert row.address in shown
    assert [row.seq for row in noted] == [2]
    assert "Finished, 2 unknown" in shown


def test_the_tab_asks_the_database_the_same_for_one_row_and_for_many(client, starter):
    few, many = settled_long_ago(in_doubt=1), settled_long_ago(in_doubt=25)
    page(client, few)

    counted = []
    for delivery in (few, many):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page(client, delivery)
        counted.append(len(queries))

    assert counted[0] == counted[1]


def test_the_second_step_says_how_many_may_get_it_twice(client, starter, of_three):
    step = reverse("reporting:decide", args=[of_three.pk])

    asked = text(client.get(step, {"decision": "send_again", "which": "chosen", "seq": [1, 3]}))

    assert "people may get it twice" in asked
    assert asked.count('name="seq"') == 2
    assert number(of_three, MessageStatus.IN_DOUBT) == 3


def test_the_ticked_ones_are_sent_again(client, starter, of_three):
    said = text(
        decide(client, of_three, decision="send_again", which="chosen", seq=[1, 3], reason="Lost", expected=2)
    )

    assert "2 messages are sent again." in said
    assert set(Try.objects.filter(delivery=of_three).values_list("seq", flat=True)) == {1, 3}
    of_three.refresh_from_db()
    assert of_three.status == "sending"


def test_who_comes_second_is_told(client, starter, of_three):
    decide(client, of_three, decision="count_as_sent", which="chosen", seq=[1], reason="Seen")

    some = text(
        decide(
            client, of_three, decision="count_as_sent", which="chosen", seq=[1, 2], reason="Seen", expected=2
        )
    )
    none = text(
        decide(
            client, of_three, decision="count_as_sent", which="chosen", seq=[1, 2], reason="Seen", expected=2
        )
    )

    assert "1 message counts as sent." in some
    assert "1 of what you chose was settled before" in some
    assert "settled meanwhile" in none


def test_a_decision_without_a_reason_changes_nothing_and_is_recorded(client, starter, of_one):
    said = text(decide(client, of_one, decision="count_as_sent", which="all", reason=" "))

    assert "Say why" in said
    assert number(of_one, MessageStatus.IN_DOUBT) == 1
    assert AuditEvent.objects.filter(actor=starter, refused=True, action="decide_unknown").exists()


@pytest.mark.parametrize(("role", "status"), [("prepare", 403), ("approve", 403)])
def test_who_may_not_start_sees_the_list_and_decides_nothing(client, unit, role, status, of_one):
    client.force_login(UserFactory(roles={role: of_one.unit}))

    shown = text(page(client, of_one))
    answer = decide(client, of_one, decision="count_as_sent", which="all", reason="Because")

    assert 'name="decision"' not in shown
    assert answer.status_code == status
    assert number(of_one, MessageStatus.IN_DOUBT) == 1


def test_a_stranger_finds_nothing(client, of_one):
    client.force_login(UserFactory())

    assert page(client, of_one).status_code == 404
    assert decide(client, of_one, decision="hold", which="all", reason="x").status_code == 404


@pytest.mark.parametrize("query", [{}, {"decision": "burn"}, {"decision": "hold", "which": "some"}])
def test_a_made_up_decision_has_no_page(client, starter, query, of_one):
    assert client.get(reverse("reporting:decide", args=[of_one.pk]), query).status_code == 404


def test_the_list_is_exported(client, starter):
    delivery = settled_long_ago(in_doubt=2)

    response = client.get(reverse("reporting:export", args=[delivery.pk, "unknown"]))

    rows = list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode().lstrip("\ufeff"))))
    assert rows[0] == ["Number", "Address", "Since", "Tries", "Note"]
    assert len(rows) == 3


def test_the_books_are_reconciled_on_the_page(client, starter):
    delivery = settled_long_ago(sent=2, in_doubt=1)
    with no_trigger("keep_tallies"):
        Message.objects.filter(delivery=delivery, seq=1).update(status=MessageStatus.FAILED)
    path = reverse("reporting:reconcile", args=[delivery.pk])

    off = text(client.get(path))
    with no_trigger("keep_tallies"):
        Message.objects.filter(delivery=delivery, seq=1).update(status=MessageStatus.SENT)
    balanced = text(client.get(path))

    assert "Tallies of chunks against their rows" in off
    assert "The books don't balance" in off
    assert "The books balance" in balanced
    assert path in text(page(client, delivery))


def test_a_large_delivery_names_the_command(client, starter, monkeypatch):
    delivery = settled_long_ago(sent=2)
    monkeypatch.setattr("reporting.views.deployment.RECONCILED_HERE", 1)

    shown = text(client.get(reverse("reporting:reconcile", args=[delivery.pk])))

    assert f"manage.py reconcile {delivery.name}" in shown
