"""Values of profiles as templates see them."""

import re
from datetime import date, datetime
from typing import Any

_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]+")


def plain(value: Any, kind: str) -> str | int | float | bool:
    """Return a value of this kind as templates see it: text, number or yes-no, and the empty text for none."""
    if value is None or value == "":
        return ""
    if kind == "number":
        return _number(value)
    if kind == "yes_no":
        return value if isinstance(value, bool) else str(value).strip().lower() in ("yes", "true", "1", "sim")
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return clean(str(value))


def _number(value: Any) -> int | float | str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        try:
            value = float(str(value))
        except ValueError:
            return clean(str(value))
    return int(value) if value == value and abs(value) < 2**53 and value == int(value) else value


def clean(text: str) -> str:
    """Return one line of text that UTF-8 can carry: whatever breaks lines or is no character becomes a space."""
    # What is unfit is not printable either, and that is faster to see.
    return text if text.isprintable() else _UNFIT.sub(" ", text)
