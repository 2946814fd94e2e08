"""Addresses as they go over the wire: nothing in them can end a command, and domains are ASCII."""

import re
from contextlib import suppress
from functools import lru_cache

import idna

_FORBIDDEN = frozenset(' <>"\\(),;:')
_DOMAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")
_LONGEST = 254
# What needs no further look: most addresses, and all return paths of ours.
_PLAIN = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9._-]+", re.ASCII)


class UnusableAddress(ValueError):
    """The address cannot be written into a command."""


@lru_cache(maxsize=10_000)
def ascii_domain(domain: str) -> str:
    """Return the domain in ASCII, one beyond it as RFC 5891 writes it; raise UnusableAddress if that can't be."""
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except idna.IDNAError as error:
            raise UnusableAddress(f"domain not usable: {error}") from error
    if not domain or not _DOMAIN.issuperset(domain):
        raise UnusableAddress("domain not usable")
    return domain


def domain_key(domain: str) -> str:
    """The domain as limits name it: in ASCII where that can be, and in lower case."""
    with suppress(UnusableAddress):  # the relay will say what is wrong with it
        domain = ascii_domain(domain)
    return domain.lower()


def wire_path(address: str) -> tuple[str, bool]:
    """Return the address for MAIL or RCPT, and whether it needs SMTPUTF8; the empty one is the null path.

    Raise UnusableAddress where it can't stand in a command.
    """
    if len(address) <= _LONGEST and _PLAIN.fullmatch(address):
        return address, False
    if not address:
        return "", False
    local, at, domain = address.rpartition("@")
    # `isprintable` is false for each control character, line separator and every space but the plain one.
    if not (at and local and local.isprintable() and _FORBIDDEN.isdisjoint(local) and "@" not in local):
        raise UnusableAddress("local part not usable")
    path = f"{local}@{ascii_domain(domain)}"
    is_ascii = path.isascii()
    if len(path if is_ascii else path.encode("utf-8", "replace")) > _LONGEST:
        raise UnusableAddress("address too long")
    if not is_ascii:
        _encodable(path)
    return path, not is_ascii


def _encodable(path: str) -> None:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UnusableAddress("address cannot be written in UTF-8") from error
