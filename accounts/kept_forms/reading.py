"""What of a posted form is kept: what was typed, within bounds; no password, and of a file its name alone."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.http import HttpRequest

MOST_OCTETS = 5 * 1024 * 1024  # of one form: two contents of 2 MB and what stands around them
MOST_FIELDS = 1_000
MOST_NAME = 200
NEVER = {"csrfmiddlewaretoken", "next"}

_SECRET_WORDS = {
    "passphrase", "passwd", "password", "pin", "pwd", "secret", "token", "otp", "totp", "credential", "credentials",
}  # fmt: skip
_SECRET_VALUE = re.compile(r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----|://[^/\s:@]{0,200}:[^/\s@]{1,200}@")
_WORDS = re.compile(r"[^A-Za-z]+")


@dataclass(frozen=True)
class Typed:
    """What a form said, field by field; names of files, and of fields that are not kept."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    is_too_large: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing was said: a button alone was pressed."""
        return not self.files and not self.secrets and not any(any(values) for values in self.fields.values())


def typed(request: HttpRequest) -> Typed:
    """What stands in a form that was posted. One that is too large says so, and holds nothing."""
    fields: dict[str, list[str]] = {}
    secrets, octets = [], 0
    for name, values in request.POST.lists():
        if name in NEVER:
            continue
        if len(fields) >= MOST_FIELDS or len(name) > MOST_NAME:
            return Typed(is_too_large=True)
        kept = [_plain(value) for value in values]
        if is_secret(name, kept):
            secrets.append(name)
            continue
        octets += sum(len(value.encode()) for value in kept) + len(name.encode())
        if octets > MOST_OCTETS:
            return Typed(is_too_large=True)
        fields[_plain(name)] = kept
    files = [_plain(file.name or "")[:MOST_NAME] for _name, each in request.FILES.lists() for file in each]
    return Typed(fields, files[:MOST_FIELDS], secrets)


def is_secret(name: str, values: Iterable[str] = ()) -> bool:
    """Whether a field of this name, or with such a value, holds what only its owner should know."""
    words = [word.lower() for word in _WORDS.split(name) if word]
    if words and words[-1] in _SECRET_WORDS:
        return True
    return any(_SECRET_VALUE.search(value) for value in values)


def _plain(text: str) -> str:
    """The text as PostgreSQL can hold it."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
