"""What variables of the environment must be like, beyond a number or a text."""

import ipaddress
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from environs import ValidationError

POSTGRESQL = ("postgres", "postgresql", "pgsql")


def postgresql(url: str, **settings: Any) -> Any:
    """Return the settings of this database; raise ImproperlyConfigured (no ValueError), without URL or password."""
    try:
        if urlsplit(url).scheme not in POSTGRESQL:
            raise ValueError("write postgresql://user:password@host/name")
        return dj_database_url.parse(url, **settings)
    except ValueError as error:
        raise ImproperlyConfigured(f"DATABASE_URL can't be read: {error}") from None


def time_zone(name: str) -> None:
    """Raise ValidationError unless it is the name of a time zone."""
    try:
        ZoneInfo(name)
    except (OSError, LookupError, ValueError):
        raise ValidationError(f"there is no time zone “{name}”; write one like America/Sao_Paulo") from None


def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Return the network. Raise ValidationError for anything else."""
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def token_key(text: str) -> tuple[int, str]:
    """Return the number and the key of `1=<hex>`. Raise ValidationError, without the key, for anything else."""
    number, _equals, key = text.partition("=")
    if not (number.strip().isdecimal() and key.strip()):
        raise ValidationError("write 1=<64 hex digits>,2=…")
    return int(number), key.strip()
