"""What is never written to, whoever comes in with it: addresses, domains with all below them, hashes of addresses.

An address that belongs to any of them stands on the denylist of the quarantine, where all that is sent looks.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import connection, transaction

from audiences import addresses
from audiences.models import Profile, Quarantine, Suppression
from audiences.quarantine import erased_addresses, writer
from campaign.lib import keyset

ADDRESS = "address"
Kind = Suppression.Kind

REASON = "suppressed"
AT_ONCE = 2_000  # addresses that are compared together

_HASHES = {32: Kind.MD5, 40: Kind.SHA1, 64: Kind.SHA256}
_HEX = re.compile(r"(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})").fullmatch


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that is not written to: an address by its key, a domain in ASCII, a hash in small letters."""

    kind: str
    value: str


def read(text: str) -> Entry | None:
    """What a cell of a suppression list names; None where it is none of them. `@example.com` is a domain."""
    bare = text.strip().strip("\"'").strip()
    if _HEX(bare.lower()):
        return Entry(_HASHES[len(bare)], bare.lower())
    domain = bare.removeprefix("*").removeprefix("@").removeprefix("*.")
    if "@" not in domain:
        # A domain is what can stand behind the sign of an address.
        key = addresses.read(f"a@{domain}")[1]
        return Entry(Kind.DOMAIN, key.partition("@")[2]) if key else None
    key = addresses.read(bare)[1] or addresses.read(addresses.taken_out(bare))[1]
    return Entry(ADDRESS, key) if key else None


@transaction.atomic
def add(entries: Iterable[Entry], *, at: datetime, reference: str) -> int:
    """None of these is written to any more; returns how many are new. The caller has checked the right."""
    entries, new = iter(entries), 0
    while some := list(islice(entries, AT_ONCE)):
        new += len(add_some(some, at=at, reference=reference))
    hold_all(at=at, reference=reference)
    return new


def add_some(entries: Iterable[Entry], *, at: datetime, reference: str) -> set[Entry]:
    """Some thousands of entries are on the list, and which of them were not; `hold_all` then holds who is here."""
    some = list(dict.fromkeys(entries))
    keys = deny([entry.value for entry in some if entry.kind == ADDRESS], at=at, reference=reference)
    others = [entry for entry in some if entry.kind != ADDRESS]
    there = set(
        Suppression.objects.filter(value__in=[entry.value for entry in others]).values_list("kind", "value")
    )
    missing = [entry for entry in others if (entry.kind, entry.value) not in there]
    Suppression.objects.bulk_create(
        [Suppression(kind=e.kind, value=e.value, reference=reference[:128], created_at=at) for e in missing],
        ignore_conflicts=True,
    )
    return {*missing, *(Entry(ADDRESS, key) for key in keys)}


def hold_all(*, at: datetime, reference: str) -> None:
    """Whoever is here with an address that a domain or hash names is on the denylist."""
    hold_those_among(_keys(), at=at, reference=reference)


def hold_those_among(keys: Iterable[str], *, at: datetime, reference: str) -> int:
    """Of these keys of addresses, those that a domain or hash names are on the denylist; how many are new there."""
    kinds = set(Suppression.objects.order_by().values_list("kind", flat=True).distinct()) - {Kind.KEYED}
    keys, new = iter(keys), 0
    while kinds and (some := list(islice(keys, AT_ONCE))):
        names: dict[str, list[str]] = {}
        for key in some:
            for name in _names(key, kinds):
                names.setdefault(name, []).append(key)
        found = Suppression.objects.filter(value__in=list(names)).values_list("value", flat=True)
        denied = {key for name in found for key in names[name]}
        new += len(deny(denied - _decided(denied), at=at, reference=reference))
    return new


def _decided(keys: set[str]) -> set[str]:
    """Those about which something is known already: one that a person released stays so."""
    return set(
        Quarantine.objects.filter(channel="email", address_key__in=keys, status=Quarantine.Status.VALID)
        .values_list("address_key", flat=True)
    )  # fmt: skip


def deny(keys: Iterable[str], *, at: datetime, reference: str) -> list[str]:
    """These addresses are on the denylist; those that were not before. Whoever was erased needs no row there."""
    keys = set(keys)
    keys -= erased_addresses.among(keys)
    given = "SELECT key, 'denylist', %(reason)s, '' FROM unnest(%(keys)s::text[]) AS key"
    values: dict[str, Any] = {"reason": REASON, "at": at, "reference": reference, "keys": sorted(keys)}
    with connection.cursor() as cursor:
        cursor.execute(writer.holding(given, is_told=False), values)
        return [key for (key,) in cursor.fetchall()]


def _names(key: str, kinds: set[str]) -> Iterator[str]:
    """What a suppression may know an address by: its domain and those above, its hashes."""
    if Kind.DOMAIN in kinds:
        labels = key.partition("@")[2].split(".")
        yield from (".".join(labels[place:]) for place in range(len(labels) - 1))
    for kind in kinds - {Kind.DOMAIN, Kind.KEYED}:
        yield hashlib.new(kind, key.encode(), usedforsecurity=False).hexdigest()


def plain_hashes(keys: Iterable[str]) -> set[str]:
    """The hashes of these addresses by which a list may name them; anybody can make these."""
    return {name for key in keys for name in _names(key, {*_HASHES.values()})}


def _keys() -> Iterator[str]:
    rows = Profile.objects.exclude(email_key="").only("pk", "email_key")
    return (profile.email_key for profile in keyset.each(rows))
