"""The runs of a series: made ahead of their moments, released or waited for, reminded of, expired.

The tick calls what stands here; each function looks again under a lock and may run twice, late, or at once
with another. A moment gets one row, in the transaction that makes its run.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import (
    DateTimeField,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    OuterRef,
    Q,
    Value,
)
from django.db.models.functions import Concat
from django.utils.translation import gettext_noop as n_

from accounts.rights import Right
from campaign.lib import clock
from deliveries import activation, drafting, lifecycle, notices, preparation, queues, turning
from deliveries.lifecycle import Step
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

AT_ONE_TICK = 200  # moments; after a long standstill the next tick goes on
WAITING = (Status.READY, Status.AWAITING_APPROVAL)
UNDECIDED = (*WAITING, Status.DRAFT, Status.PREPARATION_FAILED)


# -- moments --------------------------------------------------------------------------------------------


def due(at: datetime) -> list[int]:
    """Series with a moment whose run must be prepared now, or that passed while they were paused."""
    rows = Series.objects.filter(
        Q(delivery__status=Status.ACTIVE, wake_at__lte=at)
        | Q(delivery__status=Status.SUSPENDED, next_at__lte=at)
    )
    return list(rows.order_by("pk").values_list("delivery_id", flat=True))


def advance(delivery_id: int) -> None:
    """Every moment that is due gets its row, and its run unless it is left out."""
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
    if moment is None or delivery.status not in {Status.ACTIVE, Status.SUSPENDED}:
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
    text = turning.ENGLISH[because]
    if because == Skipped.LATE:
        notices.tell(series.delivery, NoticeKind.SKIPPED, right=Right.START, at=at, text=text)
    _log(series.delivery, at, n_("The run of %(moment)s is left out: %(why)s"), level=LogLine.Level.WARNING,
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
    _log(parent, at, n_("The run of %(moment)s is being prepared: %(run)s"),
         moment=_shown(series, moment), run=run.name)  # fmt: skip


def _shown(series: Series, moment: datetime) -> str:
    return f"{moment.astimezone(series.delivery.zone):%Y-%m-%d %H:%M}"


# -- runs that are prepared -----------------------------------------------------------------------------


def unsettled(at: datetime) -> list[int]:
    """Runs that came to a new status or seal since anybody looked: to be released, or to be told of."""
    now = Concat("execution__status", Value(" "), "execution__preparation__seal")
    rows = Occurrence.objects.filter(
        execution__status__in=[*WAITING, Status.PREPARATION_FAILED],
        series__delivery__status__in=[Status.ACTIVE, Status.SUSPENDED, Status.FINISHED],
    )
    return list(rows.exclude(settled=now).order_by("pk").values_list("execution_id", flat=True))


@transaction.atomic
def settle(run_id: int) -> None:
    """Inside of what was activated and with nobody to be asked, it is released; else the right people are told."""
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
            _log(run, at, n_("It waits for its confirmation, outside of what was activated: %(why)s"),
                 level=LogLine.Level.WARNING, why=why)  # fmt: skip
        return
    _release(run, at=at)


def _release(run: Delivery, *, at: datetime) -> None:
    """Scheduled on the activation of its series, which its audit event names."""
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
    _log(run, at, n_("Released on the activation of %(series)s by %(by)s"),
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


def to_remind(at: datetime) -> list[int]:
    """Runs that still wait shortly before they expire, and of which nobody was reminded."""
    before = Func(
        F("series__remind_minutes"),
        template="make_interval(mins => %(expressions)s)",
        output_field=DurationField(),
    )
    reminds = ExpressionWrapper(F("execution__expires_at") - before, output_field=DateTimeField())
    rows = Occurrence.objects.filter(
        reminded_at=None, execution__status__in=WAITING, execution__expires_at__gt=at
    )
    return list(
        rows.annotate(reminds=reminds)
        .filter(reminds__lte=at)
        .order_by("pk")
        .values_list("execution_id", flat=True)
    )


@transaction.atomic
def remind(run_id: int) -> None:
    """Whoever may decide about the run is told once more."""
    run = Delivery.objects.locked(run_id)
    occurrence = Occurrence.objects.get(execution=run)
    if occurrence.reminded_at is not None or run.status not in WAITING:
        return
    at = clock.now()
    right = Right.START if run.status == Status.READY else Right.APPROVE
    notices.tell(run, NoticeKind.REMINDER, right=right, at=at)
    occurrence.reminded_at = at
    occurrence.save(update_fields=["reminded_at"])


def overdue(at: datetime) -> list[int]:
    """Runs that nobody confirmed in time."""
    rows = Delivery.objects.filter(status__in=UNDECIDED, expires_at__lt=at, execution_of__isnull=False)
    return list(rows.order_by("pk").values_list("pk", flat=True))


@transaction.atomic
def expire(run_id: int) -> None:
    """Expired, and those who could have confirmed it are told."""
    run = Delivery.objects.locked(run_id)
    at = clock.now()
    if run.status not in UNDECIDED or run.expires_at is None or run.expires_at >= at:
        return
    occurrence = Occurrence.objects.get(execution=run)
    _end(run, occurrence, Skipped.UNCONFIRMED, at=at)
    notices.tell(run, NoticeKind.EXPIRED, right=Right.START, at=at)


def _end(run: Delivery, occurrence: Occurrence, because: Skipped, *, at: datetime) -> None:
    run.ended_at = at
    run.save(update_fields=["ended_at"])
    text = turning.ENGLISH[because]
    lifecycle.move(run, Step.EXPIRE, by=None, at=at, comment=text, skipped=because)
    occurrence.skipped = because
    occurrence.save(update_fields=["skipped"])


def exhausted(at: datetime) -> list[int]:
    """Series whose rule has ended and whose runs have all ended."""
    open_runs = Delivery.objects.filter(execution_of=OuterRef("pk")).exclude(
        status__in=[status for status in Status if status.is_final]
    )
    rows = Delivery.objects.filter(status=Status.ACTIVE, series__next_at=None).exclude(Exists(open_runs))
    return list(rows.values_list("pk", flat=True))


@transaction.atomic
def complete(delivery_id: int) -> None:
    """The series is Finished."""
    delivery = Delivery.objects.locked(delivery_id)
    at = clock.now()
    if delivery.status != Status.ACTIVE or delivery.pk not in exhausted(at):
        return
    delivery.ended_at = at
    delivery.save(update_fields=["ended_at"])
    lifecycle.move(delivery, Step.COMPLETE, by=None, at=at)
    notices.tell(delivery, NoticeKind.ENDED, right=Right.PREPARE, at=at)


def _log(
    delivery: Delivery, at: datetime, text: str, *, level: str = LogLine.Level.INFO, **slots: Any
) -> None:
    LogLine.objects.create(
        delivery=delivery, preparation=delivery.preparation, at=at, level=level, text=text, slots=slots
    )
