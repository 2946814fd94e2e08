"""Deliveries with outcomes of every kind, written into the ledger as a send would have left them."""

from datetime import timedelta
from typing import Any

from django.db import connection

from accounts.models import OrganizationalUnit
from campaign.lib import clock
from deliveries.ledger import recounting
from deliveries.models import Delivery, Doubt, Message, MessageStatus, Nature, Reason, Try
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.ledger_rows import no_trigger
from feedback.models import HitKind
from feedback.tests.factories import hit
from reporting.counting import statistics

FAILURE = {
    "code": 550,
    "nature": Nature.HARD,
    "reason": Reason.USER_UNKNOWN,
    "reply": "5.1.1 <nobody@example.com>: no such user here",
}
TALLY = {
    MessageStatus.SENT: "sent",
    MessageStatus.FAILED: "failed",
    MessageStatus.RETRYING: "retrying",
    MessageStatus.IN_DOUBT: "in_doubt",
    MessageStatus.IGNORED: "ignored",
    MessageStatus.CANCELLED: "cancelled",
    MessageStatus.BOUNCED: "bounced",
}


def delivery_with(
    *,
    sending: bool = False,
    recipients: int | None = None,
    unit: OrganizationalUnit | None = None,
    **numbers: int,
) -> Delivery:
    """A delivery of which so many messages were `sent`, `failed`, `retrying`, `in_doubt`, `ignored`, `cancelled`.

    It is finished, or still `sending`; the rest of its recipients are not attempted yet.
    """
    of_each = {status: numbers.get(name, 0) for status, name in TALLY.items()}
    total = recipients or sum(of_each.values())
    stage: dict[str, Any] = {"sending": True} if sending else {"finished": True}
    stage |= {"unit": unit} if unit is not None else {}
    delivery = DeliveryFactory(recipients=total, **stage)
    seqs = iter(range(1, total + 1))
    with no_trigger("keep_tallies"):  # whatever they were before
        for status, number in of_each.items():
            _come_to(delivery, [next(seqs) for _ in range(number)], status)
    recounting.recount(delivery.pk)
    if not sending:
        assert total == sum(of_each.values()), "a finished delivery has an outcome for each message"
    return delivery


def old_delivery(**numbers: int) -> Delivery:
    """Such a delivery that ended 100 days ago: its first recipient opened it, and the second clicked twice.

    Without numbers it has seven recipients: four are sent, two failed, and of one it is unknown.
    """
    delivery = delivery_with(**(numbers or {"sent": 4, "failed": 2, "in_doubt": 1}))
    for kind, seq in [(HitKind.OPEN, 1), (HitKind.CLICK, 2), (HitKind.CLICK, 2)]:
        hit(delivery, kind, seq, link=0 if kind == HitKind.CLICK else None)
    statistics.count_hourly()
    Delivery.objects.filter(pk=delivery.pk).update(ended_at=clock.now() - timedelta(days=100))
    return Delivery.objects.get(pk=delivery.pk)


def outcome(delivery: Delivery, seq: int, status: MessageStatus) -> None:
    """The row has the outcome, with the small row beside it that belongs to it."""
    with no_trigger("keep_tallies"):  # whatever it was before
        _come_to(delivery, [seq], status)
    recounting.recount(delivery.pk)


def _come_to(delivery: Delivery, seqs: list[int], status: MessageStatus) -> None:
    if not seqs:
        return
    at = clock.now()
    more: dict[str, Any] = FAILURE if status in {MessageStatus.FAILED, MessageStatus.RETRYING} else {}
    Message.objects.filter(delivery=delivery, seq__in=seqs).update(
        status=status,
        at=at,
        tries=1,
        **({"code": 250, "nature": "", "reason": "", "reply": "2.0.0 Ok"} | more),
    )
    if status == MessageStatus.RETRYING:
        Try.objects.bulk_create([Try(delivery=delivery, seq=seq, due_at=at, tries=1) for seq in seqs])
    if status == MessageStatus.IN_DOUBT:
        Doubt.objects.bulk_create([Doubt(delivery=delivery, seq=seq, since=at, token=1) for seq in seqs])


def falsify(delivery: Delivery, **wrong: int) -> None:
    """A chunk's tallies say something else than its rows."""
    columns = ", ".join(f"{name} = %s" for name in wrong)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE deliveries_chunk SET {columns} WHERE delivery_id = %s AND number = 1",
            [*wrong.values(), delivery.pk],
        )
