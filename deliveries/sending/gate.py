"""The gate: what may leave, by the database's clock and under its seal, and when a send is over."""

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import transaction
from django.db.models import Prefetch, prefetch_related_objects
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as n_
from redis.exceptions import RedisError

from campaign.lib import clock
from campaign.lib.jobs import valkey
from campaign.lib.refusals import Refusal
from deliveries import lifecycle
from deliveries.channels.dkim import UnusableKey
from deliveries.ledger import books
from deliveries.lifecycle import Step, groups, log, seal
from deliveries.lifecycle.attachments import NotAsSealed
from deliveries.models import Confirmation, Delivery, Halt, LogLine, Status
from deliveries.rendering import sealed_renderer
from deliveries.routing import routes, signing
from deliveries.sending import fence, throttle, waking, wave_gate
from deliveries.sending.lane_config import LaneConfig
from deliveries.sending.waking import AHEAD
from deliveries.series import eligibility

logger = logging.getLogger(__name__)

LOOK = 0.05  # seconds between two looks at the gate
SECONDS_OFF = 30  # between two counts of a delivery whose books don't balance
_OFF = "sinete:off:"

now = clock.now
T = TypeVar("T")


class SendingHalted(Refusal):
    message = _(
        "%(by)s stopped all sending of “%(unit)s” (%(reason)s): nothing is released until somebody allows it with "
        "“Allow sending again” (allow_sending)."
    )
    code = "halted"


def require_open(delivery: Delivery) -> None:
    """Return where something may leave. Raise SendingHalted while all sending is stopped, and a Fence on a copy."""
    require_no_halt(delivery)
    fence.require()


def require_no_halt(delivery: Delivery) -> None:
    """Raise SendingHalted while all sending of the delivery's unit is stopped."""
    halt = Halt.objects.covering(delivery.unit).select_related("by", "unit").first()
    if halt is not None:
        raise SendingHalted(by=halt.by, unit=halt.unit, reason=halt.reason)


@transaction.atomic
def begin(delivery_id: int) -> bool:
    """Move a confirmed delivery whose time is reached to Sending; return whether it is Sending now."""
    delivery = Delivery.objects.locked(delivery_id)
    if delivery.status != Status.SCHEDULED:
        return delivery.status == Status.SENDING
    return fence.problem() is None and _begin(delivery)


@transaction.atomic
def begin_if_free(delivery_id: int) -> bool:
    """Do the same for one of many: skip it where its row is locked. The caller has looked at the fence for all."""
    rows = Delivery.objects.select_for_update(of=("self",), skip_locked=True)
    delivery = (
        rows.select_related("unit", "preparation").filter(pk=delivery_id, status=Status.SCHEDULED).first()
    )
    return delivery is not None and _begin(delivery)


def _begin(delivery: Delivery) -> bool:
    at = now()
    if (due := due_at(delivery)) is not None and due > at:
        return False
    if Halt.objects.covering(delivery.unit).exists():
        return False
    if delivery.execution_of_id is not None and (reason := eligibility.why_not(delivery, at=at)) is not None:
        if reason:
            eligibility.skip(delivery, reason, at=at)
        return False
    if delivery.started_at is None:
        delivery.started_at = at
        delivery.save(update_fields=["started_at"])
    lifecycle.move(delivery, Step.BEGIN, by=None, at=at)
    log.write(delivery, at, n_("Sending begins"))
    return True


@transaction.atomic
def begin_many(delivery_ids: Sequence[int]) -> int:
    """Move those that are due, free and not held to Sending, in a few statements for all; return how many.

    The caller has looked at the fence. A run of a series is left to `begin_if_free`, as it may be skipped.
    """
    at = now()
    deliveries = [one for one in _free(delivery_ids) if _is_due(one, at)]
    held = tuple(Halt.objects.in_force().values_list("unit__path", flat=True))
    begun = [one for one in deliveries if not one.unit.path.startswith(held)]
    if not begun:
        return 0
    Delivery.objects.filter(pk__in=[one.pk for one in begun], started_at=None).update(started_at=at)
    lifecycle.move_all(begun, Step.BEGIN, at=at)
    log.write_all(
        LogLine(delivery=one, preparation=one.preparation, at=at, text=n_("Sending begins")) for one in begun
    )
    return len(begun)


