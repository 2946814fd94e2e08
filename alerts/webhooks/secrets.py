"""What a webhook signs with: made here, shown once, kept encrypted under the installation's SECRET_KEY."""

import base64
import hashlib
import secrets

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

OCTETS = 32
PREFIX = "whsec_"


class Unreadable(Exception):
    """It was kept under a SECRET_KEY that is neither the current one nor among the former ones."""


def new() -> str:
    """Return a new secret, as a receiver's library takes it: whsec_ and base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(OCTETS)).decode()


def sealed(secret: str) -> str:
    """Return what is kept of it."""
    return _keys().encrypt(secret.encode()).decode()


def opened(kept: str) -> str:
    """Return the secret that was kept; raise Unreadable where it was kept under another key."""
    try:
        return _keys().decrypt(kept.encode()).decode()
    except InvalidToken:
        raise Unreadable from None


def _keys() -> MultiFernet:
    return MultiFernet([_key(each) for each in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _key(secret_key: str) -> Fernet:
    digest = hashlib.sha256(b"sinete.webhooks:" + secret_key.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))
