"""Addresses that must not be used: held after errors, released by a person."""

from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from accounts.roles import root
from audiences import addresses
from audiences.models import AddressState, Quarantine
from campaign.lib import clock
from campaign.lib.refusals import Refusal

Status = Quarantine.Status

# The one statement that puts addresses into quarantine or on the denylist: {given} is a query of key, status, reason
# and text of the error. An address that is held stays as it was, with what was known against it first; but one in
# quarantine whose owner complains is denied.
WRITE = """
    WITH given (address_key, status, reason, error_text) AS ({given})
    INSERT INTO audiences_quarantine AS q
        (channel, address_key, status, reason, error_text, errors, last_error_at, reference, created_at)
    SELECT DISTINCT ON (address_key) 'email', address_key, status, left(reason, 32), left(error_text, 500), 1,
        coalesce(%(at)s::timestamptz, sinete_clock()), left(%(reference)s::text, 128), clock_timestamp()
    FROM given ORDER BY address_key, status = 'denylist' DESC
    ON CONFLICT (channel, address_key) DO UPDATE
    SET status = excluded.status, reason = excluded.reason, error_text = excluded.error_text,
        errors = q.errors + 1, last_error_at = excluded.last_error_at, reference = excluded.reference,
        is_counted = false
    WHERE q.status NOT IN ('quarantine', 'denylist') OR q.status = 'quarantine' AND excluded.status = 'denylist'
"""
# The same with an audit event for each; whoever brings in a whole file has one event for all.
HOLD = f"""
    WITH held AS ({WRITE} RETURNING id, address_key, status, reason, reference)
    INSERT INTO accounts_auditevent (at, actor_id, actor_name, os_user, face, action, refused, target_type, target_id,
        target_label, detail)
    SELECT clock_timestamp(), %(by)s::bigint, %(by_name)s::text, %(os_user)s::text, %(face)s::text, status, false,
        'audiences.quarantine', id::text, '#' || id,
        jsonb_build_object('reason', reason, 'reference', reference)
    FROM held
"""


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
    return _write(address_key, Status.QUARANTINE, reason, error_text, at=at, reference=reference, by=by)


@transaction.atomic
def deny(*, address_key: str, at: datetime, reference: str, error_text: str = "") -> Quarantine:
    """Its owner complained: the address is on the denylist, whoever else it is known as."""
    return _write(address_key, Status.DENYLIST, "complaint", error_text, at=at, reference=reference, by=None)


def _write(
    address_key: str,
    status: str,
    reason: str,
    error_text: str,
    *,
    at: datetime,
    reference: str,
    by: User | None,
) -> Quarantine:
    with connection.cursor() as cursor:
        cursor.execute(
            HOLD.format(given="SELECT %(key)s::text, %(status)s::text, %(reason)s::text, %(error)s::text"),
            {
                "key": address_key, "status": status, "reason": reason, "error": error_text,
                "reference": reference, "at": at, "by": by.pk if by else None,
                "by_name": by.get_username() if by else "", "os_user": audit.os_user(), "face": audit.face(),
            },
        )  # fmt: skip
    return Quarantine.objects.get(channel="email", address_key=address_key)


def write_many(given: str, values: dict[str, Any]) -> list[str]:
    """Addresses of a query of key, status, reason and text are held; those that were not. The caller records it."""
    with connection.cursor() as cursor:
        cursor.execute(f"{WRITE.format(given=given)} RETURNING address_key", values)
        return [key for (key,) in cursor.fetchall()]


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
    entry.status, entry.errors, entry.is_counted, entry.forgiven_at = Status.VALID, 0, False, clock.now()
    entry.save(update_fields=["status", "errors", "is_counted", "forgiven_at"])
    audit.record("release", by=by, target=entry, before=before)
    return entry
