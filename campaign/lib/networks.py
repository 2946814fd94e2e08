"""Where a request comes from, as far as it is kept: the network, not the machine."""

import ipaddress
from functools import lru_cache

BITS = {4: 24, 6: 48}  # what of an address is kept: enough to see a pattern, not who it was
LONGEST = 43  # characters of a network


@lru_cache(maxsize=16_384)
def seen(remote: str, forwarded: str, *, proxies: int) -> str:
    """Return the client's network (192.0.2.0/24, 2001:db8:1::/48); "" where it can't be told.

    `remote` is who is connected, `forwarded` the X-Forwarded-For line, to which each of so many trusted proxies has
    added whom it saw: what stands before these is the client's own word, and not looked at.
    """
    address = remote
    if proxies > 0 and forwarded:
        told = forwarded.split(",")
        if len(told) < proxies:
            return ""
        address = told[-proxies]
    try:
        return kept(address)
    except ValueError:
        return ""


def kept(address: str) -> str:
    """Return the network of an address, which may come with its port; raise ValueError for anything else.

    IPv4 by a socket for both is IPv4.
    """
    found = ipaddress.ip_address(_bare(address.strip()))
    found = getattr(found, "ipv4_mapped", None) or found
    return str(ipaddress.ip_network(f"{found}/{BITS[found.version]}", strict=False))


def _bare(address: str) -> str:
    """Without brackets, port and zone."""
    if address.startswith("["):
        address = address[1:].partition("]")[0]
    elif address.count(":") == 1:
        address = address.partition(":")[0]
    return address.partition("%")[0]
