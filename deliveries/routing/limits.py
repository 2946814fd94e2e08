"""How many messages an hour may leave: what a limit may be, and the limit of one delivery.

Limits of routes and mailbox providers are set in `operations.route_settings`; `sending.throttle` enforces all of them.
"""

import re
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as n_

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from campaign.lib import numbers
from campaign.lib.refusals import Refusal
from deliveries.channels.paths import UnusableAddress, ascii_domain
from deliveries.lifecycle import groups, log
from deliveries.models import Delivery, Status
from deliveries.models.route import LARGEST_LIMIT

MESSAGES, DOMAINS = _("Messages an hour"), _("Domains")  # the fields, as refusals name them
NONE = ("", "none")  # how a person writes that there is no limit
_DOMAIN = re.compile(r"([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")


class LimitOutOfRange(Refusal):
    message = _("%(field)s: write a whole number from 1 to %(largest)s.")
    code = "limit_out_of_range"
    exit_code = 2


class BadDomain(Refusal):
    message = _("%(field)s: “%(domain)s” is no domain; write one like gmail.com.")
    code = "bad_domain"
    exit_code = 2


class DomainsMissing(Refusal):
    message = _("%(field)s: name at least one domain.")
    code = "domains_missing"
    exit_code = 2


class NothingLeavesAnyMore(Refusal):
    message = _("“%(delivery)s” is “%(status)s”: nothing leaves any more that a limit could slow.")
    code = "nothing_leaves"


def checked(value: object, *, field: str | Promise = MESSAGES) -> int | None:
    """Return the limit as a number of messages an hour, or None for no limit, from what a person typed.

    Raise LimitOutOfRange for anything but a whole number from 1 to LARGEST_LIMIT.
    """
    if value is None or (isinstance(value, str) and value.strip().lower() in NONE):
        return None
    if isinstance(value, str):
        value = numbers.whole(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST_LIMIT:
        raise LimitOutOfRange(field=field, largest=f"{LARGEST_LIMIT:,}")
    return value


def checked_domains(domains: Iterable[str], *, field: str | Promise = DOMAINS) -> list[str]:
    """Return the domains as the addresses of messages are compared with them: ASCII, lower case, each once, in order.

    Raise BadDomain for what is no domain, and DomainsMissing where there is none.
    """
    found = []
    for domain in domains:
        try:
            name = ascii_domain(domain.strip().removeprefix("@").removesuffix(".")).lower()
        except UnusableAddress:
            name = ""
        if len(name) > 253 or not _DOMAIN.fullmatch(name):
            raise BadDomain(field=field, domain=domain)
        found.append(name)
    if not found:
        raise DomainsMissing(field=field)
    return sorted(set(found))


def right_to_set(delivery: Delivery) -> Right | None:
    """Return the right that setting the delivery's limit needs now; None once nothing more leaves."""
    if delivery.status in groups.FINAL:
        return None
    return Right.PREPARE if delivery.status in groups.UNCONFIRMED else Right.START


@transaction.atomic
def set_limit(*, delivery: Delivery, per_hour: object, by: User, at: datetime) -> int | None:
    """Let so many messages of the delivery leave in an hour at most, from the next window on. Return the limit.

    It is no part of the seal: how fast changes neither what is sent nor to whom.

    Raise access.NotAllowed, NothingLeavesAnyMore where nothing is left to slow down, and what `checked` raises.
    """
    delivery = Delivery.objects.locked(delivery.pk)
    right = right_to_set(delivery)
    access.require(by, right or Right.START, delivery)
    if right is None:
        raise NothingLeavesAnyMore(delivery=delivery, status=Status(delivery.status).label)
    before, delivery.limit_per_hour = delivery.limit_per_hour, checked(per_hour)
    delivery.save(update_fields=["limit_per_hour", "changed_at"])
    audit.record("set_limit", by=by, target=delivery, before=before, after=delivery.limit_per_hour)
    if right == Right.START:
        _log(delivery, by, at)
    return delivery.limit_per_hour


def _log(delivery: Delivery, by: User, at: datetime) -> None:
    if limit := delivery.limit_per_hour:
        log.write(delivery, at, n_("%(by)s set the limit to %(limit)s an hour"), by=str(by), limit=limit)
    else:
        log.write(delivery, at, n_("%(by)s took the limit away"), by=str(by))
