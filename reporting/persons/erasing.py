"""Erase one person: whom it means, what would go and what would wait, and the erasure itself.

The first step is one transaction: the profile is gone, its wishes stand under a number, addresses are known by keyed
hashes, and from then on nothing leaves to the person. What hangs in deliveries follows chunk by chunk, at once where
nothing needs it any more, and else as soon as it does not: a job comes back to it.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import OperationalError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from accounts import access, audit
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from accounts.roles import root
from audiences import addresses
from audiences.models import Audience, Erasure, Import, Profile
from audiences.profiles import erasing as people
from audiences.quarantine import erased_addresses
from campaign.lib import clock, counts, numbers
from campaign.lib.refusals import Refusal
from deliveries.ledger import erasing as ledger
from deliveries.models import Message
from reporting.models import StandingFailures
from reporting.persons import erasers, identity
from reporting.persons.erasers import FATES
from reporting.persons.identity import Person
from reporting.persons.places import PLACES

WATCHED = timedelta(days=30)  # so long what comes back late is erased too
PATIENCE = "10s"  # for an import that is being written
NOBODY = 0  # the id of no profile

# By `% number`: what stands behind that number.
WAITS = {
    ledger.IN_HAND: ngettext_lazy(
        "message that is just being sent or waits for a worker's answer",
        "messages that are just being sent or wait for a worker's answer",
    ),
    ledger.LATE_ANSWER: ngettext_lazy(
        "message with unknown outcome, whose answer may still come",
        "messages with unknown outcome, whose answers may still come",
    ),
    ledger.OPEN_CHUNK: ngettext_lazy(
        "message of a delivery of an earlier version that is not through",
        "messages of deliveries of an earlier version that are not through",
    ),
    ledger.HELD: ngettext_lazy(
        "message, exclusion or mail of a delivery under a legal hold, until that is lifted",
        "messages, exclusions or mails of deliveries under a legal hold, until that is lifted",
    ),
    ledger.BUSY: ngettext_lazy(
        "message that somebody else is changing", "messages that somebody else is changing"
    ),
    "import_files": ngettext_lazy(
        "file of an import that is kept for some days and may name the person",
        "files of imports that are kept for some days and may name the person",
    ),
}


class NoSuchPerson(Refusal):
    message = _("Nothing is known here of “%(text)s”.")
    code = "no_such_person"
    exit_code = 2


class ElsewhereToo(Refusal):
    message = _(
        "Profiles of other units have this address too. Somebody who may erase personal data there as well must do it."
    )
    code = "elsewhere_too"


class Busy(Refusal):
    message = _("An import is just being written. Try again in a moment; nothing was erased.")
    code = "busy"


class Unconfirmed(Refusal):
    message = _("Type “%(word)s” to erase.")
    code = "unconfirmed"


@dataclass(frozen=True)
class Whom:
    """Everybody whom an erasure means: the profiles that share the address, and the addresses."""

    profiles: tuple[Profile, ...]
    persons: tuple[Person, ...]

    @property
    def keys(self) -> set[str]:
        return {key for person in self.persons for key in person.keys}

    @property
    def unit(self) -> OrganizationalUnit:
        return self.profiles[0].unit if self.profiles else root()

    @property
    def word(self) -> str:
        """What is typed to confirm: the address, or the id where there is none."""
        if self.profiles:
            return self.profiles[0].email_key or str(self.profiles[0].pk)
        return min(self.keys)


@dataclass(frozen=True)
class Line:
    """What is known in one place, and what becomes of it."""

    code: str
    label: str | Promise
    number: int
    fate: str | Promise


def find(text: str, *, by: User) -> Whom:
    """Return whom an address, the id of a profile or an external id means.

    Raise NoSuchPerson where nothing is known of it that this person may erase, and ElsewhereToo.
    """
    text = text.strip()
    chosen = _profile(text, by)
    key = chosen.email_key if chosen is not None else addresses.read(text)[1]
    return _meant(chosen, key, text, by=by)


def of_address(key: str, *, by: User) -> Whom:
    """Return whom an address means, and nobody who has the same as an external id.

    Raise NoSuchPerson and ElsewhereToo, as `find` does.
    """
    return _meant(None, key, key, by=by)


def _meant(chosen: Profile | None, key: str, text: str, *, by: User) -> Whom:
    profiles = (
        tuple(Profile.objects.select_related("unit").filter(email_key=key).order_by("pk")) if key else ()
    )
    if chosen is not None and not key:
        profiles = (chosen,)
    whom = Whom(profiles, _persons(profiles, key))
    if not profiles and not (key and access.can(by, Right.ERASE, root()) and any(lines(whom))):
        raise NoSuchPerson(text=text[:80])
    may = [access.can(by, Right.ERASE, profile) for profile in profiles]
    if any(may) and not all(may):
        raise ElsewhereToo
    if not all(may):
        if chosen is not None:
            access.require(by, Right.ERASE, chosen)
        raise NoSuchPerson(text=text[:80])
    return whom


def of(profile: Profile, *, by: User) -> Whom:
    """Return whom the erasure of a profile means. Raise NotAllowed, ElsewhereToo, NoSuchPerson once it is gone."""
    access.require(by, Right.ERASE, profile)
    chosen = Profile.objects.select_related("unit").filter(pk=profile.pk).first()
    if chosen is None:
        raise NoSuchPerson(text=str(profile.pk))
    return _meant(chosen, chosen.email_key, str(chosen.pk), by=by)


def _profile(text: str, by: User) -> Profile | None:
    rows = access.visible(by, Profile.objects.select_related("unit"))
    pk = numbers.key(text.removeprefix("#"))
    found = rows.filter(pk=pk).first() if pk is not None else None
    return found or rows.filter(external_id=text).exclude(external_id=None).first()


def _persons(profiles: tuple[Profile, ...], key: str) -> tuple[Person, ...]:
    if not profiles:
        return (Person(NOBODY, frozenset({key})),)
    return tuple(identity.whole(profile) for profile in profiles)


def lines(whom: Whom) -> list[Line]:
    """Return what is known of them, place by place, and what would become of it; nothing is changed."""
    found = counts.of((place.code, place.rows(person)) for place in PLACES for person in whom.persons)
    return [
        Line(place.code, place.label, number, FATES[place.code].words)
        for place in PLACES
        if (number := found.get(place.code, 0))
    ]


def waits(whom: Whom) -> dict[str, int]:
    """Return how much would have to wait if it were done now, by why."""
    found = {ledger.HELD: _held(whom.persons), "import_files": _files_before(clock.now())}
    return {why: number for why, number in found.items() if number}


def not_covered(whom: Whom) -> list[tuple[str | Promise, int]]:
    """Return where an address of theirs stands that no erasure changes, because people wrote it there themselves."""
    found: Counter[str | Promise] = Counter()
    for key in {each for person in whom.persons for each in person.spellings}:
        found[_("Rules of audiences that name the address")] += Audience.objects.filter(
            rule__icontains=key
        ).count()
        found[_("Units that name it among the addresses of proofs")] += OrganizationalUnit.objects.filter(
            proof_addresses__contains=[key]
        ).count()
        found[_("Users of Sinete with this address")] += User.objects.filter(email__iexact=key).count()
    return [(label, number) for label, number in found.items() if number]


def erase(whom: Whom, *, confirmed: str, by: User, at: datetime, reference: str = "") -> Erasure:
    """These people are erased: nothing more leaves to them, and what must wait goes as soon as it can.

    `confirmed` is what was typed: `Whom.word`. Raise Unconfirmed, access.NotAllowed, and Busy where an import is being
    written; then nothing was done.
    """
    if confirmed.strip().lower() != whom.word:
        raise Unconfirmed(word=whom.word)
    try:
        erasure = _first_step(whom, by=by, at=at, reference=reference)
    except OperationalError as error:
        raise Busy from error
    carry_on(erasure.pk)
    erasure.refresh_from_db()
    return erasure


@transaction.atomic
def _first_step(whom: Whom, *, by: User, at: datetime, reference: str) -> Erasure:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [PATIENCE])
    people.wait_for_others(whom.keys)
    profiles = _as_they_are_now(whom, by)
    persons = _persons(profiles, min(whom.keys, default=""))
    keys = {each.email_key for each in whom.profiles} | {key for each in persons for key in each.keys}
    erasure = Erasure.objects.create(
        unit=whom.unit, by=by, at=at, reference=reference[:128], watched_until=at + WATCHED
    )
    gone = {"audit": erasers.redact_trail(persons)}
    for code, eraser in erasers.ERASERS.items():
        gone[code] = sum(eraser(person) for person in persons)
    gone |= people.forget(
        erasure,
        profile_ids=[profile.pk for profile in profiles],
        keys=keys - {""},
        messages_gone={person.profile_id: person.gone for person in persons},
    )
    people.note(erasure.pk, gone=gone, waits={})
    audit.record("erase_person", by=by, target=erasure, unit=whom.unit.label, redacted=gone["audit"])
    return erasure


def _as_they_are_now(whom: Whom, by: User) -> tuple[Profile, ...]:
    """The profiles, held; with those that came in with the address while others were waited for.

    Raise NoSuchPerson where somebody else has just erased them, ElsewhereToo, and access.NotAllowed.
    """
    meant = Q(pk__in=[profile.pk for profile in whom.profiles])
    for key in {profile.email_key for profile in whom.profiles} or whom.keys:
        meant |= Q(email_key=key) if key else Q()
    locked = Profile.objects.select_for_update(of=("self",)).select_related("unit").filter(meant)
    profiles = tuple(locked.order_by("pk"))
    if whom.profiles and not profiles:
        raise NoSuchPerson(text=whom.word)
    for profile in profiles or (root(),):
        if whom.profiles and profile not in whom.profiles and not access.can(by, Right.ERASE, profile):
            raise ElsewhereToo
        access.require(by, Right.ERASE, profile)
    return profiles


def carry_on(erasure_id: int) -> Erasure:
    """What could not be erased yet is, as far as nothing needs it any more; twice does no harm."""
    erasure = Erasure.objects.get(pk=erasure_id)
    gone_to = dict(erasure.profiles.values_list("profile_id", "messages_gone"))
    swept = ledger.sweep(list(gone_to), before_emptying=lambda keys: people.forget_late(erasure, keys))
    gone = {"messages": swept.emptied}
    with transaction.atomic():
        if swept.emptied or erasure.finished_at is None:
            _note_emptied(list(gone_to))
        persons = [Person(pk, frozenset(), tuple(map(tuple, of_it or ()))) for pk, of_it in gone_to.items()]
        for code in erasers.LATE:
            gone[code] = sum(map(erasers.ERASERS[code], persons))
        for chunk in swept.redacted:
            audit.record(
                "redact_chunk", by=None, target=erasure, delivery=chunk.delivery_id, chunk=chunk.number,
                checked=True, rows=chunk.rows,
            )  # fmt: skip
        more = {ledger.HELD: _held(persons), "import_files": _files_before(erasure.at)}
        return people.note(erasure.pk, gone=gone, waits=swept.waits | more)


def _held(persons: Iterable[Person]) -> int:
    persons = list(persons)
    return ledger.held_rows([person.profile_id for person in persons]) + sum(map(erasers.held_mails, persons))


def _note_emptied(profile_ids: list[int]) -> None:
    """What was counted by provider of the deliveries to these people holds no more: no domain is known of them now."""
    theirs = Message.objects.filter(profile_id__in=profile_ids).values("delivery_id")
    StandingFailures.objects.filter(delivery_id__in=theirs).update(changes=F("changes") + 1)


def _files_before(at: datetime) -> int:
    return Import.objects.filter(created_at__lte=at, parts__isnull=False).distinct().count()


def carry_on_all() -> int:
    """Each erasure that is looked after goes on; return how many there were."""
    watched = list(Erasure.objects.filter(watched_until__gt=clock.now()).values_list("pk", flat=True))
    waiting = list(Erasure.objects.filter(finished_at=None).values_list("pk", flat=True))
    pks = sorted({*watched, *waiting})
    for pk in pks:
        carry_on(pk)
    return len(pks)


def visible(by: User) -> QuerySet[Erasure]:
    """Return the erasures that this person may see, newest first."""
    rows: QuerySet[Erasure] = access.within(by, Right.ERASE, Erasure.objects.select_related("unit", "by"))
    return rows.order_by("-pk")


@transaction.atomic
def allow_again(address: str, *, by: User) -> bool:
    """Whoever has this address may come in again; False where nobody with it was erased.

    Raise access.NotAllowed without the right on the topmost unit, NoSuchPerson for a text that is no address.
    """
    access.require(by, Right.ERASE, root())
    key = addresses.read(address)[1]
    if not key:
        raise NoSuchPerson(text=address[:80])
    is_allowed = erased_addresses.forget(key)
    if is_allowed:
        audit.record("allow_erased_address", by=by, target=root())
    return is_allowed
