"""An address that opted out, whoever has it or comes in with it: noted by an administrator, and taken back by one."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _
from psycopg import sql

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from accounts.roles import root
from audiences import addresses
from audiences.models import AddressOptOut, ConsentEvent
from audiences.services import subscribing
from audiences.services.subscribing import Origin
from campaign.lib.refusals import Refusal

Channel = ConsentEvent.Channel
CHANNELS = (Channel.EMAIL, Channel.ANY)  # an address of mail says nothing of phones


class NotAnAddress(Refusal):
    message = _("“%(address)s” is no email address.")
    code = "not_an_address"
    exit_code = 2


class NoSuchChannel(Refusal):
    message = _("An address opts out of email, or of any channel.")
    code = "no_such_channel"
    exit_code = 2


@transaction.atomic
def opt_out(*, address: str, channel: str, at: datetime, by: User, source: str) -> AddressOptOut:
    """Nobody is written to at this address, and the subscriptions of whoever has it end; the same for one that was so.

    Raise access.NotAllowed without the right to administer the topmost unit, NotAnAddress and NoSuchChannel.
    """
    key = _checked(address, channel, by)
    row, is_new = AddressOptOut.objects.get_or_create(channel=channel, address_key=key, defaults={"at": at})
    ids = sql.SQL("SELECT id FROM audiences_profile WHERE email_key = {}").format(sql.Literal(key))
    subscribing.leave_many(service=None, profile_ids=ids, origin=Origin(at, source, by))
    if is_new:
        _log(row, True, at, by, source)
    return row


@transaction.atomic
def take_back(*, address: str, channel: str, at: datetime, by: User, source: str) -> bool:
    """The address may be used again, by profiles that did not opt out themselves; False if it was so.

    Raise as `opt_out` does.
    """
    key = _checked(address, channel, by)
    row = AddressOptOut.objects.select_for_update().filter(channel=channel, address_key=key).first()
    if row is None:
        return False
    _log(row, False, at, by, source)
    row.delete()
    return True


def _checked(address: str, channel: str, by: User) -> str:
    access.require(by, Right.ADMINISTER, root())
    if channel not in CHANNELS:
        raise NoSuchChannel()
    key = addresses.read(address)[1]
    if not key:
        raise NotAnAddress(address=address[:80])
    return key


def _log(row: AddressOptOut, opted_out: bool, at: datetime, by: User, source: str) -> None:
    ConsentEvent.objects.create(
        profile=None,
        address_key=row.address_key,
        channel=row.channel,
        opted_out=opted_out,
        at=at,
        source=source,
        by=by,
    )
    audit.record("opt_out_address" if opted_out else "opt_in_address", by=by, target=row, channel=row.channel)
