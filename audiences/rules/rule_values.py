"""The values of conditions, read in their stored form: each raises ValueError or TypeError for what makes no sense."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from campaign.lib import numbers

AUDIENCE, SERVICE = "audience", "service"
MOST_TEXTS = 1_000
LONGEST_TEXT = 1_000
MOST_DAYS = 36_500


def shortened(value: Any) -> str:
    """What somebody wrote, as far as a sentence can quote it."""
    text = (
        value
        if isinstance(value, str)
        else _t("this")
        if isinstance(value, dict | list | int)
        else str(value)
    )
    return text.replace("\0", "")[:80]


def _text(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= LONGEST_TEXT or "\0" in value:
        raise ValueError
    return value.strip()


def _texts(value: Any) -> list[str]:
    found = [_text(item) for item in value] if isinstance(value, list) and len(value) <= MOST_TEXTS else []
    if not found:
        raise ValueError
    return found


def _number(value: Any) -> int | float:
    if isinstance(value, bool):
        raise TypeError
    text = str(value).strip() if not isinstance(value, int) or abs(value) < 10**15 else ""
    if len(text) > LONGEST_TEXT:
        raise ValueError
    number = Decimal(text)
    if not number.is_finite() or abs(number) >= Decimal(10) ** 15:
        raise ValueError
    return int(number) if number == number.to_integral_value() else float(number)


def _date(value: Any) -> str:
    return date.fromisoformat(str(value).strip()).isoformat()


def _days(value: Any) -> int:
    days = _number(value)
    if not isinstance(days, int) or not 0 < days <= MOST_DAYS:
        raise ValueError
    return days


def _key(value: Any) -> int:
    key = None if isinstance(value, bool) else numbers.key(value)
    if not key:
        raise ValueError
    return key


VALUES: dict[str, Callable[[Any], Any]] = {
    "text": _text,
    "texts": _texts,
    "number": _number,
    "date": _date,
    "days": _days,
    AUDIENCE: _key,
    SERVICE: _key,
}
EXPECTED: dict[str, str | Promise] = {
    "text": _("a text"),
    "texts": _("a list of texts"),
    "number": _("a number"),
    "date": _("a date such as 2026-12-31"),
    "days": _("a number of days"),
    AUDIENCE: _("the number of an audience"),
    SERVICE: _("the number of a service"),
}
