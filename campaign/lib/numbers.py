"""Numbers as people read them."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils.formats import number_format


def grouped(slots: Mapping[str, Any]) -> dict[str, Any]:
    """What fills a sentence, with its numbers in the reader's language: 1,872 and 0.1, or 1.872 and 0,1."""
    return {name: _in_words(value) for name, value in slots.items()}


def _in_words(value: Any) -> Any:
    if type(value) is int:
        return number_format(value, 0, force_grouping=True)
    return number_format(Decimal(str(value))) if type(value) is float else value


def short(value: Decimal | float) -> str:
    """A number with as many decimals as it has, in the reader's language: 2.5 or 2,5."""
    text = f"{float(value):g}"
    return number_format(text, len(text.partition(".")[2]))


_GROUP = r"[,.'\u2019 \u00a0\u2009\u202f]"
_WHOLE = re.compile(rf"[0-9]+|[0-9]{{1,3}}(?P<by>{_GROUP})[0-9]{{3}}(?:(?P=by)[0-9]{{3}})*")
LONGEST = 24  # characters of a number that somebody types


LONGEST_KEY = 18  # digits: whatever has no more is a bigint


def key(text: object) -> int | None:
    """Return the number of a row that a form or an address names, by at most 18 digits of ASCII. Else None."""
    typed = str(text)
    return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) <= LONGEST_KEY else None


def whole(text: str) -> int | None:
    """The whole number that somebody typed, grouped as in any language: 10001, 10,001, 10.001, 10 001. Else None."""
    typed = text.strip() if len(text) < 2 * LONGEST else ""
    return int(re.sub(_GROUP, "", typed)) if len(typed) <= LONGEST and _WHOLE.fullmatch(typed) else None
