"""Adopting a copy or a restored backup: unfinished deliveries are paused, and nobody gets a message twice."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as n_

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from accounts.roles import root
from campaign.lib.refusals import Refusal
from deliveries import lifecycle
from deliveries.ledger.adopting import doubt_rest
from deliveries.ledger.tallies import Progress, progress_of
from deliveries.lifecycle import Step, groups, log
from deliveries.models import Delivery, LogLine, Status, Try
from deliveries.sending import fence


class NothingToAdopt(Refusal):
    message = _(
        "This instance is at home: nothing keeps it from sending. Say --again if you know it is a copy."
    )
    code = "nothing_to_adopt"


@dataclass(frozen=True)
class AdoptedDelivery:
    """One unfinished delivery, and what became of it."""

    delivery: str
    label: str
    was: str
    now: str
    in_doubt: int


@dataclass(frozen=True)
class Foreseen:
    """One unfinished delivery, and what adopting would make of it; `open_rows` may have left since the copy."""

    delivery: Delivery
    becomes: Status
    open_rows: int


@dataclass(frozen=True)
class AdoptionReceipt:
    generation: str
    because: str
    deliveries: list[AdoptedDelivery] = field(default_factory=list)

    @property
    def in_doubt(self) -> int:
        return sum(held.in_doubt for held in self.deliveries)

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "in_doubt": self.in_doubt}


def adopt(*, by: User, at: datetime, keep_unfinished: bool = False, again: bool = False) -> AdoptionReceipt:
    """Let the instance send again; nothing leaves of what was unfinished until a person resumes or confirms it.

    Rows that may have left since the copy was made are in doubt, unless `keep_unfinished` says that none has. The
    generation changes last: if this ends half-way, the fence still stands and the call can be repeated.

    Raise NothingToAdopt where no fence stands, unless `again`, and access.NotAllowed without the right to administer
    the topmost unit.
    """
    access.require(by, Right.ADMINISTER, root())
    because = fence.problem()
    if because is None and not again:
        raise NothingToAdopt()
    held = [
        _hold(pk, by=by, at=at, keep_unfinished=keep_unfinished)
        for pk in _unfinished().order_by("pk").values_list("pk", flat=True)
    ]
    with transaction.atomic():
        instance = fence.adopt(at=at)
        receipt = AdoptionReceipt(str(instance.generation), str(because or ""), held)
        audit.record("adopt_instance", by=by, keep_unfinished=keep_unfinished, **receipt.as_dict())
    return receipt


def foresee(*, by: User, at: datetime) -> list[Foreseen]:
    """Return what adopting without `keep_unfinished` would do to each unfinished delivery; a flat number of queries."""
    access.require(by, Right.ADMINISTER, root())
    deliveries = list(_unfinished().select_related("unit", "preparation").order_by("pk"))
    found = progress_of(deliveries)
    return [Foreseen(one, _becomes(one, at), _open_rows(one, found.get(one.pk))) for one in deliveries]


def _becomes(delivery: Delivery, at: datetime) -> Status:
    if delivery.status == Status.SCHEDULED and not _is_due(delivery, at):
        return Status.READY
    return Status.FINISHED if delivery.status == Status.FINISHED else Status.PAUSED


def _open_rows(delivery: Delivery, known: Progress | None) -> int:
    if known is not None:
        return known.fresh + known.retrying
    return delivery.preparation.to_deliver if delivery.preparation else 0


def _is_due(delivery: Delivery, at: datetime) -> bool:
    begins = delivery.first_moment if delivery.has_moments else delivery.contact_date
    return begins is None or begins <= at


def _unfinished() -> Any:
    """Return the deliveries that may still send: by their status, or by a later try that would reopen them."""
    tries = Try.objects.filter(delivery=OuterRef("pk"))
    return Delivery.objects.filter(
        Q(status__in=groups.RELEASED | {Status.ACTIVE}) | Q(Exists(tries), status=Status.FINISHED)
    )


def _hold(delivery_id: int, *, by: User, at: datetime, keep_unfinished: bool) -> AdoptedDelivery:
    with transaction.atomic():
        delivery = Delivery.objects.locked(delivery_id)
        was = delivery.status
        _stand_still(delivery, by=by, at=at, keep_unfinished=keep_unfinished)
    doubted = 0
    if not keep_unfinished and delivery.status in groups.REPEATABLE:
        doubted = doubt_rest(delivery_id)
    log.write(
        delivery, at,
        n_("Held by %(by)s, who adopted a copy of the database: %(doubted)s messages have an unknown outcome"),
        level=LogLine.Level.WARNING, by=str(by), doubted=doubted,
    )  # fmt: skip
    return AdoptedDelivery(delivery.name, delivery.label, was, delivery.status, doubted)


def _stand_still(delivery: Delivery, *, by: User, at: datetime, keep_unfinished: bool) -> None:
    """Pause a delivery that may have begun elsewhere; return one that is for later to Ready, to be confirmed anew."""
    if delivery.status == Status.SCHEDULED:
        if keep_unfinished or not _is_due(delivery, at):
            lifecycle.move(delivery, Step.WITHDRAW, by=by, at=at)
            delivery.confirmations.filter(taken_back_at=None).update(taken_back_at=at, taken_back_by=by)
            return
        delivery.started_at = delivery.started_at or at
        delivery.save(update_fields=["started_at"])
        lifecycle.move(delivery, Step.BEGIN, by=by, at=at)
    if delivery.status == Status.ACTIVE:
        lifecycle.move(delivery, Step.HOLD_SERIES, by=by, at=at)
    if delivery.status == Status.SENDING:
        lifecycle.move(delivery, Step.HOLD, by=by, at=at)
