"""Addresses that must not be used: held after errors, released by a person."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from accounts.roles import root
from audiences import addresses
from audiences.models import AddressState, Quarantine
from campaign.lib.refusals import Refusal

Status = Quarantine.Status

HELD = (Status.QUARANTINE, Status.DENYLIST)


class NotAnAddress(Refusal):
    message = _("“%(address)s” is no email address.")
    code = "not_an_address"


class NotHeld(Refusal):
    message = _("“%(address)s” is not in quarantine.")
    code = "not_held"


@transaction.atomic
def hold(
    *,
    address_key: str,
    reason: str,
    error_text: str,
    at: datetime,
    reference: str,
    by: User | None = None,
) -> Quarantine:
    """The address is in quarantine, with the error that put it there."""
    if by is not None:
        access.require(by, Right.ADMINISTER, root())
    Quarantine.objects.bulk_create(
        [Quarantine(address_key=address_key, status=Status.VALID)], ignore_conflicts=True
    )
    entry = Quarantine.objects.select_for_update().get(channel="email", address_key=address_key)
    if entry.status in HELD:
        return entry
    entry.errors += 1
    entry.last_error_at, entry.reason, entry.reference = at, reason[:32], reference[:128]
    entry.error_text = error_text[:500]
    entry.status = Status.QUARANTINE
    entry.save()
    audit.record("quarantine", by=by, target=entry, reason=reason, reference=reference)
    return entry


@transaction.atomic
def deny(*, address_key: str, at: datetime, reference: str, error_text: str = "") -> Quarantine:
    """Its owner complained: the address is on the denylist, whoever else it is known as."""
    entry, _made = Quarantine.objects.update_or_create(
        channel="email",
        address_key=address_key,
        defaults={
            "status": Status.DENYLIST,
            "reason": "complaint",
            "last_error_at": at,
            "reference": reference[:128],
            "error_text": error_text[:500],
        },
    )
    audit.record("denylist", by=None, target=entry, reference=reference)
    return entry


def hold_by_hand(*, address: str, error_text: str, at: datetime, by: User) -> Quarantine:
    """Put an address into quarantine, as a person says; raise NotAnAddress for a text that is none."""
    state, key = addresses.read(address)
    if state != AddressState.GOOD:
        raise NotAnAddress(address=address)
    return hold(address_key=key, reason="by_hand", error_text=error_text, at=at, reference="", by=by)


@transaction.atomic
def release(*, address_key: str, by: User) -> Quarantine:
    """Let the address be used again, its errors forgotten; raise NotHeld where it wasn't kept from use."""
    access.require(by, Right.ADMINISTER, root())
    entry = Quarantine.objects.select_for_update().filter(channel="email", address_key=address_key).first()
    if entry is None or entry.status == Status.VALID:
        raise NotHeld(address=address_key)
    before = entry.status
    entry.status, entry.errors = Status.VALID, 0
    entry.save(update_fields=["status", "errors"])
    audit.record("release", by=by, target=entry, before=before)
    return entry


def suppressed(keys: Iterable[str]) -> set[str]:
    """Return those of the addresses that must not be used."""
    held = Quarantine.objects.filter(channel="email", address_key__in=list(keys), status__in=HELD)
    return set(held.values_list("address_key", flat=True))
