"""Signed tokens: what a link, a header or a return path says about one message, and that we said it.

A token names a purpose, a delivery by its random key, a message by its number, and for a click a link.
It holds no address. 96 bits of keyed BLAKE2b bind all of that together with the number of the key, so a
token for one purpose is worthless for another. Older keys keep verifying for as long as they are given.
"""

import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest
from struct import Struct

from django.conf import settings

MAC_OCTETS = 12
MIN_KEY_OCTETS = 16
MAX_DELIVERY_KEY = 2**63 - 1
MAX_SEQ = 2**32 - 1
MAX_LINK = 2**16 - 1

_PAYLOAD = Struct(">BQIH")  # with the MAC 27 octets: 36 characters of base64, without padding
_OCTETS, _CHARACTERS = _PAYLOAD.size + MAC_OCTETS, 36
_SCOPE = Struct(">BBQ")
_REST = Struct(">IH")
_URLSAFE = bytes.maketrans(b"+/", b"-_")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_FORM_64 = re.compile(r"[A-Za-z0-9_-]{36}", re.ASCII)
_FORM_16 = re.compile(r"[0-9A-Fa-f]{54}", re.ASCII)


class BadToken(ValueError):
    """Not ours, damaged, meant for something else, or signed with a key that is gone."""


class Purpose(IntEnum):
    OPEN = 1
    CLICK = 2
    MIRROR = 3
    UNSUBSCRIBE = 4
    MESSAGE = 5
    BOUNCE = 6
    UNSUBSCRIBE_MAIL = 7
    CONFIRM = 8  # of a sign-up, by its key in the place of a delivery's
    PREFERENCES = 9  # of whom a sign-up has subscribed


@dataclass(frozen=True, slots=True)
class Claim:
    """What a token says; `link` is 0 unless the purpose is a click."""

    purpose: Purpose
    delivery_key: int
    seq: int
    link: int = 0


class Signer:
    """Signs with the current key and reads what any of the keys signed."""

    def __init__(self, keys: Mapping[int, bytes], current: int) -> None:
        if current not in keys:
            raise ValueError(f"there is no key {current} to sign with")
        for number, key in keys.items():
            if not 0 <= number <= 255:
                raise ValueError("a key's number is from 0 to 255")
            if not MIN_KEY_OCTETS <= len(key) <= 64:
                raise ValueError(f"key {number} must have {MIN_KEY_OCTETS} to 64 octets")
        self._keys = {number: blake2b(key=key, digest_size=MAC_OCTETS) for number, key in keys.items()}
        self._current = current

    def sign(self, purpose: Purpose, delivery_key: int, seq: int, link: int = 0) -> str:
        """The token for an address: 36 characters, in which upper and lower case differ."""
        return _as_64(self._token(purpose, delivery_key, seq, link))

    def sign_caseless(self, purpose: Purpose, delivery_key: int, seq: int, link: int = 0) -> str:
        """The token where case may be lost, as in a return path: 54 hexadecimal digits."""
        return self._token(purpose, delivery_key, seq, link).hex()

    def for_delivery_caseless(self, purpose: Purpose, delivery_key: int) -> Callable[[int], str]:
        """`sign_caseless` for many messages of one delivery."""
        scope, prefix = self._scope(self._current, purpose, delivery_key)

        def sign(seq: int) -> str:
            rest = _REST.pack(seq, 0)
            mac = scope.copy()
            mac.update(rest)
            return (prefix + rest + mac.digest()).hex()

        return sign

    def for_delivery_together(
        self, delivery_key: int, wanted: Sequence[tuple[Purpose, int]]
    ) -> Callable[[int], tuple[list[str], str]]:
        """`sign` for all that one message carries at once, each as (purpose, link), which costs half.

        Called with `seq` it returns the tokens in that order, and the first one in its caseless form.
        """
        scopes = [(*self._scope(self._current, purpose, delivery_key), link) for purpose, link in wanted]
        copies = [(mac.copy, prefix, link) for mac, prefix, link in scopes]
        ends = [(at * _CHARACTERS, (at + 1) * _CHARACTERS) for at in range(len(wanted))]
        pack = _REST.pack

        def sign(seq: int) -> tuple[list[str], str]:
            parts: list[bytes] = []
            for copy, prefix, link in copies:
                rest = pack(seq, link)
                mac = copy()
                mac.update(rest)
                parts += (prefix, rest, mac.digest())
            octets = b"".join(parts)
            tokens = _as_64(octets)  # 27 octets are 36 characters, so each token stands by itself
            return [tokens[start:end] for start, end in ends], octets[:_OCTETS].hex()

        return sign

    def read(self, token: str, purpose: Purpose) -> Claim:
        """What `token`, in either form, claims; BadToken unless one of our keys signed it for `purpose`."""
        octets = _octets(token)
        key_number, delivery_key, seq, link = _PAYLOAD.unpack(octets[: _PAYLOAD.size])
        if key_number not in self._keys:
            raise BadToken("signed with a key that is not known here")
        mac, _ = self._scope(key_number, purpose, delivery_key)
        mac.update(octets[_PAYLOAD.size - _REST.size : _PAYLOAD.size])
        if not compare_digest(mac.digest(), octets[_PAYLOAD.size :]):
            raise BadToken("the signature does not match")
        return Claim(Purpose(purpose), delivery_key, seq, link)

    def _token(self, purpose: Purpose, delivery_key: int, seq: int, link: int) -> bytes:
        if not (0 <= delivery_key <= MAX_DELIVERY_KEY and 0 <= seq <= MAX_SEQ and 0 <= link <= MAX_LINK):
            raise ValueError("delivery key, seq or link is out of range")
        mac, prefix = self._scope(self._current, purpose, delivery_key)
        rest = _REST.pack(seq, link)
        mac.update(rest)
        return prefix + rest + mac.digest()

    def _scope(self, key_number: int, purpose: Purpose, delivery_key: int) -> tuple[blake2b, bytes]:
        mac = self._keys[key_number].copy()
        scope = _SCOPE.pack(purpose, key_number, delivery_key)
        mac.update(scope)
        return mac, scope[1:]


def _as_64(octets: bytes) -> str:
    return binascii.b2a_base64(octets, newline=False).translate(_URLSAFE).decode("ascii")


def _octets(token: str) -> bytes:
    if _FORM_64.fullmatch(token):
        return binascii.a2b_base64(token.encode("ascii").translate(_STANDARD))
    if _FORM_16.fullmatch(token):
        return bytes.fromhex(token)
    raise BadToken("not the shape of a token")


def default_signer() -> Signer:
    """The signer with the instance's keys; the same for every process that shares the settings.

    Where TOKEN_KEYS is empty, which `check --deploy` refuses, a key is made from SECRET_KEY.
    """
    return _signer(_configured_keys())


def _configured_keys() -> tuple[tuple[int, bytes], ...]:
    if settings.TOKEN_KEYS:
        return tuple(sorted((number, bytes.fromhex(key)) for number, key in settings.TOKEN_KEYS.items()))
    return ((1, blake2b(settings.SECRET_KEY.encode(), person=b"sinete tokens").digest()[:32]),)


@lru_cache(maxsize=4)
def _signer(keys: tuple[tuple[int, bytes], ...]) -> Signer:
    return Signer(dict(keys), current=keys[-1][0])
