"""A legal hold on a delivery or a unit: nothing of it goes, by no setting and by nobody, until it is lifted."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from accounts.units import units
from campaign.lib.refusals import Refusal
from deliveries.models import Delivery, LegalHold
from deliveries.models.retention import HoldQuerySet


class HoldReasonMissing(Refusal):
    message = _("Say why it must be kept: whoever looks at it later will read it.")
    code = "reason_missing"


class AlreadyHeld(Refusal):
    message = _("“%(target)s” is under a legal hold already.")
    code = "already_held"


class NotHeld(Refusal):
    message = _("“%(target)s” has no legal hold of its own. One may stand further up.")
    code = "not_held"


class Held(Refusal):
    message = _("“%(target)s” is under a legal hold since %(since)s (%(reason)s): nothing of it may go.")
    code = "held"


class MovesOutOfHold(Refusal):
    message = _(
        "“%(held)s” is under a legal hold: moved away from there, what “%(unit)s” has sent could go. Lift it first, or "
        "put “%(unit)s” under a hold of its own."
    )
    code = "moves_out_of_hold"


@transaction.atomic
def place(*, on: Delivery | OrganizationalUnit, reason: str, by: User, at: datetime) -> LegalHold:
    """Nothing of the delivery, or of all deliveries of the unit and below, goes from now on.

    Raise access.NotAllowed without *Administration* there, HoldReasonMissing, and AlreadyHeld.
    """
    access.require(by, Right.ADMINISTER, on)
    reason = reason.replace("\x00", "").strip()[:300]
    if not reason:
        raise HoldReasonMissing()
    if isinstance(on, Delivery):
        on = Delivery.objects.locked(on.pk)  # a slice that goes at this moment is waited for
    else:
        units.lock_tree()
    try:
        with transaction.atomic():
            hold = LegalHold.objects.create(**_on(on), reason=reason, by=by, at=at)
    except IntegrityError:
        raise AlreadyHeld(target=on) from None
    audit.record("place_hold", by=by, target=on, reason=reason)
    return hold


@transaction.atomic
def lift(*, on: Delivery | OrganizationalUnit, by: User, at: datetime) -> LegalHold:
    """End the hold of just this delivery or unit. Raise access.NotAllowed, and NotHeld where it has none."""
    access.require(by, Right.ADMINISTER, on)
    hold = LegalHold.objects.in_force().select_for_update(of=("self",)).filter(**_on(on)).first()
    if hold is None:
        raise NotHeld(target=on)
    hold.lifted_at, hold.lifted_by = at, by
    hold.save(update_fields=["lifted_at", "lifted_by"])
    audit.record("lift_hold", by=by, target=on, hold=hold.pk, reason=hold.reason)
    return hold


def _on(target: Delivery | OrganizationalUnit) -> dict[str, Delivery | OrganizationalUnit]:
    return {"delivery" if isinstance(target, Delivery) else "unit": target}


def of_delivery(delivery: Delivery) -> HoldQuerySet:
    """The holds that keep the delivery now: its own, and those of its unit and above."""
    return LegalHold.objects.covering(delivery).select_related("delivery", "unit", "by")


def of_unit(unit: OrganizationalUnit) -> HoldQuerySet:
    """All holds, lifted ones too, that concern the unit: its own, of units above and below, and of deliveries below."""
    concerned = Q(unit__in=unit.lineage) | Q(unit__path__startswith=unit.path)
    rows = LegalHold.objects.filter(concerned | Q(delivery__unit__path__startswith=unit.path))
    return rows.select_related("delivery__unit", "unit", "by", "lifted_by")


def refuse_deletion(delivery: Delivery) -> None:
    """Raise Held where a hold keeps the delivery."""
    hold = of_delivery(delivery).first()
    if hold is not None:
        raise Held(target=hold.delivery or hold.unit, since=f"{hold.at:%Y-%m-%d}", reason=hold.reason)


def refuse_escape(unit: OrganizationalUnit, parent: OrganizationalUnit) -> None:
    """Raise MovesOutOfHold for a move that takes a unit out of a branch under a hold."""
    in_force = LegalHold.objects.in_force()
    if in_force.filter(unit__in=[unit.pk, *parent.lineage]).exists():
        return
    hold = in_force.filter(unit__in=unit.lineage).select_related("unit").first()
    if hold is not None:
        raise MovesOutOfHold(held=hold.unit, unit=unit)
