"""Where a series goes on, and which of its runs may begin, must wait or are left out."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext_noop as n_

from accounts.rights import Right
from deliveries import lifecycle
from deliveries.lifecycle import Step, groups, log, notices
from deliveries.models import (
    Chunk,
    Confirmation,
    Delivery,
    LogLine,
    NoticeKind,
    Occurrence,
    Overlap,
    Series,
    Skipped,
    Status,
)


def begin(delivery: Delivery, *, at: datetime) -> None:
    """Let an activated series go on with its first moment from now, or after the last that has a row."""
    series = delivery.series
    last = series.occurrences.order_by("-moment").values_list("moment", flat=True).first()
    series.look_on_after(max(at, last) if last else at)
    series.save(update_fields=["next_at", "wake_at"])


def end(delivery: Delivery, *, at: datetime) -> None:
    """Look for no more moments, and leave out the scheduled runs that the activation had released."""
    waiting = Delivery.objects.select_for_update(of=("self",)).filter(
        execution_of=delivery, status=Status.SCHEDULED, confirmations__on_activation__isnull=False,
        confirmations__taken_back_at=None,
    )  # fmt: skip
    for run in waiting.order_by("pk"):
        skip(run, Skipped.PAUSED, at=at)
    Series.objects.filter(delivery=delivery).update(next_at=None, wake_at=None)


def why_not(run: Delivery, *, at: datetime) -> Skipped | None:
    """Return why a confirmed run whose time is reached may not begin: `Skipped.NO` is not yet, None that it may.

    Both rows are locked until the caller commits, so that two runs of a series never begin at once.
    """
    series = Series.objects.select_for_update().get(delivery=run.execution_of_id)
    confirmation = run.confirmations.get(taken_back_at=None)
    may_wait = at <= _latest(run, series, confirmation)
    if _another_runs(run):
        return Skipped.NO if series.overlap == Overlap.QUEUE and may_wait else Skipped.OVERLAP
    if not may_wait:
        return Skipped.LATE
    if confirmation.on_activation_id is not None and _status_of(series) != Status.ACTIVE:
        return Skipped.NO
    return None


def waits_because(run: Delivery) -> Skipped | None:
    """Return why a released run whose time is reached has not begun: `OVERLAP`, `PAUSED`, or None."""
    if run.execution_of_id is None:
        return None
    if _another_runs(run):
        return Skipped.OVERLAP
    on_activation = run.confirmations.filter(taken_back_at=None).exclude(on_activation=None).exists()
    series = Series.objects.get(delivery=run.execution_of_id)
    return Skipped.PAUSED if on_activation and _status_of(series) != Status.ACTIVE else None


def _latest(run: Delivery, series: Series, confirmation: Confirmation) -> datetime:
    """Return the last moment at which a run may begin, counted from its time or from a later confirmation."""
    assert run.contact_date is not None
    return max(run.contact_date, confirmation.at) + timedelta(minutes=series.late_minutes)


def _status_of(series: Series) -> str:
    return Delivery.objects.values_list("status", flat=True).get(pk=series.delivery_id)


def _another_runs(run: Delivery) -> bool:
    """Whether another run of the series is in its first pass; later tries of a few don't count."""
    others = Delivery.objects.filter(execution_of=run.execution_of_id, status__in=groups.UNDER_WAY)
    return Chunk.objects.filter(
        Q(handed_upto__lt=F("seq_to")), delivery__in=others.exclude(pk=run.pk).values("pk"), done=False
    ).exists()


@transaction.atomic
def skip(run: Delivery, because: Skipped, *, at: datetime) -> None:
    """Leave out a run that was released, and store why. Its row must be locked."""
    run.ended_at = at
    run.save(update_fields=["ended_at"])
    lifecycle.move(run, Step.SKIP_RUN, by=None, at=at, comment=_english(because), skipped=because)
    Occurrence.objects.filter(execution=run).update(skipped=because)
    notices.tell(run, NoticeKind.SKIPPED, right=Right.START, at=at, text=_english(because))
    log.write(run, at, _english(because), level=LogLine.Level.WARNING)


ENGLISH = {
    Skipped.LATE: n_("Missed: its time had passed by more than the series allows"),
    Skipped.OVERLAP: n_("Left out: the run before was still going"),
    Skipped.PAUSED: n_("Left out: the series was paused"),
    Skipped.UNCONFIRMED: n_("Expired: nobody confirmed it in time"),
    Skipped.NOBODY: n_("Left out: there was nobody to write to"),
}


def _english(because: Skipped) -> str:
    """Return the msgid, which logs store and which is shown in the reader's language."""
    return ENGLISH[because]
