"""Two people at once, late answers, second hand-overs that fail, and evidence: each message is settled once."""

import json
import threading
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.urls import reverse

from accounts.tests.factories import UserFactory
from campaign.lib import clock
from deliveries.ledger import books, recovery, resolutions
from deliveries.models import Delivery, Doubt, Message, MessageStatus, SentAgain
from deliveries.operations import doubts
from deliveries.operations.doubts import Decision
from deliveries.sending import control
from deliveries.sending.rows import Entry
from deliveries.tests.doubts import decide, in_doubt
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.ledger_rows import execute, expire_leases, statuses
from deliveries.tests.scripted_lanes import with_ledger
from deliveries.tests.sends import send
from deliveries.tick import look

pytestmark = pytest.mark.django_db(transaction=True)


# -- two at once, late answers, evidence ----------------------------------------------------------------


def test_of_two_people_one_decides_and_the_other_is_told_how_many_were_settled():
    delivery = in_doubt(recipients=4, handed=3)
    starter = person("start", delivery.unit)

    first = decide(delivery, Decision.COUNT_AS_SENT, [1, 2], by=starter)
    second = decide(delivery, Decision.SEND_AGAIN, [2, 3], by=starter)

    assert (first.done, first.settled_before) == (2, 0)
    assert (second.done, second.settled_before) == (1, 1)
    with pytest.raises(doubts.NothingInDoubt):
        decide(delivery, Decision.COUNT_AS_SENT, expected=3, by=starter)


def test_two_at_the_same_moment_settle_each_message_once():
    delivery = in_doubt(recipients=6, handed=6)
    starter = person("start", delivery.unit)
    done, barrier = [], threading.Barrier(2)

    def run(decision):
        barrier.wait()
        try:
            done.append(decide(delivery, decision, by=starter).done)
        except doubts.NothingInDoubt:
            done.append(0)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[d]) for d in (Decision.COUNT_AS_SENT, Decision.SEND_AGAIN)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(done) == [0, 6]
    assert books.imbalance(delivery) == {}


@pytest.mark.parametrize("status", [MessageStatus.SENT, MessageStatus.FAILED])
@pytest.mark.parametrize("later_try", [False, True])
def test_a_late_answer_of_the_old_hand_over_does_not_settle_what_is_sent_again(status, later_try):
    delivery = DeliveryFactory(sending=True, recipients=1)

    async def hand_over(ledger):
        hold = await ledger.claim()
        rows = (await ledger.exchange([hold], [], hand=hold, window=1)).rows
        if later_try:
            await ledger.exchange([hold], [Entry(rows[0], MessageStatus.RETRYING, retry_in=0.0)])
            await ledger.release([hold])
            rows = (await ledger.exchange([], [], later_tries=1)).rows
        return rows

    rows = with_ledger(delivery, hand_over)
    expire_leases(delivery)
    recovery.reclaim(delivery.pk)
    execute("UPDATE deliveries_doubt SET since = since - interval '1 hour'")
    decide(delivery, Decision.SEND_AGAIN)

    with_ledger(delivery, lambda ledger: ledger.exchange([], [Entry(rows[0], status)]))
    assert statuses(delivery) == ["RETRYING"]
    again = with_ledger(delivery, lambda ledger: ledger.exchange([], [], later_tries=1)).rows
    with_ledger(delivery, lambda ledger: ledger.exchange([], [Entry(rows[0], status)]))

    assert statuses(delivery) == ["RETRYING"]
    assert len(again) == 1
    assert again[0].token > rows[0].token


def test_what_was_to_be_sent_again_and_never_left_is_in_doubt_once_more():
    delivery = in_doubt()
    decide(delivery, Decision.SEND_AGAIN)
    delivery.refresh_from_db()

    control.stop(delivery=delivery, by=person("start", delivery.unit), at=clock.now())

    assert statuses(delivery) == ["IN_DOUBT", "IN_DOUBT", "SENT", "SENT"]
    assert Doubt.objects.filter(delivery=delivery).count() == 2
    assert books.imbalance(delivery) == {}


def test_a_relay_that_is_full_until_the_validity_ends_leaves_the_doubt(relay):
    delivery = in_doubt(recipients=1, handed=1)
    relay.refuse_everybody("451 4.2.0 Later")
    decide(delivery, Decision.SEND_AGAIN)
    send(delivery)
    assert statuses(delivery) == ["RETRYING"]

    with clock.shifted(timedelta(hours=delivery.validity_hours + 1)):
        look.tick()

    assert statuses(delivery) == ["IN_DOUBT"]
    assert books.imbalance(delivery) == {}


# -- a second hand-over that fails ------------------------------------------------------------------------


def failed_the_second_time(relay) -> Delivery:
    delivery = in_doubt(recipients=4, handed=1)
    relay.refuse(Message.objects.get(delivery=delivery, seq=1).address, "550 5.1.1 No such user")
    decide(delivery, Decision.SEND_AGAIN)
    send(delivery)
    return delivery


def test_a_second_hand_over_that_fails_leaves_it_said_that_the_first_may_have_arrived(relay, client):
    delivery = failed_the_second_time(relay)
    client.force_login(UserFactory(is_staff=True, roles={"start": delivery.unit, "export": delivery.unit}))
    says = "Sent again; outcome of the first unknown"

    def page(name, *args):
        return client.get(reverse(name, args=[delivery.pk, *args]))

    assert statuses(delivery) == ["FAILED", "SENT", "SENT", "SENT"]
    assert books.imbalance(delivery) == {}
    assert page("reporting:window", "sending").content.decode().count(says) == 1
    assert says in page("reporting:message", 1).content.decode()
    assert says not in page("reporting:message", 2).content.decode()
    header, first, *_rest = page("reporting:export", "sending").getvalue().decode().splitlines()
    assert "Outcome of the first unknown since" in header
    since = SentAgain.objects.get(delivery=delivery).since
    assert f"{since:%Y-%m-%d %H:%M:%S}" in first
    assert says in page("admin:deliveries_delivery_listing", "sending-log").content.decode()
    out = StringIO()
    call_command("show_delivery", delivery.name, as_json=True, stdout=out)
    assert json.loads(out.getvalue())["sent_again"] == {"number": 1, "failed": 1}


def test_evidence_that_the_first_arrived_forgets_that_it_was_to_be_sent_again():
    delivery = in_doubt(recipients=4, handed=1)
    decide(delivery, Decision.SEND_AGAIN)
    assert SentAgain.objects.filter(delivery=delivery).exists()

    resolutions.arrived(delivery_id=delivery.pk, seq=1, note="opened")

    assert not SentAgain.objects.filter(delivery=delivery).exists()
