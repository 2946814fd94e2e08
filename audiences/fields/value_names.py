"""Names of stored codes: countries, languages and time zones as people call them, and back.

What is stored stays what it is: a country is kept as its file wrote it, most often as a code of two letters.
"""

from collections.abc import Collection
from functools import cache

from babel import Locale
from django.conf import settings
from django.utils.translation import get_language

COUNTRY, LANGUAGE, ZONE = "country", "language", "time_zone"
NAMED = frozenset({COUNTRY, LANGUAGE, ZONE})


def name_of(field: str, code: str) -> str:
    """The name of a code in the reader's language; the code itself where it has none."""
    if field == ZONE:
        return code.replace("_", " ")
    if field not in NAMED:
        return code
    key = code.strip()
    return _names(field, get_language() or settings.LANGUAGE_CODE).get(_code(field, key), key)


def shown(field: str, code: str) -> str:
    """Name and code, as a field of a form shows them: Brazil (BR)."""
    name = name_of(field, code)
    return name if name == code or field == ZONE else f"{name} ({code})"


def code_of(field: str, text: str, *, stored: Collection[str] = ()) -> str:
    """The code that somebody means by a name, in whatever language of ours; what is stored so stays as it is."""
    text = text.strip()
    if field not in NAMED or text in stored:
        return text
    for code in stored:
        if text.casefold() in (shown(field, code).casefold(), name_of(field, code).casefold()):
            return code
    if field == ZONE:
        return text.replace(" ", "_") if "/" in text else text
    name, _bracket, rest = text.rpartition(" (")
    if name and rest.endswith(")") and _codes(field).get(name.casefold()) == _code(field, rest[:-1]):
        return rest[:-1]
    return _codes(field).get(text.casefold(), text)


def _code(field: str, code: str) -> str:
    return code.upper() if field == COUNTRY else code.lower().replace("-", "_").partition("_")[0]


@cache
def _names(field: str, language: str) -> dict[str, str]:
    locale = Locale.parse(language, sep="-")
    if field == COUNTRY:
        return {code: name for code, name in locale.territories.items() if len(code) == 2 and code.isalpha()}
    return {code: name[:1].upper() + name[1:] for code, name in locale.languages.items() if "_" not in code}


@cache
def _codes(field: str) -> dict[str, str]:
    """Codes by their names, in small letters, of each language of ours."""
    found: dict[str, str] = {}
    for language, _label in settings.LANGUAGES:
        for code, name in _names(field, language).items():
            found.setdefault(name.casefold(), code)
    return found
