"""Stop all sending: one decision for a unit and everything below it, and the receipt of what it held back.

A halt changes no status. Gate and ledger check it whenever something would be handed over, so it takes hold at the
next window of every lane, and scheduled deliveries wait.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as n_
from django.utils.translation import ngettext

from accounts import access, audit
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from accounts.units import units
from campaign.lib import prepared
from campaign.lib.refusals import Refusal
from deliveries import queues
from deliveries.ledger import barrier
from deliveries.lifecycle import groups, log
from deliveries.models import Delivery, Halt, LogLine, ProofMessage
from deliveries.sending.control import receipts

ANY_IN_FORCE = "SELECT 1 FROM deliveries_halt WHERE lifted_at IS NULL LIMIT 1"


class HaltReasonMissing(Refusal):
    message = _("Say why: everybody whose sending is stopped will read it.")
    code = "reason_missing"


class AlreadyHalted(Refusal):
    message = _("All sending of “%(unit)s” is stopped already.")
    code = "already_halted"


class NotHalted(Refusal):
    message = _("Sending of “%(unit)s” is not stopped. It may be stopped further up.")
    code = "not_halted"


class MovesOutOfHalt(Refusal):
    message = _(
        "%(by)s stopped all sending of “%(halted)s”: moved away from there, what “%(unit)s” has confirmed would leave. "
        "Allow sending again first, or stop all sending of “%(unit)s” too."
    )
    code = "moves_out_of_halt"


@dataclass(frozen=True)
class HaltedDelivery:
    """One delivery in the receipt: how many of its messages had been handed over, how many are held.

    Held is what would leave, including later tries. `unsent` failed before, without any server being asked, as when
    the validity period was over; excluded recipients are in none of them.
    """

    delivery: Delivery
    left: int
    held: int
    unsent: int = 0


@dataclass(frozen=True)
class HaltReceipt:
    """What a halt found. Once it is returned, nothing of these deliveries leaves until sending is allowed again."""

    halt: Halt
    deliveries: list[HaltedDelivery]

    @property
    def left(self) -> int:
        return sum(one.left for one in self.deliveries)

    @property
    def held(self) -> int:
        return sum(one.held for one in self.deliveries)

    @property
    def unsent(self) -> int:
        return sum(one.unsent for one in self.deliveries)

    @property
    def remark(self) -> str:
        """What the two numbers leave out, in a sentence; empty where they are all."""
        if not self.unsent:
            return ""
        return ngettext(
            "%(n)s is neither: it had failed before, unsent, as when the validity period was over.",
            "%(n)s are neither: they had failed before, unsent, as when the validity period was over.",
            self.unsent,
        ) % {"n": self.unsent}

    @property
    def text(self) -> str:
        """The receipt in one sentence."""
        left = ngettext("%(n)s message had left", "%(n)s messages had left", self.left) % {"n": self.left}
        held = ngettext("%(n)s is held", "%(n)s are held", self.held) % {"n": self.held}
        return _t("All sending is stopped: %(left)s, %(held)s.") % {"left": left, "held": held}


def stop_all(*, unit: OrganizationalUnit, by: User, at: datetime, reason: str) -> HaltReceipt:
    """Stop all sending of the unit and everything below it, and return the receipt.

    The halt commits first; then the windows that were being handed over at that moment are waited for, delivery by
    delivery, so the figures are final. Raise access.NotAllowed without *Start deliveries* on the unit.
    """
    halt = _begin(unit=unit, by=by, at=at, reason=reason.strip())
    below = affected().filter(unit__path__startswith=unit.path)
    receipt = HaltReceipt(halt, [_hold(pk, halt) for pk in below.values_list("pk", flat=True)])
    _wait_for_proofs(unit)
    return receipt


def _wait_for_proofs(unit: OrganizationalUnit) -> None:
    """Wait for the proofs that are being handed over; one that has not begun finds the halt and fails."""
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
    units.lock_tree()  # whatever stands below the unit now stands there until the halt is committed
    try:
        with transaction.atomic():
            halt = Halt.objects.create(unit=unit, by=by, at=at, reason=reason[:300])
    except IntegrityError:
        raise AlreadyHalted(unit=unit) from None
    audit.record("stop_all_sending", by=by, target=unit, reason=halt.reason)
    return halt


def _hold(delivery_id: int, halt: Halt) -> HaltedDelivery:
    barrier.settle(delivery_id)
    return _note_held(delivery_id, halt)


@transaction.atomic
def _note_held(delivery_id: int, halt: Halt) -> HaltedDelivery:
    delivery = Delivery.objects.locked(delivery_id)
    found = receipts.standing(delivery_id)
    left, held = found.left + found.refused, found.waiting
    log.write(
        delivery, halt.at, n_("Held: %(by)s stopped all sending. %(left)s had been handed over, %(held)s are held"),
        level=LogLine.Level.WARNING, by=str(halt.by), left=left, held=held,
    )  # fmt: skip
    return HaltedDelivery(delivery, left=left, held=held, unsent=found.unsent)


@transaction.atomic
def allow(*, unit: OrganizationalUnit, by: User, at: datetime) -> Halt:
    """End the halt of this unit: what it held goes on from the exact message where it stopped.

    Raise NotHalted where the unit has none, and access.NotAllowed.
    """
    access.require(by, Right.START, unit)
    halt = Halt.objects.in_force().select_for_update().filter(unit=unit).first()
    if halt is None:
        raise NotHalted(unit=unit)
    halt.lifted_at, halt.lifted_by = at, by
    halt.save(update_fields=["lifted_at", "lifted_by"])
    audit.record("allow_sending", by=by, target=unit)
    queues.TICK.enqueue()
    return halt


def refuse_escape(unit: OrganizationalUnit, parent: OrganizationalUnit) -> None:
    """Raise MovesOutOfHalt for a move that takes a unit out of a branch whose sending is stopped.

    It would go on where it comes to, unseen by anybody.
    """
    in_force = Halt.objects.in_force()
    if in_force.filter(unit__in=[unit.pk, *parent.lineage]).exists():
        return  # the unit is held where it comes to, too
    halt = in_force.filter(unit__in=unit.lineage).select_related("by", "unit").first()
    if halt is not None:
        raise MovesOutOfHalt(by=halt.by, halted=halt.unit, unit=unit)


def affected() -> QuerySet[Delivery]:
    """Return what a halt holds back: deliveries that are confirmed and not over."""
    return Delivery.objects.filter(status__in=groups.RELEASED).select_related("unit").order_by("pk")


def shown_to(user: User) -> list[Halt]:
    """Return the halts in force that concern this person; `may_allow` says whether they may end one."""
    # Every page asks, and seldom is there one: what follows is dearer to put together than to ask for.
    if not prepared.rows(ANY_IN_FORCE, ()):
        return []
    halts = list(Halt.objects.in_force().select_related("unit", "by"))
    rights = access.on_units(user, [halt.unit for halt in halts])
    for halt in halts:
        halt.may_allow = Right.START in rights[halt.unit_id]
    return [halt for halt in halts if Right.VIEW in rights[halt.unit_id]]