def _free(delivery_ids: Sequence[int]) -> list[Delivery]:
    """Lock and return those that wait to begin, each with when it may; skip those that somebody else has locked."""
    rows = Delivery.objects.select_for_update(of=("self",), skip_locked=True).select_related(
        "unit", "preparation"
    )
    deliveries = list(
        rows.filter(pk__in=delivery_ids, status=Status.SCHEDULED, execution_of=None).order_by("pk")
    )
    prefetch_related_objects(
        deliveries,
        Prefetch("confirmations", Confirmation.objects.filter(taken_back_at=None), to_attr="in_force"),
    )
    return deliveries


def _is_due(delivery: Delivery, at: datetime) -> bool:
    dated = delivery.first_moment if delivery.has_moments else delivery.contact_date
    if dated is None and not delivery.has_moments:
        in_force: list[Confirmation] = delivery.in_force  # type: ignore[attr-defined]  # by the prefetch
        dated = in_force[0].leaves_at if in_force else None
    return dated is None or dated <= at


def due_at(delivery: Delivery) -> datetime | None:
    """Return when the first message of a confirmed delivery may leave; None: at once.

    That is its date or first moment, or the end of its grace delay.
    """
    if delivery.has_moments:
        return delivery.first_moment
    if delivery.contact_date is not None:
        return delivery.contact_date
    confirmation = delivery.confirmations.filter(taken_back_at=None).only("leaves_at").first()
    return confirmation.leaves_at if confirmation else None


def wait_for(delivery_id: int) -> bool:
    """Wait until the delivery's time is reached; return False where it must not send, or not soon."""
    until = time.monotonic() + AHEAD.total_seconds() * 2
    while time.monotonic() < until:
        delivery = Delivery.objects.filter(pk=delivery_id).first()
        if delivery is None or delivery.status not in groups.LEAVING:
            return False
        if begin(delivery_id):
            return True
        due = due_at(delivery)
        if due is None or due > now() + AHEAD:
            return False
        time.sleep(LOOK)
    return False


def lane_config(delivery_id: int) -> LaneConfig | None:
    """Return what a lane needs, or None: what is prepared must be what was confirmed, and its route open."""
    delivery = Delivery.objects.select_related("preparation", "route", "unit", "audience", "content").get(
        pk=delivery_id
    )
    if delivery.status not in groups.LEAVING:
        return None
    if Halt.objects.covering(delivery.unit).exists() or not fence.passes(beat=True):
        return None
    try:
        renderer = sealed_renderer(delivery) if _is_as_confirmed(delivery) else None
    except NotAsSealed:
        renderer = None
    if renderer is None:
        fail(delivery_id, because=n_("What is prepared is not what was confirmed."))
        return None
    route = routes.route_of(delivery)
    at = now()
    if route.closed_until is not None and route.closed_until > at:
        return None
    try:
        sign = signing.sealed_signer(route, delivery.latest_preparation().manifest)
    except UnusableKey as problem:
        # Nothing leaves unsigned.
        routes.open_breaker(route.pk, because=f"{routes.UNSIGNED}: {problem}", at=at)
        return None
    return LaneConfig(
        delivery_id=delivery.pk,
        route_id=route.pk,
        relay=routes.relay_of(route),
        connections=route.connections,
        renderer=renderer,
        valid_for=_valid_for(delivery, at),
        sign=sign,
        limits=throttle.limits_of(delivery),
        deliveries=Delivery.objects.filter(routes.leaves_by(route), status=Status.SENDING).count(),
        channel=delivery.channel,
    )


def _valid_for(delivery: Delivery, at: datetime) -> list[tuple[int, float]]:
    """Return, for each moment, its last message and the seconds that are left of its validity period."""
    hours = timedelta(hours=delivery.validity_hours)
    started = delivery.started_at or at
    last = [(2**31, ((delivery.valid_until or at + hours) - at).total_seconds())]
    if not delivery.has_moments:
        return last
    rows = delivery.moments.order_by("seq_to").values_list("seq_to", "not_before")
    return [
        *((seq_to, (max(started, gate or started) + hours - at).total_seconds()) for seq_to, gate in rows),
        *last,
    ]


def _is_as_confirmed(delivery: Delivery) -> bool:
    """Whether the confirmation names the seal, the seal fits the manifest, and the manifest fits content and chunks.

    No row is counted: a chunk's digest covers its rows, and is computed again with each claim.
    """
    prepared = delivery.latest_preparation()
    confirmed = delivery.confirmations.filter(
        taken_back_at=None, preparation=prepared, seal=prepared.seal
    ).exists()
    return (
        confirmed
        and prepared.seal == seal.fingerprint(prepared.manifest)
        and prepared.manifest["compiled"] == seal.fingerprint(prepared.compiled)
        and prepared.manifest["chunks"] is not None
        and prepared.manifest["chunks"] == books.chunk_digests(delivery.pk)
        and prepared.manifest["to_deliver"] == books.rows_of_chunks(delivery.pk)
    )


