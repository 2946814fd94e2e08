"""What `manage.py check` says of a deployment."""

from typing import Any

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
