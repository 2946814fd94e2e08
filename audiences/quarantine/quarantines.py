"""Addresses that must not be used: held after errors, released by a person."""

from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import User
from accounts.rights import Right
from accounts.roles import root
from audiences import addresses
from audiences.models import AddressState, Quarantine
from audiences.quarantine import writer
from campaign.lib import clock
from campaign.lib.refusals import Refusal

Status = Quarantine.Status


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
    given = "SELECT %(key)s::text, 'quarantine', %(reason)s::text, %(error)s::text"
    said: dict[str, Any] = {
        "key": address_key,
        "reason": reason,
        "error": error_text,
        "at": at,
        "reference": reference,
    }
    with connection.cursor() as cursor:
        cursor.execute(writer.holding(given), said | writer.told_by(by))
    return Quarantine.objects.get(channel="email", address_key=address_key)


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
    writer.let_go([entry.pk], at=clock.now(), by=by, is_told=True)
    entry.refresh_from_db()
    return entry
