"""Stop all sending: one decision for a unit and everything below it, and the receipt of what it held back.

A halt changes no status. Gate and ledger look at it whenever something would be handed over, so it takes
hold at the next window of every lane, and what is scheduled waits.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as n_

from accounts import access, audit
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from campaign.lib.refusals import Refusal
from deliveries import confirmation, queues
from deliveries.models import Delivery, Halt, LogLine, ProofMessage, Status

HELD = (Status.SCHEDULED, Status.SENDING, Status.PAUSED)


class HaltReasonMissing(Refusal):
    message = _("Say why: everybody whose sending is stopped will read it.")
    code = "reason_missing"


class AlreadyHalted(Refusal):
    message = _("All sending of “%(unit)s” is stopped already.")
    code = "already_halted"


class NotHalted(Refusal):
    message = _("Sending of “%(unit)s” is not stopped. It may be stopped further up.")
    code = "not_halted"


@dataclass(frozen=True)
class Held:
    """One delivery in the receipt: how many of its messages had been handed over, how many are held."""

    delivery: Delivery
    left: int
    held: int


@dataclass(frozen=True)
class Receipt:
    """What a halt found. Once it is given, nothing more of these leaves until sending is allowed again."""

    halt: Halt
    deliveries: list[Held]

    @property
    def left(self) -> int:
        return sum(one.left for one in self.deliveries)

    @property
    def held(self) -> int:
        return sum(one.held for one in self.deliveries)


def stop_all(*, unit: OrganizationalUnit, by: User, at: datetime, reason: str) -> Receipt:
    """Nothing of the unit and below is handed over any more, for holders of *Start deliveries* on it.

    The halt commits first; then each delivery's row is locked once, which waits for the windows that were
    being handed over at that moment, so the figures are final.
    """
    halt = _begin(unit=unit, by=by, at=at, reason=reason.strip())
    below = affected().filter(unit__path__startswith=unit.path)
    receipt = Receipt(halt, [_hold(pk, halt) for pk in below.values_list("pk", flat=True)])
    _wait_for_proofs(unit)
    return receipt


def _wait_for_proofs(unit: OrganizationalUnit) -> None:
    """Proofs that were being handed over are on their way; one that still waits finds the halt and fails."""
    waiting = ProofMessage.objects.filter(
        status=ProofMessage.Status.WAITING, proof__delivery__unit__path__startswith=unit.path
    )
    for pk in waiting.order_by("proof__delivery").values_list("proof__delivery", flat=True).distinct():
        with transaction.atomic():
            Delivery.objects.locked(pk)


@transaction.atomic
def _begin(*, unit: OrganizationalUnit, by: User, at: datetime, reason: str) -> Halt:
    access.require(by, Right.START, unit)
    if not reason:
        raise HaltReasonMissing()
    try:
        with transaction.atomic():
            halt = Halt.objects.create(unit=unit, by=by, at=at, reason=reason[:300])
    except IntegrityError:
        raise AlreadyHalted(unit=unit) from None
    audit.record("stop_all_sending", by=by, target=unit, reason=halt.reason)
    return halt


@transaction.atomic
def _hold(delivery_id: int, halt: Halt) -> Held:
    delivery = Delivery.objects.locked(delivery_id)
    before = confirmation.before_stopping(delivery)
    LogLine.objects.create(
        delivery=delivery, preparation=delivery.preparation, at=halt.at, level=LogLine.Level.WARNING,
        text=n_("Held: %(by)s stopped all sending. %(left)s had been handed over, %(held)s are held"),
        slots={"by": str(halt.by), "left": before.left, "held": before.cancelled},
    )  # fmt: skip
    return Held(delivery, left=before.left, held=before.cancelled)


@transaction.atomic
def allow(*, unit: OrganizationalUnit, by: User, at: datetime) -> Halt:
    """What was held goes on from the exact message where it stopped."""
    access.require(by, Right.START, unit)
    halt = Halt.objects.in_force().select_for_update().filter(unit=unit).first()
    if halt is None:
        raise NotHalted(unit=unit)
    halt.lifted_at, halt.lifted_by = at, by
    halt.save(update_fields=["lifted_at", "lifted_by"])
    audit.record("allow_sending", by=by, target=unit)
    queues.TICK.enqueue()
    return halt


def affected() -> QuerySet[Delivery]:
    """What a halt holds back: deliveries that are confirmed and not over."""
    return Delivery.objects.filter(status__in=HELD).select_related("unit").order_by("pk")


def shown_to(user: User) -> list[Halt]:
    """The halts in force that concern whoever looks; `may_allow` says whether he may lift one."""
    halts = list(Halt.objects.in_force().select_related("unit", "by"))
    if not halts:
        return []
    readable = set(access.readable_units(user).values_list("pk", flat=True))
    startable = set(access.units(user, Right.START).values_list("pk", flat=True))
    shown = [halt for halt in halts if halt.unit_id in readable]
    for halt in shown:
        halt.may_allow = halt.unit_id in startable
    return shown
