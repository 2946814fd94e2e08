"""Where proofs of a unit may go: lists of addresses and domains that its administrators keep.

A list holds in its unit and in all below, and a unit below may only narrow it: what goes out must be on every list
on the way up. Where there is none on the way, the domains of the unit's own people are allowed; whoever has a mailbox
at a public provider opens that mailbox, and not the provider. One's own verified address is always allowed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from email_validator import EmailNotValidError, validate_email

from accounts import access, audit
from accounts.models import OrganizationalUnit, User
from accounts.people import people
from accounts.rights import Right
from campaign.lib.mail_domains import PUBLIC_PROVIDERS
from campaign.lib.refusals import Refusal

MOST = 500
SHOWN = 5


class NoAddressOrDomain(Refusal):
    message = _(
        "Line %(line)s: “%(entry)s” is neither an address nor a domain, as in ana@example.com or example.com."
    )
    code = "not_an_address_or_domain"


class OpenToEverybody(Refusal):
    message = _(
        "Line %(line)s: at “%(domain)s”, a public mail provider, anybody has an address. Name each address in full."
    )
    code = "public_provider"


class WiderThanAbove(Refusal):
    message = _(
        "Line %(line)s: “%(entry)s” is not on the list of “%(above)s” above: a unit below can only narrow it."
    )
    code = "wider_than_above"


class TooManyEntries(Refusal):
    message = _(
        "A list has at most %(most)s addresses and domains; these are %(number)s. Name domains instead."
    )
    code = "too_many_entries"


@dataclass(frozen=True)
class List:
    """The list that a unit keeps."""

    unit: str
    entries: frozenset[str]

    def has(self, key: str) -> bool:
        """Whether an address, or a domain, is on it: itself or by its domain."""
        return key in self.entries or key.rpartition("@")[2] in self.entries


@dataclass(frozen=True)
class Allowed:
    """Where proofs of one unit may go."""

    lists: Sequence[List]  # from the top down; each must have it
    of_people: frozenset[str] = frozenset()  # where there is no list

    def has(self, key: str) -> bool:
        """Whether a proof may go to the address with this key."""
        if self.lists:
            return all(each.has(key) for each in self.lists)
        return List("", self.of_people).has(key)

    @property
    def entries(self) -> list[str]:
        """The addresses and domains that are allowed after all."""
        every = {entry for each in self.lists for entry in each.entries} or self.of_people
        return sorted(entry for entry in every if self.has(entry))

    def __str__(self) -> str:
        return in_short(self.entries)


def in_short(entries: Sequence[str]) -> str:
    """The first addresses and domains, and how many more there are."""
    words, more = ", ".join(entries[:SHOWN]) or _t("no address"), len(entries) - SHOWN
    return words if more <= 0 else _t("%(some)s and %(more)s more") % {"some": words, "more": more}


def of_unit(unit: OrganizationalUnit) -> Allowed:
    """Where proofs of the unit may go, whoever sends them; at most three queries."""
    lists = _lists(unit.lineage)
    if lists:
        return Allowed(lists)
    own = Q(home_unit__in=unit.lineage) | Q(role_grants__unit__in=unit.lineage)
    addresses = people.verified_addresses(User.objects.filter(own, is_active=True).distinct()).values()
    return Allowed([], frozenset(_opens(key) for key in map(key_of, addresses) if key))


def _opens(key: str) -> str:
    domain = key.rpartition("@")[2]
    return key if domain in PUBLIC_PROVIDERS else domain


def _lists(lineage: Sequence[int]) -> list[List]:
    rows = OrganizationalUnit.objects.filter(pk__in=lineage, proof_addresses__isnull=False).order_by("path")
    return [List(unit.label, frozenset(unit.proof_addresses or [])) for unit in rows]


@transaction.atomic
def save(*, unit: OrganizationalUnit, entries: Iterable[str], by: User) -> None:
    """The unit keeps this list of addresses and domains; with nothing on it the unit has no list of its own."""
    list(OrganizationalUnit.objects.select_for_update(no_key=True).filter(pk=unit.pk).values_list("pk"))
    unit.refresh_from_db()
    access.require(by, Right.ADMINISTER, unit)
    wanted = _read(entries, _lists(unit.lineage[:-1])) or None
    before = unit.proof_addresses
    if wanted == before:
        return
    unit.proof_addresses = wanted
    unit.save(update_fields=["proof_addresses"])
    audit.record("save_proof_addresses", by=by, target=unit, before=before, after=wanted)


def _read(entries: Iterable[str], above: Sequence[List]) -> list[str]:
    """The entries in their plain form, each once. The refusal names the line."""
    found: dict[str, None] = {}
    for line, entry in enumerate(entries, start=1):
        if text := entry.strip():
            found[_entry(text, line, above)] = None
    if len(found) > MOST:
        raise TooManyEntries(most=MOST, number=len(found))
    return sorted(found)


def _entry(text: str, line: int, above: Sequence[List]) -> str:
    address, _at, domain = text.rpartition("@")
    key = key_of(f"{address or 'somebody'}@{domain}")
    if not key:
        raise NoAddressOrDomain(line=line, entry=text[:320])
    entry = key if address else key.rpartition("@")[2]
    if entry in PUBLIC_PROVIDERS:
        raise OpenToEverybody(line=line, domain=entry)
    for each in above:
        if not each.has(entry):
            raise WiderThanAbove(line=line, entry=entry, above=each.unit)
    return entry


def key_of(address: str) -> str:
    """What an address is compared by: lower case, its domain in ASCII; empty for what is none."""
    try:
        found = validate_email(address.strip(), check_deliverability=False)
    except (EmailNotValidError, UnicodeError):
        return ""
    return f"{found.normalized.rpartition('@')[0].lower()}@{found.ascii_domain.lower()}"


def words(unit: OrganizationalUnit) -> str | Promise:
    """What holds in a unit, for people."""
    allowed = of_unit(unit)
    if not allowed.lists:
        return _("No list: the domains of the unit's people (%(allowed)s)") % {"allowed": allowed}
    return str(allowed)
