"""Whom to ask what DNS says: the system's resolver, or the one that the settings name."""

import dns.resolver
from django.conf import settings


def resolver() -> dns.resolver.Resolver:
    """The system's resolver, or the one that the settings name as address or address#port."""
    named = settings.SINETE["dns_servers"]
    if not named:
        return dns.resolver.Resolver()
    found = dns.resolver.Resolver(configure=False)
    found.nameservers = [each.partition("#")[0] for each in named]
    found.nameserver_ports = {
        address: int(port) for address, _sign, port in (each.partition("#") for each in named) if port
    }
    return found
