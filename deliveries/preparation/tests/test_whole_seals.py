"""A seal is over the rows that it says: PostgreSQL refuses any other, and nothing leaves without its rows."""

import pytest
from django.db import IntegrityError

from campaign.lib import clock
from deliveries.lifecycle import seal
from deliveries.models import Delivery, Message, Preparation, PreparationStatus, Status
from deliveries.preparation import verbs as preparation
from deliveries.preparation.tests.staging_rows import started
from deliveries.sending import gate
from deliveries.tests.factories import DeliveryFactory, bring_to, person
from deliveries.tests.ledger_rows import execute
from deliveries.tests.schedules import at_a_new_time
from deliveries.tests.sends import send

pytestmark = pytest.mark.django_db


def seal_again(delivery: Delivery, *, at_once: bool, **said: int) -> None:
    """A second preparation that says what the first one says, but for what is `said`."""
    last = delivery.latest_preparation()
    counts = {name: getattr(last, name) for name in ("targeted", "excluded", "to_deliver")} | said
    manifest = last.manifest | {"targeted": counts["targeted"], "to_deliver": counts["to_deliver"]}
    sealed = {"seal": seal.fingerprint(manifest), "manifest": manifest, **counts}
    new = Preparation(
        delivery=delivery, number=2, status=PreparationStatus.STOPPED, started_at=clock.now(), kept_from=last,
        **(sealed if at_once else {}),
    )  # fmt: skip
    new.save()
    if not at_once:
        Preparation.objects.filter(pk=new.pk).update(**sealed)


both_ways = pytest.mark.parametrize("at_once", [True, False])


@both_ways
def test_what_is_there_can_be_sealed(prepared, at_once):
    seal_again(prepared, at_once=at_once)


@both_ways
@pytest.mark.parametrize(
    "falsify",
    [
        "DELETE FROM deliveries_message WHERE seq = 5",
        "DELETE FROM deliveries_message",
        "DELETE FROM deliveries_exclusion",
        "DELETE FROM deliveries_chunk WHERE number = 3",
        "DELETE FROM deliveries_chunk WHERE number = 2",
        "INSERT INTO deliveries_message (delivery_id, seq, profile_id, address, address_key, values)"
        " SELECT id, 6, 1, 'eve@example.com', 'eve@example.com', '{}' FROM deliveries_delivery",
        "INSERT INTO deliveries_message (delivery_id, seq, profile_id, address, address_key, values)"
        " SELECT id, 6, 1, 'eve@example.com', 'eve@example.com', '{}' FROM deliveries_delivery;"
        "DELETE FROM deliveries_message WHERE seq = 3",
    ],
)
def test_a_seal_over_other_rows_than_it_says_is_refused(prepared, falsify, at_once):
    execute(falsify)

    with pytest.raises(IntegrityError, match="can't be sealed"):
        seal_again(prepared, at_once=at_once)


@both_ways
@pytest.mark.parametrize(
    "said", [{"to_deliver": 4, "targeted": 5}, {"excluded": 0, "targeted": 5}, {"targeted": 7}]
)
def test_a_seal_that_says_other_numbers_than_there_are_rows_is_refused(prepared, said, at_once):
    with pytest.raises(IntegrityError, match="can't be sealed"):
        seal_again(prepared, at_once=at_once, **said)


def test_a_new_time_for_rows_that_are_gone_drops_it_to_editing(prepared):
    execute("DELETE FROM deliveries_message WHERE seq = 5")

    at_a_new_time(prepared)

    assert prepared.status == Status.DRAFT
    assert prepared.preparations.count() == 1


# -- before anything leaves -------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_chunk_whose_rows_are_gone_stops_the_send(relay):
    delivery = DeliveryFactory(scheduled=True, recipients=3)
    execute("DELETE FROM deliveries_message WHERE delivery_id = %s", delivery.pk)

    send(delivery)

    assert (delivery.status, relay.recipients()) == (Status.FAILED, [])


def test_what_was_sealed_without_a_ledger_is_not_sent(relay):
    """As an earlier version could do it: no rows, no chunks, and a seal over that."""
    delivery = DeliveryFactory(scheduled=True, recipients=3)
    for table in ("message", "chunk"):
        execute(f"DELETE FROM deliveries_{table} WHERE delivery_id = %s", delivery.pk)
    manifest = delivery.latest_preparation().manifest | {"chunks": None}
    execute("SET CONSTRAINTS ALL IMMEDIATE; ALTER TABLE deliveries_preparation DISABLE TRIGGER guard_seal")
    Preparation.objects.update(manifest=manifest, seal=seal.fingerprint(manifest))
    execute("UPDATE deliveries_confirmation SET seal = %s", seal.fingerprint(manifest))
    execute("ALTER TABLE deliveries_preparation ENABLE TRIGGER guard_seal")
    assert gate.begin(delivery.pk)

    assert gate.lane_config(delivery.pk) is None

    assert Delivery.objects.get(pk=delivery.pk).status == Status.FAILED


def test_a_delivery_that_is_stopped_and_prepared_again_is_whole():
    delivery = DeliveryFactory(recipients=5)
    by = person("prepare", delivery.unit)
    started(delivery)
    preparation.stop(delivery=delivery, by=by, at=clock.now())

    bring_to(delivery, "awaiting_approval", by=by)

    assert delivery.preparation.to_deliver == Message.objects.filter(delivery=delivery).count() == 5
