"""What `manage.py check` says of a deployment."""

import sys
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import Error, Tags, register


@register(Tags.security, deploy=True)
def token_keys_are_set(app_configs: Any, **kwargs: Any) -> list[Error]:
    if settings.DEBUG or settings.TOKEN_KEYS:
        return []
    return [
        Error(
            "TOKEN_KEYS is empty: links in messages would be signed with a key made from SECRET_KEY.",
            hint="Set TOKEN_KEYS=1=<64 hex digits>; keep old keys for the life of the links.",
            id="sinete.E001",
        )
    ]


@register(Tags.security, deploy=True)
def public_url_is_https(app_configs: Any, **kwargs: Any) -> list[Error]:
    if settings.DEBUG or settings.PUBLIC_URL.startswith("https://"):
        return []
    return [
        Error(
            "PUBLIC_URL must begin with https:// when DEBUG is off: it stands in every message that leaves.",
            hint="Set PUBLIC_URL to the address under which the web process is reached.",
            id="sinete.E002",
        )
    ]


@register()
def python_reads_contents_rightly(app_configs: Any, **kwargs: Any) -> list[Error]:
    """Until Python 3.11.5 possessive groups of regular expressions missed matches (CPython's gh-106052)."""
    if sys.version_info >= (3, 11, 5):
        return []
    return [
        Error(
            "This Python's regular expressions misread some contents.",
            hint="Use Python 3.11.5 or newer.",
            id="sinete.E007",
        )
    ]


@register()
def relay_url_is_understood(app_configs: Any, **kwargs: Any) -> list[Error]:
    if urlsplit(settings.RELAY_URL).scheme in ("smtp", "smtp+starttls", "smtps"):
        return []
    return [
        Error(
            "RELAY_URL must begin with smtp://, smtp+starttls:// or smtps://.",
            hint="Anything else would have to be guessed, and a guess may send in clear.",
            id="sinete.E003",
        )
    ]


@register(Tags.security, deploy=True)
def relay_password_is_encrypted(app_configs: Any, **kwargs: Any) -> list[Error]:
    url = urlsplit(settings.RELAY_URL)
    is_here = url.hostname in ("localhost", "127.0.0.1", "::1")
    if settings.DEBUG or url.scheme != "smtp" or not url.password or is_here:
        return []
    return [
        Error(
            "RELAY_URL has a password and no encryption: it will not be sent.",
            hint="Use smtp+starttls:// or smtps://; a route can allow it for a network that nobody can listen to.",
            id="sinete.E004",
        )
    ]
