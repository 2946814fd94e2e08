"""Rows that were kept long enough go, slice by slice; the delivery says since when, and by which setting.

Each slice is a transaction of its own, in which the delivery says so: whoever is killed in between has left nothing
half done, and the next run goes on. Two runs at once take turns.
"""

from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as n_

from accounts import audit
from accounts.models import OrganizationalUnit
from accounts.units import units
from campaign.lib.refusals import Refusal
from deliveries.ledger import books, deleting
from deliveries.ledger.deleting import AT_ONCE
from deliveries.lifecycle import groups, log
from deliveries.models import Delivery, Purge, RetentionKind
from deliveries.models.retention import COUNTED_FROM
from deliveries.retention.due import Due, due

BEGAN = {
    RetentionKind.RECIPIENTS: n_("Rows of recipients go: “%(unit)s” keeps them for %(days)s days"),
    RetentionKind.REACTIONS: n_("Opens and clicks go: “%(unit)s” keeps them for %(days)s days"),
    RetentionKind.MAIL: n_("Mails that came back go: “%(unit)s” keeps them for %(days)s days"),
    RetentionKind.PROOFS: n_("Addresses and values of proofs go: “%(unit)s” keeps them for %(days)s days"),
}


class BooksOff(Refusal):
    message = _("The books of “%(delivery)s” don't balance: its rows stay until they do. Reconcile it.")
    code = "books_off"


@transaction.atomic
def purge_slice(
    delivery_id: int,
    kind: RetentionKind,
    *,
    at: datetime,
    delete: Callable[[int], int],
    freeze: Callable[[Delivery, datetime], None],
) -> int | None:
    """The next rows of this kind are gone; return how many, 0 once all are, None where none may go now.

    `delete` takes the next rows away and returns their number. Before the first of the delivery's rows goes `freeze`
    keeps its figures. A delivery that somebody holds locked is left alone. Raise BooksOff where its books are off.
    """
    purge = _begun(delivery_id, kind, at=at, freeze=freeze)
    if purge is None:
        return None
    number = delete(delivery_id)
    ended_at = None if number else purge.ended_at or at
    Purge.objects.filter(pk=purge.pk).update(rows=F("rows") + number, ended_at=ended_at)
    if ended_at and not purge.ended_at:
        audit.record("end_purge", by=None, target=purge.delivery, kind=str(kind), rows=purge.rows)
    return number


@transaction.atomic
def keep_addressees(
    delivery_id: int, *, at: datetime, freeze: Callable[[Delivery, datetime], None], most: int = AT_ONCE
) -> bool | None:
    """Of the next messages it is kept whom they were written to, so that they may go at once with their whole range.

    Return whether there may be more, None where none may go now. Figures are kept first, as before a slice goes. Raise
    BooksOff where the delivery's books are off.
    """
    purge = _begun(delivery_id, RetentionKind.RECIPIENTS, at=at, freeze=freeze)
    if purge is None:
        return None
    upto = deleting.keep_addressees(delivery_id, after=purge.kept_upto, most=most)
    if upto:
        Purge.objects.filter(pk=purge.pk).update(kept_upto=upto)
    return upto > 0


def _begun(
    delivery_id: int, kind: RetentionKind, *, at: datetime, freeze: Callable[[Delivery, datetime], None]
) -> Purge | None:
    """What has gone of this kind, noted with the first of it; None where none may go now, or somebody has it locked."""
    units.lock_tree()  # a hold on a unit is placed, and a unit moved, before this slice or after it
    over = Delivery.objects.select_for_update(of=("self",), skip_locked=True).filter(status__in=groups.FINAL)
    delivery = over.select_related("preparation", "unit").filter(pk=delivery_id).first()
    setting = next(iter(due(kind, at=at, only=[delivery_id])), None) if delivery is not None else None
    if delivery is None or setting is None:
        return None
    if kind in COUNTED_FROM and not delivery.purges.filter(kind__in=COUNTED_FROM).exists():
        if books.imbalance(delivery):
            raise BooksOff(delivery=delivery)
        freeze(delivery, at)
    return delivery.purges.filter(kind=kind).first() or _begin(delivery, kind, setting, at)


def _begin(delivery: Delivery, kind: RetentionKind, setting: Due, at: datetime) -> Purge:
    unit = OrganizationalUnit.objects.get(pk=setting.unit_id)
    purge = Purge.objects.create(delivery=delivery, kind=kind, days=setting.days, unit=unit, at=at)
    audit.record("begin_purge", by=None, target=delivery, kind=str(kind), days=setting.days, unit=unit.label)
    log.write(delivery, at, BEGAN[kind], unit=unit.label, days=setting.days)
    return purge
