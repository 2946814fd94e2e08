"""Releasing what was prepared and approved, and changing one's mind: confirm, take back, pause, resume, stop."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from campaign.lib.refusals import Refusal
from deliveries import lifecycle, queues
from deliveries.lifecycle import Step
from deliveries.models import Cause, Confirmation, Delivery, LogLine, ScheduleKind, Status


class CountMistyped(Refusal):
    message = _("Type the number of messages, %(expected)s, to confirm a send of this size.")
    code = "count_mistyped"


class DatePassed(Refusal):
    message = _("The date of this delivery has passed. Choose a new one, or “at once”, and prepare it again.")
    code = "date_passed"


class AlreadyLeft(Refusal):
    message = _("The first message has left: the confirmation can't be taken back. Pause or stop the send.")
    code = "already_left"


@dataclass(frozen=True)
class Question:
    """What the second step shows before *OK*: everything that the confirmation will bind."""

    seal: str
    to_deliver: int
    targeted: int
    causes: list[tuple[str, int]]
    sender: str
    subject: str
    leaves_at: datetime | None  # None: at once
    zone: str
    warnings: list[dict[str, Any]]
    age: timedelta
    must_type: bool


def question(*, delivery: Delivery, by: User, at: datetime) -> Question:
    """What `by` must look at before saying OK; refused to whoever may not confirm."""
    lifecycle.check(delivery, Step.CONFIRM, by=by, seal=delivery.seal)
    preparation = delivery.latest_preparation()
    content = preparation.content
    assert content is not None
    return Question(
        seal=preparation.seal,
        to_deliver=preparation.to_deliver,
        targeted=preparation.targeted,
        causes=[(str(Cause(cause).label), number) for cause, number in preparation.causes.items()],
        sender=f"{content.from_name} <{content.from_address}>" if content.from_name else content.from_address,
        subject=content.subject,
        leaves_at=delivery.contact_date,
        zone=delivery.time_zone,
        warnings=preparation.warnings,
        age=at - (preparation.ended_at or preparation.started_at),
        must_type=must_type(preparation.to_deliver),
    )


def must_type(to_deliver: int) -> bool:
    return to_deliver > settings.SINETE["confirm_by_typing_above"]


@transaction.atomic
def confirm(
    *, delivery: Delivery, seal: str, by: User, at: datetime, typed: int | None = None
) -> Confirmation:
    """Release the preparation that `seal` names. Of two that race, one wins; the other is refused.

    `typed` is the number of messages as the person typed it; asked above a set size.
    """
    delivery = Delivery.objects.locked(delivery.pk)
    lifecycle.check(delivery, Step.CONFIRM, by=by, seal=seal)
    preparation = delivery.latest_preparation()
    if must_type(preparation.to_deliver) and typed != preparation.to_deliver:
        raise CountMistyped(expected=preparation.to_deliver)
    if delivery.schedule_kind == ScheduleKind.AT_DATE and delivery.contact_date and delivery.contact_date < at:
        raise DatePassed()
    confirmation = Confirmation.objects.create(
        delivery=delivery, preparation=preparation, seal=seal, by=by, at=at, to_deliver=preparation.to_deliver
    )
    lifecycle.move(delivery, Step.CONFIRM, by=by, at=at, seal=seal, to_deliver=preparation.to_deliver)
    _log(delivery, at, "Confirmed by %(by)s", by=str(by))
    queues.TICK.enqueue()
    return confirmation


@transaction.atomic
def take_back(*, delivery: Delivery, by: User, at: datetime) -> Delivery:
    """Back to Ready, as long as no message has been handed over."""
    delivery = Delivery.objects.locked(delivery.pk)
    if delivery.status == Status.SENDING:
        raise AlreadyLeft()
    lifecycle.check(delivery, Step.TAKE_BACK, by=by)
    confirmation = delivery.confirmations.get(taken_back_at=None)
    lifecycle.move(delivery, Step.TAKE_BACK, by=by, at=at)
    confirmation.taken_back_at, confirmation.taken_back_by = at, by
    confirmation.save(update_fields=["taken_back_at", "taken_back_by"])
    _log(delivery, at, "Confirmation taken back by %(by)s", by=str(by))
    return delivery


@transaction.atomic
def pause(*, delivery: Delivery, by: User, at: datetime) -> Delivery:
    """No window is handed over any more; what was handed over before comes to its end."""
    delivery = Delivery.objects.locked(delivery.pk)
    lifecycle.move(delivery, Step.PAUSE, by=by, at=at)
    _log(delivery, at, "Paused by %(by)s", by=str(by))
    return delivery


@transaction.atomic
def resume(*, delivery: Delivery, by: User, at: datetime) -> Delivery:
    """The send goes on from the exact row where it paused."""
    delivery = Delivery.objects.locked(delivery.pk)
    lifecycle.move(delivery, Step.RESUME, by=by, at=at)
    _log(delivery, at, "Resumed by %(by)s", by=str(by))
    queues.TICK.enqueue()
    return delivery


@dataclass(frozen=True)
class Stopped:
    """The receipt of a stop: how many had been handed over, how many never will be."""

    left: int
    cancelled: int


@transaction.atomic
def stop(*, delivery: Delivery, by: User, at: datetime) -> Stopped:
    """Nothing more leaves, for good: rows that were not handed over are cancelled."""
    delivery = Delivery.objects.locked(delivery.pk)
    lifecycle.move(delivery, Step.STOP, by=by, at=at)
    cancelled = _cancel_rest(delivery.pk, at)
    left = delivery.latest_preparation().to_deliver - cancelled
    delivery.ended_at = at
    delivery.save(update_fields=["ended_at"])
    _log(delivery, at, "Stopped by %(by)s: %(left)s had been handed over, %(cancelled)s never will be",
         by=str(by), left=left, cancelled=cancelled)  # fmt: skip
    return Stopped(left=left, cancelled=cancelled)


def before_stopping(delivery: Delivery) -> Stopped:
    """What a stop would leave behind right now, read from the chunks; the dialog's numbers."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(handed_upto - seq_from + 1 - retrying), 0),"
            " coalesce(sum(seq_to - handed_upto + retrying), 0)"
            " FROM deliveries_chunk WHERE delivery_id = %s",
            [delivery.pk],
        )
        left, never = cursor.fetchone()
    return Stopped(left=left, cancelled=never)


