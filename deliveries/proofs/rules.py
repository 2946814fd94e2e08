"""To whom a proof may go, and how many in a day: so that it is no way round *Start deliveries*."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from accounts.models import OrganizationalUnit, User
from accounts.people import people
from accounts.units import proof_addresses
from audiences import addresses
from audiences.quarantine import suppression
from campaign.lib.refusals import Refusal
from deliveries.models import ProofUse

DAY = timedelta(days=1)
NAMED = 3  # addresses in a refusal


class AddressNotAllowed(Refusal):
    message = _(
        "Proofs of “%(unit)s” go to %(allowed)s, and to your own verified address: not to %(addresses)s. "
        "An administrator of the unit can put an address on its list."
    )
    code = "address_not_allowed"


class AddressHeld(Refusal):
    message = _("No proof goes to %(addresses)s: opted out, or in quarantine. Choose other test profiles.")
    code = "address_held"


class TooManyForPerson(Refusal):
    message = _("You can send %(limit)s copies of proofs in 24 hours; %(used)s have been sent. %(opens)s")
    code = "too_many_proofs_of_person"


class TooManyForUnit(Refusal):
    message = _(
        "“%(unit)s” can send %(limit)s copies of proofs in 24 hours; %(used)s have been sent. %(opens)s"
    )
    code = "too_many_proofs_of_unit"


def check(emails: Sequence[str], *, unit: OrganizationalUnit, by: User) -> None:
    """Return where each address may get a proof of this unit from this person.

    Raise AddressNotAllowed where the unit's list names neither an address nor its domain, and AddressHeld where one
    is in quarantine or its owner opted out.
    """
    keys = {addresses.read(email)[1]: email for email in emails}
    if barred := barred_from(keys, unit=unit, by=by):
        allowed = proof_addresses.of_unit(unit)
        raise AddressNotAllowed(unit=unit, allowed=allowed, addresses=_named(keys[key] for key in barred))
    if no := held(keys):
        raise AddressHeld(addresses=_named(keys[key] for key in no))


def barred_from(keys: Collection[str], *, unit: OrganizationalUnit, by: User | None) -> set[str]:
    """Return those of these addresses that the unit's list does not allow and that are not the person's own."""
    allowed = proof_addresses.of_unit(unit)
    own = addresses.read((people.verified_address(by) if by else None) or "")[1]
    return {key for key in keys if not key or (key != own and not allowed.has(key))}


def held(keys: Collection[str]) -> set[str]:
    """Of these addresses, those in quarantine and those whose owners opted out, in whatever unit they are known."""
    return suppression.held(keys)


def take(*, copies: int, unit: OrganizationalUnit, by: User, at: datetime) -> None:
    """Count so many copies for the person and for the unit.

    Raise TooManyForPerson or TooManyForUnit where that is more than may be sent in 24 hours. Whoever sends for the
    same unit or person at the same time waits here.
    """
    list(OrganizationalUnit.objects.select_for_update(no_key=True).filter(pk=unit.pk).values_list("pk"))
    list(User.objects.select_for_update(no_key=True).filter(pk=by.pk).values_list("pk"))
    limit = settings.SINETE["proofs_a_day_of_person"]
    used, opens = _room(Q(by=by), copies=copies, limit=limit, at=at)
    if used + copies > limit:
        raise TooManyForPerson(limit=limit, used=used, opens=opens)
    limit = settings.SINETE["proofs_a_day_of_unit"]
    used, opens = _room(Q(unit=unit), copies=copies, limit=limit, at=at)
    if used + copies > limit:
        raise TooManyForUnit(unit=unit, limit=limit, used=used, opens=opens)
    ProofUse.objects.create(by=by, unit=unit, at=at, copies=copies)


def _room(whose: Q, *, copies: int, limit: int, at: datetime) -> tuple[int, object]:
    """Return how many copies were used in the last 24 hours, and when so many can be sent, in words."""
    uses = ProofUse.objects.filter(whose, at__gt=at - DAY).order_by("at").values_list("at", "copies")
    rows = list(uses)
    used = left = sum(number for _moment, number in rows)
    if copies > limit:
        return used, _("Choose fewer test profiles.")
    for moment, number in rows:
        left -= number
        if left + copies <= limit:
            return used, _("%(copies)s copies can be sent again from %(moment)s on.") % {
                "copies": copies,
                "moment": _in_words(moment + DAY),
            }
    return used, ""


def _in_words(moment: datetime) -> str:
    return f"{date_format(timezone.localtime(moment), 'j M Y, H:i')} {timezone.get_current_timezone_name()}"


def _named(emails: Iterable[str]) -> str:
    every = sorted(emails)
    more = len(every) - NAMED
    some = ", ".join(every[:NAMED])
    return str(_("%(some)s and %(more)s more") % {"some": some, "more": more}) if more > 0 else some
