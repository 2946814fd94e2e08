"""What a browser of ours carries in one signed cookie: which browser it is, and who was signed in in it lately.

A form that was posted while signed out is known by its token to be of a page that was made for a certain person.
"""

import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware import csrf
from django.utils.crypto import constant_time_compare, salted_hmac

COOKIE = "sinete_browser"
SALT = "accounts.kept_forms"
SECONDS = 30 * 24 * 3600
MOST_PEOPLE = 4
_MASKED, _PLAIN = 64, 32  # letters of Django's token against forged requests


@dataclass
class Browser:
    """One browser, as its cookie says."""

    key: str = ""
    people: list[list[Any]] = field(default_factory=list)  # [primary key, mark of the secret], latest first
    forms: int = 0  # how many of its forms are kept; 0: nobody asks the database
    is_changed: bool = False

    @property
    def digest(self) -> str:
        """As rows name the browser: whoever reads them can't make its cookie."""
        return sha256(self.key.encode()).hexdigest()

    def meet(self, pk: int, secret: str) -> None:
        """Note that pages are made for this person, with forms that hold this secret."""
        mark = _mark(secret)
        if self.people and self.people[0] == [pk, mark]:
            return
        others = [pair for pair in self.people if pair != [pk, mark]]
        self.people, self.is_changed = [[pk, mark], *others][:MOST_PEOPLE], True

    def owner_of(self, token: str) -> int | None:
        """The person for whose eyes the form with this token was made; without a token the latest one."""
        if not token:
            return self.people[0][0] if self.people else None
        mark = _mark(_unmasked(token))
        return next((pk for pk, known in self.people if constant_time_compare(known, mark)), None)

    def count(self, forms: int) -> None:
        if self.forms != forms:
            self.forms, self.is_changed = forms, True


def of(request: HttpRequest) -> Browser:
    """The browser that asks: read once for a request, an unknown one where its cookie is missing or not ours."""
    known: Browser | None = getattr(request, "_browser", None)
    if known is None:
        known = _read(request.COOKIES.get(COOKIE, ""))
        request._browser = known  # type: ignore[attr-defined]  # added here
    return known


def tell(request: HttpRequest, response: HttpResponseBase) -> None:
    """Let the browser carry what changed."""
    browser: Browser | None = getattr(request, "_browser", None)
    if browser is None or not browser.is_changed:
        return
    said = {"key": browser.key, "people": browser.people, "forms": browser.forms}
    response.set_cookie(
        COOKIE, signing.dumps(said, salt=SALT), max_age=SECONDS, httponly=True, samesite="Lax",
        secure=bool(settings.SESSION_COOKIE_SECURE),
    )  # fmt: skip


def _read(text: str) -> Browser:
    try:
        said = signing.loads(text, salt=SALT, max_age=SECONDS)
        return Browser(said["key"], said["people"], said["forms"])
    except (signing.BadSignature, KeyError, TypeError, ValueError):
        return Browser(secrets.token_hex(16))


def _unmasked(token: str) -> str:
    """The secret behind a token as Django writes it into forms: masked anew for each page."""
    if len(token) != _MASKED or not token.isascii() or not token.isalnum():
        return token[:_MASKED]
    return str(csrf._unmask_cipher_token(token))  # type: ignore[attr-defined]  # no public name reads a token


def _mark(secret: str) -> str:
    """What stands for a secret in the cookie: made with our key, so it says nothing of the secret."""
    return salted_hmac(SALT, _unmasked(secret)).hexdigest()[:20]
