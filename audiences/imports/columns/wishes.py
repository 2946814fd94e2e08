"""What the cells of a consent column say: out, no, in, bounced, complained, or nothing that can be understood.

Where a cell is in doubt it says UNCLEAR, and whoever it is about is held until a person decides. An empty cell of an
opt-out column says nothing; an empty cell of an opt-in column says no.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from audiences.imports.columns import words
from audiences.models import ConsentEvent

Channel = ConsentEvent.Channel


class Asks(StrEnum):
    """What a consent column is about."""

    OUT = "out"  # yes: nothing more is wanted
    IN = "in"  # yes: mail is wanted
    STATUS = "status"  # subscribed, unsubscribed, cleaned …
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    WHY_OUT = "why_out"  # a reason, a campaign: whatever stands there, somebody has left
    GIVEN_AT = "given_at"  # when a consent was given
    SOURCE = "source"  # where it was given
    WORDS = "words"  # to what
    TRACK = "track"  # yes: opens and clicks may be measured
    TRACK_OPENS = "track_opens"
    TRACK_CLICKS = "track_clicks"
    NO_TRACKING = "no_tracking"  # yes: neither may


class Says(StrEnum):
    """What one cell says. NOTHING changes nothing, NO is no opt-out."""

    NOTHING = ""
    NO = "no"
    OUT = "opted_out"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    UNCLEAR = "unclear"


@dataclass(slots=True)
class Wish:
    """A column that says what people wish. `blank_is_doubt`: an empty cell leaves open what others have said."""

    position: int
    header: str
    asks: Asks
    channel: str = Channel.EMAIL
    blank_is_doubt: bool = False

    @property
    def name(self) -> str:
        """What people are told that the column is."""
        return _NAMES.get((self.asks, self.channel)) or _NAMES[self.asks, Channel.EMAIL]


_NAMES: dict[tuple[Asks, str], str] = {
    (Asks.OUT, Channel.EMAIL): "no_email",
    (Asks.OUT, Channel.SMS): "no_sms",
    (Asks.OUT, Channel.ANY): "no_contact",
    (Asks.IN, Channel.EMAIL): "email_consent",
    (Asks.IN, Channel.SMS): "sms_consent",
    (Asks.STATUS, Channel.EMAIL): "subscription_status",
    (Asks.BOUNCED, Channel.EMAIL): "bounced",
    (Asks.COMPLAINED, Channel.EMAIL): "complained",
    (Asks.WHY_OUT, Channel.EMAIL): "opt_out_reason",
    (Asks.GIVEN_AT, Channel.EMAIL): "consent_at",
    (Asks.SOURCE, Channel.EMAIL): "consent_source",
    (Asks.WORDS, Channel.EMAIL): "consent_words",
    (Asks.TRACK, Channel.EMAIL): "tracking_consent",
    (Asks.TRACK_OPENS, Channel.EMAIL): "track_opens",
    (Asks.TRACK_CLICKS, Channel.EMAIL): "track_clicks",
    (Asks.NO_TRACKING, Channel.EMAIL): "no_tracking",
}
# Of a column about tracking, the columns of the profile that it speaks of.
OF_TRACKING: dict[Asks, tuple[str, ...]] = {
    Asks.TRACK: ("track_opens", "track_clicks"),
    Asks.TRACK_OPENS: ("track_opens",),
    Asks.TRACK_CLICKS: ("track_clicks",),
    Asks.NO_TRACKING: ("track_opens", "track_clicks"),
}

# The same the other way round, for who chooses what a column is.
OF_NAME = {name: key for key, name in _NAMES.items()}

KEPT = {Asks.GIVEN_AT: "consent_at", Asks.SOURCE: "consent_source", Asks.WORDS: "consent_words"}

_NUMBER = re.compile(r"[+-]?\d{1,15}(?:[.,]\d{1,9})?").fullmatch
_FIRST_SERIAL, _LAST_SERIAL = 20_000, 80_000  # a day in a spreadsheet's own count: 1954 to 2119
_FIRST_SECOND, _LAST_SECOND = 10**8, 10**10  # a moment in seconds since 1970, from 1973 on
_NO_DATE = re.compile(r"0{4}[-/.]0?0[-/.]0?0.*|0?0[-/.]0?0[-/.]0{4}.*").fullmatch
_DATE = re.compile(
    r"(?:[a-z]{2,9}\.?,? )?"  # a weekday
    r"(?:[12]\d{3}([-/.])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12]\d|3[01])"
    r"|(?:0?[1-9]|[12]\d|3[01])([-/. ])(?:0?[1-9]|[12]\d|3[01])\2(?:[12]\d)?\d\d"
    r"|(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th|\.|o|º)?[- /]*(?:de |of )?(?P<month>[^\W\d_]{3,10})\.?,?"
    r"[- /]*(?:de |of )?(?:[12]\d)?\d\d"
    r"|(?P<first>[^\W\d_]{3,10})\.? (?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?,? [12]\d{3}"
    r"|[12]\d{3}[-/.](?:0?[1-9]|1[0-2])|(?:0?[1-9]|1[0-2])[-/.][12]\d{3}"
    r"|[12]\d{3}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))"
    r"(?:[t ,]+(?:at |às? |as |um )?\d{1,2}[:h.]\d\d.{0,30}|[t ]\d{1,2}h)?"
).fullmatch
_MONTHS = frozenset(
    "jan feb fev mar apr abr avr may mai mag maj jun giu jul lug ago aug aou sep set oct out okt ott nov dec dez dic"
    " ene fév déc aoû mär gen".split()
)

_TICKED = frozenset("✓✔☑✅●■⬛🗹👍")
_CROSSED = frozenset("✗✘☒×❌❎✖")
_UNTICKED = frozenset("☐□○⬜▢")
_SIGNS = frozenset("*+#!")


def is_date(cell: str) -> bool:
    """Whether a cell is a day or a moment, in whatever way tools write it."""
    text = cell.casefold()
    if found := _DATE(text):
        month = found["month"] or found["first"]
        return month is None or month[:3] in _MONTHS
    if number := _NUMBER(text):
        value = float(number[0].replace(",", "."))
        whole = value / 1000 if value >= _LAST_SECOND else value
        return _FIRST_SERIAL <= value < _LAST_SERIAL or _FIRST_SECOND <= whole < _LAST_SECOND
    return False


@lru_cache(100_000)
def said(asks: Asks, cell: str) -> Says:
    """What a cell of such a column says; the blank cells of a status are the column's matter."""
    text = _bare(cell)
    if text in words.NULLS or _NO_DATE(text):
        return Says.OUT if asks == Asks.IN else Says.NOTHING
    return _READERS[asks](text)