def _cancel_rest(delivery_id: int, at: datetime) -> int:
    """Cancel rows above each chunk's mark and later tries not in anybody's hands. Chunks are locked first."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH locked AS MATERIALIZED (
                SELECT number, seq_to, handed_upto FROM deliveries_chunk
                WHERE delivery_id = %(delivery)s ORDER BY number FOR UPDATE
            ), tries AS (
                DELETE FROM deliveries_try t USING locked c
                WHERE t.delivery_id = %(delivery)s AND NOT t.handed RETURNING t.seq
            ), rows AS (
                UPDATE deliveries_message m SET status = 6, at = %(at)s
                FROM locked c
                WHERE m.delivery_id = %(delivery)s AND m.seq > c.handed_upto AND m.seq <= c.seq_to
                  AND m.status IN (0, 3)
                RETURNING m.seq
            ), retried AS (
                UPDATE deliveries_message m SET status = 6, at = %(at)s
                FROM tries t WHERE m.delivery_id = %(delivery)s AND m.seq = t.seq AND m.status = 3
                RETURNING m.seq
            ), counted AS (
                SELECT c.number,
                       count(r.seq) AS fresh,
                       count(q.seq) AS later
                FROM deliveries_chunk c
                LEFT JOIN LATERAL (SELECT seq FROM rows WHERE seq BETWEEN c.seq_from AND c.seq_to) r ON true
                LEFT JOIN LATERAL (SELECT NULL::int AS seq WHERE false) q ON true
                WHERE c.delivery_id = %(delivery)s GROUP BY c.number
            )
            SELECT (SELECT count(*) FROM rows), (SELECT count(*) FROM retried)
            """,
            {"delivery": delivery_id, "at": at},
        )
        return sum(cursor.fetchone())


def _log(delivery: Delivery, at: datetime, text: str, **slots: Any) -> None:
    LogLine.objects.create(delivery=delivery, preparation=delivery.preparation, at=at, text=text, slots=slots)