@transaction.atomic
def fail(delivery_id: int, *, because: str) -> None:
    """Move the delivery to Failed, because something sealed is not as it was sealed: nothing more leaves."""
    delivery = Delivery.objects.locked(delivery_id)
    if delivery.status not in Step.FAIL.sources:
        return
    at = now()
    log.write(delivery, at, because, level=LogLine.Level.ERROR)
    delivery.ended_at = at
    delivery.save(update_fields=["ended_at"])
    lifecycle.move(delivery, Step.FAIL, by=None, at=at, comment=because)


def after_lane(delivery_id: int, *, wakes_others: bool = True) -> None:
    """Finish the delivery if the lane that ended was the last with work, or enqueue the next lane at once.

    A lane that ended for want of tokens leaves that to the tick: the next one would have none either.
    """
    if not finish_if_over(delivery_id) and wakes_others:
        waking.wake_lanes(delivery_id)


def finish_if_over(delivery_id: int) -> bool:
    """Finish the delivery if nothing is open and the counts agree; return True where it is not Sending any more.

    The ledger is counted first, in one snapshot and without a lock, so that nobody waits for it.
    """
    delivery = Delivery.objects.select_related("preparation").get(pk=delivery_id)
    if delivery.status != Status.SENDING or any(books.open_ends(delivery).values()):
        return delivery.status != Status.SENDING
    wave_gate.note_lateness(delivery_id)
    counted = books.count(delivery)
    if counted.off:
        logger.error("delivery %s can't finish, its books don't balance: %s", delivery_id, counted.off)
        _note_off(delivery_id)
        return True
    return _finish(delivery_id, counted)


@transaction.atomic
def _finish(delivery_id: int, counted: books.Books) -> bool:
    """Finish the delivery, unless something has changed since it was counted: the next call counts again."""
    delivery = Delivery.objects.locked(delivery_id)
    if delivery.status != Status.SENDING or any(books.open_ends(delivery).values()):
        return delivery.status != Status.SENDING
    tallies = books.tallies(delivery_id)
    if tallies != counted.tallies:
        return False
    at = now()
    delivery.ended_at = at
    delivery.save(update_fields=["ended_at"])
    lifecycle.move(delivery, Step.FINISH, by=None, at=at, in_doubt=tallies["in_doubt"])
    log.write(delivery, at, n_("Sending finished"))
    return True


def _note_off(delivery_id: int) -> None:
    with suppress(RedisError):
        valkey().set(f"{_OFF}{delivery_id}", 1, ex=SECONDS_OFF)


def found_off(delivery_ids: Sequence[int]) -> set[int]:
    """Return those whose books were counted a moment ago and did not balance: they are not counted each second."""
    if not delivery_ids:
        return set()
    try:
        marks = valkey().mget([f"{_OFF}{each}" for each in delivery_ids])
    except RedisError:
        return set()
    return {each for each, mark in zip(delivery_ids, marks, strict=True) if mark is not None}


def look_again(delivery_id: int) -> None:
    """Have the books counted by the next tick: they may balance now."""
    with suppress(RedisError):
        valkey().delete(f"{_OFF}{delivery_id}")


@transaction.atomic
def reopen(
    delivery_id: int, *, because: str = n_("A late answer of the relay asks for another try: sending goes on")
) -> None:
    """Move a finished delivery back to Sending: a late answer or a person made a later try of a message in doubt."""
    delivery = Delivery.objects.locked(delivery_id)
    if delivery.status not in Step.REOPEN.sources:
        return
    at = now()
    delivery.ended_at = None
    delivery.save(update_fields=["ended_at"])
    lifecycle.move(delivery, Step.REOPEN, by=None, at=at)
    log.write(delivery, at, because)


def note_unsure(delivery_id: int, seqs: list[int]) -> None:
    """Write into the delivery's log which stored results may rest on another message's answer."""
    delivery = Delivery.objects.select_related("preparation").get(pk=delivery_id)
    text = n_(
        "The relay answered more than it was asked; perhaps these messages have another's result: %(seqs)s"
    )
    named = ", ".join(map(str, sorted(set(seqs))))
    log.write(delivery, now(), text, level=LogLine.Level.WARNING, seqs=named)
