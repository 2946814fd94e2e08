"""Addresses of people who were erased: known again by a keyed hash, and by nothing else.

Without the key nobody can tell from a hash whose it is, nor try addresses. It is `SINETE_ERASURE_KEY`; where that is
not set one made from `SECRET_KEY`. What was written with a key made from an older `SECRET_KEY` is found as long as it
stands in `SECRET_KEY_FALLBACKS`.
"""

import hashlib
import hmac
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import islice

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from audiences import addresses
from audiences.models import Suppression
from campaign.lib.refusals import Refusal

KEYED = Suppression.Kind.KEYED
AT_ONCE = 2_000  # addresses that are compared together
HASH_LENGTH, HEX = 64, frozenset("0123456789abcdef")
_PURPOSE = b"sinete: erased addresses"


class Erased(Refusal):
    field = "email"
    message = _(
        "Whoever has this address was erased at their request and is not taken in again. An administrator may allow "
        "the address again with “erase_person --allow-again”."
    )
    code = "erased"


def remember(keys: Iterable[str], *, at: datetime) -> int:
    """Nobody comes in with these keys of addresses any more; how many are new. The day alone is kept of `at`."""
    first = _secrets()[0]
    return remember_hashes({_hash(first, key) for key in keys if key}, at=at)


def remember_hashes(hashes: Iterable[str], *, at: datetime) -> int:
    """The same by keyed hashes, as a list of erasures has them; how many are new."""
    given = set(hashes)
    values = given - _there(given)
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    Suppression.objects.bulk_create(
        [Suppression(kind=KEYED, value=value, created_at=day) for value in sorted(values)],
        batch_size=AT_ONCE,
        ignore_conflicts=True,
    )
    return len(values)


def among(keys: Iterable[str]) -> set[str]:
    """Of these keys of addresses, those of people who were erased; no hash is made where nobody ever was."""
    if not Suppression.objects.filter(kind=KEYED).exists():
        return set()
    return set(_found(keys))


def are_spelled(texts: Iterable[str]) -> set[str]:
    """Of these texts, those that are another spelling of an address of somebody who was erased."""
    nearest = {text: addresses.nearest(text) for text in texts}
    found = among({key for key in nearest.values() if key})
    return {text for text, key in nearest.items() if key in found}


def hashes() -> set[str]:
    """Return the keyed hashes of all addresses of people who were erased."""
    return set(Suppression.objects.filter(kind=KEYED).values_list("value", flat=True))


def is_hash(value: object) -> bool:
    """Return whether this has the form of a keyed hash; whose it is, nobody can tell."""
    return isinstance(value, str) and len(value) == HASH_LENGTH and not set(value) - HEX


def known(keys: Iterable[str], hashes: Collection[str]) -> Iterator[str]:
    """Of these keys of addresses, those whose keyed hash is among these."""
    secrets = _secrets()
    return (key for key in keys if key and any(_hash(secret, key) in hashes for secret in secrets))


def _found(keys: Iterable[str]) -> Iterator[str]:
    keys, secrets = iter(keys), _secrets()
    while some := list(islice(keys, AT_ONCE)):
        names = {_hash(secret, key): key for key in some if key for secret in secrets}
        yield from (names[value] for value in _there(names))


def require_none(keys: Iterable[str]) -> None:
    """Return where none of these is the address of somebody who was erased. Raise Erased."""
    if among(keys):
        raise Erased


def require_not_spelled(text: str) -> None:
    """Return where the text is no spelling of an address of somebody who was erased. Raise Erased."""
    if are_spelled([text]):
        raise Erased


def forget(key: str) -> bool:
    """Whoever has this address may come in again; False where nobody with it was erased."""
    values = {_hash(secret, key) for secret in _secrets()}
    return bool(Suppression.objects.filter(kind=KEYED, value__in=values).delete()[0])


def _there(values: Iterable[str]) -> set[str]:
    return set(Suppression.objects.filter(kind=KEYED, value__in=list(values)).values_list("value", flat=True))


def _hash(secret: bytes, key: str) -> str:
    return hmac.new(secret, key.encode(), hashlib.sha256).hexdigest()


def _secrets() -> list[bytes]:
    """The keys, the one for new hashes first."""
    made = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    own = [bytes.fromhex(settings.ERASURE_KEY)] if settings.ERASURE_KEY else []
    return own + [hmac.new(each.encode(), _PURPOSE, hashlib.sha256).digest() for each in made]
