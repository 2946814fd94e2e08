"""Erasures outlive a backup: a list of them is kept outside, and what a restored backup brought back goes again.

The list names nobody: numbers of profiles, and the keyed hashes of addresses that the database holds too.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from django.utils import dateparse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from accounts.roles import root
from audiences.models import AddressError, AddressOptOut, ErasedProfile, Erasure, Profile, Quarantine, SignUp
from audiences.quarantine import erased_addresses
from campaign.lib import clock
from campaign.lib.refusals import Refusal
from reporting.persons import erasing

FORMAT, VERSION = "sinete-erasures", 1
AT_ONCE = 5_000  # rows that are read together
LARGEST_NUMBER = 2**63 - 1  # as PostgreSQL has them
ADDRESSED = (AddressOptOut, Quarantine, AddressError, SignUp)  # these know addresses that no profile has


class BadList(Refusal):
    message = _("This is no list of erasures: %(where)s %(what)s. Nothing was erased.")
    code = "bad_list"
    exit_code = 2


@dataclass(frozen=True)
class Listed:
    """One erasure as a list has it."""

    number: int
    at: datetime
    reference: str
    profiles: tuple[int, ...]


@dataclass(frozen=True)
class Record:
    """A list of erasures, and the keyed hashes of all addresses that were erased."""

    erasures: tuple[Listed, ...]
    hashes: frozenset[str]


@dataclass(frozen=True)
class Found:
    """What is here of people who were erased: profiles, by which erasure, and addresses without any profile."""

    profiles: dict[int, Listed | None]
    addresses: frozenset[str]


def listed(*, by: User) -> dict[str, Any]:
    """Return all erasures as an object for JSON, to be kept outside of every backup. Raise access.NotAllowed."""
    access.require(by, Right.ERASE, root())
    profiles: dict[int, list[int]] = {}
    for erasure_id, profile_id in ErasedProfile.objects.order_by("profile_id").values_list(
        "erasure_id", "profile_id"
    ):
        profiles.setdefault(erasure_id, []).append(profile_id)
    erasures = [
        {"number": pk, "at": at.isoformat(), "reference": reference, "profiles": profiles.get(pk, [])}
        for pk, at, reference in Erasure.objects.order_by("pk").values_list("pk", "at", "reference")
    ]
    audit.record("export_erasures", by=by, target=root(), erasures=len(erasures))
    return {
        "format": FORMAT,
        "version": VERSION,
        "made_at": clock.now().isoformat(),
        "erasures": erasures,
        "addresses": sorted(erased_addresses.hashes()),
    }


def read(value: Any) -> Record:
    """Return what a list says. Raise BadList, which names the entry."""
    if not isinstance(value, dict) or value.get("format") != FORMAT or value.get("version") != VERSION:
        raise BadList(where="format", what=_("must be “%s”, version 1") % FORMAT)
    hashes = value.get("addresses")
    if not isinstance(hashes, list) or not all(map(erased_addresses.is_hash, hashes)):
        raise BadList(where="addresses", what=_("must be a list of keyed hashes"))
    erasures = value.get("erasures")
    if not isinstance(erasures, list):
        raise BadList(where="erasures", what=_("must be a list"))
    return Record(
        tuple(_one(entry, f"erasures[{at}]") for at, entry in enumerate(erasures)), frozenset(hashes)
    )


def _one(entry: Any, where: str) -> Listed:
    if not isinstance(entry, dict):
        raise BadList(where=where, what=_("must be an object"))
    number, profiles, reference = entry.get("number"), entry.get("profiles"), entry.get("reference", "")
    if not isinstance(number, int) or not _is_number(number):
        raise BadList(where=f"{where}.number", what=_("must be a number"))
    if not isinstance(profiles, list) or not all(map(_is_number, profiles)):
        raise BadList(where=f"{where}.profiles", what=_("must be a list of numbers"))
    if not isinstance(reference, str):
        raise BadList(where=f"{where}.reference", what=_("must be a text"))
    return Listed(number, _moment(entry.get("at"), f"{where}.at"), reference, tuple(profiles))


def _is_number(value: Any) -> bool:
    return type(value) is int and 0 < value <= LARGEST_NUMBER


def _moment(value: Any, where: str) -> datetime:
    what: Promise = _("must be a moment with its time zone, such as 2026-11-30T10:00:00Z")
    try:
        at = dateparse.parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise BadList(where=where, what=what)
    return at


def find(record: Record, *, by: User) -> Found:
    """Return who of the list is here again; nothing is changed. Raise access.NotAllowed."""
    access.require(by, Right.ERASE, root())
    # A profile that was made after the erasure is somebody else's, under a number that came free by the restore.
    when = {pk: erasure for erasure in record.erasures for pk in erasure.profiles}
    profiles: dict[int, Listed | None] = {pk: when[pk] for pk, made in _made(when) if made <= when[pk].at}
    hashes = _hashes(record)
    keys = set(erased_addresses.known(_keys(Profile, "email_key"), hashes))
    for pk in Profile.objects.filter(email_key__in=keys).order_by("pk").values_list("pk", flat=True):
        profiles.setdefault(pk, None)
    lonely = {
        key for model in ADDRESSED for key in erased_addresses.known(_keys(model, "address_key"), hashes)
    }
    return Found(profiles, frozenset(lonely - keys))


def _hashes(record: Record) -> frozenset[str]:
    """The addresses to look for: none where all erasures of the list are known here.

    No older backup is back then, and whoever has such an address was allowed again since.
    """
    here = set(Erasure.objects.values_list("pk", "at"))
    return record.hashes if any((one.number, one.at) not in here for one in record.erasures) else frozenset()


def _made(pks: Iterable[int]) -> Iterator[tuple[int, datetime]]:
    """Those of these profiles that are here, with when they were made."""
    rest = iter(sorted(pks))
    while some := list(islice(rest, AT_ONCE)):
        yield from Profile.objects.filter(pk__in=some).order_by("pk").values_list("pk", "created_at")


def _keys(model: Any, name: str) -> Iterator[str]:
    """The addresses of a table, some at a time."""
    above = ""
    while some := list(
        model.objects.filter(**{f"{name}__gt": above})
        .order_by(name)
        .values_list(name, flat=True)
        .distinct()[:AT_ONCE]
    ):
        yield from some
        above = some[-1]


def repeat(record: Record, *, by: User, at: datetime) -> list[Erasure]:
    """Whoever of the list is here again is erased, each by an erasure of their own; return these.

    No import brings their addresses back from now on. What ended half-way is carried on by calling it again; where
    nobody of the list is here, nothing is done. Raise access.NotAllowed, and Busy where an import is being written.
    """
    found = find(record, by=by)
    fresh = erased_addresses.remember_hashes(_hashes(record), at=at)
    erasures = [*_profiles(found, by=by, at=at), *_addresses(found, by=by, at=at)]
    audit.record("repeat_erasures", by=by, target=root(), erased=len(erasures), addresses=fresh)
    return erasures


def _profiles(found: Found, *, by: User, at: datetime) -> Iterator[Erasure]:
    for pk, before in found.profiles.items():
        # Another erasure of this call took it along where they share an address.
        if (profile := Profile.objects.select_related("unit").filter(pk=pk).first()) is not None:
            whom = erasing.of(profile, by=by)
            reference = before.reference if before else ""
            yield erasing.erase(whom, confirmed=whom.word, by=by, at=at, reference=reference)


def _addresses(found: Found, *, by: User, at: datetime) -> Iterator[Erasure]:
    for key in sorted(found.addresses):
        if any(model.objects.filter(address_key=key).exists() for model in ADDRESSED):
            whom = erasing.of_address(key, by=by)
            yield erasing.erase(whom, confirmed=whom.word, by=by, at=at)
