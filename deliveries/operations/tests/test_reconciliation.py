"""The independent counts: they agree after a real send, also during one, and name what was falsified."""

import asyncio
import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from campaign.lib import clock
from deliveries import jobs
from deliveries.models import Delivery, Message
from deliveries.operations import doubts, reconciliation
from deliveries.operations.doubts import Decision
from deliveries.sending import control
from deliveries.tests.doubts import in_doubt
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.ledger_rows import execute, no_trigger, statuses
from deliveries.tests.reconciled import found
from deliveries.tests.scripted_lanes import ScriptedPool, run_lane
from deliveries.tests.sends import send
from deliveries.tick import look as scheduling

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def small_chunks(settings):
    settings.SINETE = settings.SINETE | {"chunk_rows": 2}


def finished(relay, recipients=5) -> Delivery:
    delivery = DeliveryFactory(scheduled=True, recipients=recipients)
    send(delivery)
    assert delivery.status == "finished"
    return delivery


@pytest.mark.parametrize("stage", ["ready", "scheduled", "sending", "paused", "stopped", "finished"])
def test_the_books_balance_at_each_stage(stage):
    assert found(DeliveryFactory(**{stage: True})) == {}


def test_the_books_balance_after_every_kind_of_outcome(relay, small_chunks):
    delivery = DeliveryFactory(scheduled=True, recipients=6)
    addresses = list(
        Message.objects.filter(delivery=delivery).order_by("seq").values_list("address", flat=True)
    )
    relay.refuse(addresses[0], "550 5.1.1 No such user")
    relay.refuse(addresses[1], "451 4.2.0 Later")
    send(delivery)
    assert set(statuses(delivery)) == {"FAILED", "RETRYING", "SENT"}
    assert found(delivery) == {}

    control.stop(delivery=delivery, by=person("start", delivery.unit), at=clock.now())

    assert "CANCELLED" in statuses(delivery)
    assert found(delivery) == {}


def test_the_books_balance_whatever_is_decided_about_doubts(relay):
    delivery = in_doubt(recipients=4, handed=3)
    starter = person("start", delivery.unit)
    assert found(delivery) == {}

    for decision, seqs in ((Decision.COUNT_AS_SENT, [1]), (Decision.SEND_AGAIN, [2])):
        doubts.decide(
            delivery=delivery, decision=decision, by=starter, at=clock.now(), reason="Because", seqs=seqs
        )
        assert found(delivery) == {}
    send(delivery)

    assert statuses(delivery) == ["SENT", "SENT", "IN_DOUBT", "SENT"]
    assert found(delivery) == {}


def test_a_send_under_way_raises_no_false_alarm(small_chunks):
    delivery = DeliveryFactory(sending=True, recipients=12)
    looks = []

    async def look_each_time(pool):
        await asyncio.to_thread(look)
        return pool.take(2)

    def look():
        looks.append(found(delivery))
        connection.close()

    run_lane(delivery, ScriptedPool(look_each_time))

    assert len(looks) > 3
    assert looks == [{}] * len(looks)


@pytest.mark.parametrize(
    ("falsify", "check", "where"),
    [
        ("UPDATE deliveries_chunk SET sent = sent - 1, failed = failed + 1 WHERE number = 2", "tallies", ([], [2])),
        ("UPDATE deliveries_message SET status = 2, tries = 1 WHERE seq = 3", "tallies", ([], [2])),
        ("UPDATE deliveries_message SET status = 3 WHERE seq = 4", "tries", ([4], [])),
        ("INSERT INTO deliveries_doubt (delivery_id, seq, since, token, tries) SELECT delivery_id, 5, now(), 1, 0"
         " FROM deliveries_chunk WHERE number = 1", "doubts", ([5], [])),
        ("DELETE FROM deliveries_message WHERE seq = 2", "sequence", ([3], [])),
        ("DELETE FROM deliveries_chunk WHERE number = 2", "ranges", ([], [3])),
        ("DELETE FROM deliveries_message WHERE seq = 5", "sealed", ([], [])),
        ("UPDATE deliveries_chunk SET handed_upto = seq_from WHERE number = 2", "marks", ([4], [])),
        ("UPDATE deliveries_message SET address = 'eve@example.com' WHERE seq = 3", "digests", ([], [2])),
        ("UPDATE deliveries_chunk SET digest = '\\x00' WHERE number = 3", "seal", ([], [])),
        ("UPDATE deliveries_chunk SET lease_until = now() WHERE number = 1", "open", ([], [1])),
        ("UPDATE deliveries_confirmation SET to_deliver = 9", "confirmed", ([], [])),
        ("INSERT INTO deliveries_exclusion (delivery_id, preparation_id, profile_id, address, cause)"
         " SELECT d.id, d.preparation_id, 1, '', 'opted_out' FROM deliveries_delivery d", "exclusions", ([], [])),
    ],
)  # fmt: skip
def test_what_is_falsified_is_named(falsify, check, where, relay, small_chunks):
    delivery = finished(relay)
    with (
        no_trigger("sealed_columns"), no_trigger("sealed_columns", "chunk"), no_trigger("keep_tallies"),
    ):  # fmt: skip
        execute(falsify)

    assert found(delivery)[check] == where


def test_nothing_is_written_by_it():
    delivery = DeliveryFactory(finished=True)
    before = Delivery.objects.get(pk=delivery.pk).changed_at

    with reconciliation._one_snapshot(), pytest.raises(Exception, match="read-only"):
        execute("UPDATE deliveries_chunk SET sent = 0")

    assert Delivery.objects.get(pk=delivery.pk).changed_at == before


def run(*arguments):
    out, code = StringIO(), 0
    try:
        call_command("reconcile", *map(str, arguments), "--json", stdout=out)
    except CommandError as error:
        code = error.returncode
    return code, json.loads(out.getvalue().splitlines()[-1])


def test_the_command_looks_at_all_that_were_released(relay):
    good, bad = finished(relay, 2), finished(relay, 2)
    draft = DeliveryFactory()
    assert run() == (0, {"balanced": True, "deliveries": run()[1]["deliveries"]})
    execute("UPDATE deliveries_chunk SET sent = 1, failed = 1 WHERE delivery_id = %s", bad.pk)

    code, answer = run()

    assert code == 1
    assert {one["delivery"]: one["balanced"] for one in answer["deliveries"]} == {
        good.name: True,
        bad.name: False,
    }
    assert run(good.name)[0] == 0
    assert run(draft.name)[0] == 2
    assert run("DM999999")[0] == 2


def test_the_command_says_in_words_what_is_off(relay):
    delivery = finished(relay, 2)
    execute("UPDATE deliveries_chunk SET sent = 1, failed = 1 WHERE delivery_id = %s", delivery.pk)
    out = StringIO()

    with pytest.raises(CommandError):
        call_command("reconcile", stdout=out)

    assert (
        "Tallies of chunks against their rows: {'failed': 1, 'sent': 1} instead of {'failed': 0, 'sent': 2}; chunks 1"
        in out.getvalue()
    )


def test_the_tick_and_a_second_look_change_nothing(relay):
    delivery = finished(relay, 2)

    scheduling.tick()
    jobs.drain(delivery_id=delivery.pk)

    assert found(delivery) == {}
