"""Why one delivery does not move, or what it waits for, by its status."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.timesince import timeuntil
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.rights import Right
from campaign.lib import numbers
from campaign.lib.jobs import Queue
from deliveries.lifecycle import Step, groups
from deliveries.models import Chunk, Delivery, Moment, Preparation, Skipped, Status, Try
from deliveries.overview.diagnosis.causes import Diagnosis, fault, moment_of, waits
from deliveries.overview.diagnosis.surroundings import fenced, halted, resting, unheard
from deliveries.schedule import moments
from deliveries.sending import gate, rate, throttle
from deliveries.sending.control import waves
from deliveries.series import eligibility

STUCK_AFTER = timedelta(seconds=30)  # no worker took the job of the preparation
LIMITS = ("delivery", "route", "provider")  # the limits that people set
WAVE_HELD = "wave_held"


def of_delivery(delivery: Delivery, *, at: datetime) -> list[Diagnosis]:
    """Return what this delivery waits for, or why it does not move; empty where nothing is wrong."""
    return [*_around(delivery, at), *about_itself(delivery, at=at)]


def about_itself(delivery: Delivery, *, at: datetime) -> list[Diagnosis]:
    """Return the same without queue, fence and relay, which a page shows in places of their own."""
    looks = {
        Status.PREPARING: _preparing,
        Status.AWAITING_APPROVAL: _awaiting_approval,
        Status.READY: _ready,
        Status.SCHEDULED: _scheduled,
        Status.SENDING: _sending,
        Status.PAUSED: _paused,
    }
    look = looks.get(Status(delivery.status))
    if look is None:
        return []
    return [*look(delivery, at), *_without_confirmer(delivery), *_clocks_changed(delivery, at)]


def _without_confirmer(delivery: Delivery) -> Iterator[Diagnosis]:
    """Say that whoever confirmed it can no longer sign in: it leaves as confirmed, and those who may hold it know."""
    if delivery.status not in groups.RELEASED:
        return
    confirmation = delivery.confirmations.filter(taken_back_at=None, by__is_active=False).first()
    if confirmation is not None:
        yield waits(
            "confirmer_gone",
            _(
                "%(by)s, who confirmed it, can no longer sign in. It leaves as it was confirmed; whoever may start "
                "deliveries can hold it."
            ),
            by=confirmation.by,
        )


def _clocks_changed(delivery: Delivery, at: datetime) -> Iterator[Diagnosis]:
    """Report a moment at which clocks show another hour than when it was sealed: the country changed its clocks."""
    if delivery.local_hour is None or delivery.status not in groups.RELEASED:
        return
    for moment in delivery.moments.filter(opened_at=None, not_before__gt=at).order_by("number"):
        zone = moments.known(moment.zone)
        if zone is None or moment.not_before is None:
            continue
        shown = moment.not_before.astimezone(zone)
        if moments.instant(shown.date(), delivery.local_hour, moment.zone) != moment.not_before:
            yield fault(
                "clocks_changed",
                _(
                    "The clocks of %(zone)s were changed since it was prepared: it leaves when they show %(shown)s, "
                    "not %(hour)s. Take the confirmation back and prepare it again, if that matters."
                ),
                zone=moment.zone,
                shown=f"{shown:%H:%M}",
                hour=f"{delivery.local_hour:%H:%M}",
            )


def _around(delivery: Delivery, at: datetime) -> Iterator[Diagnosis]:
    if delivery.status == Status.PREPARING:
        yield from unheard(Queue.PREPARATION, Queue.TICK)
    if delivery.status in groups.RELEASED or delivery.status == Status.READY:
        yield from halted(delivery)  # nobody can confirm or resume either
        yield from fenced()
    if delivery.status in groups.LEAVING:
        yield from unheard(Queue.SEND, Queue.TICK)
        yield from resting(delivery, at=at)
    yield from _limited(delivery, at)


def _preparing(delivery: Delivery, at: datetime) -> Iterator[Diagnosis]:
    run: Preparation | None = delivery.preparation
    if run is None:
        return
    last_sign = run.lease_until or run.started_at + STUCK_AFTER
    if last_sign < at:
        yield fault(
            "preparation_stuck",
            _(
                "Nobody has worked on the preparation since %(since)s: its worker died, or the job was "
                "lost. The tick hands it to the next free worker."
            ),
            since=moment_of(last_sign, delivery),
        )


def _awaiting_approval(delivery: Delivery, at: datetime) -> Iterator[Diagnosis]:
    text = _("It waits for an approval by one of: %(people)s.")
    yield _asks("awaits_approval", text, delivery, Right.APPROVE)


def _ready(delivery: Delivery, at: datetime) -> Iterator[Diagnosis]:
    text = _("It waits for its confirmation by one of: %(people)s.")
    yield _asks("awaits_confirmation", text, delivery, Right.START)


def _asks(code: str, text: str | Promise, delivery: Delivery, right: Right) -> Diagnosis:
    people = [str(person) for person in access.holders(right, delivery)[:5]]
    if people:
        return waits(code, text, people=", ".join(people))
    nobody = _("Nobody holds the right “%(right)s” here: ask an administrator to give it to somebody.")
    return fault("nobody_may", nobody, right=right.label)


def _scheduled(delivery: Delivery, at: datetime) -> Iterator[Diagnosis]:
    due = gate.due_at(delivery)
    if due is not None and due > at:
        yield waits(
            "gate",
            _("It leaves at %(moment)s, in %(left)s: not before."),
            moment=moment_of(due, delivery),
            left=timeuntil(due, at),
        )
    elif reason := eligibility.waits_because(delivery):
        yield waits("run_waits", HELD_RUNS[reason], series=f"DM{delivery.execution_of_id}")


HELD_RUNS = {
    Skipped.OVERLAP: _("It waits until the run of %(series)s before it has ended."),
    Skipped.PAUSED: _("It waits because the series %(series)s is paused."),
}


def _sending(delivery: Delivery, at: datetime) -> Iterator[Diagnosis]:
    yield from _too_slow(delivery, at)
    gone = (
        Chunk.objects.filter(delivery=delivery, done=False, lease_until__lt=at)
        .order_by("lease_until")
        .first()
    )
    if gone is not None:
        assert gone.lease_until is not None
        yield fault(
            "lease_expired",
            _(
                "Worker %(worker)s has given no sign since its lease ended at %(moment)s. The tick takes "
                "over what it held."
            ),
            worker=gone.lease_by.partition(":")[2] or gone.lease_by,
            moment=moment_of(gone.lease_until, delivery),
        )
    if delivery.has_moments:
        yield from _between_moments(delivery, at)
    if Chunk.objects.filter(delivery=delivery, done=False).exists():
        return
    next_try = Try.objects.filter(delivery=delivery, handed=False).order_by("due_at").first()
    if next_try is not None and next_try.due_at > at:
        yield waits(
            "later_tries",
            _("Only later tries are left: some servers asked us to come back. The next is at %(moment)s."),
            moment=moment_of(next_try.due_at, delivery),
        )


def _between_moments(delivery: Delivery, at: datetime) -> Iterator[Diagnosis]:
    """Say that a wave waits for a person, or that nothing leaves before the next moment."""
    held = waves.held(delivery)
    if held is not None:
        yield wave_held(held, delivery)
        return
    ahead = delivery.moments.filter(opened_at=None, not_before__gt=at).order_by("not_before").first()
    is_at_rest = not Chunk.objects.filter(
        Q(not_before=None) | Q(not_before__lte=at), delivery=delivery, done=False
    ).exists()
    if ahead is not None and ahead.not_before is not None and is_at_rest:
        yield waits(
            "next_moment",
            _("The next of it leaves at %(moment)s, in %(left)s: not before."),
            moment=moment_of(ahead.not_before, delivery),
            left=timeuntil(ahead.not_before, at),
        )


def wave_held(wave: Moment, delivery: Delivery) -> Diagnosis:
    """Why the wave waits for a person, and what they can do."""
    return fault(
        WAVE_HELD,
        _(
            "Wave %(number)s is held: %(percent)s%% of those before bounced or failed, the limit is %(limit)s%%. "
            "“Release the held wave” lets it leave; “Stop sending” keeps it at home."
        ),
        number=wave.number,
        percent=numbers.short(wave.held_percent or 0),
        limit=numbers.short(delivery.wave_limit or 0),
    )


def _paused(delivery: Delivery, at: datetime) -> Iterator[Diagnosis]:
    step = (
        delivery.history.filter(new=Status.PAUSED).exclude(step=Step.BEGIN.code).select_related("by").first()
    )
    if step is not None and step.detail.get("because"):
        why = _t(step.detail["because"]) % numbers.grouped(step.detail.get("slots", {}))
        yield waits(
            "held_by_limit",
            _(
                "%(why)s. It rests since %(moment)s. “Resume” goes on from the exact message where it stopped."
            ),
            why=why,
            moment=moment_of(step.at, delivery),
        )
        return
    yield waits(
        "paused",
        _("%(by)s paused it at %(moment)s. “Resume” goes on from the exact message where it stopped."),
        by=(step.by if step else None) or _t("Somebody"),
        moment=moment_of(step.at if step else at, delivery),
    )


def _limited(delivery: Delivery, at: datetime) -> Iterator[Diagnosis]:
    found = rate.of(delivery, at=at)
    if found is not None and found.factor in LIMITS:
        yield waits(
            f"limited_by_{found.factor}",
            _("How fast it leaves is decided by %(what)s."),
            what=found.limited_by,
        )


def _too_slow(delivery: Delivery, at: datetime) -> Iterator[Diagnosis]:
    """Report limits by which not all of it leaves in time."""
    found = rate.of(delivery, at=at) if throttle.buckets_of(delivery) else None
    ends = delivery.valid_until
    if found is not None and found.left is not None and ends is not None and at + found.left > ends:
        yield fault(
            "too_slow",
            _(
                "At this rate not all of it leaves before the validity period ends at %(moment)s: raise the "
                "limit, or what is left then fails."
            ),
            moment=moment_of(ends, delivery),
        )


def deliveries_to_look_at() -> Any:
    """Return the deliveries that should be moving."""
    related = Delivery.objects.select_related("unit", "preparation", "route")
    return related.filter(status__in=groups.LOOKED_AT).order_by("pk")
