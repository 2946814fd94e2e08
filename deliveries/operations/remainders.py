"""The remainder of a stopped delivery: a linked draft for those who never got it, and for nobody else."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as n_

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from campaign.lib.refusals import Refusal
from deliveries import drafting
from deliveries.ledger import books
from deliveries.lifecycle import log
from deliveries.models import Delivery, Purge, RetentionKind, ScheduleKind, Status
from deliveries.preparation import target


class NotStopped(Refusal):
    message = _("“%(delivery)s” is “%(status)s”: only a stopped delivery has a remainder.")
    code = "not_stopped"


class StillEnding(Refusal):
    message = _("Some of “%(delivery)s” is still on its way. Try again in a minute.")
    code = "still_ending"


class NobodyLeft(Refusal):
    message = _("Everybody was written to before “%(delivery)s” was stopped: there is no remainder.")
    code = "nobody_left"


class RowsGone(Refusal):
    message = _(
        "Rows of “%(delivery)s” are gone by a retention period: nobody can tell any more who was written to."
    )
    code = "rows_gone"


class RemainderExists(Refusal):
    message = _("%(remainder)s is the remainder already: go on there, or delete it first.")
    code = "remainder_exists"


@transaction.atomic
def create(*, delivery: Delivery, by: User, at: datetime) -> Delivery:
    """Create a draft with the stopped delivery's settings and content, for those whom that never wrote to.

    It is prepared, approved and confirmed as any other. Recipients whose outcome is unknown are not part of it.
    """
    delivery = Delivery.objects.locked(delivery.pk)
    label = _("Remainder of %(label)s") % {"label": delivery.label[:100]}
    access.require(by, Right.PREPARE, delivery.unit)
    _check(delivery)
    at_once = delivery.schedule_kind == ScheduleKind.AT_ONCE
    made = drafting.copied(
        delivery, by=by, label=label, remainder_of=delivery,
        schedule_kind=ScheduleKind.AT_ONCE if at_once else ScheduleKind.UNSET,
    )  # fmt: skip
    audit.record("create_remainder", by=by, target=made, of=delivery.pk, never_written_to=size(made))
    log.write(delivery, at, n_("%(name)s was made of its remainder by %(by)s"), name=made.name, by=str(by))
    return made


def _check(delivery: Delivery) -> None:
    if delivery.status != Status.STOPPED:
        raise NotStopped(delivery=delivery, status=Status(delivery.status).label)
    if _has_gone(delivery):
        raise RowsGone(delivery=delivery)
    if any(books.open_ends(delivery).values()):
        raise StillEnding(delivery=delivery)
    earlier = of(delivery)
    if earlier is not None:
        raise RemainderExists(remainder=earlier.name)
    if not target.never_written_to(delivery):
        raise NobodyLeft(delivery=delivery)


def _has_gone(delivery: Delivery) -> bool:
    """Whether rows are gone by which a remainder knows whom it, or what it was the remainder of, wrote to."""
    line = [delivery.pk, *target.originals(delivery)]
    return Purge.objects.filter(delivery__in=line, kind=RetentionKind.RECIPIENTS).exists()


def is_possible(delivery: Delivery) -> bool:
    """Whether it was stopped before everybody was written to, nothing was made of that yet, and its rows are there."""
    return (
        delivery.status == Status.STOPPED
        and of(delivery) is None
        and target.never_written_to(delivery) > 0
        and not _has_gone(delivery)
    )


def of(delivery: Delivery) -> Delivery | None:
    """Return the remainder that was made of a delivery, unless it expired."""
    if delivery.status != Status.STOPPED:
        return None
    return Delivery.objects.filter(remainder_of=delivery).exclude(status=Status.EXPIRED).first()


def size(remainder: Delivery) -> int:
    """Return how many the original never wrote to; preparing it excludes those who may not be written to."""
    assert remainder.remainder_of is not None
    return target.never_written_to(remainder.remainder_of)
