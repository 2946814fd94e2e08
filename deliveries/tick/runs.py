"""The runs of a series: made ahead of their moments, released or waited for, reminded of, expired.

The tick calls these functions; each looks again under a lock and may run twice, late, or at once with another. A
moment gets one row, in the transaction that makes its run.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction
from django.utils.translation import gettext_noop as n_

from accounts.rights import Right
from campaign.lib import clock, prepared
from deliveries import drafting, lifecycle, queues
from deliveries.lifecycle import Step, groups, log, notices
from deliveries.models import (
    Confirmation,
    Delivery,
    LogLine,
    NoticeKind,
    Occurrence,
    ScheduleKind,
    Series,
    Skipped,
    Status,
)
from deliveries.preparation import verbs as preparation
from deliveries.series import activation, eligibility

AT_ONE_TICK = 200  # moments; after a long standstill the next tick goes on


class Due(StrEnum):
    """What is due for a series or one of its runs."""

    ADVANCE = "advance"  # a moment whose run must be prepared now, or that passed while the series was paused
    SETTLE = (
        "settle"  # a run came to a new status or seal since anybody looked: to be released, or to be told of
    )
    REMIND = "remind"  # a run still waits shortly before it expires, and nobody was reminded
    EXPIRE = "expire"  # nobody confirmed a run in time
    COMPLETE = "complete"  # the rule has ended, and so have all runs


_DUE = """
    SELECT 'advance', s.delivery_id, 1 AS turn FROM deliveries_series s
    JOIN deliveries_delivery d ON d.id = s.delivery_id
    WHERE (d.status = 'active' AND s.wake_at <= %(at)s) OR (d.status = 'suspended' AND s.next_at <= %(at)s)
    UNION ALL
    SELECT 'settle', run.id, 2 FROM deliveries_occurrence o
    JOIN deliveries_delivery run ON run.id = o.execution_id
    JOIN deliveries_series s ON s.id = o.series_id
    JOIN deliveries_delivery d ON d.id = s.delivery_id
    LEFT JOIN deliveries_preparation p ON p.id = run.preparation_id
    WHERE run.status IN ('ready', 'awaiting_approval', 'preparation_failed')
        AND d.status IN ('active', 'suspended', 'finished')
        AND o.settled <> run.status || ' ' || coalesce(p.seal, '')
    UNION ALL
    SELECT 'remind', run.id, 3 FROM deliveries_occurrence o
    JOIN deliveries_delivery run ON run.id = o.execution_id
    JOIN deliveries_series s ON s.id = o.series_id
    WHERE o.reminded_at IS NULL AND run.status IN ('ready', 'awaiting_approval') AND run.expires_at > %(at)s
        AND run.expires_at - make_interval(mins => s.remind_minutes) <= %(at)s
    UNION ALL
    SELECT 'expire', run.id, 4 FROM deliveries_occurrence o
    JOIN deliveries_delivery run ON run.id = o.execution_id
    WHERE run.status IN ('ready', 'awaiting_approval', 'draft', 'preparation_failed') AND run.expires_at < %(at)s
    UNION ALL
    SELECT 'complete', d.id, 5 FROM deliveries_delivery d
    JOIN deliveries_series s ON s.delivery_id = d.id
    WHERE d.status = 'active' AND s.next_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM deliveries_delivery run
        WHERE run.execution_of_id = d.id AND run.status NOT IN ('finished', 'stopped', 'failed', 'expired')
    )
    ORDER BY 3, 2
