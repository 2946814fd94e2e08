"""Signed evidence settles an unknown outcome by itself; nothing else does."""

from datetime import timedelta

import pytest

from accounts.models import AuditEvent
from campaign.lib import clock
from campaign.lib.tokens import Purpose, Signer
from campaign.stack.module_db import once
from deliveries.ledger import books
from deliveries.models import Doubt, Message, MessageStatus, SentAgain, Try
from deliveries.operations import doubts
from deliveries.operations.doubts import Decision
from deliveries.tests.factories import person
from feedback.tests.factories import CHROME, PromptReader, link
from reporting.tests.factories import delivery_with

pytestmark = pytest.mark.django_db


@once
def one_sent_two_failed():
    return delivery_with(sent=1, failed=2)


@pytest.fixture
def reader():
    return PromptReader(headers={"user-agent": CHROME})


@once
def delivery():
    return delivery_with(sent=1, in_doubt=2)  # rows 2 and 3


def status(delivery, seq):
    return MessageStatus(Message.objects.get(delivery=delivery, seq=seq).status).name


def follow(reader, delivery, kind, seq):
    if kind == "u":
        return reader.post(link(delivery, "u", seq=seq), {"List-Unsubscribe": "One-Click"})
    return reader.get(link(delivery, kind, seq=seq))


@pytest.mark.parametrize("kind", ["o", "c", "m", "u"])
def test_a_signed_hit_settles_its_message_and_no_other(reader, delivery, kind):
    assert follow(reader, delivery, kind, 2).status_code < 400

    assert status(delivery, 2) == "SENT"
    assert status(delivery, 3) == "IN_DOUBT"
    assert books.imbalance(delivery) == {}


@pytest.mark.parametrize("kind", ["o", "c", "m", "u"])
def test_what_is_not_signed_by_us_settles_nothing(reader, delivery, kind):
    path = link(delivery, kind, seq=2)
    forged = (
        path[:-8] + ("A" if path[-8] != "A" else "B") + path[-7:]
        if kind != "o"
        else path[:-12] + "AAAAAAAA.gif"
    )

    for address in (forged, f"/{kind}/{delivery.key}-2", f"/{kind}/"):
        reader.get(address)
        reader.post(address, {"List-Unsubscribe": "One-Click"})

    assert [status(delivery, seq) for seq in (2, 3)] == ["IN_DOUBT", "IN_DOUBT"]
    assert Doubt.objects.filter(delivery=delivery).count() == 2


def test_what_another_key_signed_settles_nothing(reader, delivery):
    reader.get(
        f"/o/{Signer({1: b'the key of some other house.....'}, 1).sign(Purpose.OPEN, delivery.key, 2)}.gif"
    )

    assert status(delivery, 2) == "IN_DOUBT"


def test_an_open_keeps_at_home_what_was_to_be_sent_again(reader, delivery):
    Doubt.objects.filter(delivery=delivery).update(since=clock.now() - timedelta(hours=1))
    doubts.decide(
        delivery=delivery, decision=Decision.SEND_AGAIN, by=person("start", delivery.unit), at=clock.now(),
        reason="Lost", seqs=None,
    )  # fmt: skip

    reader.get(link(delivery, "o", seq=2))

    assert (status(delivery, 2), status(delivery, 3)) == ("SENT", "RETRYING")
    assert list(Try.objects.filter(delivery=delivery).values_list("seq", flat=True)) == [3]
    assert books.imbalance(delivery) == {}


@pytest.mark.parametrize("kind", ["o", "c", "m", "u"])
def test_a_hit_settles_what_was_sent_again_and_failed(reader, kind, one_sent_two_failed):
    SentAgain.objects.create(delivery=one_sent_two_failed, seq=2, since=clock.now())

    follow(reader, one_sent_two_failed, kind, 2)
    follow(reader, one_sent_two_failed, kind, 3)

    assert (status(one_sent_two_failed, 2), status(one_sent_two_failed, 3)) == ("SENT", "FAILED")
    assert books.imbalance(one_sent_two_failed) == {}


@pytest.mark.parametrize("state", ["failed", "retrying", "ignored", "cancelled"])
def test_a_hit_changes_nothing_about_one_that_was_never_in_doubt(reader, state):
    delivery = delivery_with(sending=True, recipients=2, **{state: 1})

    reader.get(link(delivery, "o", seq=1))

    assert status(delivery, 1) == state.upper()
    assert not AuditEvent.objects.filter(action="known_to_have_arrived").exists()


def test_what_evidence_settles_stands_in_the_audit_trail(reader, delivery):
    reader.get(link(delivery, "o", seq=2))

    event = AuditEvent.objects.get(action="known_to_have_arrived")
    assert (event.actor, event.detail["row"], event.detail["was"]) == (None, 2, "in_doubt")