def _bare(cell: str) -> str:
    """The cell without the selector that makes a sign an emoji, and without blanks and quotation marks around it."""
    return cell.replace("\ufe0f", "").strip().strip("\"'“”‘’").strip()


def _out(text: str) -> Says:
    yes = _yes(text)
    if yes is not None:
        return Says.OUT if yes else Says.NO
    if text in _CROSSED or text in _SIGNS or is_date(text):
        return Says.OUT
    meant = words.meaning(text)
    return _OF_MEANING.get(meant, Says.UNCLEAR) if meant != words.PENDING else Says.UNCLEAR


def _in(text: str) -> Says:
    yes = _yes(text)
    if yes is not None:
        return Says.NO if yes else Says.OUT
    if text in _CROSSED and text != "☒":
        return Says.OUT
    if is_date(text):
        return Says.NO
    if words.is_denied(text):
        return Says.OUT
    return _OF_MEANING.get(words.meaning(text), Says.UNCLEAR)


def _status(text: str) -> Says:
    if not _NUMBER(text) and (yes := _yes(text)) is not None:
        return Says.NO if yes else Says.OUT
    return _OF_MEANING.get(words.meaning(text), Says.UNCLEAR)


def _counted(told: Says) -> Callable[[str], Says]:
    """The reader of a column about bounces or complaints: a yes, a day, a word for it, or a number above 0."""

    def read(text: str) -> Says:
        if number := _NUMBER(text):
            value = float(number[0].replace(",", "."))
            return told if value > 0 else Says.NOTHING if value == 0 else Says.UNCLEAR
        found = _out(text)
        return told if found == Says.OUT else Says.NOTHING if found == Says.NO else found

    return read


def _why_out(text: str) -> Says:
    yes = _yes(text)
    return Says.NOTHING if yes is False else Says.OUT


def _silent(_text: str) -> Says:
    return Says.NOTHING


_OF_MEANING = {
    words.LEFT: Says.OUT,
    words.WANTS: Says.NO,
    words.BOUNCED: Says.BOUNCED,
    words.COMPLAINED: Says.COMPLAINED,
    words.PENDING: Says.UNCLEAR,
}

_READERS: dict[Asks, Callable[[str], Says]] = {
    Asks.OUT: _out,
    Asks.IN: _in,
    Asks.STATUS: _status,
    Asks.BOUNCED: _counted(Says.BOUNCED),
    Asks.COMPLAINED: _counted(Says.COMPLAINED),
    Asks.WHY_OUT: _why_out,
    Asks.GIVEN_AT: _silent,
    Asks.SOURCE: _silent,
    Asks.WORDS: _silent,
    Asks.TRACK: _in,
    Asks.TRACK_OPENS: _in,
    Asks.TRACK_CLICKS: _in,
    Asks.NO_TRACKING: _out,
}


def _yes(text: str) -> bool | None:
    """Yes, no, or None: neither. A number is yes at 1 and no at 0."""
    if number := _NUMBER(text):
        value = float(number[0].replace(",", "."))
        return value == 1 if value in (0, 1) else None
    if text in _TICKED:
        return True
    if text in _UNTICKED:
        return False
    return words.yes_or_no(text)


def is_blank(cell: str) -> bool:
    """Whether nothing is said at all."""
    return _bare(cell) in words.NULLS
