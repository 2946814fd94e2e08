"""Create, change, find and take out profiles."""

import unicodedata
from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from audiences import addresses, search_texts, sight, tracking
from audiences.consent import sign_ups
from audiences.fields import attributes, fields
from audiences.models import Profile
from audiences.models.profile import Plain
from audiences.profiles import export_styles, files
from audiences.quarantine import erased_addresses, suppressions
from campaign.lib import locking
from campaign.lib.refusals import Refusal

EDITABLE = (
    "external_id",
    "email",
    "phone",
    "first_name",
    "last_name",
    "language",
    "country",
    "city",
    "time_zone",
    "birth_date",
    "attributes",
)
FLAGS = ("no_email", "no_sms", "no_contact")
MOST_WORDS = 8
# What a search looks through of a person whose address may not be read.
NAMED = Plain(Coalesce("external_id", Value("")), "first_name", "last_name", "city")


class IdTaken(Refusal):
    message = _("Another profile has the external id “%(external_id)s”.")
    code = "id_taken"
    field = "external_id"


class NoAddress(Refusal):
    message = _("Give an email address or a phone number: without both nothing can be sent to a profile.")
    code = "no_address"
    field = "email"


@transaction.atomic
def create(*, values: dict[str, Any], unit: OrganizationalUnit, by: User) -> Profile:
    """The person is a profile of the unit. Raise IdTaken, NoAddress, and Erased for who was erased."""
    access.require(by, Right.IMPORT, unit)
    attributes.require(values.get("attributes") or {})
    _wait_for_erasures(values)
    profile = Profile(unit=unit)
    _fill(profile, values)
    if not _has_address(profile):
        raise NoAddress()
    profile.save()
    _hold_suppressed(profile)
    audit.record("create_profile", by=by, target=profile, unit=unit.label)
    return profile


@transaction.atomic
def change(*, profile: Profile, values: dict[str, Any], by: User) -> Profile:
    """The profile has these values; what was prepared already keeps the old ones.

    Raise IdTaken, NoAddress where the last address would go, and Erased for who was erased.
    """
    names = set(values.get("attributes") or {})
    declared = attributes.hold(names)
    _wait_for_erasures(values)
    profile = locking.locked(Profile.objects.select_related("unit"), profile.pk)
    access.require(by, Right.IMPORT, profile)
    attributes.refuse(names - declared - set(profile.attributes))  # what an earlier time left behind stays
    before, had_address = {name: getattr(profile, name) for name in EDITABLE}, _has_address(profile)
    _fill(profile, values)
    if had_address and not _has_address(profile):
        raise NoAddress()
    changed = sorted(name for name in EDITABLE if before[name] != getattr(profile, name))
    profile.save(update_fields=[*EDITABLE, "email_key", "email_state", "changed_at"])
    _hold_suppressed(profile)
    audit.record("change_profile", by=by, target=profile, changed=changed)
    return profile


def _wait_for_erasures(values: dict[str, Any]) -> None:
    """Before any row is locked: whoever erases this address has done so, or finds the profile that gets it."""
    if key := addresses.nearest(str(values.get("email") or "")):
        sign_ups.wait_for_others(key)


def _has_address(profile: Profile) -> bool:
    return bool(profile.email or profile.phone)


def _hold_suppressed(profile: Profile) -> None:
    """An address that a suppression list names by its domain or a hash is on the denylist."""
    if profile.email_key:
        suppressions.hold_those_among(
            [profile.email_key], at=profile.changed_at, reference=f"profile {profile.pk}"
        )


def _fill(profile: Profile, values: dict[str, Any]) -> None:
    was = profile.email
    for name in EDITABLE:
        if name in values:
            setattr(profile, name, _composed(values[name]))
    profile.external_id = profile.external_id or None
    profile.email = profile.email.strip()
    if profile.email != was:
        erased_addresses.require_not_spelled(profile.email)
    profile.email_state, profile.email_key = addresses.read(profile.email)
    others = Profile.objects.filter(external_id=profile.external_id).exclude(pk=profile.pk)
    if profile.external_id and others.exists():
        raise IdTaken(external_id=profile.external_id)


def _composed(value: Any) -> Any:
    """A text in NFC, and the texts of attributes: letters with accents are one character each."""
    if isinstance(value, dict):
        return {name: _composed(each) for name, each in value.items()}
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


def found(profiles: QuerySet[Profile], text: str, *, user: User | None) -> QuerySet[Profile]:
    """The profiles that hold every word, whatever its letter case and accents, as `search_texts.with_word` says.

    By address and phone number those alone are found of whom `user` may read these, and by a whole address: no
    address can be guessed. By a whole address those are found whose address it is, where there are any. The profiles
    are of `sight.with_addresses`; without a person all of them may be read.
    """
    reads_all = user is None or (user.is_active and user.is_superuser)
    words = text.split()[:MOST_WORDS]
    wholes = {word: is_theirs for word in words if (is_theirs := sight.whole(word))}
    for is_theirs in wholes.values():
        profiles = profiles.filter(is_theirs)
    profiles = search_texts.holding(profiles, [word for word in words if word not in wholes])
    for word in words if not reads_all else ():
        whole = Q(email_key=addresses.read(word)[1] or None)
        named = search_texts.with_word("named", word)
        profiles = profiles.alias(named=NAMED).filter(Q(is_clear=True) | named | whole)
    return profiles


@transaction.atomic
def export(*, profiles: QuerySet[Profile], unit: OrganizationalUnit, by: User) -> Iterator[str]:
    """The text of a file of these profiles, of the unit and below, its header first; in parts, in the person's style.

    Raise access.NotAllowed without the right to export there.
    """
    access.require(by, Right.EXPORT, unit)
    profiles = sight.with_addresses(by, profiles.filter(unit__path__startswith=unit.path))
    audit.record("export_profiles", by=by, target=unit, rows=profiles.count())
    return _parts(profiles, delimiter=export_styles.of(by).delimiter, decimal=export_styles.decimal(by))


def _parts(profiles: QuerySet[Profile], *, delimiter: str, decimal: str) -> Iterator[str]:
    known, others = fields.fields(), [*FLAGS, *tracking.COLUMNS.values()]
    yield files.header(known, others, delimiter=delimiter)
    yield from files.pages(profiles, known, others, delimiter=delimiter, decimal=decimal)
