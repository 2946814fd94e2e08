"""Who may send in a unit's name: rows that its administrators keep, and that hold in all units below too."""

import unicodedata

from django.db import transaction
from django.db.models.functions import Length
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from accounts.units.proof_addresses import key_of
from campaign.lib import mail_domains
from campaign.lib.refusals import Refusal
from deliveries.models import Route, Sender
from deliveries.routing import authentication, dns_answers

MOST = 200  # of one unit
_BREAKING = {
    "Cc",
    "Cs",
    "Zl",
    "Zp",
}  # what can't stand in a line: controls, halves of a character, ends of lines
ADDRESS, NAME, REPLY_TO = _("Address or domain"), _("Sender's name"), _("Reply to")  # as refusals name them


class NotASender(Refusal):
    message = _(
        "%(field)s: “%(entry)s” is neither an address nor a domain, as in news@example.com or example.com."
    )
    code = "not_a_sender"
    exit_code = 2


class NoReplyAddress(Refusal):
    message = _("%(field)s: “%(entry)s” is no address, as in news@example.com.")
    code = "not_an_address"
    exit_code = 2


class UnfitName(Refusal):
    message = _("%(field)s: write at most 200 characters, all in one line.")
    code = "unfit_name"
    exit_code = 2


class PublicProvider(Refusal):
    message = _(
        "“%(domain)s” is a public mail provider, which signs nothing that others send: use an address of your own "
        "domain."
    )
    code = "public_provider"


class TooManySenders(Refusal):
    message = _("A unit has at most %(most)s senders: enter a domain instead.")
    code = "too_many_senders"


class NoSuchSender(Refusal):
    message = _("“%(unit)s” has no sender “%(entry)s” of its own.")
    code = "no_such_sender"


def of_unit(unit: OrganizationalUnit) -> list[Sender]:
    """The senders that hold in the unit: its own ones first, then those of the units above."""
    rows = Sender.objects.filter(unit__in=unit.lineage).select_related("unit", "route")
    return list(rows.order_by(Length("unit__path").desc(), "address"))


def offered(unit: OrganizationalUnit) -> list[Sender]:
    """The addresses that a delivery of the unit can choose from, nearest first."""
    return [sender for sender in of_unit(unit) if sender.is_address]


def suggested(unit: OrganizationalUnit) -> dict[str, str]:
    """What a new content of the unit begins with: the nearest address on its lists, its name and reply address."""
    first = next(iter(offered(unit)), None)
    return parts(first) if first else {}


def parts(sender: Sender) -> dict[str, str]:
    """What a content says that comes from this sender."""
    return {"from_address": sender.address, "from_name": sender.name, "reply_to": sender.reply_to}


def is_listed(unit: OrganizationalUnit, address: str) -> bool:
    """Whether the address, or its domain, is a sender of the unit or of one above."""
    key = key_of(address)
    entries = [key, key.rpartition("@")[2]]
    return bool(key) and Sender.objects.filter(unit__in=unit.lineage, address__in=entries).exists()


@transaction.atomic
def save(
    *,
    unit: OrganizationalUnit,
    address: str,
    name: str = "",
    reply_to: str = "",
    route: Route | None = None,
    by: User,
) -> Sender:
    """The unit has this sender, an address or a domain, with this name, address of replies and route.

    What DNS says of its domain is asked in the background. Raise NotAllowed without the right to administer the unit,
    TooManySenders where it has as many as it may, and another Refusal that names the field.
    """
    access.require(by, Right.ADMINISTER, unit)
    entry = _entry(address)
    wanted = {"name": _name(name), "reply_to": _reply_to(reply_to), "route": route.label if route else ""}
    list(OrganizationalUnit.objects.select_for_update(no_key=True).filter(pk=unit.pk).values_list("pk"))
    sender = Sender.objects.filter(unit=unit, address=entry).first()
    before = _said(sender) if sender else None
    if sender is None:
        if Sender.objects.filter(unit=unit).count() >= MOST:
            raise TooManySenders(most=MOST)
        sender = Sender(unit=unit, address=entry, created_by=by)
    dns_answers.want(authentication.names_of_domain(sender.domain))
    if before == wanted:
        return sender
    sender.name, sender.reply_to, sender.route = wanted["name"], wanted["reply_to"], route
    sender.save()
    audit.record("save_sender", by=by, target=sender, unit=unit.label, before=before, after=wanted)
    return sender


@transaction.atomic
def remove(*, unit: OrganizationalUnit, address: str, by: User) -> None:
    """The unit has this sender no more. Raises NotAllowed, and NoSuchSender where it is none of the unit's own."""
    access.require(by, Right.ADMINISTER, unit)
    sender = Sender.objects.filter(unit=unit, address=_key(address)).first()
    if sender is None:
        raise NoSuchSender(unit=unit, entry=address[:320])
    audit.record(
        "remove_sender", by=by, target=sender, unit=unit.label, name=sender.name, reply_to=sender.reply_to
    )
    sender.delete()


def _said(sender: Sender) -> dict[str, str]:
    route = sender.route.label if sender.route else ""
    return {"name": sender.name, "reply_to": sender.reply_to, "route": route}


def _key(text: str) -> str:
    """An address or a domain as it is stored; empty for what is neither."""
    local, _at, domain = text.strip().rpartition("@")
    key = key_of(f"{local or 'somebody'}@{domain}")
    return key if local else key.rpartition("@")[2]


def _entry(text: str) -> str:
    entry = _key(text)
    if not entry:
        raise NotASender(field=ADDRESS, entry=text.strip()[:320])
    domain = entry.rpartition("@")[2]
    if mail_domains.is_public_provider(domain):
        raise PublicProvider(domain=domain)
    return entry


def _name(text: str) -> str:
    name = text.strip()
    if len(name) > 200 or any(unicodedata.category(sign) in _BREAKING for sign in name):
        raise UnfitName(field=NAME)
    return name


def _reply_to(text: str) -> str:
    if not text.strip():
        return ""
    key = key_of(text)
    if not key:
        raise NoReplyAddress(field=REPLY_TO, entry=text.strip()[:320])
    return key