"""


def due(at: datetime, *, is_calm: bool = False) -> list[tuple[Due, int]]:
    """Return what is due for series and runs, in the order in which it is handled, each with the delivery.

    `is_calm`: nothing was due a moment ago, so that a kept plan still fits the tables.
    """
    found = prepared.rows(_DUE, {"at": at}, keep=is_calm)
    return [(Due(due), delivery_id) for due, delivery_id, _turn in found]


def see_to(due: Due) -> Callable[[int], None]:
    """Do what is due; each function looks again under a lock."""
    steps: dict[Due, Callable[[int], None]] = {
        Due.ADVANCE: advance, Due.SETTLE: settle, Due.REMIND: remind, Due.EXPIRE: expire, Due.COMPLETE: complete,
    }  # fmt: skip
    return steps[due]


# -- moments --------------------------------------------------------------------------------------------


def advance(delivery_id: int) -> None:
    """Make a row for every moment that is due, and its run unless that is left out."""
    for _number in range(AT_ONE_TICK):
        if not _take_one(delivery_id):
            return


@transaction.atomic
def _take_one(delivery_id: int) -> bool:
    delivery = Delivery.objects.locked(delivery_id)
    series = Series.objects.select_for_update().get(delivery=delivery)
    series.delivery = delivery
    at = clock.now()
    moment = series.next_at
    if moment is None or delivery.status not in groups.ACTIVATED:
        return False
    if delivery.status == Status.SUSPENDED:
        if moment > at:
            return False
        _skip(series, moment, Skipped.PAUSED, at=at)
    elif series.wake_at is not None and series.wake_at > at:
        return False
    elif at > moment + timedelta(minutes=series.late_minutes):
        _skip(series, moment, Skipped.LATE, at=at)
    else:
        _make_run(series, moment, at=at)
    series.look_on_after(moment)
    series.save(update_fields=["next_at", "wake_at"])
    return True


def _skip(series: Series, moment: datetime, because: Skipped, *, at: datetime) -> None:
    Occurrence.objects.create(series=series, moment=moment, skipped=because)
    text = eligibility.ENGLISH[because]
    if because == Skipped.LATE:
        notices.tell(series.delivery, NoticeKind.SKIPPED, right=Right.START, at=at, text=text)
    log.write(series.delivery, at, n_("The run of %(moment)s is left out: %(why)s"), level=LogLine.Level.WARNING,
         moment=_shown(series, moment), why=text)  # fmt: skip


def _make_run(series: Series, moment: datetime, *, at: datetime) -> None:
    parent = series.delivery
    run = drafting.copy_of(
        parent,
        by=None,
        label=f"[{_shown(series, moment)}] {parent.label}"[:128],
        schedule_kind=ScheduleKind.AT_DATE,
        contact_date=moment,
        execution_of=parent,
        expires_at=max(moment, at) + timedelta(minutes=series.expires_minutes),
    )
    Occurrence.objects.create(series=series, moment=moment, execution=run)
    preparation.start_run(delivery=run, at=at)
    log.write(parent, at, n_("The run of %(moment)s is being prepared: %(run)s"),
         moment=_shown(series, moment), run=run.name)  # fmt: skip


def _shown(series: Series, moment: datetime) -> str:
    return f"{moment.astimezone(series.delivery.zone):%Y-%m-%d %H:%M}"


# -- runs that are prepared -----------------------------------------------------------------------------


@transaction.atomic
def settle(run_id: int) -> None:
    """Release a run within what was activated where nobody need be asked; else tell those who may decide."""
    run = Delivery.objects.locked(run_id)
    occurrence = Occurrence.objects.select_related("series__delivery__unit").get(execution=run)
    at = clock.now()
    if occurrence.settled == _as_it_stands(run):
        return
    if run.status == Status.PREPARATION_FAILED:
        _settle_failed(run, occurrence, at=at)
    elif run.status == Status.AWAITING_APPROVAL:
        _settle(run, occurrence)
        notices.tell(run, NoticeKind.WAITS, right=Right.APPROVE, at=at)
    elif run.status == Status.READY:
        _settle_ready(run, occurrence, at=at)


def _settle_ready(run: Delivery, occurrence: Occurrence, *, at: datetime) -> None:
    series = occurrence.series
    if not series.request_confirmation and series.delivery.status == Status.SUSPENDED:
        return  # once it goes on
    occurrence.outside = activation.outside(run, occurrence)
    _settle(run, occurrence)
    if series.request_confirmation or occurrence.outside or series.delivery.status != Status.ACTIVE:
        why = activation.in_words(occurrence.outside)
        notices.tell(run, NoticeKind.WAITS, right=Right.START, at=at, text=why)
        if occurrence.outside:
            log.write(run, at, n_("It waits for its confirmation, outside of what was activated: %(why)s"),
                 level=LogLine.Level.WARNING, why=why)  # fmt: skip
        return
    _release(run, at=at)


def _release(run: Delivery, *, at: datetime) -> None:
    """Schedule the run on the activation of its series, which the audit event names."""
    assert run.execution_of is not None
    given = activation.of(run.execution_of)
    assert given is not None
    prepared = run.latest_preparation()
    Confirmation.objects.create(
        delivery=run, preparation=prepared, seal=prepared.seal, by=given.by, at=at,
        to_deliver=prepared.to_deliver, on_activation=given,
    )  # fmt: skip
    lifecycle.move(
        run, Step.RELEASE_RUN, by=None, at=at, activation=given.pk, activated_by=given.by.username,
        series=run.execution_of_id, to_deliver=prepared.to_deliver,
    )  # fmt: skip
    log.write(run, at, n_("Released on the activation of %(series)s by %(by)s"),
         series=run.execution_of.name, by=str(given.by))  # fmt: skip
    queues.TICK.enqueue()


def _settle_failed(run: Delivery, occurrence: Occurrence, *, at: datetime) -> None:
    errors = run.latest_preparation().errors
    _settle(run, occurrence)
    if any(error["code"] == "empty_target" for error in errors):
        _end(run, occurrence, Skipped.NOBODY, at=at)
        return
    notices.tell(run, NoticeKind.FAILED, right=Right.PREPARE, at=at)


def _settle(run: Delivery, occurrence: Occurrence) -> None:
    occurrence.settled = _as_it_stands(run)
    occurrence.save(update_fields=["settled", "outside"])


def _as_it_stands(run: Delivery) -> str:
    return f"{run.status} {run.seal}"


# -- reminders, expiry, the end -------------------------------------------------------------------------


@transaction.atomic
def remind(run_id: int) -> None:
    """Remind those who may decide about the run, once."""
    run = Delivery.objects.locked(run_id)
    occurrence = Occurrence.objects.get(execution=run)
    if occurrence.reminded_at is not None or run.status not in groups.UNDECIDED:
        return
    at = clock.now()
    right = Right.START if run.status == Status.READY else Right.APPROVE
    notices.tell(run, NoticeKind.REMINDER, right=right, at=at)
    occurrence.reminded_at = at
    occurrence.save(update_fields=["reminded_at"])


@transaction.atomic
def expire(run_id: int) -> None:
    """Expire the run, and tell those who could have confirmed it."""
    run = Delivery.objects.locked(run_id)
    at = clock.now()
    if run.status not in groups.EDITABLE or run.expires_at is None or run.expires_at >= at:
        return
    occurrence = Occurrence.objects.get(execution=run)
    _end(run, occurrence, Skipped.UNCONFIRMED, at=at)
    notices.tell(run, NoticeKind.EXPIRED, right=Right.START, at=at)


def _end(run: Delivery, occurrence: Occurrence, because: Skipped, *, at: datetime) -> None:
    run.ended_at = at
    run.save(update_fields=["ended_at"])
    text = eligibility.ENGLISH[because]
    lifecycle.move(run, Step.EXPIRE, by=None, at=at, comment=text, skipped=because)
    occurrence.skipped = because
    occurrence.save(update_fields=["skipped"])


@transaction.atomic
def complete(delivery_id: int) -> None:
    """Finish the series."""
    delivery = Delivery.objects.locked(delivery_id)
    at = clock.now()
    if (Due.COMPLETE, delivery.pk) not in due(at):
        return
    delivery.ended_at = at
    delivery.save(update_fields=["ended_at"])
    lifecycle.move(delivery, Step.COMPLETE, by=None, at=at)
    notices.tell(delivery, NoticeKind.ENDED, right=Right.PREPARE, at=at)
