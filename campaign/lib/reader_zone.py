"""The time zone of whoever reads: each moment is shown in it, and in the object's own beside that where they differ.

It is known once a person chose one or their browser said it; until then moments are shown as their object has them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime, tzinfo
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language

SHAPE, SHAPE_OF_LOGS = "j M Y, H:i", "j M Y, H:i:s"
_known: ContextVar[ZoneInfo | None] = ContextVar("reader_zone", default=None)


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones() - {"localtime"})  # which is no zone, and unknown to PostgreSQL


@cache
def names() -> list[str]:
    """All zones there are, by their names in order; looked for once, as that reads hundreds of files."""
    return sorted(_names())


def named(name: str) -> ZoneInfo | None:
    """The zone of this name; None where there is none, whatever was sent."""
    return ZoneInfo(name) if name in _names() else None


@contextmanager
def unknown() -> Iterator[None]:
    """In this block nobody's zone is known until `read_in` says one; afterwards it is as before."""
    token = _known.set(None)
    try:
        with timezone.override(None):
            yield
    finally:
        _known.reset(token)


def read_in(name: str) -> None:
    """Show moments in this zone, to the end of the block of `unknown`; a name of no zone changes nothing."""
    if zone := named(name):
        _known.set(zone)
        timezone.activate(zone)


def known() -> ZoneInfo | None:
    """The reader's zone, if it is known."""
    return _known.get()


def beside(moment: datetime, own: tzinfo) -> ZoneInfo | None:
    """The reader's zone, where its clocks show another time at that moment than those of the zone `own`."""
    reader = known()
    if reader is None or moment.astimezone(reader).utcoffset() == moment.astimezone(own).utcoffset():
        return None
    return reader


def name_of(zone: tzinfo) -> str:
    """The zone's name as people read it: America/Sao Paulo."""
    return str(zone).replace("_", " ")


def in_words(moment: datetime, own: tzinfo, *, shape: str = SHAPE) -> str:
    """A moment as plain text: 12 Nov 2026, 17:00 Europe/Lisbon (14:00 America/Sao Paulo), or in `own` alone."""
    reader = beside(moment, own)
    there = f"{written(moment, own, shape)} {name_of(own)}"
    if reader is None:
        return there
    if moment.astimezone(reader).date() == moment.astimezone(own).date():
        there = f"{written(moment, own, shape.rpartition(', ')[2])} {name_of(own)}"
    return f"{written(moment, reader, shape)} {name_of(reader)} ({there})"


def written(moment: datetime, zone: tzinfo, shape: str = SHAPE) -> str:
    """A moment in a zone, as the reader's language writes it: 12 Nov 2026, 14:00 or 12/11/2026, 14:00."""
    local = moment.astimezone(zone).replace(microsecond=0, tzinfo=None)
    return _written(local, shape, get_language() or "")


@lru_cache(maxsize=4_096)  # rows of a log stand in the order of time: many have the second of the row before
def _written(local: datetime, shape: str, _language: str) -> str:
    return date_format(local, localised(shape))


_SMALL = frozenset({"pt-br"})  # Django has its months and weekdays as headings have them
# Short dates are numbers there, and long ones join day, month and year by a word.
_ELSEWHERE = {
    "pt-br": (
        ("j M Y", "d/m/Y"), ("j M", "d/m"), ("j F Y", r"j \d\e F \d\e Y"), ("j F", r"j \d\e F"),
    )
}  # fmt: skip


def spelled(day: date, shape: str) -> str:
    """A day with its month or weekday as a word, by its shape in English; small where the language has them small."""
    text = date_format(day, localised(shape))
    return text[:1] + text[1:].lower() if (get_language() or "") in _SMALL else text


def localised(english: str) -> str:
    """The shape of a date in the reader's language, by its shape in English."""
    for here, there in _ELSEWHERE.get(get_language() or "", ()):
        if here in english:
            return english.replace(here, there)
    return english
